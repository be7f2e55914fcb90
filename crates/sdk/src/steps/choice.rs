//! The Choice state: one of several ways, by the input.

use super::state::{Kind, State, methods};
use super::{Chain, ChoiceRule};

/// Goes the way of the first rule that holds.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Choice, ChoiceRule, Fail, Pass, Succeed};
///
/// let check = Choice::new("Good enough?", ChoiceRule::numeric_less_than("$.rmse", 50.0), Succeed::new("Keep"))
///     .otherwise(Fail::new("Drop"));
/// let definition = Chain::new().then(Pass::new("Measure")).then(check).definition()?;
/// assert_eq!(definition["States"]["Good enough?"]["Default"], "Drop");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Choice {
    state: State,
}
methods!(Choice: common, paths);

impl Choice {
    /// A Choice state with its first rule and the way it leads. Several ways may meet again: with
    /// [`Chain::to`], or by ending in clones of the same states.
    pub fn new(name: impl Into<String>, rule: ChoiceRule, next: impl Into<Chain>) -> Self {
        Choice { state: State::new(name, Kind::Choice) }.when(rule, next)
    }

    /// A further rule.
    pub fn when(mut self, rule: ChoiceRule, next: impl Into<Chain>) -> Self {
        self.state.choices.push((rule, next.into()));
        self
    }

    /// The way when no rule holds. Without it, the state that follows in the chain; without either the
    /// execution fails with `States.Runtime`.
    pub fn otherwise(mut self, next: impl Into<Chain>) -> Self {
        self.state.default = Some(next.into());
        self
    }
}
