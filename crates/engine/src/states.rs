//! How long executions stay in their states, for those who look for the slow ones.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use asl::{Header, Name};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::Engine;

/// By the name of the state machine and that of the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct StateTimes(Arc<Mutex<Times>>);

#[derive(Debug, Default)]
struct Times {
    machines: HashMap<String, HashMap<Name, Time>>,
    states: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Time {
    left: u64,
    millis: u64,
}

/// So many states are told apart, so that no number of state machines makes this grow. Others that come
/// behind them are counted as one.
const STATES_MAX: usize = 2_000;
/// Their name: no state machine's, which has no blanks.
const OTHERS: &str = "all others";

impl Engine {
    /// An execution that is not stored has left these states ([`asl::Decision::left`]).
    pub fn left(&self, header: &Header, states: &[(Name, u64)]) {
        self.meter.states.left(header, states);
    }
}

impl StateTimes {
    pub(crate) fn left(&self, header: &Header, states: &[(Name, u64)]) {
        if states.is_empty() {
            return;
        }
        let mut times = self.times();
        for (state, millis) in states {
            let time = times.of(&header.state_machine_name, state);
            time.left += 1;
            time.millis += millis;
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Times {
    fn of(&mut self, machine: &str, state: &Name) -> &mut Time {
        let known = self.machines.get(machine).is_some_and(|states| states.contains_key(state));
        let room = self.states < STATES_MAX;
        let (machine, state) =
            if known || room { (machine, state.clone()) } else { (OTHERS, OTHERS.into()) };
        self.states += usize::from(!known && room);
        // Most are known, and are found without a copy of the name.
        if !self.machines.contains_key(machine) {
            self.machines.insert(machine.to_owned(), HashMap::new());
        }
        let states = self.machines.get_mut(machine).expect("it was just there");
        states.entry(state).or_default()
    }
}

impl Collector for StateTimes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let times = self.times();
        let help =
            "How long executions stayed in states that they left, by state machine and state";
        let unit = Unit::Seconds;
        let mut all =
            encoder.encode_descriptor("state", help, Some(&unit), MetricType::Histogram)?;
        for (machine, states) in &times.machines {
            for (state, Time { left, millis }) in states {
                let labels = [("state_machine", machine.as_str()), ("state", state)];
                let seconds = *millis as f64 / 1000.0;
                let buckets = [(f64::MAX, *left)];
                all.encode_family(&labels)?
                    .encode_histogram::<NoLabelSet>(seconds, *left, &buckets, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_states_are_told_apart() {
        let mut times = Times::default();
        for number in 0..3 * STATES_MAX {
            times.of("machine", &number.to_string().into()).left += 1;
            times.of("machine", &"0".into()).left += 1;
        }
        let told: usize = times.machines.values().map(HashMap::len).sum();
        assert_eq!(told, STATES_MAX + 1);
        assert_eq!(times.of("machine", &"0".into()).left, 3 * STATES_MAX as u64 + 1);
        assert_eq!(times.of("another", &"0".into()).left, 2 * STATES_MAX as u64);
    }
}
