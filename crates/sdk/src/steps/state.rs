//! What all states have in common.

use serde_json::{Map, Value};

use super::{BuildError, Catch, Chain, ChoiceRule, Retry};
use crate::inputs::{Placeholder, Root};

/// One state and where it leads. Made from the types of this module, such as [`Task`](super::Task).
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The fields of the States Language that are not transitions; placeholders still marked.
    pub(crate) fields: Map<String, Value>,
    pub(crate) retry: Vec<Retry>,
    pub(crate) catch: Vec<Catch>,
    pub(crate) choices: Vec<(ChoiceRule, Chain)>,
    pub(crate) default: Option<Chain>,
    /// Branches of a Parallel state, or the one chain of a Map state.
    pub(crate) nested: Vec<Chain>,
    pub(crate) processor_config: Option<Value>,
    pub(crate) faults: Vec<BuildError>,
}

/// The eight types of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pass => "Pass",
            Kind::Task => "Task",
            Kind::Choice => "Choice",
            Kind::Wait => "Wait",
            Kind::Succeed => "Succeed",
            Kind::Fail => "Fail",
            Kind::Parallel => "Parallel",
            Kind::Map => "Map",
        }
    }

    pub fn is_terminal(self) -> bool {
        matches!(self, Kind::Succeed | Kind::Fail)
    }
}

impl State {
    pub(crate) fn new(name: impl Into<String>, kind: Kind) -> Self {
        let name = name.into();
        let length = name.chars().count();
        let faults = match length {
            1..=80 => vec![],
            _ => vec![BuildError::StateName { name: name.clone(), length }],
        };
        State {
            name,
            kind,
            fields: Map::new(),
            retry: vec![],
            catch: vec![],
            choices: vec![],
            default: None,
            nested: vec![],
            processor_config: None,
            faults,
        }
    }

    /// The state's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the step gives on, when it is tied to this state.
    pub(crate) fn output(&self) -> Placeholder {
        Placeholder::new(Root::Step(Some(self.name.clone())), Default::default())
    }

    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    pub(crate) fn set_path(&mut self, field: &str, path: Path) {
        if let Path::Text(text) = &path
            && !text.starts_with('$')
        {
            let place = format!("{field} of state `{}`", self.name);
            self.faults.push(BuildError::BadPath { path: text.clone(), place });
        }
        self.fields.insert(field.to_owned(), path.into_value());
    }

    /// The parameters, made an object when there are none.
    pub(crate) fn parameters_mut(&mut self) -> &mut Map<String, Value> {
        let entry = self.fields.entry("Parameters").or_insert_with(|| Value::Object(Map::new()));
        if !entry.is_object() {
            *entry = Value::Object(Map::new());
        }
        match entry {
            Value::Object(members) => members,
            _ => unreachable!("made an object above"),
        }
    }
}

/// A JSONPath, a placeholder for one, or nothing at all (`null`), which discards the data.
///
/// ```
/// use stepwell_sdk::steps::{Chain, Pass, Path};
///
/// let step = Pass::new("Check").input_path("$.Order").result_path(Path::Null);
/// let definition = Chain::from(step).definition()?;
/// assert!(definition["States"]["Check"]["ResultPath"].is_null());
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub enum Path {
    /// `null`.
    Null,
    /// A path as text; it begins with `$`.
    Text(String),
    /// A placeholder.
    Placeholder(Placeholder),
}

impl Path {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Path::Null => Value::Null,
            Path::Text(text) => Value::String(text),
            Path::Placeholder(placeholder) => Value::from(&placeholder),
        }
    }
}

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Path::Text(path.to_owned())
    }
}

impl From<String> for Path {
    fn from(path: String) -> Self {
        Path::Text(path)
    }
}

impl From<Placeholder> for Path {
    fn from(placeholder: Placeholder) -> Self {
        Path::Placeholder(placeholder)
    }
}

impl From<&Placeholder> for Path {
    fn from(placeholder: &Placeholder) -> Self {
        Path::Placeholder(placeholder.clone())
    }
}

