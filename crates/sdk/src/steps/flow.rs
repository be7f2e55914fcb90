//! The states that need no worker: Pass, Wait, Succeed, Fail.

use serde_json::Value;

use super::state::{Kind, State, methods};
use crate::inputs::{Argument, Found};
use crate::steps::BuildError;

/// Hands its input on, or puts a fixed result in its place.
///
/// ```
/// use serde_json::json;
/// use stepwell_sdk::steps::{Chain, Pass};
///
/// let step = Pass::new("Defaults").result(json!({ "Rounds": 100 })).result_path("$.Training");
/// assert_eq!(Chain::from(step).definition()?["States"]["Defaults"]["Result"]["Rounds"], 100);
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pass {
    state: State,
}
methods!(Pass: common, paths, next, parameters, result);

impl Pass {
    /// A Pass state.
    pub fn new(name: impl Into<String>) -> Self {
        Pass { state: State::new(name, Kind::Pass) }
    }

    /// What it gives instead of its input.
    pub fn result(mut self, result: impl Into<Value>) -> Self {
        self.state.set("Result", result);
        self
    }
}

/// Waits for some seconds or until a moment, then hands its input on.
///
/// ```
/// use stepwell_sdk::inputs::StepInput;
/// use stepwell_sdk::steps::{Chain, Wait};
///
/// let fixed = Wait::seconds("Cool down", 10);
/// let given = Wait::until("Night", StepInput::default().get("Start"));
/// let definition = Chain::new().then(fixed).then(given).definition()?;
/// assert_eq!(definition["States"]["Night"]["TimestampPath"], "$['Start']");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Wait {
    state: State,
}
methods!(Wait: common, paths, next);

impl Wait {
    /// Waits so many seconds, or what a placeholder says.
    pub fn seconds(name: impl Into<String>, seconds: impl Into<Argument>) -> Self {
        let mut state = State::new(name, Kind::Wait);
        state.set("Seconds", seconds.into().0);
        Wait { state }
    }

    /// Waits until a moment: an RFC 3339 timestamp such as `2026-03-14T01:59:00Z`, or what a placeholder says.
    pub fn until(name: impl Into<String>, timestamp: impl Into<Argument>) -> Self {
        let mut state = State::new(name, Kind::Wait);
        let timestamp = timestamp.into().0;
        if Found::in_value(&timestamp).is_none() {
            let valid =
                timestamp.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
            if !valid {
                state.faults.push(BuildError::BadValue {
                    place: format!("Timestamp of state `{}`", state.name),
                    value: timestamp.to_string(),
                    reason: "it must be an RFC 3339 timestamp such as 2026-03-14T01:59:00Z"
                        .to_owned(),
                });
            }
        }
        state.set("Timestamp", timestamp);
        Wait { state }
    }
}

/// Ends the execution well, or its branch.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Succeed};
///
/// let definition = Chain::from(Succeed::new("Done")).definition()?;
/// assert_eq!(definition["States"]["Done"], serde_json::json!({ "Type": "Succeed" }));
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Succeed {
    state: State,
}
methods!(Succeed: common, paths);

impl Succeed {
    /// A Succeed state.
    pub fn new(name: impl Into<String>) -> Self {
        Succeed { state: State::new(name, Kind::Succeed) }
    }
}

/// Ends the execution with an error.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Fail};
///
/// let step = Fail::new("Bad data").error("BadData").cause("the file has no rows");
/// assert_eq!(Chain::from(step).definition()?["States"]["Bad data"]["Error"], "BadData");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fail {
    state: State,
}
methods!(Fail: common);

impl Fail {
    /// A Fail state.
    pub fn new(name: impl Into<String>) -> Self {
        Fail { state: State::new(name, Kind::Fail) }
    }

    /// The error's name, which catchers and retriers compare.
    pub fn error(mut self, error: impl Into<Argument>) -> Self {
        self.state.set("Error", error.into().0);
        self
    }

    /// What a person should know.
    pub fn cause(mut self, cause: impl Into<Argument>) -> Self {
        self.state.set("Cause", cause.into().0);
        self
    }
}
