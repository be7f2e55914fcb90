//! The context object: JSONPath's `$$`, JSONata's `$states.context`.

use std::cell::OnceCell;
use std::ops::Deref;

use serde_json::{Map, Value, json};

use crate::data_flow::Bench;
use crate::execution::{Execution, Item};
use crate::{FrameId, StateType};

/// The context object, made when it is first looked at. Dereferences to the value.
pub struct LazyContext<'a> {
    make: &'a dyn Fn() -> Value,
    made: OnceCell<Value>,
}

impl<'a> LazyContext<'a> {
    /// A context object that `make` gives when it is asked for.
    pub fn new(make: &'a dyn Fn() -> Value) -> LazyContext<'a> {
        LazyContext { make, made: OnceCell::new() }
    }
}

impl Deref for LazyContext<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.made.get_or_init(self.make)
    }
}

impl Execution {
    /// The context object as a frame sees it. `item` is a Map's next item, when its ItemSelector asks;
    /// `token` is there for Task states.
    pub(crate) fn context_object(
        &self,
        frame: FrameId,
        item: Option<&Item>,
        token: Option<&str>,
    ) -> Value {
        let header = &self.header;
        let mut execution = Map::new();
        execution.insert("Id".into(), header.execution_arn.clone().into());
        execution.insert("Input".into(), header.input.value().clone());
        execution.insert("StartTime".into(), header.start_time.iso8601().into());
        execution.insert("Name".into(), header.name.clone().into());
        // Only a state under test can be without a role.
        let role = Some(header.role_arn.as_str()).filter(|role| !role.is_empty());
        execution.insert("RoleArn".into(), role.into());
        // An Express execution cannot be redriven.
        if !header.express {
            execution.insert("RedriveCount".into(), self.live.redrive_count.into());
        }
        if let Some(time) = self.live.redrive_time {
            execution.insert("RedriveTime".into(), time.iso8601().into());
        }
        let mut context = Map::new();
        context.insert("Execution".into(), execution.into());
        context.insert(
            "StateMachine".into(),
            json!({"Id": header.state_machine_arn, "Name": header.state_machine_name}),
        );
        if let Some(visit) = self.live.frames.get(&frame).and_then(|frame| frame.visit.as_ref()) {
            let mut state = Map::new();
            state.insert("Name".into(), visit.state.name.to_string().into());
            state.insert("EnteredTime".into(), visit.entered_at.iso8601().into());
            // Only states that can be retried have a count.
            if matches!(
                visit.state.kind.state_type(),
                StateType::Task | StateType::Parallel | StateType::Map
            ) {
                state.insert("RetryCount".into(), visit.retry_count.into());
            }
            context.insert("State".into(), state.into());
        }
        if let Some(token) = token {
            context.insert("Task".into(), json!({"Token": token}));
        }
        if let Some(item) = item.or_else(|| self.nearest_item(frame)) {
            context.insert("Map".into(), shown(item));
        }
        context.into()
    }

    /// The context object as a state under test sees it: the given one, with the item that it cannot
    /// have, or the usual one with what the test says of the state.
    pub(crate) fn context_under_test(
        &self,
        bench: &Bench,
        frame: FrameId,
        item: Option<&Item>,
        token: Option<&str>,
    ) -> Value {
        let Some(mut context) = bench.context.clone() else {
            let mut context = self.context_object(frame, item, token);
            if let Some(name) = &bench.state_name {
                context["State"]["Name"] = name.as_str().into();
            }
            if let Some(count) = context.pointer_mut("/State/RetryCount") {
                *count = bench.retries.into();
            }
            return context;
        };
        if let (Some(item), Value::Object(members)) = (item, &mut context) {
            members.insert("Map".into(), shown(item));
        }
        context
    }

    /// The item of the innermost Map iteration that a frame is in.
    fn nearest_item(&self, frame: FrameId) -> Option<&Item> {
        let mut frame = self.live.frames.get(&frame)?;
        loop {
            if let Some(item) = &frame.item {
                return Some(item);
            }
            frame = self.live.frames.get(&frame.parent?)?;
        }
    }
}

/// `Map` in the context object of an item's iteration.
fn shown(item: &Item) -> Value {
    let mut shown = Map::new();
    shown.insert("Index".into(), item.index.into());
    if let Some(key) = item.key() {
        shown.insert("Key".into(), key.into());
    }
    shown.insert("Value".into(), item.value().clone());
    json!({"Item": shown})
}
