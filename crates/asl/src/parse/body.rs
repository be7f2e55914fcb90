//! `StartAt` and `States`, and the graph that they make.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::Reader;
use super::fields::Object;
use crate::definition::{Body, Kind, State};
use crate::event::Name;
use crate::validate::{Diagnostic, Severity};

impl Reader {
    /// `StartAt` and `States` of a state machine, a branch or a processor.
    pub(super) fn body(&mut self, object: &Object) -> Option<Body> {
        self.required(object, &["States", "StartAt"]);
        let start_at = self.text(object, "StartAt");
        let states = self.object(object, "States")?;
        if states.members.is_empty() {
            self.schema("Value cannot be empty", states.at.clone());
            return None;
        }
        let mut complete = true;
        let mut found: IndexMap<Name, Arc<State>> = IndexMap::new();
        for (name, value) in states.members {
            let at = states.place(name);
            self.state_name(name, &at);
            let Value::Object(members) = value else {
                self.schema("Expected value of type [OBJECT]", at);
                complete = false;
                continue;
            };
            match self.state(name, &Object { members, at }) {
                Some(state) => {
                    found.insert(Arc::clone(&state.name), Arc::new(state));
                }
                None => complete = false,
            }
        }
        let start_at = start_at?;
        // A state that could not be read hides where it leads: say nothing about the graph then.
        let alone = self.isolated && object.at.is_empty();
        if complete && !alone {
            self.graph(start_at, &found, object);
        }
        complete.then(|| Body { start_at: start_at.into(), states: found })
    }

    fn state_name(&mut self, name: &str, at: &str) {
        let most = self.options.limits.state_name_characters_max;
        if name.is_empty() {
            self.error("INVALID_STATE_NAME", "The state name must not be empty", at);
        } else if name.chars().count() > most {
            self.error(
                "INVALID_STATE_NAME",
                format!("The state name '{name}' exceeds the {most}-character limit allowed by the service"),
                at,
            );
        }
        if !self.names.insert(name.to_owned()) {
            self.error("DUPLICATE_STATE_NAME", format!("Duplicate State name: {name}"), at);
        }
    }

    /// Every transition leads to a state of the same body, some state ends, every state can be reached.
    fn graph(&mut self, start_at: &str, states: &IndexMap<Name, Arc<State>>, object: &Object) {
        if !states.contains_key(start_at) {
            self.missing_target(start_at, object.place("StartAt"));
        }
        let mut ends = false;
        for (name, state) in states {
            let targets = targets(state);
            ends |= match &state.kind {
                Kind::Succeed | Kind::Fail(_) => true,
                Kind::Choice(_) => false,
                _ => state.next.is_none(),
            };
            for (target, field) in targets {
                if !states.contains_key(&target) {
                    self.missing_target(&target, format!("{}/States/{name}/{field}", object.at));
                }
            }
        }
        if !ends {
            self.diagnostics.push(Diagnostic {
                severity: Severity::Error,
                code: "MISSING_END_STATE",
                message: "Workflow has no terminal state".to_owned(),
                location: None,
            });
            return;
        }
        let mut reached: HashSet<&str> = HashSet::new();
        let mut open: Vec<Name> = vec![start_at.into()];
        while let Some(name) = open.pop() {
            let Some((name, state)) = states.get_key_value(&name) else { continue };
            if reached.insert(name) {
                open.extend(targets(state).into_iter().map(|(target, _)| target));
            }
        }
        for name in states.keys() {
            if !reached.contains(&**name) {
                self.error(
                    "MISSING_TRANSITION_TARGET",
                    format!("State \"{name}\" is not reachable."),
                    format!("{}/States/{name}", object.at),
                );
            }
        }
    }

    fn missing_target(&mut self, target: &str, location: String) {
        self.error(
            "MISSING_TRANSITION_TARGET",
            format!("Missing 'Next' target: {target}"),
            location,
        );
    }
}

/// Where a state may lead, and the field that says so.
fn targets(state: &State) -> Vec<(Name, String)> {
    let mut targets: Vec<(Name, String)> = Vec::new();
    if let Some(next) = &state.next {
        targets.push((next.clone(), "Next".to_owned()));
    }
    if let Kind::Choice(choice) = &state.kind {
        for (index, rule) in choice.rules.iter().enumerate() {
            targets.push((rule.next.clone(), format!("Choices[{index}]/Next")));
        }
        if let Some(default) = &choice.default {
            targets.push((default.clone(), "Default".to_owned()));
        }
    }
    for (index, catcher) in state.kind.catchers().iter().enumerate() {
        targets.push((catcher.next.clone(), format!("Catch[{index}]/Next")));
    }
    targets
}
