//! An execution as a trace: a span for itself, one for each state and each Map iteration, made from its
//! events when it has ended. AWS's X-Ray header says which trace it belongs to.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use asl::event::FrameId;
use asl::{Event, EventKind, Failure, Header, Timestamp};
use engine::Change;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::ExecutionKey;
use tokio::sync::mpsc;

use crate::{Context, Error};

/// So many executions wait to be told; more are left out.
const WAITING_MAX: usize = 10_000;

/// Where traces go.
#[derive(Default)]
pub(in super::super) struct Traces {
    subscriber: OnceLock<(mpsc::Sender<Ended>, f64)>,
}

/// An execution that has ended, to be told as a trace.
pub struct Ended {
    stored: Option<ExecutionKey>,
    header: Arc<Header>,
    trace: TraceId,
    /// Of an Express execution; those of others are in the store.
    events: Vec<Event>,
}

/// A part of a trace: something that took its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Thirty-two hexadecimal digits.
    pub trace: String,
    /// Sixteen of them.
    pub id: String,
    /// The span that it is part of.
    pub parent: Option<String>,
    /// The state machine's name, the state's, or the iteration's.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What else is known.
    pub attributes: Vec<(&'static str, String)>,
}

/// What an X-Ray header (`Root=1-…;Parent=…;Sampled=1`) says.
#[derive(Clone, Debug, Default, PartialEq)]
struct TraceId {
    id: String,
    parent: Option<String>,
    sampled: Option<bool>,
}

impl Traces {
    /// From now on, this share (0 to 1) of the executions that end is here. There is one subscriber.
    pub fn subscribe(&self, share: f64) -> Option<mpsc::Receiver<Ended>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        self.subscriber.set((sender, share)).ok().map(|()| receiver)
    }

    /// A stored execution has ended, or something else has happened to it.
    pub fn ended(&self, change: &Change<'_>) {
        if self.subscriber.get().is_none() || change.status == asl::Status::Running {
            return;
        }
        if let Some(trace) = self.wanted(change.header, change.attributes) {
            let header = Arc::new(change.header.clone());
            let stored = Some(change.execution);
            self.send(Ended { stored, header, trace, events: Vec::new() });
        }
    }

    /// Whether an Express execution's events are to be kept for its trace.
    pub fn wants(&self, header: &Header, trace_header: Option<&str>) -> bool {
        self.trace(header, trace_header).is_some()
    }

    /// An Express execution has ended; here are its events.
    pub fn express_ended(&self, header: &Arc<Header>, given: Option<&str>, events: Vec<Event>) {
        if let Some(trace) = self.trace(header, given) {
            self.send(Ended { stored: None, header: header.clone(), trace, events });
        }
    }

    fn wanted(&self, header: &Header, attributes: &str) -> Option<TraceId> {
        #[derive(Deserialize)]
        struct Kept {
            trace_header: Option<String>,
        }
        let kept = serde_json::from_str::<Kept>(attributes).ok();
        self.trace(header, kept.and_then(|kept| kept.trace_header).as_deref())
    }

    /// The execution's trace, if it is to be told.
    fn trace(&self, header: &Header, given: Option<&str>) -> Option<TraceId> {
        let (_, share) = self.subscriber.get()?;
        let trace = TraceId::of(header, given);
        // The trace decides for all who take part in it.
        let dice = u64::from_str_radix(&trace.id[16..], 16).unwrap_or_default();
        let by_share = || (dice as f64 / u64::MAX as f64) < *share;
        trace.sampled.unwrap_or_else(by_share).then_some(trace)
    }

    fn send(&self, ended: Ended) {
        let Some((subscriber, _)) = self.subscriber.get() else { return };
        if let Err(lost) = subscriber.try_send(ended) {
            let execution = &lost.into_inner().header.execution_arn;
            tracing::warn!(execution, "an execution's trace is lost: too many wait");
        }
    }
}

impl TraceId {
    fn of(header: &Header, given: Option<&str>) -> TraceId {
        let mut trace = TraceId { id: digits(&header.execution_arn, 32), ..TraceId::default() };
        for part in given.unwrap_or_default().split(';') {
            let Some((name, value)) = part.trim().split_once('=') else { continue };
            let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
            match name {
                "Root" => {
                    let id = value.strip_prefix("1-").unwrap_or_default().replace('-', "");
                    if id.len() == 32 && is_hex(&id) {
                        trace.id = id.to_ascii_lowercase();
                    }
                }
                "Parent" if value.len() == 16 && is_hex(value) => {
                    trace.parent = Some(value.to_ascii_lowercase());
                }
                "Sampled" => trace.sampled = ["0", "1"].contains(&value).then_some(value == "1"),
                _ => {}
            }
        }
        trace
    }
}

