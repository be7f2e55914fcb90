//! Random state machines over all state types, in both query languages. What they come to does not depend
//! on who is quicker, so that a run with faults can be compared with one without: in one machine all
//! failures are the same one, and what a task answers depends on nothing but what it is asked.

use asl::Dice;
use serde_json::{Map, Value, json};

use crate::pipelines::PIPELINES;

/// A state machine to be run.
#[derive(Clone, Debug)]
pub struct Machine {
    pub name: String,
    pub definition: String,
    /// What may go wrong in it.
    pub flavor: Flavor,
}

/// What may go wrong in a machine: one thing only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// One of the machines that are written down.
    Written,
    /// Tasks fail, are retried, and are caught.
    Failing,
    /// Tasks are never answered and time out.
    Silent,
    /// Tasks fail until the execution is redriven.
    Redriven,
}

/// The cause of every failure that is not a time-out.
pub const CAUSE: &str = "as planned";
/// Its name.
pub const ERROR: &str = "Odd";
/// The activity of all machines.
pub const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:sim";
/// Longer than a simulation ever takes.
const LONG_SECONDS: u64 = 500_000;
const STATES_MAX: u32 = 14;

/// One of the written machines or a random one.
pub fn machine(dice: &mut Dice) -> Machine {
    if pick(dice, 4) == 0 {
        let (name, definition) = PIPELINES[pick(dice, PIPELINES.len())];
        let (name, definition) = (name.to_owned(), definition.to_owned());
        return Machine { name, definition, flavor: Flavor::Written };
    }
    let flavor = [Flavor::Failing, Flavor::Silent, Flavor::Redriven][pick(dice, 3)];
    let jsonata = pick(dice, 4) == 0;
    let mut maker = Maker { dice, jsonata, flavor, count: 0 };
    let definition = maker.whole().to_string();
    Machine { name: format!("{flavor:?}").to_lowercase(), definition, flavor }
}

fn pick(dice: &mut Dice, bound: usize) -> usize {
    (dice.next_u64() % bound as u64) as usize
}

struct Maker<'a> {
    dice: &'a mut Dice,
    jsonata: bool,
    flavor: Flavor,
    count: u32,
}

