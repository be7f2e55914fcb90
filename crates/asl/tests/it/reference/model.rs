//! The States Language as its documentation tells it: one function that walks the JSON of a definition and calls
//! itself for branches and items. No events, no frames, no triggers; time is an argument. What it does not know is
//! not generated.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::jsonata;

/// How a task is answered: when, and with what.
pub struct Reply {
    pub after_millis: i64,
    pub result: Result<Value, (String, String)>,
}

/// What a line of control comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Output(Value),
    Failed(Failure),
    /// `States.Runtime`, which nothing handles. Its text is not the model's business.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub error: Option<String>,
    pub cause: Option<String>,
    /// What `ErrorEquals` is compared with, where it is not the error.
    name: Option<&'static str>,
}

/// The model, for one execution.
pub struct Model<'a> {
    pub input: &'a Value,
    pub answer: fn(&str, &Value) -> Reply,
    /// Two things happened at the same time, or something whose text is unknown: the outcome is open.
    pub open: Cell<bool>,
    pub jsonata: bool,
}

/// Variables and the item of a line of control.
#[derive(Clone, Copy)]
pub struct Frame<'f> {
    variables: &'f BTreeMap<String, Value>,
    outer: Option<&'f Frame<'f>>,
    item: Option<(usize, &'f Value)>,
}

impl<'f> Frame<'f> {
    fn variable(&self, name: &str) -> Option<&'f Value> {
        self.variables.get(name).or_else(|| self.outer?.variable(name))
    }

    fn item(&self) -> Option<(usize, &'f Value)> {
        self.item.or_else(|| self.outer?.item())
    }
}

/// What an expression sees.
pub struct Scope<'s> {
    pub input: &'s Value,
    pub result: Option<&'s Value>,
    pub error_output: Option<&'s Value>,
    pub context: Value,
    pub frame: Frame<'s>,
}

impl Scope<'_> {
    pub fn variable(&self, name: &str) -> Option<&Value> {
        self.frame.variable(name)
    }
}

/// Why a state does not go on.
enum Trouble {
    Failed(Failure),
    Broken,
}

/// Where a state leads, with what, and what it assigns.
struct Exit {
    output: Value,
    assigned: Vec<(String, Value)>,
    next: Option<String>,
}

const NOT_CAUGHT: &str = "States.Runtime";

