//! Journals of every format that was ever released must still load: `tests/journal/N.chunk` holds one chunk
//! of format N, `N.events` what it says. Today's format is written anew with `UPDATE_EXPECT=1`.

use std::path::Path;

use asl::event::{FailedPhase, TaskTarget};
use asl::{Event, EventKind, Failure, FrameId, StateType, TaskId, TimerId, Timestamp};
use engine::journal;
use serde_json::json;

const FORMAT: &str = "1";

#[test]
fn old_journals_still_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal");
    let today = events();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(folder.join(format!("{FORMAT}.chunk")), journal::encode(&today)).unwrap();
        std::fs::write(folder.join(format!("{FORMAT}.events")), format!("{today:#?}\n")).unwrap();
    }
    let mut found = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "chunk") {
            let events = journal::decode(&std::fs::read(&path).unwrap()).unwrap();
            let expected = std::fs::read_to_string(path.with_extension("events")).unwrap();
            assert_eq!(format!("{events:#?}\n"), expected, "{}", path.display());
            found += 1;
        }
    }
    assert!(found > 0, "no journal in {}", folder.display());
}

#[test]
fn what_is_written_is_read() {
    let events = events();
    assert_eq!(journal::decode(&journal::encode(&events)).unwrap(), events);
    assert_eq!(journal::decode(&journal::encode(&[])).unwrap(), []);
}

/// Kinds with every sort of field.
fn events() -> Vec<Event> {
    let failure = Failure { error: Some("States.Timeout".into()), cause: None };
    let state: asl::Name = "Träne".into();
    let kinds = [
        EventKind::ExecutionStarted {
            input: json!({"n": 1, "text": "é\u{1f600}"}).into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            deadline: None,
        },
        EventKind::StateEntered {
            state: state.clone(),
            state_type: StateType::Task,
            input: json!({"n": 1.5}).into(),
        },
        EventKind::TaskScheduled {
            task: TaskId(1),
            target: TaskTarget::Integration { service: "sqs".into(), action: "sendMessage".into() },
            parameters: json!([]).into(),
            credentials_role: None,
            region: "us-east-1".into(),
            timeout_seconds: Some(300),
            heartbeat_seconds: None,
            token: Some("t".into()),
            timeout_timer: Some(TimerId(1)),
            heartbeat_timer: None,
        },
        EventKind::TaskFailed {
            task: TaskId(1),
            phase: FailedPhase::Submit,
            failure: failure.clone(),
        },
        EventKind::RetryScheduled {
            retrier: 0,
            attempt: 1,
            at: Timestamp(1_700_000_002_000),
            timer: TimerId(2),
            failure: failure.clone(),
        },
        EventKind::StateExited {
            state: state.clone(),
            state_type: StateType::Task,
            output: json!(null).into(),
            assigned: vec![("x".into(), json!("y").into())],
            next: Some(state),
        },
        EventKind::ExecutionFailed { failure },
    ];
    let mut id = 0;
    let event = |kind: EventKind| {
        let visible = !matches!(kind, EventKind::RetryScheduled { .. });
        id += u64::from(visible);
        Event {
            id: if visible { id } else { 0 },
            previous: id.saturating_sub(1),
            at: Timestamp(1_700_000_000_000 + id as i64 * 7),
            frame: FrameId(id as u32 % 3),
            kind,
        }
    };
    kinds.into_iter().map(event).collect()
}
