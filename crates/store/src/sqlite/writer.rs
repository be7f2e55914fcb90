//! Group commit: batches that arrive while a commit is on its way to the disk share the next one.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::checkpoints::Checkpoints;
use super::database::Database;
use super::meter::{Meter, now};
use crate::{Batch, ExecutionKey, StoreError};

/// The thread that writes.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    at: String,
    pub(super) meter: Meter,
}

enum Job {
    Commit(Batch, oneshot::Sender<Result<(), StoreError>>),
    Reserve(u64, oneshot::Sender<Result<ExecutionKey, StoreError>>),
    Vacuum(u32, oneshot::Sender<Result<u64, StoreError>>),
}

/// So many may wait to be written; more wait to be taken in.
const WAITING_MAX: usize = 1024;
/// So many share one commit, which bounds what a crash or a full disk makes the callers ask again.
const GROUP_MAX: usize = 512;

impl Writer {
    pub(super) fn start(
        database: Database,
        checkpoints: Checkpoints,
    ) -> Result<Writer, StoreError> {
        let at = database.at().to_owned();
        let (jobs, receiver) = mpsc::channel(WAITING_MAX);
        let meter = Meter::default();
        let counted = meter.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(database, checkpoints, receiver, &counted))
            .map_err(|error| StoreError::Unavailable {
                at: at.clone(),
                reason: error.to_string(),
            })?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread), at, meter })
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Job::Commit(batch, sender), answer).await
    }

    /// Reserves `count` execution numbers and gives the first.
    pub(super) async fn reserve(&self, count: u64) -> Result<ExecutionKey, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Job::Reserve(count, sender), answer).await
    }

    /// Gives free pages back, up to `pages`; how many are left.
    pub(super) async fn vacuum(&self, pages: u32) -> Result<u64, StoreError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Job::Vacuum(pages, sender), answer).await
    }

    async fn ask<T>(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let gone =
            || StoreError::Unavailable { at: self.at.clone(), reason: "its writer stopped".into() };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    /// Waits for what has been asked to be written; the folder may be opened again right after.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(
    mut database: Database,
    mut checkpoints: Checkpoints,
    mut jobs: mpsc::Receiver<Job>,
    meter: &Meter,
) {
    let mut waiting = Vec::with_capacity(GROUP_MAX);
    loop {
        if jobs.blocking_recv_many(&mut waiting, GROUP_MAX) == 0 {
            return;
        }
        let mut group = Vec::with_capacity(waiting.len());
        let mut answers = Vec::with_capacity(waiting.len());
        for job in waiting.drain(..) {
            match job {
                Job::Commit(batch, answer) => {
                    group.push(batch);
                    answers.push(answer);
                }
                Job::Reserve(count, answer) => {
                    let _ = answer.send(database.reserve(count));
                }
                Job::Vacuum(pages, answer) => {
                    let _ = answer.send(database.vacuum(pages));
                }
            }
        }
        if group.is_empty() {
            continue;
        }
        meter.waiting(jobs.len());
        let bytes = group.iter().map(Batch::bytes).sum();
        checkpoints.committed(bytes);
        let begun = now();
        let results = database.commit_group(&group);
        let refused = results.iter().filter(|result| result.is_err()).count();
        meter.committed(group.len(), bytes, refused, begun.elapsed());
        for (answer, result) in answers.into_iter().zip(results) {
            // Who has stopped waiting finds out by reading.
            let _ = answer.send(result);
        }
    }
}
