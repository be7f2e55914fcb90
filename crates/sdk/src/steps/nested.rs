//! The states with chains inside: Parallel and Map.

use serde_json::{Value, json};

use super::Chain;
use super::state::{Kind, Path, State, methods};
use crate::inputs::Argument;

/// Runs branches at once, each on a copy of its input; the output is the array of their outputs.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Parallel, Pass};
///
/// let both = Parallel::new("Both", Pass::new("Left")).branch(Chain::new().then(Pass::new("A")).then(Pass::new("B")));
/// let definition = Chain::from(both).definition()?;
/// assert_eq!(definition["States"]["Both"]["Branches"][1]["StartAt"], "A");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Parallel {
    state: State,
}
methods!(Parallel: common, paths, next, parameters, selector, result, errors);

impl Parallel {
    /// A Parallel state with its first branch.
    pub fn new(name: impl Into<String>, branch: impl Into<Chain>) -> Self {
        Parallel { state: State::new(name, Kind::Parallel) }.branch(branch)
    }

    /// A further branch.
    pub fn branch(mut self, branch: impl Into<Chain>) -> Self {
        self.state.nested.push(branch.into());
        self
    }
}

/// Runs a chain for every item of an array; the output is the array of their outputs.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Map, Pass};
///
/// let each = Map::new("Each file", Pass::new("Check")).items_path("$.files").max_concurrency(4);
/// let definition = Chain::from(each).definition()?;
/// assert_eq!(definition["States"]["Each file"]["ItemProcessor"]["StartAt"], "Check");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Map {
    state: State,
}
methods!(Map: common, paths, next, selector, result, errors);

impl Map {
    /// A Map state that runs `chain` for each item of its input.
    pub fn new(name: impl Into<String>, chain: impl Into<Chain>) -> Self {
        let mut state = State::new(name, Kind::Map);
        state.nested.push(chain.into());
        Map { state }
    }

    /// Where in the input the array is.
    pub fn items_path(mut self, path: impl Into<Path>) -> Self {
        self.state.set_path("ItemsPath", path.into());
        self
    }

    /// What each iteration gets instead of the item; placeholders and `$$.Map.Item.Value` allowed.
    pub fn item_selector(mut self, selector: impl Into<Argument>) -> Self {
        self.state.set("ItemSelector", selector.into().0);
        self
    }

    /// How many iterations run at once; 0 for no limit.
    pub fn max_concurrency(mut self, iterations: impl Into<Argument>) -> Self {
        self.state.set("MaxConcurrency", iterations.into().0);
        self
    }

    /// Makes each iteration an execution of its own, of type `STANDARD` or `EXPRESS`. Readers, batches and
    /// writers are set with [`field`](Map::field).
    pub fn distributed(mut self, execution_type: &str) -> Self {
        let config: Value = json!({ "Mode": "DISTRIBUTED", "ExecutionType": execution_type });
        self.state.processor_config = Some(config);
        self
    }
}
