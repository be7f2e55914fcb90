#![allow(missing_docs, clippy::all, clippy::unimplemented)]
use asl::*;
use std::sync::Arc;
pub struct Execution(Arc<Definition>, Arc<Header>);
impl Execution {
    pub fn new(d: Arc<Definition>, h: Arc<Header>) -> Self {
        Execution(d, h)
    }
    pub fn step(&mut self, _: Trigger, _: Moment) -> Decision {
        unimplemented!()
    }
    pub fn apply(&mut self, _: &Event) {
        unimplemented!()
    }
    pub fn status(&self) -> Status {
        unimplemented!()
    }
    pub fn output(&self) -> Option<&Data> {
        unimplemented!()
    }
    pub fn failure(&self) -> Option<&Failure> {
        unimplemented!()
    }
    pub fn stop_time(&self) -> Option<Timestamp> {
        unimplemented!()
    }
    pub fn redrive(&self) -> (u32, Option<Timestamp>) {
        unimplemented!()
    }
    pub fn last_event_id(&self) -> u64 {
        unimplemented!()
    }
}
