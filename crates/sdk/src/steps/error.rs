//! Why a definition cannot be made.

/// A workflow that is not a valid one. Nothing was sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A chain without a state.
    #[error("a chain has no states{}", .inside.as_ref().map(|state| format!(" (inside state `{state}`)")).unwrap_or_default())]
    EmptyChain {
        /// The state it belongs to, when it is not the workflow's own.
        inside: Option<String>,
    },
    /// Two states of one name, which must be unique in the whole state machine.
    #[error(
        "there are two states named `{name}`\n  hint: state names are unique in the whole state machine, also across branches"
    )]
    DuplicateState {
        /// The name.
        name: String,
    },
    /// A name AWS does not take.
    #[error("state name `{name}` has {length} characters; it must have 1 to 80")]
    StateName {
        /// The name.
        name: String,
        /// Its length in characters.
        length: usize,
    },
    /// A state follows one that ends the execution or already goes elsewhere.
    #[error("state `{next}` cannot follow `{state}`: {reason}")]
    CannotFollow {
        /// The state that is followed.
        state: String,
        /// The state that follows.
        next: String,
        /// Why it cannot.
        reason: &'static str,
    },
    /// A transition to a state that is not there.
    #[error(
        "state `{state}` goes to `{target}`, which is not a state of its chain, workflow or branch"
    )]
    UnknownTarget {
        /// The state it starts from.
        state: String,
        /// The name it goes to.
        target: String,
    },
    /// A placeholder that the schema of its collection does not have.
    #[error("a placeholder of state `{state}` does not conform: {reason}")]
    NotInSchema {
        /// The state that uses it.
        state: String,
        /// What it is and what there is.
        reason: String,
    },
    /// The output of a step is used where it is not the input.
    #[error("state `{state}` uses the output of `{of}` ({path}), which is not the step before it")]
    IllegalPlaceholder {
        /// The state that uses it.
        state: String,
        /// The step whose output it is.
        of: String,
        /// The path it stands for.
        path: String,
    },
    /// A placeholder where the States Language takes none.
    #[error(
        "state `{state}` has a placeholder in `{place}`, where the States Language allows no path\n  hint: {hint}"
    )]
    MisplacedPlaceholder {
        /// The state.
        state: String,
        /// The field and the member in it.
        place: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// Text that should be a JSONPath.
    #[error("`{path}` in {place} must be a placeholder or a path that begins with `$`")]
    BadPath {
        /// The text.
        path: String,
        /// Where it stands.
        place: String,
    },
    /// A value a field cannot have.
    #[error("{place} cannot be {value}: {reason}")]
    BadValue {
        /// The field.
        place: String,
        /// The value.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// No image is known for the algorithm, version and region.
    #[error("unsupported {what} `{value}`; supported: {supported}")]
    UnknownImage {
        /// `algorithm`, `version` or `region`.
        what: &'static str,
        /// What was asked for.
        value: String,
        /// What there is.
        supported: String,
    },
    /// A path is to replace a parameter that is not there.
    #[error("there is no parameter `{parameter}` to replace with a path")]
    UnknownParameter {
        /// The parameter, with dots when it is nested.
        parameter: String,
    },
}