/// The methods that groups of state types share, each written once. The type has a field `state: State`.
macro_rules! methods {
    ($type:ty: $($group:ident),+) => {
        $(methods!(@$group $type);)+

        impl From<$type> for $crate::steps::State {
            fn from(step: $type) -> Self {
                step.state
            }
        }

        impl From<$type> for $crate::steps::Chain {
            fn from(step: $type) -> Self {
                $crate::steps::Chain::from(step.state)
            }
        }
    };
    (@common $type:ty) => {
        impl $type {
            /// The state's name.
            pub fn name(&self) -> &str {
                &self.state.name
            }

            /// A note for the reader of the definition.
            pub fn comment(mut self, comment: impl Into<String>) -> Self {
                self.state.set("Comment", comment.into());
                self
            }

            /// Sets any field of the States Language, also one that has no method here (`Assign`, `QueryLanguage`, …).
            pub fn field(mut self, name: &str, value: impl Into<$crate::inputs::Argument>) -> Self {
                self.state.set(name, value.into().0);
                self
            }
        }
    };
    (@paths $type:ty) => {
        impl $type {
            /// The part of the input the state sees.
            pub fn input_path(mut self, path: impl Into<$crate::steps::Path>) -> Self {
                self.state.set_path("InputPath", path.into());
                self
            }

            /// The part of the result the next state gets.
            pub fn output_path(mut self, path: impl Into<$crate::steps::Path>) -> Self {
                self.state.set_path("OutputPath", path.into());
                self
            }
        }
    };
    (@next $type:ty) => {
        impl $type {
            /// What the next step gets from this one, as a placeholder. It may be used in the next step only.
            pub fn output(&self) -> $crate::inputs::Placeholder {
                self.state.output()
            }

            /// A chain of this state that goes on at the state `name`, anywhere in the same workflow or branch.
            pub fn go_to(self, name: impl Into<String>) -> $crate::steps::Chain {
                $crate::steps::Chain::from(self).go_to(name)
            }

            /// A chain of this state and `next`.
            pub fn then(self, next: impl Into<$crate::steps::Chain>) -> $crate::steps::Chain {
                $crate::steps::Chain::from(self).then(next)
            }
        }
    };
    (@result $type:ty) => {
        impl $type {
            /// Where in the input the result is put; the whole output unless set.
            pub fn result_path(mut self, path: impl Into<$crate::steps::Path>) -> Self {
                self.state.set_path("ResultPath", path.into());
                self
            }
        }
    };
    (@selector $type:ty) => {
        impl $type {
            /// What is taken of the raw result; placeholders allowed.
            pub fn result_selector(mut self, selector: impl Into<$crate::inputs::Argument>) -> Self {
                self.state.set("ResultSelector", selector.into().0);
                self
            }
        }
    };
    (@parameters $type:ty) => {
        impl $type {
            /// What the state works on instead of its input; placeholders allowed.
            pub fn parameters(mut self, parameters: impl Into<$crate::inputs::Argument>) -> Self {
                self.state.set("Parameters", parameters.into().0);
                self
            }
        }
    };
    (@merged $type:ty) => {
        impl $type {
            /// Further members of the request, merged into what the other arguments made; these win.
            /// Placeholders allowed.
            pub fn parameters(mut self, more: impl Into<$crate::inputs::Argument>) -> Self {
                if let serde_json::Value::Object(more) = more.into().0 {
                    $crate::steps::task::merge(self.state.parameters_mut(), more);
                }
                self
            }
        }
    };
    (@errors $type:ty) => {
        impl $type {
            /// Tries again on errors; the first retrier that names the error decides.
            pub fn retry(mut self, retry: $crate::steps::Retry) -> Self {
                self.state.retry.push(retry);
                self
            }

            /// Goes elsewhere on errors; the first catcher that names the error decides.
            pub fn catch(mut self, catch: $crate::steps::Catch) -> Self {
                self.state.catch.push(catch);
                self
            }
        }
    };
    (@timeouts $type:ty) => {
        impl $type {
            /// Fails the state with `States.Timeout` after so many seconds, or what a placeholder says.
            pub fn timeout_seconds(mut self, seconds: impl Into<$crate::inputs::Argument>) -> Self {
                self.state.set("TimeoutSeconds", seconds.into().0);
                self
            }

            /// Fails the state with `States.HeartbeatTimeout` when the worker is silent for so many seconds.
            pub fn heartbeat_seconds(mut self, seconds: impl Into<$crate::inputs::Argument>) -> Self {
                self.state.set("HeartbeatSeconds", seconds.into().0);
                self
            }
        }
    };
}
pub(crate) use methods;
