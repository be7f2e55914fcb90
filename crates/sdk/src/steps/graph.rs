//! From chains to a definition: states placed by name, placeholders made paths, every mistake found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::state::{Kind, State};
use super::{BuildError, Chain};
use crate::inputs::{Found, Root};

/// The definition of a machine that is entered at `chain`, with machine-level fields (`Comment`, …) before its states.
pub(crate) fn machine(chain: &Chain, head: Map<String, Value>) -> Result<Value, BuildError> {
    let mut seen = BTreeSet::new();
    scope(chain, head, None, &mut seen)
}

/// One level of states: the machine itself, a branch, or the inside of a Map.
struct Scope<'a> {
    /// Names taken anywhere in the machine.
    seen: &'a mut BTreeSet<String>,
    states: Map<String, Value>,
    /// From where to where, with whether the data passes unchanged.
    edges: Vec<Edge>,
    /// The steps whose output each state uses.
    uses: Vec<Use>,
}

struct Edge {
    from: String,
    to: String,
    kind: EdgeKind,
}

#[derive(PartialEq)]
enum EdgeKind {
    /// The next state gets this one's result.
    Result,
    /// The next state gets what this one got.
    Unchanged,
    /// The next state gets an error.
    Error,
}

struct Use {
    state: String,
    of: String,
    path: String,
}

fn scope(
    chain: &Chain,
    head: Map<String, Value>,
    inside: Option<&str>,
    seen: &mut BTreeSet<String>,
) -> Result<Value, BuildError> {
    let mut scope = Scope { seen, states: Map::new(), edges: vec![], uses: vec![] };
    scope.place(chain)?;
    let start = match chain.states.first() {
        Some(first) => first.name.clone(),
        None => return Err(BuildError::EmptyChain { inside: inside.map(str::to_owned) }),
    };
    scope.check_targets()?;
    scope.check_uses(&start, inside.is_some())?;
    let mut definition = head;
    definition.insert("StartAt".to_owned(), start.into());
    definition.insert("States".to_owned(), scope.states.into());
    Ok(definition.into())
}