impl Maker<'_> {
    fn pick(&mut self, bound: usize) -> usize {
        pick(self.dice, bound)
    }

    fn whole(&mut self) -> Value {
        let mut whole = self.body(3);
        // A variable that all tasks read.
        let base = if self.jsonata {
            json!({"base": "{% $states.input.n %}"})
        } else {
            json!({"base.$": "$.n"})
        };
        let first = json!({"Type": "Pass", "Assign": base, "Next": whole["StartAt"]});
        whole["States"]["Begin"] = first;
        whole["StartAt"] = json!("Begin");
        if self.jsonata {
            whole["QueryLanguage"] = json!("JSONata");
        }
        if self.flavor == Flavor::Silent && self.pick(6) == 0 {
            self.never_end(&mut whole);
        }
        whole
    }

    /// Instead of ending, the machine waits until its own time is over.
    fn never_end(&mut self, whole: &mut Value) {
        let mut ends = false;
        for state in whole["States"].as_object_mut().expect("states").values_mut() {
            if state.as_object_mut().expect("a state").remove("End").is_some() {
                state["Next"] = json!("Forever");
                ends = true;
            }
        }
        if ends {
            whole["TimeoutSeconds"] = json!(2 * LONG_SECONDS);
            whole["States"]["Forever"] =
                json!({"Type": "Wait", "Seconds": 3 * LONG_SECONDS, "End": true});
        }
    }

    /// States in a row, with ways to jump ahead.
    fn body(&mut self, depth: usize) -> Value {
        let length = 1 + self.pick(4);
        let names: Vec<String> = (0..length)
            .map(|_| {
                self.count += 1;
                format!("S{}", self.count)
            })
            .collect();
        let mut states = Map::new();
        for (place, name) in names.iter().enumerate() {
            let later = &names[place + 1..];
            let state = match later.first() {
                Some(next) if self.pick(8) == 0 => self.choice(later, next),
                Some(next) => {
                    let mut state = self.state(depth, later);
                    state["Next"] = json!(next);
                    state
                }
                None => self.last(depth),
            };
            states.insert(name.clone(), state);
        }
        json!({"StartAt": names[0], "States": states})
    }

    fn last(&mut self, depth: usize) -> Value {
        match self.pick(10) {
            0 if self.flavor != Flavor::Silent => {
                json!({"Type": "Fail", "Error": ERROR, "Cause": CAUSE})
            }
            1 => json!({"Type": "Succeed"}),
            _ => {
                let mut state = self.state(depth, &[]);
                state["End"] = json!(true);
                state
            }
        }
    }

    fn choice(&mut self, later: &[String], next: &str) -> Value {
        let (target, bound) = (&later[self.pick(later.len())], self.pick(1000));
        let rule = if self.jsonata {
            json!({"Condition": format!("{{% $states.input.n < {bound} %}}"), "Next": target})
        } else {
            json!({"Variable": "$.n", "NumericLessThan": bound, "Next": target})
        };
        json!({"Type": "Choice", "Choices": [rule], "Default": next})
    }

    fn state(&mut self, depth: usize, later: &[String]) -> Value {
        let kinds = if depth == 0 || self.count >= STATES_MAX { 6 } else { 9 };
        let mut state = match self.pick(kinds) {
            0 => self.pass(),
            1 => self.wait(),
            2..6 => self.task(),
            6 | 7 => {
                let branches: Vec<Value> =
                    (0..1 + self.pick(3)).map(|_| self.body(depth - 1)).collect();
                self.kept("p", json!({"Type": "Parallel", "Branches": branches}))
            }
            _ => self.map(depth),
        };
        if matches!(state["Type"].as_str(), Some("Task" | "Parallel" | "Map")) {
            self.handle_errors(&mut state, later);
        }
        state
    }

    fn pass(&mut self) -> Value {
        let n = self.pick(1000);
        match (self.pick(2), self.jsonata) {
            (0, _) => json!({"Type": "Pass"}),
            (_, true) => json!({"Type": "Pass", "Output": {"n": n}}),
            (_, false) => json!({"Type": "Pass", "Result": {"n": n}}),
        }
    }

    fn wait(&mut self) -> Value {
        let seconds = self.pick(100);
        match self.pick(3) {
            0 => json!({"Type": "Wait", "Timestamp": "2023-11-14T22:13:40Z"}),
            1 if self.jsonata => {
                json!({"Type": "Wait", "Seconds": "{% $states.input.n % 50 %}"})
            }
            1 => json!({"Type": "Wait", "SecondsPath": "$.n"}),
            _ => json!({"Type": "Wait", "Seconds": seconds}),
        }
    }

    fn task(&mut self) -> Value {
        let resource = [
            "arn:aws:states:::sqs:sendMessage",
            "arn:aws:states:::glue:startJobRun.sync",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:lambda:us-east-1:000000000000:function:sim",
            ACTIVITY,
        ][self.pick(5)];
        let flavor = self.flavor;
        let fails = match flavor {
            Flavor::Failing if self.pick(3) == 0 => 1 + self.pick(3),
            Flavor::Redriven if self.pick(4) == 0 => 99,
            _ => 0,
        };
        let silent = self.flavor == Flavor::Silent && self.pick(3) == 0;
        let mut asked = json!({"salt": self.pick(1000), "fails": fails, "silent": silent});
        let mut ask = |key: &str, path: &str, expression: &str| {
            if self.jsonata {
                asked[key] = json!(format!("{{% {expression} %}}"));
            } else {
                asked[format!("{key}.$")] = json!(path);
            }
        };
        ask("retry", "$$.State.RetryCount", "$states.context.State.RetryCount");
        ask("redrive", "$$.Execution.RedriveCount", "$states.context.Execution.RedriveCount");
        ask("n", "$.n", "$states.input.n");
        ask("base", "$base", "$base");
        if resource.ends_with("waitForTaskToken") {
            ask("token", "$$.Task.Token", "$states.context.Task.Token");
        }
        let asked_as = if self.jsonata { "Arguments" } else { "Parameters" };
        let mut task = json!({"Type": "Task", "Resource": resource, asked_as: asked});
        match (silent, self.pick(3)) {
            (true, 0) => {
                task["TimeoutSeconds"] = json!(LONG_SECONDS);
                task["HeartbeatSeconds"] = json!(40);
            }
            (true, _) => task["TimeoutSeconds"] = json!(30),
            (false, 0) => {
                task["TimeoutSeconds"] = json!(LONG_SECONDS);
                // Heartbeats move it, and none that is lost makes it too late.
                task["HeartbeatSeconds"] = json!(LONG_SECONDS - 1);
            }
            (false, _) => {}
        }
        if !self.jsonata && self.pick(3) == 0 {
            return self.kept("t", task);
        }
        task
    }

    fn map(&mut self, depth: usize) -> Value {
        let processor = self.body(depth - 1);
        let mut map = json!({
            "Type": "Map",
            "MaxConcurrency": self.pick(3),
            "ItemProcessor": processor,
        });
        if self.jsonata {
            map["Items"] = json!([1, 2, 3]);
            map["ItemSelector"] = json!({"n": "{% $states.context.Map.Item.Value + $states.context.Map.Item.Index %}"});
        } else {
            map["ItemsPath"] = json!("$$.Execution.Input.items");
            map["ItemSelector"] = json!({"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"});
        }
        self.kept("m", map)
    }

    /// The result goes under a key of the input, which stays an object with a number in it.
    fn kept(&mut self, key: &str, mut state: Value) -> Value {
        if self.jsonata {
            state["Output"] =
                json!(format!("{{% $merge([$states.input, {{'{key}': $states.result}}]) %}}"));
        } else {
            state["ResultPath"] = json!(format!("$.{key}"));
        }
        state
    }

    fn handle_errors(&mut self, state: &mut Value, later: &[String]) {
        let names = [json!([ERROR]), json!(["States.ALL"])];
        if self.pick(3) == 0 {
            let name = if self.flavor == Flavor::Silent { 1 } else { self.pick(2) };
            state["Retry"] = json!([
                {"ErrorEquals": ["Other"], "MaxAttempts": 9},
                {"ErrorEquals": names[name], "MaxAttempts": self.pick(3), "IntervalSeconds": 1 + self.pick(9),
                 "BackoffRate": 2, "JitterStrategy": (["FULL", "NONE"][self.pick(2)])}
            ]);
        }
        // What is caught before a redrive, or cancelled before it could be, would tell who was quicker.
        if self.flavor != Flavor::Redriven && !later.is_empty() && self.pick(2) == 0 {
            let next = &later[self.pick(later.len())];
            let mut catcher = json!({"ErrorEquals": ["States.ALL"], "Next": next});
            if self.jsonata {
                catcher["Output"] =
                    json!("{% $merge([$states.input, {'error': $states.errorOutput}]) %}");
            } else {
                catcher["ResultPath"] = json!("$.error");
            }
            state["Catch"] = json!([catcher]);
        }
    }
}
