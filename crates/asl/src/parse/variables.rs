//! Variables: which states read them, and names that an inner scope may not assign.

use std::collections::{BTreeSet, HashSet};

use indexmap::IndexMap;

use crate::definition::{
    Body, Condition, Definition, Flow, Kind, Operand, QueryLanguage, Selection, Setting, State,
    Text, Wait,
};
use crate::expression::{Jsonata, Path, Root, Template};
use crate::validate::{Diagnostic, Severity};

impl Definition {
    /// For each state that reads variables, nested ones included: their names, sorted.
    pub fn variable_references(&self) -> IndexMap<String, Vec<String>> {
        let mut found = IndexMap::new();
        references_of(&self.body, &mut found);
        found
    }
}

fn references_of(body: &Body, found: &mut IndexMap<String, Vec<String>>) {
    for (name, state) in &body.states {
        let names = read_by(state);
        if !names.is_empty() {
            found.insert(name.to_string(), names.into_iter().collect());
        }
        for inner in bodies(state) {
            references_of(inner, found);
        }
    }
}

fn bodies(state: &State) -> Vec<&Body> {
    match &state.kind {
        Kind::Parallel(parallel) => parallel.branches.iter().map(|branch| &**branch).collect(),
        Kind::Map(map) => vec![&map.processor],
        _ => Vec::new(),
    }
}

/// Collects names from everything in a state that is evaluated.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn path(&mut self, path: &Path) {
        if let Root::Variable(name) = path.root() {
            self.0.insert(name.clone());
        }
    }

    fn jsonata(&mut self, expression: &Jsonata) {
        self.0.extend(expression.references().variables.iter().cloned());
    }

    fn template(&mut self, template: &Option<Template>) {
        let (mut paths, mut expressions) = (Vec::new(), Vec::new());
        if let Some(template) = template {
            template.references(&mut paths, &mut expressions);
        }
        paths.into_iter().for_each(|path| self.path(path));
        expressions.into_iter().for_each(|expression| self.jsonata(expression));
    }

    fn selection(&mut self, selection: &Selection) {
        if let Selection::Path(path) = selection {
            self.path(path);
        }
    }

    fn setting<T>(&mut self, setting: &Option<Setting<T>>) {
        match setting {
            Some(Setting::Path(path)) => self.path(path),
            Some(Setting::Jsonata(expression)) => self.jsonata(expression),
            Some(Setting::Literal(_)) | None => {}
        }
    }

    fn text(&mut self, text: &Option<Text>) {
        match text {
            Some(Text::Jsonata(expression)) => self.jsonata(expression),
            Some(Text::Template(template)) => {
                let (mut paths, mut expressions) = (Vec::new(), Vec::new());
                template.references(&mut paths, &mut expressions);
                paths.into_iter().for_each(|path| self.path(path));
            }
            Some(Text::Literal(_)) | None => {}
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Jsonata(expression) => self.jsonata(expression),
            Condition::And(inner) | Condition::Or(inner) => {
                inner.iter().for_each(|inner| self.condition(inner));
            }
            Condition::Not(inner) => self.condition(inner),
            Condition::Compare { variable, operand, .. } => {
                self.path(variable);
                if let Operand::Path(path) = operand {
                    self.path(path);
                }
            }
        }
    }
}

