//! Variables as a frame sees them: its own, then those of the frames around it.

use std::collections::HashSet;

use serde_json::Value;

use super::Execution;
use crate::expression::Variables;
use crate::{Data, FrameId};

/// The variables that a frame sees.
pub(crate) struct VisibleVariables<'a> {
    pub execution: &'a Execution,
    pub frame: FrameId,
}

impl Variables for VisibleVariables<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut frame = self.execution.live.frames.get(&self.frame)?;
        loop {
            if let Some(data) = frame.variables.get(name) {
                return Some(data.value());
            }
            frame = self.execution.live.frames.get(&frame.parent?)?;
        }
    }
}

impl Execution {
    /// All variables that a frame sees, the nearest assignment of each.
    pub(crate) fn visible_variables(&self, frame: FrameId) -> Vec<(String, Data)> {
        let mut found: Vec<(String, Data)> = Vec::new();
        let mut known = HashSet::new();
        let mut next = Some(frame);
        while let Some(frame) = next.and_then(|id| self.live.frames.get(&id)) {
            for (name, data) in &frame.variables {
                if known.insert(name) {
                    found.push((name.clone(), data.clone()));
                }
            }
            next = frame.parent;
        }
        found
    }
}