impl Model<'_> {
    /// A whole execution, from its start to its end.
    pub fn execution(&self, definition: &Value, start: i64) -> (Outcome, i64) {
        let (outcome, end) = self.body(definition, self.input.clone(), start, None, None);
        match definition["TimeoutSeconds"].as_i64().map(|seconds| start + seconds * 1000) {
            Some(deadline) if end == deadline => self.open.set(true),
            Some(deadline) if end > deadline => {
                let failure = failed("States.Timeout", None);
                return (Outcome::Failed(failure), deadline);
            }
            _ => {}
        }
        (outcome, end)
    }

    /// The states of a machine, a branch or an iteration, one after the other.
    fn body(
        &self,
        body: &Value,
        mut input: Value,
        mut at: i64,
        outer: Option<&Frame>,
        item: Option<(usize, &Value)>,
    ) -> (Outcome, i64) {
        let mut variables = BTreeMap::new();
        let mut name = body["StartAt"].as_str().expect("StartAt").to_owned();
        loop {
            let frame = Frame { variables: &variables, outer, item };
            let (exit, left) = self.state(&name, &body["States"][&name], &input, at, &frame);
            at = left;
            match exit {
                Ok(Exit { output, assigned, next }) => {
                    variables.extend(assigned);
                    match next {
                        Some(next) => (name, input) = (next, output),
                        None => return (Outcome::Output(output), at),
                    }
                }
                Err(Trouble::Failed(failure)) => return (Outcome::Failed(failure), at),
                Err(Trouble::Broken) => return (Outcome::Broken, at),
            }
        }
    }

    /// A state with its retriers and catchers.
    fn state(
        &self,
        name: &str,
        state: &Value,
        input: &Value,
        mut at: i64,
        frame: &Frame,
    ) -> (Result<Exit, Trouble>, i64) {
        let none = Vec::new();
        let retriers = state["Retry"].as_array().unwrap_or(&none);
        let catchers = state["Catch"].as_array().unwrap_or(&none);
        let mut used = vec![0; retriers.len()];
        loop {
            let retries: u64 = used.iter().sum();
            let run = Run { model: self, name, state, input, frame, retries };
            let (tried, left) = run.attempt(at);
            at = left;
            let failure = match tried {
                Ok(exit) => return (Ok(exit), at),
                Err(Trouble::Broken) => return (Err(Trouble::Broken), at),
                Err(Trouble::Failed(failure)) => failure,
            };
            let retrier = retriers.iter().position(|retrier| takes(retrier, &failure));
            if let Some(index) = retrier {
                let number =
                    |field: &str, usual: f64| retriers[index][field].as_f64().unwrap_or(usual);
                if (used[index] as f64) < number("MaxAttempts", 3.0) {
                    let grown = number("IntervalSeconds", 1.0)
                        * number("BackoffRate", 2.0).powf(used[index] as f64);
                    at += (grown.min(number("MaxDelaySeconds", f64::INFINITY)) * 1000.0) as i64;
                    used[index] += 1;
                    continue;
                }
            }
            let caught = match catchers.iter().position(|catcher| takes(catcher, &failure)) {
                Some(index) => run.caught(index, &catchers[index], failure),
                None => Err(Trouble::Failed(failure)),
            };
            return (caught, at);
        }
    }
}

fn failed(error: &str, cause: Option<String>) -> Failure {
    Failure { error: Some(error.to_owned()), cause, name: None }
}

fn takes(handler: &Value, failure: &Failure) -> bool {
    let name = failure.name.or(failure.error.as_deref()).unwrap_or_default();
    let timed_out = matches!(name, "States.Timeout" | "States.HeartbeatTimeout");
    handler["ErrorEquals"].as_array().into_iter().flatten().any(|pattern| {
        match pattern.as_str().unwrap_or_default() {
            "States.ALL" => name != NOT_CAUGHT,
            "States.TaskFailed" => !timed_out,
            "States.Timeout" => timed_out,
            pattern => pattern == name,
        }
    })
}

/// One attempt at a state.
struct Run<'r> {
    model: &'r Model<'r>,
    name: &'r str,
    state: &'r Value,
    input: &'r Value,
    frame: &'r Frame<'r>,
    retries: u64,
}

