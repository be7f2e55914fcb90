//! ValidateStateMachineDefinition.

use asl::Severity;
use serde::{Deserialize, Serialize};

use crate::{Caller, Context, Error};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    definition: String,
    r#type: Option<String>,
    severity: Option<String>,
    max_results: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Response {
    result: &'static str,
    diagnostics: Vec<Diagnostic>,
    truncated: bool,
}

#[derive(Serialize)]
struct Diagnostic {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// What is wrong with a definition, and, if asked for, what is doubtful.
pub(super) async fn validate_state_machine_definition(
    context: &Context,
    _: &Caller,
    request: Request,
) -> Result<Response, Error> {
    let express = request.r#type.as_deref() == Some("EXPRESS");
    let options = asl::validate::Options { express, limits: context.settings.limits };
    let mut found = asl::validate(&request.definition, options);
    let failed = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if request.severity.as_deref() != Some("WARNING") {
        found.retain(|diagnostic| diagnostic.severity == Severity::Error);
    }
    let limit = request.max_results.filter(|limit| *limit > 0).unwrap_or(100);
    let truncated = found.len() > limit;
    found.truncate(limit);
    let shown = |diagnostic: asl::Diagnostic| Diagnostic {
        severity: diagnostic.severity.as_str(),
        code: diagnostic.code,
        message: diagnostic.message,
        location: diagnostic.location,
    };
    Ok(Response {
        result: if failed { "FAIL" } else { "OK" },
        diagnostics: found.into_iter().map(shown).collect(),
        truncated,
    })
}
