//! Intrinsic functions: `States.Format('Hello, {}', $.name)`, in payload templates of JSONPath states.
//!
//! A new function is a file here and a line in [`FUNCTIONS`].

mod array;
mod array_contains;
mod array_get_item;
mod array_length;
mod array_partition;
mod array_range;
mod array_unique;
mod base64_decode;
mod base64_encode;
mod format;
mod hash;
mod json_merge;
mod json_to_string;
mod math_add;
mod math_random;
mod parse;
mod string_split;
mod string_to_json;
mod uuid;

use serde_json::Value;

use crate::Dice;
use crate::error_name;
use crate::expression::{EvaluationError, Path, SPENT, Scope};

pub(crate) use hash::digest;

/// Characters that `States.Base64Encode`, `States.Base64Decode` and `States.Hash` take.
const TEXT_CHARACTERS_MAX: usize = 10_000;

/// How deep calls may be nested: AWS allows ten.
pub const NESTING_MAX: usize = 10;

/// A function: its name after `States.`, how many arguments it takes, what it does.
struct Intrinsic {
    name: &'static str,
    arguments: (usize, usize),
    call: fn(&[Value], &mut Dice) -> Result<Value, String>,
}

const FUNCTIONS: &[Intrinsic] = &[
    Intrinsic { name: "Format", arguments: (1, usize::MAX), call: format::call },
    Intrinsic { name: "StringToJson", arguments: (1, 1), call: string_to_json::call },
    Intrinsic { name: "JsonToString", arguments: (1, 1), call: json_to_string::call },
    Intrinsic { name: "Array", arguments: (0, usize::MAX), call: array::call },
    Intrinsic { name: "ArrayPartition", arguments: (2, 2), call: array_partition::call },
    Intrinsic { name: "ArrayContains", arguments: (2, 2), call: array_contains::call },
    Intrinsic { name: "ArrayRange", arguments: (3, 3), call: array_range::call },
    Intrinsic { name: "ArrayGetItem", arguments: (2, 2), call: array_get_item::call },
    Intrinsic { name: "ArrayLength", arguments: (1, 1), call: array_length::call },
    Intrinsic { name: "ArrayUnique", arguments: (1, 1), call: array_unique::call },
    Intrinsic { name: "Base64Encode", arguments: (1, 1), call: base64_encode::call },
    Intrinsic { name: "Base64Decode", arguments: (1, 1), call: base64_decode::call },
    Intrinsic { name: "Hash", arguments: (2, 2), call: hash::call },
    Intrinsic { name: "JsonMerge", arguments: (3, 3), call: json_merge::call },
    Intrinsic { name: "MathRandom", arguments: (2, 3), call: math_random::call },
    Intrinsic { name: "MathAdd", arguments: (2, 2), call: math_add::call },
    Intrinsic { name: "StringSplit", arguments: (2, 2), call: string_split::call },
    Intrinsic { name: "UUID", arguments: (0, 0), call: uuid::call },
];

/// A compiled call.
#[derive(Clone, Debug)]
pub struct Call {
    text: String,
    function: usize,
    arguments: Vec<Argument>,
}

/// What stands between the parentheses.
#[derive(Clone, Debug)]
enum Argument {
    Literal(Value),
    Path(Path),
    Call(Call),
}

impl Call {
    /// Compiles a call.
    ///
    /// # Errors
    ///
    /// What is wrong with it: no such function, the wrong number of arguments, an argument that is none.
    pub fn parse(text: &str) -> Result<Call, String> {
        parse::call(text)
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every path among the arguments, nested calls included.
    pub(crate) fn paths<'c>(&'c self, found: &mut Vec<&'c Path>) {
        for argument in &self.arguments {
            match argument {
                Argument::Literal(_) => {}
                Argument::Path(path) => found.push(path),
                Argument::Call(call) => call.paths(found),
            }
        }
    }

    /// What the function gives. `place` is where in its state the call stands: calls in different
    /// places throw different dice.
    ///
    /// # Errors
    ///
    /// `States.IntrinsicFailure` when the arguments do not suit it, `States.Runtime` when a path finds nothing.
    pub fn evaluate(&self, scope: &Scope, place: &str) -> Result<Value, EvaluationError> {
        self.evaluate_with(scope, &mut scope.moment.dice(place))
    }

    fn evaluate_with(&self, scope: &Scope, dice: &mut Dice) -> Result<Value, EvaluationError> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Call(call) => call.evaluate_with(scope, dice)?,
                Argument::Path(path) => self.find(path, scope)?,
            });
            if arguments.last().is_some_and(|argument| !scope.budget.hold(argument)) {
                return Err(EvaluationError::runtime(self.cause(SPENT)));
            }
        }
        (FUNCTIONS[self.function].call)(&arguments, dice).map_err(|what| EvaluationError {
            error: error_name::INTRINSIC_FAILURE,
            cause: self.cause(&what),
            location: None,
        })
    }

    fn find(&self, path: &Path, scope: &Scope) -> Result<Value, EvaluationError> {
        let found = path.find(scope);
        path.check_spent(scope)?;
        found.ok_or_else(|| EvaluationError {
            error: error_name::RUNTIME,
            cause: self.cause(&format!(
                "The JsonPath argument for the field '{}' could not be found in the input '{}'",
                path.text(),
                scope.input
            )),
            location: None,
        })
    }

    fn cause(&self, what: &str) -> String {
        format!("The function '{}' had the following error: {what}", self.text)
    }
}

/// `java.lang.Math.round`: halves go up.
fn round(number: f64) -> i64 {
    (number + 0.5).floor() as i64
}

fn as_array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| unsuitable("an array", value))
}

fn as_text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| unsuitable("a string", value))
}

fn as_integer(value: &Value) -> Result<i64, String> {
    match value.as_i64() {
        Some(integer) => Ok(integer),
        None => value.as_f64().map(round).ok_or_else(|| unsuitable("a number", value)),
    }
}

fn unsuitable(expected: &str, value: &Value) -> String {
    format!("Invalid argument: expected {expected} but found {value}")
}

fn not_too_long(text: &str) -> Result<&str, String> {
    let length = text.chars().count();
    if length > TEXT_CHARACTERS_MAX {
        return Err(format!(
            "The input has {length} characters, more than the {TEXT_CHARACTERS_MAX} allowed"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
