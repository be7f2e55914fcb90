//! The task that writes the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Message;
use super::event;
use super::who::Described;
use crate::Context;

/// So many calls are written at once, at most.
const TOGETHER: usize = 1024;
/// Calls within so long are written at once: waking this task and the disk for each would cost more than
/// the calls themselves do.
const GATHERED: Duration = Duration::from_millis(50);

/// Writes the audit log until [`Audit::end`](super::Audit::end).
pub async fn write(context: Arc<Context>) {
    let audit = &context.audit;
    let Some(mut receiver) = audit.receiver() else { return };
    let (mut described, mut messages) = (Described::default(), Vec::new());
    let mut is_broken = false;
    while receiver.recv_many(&mut messages, TOGETHER).await > 0 {
        let is_hurried = messages.iter().any(|message| !matches!(message, Message::Call(_)));
        if !is_hurried && messages.len() < TOGETHER {
            tokio::select! {
                () = tokio::time::sleep(GATHERED) => {}
                () = audit.hurry.notified() => {}
            }
            while messages.len() < TOGETHER
                && let Ok(message) = receiver.try_recv()
            {
                messages.push(message);
            }
        }
        let (mut lines, mut count, mut flushed, mut ends) = (Vec::new(), 0, Vec::new(), false);
        for message in messages.drain(..) {
            match message {
                Message::Call(noted) => {
                    event::write(&context, &mut described, &noted, &mut lines).await;
                    audit.waiting_bytes.fetch_sub(noted.bytes, Ordering::Relaxed);
                    count += 1;
                }
                Message::Flush(written) => flushed.push(written),
                Message::End => ends = true,
            }
        }
        let lost = audit.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                lost,
                "calls are missing in the audit log: they came faster than they could be written"
            );
            event::write_lost(&context, lost, &mut lines);
        }
        if !lines.is_empty() {
            let files = audit.files();
            let written = spawn_blocking(move || files.append(&lines)).await;
            match written {
                Ok(Ok(())) => is_broken = false,
                problem => {
                    // Told once; the log itself says how many when it can be written again.
                    if !is_broken {
                        let problem = problem.map_or_else(
                            |error| error.to_string(),
                            |result| {
                                result.err().map_or_else(String::new, |error| error.to_string())
                            },
                        );
                        tracing::error!(%problem, "the audit log cannot be written; calls are counted until it can");
                    }
                    is_broken = true;
                    audit.lost.fetch_add(count + lost, Ordering::Relaxed);
                }
            }
        }
        for written in flushed {
            let _ = written.send(());
        }
        if ends {
            return;
        }
    }
}