/// So many hexadecimal digits that are the same for the same text, and no other's.
fn digits(text: &str, count: usize) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..count / 2])
}

/// The spans of an execution that has ended, its own first.
///
/// # Errors
/// The engine's: its journal cannot be read.
pub async fn spans(context: &Context, ended: Ended) -> Result<Vec<Span>, Error> {
    let events = match ended.stored {
        Some(execution) => context.engine.history(execution, 0, false, usize::MAX).await?,
        None => ended.events,
    };
    Ok(of_events(&ended.header, &ended.trace, &events))
}

struct Maker<'a> {
    header: &'a Header,
    trace: &'a TraceId,
    spans: Vec<Span>,
    /// The span of the state that a frame is in.
    states: HashMap<FrameId, usize>,
    /// The span that a frame's states are part of.
    parents: HashMap<FrameId, usize>,
}

fn of_events(header: &Header, trace: &TraceId, events: &[Event]) -> Vec<Span> {
    let mut maker =
        Maker { header, trace, spans: Vec::new(), states: HashMap::new(), parents: HashMap::new() };
    let kind = if header.express { "EXPRESS" } else { "STANDARD" };
    maker.open(
        None,
        &header.state_machine_name,
        header.start_time,
        "execution",
        [
            ("aws.step_functions.state_machine.arn", header.state_machine_arn.clone()),
            ("aws.step_functions.execution.arn", header.execution_arn.clone()),
            ("aws.step_functions.state_machine.type", kind.to_owned()),
        ],
    );
    maker.spans[0].parent.clone_from(&trace.parent);
    for event in events {
        maker.event(event);
    }
    // What was open when the execution ended has ended with it.
    let end = events.last().map_or(header.start_time, |event| event.at);
    for span in maker.spans.iter_mut().filter(|span| span.end < span.start) {
        span.end = end;
    }
    maker.spans
}

/// An end that is not known yet: before any start.
const OPEN: Timestamp = Timestamp(i64::MIN);

impl Maker<'_> {
    fn open(
        &mut self,
        parent: Option<usize>,
        name: &str,
        start: Timestamp,
        what: &str,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> usize {
        let place = self.spans.len();
        self.spans.push(Span {
            trace: self.trace.id.clone(),
            id: digits(&format!("{} {what} {place}", self.header.execution_arn), 16),
            parent: parent.map(|parent| self.spans[parent].id.clone()),
            name: name.to_owned(),
            start,
            end: OPEN,
            failure: None,
            attributes: attributes.into_iter().collect(),
        });
        place
    }

    /// The span that happenings in a frame belong to.
    fn of_frame(&mut self, frame: FrameId) -> &mut Span {
        let place = self.states.get(&frame).or(self.parents.get(&frame)).copied().unwrap_or(0);
        &mut self.spans[place]
    }

    fn event(&mut self, event: &Event) {
        let (frame, at) = (event.frame, event.at);
        match &event.kind {
            EventKind::StateEntered { state, state_type, .. } => {
                let parent = self.parents.get(&frame).copied().unwrap_or(0);
                let kind = ("aws.step_functions.state.type", format!("{state_type:?}"));
                let place = self.open(Some(parent), state, at, "state", [kind]);
                self.states.insert(frame, place);
            }
            EventKind::StateExited { .. } | EventKind::StateAborted { .. } => {
                if let Some(place) = self.states.remove(&frame) {
                    self.spans[place].end = at;
                }
            }
            EventKind::ParallelStarted { branches, .. } => {
                let parent = self.states.get(&frame).copied().unwrap_or(0);
                self.parents.extend(branches.iter().map(|branch| (*branch, parent)));
            }
            EventKind::MapIterationStarted { index, iteration, .. } => {
                let parent = self.states.get(&frame).copied();
                let name = format!("iteration {index}");
                let place = self.open(parent, &name, at, "iteration", []);
                self.parents.insert(*iteration, place);
            }
            EventKind::MapIterationSucceeded { iteration, .. }
            | EventKind::MapIterationAborted { iteration, .. } => self.leave(*iteration, at, None),
            EventKind::MapIterationFailed { iteration, failure, .. } => {
                self.leave(*iteration, at, Some(failure));
            }
            EventKind::TaskFailed { failure, .. }
            | EventKind::TaskTimedOut { failure, .. }
            | EventKind::MapFailed { failure }
            | EventKind::ParallelFailed { failure }
            | EventKind::MapRunFailed { failure, .. }
            | EventKind::EvaluationFailed { failure, .. } => {
                self.of_frame(frame).failure = Some(failure.clone());
            }
            EventKind::TaskSucceeded { .. } => self.of_frame(frame).failure = None,
            EventKind::ExecutionFailed { failure }
            | EventKind::ExecutionTimedOut { failure }
            | EventKind::ExecutionAborted { failure } => {
                self.spans[0].end = at;
                self.spans[0].failure = Some(failure.clone());
            }
            EventKind::ExecutionSucceeded { .. } => self.spans[0].end = at,
            EventKind::ExecutionRedriven { .. } => {
                (self.spans[0].end, self.spans[0].failure) = (OPEN, None);
            }
            _ => {}
        }
    }

    /// An iteration is over, and whatever was open in it.
    fn leave(&mut self, iteration: FrameId, at: Timestamp, failure: Option<&Failure>) {
        if let Some(place) = self.states.remove(&iteration) {
            self.spans[place].end = at;
        }
        if let Some(place) = self.parents.remove(&iteration) {
            self.spans[place].end = at;
            self.spans[place].failure = failure.cloned();
        }
    }
}

