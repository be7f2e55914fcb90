//! One evaluation: parse, bind, evaluate within a budget, convert. A panic of the evaluator is an error like others.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use indexmap::IndexMap;
use jsonata::ast::AstNode;
use jsonata::environment::{self, Dialect, Environment};
use jsonata::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata::exact;
use jsonata::value::JValue;
use serde_json::{Map, Number, Value};

use super::plain::{Bounds, Failure};
use super::{Part, References, Session, functions};
use crate::Moment;

/// AWS's bound on nesting.
const STATES_DEPTH_MAX: usize = 100;
/// AWS's bound on one value: what `[1..873782]` takes, and not one number more.
const STATES_VALUE_BYTES_MAX: u64 = 6_990_256;
/// Bytes that one evaluation may make in all, kept or not.
const MADE_BYTES_MAX: u64 = 256 << 20;
/// Bytes that the arrays, objects and functions of one evaluation take at any one time.
const STATES_HELD_BYTES_MAX: i64 = 256 << 20;
/// As above in plain JSONata, where ranges of 10,000,000 numbers are made.
const PLAIN_HELD_BYTES_MAX: i64 = 1 << 30;
/// Nodes and rounds of loops: below a second on any machine that would run this.
const STEPS_MAX: u64 = 4_000_000;
/// Values in a result.
const RESULT_VALUES_MAX: usize = 2_000_000;
/// Arrays and objects within each other in a result: more than any reader of JSON takes.
const RESULT_DEPTH_MAX: usize = 120;

/// Parses an expression of either dialect.
pub(super) fn parse(text: &str) -> Result<AstNode, Failure> {
    guarded(|| jsonata::parser::parse(text).map_err(|error| Failure::parsing(&error.to_string())))
}

/// Evaluates in AWS's dialect. `None` is undefined.
pub(super) fn in_state(
    program: &AstNode,
    references: &References,
    session: &Session,
    place: &str,
) -> Result<Option<Value>, Failure> {
    exact::within(&mut session.integers.borrow_mut(), || {
        in_state_of(program, references, session, place)
    })
}

fn in_state_of(
    program: &AstNode,
    references: &References,
    session: &Session,
    place: &str,
) -> Result<Option<Value>, Failure> {
    let scope = session.scope;
    let mut context = Context::new();
    let mut states = IndexMap::new();
    if references.states.whole {
        for name in ["input", "context", "result", "errorOutput"] {
            states.extend(session.member(name, &Part::WHOLE).map(|value| (name.to_owned(), value)));
        }
    } else {
        for (name, part) in &references.states.members {
            states.extend(session.member(name, part).map(|value| (name.clone(), value)));
        }
    }
    context.bind("states".to_owned(), JValue::object(states));
    for name in &references.variables {
        if let Some(value) = scope.variables.get(name) {
            context.bind(name.clone(), JValue::from(value));
        }
    }
    let options =
        EvaluatorOptions { max_stack_depth: Some(STATES_DEPTH_MAX), ..Default::default() };
    let seed = scope.moment.dice(place).next_u64();
    let environment = Environment {
        now_millis: scope.moment.now.0,
        seed,
        dialect: Dialect::States,
        steps_max: STEPS_MAX.min(scope.budget.steps_left()),
        value_bytes_max: STATES_VALUE_BYTES_MAX,
        made_bytes_max: MADE_BYTES_MAX,
        held_bytes_max: STATES_HELD_BYTES_MAX,
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, references, scope.moment, place);
    let (result, steps) = evaluate(&mut evaluator, program, &JValue::Undefined, environment);
    scope.budget.steps(steps);
    result
}

/// Evaluates in the plain dialect, with the input as context item.
pub(super) fn plainly(
    program: &AstNode,
    input: Option<&Value>,
    bindings: &Map<String, Value>,
    moment: Moment,
    bounds: Bounds,
) -> Result<Option<Value>, Failure> {
    let mut context = Context::new();
    for (name, value) in bindings {
        context.bind(name.clone(), JValue::from(value));
    }
    let options = EvaluatorOptions { max_stack_depth: bounds.depth, ..Default::default() };
    let environment = Environment {
        now_millis: moment.now.0,
        seed: moment.dice("jsonata").next_u64(),
        dialect: Dialect::Plain,
        steps_max: bounds.steps,
        value_bytes_max: MADE_BYTES_MAX,
        made_bytes_max: MADE_BYTES_MAX,
        held_bytes_max: PLAIN_HELD_BYTES_MAX,
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register_random(&mut evaluator, moment);
    let input = input.map_or(JValue::Undefined, JValue::from);
    evaluate(&mut evaluator, program, &input, environment).0
}

/// What it gives, and how many steps it took.
fn evaluate(
    evaluator: &mut Evaluator,
    program: &AstNode,
    input: &JValue,
    environment: Environment,
) -> (Result<Option<Value>, Failure>, u64) {
    // One that panicked may have taken all.
    let mut left = 0;
    let result = guarded(|| {
        environment::within(environment, || {
            let evaluated = evaluator.evaluate(program, input);
            left = environment::steps_left();
            let result = evaluated.map_err(|error| Failure::evaluating(error.message()))?;
            let mut left = RESULT_VALUES_MAX;
            converted(&result, 0, &mut left)
        })
    });
    (result, environment.steps_max.saturating_sub(left))
}

/// Runs what may panic, or be unwound for it has used up its budget. A panic is a failed expression, so nobody is told
/// of it on standard error.
fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    thread_local! {
        static GUARDED: Cell<u32> = const { Cell::new(0) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if GUARDED.get() == 0 {
                told(panic);
            }
        }));
    });
    GUARDED.set(GUARDED.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(GUARDED.get() - 1);
    result.unwrap_or_else(|panic| match panic.downcast_ref::<environment::Exhausted>() {
        Some(exhausted) => Err(Failure::evaluating(exhausted.0)),
        None => Err(Failure::internal()),
    })
}

/// JSON of a result. Undefined and functions are nothing; numbers that JSON does not have are their names.
fn converted(value: &JValue, depth: usize, left: &mut usize) -> Result<Option<Value>, Failure> {
    *left = left.checked_sub(1).ok_or_else(Failure::out_of_memory)?;
    if depth > RESULT_DEPTH_MAX {
        return Err(Failure::out_of_memory());
    }
    Ok(Some(match value {
        JValue::Undefined | JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
            return Ok(None);
        }
        JValue::Null => Value::Null,
        JValue::Bool(bool) => Value::Bool(*bool),
        JValue::Number(number) => json_number(*number),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => {
            let mut array = Vec::with_capacity(items.len());
            for item in items.iter() {
                // A function in an array is written as `null`, as JSON.stringify does.
                array.push(converted(item, depth + 1, left)?.unwrap_or(Value::Null));
            }
            Value::Array(array)
        }
        JValue::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for (name, member) in members.iter() {
                if let Some(member) = converted(member, depth + 1, left)? {
                    object.insert(name.clone(), member);
                }
            }
            Value::Object(object)
        }
    }))
}

/// A number as JavaScript prints it: whole ones without a fraction. What JSON has no number for is its name.
fn json_number(number: f64) -> Value {
    if let Some(exact) = exact::of(number) {
        return Value::from(exact);
    }
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Value::from(number as i64);
    }
    match Number::from_f64(number) {
        Some(_) if number.fract() == 0.0 && number.abs() < 1e18 => Value::from(number as i64),
        Some(finite) => Value::Number(finite),
        None if number.is_nan() => Value::from("NaN"),
        None if number > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}
