//! What was refused, or would have been: told once in a while, kept as lines of JSON in the data folder.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use asl::Moment;
use serde::{Deserialize, Serialize};

use super::hint::hint_of;
use super::permission::Need;
use crate::{Caller, Origin};

/// One distinct refusal, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// When it was first seen, ISO 8601.
    pub time: String,
    /// The role or user.
    pub principal: String,
    /// The action it may not do.
    pub action: String,
    /// On what.
    pub resource: String,
    /// AWS's text, which ends with the reason.
    pub message: String,
    /// The service that a role was to be handed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_to: Option<String>,
    /// The role might be handed on, to others than this service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_others: bool,
    /// The execution it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
}

const FILE: &str = "iam-denials.jsonl";
/// Distinct refusals that are kept apart; what comes after them is refused, or not, in silence.
const KEPT_MAX: usize = 10_000;
/// Executions whose refusals are known, and refusals of each.
const EXECUTIONS_MAX: usize = 2_000;
const OF_EXECUTION_MAX: usize = 100;
/// Lines of the file; a file with more is cut when the server starts, and does not grow beyond twice as many.
const FILE_LINES_MAX: usize = 20_000;
/// Lines of the log within a minute; those beyond are counted. A pipeline that names its jobs anew each
/// time is refused something else each time.
const LINES_MAX: usize = 60;
const MINUTE_MILLIS: i64 = 60_000;
/// The log says again what goes on being refused.
const AGAIN_MILLIS: i64 = 24 * 60 * MINUTE_MILLIS;

/// Who was refused what on what.
type What = (String, String, String);

pub(super) struct Denials {
    path: PathBuf,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// What stands in the file, and when the log said it last.
    last: HashMap<What, Option<i64>>,
    executions: HashMap<String, Vec<Denial>>,
    /// Their ARNs, oldest first.
    order: VecDeque<String>,
    file_lines: usize,
    /// When the log's minute began.
    minute: i64,
    /// Lines within it.
    lines: usize,
    /// Refusals for which there was no line.
    silent: usize,
}

/// What is done with a refusal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Telling {
    to_file: bool,
    to_log: bool,
    /// Refusals of the minute before that the log has not.
    untold: usize,
}

impl Told {
    fn tell(&mut self, denial: &Denial, now: i64) -> Telling {
        let mut telling = Telling::default();
        let of_execution = self.keep(denial);
        let what = denial.what();
        let is_new = !self.last.contains_key(&what);
        if is_new && self.last.len() >= KEPT_MAX {
            return telling;
        }
        telling.to_file = is_new || of_execution && self.file_lines < 2 * FILE_LINES_MAX;
        self.file_lines += usize::from(telling.to_file);
        let last = self.last.entry(what).or_default();
        if last.is_some_and(|last| now < last + AGAIN_MILLIS) {
            return telling;
        }
        *last = Some(now);
        // A clock that was set back begins a minute, too.
        if !(self.minute..self.minute + MINUTE_MILLIS).contains(&now) {
            (self.minute, self.lines) = (now, 0);
            telling.untold = std::mem::take(&mut self.silent);
        }
        telling.to_log = self.lines < LINES_MAX;
        match telling.to_log {
            true => self.lines += 1,
            false => self.silent += 1,
        }
        telling
    }

    /// Keeps a refusal with its execution; whether it is the first of its kind there.
    fn keep(&mut self, denial: &Denial) -> bool {
        let Some(arn) = &denial.execution_arn else { return false };
        if !self.executions.contains_key(arn) {
            if self.order.len() >= EXECUTIONS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.executions.remove(&oldest);
            }
            self.order.push_back(arn.clone());
        }
        let known = self.executions.entry(arn.clone()).or_default();
        let is_new = known.len() < OF_EXECUTION_MAX
            && !known.iter().any(|known| {
                (&known.action, &known.resource) == (&denial.action, &denial.resource)
            });
        if is_new {
            known.push(denial.clone());
        }
        is_new
    }
}

impl Denials {
    /// Goes on with what the file has.
    pub fn new(data: &Path) -> io::Result<Denials> {
        let path = data.join(FILE);
        let mut known = read(&path)?;
        if known.len() > FILE_LINES_MAX {
            known = shortened(known);
            let lines: Vec<String> =
                known.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
            std::fs::write(&path, lines.join("\n") + "\n")?;
        }
        let mut told = Told { file_lines: known.len(), ..Told::default() };
        for denial in known {
            told.keep(&denial);
            told.last.insert(denial.what(), None);
        }
        Ok(Denials { path, told: Mutex::new(told) })
    }

    /// Tells a refusal: the file the first time it happens, and for each execution; the log once in a while.
    pub fn tell(&self, moment: Moment, caller: &Caller, need: &Need, message: &str) {
        self.tell_because(moment, caller, need, message, false);
    }

    /// As [`Denials::tell`]; `to_others`: the role might be handed on, to other services.
    pub fn tell_because(
        &self,
        moment: Moment,
        caller: &Caller,
        need: &Need,
        message: &str,
        to_others: bool,
    ) {
        let time = jiff::Timestamp::from_millisecond(moment.now.0).unwrap_or_default();
        let execution_arn = match &caller.origin {
            Origin::Task { execution_arn, .. } => Some(execution_arn.clone()),
            Origin::Client | Origin::Service => None,
        };
        let denial = Denial {
            time: time.to_string(),
            principal: principal(&caller.arn),
            action: need.action.clone(),
            resource: need.resource.clone(),
            message: message.to_owned(),
            passed_to: need.passed_to().map(str::to_owned),
            to_others,
            execution_arn,
        };
        let telling = self.told().tell(&denial, moment.now.0);
        if telling.untold > 0 {
            tracing::info!("IAM: {} more refusals; `stepwell iam report` has them", telling.untold);
        }
        if telling.to_log {
            match denial.hint() {
                Some(hint) => tracing::info!("IAM: {message}. {hint}"),
                None => tracing::info!("IAM: {message}"),
            }
        }
        if telling.to_file
            && let Err(error) = self.write(&denial)
        {
            tracing::warn!(%error, "cannot write `{}`", self.path.display());
        }
    }

