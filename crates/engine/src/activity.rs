//! Tasks of activities: lent to whoever polls, not to our own workers.

use asl::{Moment, TaskId, Trigger};
use store::{Batch, TaskRow};

use crate::live::Plan;
use crate::{Engine, EngineError, Lease};

/// Tasks in an activity's queue are looked at so many at a time.
const PAGE: usize = 16;

impl Engine {
    /// Takes the oldest task of an activity, records that this worker has it, and lends it. None: there is
    /// none now. The lease is answered through its token, by `submit`.
    pub async fn poll_activity(
        &self,
        arn: &str,
        worker: Option<&str>,
        moment: Moment,
    ) -> Result<Option<Lease>, EngineError> {
        let mut after = None;
        loop {
            let rows = self.store.tasks(arn, after, PAGE).await?;
            for row in &rows {
                if let Some(lease) = self.take_activity(row, worker, moment).await? {
                    return Ok(Some(lease));
                }
            }
            let Some(last) = rows.last() else { return Ok(None) };
            after = Some((last.execution, last.task));
        }
    }

    /// Completes when a task is scheduled for any activity after this call. Call it, poll, then await it:
    /// nothing is missed between.
    pub fn activity_scheduled(&self) -> impl Future<Output = ()> + Send + '_ {
        self.board.activity()
    }

    /// None: another worker was quicker, or nobody awaits the task any more.
    async fn take_activity(
        &self,
        row: &TaskRow,
        worker: Option<&str>,
        moment: Moment,
    ) -> Result<Option<Lease>, EngineError> {
        let task = TaskId(row.task);
        let mut lease = None;
        let decide = |live: &mut crate::live::Live| {
            let Some(scheduled) = live.queued(task).cloned() else {
                lease = None;
                return Plan::default();
            };
            let started = Trigger::TaskStarted { task, worker: worker.map(str::to_owned) };
            let mut plan = live.decide(&[started], moment);
            live.take(task, &mut plan);
            lease = Some(Lease {
                execution: live.key(),
                header: live.header().clone(),
                task: (*scheduled).clone(),
                again: false,
            });
            plan
        };
        self.tell_with(row.execution, Batch::default(), decide, false).await?;
        Ok(lease)
    }
}