impl Scope<'_> {
    fn place(&mut self, chain: &Chain) -> Result<(), BuildError> {
        if let Some(fault) = chain.faults.first() {
            return Err(fault.clone());
        }
        let mut branches: Vec<&Chain> = vec![];
        for (index, state) in chain.states.iter().enumerate() {
            let next = chain
                .states
                .get(index + 1)
                .map(|state| state.name.as_str())
                .or(chain.target.as_deref());
            let (value, edges, uses) = self.state(state, next)?;
            match self.states.get(&state.name) {
                // The same state reached another way, such as one Fail that several catchers share.
                Some(placed) if *placed == value => {}
                None if self.seen.insert(state.name.clone()) => {
                    self.states.insert(state.name.clone(), value);
                    self.edges.extend(edges);
                    self.uses.extend(uses);
                }
                _ => return Err(BuildError::DuplicateState { name: state.name.clone() }),
            }
            branches.extend(state.choices.iter().map(|(_, chain)| chain));
            branches.extend(&state.default);
            branches.extend(state.catch.iter().map(|catch| &catch.next));
        }
        branches.into_iter().try_for_each(|chain| self.place(chain))
    }

    /// A state as it stands in the definition, its ways on, and the outputs it uses.
    fn state(
        &mut self,
        state: &State,
        next: Option<&str>,
    ) -> Result<(Value, Vec<Edge>, Vec<Use>), BuildError> {
        if let Some(fault) = state.faults.first() {
            return Err(fault.clone());
        }
        let mut paths = Paths { state: &state.name, uses: vec![] };
        let mut value = Map::new();
        value.insert("Type".to_owned(), state.kind.name().into());
        for (field, content) in &state.fields {
            paths.field(field, content, &mut value)?;
        }
        let mut edges = vec![];
        let mut edge = |to: &str, kind| {
            edges.push(Edge { from: state.name.clone(), to: to.to_owned(), kind });
            Value::from(to)
        };
        let entry = |chain: &Chain| match chain.entry() {
            Some(name) => Ok(name.to_owned()),
            None => Err(BuildError::EmptyChain { inside: Some(state.name.clone()) }),
        };

        if !state.choices.is_empty() {
            let mut choices = vec![];
            for (rule, chain) in &state.choices {
                let mut choice = rule.to_value(&mut paths)?;
                choice["Next"] = edge(&entry(chain)?, EdgeKind::Unchanged);
                choices.push(choice);
            }
            value.insert("Choices".to_owned(), choices.into());
        }
        if !state.nested.is_empty() {
            // A state that is met again has its names taken already, by itself.
            let mut again = BTreeSet::new();
            let known = self.states.contains_key(&state.name);
            let seen = if known { &mut again } else { &mut *self.seen };
            let mut scopes = vec![];
            for chain in &state.nested {
                let head = match &state.processor_config {
                    Some(config) => {
                        Map::from_iter([("ProcessorConfig".to_owned(), config.clone())])
                    }
                    None => Map::new(),
                };
                scopes.push(scope(chain, head, Some(&state.name), seen)?);
            }
            match state.kind {
                Kind::Map => value.insert("ItemProcessor".to_owned(), scopes.swap_remove(0)),
                _ => value.insert("Branches".to_owned(), scopes.into()),
            };
        }
        if !state.retry.is_empty() {
            let retry: Vec<Value> =
                state.retry.iter().map(|retry| retry.fields.clone().into()).collect();
            value.insert("Retry".to_owned(), retry.into());
        }
        if !state.catch.is_empty() {
            let mut catchers = vec![];
            for catch in &state.catch {
                if let Some(fault) = &catch.fault {
                    return Err(fault.clone());
                }
                let mut catcher = catch.fields.clone();
                catcher.insert("Next".to_owned(), edge(&entry(&catch.next)?, EdgeKind::Error));
                catchers.push(Value::from(catcher));
            }
            value.insert("Catch".to_owned(), catchers.into());
        }
        match (state.kind, next) {
            (Kind::Succeed | Kind::Fail, _) => {}
            (Kind::Choice, _) => {
                let default = state.default.as_ref().map(entry).transpose()?;
                if let Some(name) = default.as_deref().or(next) {
                    value.insert("Default".to_owned(), edge(name, EdgeKind::Unchanged));
                }
            }
            (kind, Some(next)) => {
                let kind = if kind == Kind::Wait { EdgeKind::Unchanged } else { EdgeKind::Result };
                value.insert("Next".to_owned(), edge(next, kind));
            }
            (_, None) => {
                value.insert("End".to_owned(), true.into());
            }
        }
        Ok((value.into(), edges, paths.uses))
    }

    fn check_targets(&self) -> Result<(), BuildError> {
        match self.edges.iter().find(|edge| !self.states.contains_key(&edge.to)) {
            Some(edge) => {
                Err(BuildError::UnknownTarget { state: edge.from.clone(), target: edge.to.clone() })
            }
            None => Ok(()),
        }
    }

    /// A step's output may be used where it is the input, also through states that pass it on unchanged.
    fn check_uses(&self, start: &str, nested: bool) -> Result<(), BuildError> {
        // The states whose output each state's input can be. `None`: something unknown, such as a Map's item.
        let mut origins: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
        if nested {
            origins.entry(start).or_default().insert(None);
        }
        let mut grew = true;
        while grew {
            grew = false;
            for edge in &self.edges {
                let news = match edge.kind {
                    EdgeKind::Result => BTreeSet::from([Some(edge.from.as_str())]),
                    EdgeKind::Unchanged => {
                        origins.get(edge.from.as_str()).cloned().unwrap_or_default()
                    }
                    EdgeKind::Error => BTreeSet::from([None]),
                };
                let known = origins.entry(&edge.to).or_default();
                let before = known.len();
                known.extend(news);
                grew |= known.len() > before;
            }
        }
        let illegal = self.uses.iter().find(|used| {
            let origins = origins.get(used.state.as_str());
            !origins.is_some_and(|found| {
                found.contains(&None) || found.contains(&Some(used.of.as_str()))
            })
        });
        match illegal {
            Some(Use { state, of, path }) => Err(BuildError::IllegalPlaceholder {
                state: state.clone(),
                of: of.clone(),
                path: path.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// Turns the placeholders of one state into paths.
pub(super) struct Paths<'a> {
    state: &'a str,
    uses: Vec<Use>,
}

impl Paths<'_> {
    /// Writes a field whose value may hold placeholders, under the name that the path's form has.
    fn field(
        &mut self,
        field: &str,
        content: &Value,
        fields: &mut Map<String, Value>,
    ) -> Result<(), BuildError> {
        let Some(found) = Found::in_value(content) else {
            let content = match field {
                "Parameters" | "ResultSelector" | "ItemSelector" | "Arguments" | "Assign"
                | "ItemReader" | "ItemBatcher" | "ResultWriter" | "Credentials" => {
                    self.inside(content, field)?
                }
                _ => {
                    self.refuse_any(content, field)?;
                    content.clone()
                }
            };
            fields.insert(field.to_owned(), content);
            return Ok(());
        };
        let name = match field {
            "InputPath" | "OutputPath" | "ResultPath" | "ItemsPath" => field.to_owned(),
            "TimeoutSeconds"
            | "HeartbeatSeconds"
            | "Seconds"
            | "Timestamp"
            | "MaxConcurrency"
            | "Error"
            | "Cause"
            | "ToleratedFailureCount"
            | "ToleratedFailurePercentage" => format!("{field}Path"),
            _ => {
                return Err(
                    self.misplaced(field, "use `input_path` to make a placeholder the whole input")
                );
            }
        };
        let of_map = ["MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"];
        if of_map.contains(&field) && matches!(found.root, Root::Execution) {
            return Err(self.misplaced(
                field,
                "Step Functions takes it from the step's input alone: use `StepInput`",
            ));
        }
        let path = self.path(found)?;
        fields.insert(name, path.into());
        Ok(())
    }

    fn inside(&mut self, content: &Value, place: &str) -> Result<Value, BuildError> {
        Ok(match content {
            Value::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    let place = format!("{place}.{name}");
                    match Found::in_value(member) {
                        Some(found) => object.insert(format!("{name}.$"), self.path(found)?.into()),
                        None => object.insert(name.clone(), self.inside(member, &place)?),
                    };
                }
                object.into()
            }
            Value::Array(items) => {
                let mut array = vec![];
                for (index, item) in items.iter().enumerate() {
                    let place = format!("{place}[{index}]");
                    if Found::in_value(item).is_some() {
                        return Err(self.misplaced(
                            &place,
                            "make the whole array with the intrinsic States.Array(…)",
                        ));
                    }
                    array.push(self.inside(item, &place)?);
                }
                array.into()
            }
            other => other.clone(),
        })
    }

    fn refuse_any(&self, content: &Value, place: &str) -> Result<(), BuildError> {
        if Found::in_value(content).is_some() {
            return Err(self.misplaced(
                place,
                "only Parameters, ResultSelector and the like take paths inside",
            ));
        }
        match content {
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, member)| self.refuse_any(member, &format!("{place}.{name}"))),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.refuse_any(item, &format!("{place}[{index}]"))),
            _ => Ok(()),
        }
    }

    /// The path of a value that is a placeholder or already a path.
    pub fn text(&mut self, value: &Value) -> Result<Value, BuildError> {
        match Found::in_value(value) {
            Some(found) => Ok(json!(self.path(found)?)),
            None => Ok(value.clone()),
        }
    }

    fn path(&mut self, found: Found) -> Result<String, BuildError> {
        if let Some(reason) = found.fault {
            return Err(BuildError::NotInSchema { state: self.state.to_owned(), reason });
        }
        if let Root::Step(Some(of)) = found.root {
            self.uses.push(Use { state: self.state.to_owned(), of, path: found.path.clone() });
        }
        Ok(found.path)
    }

    fn misplaced(&self, place: &str, hint: &'static str) -> BuildError {
        BuildError::MisplacedPlaceholder {
            state: self.state.to_owned(),
            place: place.to_owned(),
            hint,
        }
    }
}
