//! What AWS adds to JSONata: `$parse $partition $range $hash $random(seed) $uuid`, and `$eval` taken away.

use std::cell::RefCell;
use std::rc::Rc;

use jsonata::environment;
use jsonata::evaluator::{Evaluator, EvaluatorError};
use jsonata::value::JValue;

use super::References;
use crate::intrinsics::digest;
use crate::{Dice, JavaRandom, Moment};

/// The most elements `$range` makes at AWS.
const RANGE_ELEMENTS_MAX: f64 = 360_145.0;

type Given<'a> = &'a [JValue];
type Answer = Result<JValue, EvaluatorError>;

/// Makes the functions known that the expression names.
pub(super) fn register(
    evaluator: &mut Evaluator,
    references: &References,
    moment: Moment,
    place: &str,
) {
    if references.functions.is_empty() {
        return;
    }
    let names = |name: &str| references.functions.iter().any(|found| found == name);
    let mut add = |name: &str, function: Box<dyn Fn(Given) -> Answer>| {
        if names(name) {
            // None of these names takes part in the compiled fast path.
            let _ = evaluator.register_fn_override(name, move |given: Given| function(given));
        }
    };
    add("parse", Box::new(parse));
    add("partition", Box::new(partition));
    add("range", Box::new(range));
    add("hash", Box::new(hash));
    add("eval", Box::new(|_| Err(failed("T1006: Attempted to invoke a non-function"))));
    let dice = Rc::new(RefCell::new(moment.dice(place)));
    let (first, second) = (Rc::clone(&dice), dice);
    add("random", Box::new(move |given| random(given, &first)));
    add(
        "uuid",
        Box::new(move |given| {
            arguments("uuid", given, 0, 0)?;
            Ok(JValue::string(second.borrow_mut().uuid()))
        }),
    );
}

/// Plain JSONata's `$random`.
pub(super) fn register_random(evaluator: &mut Evaluator, moment: Moment) {
    let dice = RefCell::new(moment.dice("random"));
    let _ = evaluator.register_fn_override("random", move |given: Given| {
        arguments("random", given, 0, 0)?;
        Ok(JValue::Number(dice.borrow_mut().next_f64()))
    });
}

/// Counts what a function does, in steps of the evaluation.
fn work(steps: usize) -> Result<(), EvaluatorError> {
    environment::steps(steps).map_err(EvaluatorError::EvaluationError)
}

fn failed(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn arguments(name: &str, given: Given, least: usize, most: usize) -> Result<(), EvaluatorError> {
    if given.len() > most {
        return Err(mismatch(name, most + 1));
    }
    if given.len() < least {
        return Err(mismatch(name, given.len() + 1));
    }
    Ok(())
}

fn mismatch(name: &str, argument: usize) -> EvaluatorError {
    failed(format!(
        "T0410: Argument {argument} of function \"{name}\" does not match function signature"
    ))
}

fn number(name: &str, given: Given, at: usize) -> Result<f64, EvaluatorError> {
    given.get(at).and_then(JValue::as_f64).ok_or_else(|| mismatch(name, at + 1))
}

/// `$parse(text)`: the value that the JSON text says.
fn parse(given: Given) -> Answer {
    arguments("parse", given, 1, 1)?;
    match &given[0] {
        JValue::Undefined => Ok(JValue::Undefined),
        JValue::String(text) => {
            work(text.len() / 8)?;
            JValue::from_json_str(text).map_err(|_| {
                failed(format!(
                    "D3137: The argument of function \"parse\" is not valid JSON: {text}"
                ))
            })
        }
        _ => Err(mismatch("parse", 1)),
    }
}

/// `$partition(array, size)`: the array in chunks. Undefined where there is nothing to put into them, or they
/// could hold nothing.
fn partition(given: Given) -> Answer {
    arguments("partition", given, 2, 2)?;
    let size = number("partition", given, 1)?.trunc();
    if size < 1.0 {
        return Ok(JValue::Undefined);
    }
    match &given[0] {
        JValue::Undefined => Ok(JValue::Undefined),
        JValue::Array(items) if items.is_empty() => Ok(JValue::Undefined),
        JValue::Array(items) => work(items.len()).map(|()| {
            JValue::cons(
                items
                    .chunks(size.min(1e9) as usize)
                    .map(|chunk| JValue::array(chunk.to_vec()))
                    .collect(),
            )
        }),
        other => Ok(JValue::cons(vec![JValue::array(vec![other.clone()])])),
    }
}

/// `$range(first, last, step)`: the numbers from the first to the last, which is included. A single one is no
/// array; where there is none, or no step, the range is undefined.
fn range(given: Given) -> Answer {
    arguments("range", given, 2, 3)?;
    if given.get(2).is_none_or(JValue::is_undefined) {
        return Ok(JValue::Undefined);
    }
    let first = number("range", given, 0)?.trunc();
    let last = number("range", given, 1)?.trunc();
    let step = number("range", given, 2)?.trunc();
    let count = ((last - first) / step).floor() + 1.0;
    if step == 0.0 || count.is_nan() || count < 1.0 {
        return Ok(JValue::Undefined);
    }
    if count == 1.0 {
        return Ok(JValue::Number(first));
    }
    if count > RANGE_ELEMENTS_MAX {
        return Err(failed(environment::OUT_OF_MEMORY));
    }
    work(count as usize / 4)?;
    Ok(JValue::cons((0..count as u64).map(|at| JValue::Number(first + at as f64 * step)).collect()))
}

/// `$hash(text, algorithm)`: the digest in hexadecimal digits; undefined without an algorithm.
fn hash(given: Given) -> Answer {
    arguments("hash", given, 1, 2)?;
    if given.get(1).is_none_or(JValue::is_undefined) {
        return Ok(JValue::Undefined);
    }
    let (JValue::String(data), JValue::String(algorithm)) = (&given[0], &given[1]) else {
        let wrong = if matches!(given[0], JValue::String(_)) { 2 } else { 1 };
        return if given[0].is_undefined() {
            Ok(JValue::Undefined)
        } else {
            Err(mismatch("hash", wrong))
        };
    };
    work(data.len() / 32)?;
    digest(data.as_bytes(), algorithm).map(JValue::string).ok_or_else(|| {
        failed(format!(
            "D3137: \"{algorithm}\" is not one of the algorithms MD5, SHA-1, SHA-256, SHA-384, SHA-512"
        ))
    })
}

/// `$random()` or, with a seed of the user's, `$random(seed)`: Java's numbers.
fn random(given: Given, dice: &RefCell<Dice>) -> Answer {
    arguments("random", given, 0, 1)?;
    match given.first() {
        None | Some(JValue::Undefined) => Ok(JValue::Number(dice.borrow_mut().next_f64())),
        Some(JValue::Number(seed)) => {
            Ok(JValue::Number(JavaRandom::new(seed.trunc() as i64).next_f64()))
        }
        Some(_) => Err(mismatch("random", 1)),
    }
}
