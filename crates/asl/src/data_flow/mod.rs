//! How data flows into a state and out of it.

mod inspection;
mod reference_path;
mod result_path;

use std::cell::Cell;

use serde_json::Value;

use crate::definition::{Flow, ResultPath, Selection, State};
use crate::execution::{Execution, Item, VisibleVariables};
use crate::expression::{Budget, EvaluationError, LazyContext, Scope, Template};
use crate::{Data, FrameId, Moment};

pub(crate) use inspection::Bench;
pub use inspection::Inspection;
pub(crate) use reference_path::follow;

/// Where a state's expressions are evaluated.
pub(crate) struct Place<'a> {
    pub execution: &'a Execution,
    pub frame: FrameId,
    pub moment: Moment,
    /// The item that a Map's ItemSelector is evaluated for.
    pub item: Option<&'a Item>,
    /// `Task.Token`, for Task states.
    pub token: Option<&'a str>,
    /// Set while the state is tested.
    pub bench: Option<&'a Bench>,
    /// Where it is counted what evaluations have cost.
    pub work: Option<&'a Cell<u64>>,
}

impl<'a> Place<'a> {
    pub fn new(execution: &'a Execution, frame: FrameId, moment: Moment) -> Place<'a> {
        Place { execution, frame, moment, item: None, token: None, bench: None, work: None }
    }

    /// Evaluates with this input as `$` or `$states.input`.
    pub fn with<R>(&self, input: &Value, evaluate: impl FnOnce(&Scope) -> R) -> R {
        self.with_result(input, None, None, evaluate)
    }

    /// Evaluates where `$states.result` or `$states.errorOutput` can be seen as well.
    pub fn with_result<R>(
        &self,
        input: &Value,
        result: Option<&Value>,
        error_output: Option<&Value>,
        evaluate: impl FnOnce(&Scope) -> R,
    ) -> R {
        let make = || self.context_object();
        let context = LazyContext::new(&make);
        let variables = VisibleVariables { execution: self.execution, frame: self.frame };
        let budget = Budget::default();
        let result = evaluate(&Scope {
            input,
            context: &context,
            variables: &variables,
            result,
            error_output,
            moment: self.moment,
            budget: &budget,
        });
        if let Some(work) = self.work {
            work.set(work.get() + budget.work());
        }
        result
    }

    /// The context object as the state sees it here.
    pub fn context_object(&self) -> Value {
        let execution = self.execution;
        match self.bench {
            Some(bench) => execution.context_under_test(bench, self.frame, self.item, self.token),
            None => execution.context_object(self.frame, self.item, self.token),
        }
    }

    /// Writes down what the data has come to, if the state is tested.
    pub fn note(&self, note: impl FnOnce(&mut Inspection)) {
        if let Some(bench) = self.bench {
            bench.note(note);
        }
    }

    /// `InputPath` or `OutputPath` applied to some data, which is shared when nothing is selected.
    pub fn select(
        &self,
        selection: &Selection,
        data: &Data,
        field: &str,
    ) -> Result<Data, EvaluationError> {
        match selection {
            Selection::Whole => Ok(data.clone()),
            Selection::Nothing | Selection::Path(_) => {
                Ok(self.with(data.value(), |scope| selection.select(scope, field))?.into())
            }
        }
    }

    /// A state's input after `InputPath` (JSONPath); JSONata has the raw one.
    pub fn effective_input(&self, state: &State, raw: &Data) -> Result<Data, EvaluationError> {
        match &state.flow {
            Flow::JsonPath(flow) => {
                let input = self.select(&flow.input_path, raw, "InputPath")?;
                self.note(|seen| seen.after_input_path = Some(input.clone()));
                Ok(input)
            }
            Flow::Jsonata { .. } => Ok(raw.clone()),
        }
    }

    /// The effective input after `Parameters` or `Arguments`.
    pub fn arguments(&self, state: &State, effective: &Data) -> Result<Data, EvaluationError> {
        let (template, field) = match &state.flow {
            Flow::JsonPath(flow) => (&flow.parameters, "Parameters"),
            Flow::Jsonata { arguments, .. } => (arguments, "Arguments"),
        };
        let given: Data = match template {
            Some(template) => {
                self.with(effective.value(), |scope| template.evaluate(scope, field))?.into()
            }
            None => effective.clone(),
        };
        self.note(|seen| match &state.flow {
            Flow::JsonPath(_) => seen.after_parameters = Some(given.clone()),
            Flow::Jsonata { .. } => {
                seen.after_arguments = template.is_some().then(|| given.clone());
            }
        });
        Ok(given)
    }

    /// What a state that has done its work gives to the next one, and what it assigns.
    pub fn leave(
        &self,
        state: &State,
        raw: &Data,
        result: &Data,
        has_result: bool,
    ) -> Result<Leaving, EvaluationError> {
        if has_result {
            self.note(|seen| seen.result = Some(result.clone()));
        }
        match &state.flow {
            Flow::JsonPath(flow) => {
                let selected = match &flow.result_selector {
                    Some(selector) => self
                        .with(result.value(), |scope| selector.evaluate(scope, "ResultSelector"))?
                        .into(),
                    None => result.clone(),
                };
                self.note(|seen| seen.after_result_selector = Some(selected.clone()));
                let assigned =
                    self.assign(state.assign.as_ref(), "Assign", &selected, None, None)?;
                let placed = place(&flow.result_path, raw, selected)?;
                self.note(|seen| seen.after_result_path = Some(placed.clone()));
                let output = self.select(&flow.output_path, &placed, "OutputPath")?;
                Ok(Leaving { output, assigned })
            }
            Flow::Jsonata { output, .. } => {
                let seen = has_result.then(|| result.value());
                let assigned = self.assign(state.assign.as_ref(), "Assign", raw, seen, None)?;
                let output = match output {
                    Some(template) => self
                        .with_result(raw.value(), seen, None, |scope| {
                            template.evaluate(scope, "Output")
                        })?
                        .into(),
                    None => result.clone(),
                };
                Ok(Leaving { output, assigned })
            }
        }
    }

    /// Variables and their values, in the order written. All see the values that held on entry.
    pub fn assign(
        &self,
        template: Option<&Template>,
        field: &str,
        input: &Data,
        result: Option<&Value>,
        error_output: Option<&Value>,
    ) -> Result<Vec<(String, Data)>, EvaluationError> {
        let Some(template) = template else { return Ok(Vec::new()) };
        let values = self.with_result(input.value(), result, error_output, |scope| {
            template.evaluate(scope, field)
        })?;
        match values {
            Value::Object(values) => {
                Ok(values.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// What a state leaves behind.
pub(crate) struct Leaving {
    pub output: Data,
    pub assigned: Vec<(String, Data)>,
}

/// `ResultPath` applied; what is not changed is shared.
pub(crate) fn place(path: &ResultPath, raw: &Data, result: Data) -> Result<Data, EvaluationError> {
    match path {
        ResultPath::Whole => Ok(result),
        ResultPath::Discard => Ok(raw.clone()),
        ResultPath::At(_) => Ok(path.place(raw.value().clone(), result.into_value())?.into()),
    }
}