#[cfg(test)]
mod tests {
    use asl::{Definition, Limits, Moment};
    use engine::Express;
    use serde_json::json;

    use super::*;

    fn header() -> Header {
        Header {
            key: 7,
            execution_arn: "arn:aws:states:us-east-1:000000000000:express:m:e:r".into(),
            name: "e".into(),
            state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
            state_machine_name: "m".into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            input: json!([1, 2]).into(),
            start_time: Timestamp(1000),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            express: true,
        }
    }

    #[test]
    fn states_and_iterations_are_spans_within_each_other() {
        let definition = json!({"StartAt": "Each", "States": {
            "Each": {"Type": "Map", "Next": "Rest", "ItemProcessor": {
                "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}}},
            "Rest": {"Type": "Wait", "Seconds": 2, "Next": "No"},
            "No": {"Type": "Fail", "Error": "E"},
        }});
        let definition = Arc::new(Definition::parse(&definition.to_string()).unwrap());
        let at = |now| Moment { now: Timestamp(now), seed: 1 };
        let header = Arc::new(header());
        let (mut express, turn) =
            Express::start(definition, header.clone(), Limits::default(), at(1000));
        let mut events = turn.events;
        events.extend(express.fire(at(3000)).events);
        let given = "Root=1-67891233-ABCDEF012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";
        let trace = TraceId::of(&header, Some(given));
        let spans = of_events(&header, &trace, &events);
        let told: Vec<(&str, Option<&str>, i64, i64)> = spans
            .iter()
            .map(|span| {
                let parent = spans.iter().find(|other| Some(&other.id) == span.parent.as_ref());
                let parent = parent.map(|parent| parent.name.as_str());
                (span.name.as_str(), parent, span.start.0, span.end.0)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("m", None, 1000, 3000),
                ("Each", Some("m"), 1000, 1000),
                ("iteration 0", Some("Each"), 1000, 1000),
                ("iteration 1", Some("Each"), 1000, 1000),
                ("One", Some("iteration 0"), 1000, 1000),
                ("One", Some("iteration 1"), 1000, 1000),
                ("Rest", Some("m"), 1000, 3000),
                ("No", Some("m"), 3000, 3000),
            ]
        );
        assert!(spans.iter().all(|span| span.trace == "67891233abcdef012345678912345678"));
        assert_eq!(spans[0].parent.as_deref(), Some("463ac35c9f6413ad"));
        assert_eq!(spans[0].failure.as_ref().unwrap().error.as_deref(), Some("E"));
        let mut ids: Vec<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), spans.len());
    }

    #[test]
    fn the_header_decides_what_is_told_else_the_share() {
        let (traces, header) = (Traces::default(), header());
        assert!(!traces.wants(&header, None), "nobody listens");
        let _receiver = traces.subscribe(0.0);
        assert!(!traces.wants(&header, None));
        assert!(traces.wants(&header, Some("Sampled=1")));
        let all = Traces::default();
        let _receiver = all.subscribe(1.0);
        assert!(all.wants(&header, None));
        assert!(!all.wants(&header, Some("Root=1-x;Sampled=0")));
        let odd = TraceId::of(&header, Some("Root=2-67891233-abc;Parent=zz;Sampled=?"));
        assert_eq!(odd, TraceId::of(&header, None));
    }
}