    /// The refusals of an execution, oldest first.
    pub fn of_execution(&self, arn: &str) -> Vec<Denial> {
        self.told().executions.get(arn).cloned().unwrap_or_default()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, denial: &Denial) -> io::Result<()> {
        let line = serde_json::to_string(denial)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// The distinct ones, and of the others the newest.
fn shortened(denials: Vec<Denial>) -> Vec<Denial> {
    let (mut seen, old) = (HashSet::new(), denials.len() - FILE_LINES_MAX / 2);
    let kept = |(place, denial): &(usize, Denial)| {
        let is_new = seen.insert(denial.what());
        is_new || *place >= old
    };
    denials.into_iter().enumerate().filter(kept).map(|(_, denial)| denial).collect()
}

impl Denial {
    /// What would allow it.
    pub fn hint(&self) -> Option<String> {
        let hint = hint_of(&self.message, self.passed_to.as_deref())?;
        Some(match self.condition() {
            Some(condition) => format!("{hint}; {condition}"),
            None => hint,
        })
    }

    /// The condition that was the reason.
    pub fn condition(&self) -> Option<String> {
        let service = self.passed_to.as_ref().filter(|_| self.to_others)?;
        Some(format!(
            "a policy allows it on the condition of another iam:PassedToService than {service}"
        ))
    }

    fn what(&self) -> What {
        (self.principal.clone(), self.action.clone(), self.resource.clone())
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
    let mut seen = HashSet::new();
    let mut denials = read(&data.join(FILE))?;
    denials.retain(|denial| seen.insert(denial.what()));
    Ok(denials)
}

fn read(path: &Path) -> io::Result<Vec<Denial>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(resource: &str, execution: Option<&str>) -> Denial {
        Denial {
            time: String::new(),
            principal: "role/work".to_owned(),
            action: "s3:GetObject".to_owned(),
            resource: resource.to_owned(),
            message: "no".to_owned(),
            passed_to: None,
            to_others: false,
            execution_arn: execution.map(str::to_owned),
        }
    }

    #[test]
    fn a_refusal_is_told_once_a_day_and_kept_once() {
        let mut told = Told::default();
        let first = Telling { to_file: true, to_log: true, untold: 0 };
        assert_eq!(told.tell(&denial("a", None), 0), first);
        assert_eq!(told.tell(&denial("a", None), AGAIN_MILLIS - 1), Telling::default());
        let again = Telling { to_file: false, to_log: true, untold: 0 };
        assert_eq!(told.tell(&denial("a", None), AGAIN_MILLIS), again);
    }

    #[test]
    fn every_execution_has_its_refusals() {
        let mut told = Told::default();
        let first = told.tell(&denial("a", Some("e1")), 0);
        assert!(first.to_file && first.to_log);
        assert_eq!(told.tell(&denial("a", Some("e1")), 0), Telling::default());
        let other = told.tell(&denial("a", Some("e2")), 0);
        assert_eq!(other, Telling { to_file: true, to_log: false, untold: 0 });
        assert_eq!(told.executions["e1"], [denial("a", Some("e1"))]);
        for number in 0..EXECUTIONS_MAX {
            told.tell(&denial("a", Some(&number.to_string())), 0);
        }
        assert_eq!(told.executions.len(), EXECUTIONS_MAX);
        assert!(!told.executions.contains_key("e1"));
    }

    #[test]
    fn the_log_is_not_flooded() {
        let mut told = Told::default();
        let all: Vec<Telling> =
            (0..100).map(|number| told.tell(&denial(&number.to_string(), None), number)).collect();
        assert!(all.iter().all(|telling| telling.to_file));
        assert_eq!(all.iter().filter(|telling| telling.to_log).count(), LINES_MAX);
        let next = told.tell(&denial("next", None), MINUTE_MILLIS);
        assert_eq!(next, Telling { to_file: true, to_log: true, untold: 100 - LINES_MAX });
    }

    #[test]
    fn a_long_file_keeps_what_is_distinct_and_what_is_new() {
        let mut all = vec![denial("a", None)];
        all.extend((0..FILE_LINES_MAX).map(|number| denial("b", Some(&number.to_string()))));
        let kept = shortened(all);
        assert_eq!((kept[0].resource.as_str(), kept[1].resource.as_str()), ("a", "b"));
        assert_eq!(kept.len(), 2 + FILE_LINES_MAX / 2);
        let last = (FILE_LINES_MAX - 1).to_string();
        assert_eq!(kept.last().and_then(|kept| kept.execution_arn.clone()), Some(last));
    }

    #[test]
    fn the_file_is_gone_on_with() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let caller = Caller::service("arn:aws:iam::000000000000:role/work", "us-east-1", "x");
        for resource in ["a", "a", "b"] {
            let denials = Denials::new(folder.path())?;
            let need = Need::new("s3:GetObject", resource);
            denials.tell(Moment { now: asl::Timestamp(0), seed: 0 }, &caller, &need, "no");
        }
        let text = std::fs::read_to_string(folder.path().join(FILE))?;
        assert_eq!(text.lines().count(), 2, "{text}");
        Ok(())
    }
}