fn read_by(state: &State) -> BTreeSet<String> {
    let mut names = Names::default();
    match &state.flow {
        Flow::JsonPath(flow) => {
            names.selection(&flow.input_path);
            names.template(&flow.parameters);
            names.template(&flow.result_selector);
            names.selection(&flow.output_path);
        }
        Flow::Jsonata { arguments, output } => {
            names.template(arguments);
            names.template(output);
        }
    }
    names.template(&state.assign);
    match &state.kind {
        Kind::Pass(_) | Kind::Succeed | Kind::Parallel(_) => {}
        Kind::Task(task) => {
            names.setting(&task.timeout_seconds);
            names.setting(&task.heartbeat_seconds);
            names.template(&task.credentials);
        }
        Kind::Choice(choice) => {
            for rule in &choice.rules {
                names.condition(&rule.condition);
                names.template(&rule.assign);
                names.template(&rule.output);
            }
        }
        Kind::Wait(Wait::Seconds(Setting::Path(path)) | Wait::Timestamp(Setting::Path(path))) => {
            names.path(path);
        }
        Kind::Wait(
            Wait::Seconds(Setting::Jsonata(expression))
            | Wait::Timestamp(Setting::Jsonata(expression)),
        ) => names.jsonata(expression),
        Kind::Wait(_) => {}
        Kind::Fail(fail) => {
            names.text(&fail.error);
            names.text(&fail.cause);
        }
        Kind::Map(map) => {
            if let Some(path) = &map.items_path {
                names.path(path);
            }
            names.template(&map.items);
            names.template(&map.item_selector);
            names.setting(&map.max_concurrency);
            names.setting(&map.tolerated_failure_count);
            names.setting(&map.tolerated_failure_percentage);
            if let Some(distributed) = &map.distributed {
                if let Some(reader) = &distributed.item_reader {
                    names.template(&reader.parameters);
                    names.setting(&reader.max_items);
                }
                if let Some(batcher) = &distributed.item_batcher {
                    names.setting(&batcher.max_items);
                    names.setting(&batcher.max_input_bytes);
                    names.template(&batcher.batch_input);
                }
                if let Some(writer) = &distributed.result_writer {
                    names.template(&writer.parameters);
                }
            }
        }
    }
    for catcher in state.kind.catchers() {
        names.template(&catcher.assign);
        names.template(&catcher.output);
    }
    names.0
}

/// An inner scope may not assign a name that a scope around it assigns. A Distributed Map's children
/// see nothing of their parent, so theirs is a scope of its own.
pub(super) fn check(definition: &Definition, diagnostics: &mut Vec<Diagnostic>) {
    scope(&definition.body, &HashSet::new(), "", diagnostics);
}

fn scope(body: &Body, outer: &HashSet<String>, at: &str, diagnostics: &mut Vec<Diagnostic>) {
    let mut own: HashSet<String> = outer.clone();
    for (name, state) in &body.states {
        for (variable, place) in assigned_by(state) {
            if outer.contains(&variable) {
                diagnostics.push(Diagnostic {
                    severity: Severity::Error,
                    code: "DUPLICATE_VARIABLE_NAME",
                    message: format!(
                        "The variable name '{variable}' was already defined in a parent scope."
                    ),
                    location: Some(format!("{at}/States/{name}/{place}")),
                });
            }
            own.insert(variable);
        }
    }
    for (name, state) in &body.states {
        match &state.kind {
            Kind::Parallel(parallel) => {
                for (index, branch) in parallel.branches.iter().enumerate() {
                    let at = format!("{at}/States/{name}/Branches[{index}]");
                    scope(branch, &own, &at, diagnostics);
                }
            }
            Kind::Map(map) => {
                let at = format!("{at}/States/{name}/ItemProcessor");
                let nothing = HashSet::new();
                let outer = if map.distributed.is_some() { &nothing } else { &own };
                scope(&map.processor, outer, &at, diagnostics);
            }
            _ => {}
        }
    }
}

/// The names that a state's `Assign`s have, with where they stand.
fn assigned_by(state: &State) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut names = |template: &Option<Template>, place: String| {
        let members = template.as_ref().and_then(|template| template.source().as_object());
        for name in members.into_iter().flat_map(|members| members.keys()) {
            let variable = match state.query_language {
                QueryLanguage::JsonPath => name.strip_suffix(".$").unwrap_or(name),
                QueryLanguage::Jsonata => name,
            };
            found.push((variable.to_owned(), format!("{place}/{name}")));
        }
    };
    names(&state.assign, "Assign".to_owned());
    if let Kind::Choice(choice) = &state.kind {
        for (index, rule) in choice.rules.iter().enumerate() {
            names(&rule.assign, format!("Choices[{index}]/Assign"));
        }
    }
    for (index, catcher) in state.kind.catchers().iter().enumerate() {
        names(&catcher.assign, format!("Catch[{index}]/Assign"));
    }
    found
}