impl Run<'_> {
    fn is_jsonata(&self) -> bool {
        match self.state["QueryLanguage"].as_str() {
            Some(language) => language == "JSONata",
            None => self.model.jsonata,
        }
    }

    fn attempt(&self, at: i64) -> (Result<Exit, Trouble>, i64) {
        let mut now = at;
        let result = match self.state["Type"].as_str().expect("a type") {
            "Pass" => self.pass(),
            "Succeed" => self.effective_input().and_then(|input| self.leave(input, false)),
            "Fail" => Err(self.fail()),
            "Wait" => self.wait(&mut now),
            "Choice" => self.choice(),
            "Task" => self.task(&mut now),
            "Parallel" => self.parallel(&mut now),
            _ => self.map(&mut now),
        };
        (result, now)
    }

    // ---- The eight types ----

    fn pass(&self) -> Result<Exit, Trouble> {
        match self.state.get("Result") {
            Some(fixed) if !self.is_jsonata() => self.leave(fixed.clone(), true),
            _ => self.leave(self.arguments()?, false),
        }
    }

    fn fail(&self) -> Trouble {
        let text = |field: &str| -> Result<Option<String>, Trouble> {
            if let Some(path) = self.state[format!("{field}Path")].as_str() {
                let scope = self.scope(self.input);
                return match self.find(&scope, path).ok_or(Trouble::Broken)? {
                    Value::String(text) => Ok(Some(text)),
                    _ => Err(Trouble::Broken),
                };
            }
            let Some(written) = self.state[field].as_str() else { return Ok(None) };
            match expression(written).filter(|_| self.is_jsonata()) {
                None => Ok(Some(written.to_owned())),
                Some(source) => match self.evaluate(source, &self.scope(self.input), field)? {
                    Value::String(text) => Ok(Some(text)),
                    other => Err(self.unexpected(source, field, "string", &other)),
                },
            }
        };
        match text("Error").and_then(|error| Ok((error, text("Cause")?))) {
            Ok((error, cause)) => Trouble::Failed(Failure { error, cause, name: None }),
            Err(trouble) => trouble,
        }
    }

    fn wait(&self, now: &mut i64) -> Result<Exit, Trouble> {
        let input = self.effective_input()?;
        let scope = self.scope(&input);
        let seconds = if let Some(path) = self.state["SecondsPath"].as_str() {
            let found = self.find(&scope, path);
            found
                .and_then(|value| value.as_i64())
                .filter(|seconds| *seconds >= 0)
                .ok_or(Trouble::Broken)?
        } else if let Some(source) = self.state["Seconds"].as_str().and_then(expression) {
            let value = self.evaluate(source, &scope, "Seconds")?;
            match value.as_i64() {
                Some(seconds) => seconds,
                None => return Err(self.unexpected(source, "Seconds", "integer", &value)),
            }
        } else {
            // A time that is written out lies in the past.
            self.state["Seconds"].as_i64().unwrap_or(0)
        };
        *now += seconds * 1000;
        self.leave(input, false)
    }

    fn choice(&self) -> Result<Exit, Trouble> {
        let input = self.effective_input()?;
        let scope = self.scope(&input);
        for (index, rule) in self.state["Choices"].as_array().into_iter().flatten().enumerate() {
            let matches = match rule["Condition"].as_str().and_then(expression) {
                Some(source) => {
                    let field = format!("Choices[{index}]/Condition");
                    match self.evaluate(source, &scope, &field)? {
                        Value::Bool(matches) => matches,
                        other => return Err(self.unexpected(source, &field, "boolean", &other)),
                    }
                }
                None => self.compare(&scope, rule)?,
            };
            if !matches {
                continue;
            }
            let next = rule["Next"].as_str().map(str::to_owned);
            let output = match rule.get("Output") {
                Some(output) => {
                    self.jsonata_template(output, &scope, &format!("Choices[{index}]/Output"))?
                }
                None => self.select("OutputPath", &input)?,
            };
            return Ok(Exit { output, assigned: Vec::new(), next });
        }
        match self.state["Default"].as_str() {
            Some(next) => Ok(Exit { next: Some(next.to_owned()), ..self.leave(input, false)? }),
            None => Err(Trouble::Broken),
        }
    }

    fn compare(&self, scope: &Scope, rule: &Value) -> Result<bool, Trouble> {
        let rules = |field: &str| rule[field].as_array();
        if let Some(all) = rules("And") {
            for one in all {
                if !self.compare(scope, one)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let Some(any) = rules("Or") {
            for one in any {
                if self.compare(scope, one)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some(not) = rule.get("Not") {
            return Ok(!self.compare(scope, not)?);
        }
        let value = self.find(scope, rule["Variable"].as_str().expect("Variable"));
        if let Some(present) = rule.get("IsPresent") {
            return Ok(*present == json!(value.is_some()));
        }
        let value = value.ok_or(Trouble::Broken)?;
        for (operator, operand) in rule.as_object().into_iter().flatten() {
            return Ok(match operator.as_str() {
                "Variable" | "Next" => continue,
                "IsString" => *operand == json!(value.is_string()),
                "NumericLessThan" => value.is_number() && value.as_f64() < operand.as_f64(),
                "NumericEqualsPath" => {
                    let other = self.find(scope, operand.as_str().unwrap_or_default());
                    let other = other.ok_or(Trouble::Broken)?;
                    value.is_number() && value == other
                }
                // Of other types than the operand's nothing is equal.
                _ => value == *operand,
            });
        }
        Ok(false)
    }

    fn task(&self, now: &mut i64) -> Result<Exit, Trouble> {
        let arguments = self.arguments()?;
        let Reply { after_millis, result } = (self.model.answer)(self.name, &arguments);
        let limit =
            |field: &str| self.state[field].as_i64().map_or(i64::MAX, |seconds| seconds * 1000);
        let (timeout, heartbeat) = (limit("TimeoutSeconds"), limit("HeartbeatSeconds"));
        if after_millis >= timeout.min(heartbeat) {
            *now += timeout.min(heartbeat);
            let name =
                if heartbeat < timeout { "States.HeartbeatTimeout" } else { "States.Timeout" };
            return Err(Trouble::Failed(Failure {
                name: Some(name),
                ..failed("States.Timeout", None)
            }));
        }
        *now += after_millis;
        match result {
            Ok(result) => self.leave(result, true),
            Err((error, cause)) => Err(Trouble::Failed(failed(&error, Some(cause)))),
        }
    }

    fn parallel(&self, now: &mut i64) -> Result<Exit, Trouble> {
        let arguments = self.arguments()?;
        let branches = self.state["Branches"].as_array().expect("Branches");
        let lines: Vec<(Outcome, i64)> = branches
            .iter()
            .map(|branch| self.model.body(branch, arguments.clone(), *now, Some(self.frame), None))
            .collect();
        self.join(lines, now)
    }

    fn map(&self, now: &mut i64) -> Result<Exit, Trouble> {
        let input = self.effective_input()?;
        let scope = self.scope(&input);
        let items = if let Some(written) = self.state.get("Items") {
            let items = self.jsonata_template(written, &scope, "Items")?;
            if let (false, Some(source)) = (items.is_array(), written.as_str().and_then(expression))
            {
                self.object_items(&items);
                return Err(self.unexpected(source, "Items", "array", &items));
            }
            items
        } else {
            let path = self.state["ItemsPath"].as_str().unwrap_or("$");
            let mut found = &input;
            for name in path.split('.').skip(1) {
                found = match (found.get(name), &input) {
                    (Some(found), _) => found,
                    (None, Value::Object(_) | Value::Array(_)) => {
                        let text = format!("Unable to apply step \"{name}\" to input {input}");
                        return Err(conflict(text));
                    }
                    (None, _) => {
                        let text = format!("Unable to apply ReferencePath {path} to input {input}");
                        return Err(conflict(text));
                    }
                };
            }
            found.clone()
        };
        let Some(items) = items.as_array() else {
            self.object_items(&items);
            return Err(Trouble::Broken);
        };
        let most = match self.state["MaxConcurrency"].as_u64() {
            None | Some(0) => 40,
            Some(most) => most as usize,
        };
        let mut running: Vec<i64> = Vec::new();
        let mut lines: Vec<(Outcome, i64)> = Vec::new();
        let mut first_failure = i64::MAX;
        let mut start = *now;
        for (index, item) in items.iter().enumerate() {
            if running.len() == most {
                running.sort_unstable();
                start = start.max(running.remove(0));
            }
            if start > first_failure {
                break;
            }
            let input = match self.state.get("ItemSelector") {
                None => Ok(item.clone()),
                Some(selector) => {
                    let frame = Frame { item: Some((index, item)), ..*self.frame };
                    let within = Run { frame: &frame, ..*self };
                    let scope = within.scope(&input);
                    if self.is_jsonata() {
                        within.jsonata_template(selector, &scope, "ItemSelector")
                    } else {
                        within.path_template(selector, &scope)
                    }
                }
            };
            let line = match input {
                Ok(input) => {
                    let processor = &self.state["ItemProcessor"];
                    self.model.body(processor, input, start, Some(self.frame), Some((index, item)))
                }
                Err(Trouble::Failed(failure)) => (Outcome::Failed(failure), start),
                Err(Trouble::Broken) => (Outcome::Broken, start),
            };
            if !matches!(line.0, Outcome::Output(_)) {
                first_failure = first_failure.min(line.1);
            }
            running.push(line.1);
            lines.push(line);
        }
        self.join(lines, now)
    }

    /// Members of an object can be items as well; the model leaves them alone.
    fn object_items(&self, items: &Value) {
        if items.is_object() {
            self.model.open.set(true);
        }
    }

    /// Lines of control that run at the same time: the first failure is everyone's.
    fn join(&self, lines: Vec<(Outcome, i64)>, now: &mut i64) -> Result<Exit, Trouble> {
        let failures =
            || lines.iter().filter(|(outcome, _)| !matches!(outcome, Outcome::Output(_)));
        if let Some((first, at)) = failures().min_by_key(|(_, at)| *at) {
            if failures().any(|(other, time)| time == at && other != first) {
                self.model.open.set(true);
            }
            *now = *at;
            return Err(match first {
                Outcome::Failed(failure) => Trouble::Failed(failure.clone()),
                _ => Trouble::Broken,
            });
        }
        *now = lines.iter().map(|(_, at)| *at).max().unwrap_or(*now);
        let outputs = lines.into_iter().map(|(outcome, _)| match outcome {
            Outcome::Output(output) => output,
            _ => Value::Null,
        });
        self.leave(outputs.collect(), true)
    }

    // ---- Data on its way in and out ----

    fn effective_input(&self) -> Result<Value, Trouble> {
        self.select("InputPath", self.input)
    }

    fn select(&self, field: &str, data: &Value) -> Result<Value, Trouble> {
        match self.state.get(field) {
            None => Ok(data.clone()),
            Some(Value::Null) => Ok(json!({})),
            Some(path) => self
                .find(&self.scope(data), path.as_str().unwrap_or_default())
                .ok_or(Trouble::Broken),
        }
    }

    fn arguments(&self) -> Result<Value, Trouble> {
        let input = self.effective_input()?;
        let scope = self.scope(&input);
        match (self.state.get("Arguments"), self.state.get("Parameters")) {
            (Some(arguments), _) => self.jsonata_template(arguments, &scope, "Arguments"),
            (_, Some(parameters)) => self.path_template(parameters, &scope),
            _ => Ok(input.clone()),
        }
    }

    fn leave(&self, result: Value, has_result: bool) -> Result<Exit, Trouble> {
        let next = self.state["Next"].as_str().map(str::to_owned);
        if self.is_jsonata() {
            let seen = has_result.then_some(&result);
            let scope = Scope { result: seen, ..self.scope(self.input) };
            let assigned = match self.state.get("Assign") {
                Some(assign) => self.jsonata_template(assign, &scope, "Assign")?,
                None => json!({}),
            };
            let output = match self.state.get("Output") {
                Some(output) => self.jsonata_template(output, &scope, "Output")?,
                None => result.clone(),
            };
            return Ok(Exit { output, assigned: members(assigned), next });
        }
        let selected = match self.state.get("ResultSelector") {
            Some(selector) => self.path_template(selector, &self.scope(&result))?,
            None => result,
        };
        let assigned = match self.state.get("Assign") {
            Some(assign) => self.path_template(assign, &self.scope(&selected))?,
            None => json!({}),
        };
        let placed = self.place(self.state.get("ResultPath"), selected)?;
        let output = self.select("OutputPath", &placed)?;
        Ok(Exit { output, assigned: members(assigned), next })
    }

    /// `ResultPath`.
    fn place(&self, path: Option<&Value>, result: Value) -> Result<Value, Trouble> {
        let path = match path {
            None => return Ok(result),
            Some(Value::Null) => return Ok(self.input.clone()),
            Some(path) => path.as_str().unwrap_or_default(),
        };
        let names: Vec<&str> = path.split('.').skip(1).collect();
        let mut output = self.input.clone();
        let mut place = &mut output;
        for name in &names {
            if place.is_null() {
                *place = json!({});
            }
            let Value::Object(members) = place else {
                let input = self.input;
                let text = match input {
                    Value::Object(_) | Value::Array(_) => {
                        format!("Unable to apply step \"{name}\" to input {input}")
                    }
                    _ => format!("Unable to apply ReferencePath {path} to input {input}"),
                };
                return Err(conflict(text));
            };
            place = members.entry(*name).or_insert(Value::Null);
        }
        *place = result;
        Ok(output)
    }

    fn caught(&self, index: usize, catcher: &Value, failure: Failure) -> Result<Exit, Trouble> {
        // A time-out has no cause, and a catcher sees an empty one.
        let cause = match failure.name {
            Some(_) => Some(String::new()),
            None => failure.cause,
        };
        let error = json!({"Error": failure.error, "Cause": cause});
        let next = catcher["Next"].as_str().map(str::to_owned);
        if self.is_jsonata() {
            let scope = Scope { error_output: Some(&error), ..self.scope(self.input) };
            let field = |field: &str| format!("Catch[{index}]/{field}");
            let assigned = match catcher.get("Assign") {
                Some(assign) => self.jsonata_template(assign, &scope, &field("Assign"))?,
                None => json!({}),
            };
            let output = match catcher.get("Output") {
                Some(output) => self.jsonata_template(output, &scope, &field("Output"))?,
                None => error.clone(),
            };
            return Ok(Exit { output, assigned: members(assigned), next });
        }
        let assigned = match catcher.get("Assign") {
            Some(assign) => self.path_template(assign, &self.scope(&error))?,
            None => json!({}),
        };
        let output = self.place(catcher.get("ResultPath"), error)?;
        Ok(Exit { output, assigned: members(assigned), next })
    }

    // ---- Expressions ----

    fn scope<'s>(&'s self, input: &'s Value) -> Scope<'s> {
        let mut state = json!({"Name": self.name});
        if matches!(self.state["Type"].as_str(), Some("Task" | "Parallel" | "Map")) {
            state["RetryCount"] = json!(self.retries);
        }
        let mut context = json!({"Execution": {"Input": self.model.input}, "State": state});
        if let Some((index, value)) = self.frame.item() {
            context["Map"] = json!({"Item": {"Index": index, "Value": value}});
        }
        Scope { input, result: None, error_output: None, context, frame: *self.frame }
    }

    /// What a path finds: `$.a.b`, `$$.State.Name`, `$variable.a`, with indexes.
    fn find(&self, scope: &Scope, path: &str) -> Option<Value> {
        let (root, rest) = path.split_at(path.find('.').unwrap_or(path.len()));
        let mut value = match root {
            "$" => scope.input,
            "$$" => &scope.context,
            variable => scope.variable(&variable[1..])?,
        };
        for step in rest.split('.').skip(1) {
            let (name, index) = step.split_once('[').map_or((step, None), |(name, index)| {
                (name, index.trim_end_matches(']').parse::<usize>().ok())
            });
            value = value.as_object()?.get(name)?;
            if let Some(index) = index {
                value = value.as_array()?.get(index)?;
            }
        }
        Some(value.clone())
    }

    fn path_template(&self, template: &Value, scope: &Scope) -> Result<Value, Trouble> {
        let Value::Object(members) = template else { return Ok(template.clone()) };
        let mut made = Map::new();
        for (name, member) in members {
            let (name, value) = match (name.strip_suffix(".$"), member.as_str()) {
                (Some(name), Some(written)) => (name, self.path_or_call(written, scope)?),
                _ => (name.as_str(), self.path_template(member, scope)?),
            };
            made.insert(name.to_owned(), value);
        }
        Ok(Value::Object(made))
    }

    fn path_or_call(&self, written: &str, scope: &Scope) -> Result<Value, Trouble> {
        let Some((function, arguments)) = written.split_once('(') else {
            if written == "$" && scope.input.is_null() {
                return Err(Trouble::Broken);
            }
            return self.find(scope, written).ok_or(Trouble::Broken);
        };
        let mut values = Vec::new();
        for argument in arguments.trim_end_matches(')').split(", ") {
            values.push(match argument.strip_prefix('\'') {
                Some(text) => json!(text.trim_end_matches('\'')),
                None if argument.starts_with('$') => {
                    self.find(scope, argument).ok_or(Trouble::Broken)?
                }
                None => json!(argument.parse::<i64>().expect("a number")),
            });
        }
        match function {
            "States.Array" => Ok(json!(values)),
            "States.JsonToString" => Ok(json!(values[0].to_string())),
            "States.MathAdd" => match (values[0].as_i64(), values[1].as_i64()) {
                (Some(first), Some(second)) => Ok(json!(first + second)),
                _ => Err(self.unknown()),
            },
            _ => {
                let mut text = String::new();
                for (place, value) in values[1..].iter().enumerate() {
                    match value {
                        Value::String(value) => text.push_str(value),
                        Value::Number(_) | Value::Bool(_) => text.push_str(&value.to_string()),
                        // Java's texts of arrays and objects are another test's business.
                        _ => return Err(self.unknown()),
                    }
                    if place == 0 {
                        text.push('-');
                    }
                }
                Ok(json!(text))
            }
        }
    }

    fn unknown(&self) -> Trouble {
        self.model.open.set(true);
        Trouble::Broken
    }

    fn jsonata_template(
        &self,
        template: &Value,
        scope: &Scope,
        place: &str,
    ) -> Result<Value, Trouble> {
        match template {
            Value::String(text) => match expression(text) {
                Some(source) => self.evaluate(source, scope, place),
                None => Ok(template.clone()),
            },
            Value::Object(members) => {
                let mut made = Map::new();
                for (name, member) in members {
                    let value = self.jsonata_template(member, scope, &format!("{place}/{name}"))?;
                    made.insert(name.clone(), value);
                }
                Ok(Value::Object(made))
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.jsonata_template(item, scope, &format!("{place}[{at}]")))
                .collect(),
            other => Ok(other.clone()),
        }
    }

    fn evaluate(&self, source: &str, scope: &Scope, field: &str) -> Result<Value, Trouble> {
        let specified =
            format!("The JSONata expression '{source}' specified for the field '{field}'");
        let text = match jsonata::evaluate(source, scope) {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => format!("{specified} returned nothing (undefined)."),
            Err(message) => format!("{specified} threw an error during evaluation. {message}"),
        };
        Err(self.located("States.QueryEvaluationError", &text))
    }

    fn unexpected(&self, source: &str, field: &str, expected: &str, value: &Value) -> Trouble {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let text = format!(
            "The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{kind}' for value: {value}"
        );
        self.located("States.QueryEvaluationError", &text)
    }

    /// The model does not count events.
    fn located(&self, error: &str, text: &str) -> Trouble {
        let cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #N). {text}",
            self.name
        );
        Trouble::Failed(failed(error, Some(cause)))
    }
}

/// A reference path that leads nowhere. Its text does not say in which state.
fn conflict(text: String) -> Trouble {
    Trouble::Failed(failed("States.ReferencePathConflict", Some(text)))
}

fn members(object: Value) -> Vec<(String, Value)> {
    match object {
        Value::Object(members) => members.into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What stands between `{%` and `%}`.
fn expression(text: &str) -> Option<&str> {
    Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
}
