//! Answers of tasks from a file, in the format of Step Functions Local's `MockConfigFile`: a test case,
//! named behind the state machine's ARN (`…:stateMachine:NAME#CASE`), says which response a state's tasks get.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use asl::event::FailedPhase;
use asl::{EventKind, Failure, Trigger};
use engine::Lease;
use serde::Deserialize;
use serde_json::Value;

use super::Failed;
use crate::{Context, Error};

/// A mock configuration.
#[derive(Debug, Default)]
pub struct Mocks {
    file: File,
    /// Express executions that run by a test case: their journals are kept nowhere, so what they have
    /// asked is counted here. One that begins again after a crash begins to count again.
    express: Mutex<HashMap<String, Express>>,
}

#[derive(Debug, Default)]
struct Express {
    test_case: String,
    asked: HashMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct File {
    #[serde(default)]
    state_machines: BTreeMap<String, StateMachine>,
    #[serde(default)]
    mocked_responses: BTreeMap<String, BTreeMap<String, Response>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StateMachine {
    /// Test case → state → response.
    test_cases: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
enum Response {
    Return(Value),
    Throw(Thrown),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Thrown {
    error: String,
    cause: Option<String>,
}

impl Mocks {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong with the text: its form, a response that is named and not there, invocations that
    /// are no numbers.
    pub fn parse(text: &str) -> Result<Mocks, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (machine, cases) in &file.state_machines {
            for (case, states) in &cases.test_cases {
                for (state, response) in states {
                    if !file.mocked_responses.contains_key(response) {
                        return Err(format!(
                            "the state `{state}` of `{machine}#{case}` gets the response \
                             `{response}`, which is not among the MockedResponses"
                        ));
                    }
                }
            }
        }
        for (name, answers) in &file.mocked_responses {
            if let Some(wrong) = answers.keys().find(|key| invocations(key).is_none()) {
                return Err(format!(
                    "the response `{name}` answers the invocations `{wrong}`: say `0` or `1-2`"
                ));
            }
        }
        Ok(Mocks { file, express: Mutex::default() })
    }

    /// Splits the test case from a state machine's ARN.
    ///
    /// # Errors
    /// `ValidationException` for a test case that the configuration does not have.
    pub(crate) fn split<'a>(&self, arn: &'a str) -> Result<(&'a str, Option<String>), Error> {
        let Some((arn, case)) = arn.split_once('#') else { return Ok((arn, None)) };
        let machine = arn.split(":stateMachine:").nth(1).unwrap_or_default();
        let machine = machine.split(':').next().unwrap_or_default();
        let known = self.file.state_machines.get(machine).map(|machine| &machine.test_cases);
        if known.is_some_and(|cases| cases.contains_key(case)) {
            return Ok((arn, Some(case.to_owned())));
        }
        let cases: Vec<&str> = known.into_iter().flatten().map(|(name, _)| &**name).collect();
        Err(Error::validation(format!(
            "the mock configuration has no test case `{case}` for the state machine `{machine}`; its \
             test cases are [{}]",
            cases.join(", ")
        )))
    }

    /// An Express execution begins, by this test case if any.
    pub(crate) fn express_begins(&self, execution_arn: &str, test_case: Option<&str>) {
        if let Some(test_case) = test_case {
            let express = Express { test_case: test_case.to_owned(), asked: HashMap::new() };
            self.express().insert(execution_arn.to_owned(), express);
        }
    }

    /// It has ended.
    pub(crate) fn express_ended(&self, execution_arn: &str) {
        self.express().remove(execution_arn);
    }

    fn express(&self) -> std::sync::MutexGuard<'_, HashMap<String, Express>> {
        self.express.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mocked answer of a task; none: the task is done for real.
    pub(super) async fn answer(
        &self,
        context: &Context,
        lease: &Lease,
    ) -> Result<Option<Vec<Trigger>>, Failed> {
        let (header, state) = (&lease.header, &*lease.task.state);
        let responses = |case: &str| {
            let machine = self.file.state_machines.get(&header.state_machine_name)?;
            let response = machine.test_cases.get(case)?.get(state)?;
            Some((response, self.file.mocked_responses.get(response)?))
        };
        let ((name, answers), invocation) = if header.express {
            let mut all = self.express();
            let Some(express) = all.get_mut(&header.execution_arn) else { return Ok(None) };
            let Some(found) = responses(&express.test_case) else { return Ok(None) };
            let asked = express.asked.entry(state.to_owned()).or_default();
            *asked += 1;
            (found, *asked - 1)
        } else {
            let summary = context.engine.summary(lease.execution).await.map_err(failed)?;
            let case =
                summary.and_then(|all| Some(all.attributes["test_case"].as_str()?.to_owned()));
            let Some(found) = case.as_deref().and_then(responses) else { return Ok(None) };
            (found, earlier_invocations(context, lease).await.map_err(failed)?)
        };
        let answer = answers.iter().find(|(key, _)| {
            invocations(key).is_some_and(|(first, last)| (first..=last).contains(&invocation))
        });
        let Some((_, response)) = answer else {
            return Err(Failed::new(
                "States.TaskFailed",
                format!(
                    "the mocked response `{name}` of the state `{state}` says nothing for invocation \
                     {invocation}"
                ),
            ));
        };
        let task = lease.task.task;
        let started = Trigger::TaskStarted { task, worker: None };
        Ok(Some(match response.clone() {
            Response::Return(result) => {
                vec![started, Trigger::TaskSucceeded { task, output: result.into() }]
            }
            Response::Throw(Thrown { error, cause }) => {
                let failure = Failure { error: Some(error), cause };
                vec![started, Trigger::TaskFailed { task, phase: FailedPhase::Run, failure }]
            }
        }))
    }
}

/// How often the execution has asked for this state's task before this one, as its history says it.
async fn earlier_invocations(context: &Context, lease: &Lease) -> Result<u64, engine::EngineError> {
    let events = context.engine.history(lease.execution, 1, false, usize::MAX).await?;
    let mut states = HashMap::new();
    let mut count = 0;
    for event in events {
        match event.kind {
            EventKind::StateEntered { state, .. } => {
                states.insert(event.frame, state);
            }
            EventKind::TaskScheduled { task, .. } => {
                if task == lease.task.task {
                    break;
                }
                count += u64::from(states.get(&event.frame) == Some(&lease.task.state));
            }
            _ => {}
        }
    }
    Ok(count)
}

fn failed(error: engine::EngineError) -> Failed {
    Failed::new("States.TaskFailed", error.to_string())
}

/// `0` and `1-2`, both ends included.
fn invocations(key: &str) -> Option<(u64, u64)> {
    let (first, last) = key.split_once('-').unwrap_or((key, key));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "StateMachines": {"M": {"TestCases": {"Retried": {"A": "Flaky"}}}},
        "MockedResponses": {"Flaky": {
            "0-1": {"Throw": {"Error": "Busy", "Cause": "try again"}},
            "2": {"Return": {"ok": true}}
        }}
    }"#;

    #[test]
    fn a_test_case_is_split_from_the_arn() {
        let mocks = Mocks::parse(FILE).unwrap();
        let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:M";
        assert_eq!(mocks.split(arn).unwrap(), (arn, None));
        let asked = format!("{arn}#Retried");
        assert_eq!(mocks.split(&asked).unwrap(), (arn, Some("Retried".to_owned())));
        let error = mocks.split(&format!("{arn}#Other")).unwrap_err();
        assert!(error.message.contains("[Retried]"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        for (from, to, says) in [
            ("\"Flaky\"}", "\"Missing\"}", "`Missing`"),
            ("0-1", "1-0", "`1-0`"),
            ("Throw", "Thrown", "Thrown"),
        ] {
            let error = Mocks::parse(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn invocations_are_a_number_or_a_range() {
        assert_eq!(invocations("0"), Some((0, 0)));
        assert_eq!(invocations("1-3"), Some((1, 3)));
        assert_eq!(invocations("3-1"), None);
        assert_eq!(invocations("x"), None);
    }
}
