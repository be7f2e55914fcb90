//! Pictures of state machines and executions, for the console, notebooks and the command line.
//!
//! AWS has no such operation; whoever asks may see no more than the operations of AWS would tell him,
//! which are asked in his name.

use std::sync::Arc;

use asl::graph::{Graph, Iterations, Progress, Theme};
use serde::Deserialize;
use serde_json::{Value, json};

use super::execution;
use crate::audit::Wire;
use crate::{Caller, Context, Error, Input};

/// What is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    /// A definition, as text or as an object; it need not be saved, nor valid.
    definition: Option<Value>,
    execution_arn: Option<String>,
    state_machine_arn: Option<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    theme: Colours,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Svg,
    Text,
    /// Text with the colours of a terminal.
    Ansi,
    Mermaid,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colours {
    Light,
    Dark,
    #[default]
    Auto,
}

impl From<Colours> for Theme {
    fn from(colours: Colours) -> Theme {
        match colours {
            Colours::Light => Theme::Light,
            Colours::Dark => Theme::Dark,
            Colours::Auto => Theme::Auto,
        }
    }
}

/// A picture in one of its forms.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Its media type.
    pub content_type: &'static str,
    /// The picture.
    pub text: String,
}

/// Draws.
///
/// # Errors
/// `ValidationException` for a request that makes no sense; what AWS's operations refuse with.
pub async fn draw(context: &Context, caller: &Caller, input: Input) -> Result<Drawing, Error> {
    let Input { members, wire, .. } = input;
    let request: Request =
        serde_json::from_value(members).map_err(|error| invalid(error.to_string()))?;
    let asker = Asker { context, caller, wire };
    let mut title = None;
    let mut progress = None;
    if let Some(arn) = &request.execution_arn {
        let asked = json!({ "executionArn": arn, "includedData": "METADATA_ONLY" });
        let described = asker.ask("DescribeExecution", asked).await?;
        title = described["name"].as_str().map(str::to_owned);
        progress = Some(told(&asker, arn).await?);
    }
    let definition = match (&request.definition, &request.execution_arn, &request.state_machine_arn)
    {
        (Some(Value::String(text)), ..) => text.clone(),
        (Some(object @ Value::Object(_)), ..) => object.to_string(),
        (Some(_), ..) => return Err(invalid("`definition` must be a string or an object")),
        (None, Some(arn), _) => {
            let asked = json!({ "executionArn": arn });
            text_of(&asker.ask("DescribeStateMachineForExecution", asked).await?)
        }
        (None, None, Some(arn)) => {
            let asked = json!({ "stateMachineArn": arn });
            let described = asker.ask("DescribeStateMachine", asked).await?;
            title = described["name"].as_str().map(str::to_owned);
            text_of(&described)
        }
        (None, None, None) => {
            return Err(invalid(
                "one of `definition`, `executionArn` and `stateMachineArn` must be given",
            ));
        }
    };
    let most = context.settings.limits.definition_bytes_max;
    if definition.len() > most {
        return Err(invalid(format!("the definition is longer than {most} bytes")));
    }
    let now = context.clock.moment().now;
    let limits = context.settings.limits;
    let work = move || {
        let mut graph = Graph::read(&definition).at(now);
        if let Some(title) = title {
            graph = graph.titled(title);
        }
        if let Some(progress) = progress {
            graph = graph.with_progress(progress);
        }
        drawn(&graph, &definition, &request, limits)
    };
    // A great definition takes its time.
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(error.to_string()))
}

/// Whoever wants a picture, and the request for it.
struct Asker<'a> {
    context: &'a Context,
    caller: &'a Caller,
    wire: Option<Arc<Wire>>,
}

impl Asker<'_> {
    async fn ask(&self, operation: &str, members: Value) -> Result<Value, Error> {
        let input = Input { wire: self.wire.clone(), ..Input::from(members) };
        let answer = crate::call(self.context, self.caller, "stepfunctions", operation, input);
        Ok(answer.await?.members)
    }
}

fn text_of(described: &Value) -> String {
    described["definition"].as_str().unwrap_or_default().to_owned()
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new("ValidationException", message)
}

/// How far an execution has come, if the caller may read its history.
async fn told(asker: &Asker<'_>, arn: &str) -> Result<Progress, Error> {
    let Asker { context, caller, .. } = asker;
    let asked = json!({ "executionArn": arn, "includeExecutionData": false, "maxResults": 1 });
    asker.ask("GetExecutionHistory", asked).await?;
    let known = execution::find(context, caller, arn).await?;
    let mut progress = Progress::default();
    context.engine.read_journal(known.key, |event| progress.apply(event)).await?;
    for arn in progress.map_runs() {
        let Some(run) = context.engine.map_run(&arn).await? else { continue };
        let items = run.progress.items;
        let running = run.progress.items_running();
        let counts = Iterations {
            total: items.total() + running,
            succeeded: items.succeeded,
            failed: items.failed + items.timed_out,
            running,
            aborted: items.aborted,
        };
        progress.set_map_run(&arn, counts);
    }
    Ok(progress)
}

fn drawn(graph: &Graph, definition: &str, request: &Request, limits: asl::Limits) -> Drawing {
    match request.format {
        Format::Svg => {
            Drawing { content_type: "image/svg+xml", text: graph.svg(request.theme.into()) }
        }
        Format::Text => plain(graph.text(false)),
        Format::Ansi => plain(graph.text(true)),
        Format::Mermaid => plain(graph.mermaid()),
        Format::Json => {
            let mut picture = graph.picture().json();
            let options = asl::validate::Options { express: false, limits };
            let found = asl::validate(definition, options);
            let shown = found.iter().map(|diagnostic| {
                json!({
                    "severity": diagnostic.severity.as_str(),
                    "code": diagnostic.code,
                    "message": diagnostic.message,
                    "location": diagnostic.location,
                })
            });
            picture["diagnostics"] = shown.collect();
            Drawing { content_type: "application/json", text: picture.to_string() }
        }
    }
}

fn plain(text: String) -> Drawing {
    Drawing { content_type: "text/plain; charset=utf-8", text }
}
