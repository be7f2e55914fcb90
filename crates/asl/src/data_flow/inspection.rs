//! What a state's data looked like on its way through: written down while a state is tested.

use std::cell::RefCell;

use serde_json::Value;

use crate::Data;

/// The intermediate values of one state's data flow. A field is set once the state has come that far;
/// what a state's type or query language does not have stays empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// The input after `InputPath` (JSONPath).
    pub after_input_path: Option<Data>,
    /// The effective input after `Parameters` (JSONPath).
    pub after_parameters: Option<Data>,
    /// What `Arguments` gave (JSONata).
    pub after_arguments: Option<Data>,
    /// The raw result of the state's work.
    pub result: Option<Data>,
    /// The result after `ResultSelector` (JSONPath).
    pub after_result_selector: Option<Data>,
    /// The raw input with the result put into it by `ResultPath` (JSONPath).
    pub after_result_path: Option<Data>,
    /// A Map's items (JSONPath), as written where they come straight from the input's text.
    pub after_items_path: Option<Data>,
    /// What `ItemsPointer` selected in what an ItemReader read.
    pub after_items_pointer: Option<Data>,
    /// The input of each iteration after `ItemSelector`, in order.
    pub after_item_selector: Option<Data>,
    /// The input of each child after `ItemBatcher`, in order.
    pub after_item_batcher: Option<Data>,
    /// `ToleratedFailureCount`.
    pub tolerated_failure_count: Option<u64>,
    /// `ToleratedFailurePercentage`.
    pub tolerated_failure_percentage: Option<f64>,
    /// A Map's `MaxConcurrency`; 0 if it has none.
    pub max_concurrency: Option<u64>,
    /// Which of `Retry` matched the failure, whether or not it had attempts left.
    pub retry_index: Option<usize>,
    /// How long that retrier waits, in seconds, before jitter.
    pub retry_backoff_seconds: Option<u64>,
    /// Which of `Catch` took the failure.
    pub catch_index: Option<usize>,
}

/// Where one state is tested: what stands in for the world around it, and what is seen of it.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    /// The context object in place of the execution's own.
    pub context: Option<Value>,
    /// The state's name in the context object, in place of its own.
    pub state_name: Option<String>,
    /// How many attempts each retrier has used up.
    pub retries: u32,
    /// What the state's ItemReader read.
    pub items: Option<Data>,
    /// What was written down so far.
    pub seen: RefCell<Inspection>,
}

impl Bench {
    /// Writes something down.
    pub fn note(&self, note: impl FnOnce(&mut Inspection)) {
        note(&mut self.seen.borrow_mut());
    }
}
