//! States in a row.

use serde_json::{Map, Value};

use super::BuildError;
use super::graph::machine;
use super::state::{Kind, State};

/// States that follow one another, from the first, where the chain is entered, to the last.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Pass, Succeed};
///
/// let chain = Chain::new().then(Pass::new("Greet")).then(Succeed::new("Done"));
/// let definition = chain.definition()?;
/// assert_eq!(definition["StartAt"], "Greet");
/// assert_eq!(definition["States"]["Greet"]["Next"], "Done");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Chain {
    pub(crate) states: Vec<State>,
    /// The state that the last one goes to, when it is not of this chain.
    pub(crate) target: Option<String>,
    pub(crate) faults: Vec<BuildError>,
}

impl Chain {
    /// A chain without states.
    pub fn new() -> Self {
        Chain::default()
    }

    /// A way to the state `name`, which is elsewhere in the same workflow or branch: a loop, or two ways that meet.
    pub fn to(name: impl Into<String>) -> Self {
        Chain { target: Some(name.into()), ..Chain::default() }
    }

    /// Appends a state, or a whole chain. After a Choice it becomes the default.
    pub fn then(mut self, next: impl Into<Chain>) -> Self {
        let next = next.into();
        let follower = next.entry().unwrap_or_default().to_owned();
        let last = self.states.last();
        let reason = if last.is_some_and(|last| last.kind.is_terminal()) {
            Some("it ends the execution")
        } else if self.target.is_some() {
            Some("the chain already goes to another state")
        } else if last.is_some_and(|last| last.kind == Kind::Choice && last.default.is_some()) {
            Some("this Choice already has a default")
        } else {
            None
        };
        if let Some(reason) = reason {
            let state = last
                .map(|last| last.name.as_str())
                .or(self.target.as_deref())
                .unwrap_or_default()
                .to_owned();
            self.faults.push(BuildError::CannotFollow { state, next: follower, reason });
        }
        for state in &next.states {
            if self.states.iter().any(|other| other.name == state.name) {
                self.faults.push(BuildError::DuplicateState { name: state.name.clone() });
            }
        }
        self.states.extend(next.states);
        self.target = next.target;
        self.faults.extend(next.faults);
        self
    }

    /// Ends the chain by going to the state `name`, which is elsewhere in the same workflow or branch.
    pub fn go_to(self, name: impl Into<String>) -> Self {
        self.then(Chain::to(name))
    }

    /// The name of the state the chain is entered at.
    pub(crate) fn entry(&self) -> Option<&str> {
        self.states.first().map(|state| state.name.as_str()).or(self.target.as_deref())
    }

    /// The definition in the Amazon States Language.
    ///
    /// # Errors
    /// The first mistake in the chain.
    pub fn definition(&self) -> Result<Value, BuildError> {
        machine(self, Map::new())
    }
}

impl From<State> for Chain {
    fn from(state: State) -> Self {
        Chain { states: vec![state], ..Chain::default() }
    }
}

/// All of them in a row.
impl<Step: Into<Chain>> FromIterator<Step> for Chain {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        steps.into_iter().fold(Chain::new(), Chain::then)
    }
}
