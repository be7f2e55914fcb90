//! Following a path through a document.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Missing, Query, Step};
use crate::expression::{Budget, SPENT};

/// A filter that has used up the budget passes nothing: what was found then is not all there is.
pub(super) fn find<'v>(
    query: &Query,
    root: &'v Value,
    budget: &Budget,
) -> Result<Cow<'v, Value>, Missing> {
    let found = found(query, root, budget);
    if budget.is_spent() { Err(too_much()) } else { found }
}

fn found<'v>(query: &Query, root: &'v Value, budget: &Budget) -> Result<Cow<'v, Value>, Missing> {
    let found = if query.definite { Some(definite(query, root, budget)?) } else { None };
    match (&query.function, found) {
        (None, Some(value)) => Ok(value),
        (Some(function), Some(value)) => function.apply(&value, root, budget).map(Cow::Owned),
        (function, None) => {
            let mut walk = Walk { root, found: Vec::new(), budget };
            walk.follow(&query.steps, root, true, "$")?;
            let values: Vec<Value> = walk.found.into_iter().map(Cow::into_owned).collect();
            match function {
                None => Ok(Cow::Owned(Value::Array(values))),
                Some(function) if function.gathers() && query.steps.contains(&Step::Scan) => {
                    function.apply(&Value::Array(values), root, budget).map(Cow::Owned)
                }
                Some(function) => values
                    .iter()
                    .map(|value| function.apply(value, root, budget))
                    .collect::<Result<Value, Missing>>()
                    .map(Cow::Owned),
            }
        }
    }
}

/// The one value that names and indexes lead to.
fn definite<'v>(
    query: &Query,
    root: &'v Value,
    budget: &Budget,
) -> Result<Cow<'v, Value>, Missing> {
    let mut value = root;
    for (place, step) in query.steps.iter().enumerate() {
        let path = || path_text(&query.steps[..place]);
        let last = place + 1 == query.steps.len();
        match step {
            Step::Name(name) => {
                let Value::Object(members) = value else {
                    return Err(not_an_object(step, &path(), value));
                };
                value = members.get(name).ok_or_else(|| {
                    Missing(if last {
                        format!("No results for path: {}{step}", path())
                    } else {
                        format!("Missing property in path {}{step}", path())
                    })
                })?;
            }
            Step::Names(names) => {
                let Value::Object(members) = value else {
                    return Err(not_an_object(step, &path(), value));
                };
                return Ok(Cow::Owned(merged(members, names)));
            }
            Step::Index(index) => {
                let Value::Array(items) = value else {
                    return Err(not_an_array(step, &path(), value, budget));
                };
                value = element(items, *index)
                    .ok_or_else(|| Missing(format!("No results for path: {query}")))?;
            }
            _ => return Err(Missing(format!("No results for path: {query}"))),
        }
    }
    Ok(Cow::Borrowed(value))
}

/// To look at a value costs more than a step of an expression.
const VISIT: u64 = 4;

struct Walk<'v, 'b> {
    root: &'v Value,
    found: Vec<Cow<'v, Value>>,
    budget: &'b Budget,
}

fn too_much() -> Missing {
    Missing(SPENT.to_owned())
}

