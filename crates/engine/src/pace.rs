//! How fast Standard executions go on: AWS gives each account so many state transitions a second.
//! What is over is not refused but delayed, by the timer that stands for `Trigger::Continue`.

use std::sync::Arc;

use asl::{Decision, Header, Timestamp};

use crate::Engine;

/// Gives out state transitions. It is asked before and after each decision of a stored execution, so it must
/// answer at once.
pub trait Pace: Send + Sync + 'static {
    /// So many transitions may be made now in the account and region of the execution.
    fn allowed(&self, header: &Header, now: Timestamp) -> u64;

    /// So many were made. They may be more than were allowed when others decided at the same time: later
    /// ones wait for that.
    fn made(&self, header: &Header, transitions: u64, now: Timestamp);

    /// One more is wanted than is allowed: when it may be made. With this it counts as made.
    fn promise(&self, header: &Header, now: Timestamp) -> Timestamp;
}

/// How fast one execution goes on.
pub(crate) struct Paced {
    pace: Arc<dyn Pace>,
    /// When its next transition may be made, if it had to wait for one.
    promised: Option<Timestamp>,
}

impl Engine {
    /// From now on executions go on as fast as `pace` lets them.
    pub fn with_pace(mut self, pace: Arc<dyn Pace>) -> Engine {
        self.pace = Some(pace);
        self
    }

    pub(crate) fn paced(&self) -> Option<Paced> {
        self.pace.clone().map(|pace| Paced { pace, promised: None })
    }
}

impl Paced {
    /// Transitions that may be made now.
    pub(crate) fn allowed(&self, header: &Header, now: Timestamp) -> u64 {
        self.pace.allowed(header, now).saturating_add(self.kept(now))
    }

    /// A promise is to be kept, also one that was forgotten.
    pub(crate) fn promise_is_due(&mut self, now: Timestamp) {
        self.promised = Some(self.promised.map_or(now, |at| at.min(now)));
    }

    /// Counts what was decided. If it was held: when it may go on, and whether that is news.
    pub(crate) fn decided(
        &mut self,
        header: &Header,
        decision: &Decision,
        now: Timestamp,
    ) -> Option<(Timestamp, bool)> {
        let mut made = decision.transitions;
        if made > 0 && self.kept(now) > 0 {
            self.promised = None;
            made -= 1;
        }
        if made > 0 {
            self.pace.made(header, made, now);
        }
        if !decision.held {
            return None;
        }
        let known = self.promised.filter(|at| *at > now);
        let at = known.unwrap_or_else(|| self.pace.promise(header, now));
        self.promised = Some(at);
        Some((at, known.is_none()))
    }

    /// Transitions that were promised for now.
    fn kept(&self, now: Timestamp) -> u64 {
        u64::from(self.promised.is_some_and(|at| at <= now))
    }
}
