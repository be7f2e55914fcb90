//! How far an execution is, read from its history.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::Picture;

/// How far each state of an execution is. It prints as a list, one line a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The states in the order of the definition, those inside others after them.
    pub states: Vec<StateProgress>,
    picture: Picture,
}

/// How far one state is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StateProgress {
    /// The state's name.
    pub name: String,
    /// Its type, such as `Task`.
    pub kind: String,
    /// How deep it is inside Parallel and Map states; 0 for the machine's own.
    pub depth: usize,
    /// How far it is; the last entry decides when there are several.
    pub status: StateStatus,
    /// From its first entry to its last exit, or to now while it runs.
    pub duration: Option<Duration>,
    /// How often it was entered: more than once in loops and in Map states.
    pub entries: usize,
    /// How often its work was tried again.
    pub retries: usize,
}

/// How far a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateStatus {
    /// Not entered yet.
    NotStarted,
    /// Entered and not left.
    Running,
    /// Left with a result.
    Succeeded,
    /// Left by a catcher, after an error.
    Caught,
    /// It failed, and the execution with it.
    Failed,
    /// It was running when the execution timed out.
    TimedOut,
    /// It was running when the execution was stopped.
    Aborted,
}

impl Progress {
    /// Reads the progress from a definition and AWS's history events. `now` is the time since 1970.
    pub(super) fn new(definition: &Value, events: &[Value], now: Duration) -> Progress {
        let mut states = vec![];
        outline(definition, 0, &mut states);
        let visits = visits(events);
        for state in &mut states {
            let mine: Vec<&Visit> =
                visits.iter().filter(|visit| visit.state == state.name).collect();
            let Some(last) = mine.last() else { continue };
            state.entries = mine.len();
            state.retries = mine.iter().map(|visit| visit.attempts.saturating_sub(1)).sum();
            let running = mine.iter().any(|visit| visit.status == StateStatus::Running);
            state.status = if running { StateStatus::Running } else { last.status };
            let start = mine.iter().map(|visit| visit.entered).fold(f64::INFINITY, f64::min);
            let end = mine.iter().filter_map(|visit| visit.left).fold(start, f64::max);
            let end = if running { now.as_secs_f64() } else { end };
            state.duration = Duration::try_from_secs_f64((end - start).max(0.0)).ok();
        }
        Progress { states, picture: Picture::default() }
    }

    pub(super) fn with_picture(self, picture: Picture) -> Progress {
        Progress { picture, ..self }
    }

    /// The execution's picture as a Stepwell server draws it, as far as it has come when it is asked for.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Shows itself in a Jupyter notebook of Rust (evcxr): as an image if there is a server, else as a list.
    pub fn evcxr_display(&self) {
        self.picture.display(&self.to_string());
    }

    /// The states entered and not left.
    pub fn running(&self) -> impl Iterator<Item = &StateProgress> {
        self.states.iter().filter(|state| state.status == StateStatus::Running)
    }
}

fn outline(scope: &Value, depth: usize, found: &mut Vec<StateProgress>) {
    for (name, state) in scope["States"].as_object().into_iter().flatten() {
        found.push(StateProgress {
            name: name.clone(),
            kind: state["Type"].as_str().unwrap_or_default().to_owned(),
            depth,
            status: StateStatus::NotStarted,
            duration: None,
            entries: 0,
            retries: 0,
        });
        for branch in state["Branches"].as_array().into_iter().flatten() {
            outline(branch, depth + 1, found);
        }
        outline(&state["ItemProcessor"], depth + 1, found);
        outline(&state["Iterator"], depth + 1, found);
    }
}

/// One stay in a state.
struct Visit {
    state: String,
    entered: f64,
    left: Option<f64>,
    status: StateStatus,
    attempts: usize,
    failed: bool,
}

fn visits(events: &[Value]) -> Vec<Visit> {
    let mut visits: Vec<Visit> = vec![];
    // Which visit an event belongs to: that of the event before it, back to the entry.
    let mut owners: HashMap<u64, usize> = HashMap::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let time = event["timestamp"].as_f64().unwrap_or_default();
        let owner = event["previousEventId"].as_u64().and_then(|id| owners.get(&id).copied());
        let name = |details: &str| event[details]["name"].as_str().unwrap_or_default().to_owned();
        let mut close = |status: StateStatus| {
            for visit in visits.iter_mut().filter(|visit| visit.left.is_none()) {
                visit.left = Some(time);
                visit.status = status;
            }
        };
        let owner = match kind {
            "ExecutionFailed" => {
                close(StateStatus::Failed);
                None
            }
            "ExecutionTimedOut" => {
                close(StateStatus::TimedOut);
                None
            }
            "ExecutionAborted" => {
                close(StateStatus::Aborted);
                None
            }
            _ if kind.ends_with("StateEntered") => {
                let state = name("stateEnteredEventDetails");
                let (left, status) = (None, StateStatus::Running);
                visits.push(Visit {
                    state,
                    entered: time,
                    left,
                    status,
                    attempts: 0,
                    failed: false,
                });
                Some(visits.len() - 1)
            }
            _ if kind.ends_with("StateExited") => {
                let state = name("stateExitedEventDetails");
                // A Parallel or Map state is left from inside its last branch: its name tells the visit.
                let found = owner
                    .filter(|index| visits[*index].state == state && visits[*index].left.is_none());
                let found = found.or_else(|| {
                    visits.iter().rposition(|visit| visit.state == state && visit.left.is_none())
                });
                if let Some(visit) = found.map(|index| &mut visits[index]) {
                    visit.left = Some(time);
                    visit.status =
                        if visit.failed { StateStatus::Caught } else { StateStatus::Succeeded };
                }
                found
            }
            _ => {
                if let Some(visit) = owner.map(|index| &mut visits[index]) {
                    if kind.ends_with("Scheduled") {
                        visit.attempts += 1;
                        visit.failed = false;
                    } else if kind.ends_with("Failed") || kind.ends_with("TimedOut") {
                        visit.failed = true;
                    } else if kind.ends_with("Succeeded") {
                        visit.failed = false;
                    }
                }
                owner
            }
        };
        if let (Some(id), Some(owner)) = (event["id"].as_u64(), owner) {
            owners.insert(id, owner);
        }
    }
    visits
}

