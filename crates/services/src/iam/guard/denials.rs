//! What was refused, or would have been: told once, kept as lines of JSON in the data folder.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use asl::Moment;
use serde::{Deserialize, Serialize};

use super::hint::hint;
use super::permission::Need;
use crate::{Caller, Origin};

/// One distinct refusal, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// When it was first seen since the server began, ISO 8601.
    pub time: String,
    /// The role or user.
    pub principal: String,
    /// The action it may not do.
    pub action: String,
    /// On what.
    pub resource: String,
    /// AWS's text, which ends with the reason.
    pub message: String,
    /// The execution it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
}

const FILE: &str = "iam-denials.jsonl";
/// Distinct refusals that are kept apart; what comes after them is refused, or not, in silence.
const KEPT_MAX: usize = 10_000;

pub(super) struct Denials {
    path: PathBuf,
    seen: Mutex<HashSet<(String, String, String)>>,
}

impl Denials {
    pub fn new(data: &Path) -> Denials {
        Denials { path: data.join(FILE), seen: Mutex::default() }
    }

    /// Tells a refusal the first time it happens.
    pub fn tell(&self, moment: Moment, caller: &Caller, need: &Need, message: &str) {
        let principal = principal(&caller.arn);
        let what = (principal.clone(), need.action.clone(), need.resource.clone());
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= KEPT_MAX || !seen.insert(what) {
                return;
            }
        }
        match hint(message) {
            Some(hint) => tracing::info!("IAM: {message}. {hint}"),
            None => tracing::info!("IAM: {message}"),
        }
        let time = jiff::Timestamp::from_millisecond(moment.now.0).unwrap_or_default();
        let execution_arn = match &caller.origin {
            Origin::Task { execution_arn, .. } => Some(execution_arn.clone()),
            Origin::Client | Origin::Service => None,
        };
        let denial = Denial {
            time: time.to_string(),
            principal,
            action: need.action.clone(),
            resource: need.resource.clone(),
            message: message.to_owned(),
            execution_arn,
        };
        if let Err(error) = self.write(&denial) {
            tracing::warn!(%error, "cannot write `{}`", self.path.display());
        }
    }

    fn write(&self, denial: &Denial) -> io::Result<()> {
        let line = serde_json::to_string(denial)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// The role of a session, the others as they are.
fn principal(arn: &str) -> String {
    match arn.split_once(":assumed-role/") {
        Some((front, role)) => {
            let role = role.split('/').next().unwrap_or_default();
            format!("{}:role/{role}", front.replacen(":sts:", ":iam:", 1))
        }
        None => arn.to_owned(),
    }
}

/// The refusals of a data folder, oldest first, each once; a line that cannot be read is left out.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read_denials(data: &Path) -> io::Result<Vec<Denial>> {
    let text = match std::fs::read_to_string(data.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut seen = HashSet::new();
    let denials = text.lines().filter_map(|line| serde_json::from_str::<Denial>(line).ok());
    Ok(denials
        .filter(|denial| {
            seen.insert((denial.principal.clone(), denial.action.clone(), denial.resource.clone()))
        })
        .collect())
}
