//! `stepwell eval`: try an expression.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use asl::expression::{Budget, EvaluationError, LazyContext, Path, Scope, Variables};
use asl::{Moment, intrinsics, jsonata};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::client::json_argument;
use crate::clock::SystemClock;

/// Which JSONata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// The reference's: `$` is the input.
    #[default]
    Plain,
    /// Step Functions': `$states.input` is the input; its functions, limits and texts.
    States,
}

/// Flags of `eval`.
#[derive(Args)]
pub struct Flags {
    /// The expression is JSONata (the default)
    #[arg(long, group = "language")]
    jsonata: bool,
    /// The expression is a JSONPath: `$.a[0]`, `$$.Execution.Name`, `$variable`
    #[arg(long, group = "language")]
    jsonpath: bool,
    /// The expression is an intrinsic function: `States.Format('{}', $.name)`
    #[arg(long, group = "language")]
    intrinsic: bool,
    /// The expression
    #[arg(required_unless_present = "lines", conflicts_with = "lines")]
    expression: Option<String>,
    /// The input: JSON, or @FILE
    #[arg(long)]
    input: Option<String>,
    /// Variables: a JSON object, or @FILE; with --dialect states its member `states` may hold context, result, errorOutput
    #[arg(long)]
    bindings: Option<String>,
    /// Which JSONata
    #[arg(long, value_enum, default_value_t)]
    dialect: Dialect,
    /// Read JSON lines {"expr", "input", "bindings"} from standard input; answer each with a line
    #[arg(long)]
    lines: bool,
}

/// An expression with what it may see.
struct Case {
    expression: String,
    input: Option<Value>,
    bindings: Map<String, Value>,
}

/// What came of it: a value, nothing, or an error's code and message.
type Evaluated = Result<Option<Value>, (Option<String>, String)>;

/// Evaluates; the exit status is 1 when the expression fails.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    if flags.lines {
        return lines(flags);
    }
    let bindings =
        flags.bindings.as_deref().map(json_argument).transpose()?.unwrap_or_else(|| json!({}));
    let case = Case {
        expression: flags.expression.clone().unwrap_or_default(),
        input: flags.input.as_deref().map(json_argument).transpose()?,
        bindings: bindings.as_object().cloned().context("--bindings is not a JSON object")?,
    };
    match evaluate(flags, &case) {
        Ok(Some(value)) => println!("{value:#}"),
        Ok(None) => eprintln!("undefined"),
        Err((code, message)) => {
            eprintln!(
                "error: {}{message}",
                code.map(|code| format!("{code}: ")).unwrap_or_default()
            );
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line out for each line in, in order.
fn lines(flags: &Flags) -> anyhow::Result<ExitCode> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let evaluated = match case(&line) {
            Ok(case) => evaluate(flags, &case),
            Err(reason) => Err((None, reason)),
        };
        let answer = match evaluated {
            Ok(Some(result)) => json!({ "result": result }),
            Ok(None) => json!({ "undefined": true }),
            Err((code, message)) => json!({ "error": { "code": code, "message": message } }),
        };
        writeln!(output, "{answer}")?;
        // Whoever asks line by line waits for the answer.
        output.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn case(line: &str) -> Result<Case, String> {
    let mut members: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| format!("the line is not a JSON object: {error}"))?;
    let expression =
        members.get("expr").and_then(Value::as_str).ok_or("the line has no \"expr\"")?.to_owned();
    let bindings = match members.remove("bindings") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(bindings)) => bindings,
        Some(_) => return Err("\"bindings\" is not an object".to_owned()),
    };
    Ok(Case { expression, input: members.remove("input"), bindings })
}

fn evaluate(flags: &Flags, case: &Case) -> Evaluated {
    let moment = services::Clock::moment(&SystemClock);
    if flags.jsonpath {
        let path = Path::parse(&case.expression).map_err(|error| (None, error.to_string()))?;
        return states(case, moment, |scope| path.evaluate(scope, "expression"));
    }
    if flags.intrinsic {
        let call = intrinsics::Call::parse(&case.expression).map_err(|reason| (None, reason))?;
        return states(case, moment, |scope| call.evaluate(scope, "expression"));
    }
    match flags.dialect {
        Dialect::Plain => {
            let bounds = jsonata::Bounds::default();
            jsonata::evaluate_plain(
                &case.expression,
                case.input.as_ref(),
                &case.bindings,
                moment,
                bounds,
            )
            .map_err(|failure| (failure.code, failure.message))
        }
        Dialect::States => {
            let written = case.expression.trim();
            let bare = written
                .strip_prefix("{%")
                .and_then(|rest| rest.strip_suffix("%}"))
                .unwrap_or(written);
            let compiled = jsonata::Jsonata::compile(bare)
                .map_err(|refused| (Some(refused.code.to_owned()), refused.messages.join("; ")))?;
            states(case, moment, |scope| compiled.evaluate(scope, "expression"))
        }
    }
}

/// Variables of the command line.
struct Bindings<'a>(&'a Map<String, Value>);

impl Variables for Bindings<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// Evaluates as a state would, with `bindings.states` as what the state knows besides its input.
fn states(
    case: &Case,
    moment: Moment,
    expression: impl FnOnce(&Scope) -> Result<Value, EvaluationError>,
) -> Evaluated {
    let nothing = json!({});
    let of_states = |name: &str| case.bindings.get("states").and_then(|states| states.get(name));
    let make = || of_states("context").cloned().unwrap_or_else(|| json!({}));
    let context = LazyContext::new(&make);
    let scope = Scope {
        input: case.input.as_ref().unwrap_or(&nothing),
        context: &context,
        variables: &Bindings(&case.bindings),
        result: of_states("result"),
        error_output: of_states("errorOutput"),
        moment,
        budget: &Budget::default(),
    };
    expression(&scope).map(Some).map_err(|error| (Some(error.error.to_owned()), error.cause))
}