impl StateStatus {
    fn sign(self) -> char {
        match self {
            StateStatus::NotStarted => '○',
            StateStatus::Running => '◐',
            StateStatus::Succeeded => '✓',
            StateStatus::Caught => '!',
            StateStatus::Failed | StateStatus::TimedOut => '✗',
            StateStatus::Aborted => '■',
        }
    }
}

impl fmt::Display for StateStatus {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            StateStatus::NotStarted => "not started",
            StateStatus::Running => "running",
            StateStatus::Succeeded => "succeeded",
            StateStatus::Caught => "caught error",
            StateStatus::Failed => "failed",
            StateStatus::TimedOut => "timed out",
            StateStatus::Aborted => "aborted",
        })
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = |state: &StateProgress| state.name.chars().count() + 2 * state.depth;
        let widest = self.states.iter().map(width).max().unwrap_or(0);
        for state in &self.states {
            let name = format!("{}{}", "  ".repeat(state.depth), state.name);
            let mut line = format!("{} {name:widest$}  {:12}", state.status.sign(), state.status);
            if let Some(duration) = state.duration {
                line += &format!("  {:>9}", spoken(duration));
            }
            if state.entries > 1 {
                line += &format!("  ×{}", state.entries);
            }
            if state.retries > 0 {
                line += &format!("  retried {}", state.retries);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3_599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entered(id: u64, previous: u64, time: f64, name: &str) -> Value {
        json!({"id": id, "previousEventId": previous, "timestamp": time, "type": "TaskStateEntered",
               "stateEnteredEventDetails": {"name": name}})
    }

    fn exited(id: u64, previous: u64, time: f64, name: &str) -> Value {
        json!({"id": id, "previousEventId": previous, "timestamp": time, "type": "TaskStateExited",
               "stateExitedEventDetails": {"name": name}})
    }

    fn event(id: u64, previous: u64, time: f64, kind: &str) -> Value {
        json!({"id": id, "previousEventId": previous, "timestamp": time, "type": kind})
    }

    #[test]
    fn statuses_durations_and_retries() {
        let definition = json!({"StartAt": "Train", "States": {
            "Train": {"Type": "Task"}, "Save": {"Type": "Task"}, "Deploy": {"Type": "Task"}, "Notify": {"Type": "Task"},
        }});
        let mut events = vec![
            event(1, 0, 0.0, "ExecutionStarted"),
            entered(2, 0, 0.0, "Train"),
            event(3, 2, 0.1, "TaskScheduled"),
            event(4, 3, 1.0, "TaskFailed"),
            event(5, 4, 2.0, "TaskScheduled"),
            event(6, 5, 71.0, "TaskSucceeded"),
            exited(7, 6, 71.0, "Train"),
            entered(8, 7, 71.0, "Save"),
            event(9, 8, 71.1, "TaskScheduled"),
            event(10, 9, 72.5, "TaskFailed"),
            exited(11, 10, 72.5, "Save"),
            entered(12, 11, 72.5, "Deploy"),
        ];
        let now = Duration::from_secs_f64(72.9);
        let progress = Progress::new(&definition, &events, now).to_string();
        assert_eq!(
            progress,
            "✓ Train   succeeded     1 min 11 s  retried 1\n\
             ! Save    caught error      1.5 s\n\
             ◐ Deploy  running          400 ms\n\
             ○ Notify  not started\n"
        );
        events.push(event(13, 12, 73.0, "ExecutionAborted"));
        let progress = Progress::new(&definition, &events, now);
        assert_eq!(progress.states[2].status, StateStatus::Aborted);
        assert_eq!(progress.running().count(), 0);
    }

    #[test]
    fn iterations_are_counted_inside_their_map() {
        let definition = json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": {
            "StartAt": "Check", "States": {"Check": {"Type": "Pass"}},
        }}}});
        let events = [
            entered(2, 0, 0.0, "Each"),
            event(3, 2, 0.0, "MapStateStarted"),
            event(4, 3, 0.0, "MapIterationStarted"),
            entered(5, 4, 0.0, "Check"),
            event(6, 3, 0.0, "MapIterationStarted"),
            entered(7, 6, 0.5, "Check"),
            exited(8, 7, 1.0, "Check"),
            exited(9, 5, 2.0, "Check"),
            event(10, 9, 2.0, "MapStateSucceeded"),
            exited(11, 10, 2.0, "Each"),
        ];
        let progress = Progress::new(&definition, &events, Duration::ZERO);
        let check = &progress.states[1];
        assert_eq!((check.entries, check.depth, check.status), (2, 1, StateStatus::Succeeded));
        assert_eq!(check.duration, Some(Duration::from_secs(2)));
        assert_eq!(progress.states[0].status, StateStatus::Succeeded);
    }
}