impl<'v> Walk<'v, '_> {
    /// `definite`: whether all steps so far were; then a step that does not fit is an error, as in Jayway.
    fn follow(
        &mut self,
        steps: &[Step],
        value: &'v Value,
        definite: bool,
        path: &str,
    ) -> Result<(), Missing> {
        if !self.budget.steps(VISIT) {
            return Err(too_much());
        }
        let Some((step, rest)) = steps.split_first() else {
            self.found.push(Cow::Borrowed(value));
            // All that is found is copied in the end.
            return if self.budget.hold(value) { Ok(()) } else { Err(too_much()) };
        };
        match step {
            Step::Name(name) => match value {
                Value::Object(members) => match members.get(name) {
                    // Only the failures of definite paths tell the way.
                    Some(member) if definite => {
                        self.follow(rest, member, definite, &format!("{path}{step}"))
                    }
                    Some(member) => self.follow(rest, member, definite, path),
                    None if definite && !rest.is_empty() => {
                        Err(Missing(format!("Missing property in path {path}{step}")))
                    }
                    None => Ok(()),
                },
                other if definite => Err(not_an_object(step, path, other)),
                _ => Ok(()),
            },
            Step::Names(names) => match value {
                Value::Object(members) if rest.is_empty() => {
                    let merged = merged(members, names);
                    let fits = self.budget.hold(&merged);
                    self.found.push(Cow::Owned(merged));
                    if fits { Ok(()) } else { Err(too_much()) }
                }
                Value::Object(members) => {
                    for member in names.iter().filter_map(|name| members.get(name)) {
                        self.follow(rest, member, false, path)?;
                    }
                    Ok(())
                }
                other if definite => Err(not_an_object(step, path, other)),
                _ => Ok(()),
            },
            Step::Index(index) => {
                self.elements(std::slice::from_ref(index), step, rest, value, definite, path)
            }
            Step::Indexes(indexes) => self.elements(indexes, step, rest, value, definite, path),
            Step::Slice(from, to) => {
                let length = value.as_array().map_or(0, Vec::len) as i64;
                let indexes: Vec<i64> = match (from, to) {
                    (None, None) => (0..length).collect(),
                    (Some(from), None) => {
                        let from = if *from < 0 { length + from } else { *from };
                        (from.max(0)..length).collect()
                    }
                    (None, Some(to)) => {
                        let to = if *to < 0 { length + to } else { *to };
                        (0..to.min(length)).collect()
                    }
                    (Some(from), Some(to)) => ((*from).max(-length)..(*to).min(length)).collect(),
                };
                self.elements(&indexes, step, rest, value, definite, path)
            }
            Step::Wildcard => {
                match value {
                    Value::Object(members) => {
                        for member in members.values() {
                            self.follow(rest, member, false, path)?;
                        }
                    }
                    Value::Array(items) => {
                        for item in items {
                            self.follow(rest, item, false, path)?;
                        }
                    }
                    _ => {}
                }
                Ok(())
            }
            Step::Filter(filter) => {
                match value {
                    Value::Array(items) => {
                        for item in items {
                            if filter.passes(item, self.root, self.budget) {
                                self.follow(rest, item, false, path)?;
                            }
                        }
                    }
                    Value::Object(_) if filter.passes(value, self.root, self.budget) => {
                        self.follow(rest, value, false, path)?;
                    }
                    Value::Object(_) => {}
                    other if definite => {
                        if !self.budget.hold(other) {
                            return Err(too_much());
                        }
                        return Err(Missing(format!(
                            "Filter: {step} can not be applied to primitives. Current context is: {other}"
                        )));
                    }
                    _ => {}
                }
                Ok(())
            }
            Step::Scan => self.scan(rest, value, path),
        }
    }

    fn elements(
        &mut self,
        indexes: &[i64],
        step: &Step,
        rest: &[Step],
        value: &'v Value,
        definite: bool,
        path: &str,
    ) -> Result<(), Missing> {
        let Value::Array(items) = value else {
            return match definite {
                true => Err(not_an_array(step, path, value, self.budget)),
                false => Ok(()),
            };
        };
        let definite = definite && matches!(step, Step::Index(_));
        for item in indexes.iter().filter_map(|index| element(items, *index)) {
            if definite {
                self.follow(rest, item, definite, &format!("{path}{step}"))?;
            } else {
                self.follow(rest, item, definite, path)?;
            }
        }
        Ok(())
    }

    /// Tries the steps on every container, outermost first.
    fn scan(&mut self, steps: &[Step], value: &'v Value, path: &str) -> Result<(), Missing> {
        if !self.budget.steps(VISIT) {
            return Err(too_much());
        }
        match value {
            Value::Object(members) => {
                let fits = !matches!(
                    steps.first(),
                    Some(Step::Index(_) | Step::Indexes(_) | Step::Slice(..))
                );
                if fits {
                    self.follow(steps, value, false, path)?;
                }
                for member in members.values() {
                    self.scan(steps, member, path)?;
                }
            }
            Value::Array(items) => {
                if !matches!(steps.first(), Some(Step::Name(_) | Step::Names(_))) {
                    self.follow(steps, value, false, path)?;
                }
                for item in items {
                    self.scan(steps, item, path)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn element(items: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 { items.len() as i64 + index } else { index };
    items.get(usize::try_from(index).ok()?)
}

fn merged(members: &Map<String, Value>, names: &[String]) -> Value {
    names
        .iter()
        .filter_map(|name| members.get(name).map(|member| (name.clone(), member.clone())))
        .collect()
}

fn path_text(steps: &[Step]) -> String {
    let mut text = String::from("$");
    for step in steps {
        text.push_str(&step.to_string());
    }
    text
}

fn not_an_object(step: &Step, path: &str, value: &Value) -> Missing {
    Missing(format!(
        "Expected to find an object with property {step} in path {path} but found '{}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        java_class(value)
    ))
}

fn not_an_array(step: &Step, path: &str, value: &Value, budget: &Budget) -> Missing {
    // The value is in the text, and a filter may ask for it once for each of many elements.
    if !budget.hold(value) {
        return too_much();
    }
    Missing(match value {
        Value::Null => format!("The path {path} is null"),
        _ => format!("Filter: {step} can only be applied to arrays. Current context is: {value}"),
    })
}

/// The class that AWS's JSON library has for the value; its messages name it.
fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) => match number.as_i64() {
            Some(small) if i32::try_from(small).is_ok() => "java.lang.Integer",
            Some(_) => "java.lang.Long",
            None => "java.math.BigInteger",
        },
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}
