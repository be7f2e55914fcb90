//! Random machines in the part of the language that the model knows, most of which run to an end.

use serde_json::{Map, Value, json};

use super::choices::Choices;

/// A definition and an input.
pub fn machine(choices: &mut Choices) -> (Value, Value) {
    let jsonata = choices.chance(40);
    let mut machine = Machine { choices, jsonata, states: 0, named: 0, variables: Vec::new() };
    let mut definition = machine.body(2, false);
    if jsonata {
        definition["QueryLanguage"] = json!("JSONata");
    }
    if machine.choices.chance(10) {
        definition["TimeoutSeconds"] = json!(4 + machine.choices.of(20));
    }
    let input = machine.data(2);
    (definition, input)
}

struct Machine<'c, 'b> {
    choices: &'c mut Choices<'b>,
    /// The machine's language.
    jsonata: bool,
    states: usize,
    /// Variables named so far: no name is used twice.
    named: usize,
    /// Variables that may be set where the next state stands.
    variables: Vec<String>,
}

/// Where a state stands.
struct Here {
    jsonata: bool,
    /// Within a Map's iteration.
    in_map: bool,
    /// The state can be retried.
    retries: bool,
}

impl Machine<'_, '_> {
    /// The shape that most paths find their way in.
    fn data(&mut self, depth: usize) -> Value {
        let mut data = json!({"n": self.choices.of(4), "s": self.choices.pick(&["a", "b", ""])});
        data["b"] = json!(self.choices.chance(50));
        let items: Vec<Value> = (0..self.choices.of(4))
            .map(|index| if depth > 0 { self.data(0) } else { json!(index) })
            .collect();
        data["items"] = json!(items);
        if depth > 0 {
            data["o"] = self.data(0);
        }
        data
    }

    fn body(&mut self, depth: usize, in_map: bool) -> Value {
        let outer = self.variables.len();
        let length = 1 + self.choices.of(4);
        let names: Vec<String> = (0..length).map(|_| self.name()).collect();
        let mut states = Map::new();
        let mut extra = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let later = &names[place + 1..];
            let state = self.state(depth, in_map, later, &mut extra);
            states.insert(name.clone(), state);
        }
        for name in extra {
            let state = match self.choices.of(3) {
                0 => json!({"Type": "Succeed"}),
                1 => self.fail(),
                _ => json!({"Type": "Pass", "End": true}),
            };
            states.insert(name, state);
        }
        self.variables.truncate(outer);
        json!({"StartAt": names[0], "States": states})
    }

    fn name(&mut self) -> String {
        self.states += 1;
        format!("S{}", self.states)
    }

    fn variable(&mut self) -> String {
        self.named += 1;
        format!("v{}", self.named)
    }

    /// Somewhere further on: a later state of the row, or an end of its own.
    fn target(&mut self, later: &[String], extra: &mut Vec<String>) -> String {
        if !later.is_empty() && self.choices.chance(60) {
            return self.choices.pick(later);
        }
        let name = self.name();
        extra.push(name.clone());
        name
    }

    fn state(
        &mut self,
        depth: usize,
        in_map: bool,
        later: &[String],
        extra: &mut Vec<String>,
    ) -> Value {
        let switches = !self.jsonata && self.choices.chance(20);
        let mut here = Here { jsonata: self.jsonata || switches, in_map, retries: false };
        let kinds = if depth > 0 { 8 } else { 6 };
        let kind = match self.choices.of(kinds) {
            5 if later.is_empty() => 0,
            kind => kind,
        };
        here.retries = matches!(kind, 1 | 2 | 6 | 7);
        let mut state = match kind {
            0 => self.pass(&here),
            1 | 2 => self.task(&here),
            3 => self.wait(&here),
            4 if later.is_empty() => {
                if self.choices.chance(50) {
                    self.fail()
                } else {
                    json!({"Type": "Succeed"})
                }
            }
            4 => self.pass(&here),
            5 => self.choice(&here, later, extra),
            6 => self.parallel(&here, depth),
            _ => self.map(&here, depth),
        };
        let kind = state["Type"].as_str().unwrap_or_default().to_owned();
        if kind == "Fail" && !here.jsonata && self.choices.chance(20) {
            state = json!({"Type": "Fail", "Error": "Odd", "CausePath": "$.s"});
        } else if kind == "Fail" && here.jsonata && self.choices.chance(40) {
            state["Cause"] = json!(self.expression(&here, &["input"], 1));
        }
        if switches {
            state["QueryLanguage"] = json!("JSONata");
        }
        if !matches!(&*kind, "Choice" | "Succeed" | "Fail") {
            match later.first() {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
        }
        self.flow(&mut state, &kind, &here);
        if here.retries {
            self.handlers(&mut state, &here, later, extra);
        }
        // What this state sets is there for those after it.
        if !matches!(&*kind, "Succeed" | "Fail") && self.choices.chance(25) {
            let variable = self.variable();
            let assign = if here.jsonata {
                let seen: &[&str] = if here.retries { &["input", "result"] } else { &["input"] };
                json!({&variable: self.expression(&here, seen, 1)})
            } else {
                json!({format!("{variable}.$"): self.path(&here)})
            };
            state["Assign"] = assign;
            self.variables.push(variable);
        }
        state
    }

    fn fail(&mut self) -> Value {
        let mut state = json!({"Type": "Fail"});
        if self.choices.chance(80) {
            state["Error"] = json!(self.choices.pick(&["Odd", "Even"]));
        }
        if self.choices.chance(60) {
            state["Cause"] = json!("because");
        }
        state
    }

    fn pass(&mut self, here: &Here) -> Value {
        let mut state = json!({"Type": "Pass"});
        if !here.jsonata && self.choices.chance(30) {
            state["Result"] = self.data(1);
        }
        state
    }

    fn wait(&mut self, here: &Here) -> Value {
        match self.choices.of(4) {
            0 => json!({"Type": "Wait", "Seconds": self.choices.of(4)}),
            1 if here.jsonata => {
                json!({"Type": "Wait", "Seconds": self.expression(here, &["input"], 1)})
            }
            1 => json!({"Type": "Wait", "SecondsPath": self.choices.pick(&["$.n", "$.o.n"])}),
            2 => json!({"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z"}),
            _ if here.jsonata => {
                json!({"Type": "Wait", "Seconds": "{% $states.input.n %}"})
            }
            _ => json!({"Type": "Wait", "Seconds": 1}),
        }
    }

    fn task(&mut self, here: &Here) -> Value {
        let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage"});
        // The attempt is in what is asked, so that the answer can differ by it.
        if here.jsonata {
            state["Arguments"] = json!({
                "try": "{% $states.context.State.RetryCount %}",
                "what": self.expression(here, &["input"], 2),
            });
        } else {
            state["Parameters"] = self.template(here, 1);
            state["Parameters"]["try.$"] = json!("$$.State.RetryCount");
        }
        if self.choices.chance(30) {
            state["TimeoutSeconds"] = json!(2);
            if self.choices.chance(30) {
                state["HeartbeatSeconds"] = json!(1);
            }
        }
        state
    }

    fn choice(&mut self, here: &Here, later: &[String], extra: &mut Vec<String>) -> Value {
        let mut rules = Vec::new();
        for index in 0..1 + self.choices.of(3) {
            let mut rule = if here.jsonata {
                json!({"Condition": format!("{{% {} %}}", self.condition(here))})
            } else {
                self.comparison(1)
            };
            // The next state of the row must be reachable.
            let target = if index == 0 { later[0].clone() } else { self.target(later, extra) };
            rule["Next"] = json!(target);
            if here.jsonata && self.choices.chance(30) {
                rule["Output"] = json!({"by": index, "n": "{% $states.input.n %}"});
            }
            rules.push(rule);
        }
        let mut state = json!({"Type": "Choice", "Choices": rules});
        if self.choices.chance(70) {
            state["Default"] = json!(self.target(later, extra));
        }
        state
    }

    fn comparison(&mut self, depth: usize) -> Value {
        match self.choices.of(if depth > 0 { 10 } else { 7 }) {
            0 => json!({"Variable": "$.n", "NumericEquals": self.choices.of(4)}),
            1 => json!({"Variable": "$.n", "NumericLessThan": self.choices.of(4)}),
            2 => json!({"Variable": "$.s", "StringEquals": "a"}),
            3 => json!({"Variable": "$.b", "BooleanEquals": true}),
            4 => json!({"Variable": "$.got", "IsPresent": true}),
            5 => json!({"Variable": "$.o", "IsString": false}),
            6 => json!({"Variable": "$.n", "NumericEqualsPath": "$.o.n"}),
            7 => json!({"And": [self.comparison(depth - 1), self.comparison(depth - 1)]}),
            8 => json!({"Or": [self.comparison(depth - 1), self.comparison(depth - 1)]}),
            _ => json!({"Not": self.comparison(depth - 1)}),
        }
    }

    fn parallel(&mut self, here: &Here, depth: usize) -> Value {
        let branches: Vec<Value> =
            (0..1 + self.choices.of(3)).map(|_| self.body(depth - 1, here.in_map)).collect();
        let mut state = json!({"Type": "Parallel", "Branches": branches});
        if here.jsonata {
            if self.choices.chance(40) {
                state["Arguments"] = json!({"n": "{% $states.input.n %}", "s": "x"});
            }
        } else if self.choices.chance(30) {
            state["Parameters"] = self.template(here, 1);
        }
        state
    }

    fn map(&mut self, here: &Here, depth: usize) -> Value {
        let processor = self.body(depth - 1, true);
        let mut state = json!({"Type": "Map", "ItemProcessor": processor});
        state["MaxConcurrency"] = json!(self.choices.of(4));
        if here.jsonata {
            state["Items"] = self.choices.pick(&[
                json!("{% $states.input.items %}"),
                json!("{% [$states.input.n, $states.input.s] %}"),
                json!([{"n": 1}, {"n": 2}, {"n": 3}]),
            ]);
            if self.choices.chance(50) {
                state["ItemSelector"] = json!({
                    "n": "{% $states.context.Map.Item.Index %}",
                    "o": "{% $states.context.Map.Item.Value %}",
                    "s": "{% $states.input.s %}",
                });
            }
        } else {
            state["ItemsPath"] = self.choices.pick(&[json!("$.items"), json!("$.o.items")]);
            if self.choices.chance(50) {
                state["ItemSelector"] = json!({
                    "n.$": "$$.Map.Item.Index",
                    "o.$": "$$.Map.Item.Value",
                    "s.$": "$.s",
                });
            }
        }
        state
    }

    /// Fields of input and output processing.
    fn flow(&mut self, state: &mut Value, kind: &str, here: &Here) {
        if kind == "Fail" {
            return;
        }
        if here.jsonata {
            if self.choices.chance(50) {
                let seen: &[&str] = if here.retries { &["input", "result"] } else { &["input"] };
                state["Output"] = if self.choices.chance(50) {
                    let mut output = self.data(1);
                    output["n"] = json!("{% $states.input.n %}");
                    output["got"] = json!(self.expression(here, seen, 2));
                    output
                } else {
                    json!(self.expression(here, seen, 2))
                };
            }
            return;
        }
        if self.choices.chance(10) {
            state["InputPath"] = self.choices.pick(&[json!("$.o"), json!(null), json!("$")]);
        }
        if self.choices.chance(10) {
            state["OutputPath"] = self.choices.pick(&[json!("$.o"), json!(null), json!("$.got")]);
        }
        if matches!(kind, "Choice" | "Wait" | "Succeed") {
            return;
        }
        if here.retries && self.choices.chance(25) {
            state["ResultSelector"] = json!({"n": 2, "all.$": "$"});
        }
        if kind == "Pass" && self.choices.chance(40) {
            state["Parameters"] = self.template(here, 2);
        }
        if self.choices.chance(70) {
            let paths =
                [json!("$.got"), json!("$.got"), json!("$.o.got"), json!(null), json!("$.s.got")];
            state["ResultPath"] = self.choices.pick(&paths);
        }
    }

    fn handlers(
        &mut self,
        state: &mut Value,
        here: &Here,
        later: &[String],
        extra: &mut Vec<String>,
    ) {
        let names: [&[&str]; 6] = [
            &["Odd"],
            &["Even", "Odd"],
            &["States.TaskFailed"],
            &["States.Timeout"],
            &["States.HeartbeatTimeout"],
            &["States.QueryEvaluationError"],
        ];
        if self.choices.chance(35) {
            let mut retriers = Vec::new();
            for _ in 0..self.choices.of(2) {
                retriers.push(json!({"ErrorEquals": self.choices.pick(&names)}));
            }
            retriers.push(json!({"ErrorEquals": ["States.ALL"]}));
            for retrier in &mut retriers {
                retrier["MaxAttempts"] = json!(self.choices.of(3));
                retrier["IntervalSeconds"] = json!(1 + self.choices.of(3));
                if self.choices.chance(40) {
                    retrier["BackoffRate"] = json!(1.5);
                    retrier["MaxDelaySeconds"] = json!(3);
                }
            }
            state["Retry"] = json!(retriers);
        }
        if self.choices.chance(50) {
            let mut catchers = Vec::new();
            if self.choices.chance(40) {
                catchers.push(json!({"ErrorEquals": self.choices.pick(&names)}));
            }
            catchers.push(json!({"ErrorEquals": ["States.ALL"]}));
            for catcher in &mut catchers {
                catcher["Next"] = json!(self.target(later, extra));
                if here.jsonata {
                    if self.choices.chance(50) {
                        catcher["Output"] = json!({
                            "n": "{% $states.input.n %}",
                            "error": "{% $states.errorOutput %}",
                        });
                    }
                } else if self.choices.chance(70) {
                    catcher["ResultPath"] = self.choices.pick(&[json!("$.error"), json!(null)]);
                }
                if self.choices.chance(20) {
                    let variable = self.variable();
                    catcher["Assign"] = if here.jsonata {
                        json!({&variable: "{% $states.errorOutput.Error %}"})
                    } else {
                        json!({format!("{variable}.$"): "$.Error"})
                    };
                    self.variables.push(variable);
                }
            }
            state["Catch"] = json!(catchers);
        }
    }

    // ---- JSONPath ----

    fn path(&mut self, here: &Here) -> String {
        let mut paths: Vec<String> = [
            "$.n",
            "$.s",
            "$.b",
            "$",
            "$.o",
            "$.o.n",
            "$.items",
            "$$.Execution.Input.n",
            "$$.State.Name",
        ]
        .map(str::to_owned)
        .to_vec();
        if self.choices.chance(5) {
            paths = vec!["$.missing".into(), "$.items[0]".into(), "$.got".into()];
        }
        if here.in_map {
            paths.push("$$.Map.Item.Index".into());
            paths.push("$$.Map.Item.Value".into());
        }
        paths.extend(self.variables.iter().map(|name| format!("${name}")));
        self.choices.pick(&paths)
    }

    fn template(&mut self, here: &Here, depth: usize) -> Value {
        let mut template = json!({});
        for key in ["n", "s", "o", "items"] {
            let dynamic = format!("{key}.$");
            match self.choices.of(5) {
                0 => template[dynamic] = json!(self.path(here)),
                1 => template[key] = if key == "n" { json!(1) } else { json!("x") },
                2 if depth > 0 => template[key] = self.template(here, depth - 1),
                3 => {
                    let (first, second) = (self.path(here), self.path(here));
                    template[dynamic] = json!(match self.choices.of(4) {
                        0 => format!("States.Array({first}, {second}, 'x')"),
                        1 => format!("States.Format('{{}}-{{}}', {first}, {second})"),
                        2 => "States.MathAdd($.n, 1)".to_owned(),
                        _ => format!("States.JsonToString({first})"),
                    });
                }
                _ => template[key] = self.data(0)[key].clone(),
            }
        }
        template
    }

    // ---- JSONata ----

    fn expression(&mut self, here: &Here, seen: &[&str], depth: usize) -> String {
        format!("{{% {} %}}", self.jsonata(here, seen, depth))
    }

    fn jsonata(&mut self, here: &Here, seen: &[&str], depth: usize) -> String {
        if depth == 0 || self.choices.chance(30) {
            let member = self.choices.pick(seen);
            let mut leaves: Vec<String> =
                [".n", ".s", "", ".o", ".o.n", ".items", ".items.n", ".b"]
                    .map(|path| format!("$states.{member}{path}"))
                    .to_vec();
            leaves.extend(["1", "'x'", "true", "[]"].map(str::to_owned));
            leaves.push("$states.context.State.Name".into());
            leaves.push("$states.context.Execution.Input.n".into());
            if here.in_map {
                leaves.push("$states.context.Map.Item.Index".into());
                leaves.push("$states.context.Map.Item.Value".into());
            }
            leaves.extend(self.variables.iter().map(|name| format!("${name}")));
            return self.choices.pick(&leaves);
        }
        let mut inner = || self.jsonata(here, seen, depth - 1);
        let (first, second) = (inner(), inner());
        match self.choices.of(8) {
            0 => format!("($states.input.n + {first})"),
            1 => format!("({first} & {second})"),
            2 => format!("[{first}, {second}]"),
            3 => format!("{{'n': {first}, 'o': {second}}}"),
            4 => format!("$count({first})"),
            5 => format!("$exists({first})"),
            6 => format!("($exists({first}) ? {first} : {second})"),
            _ => format!("({first} = {second})"),
        }
    }

    fn condition(&mut self, here: &Here) -> String {
        match self.choices.of(5) {
            0 => format!("$states.input.n = {}", self.choices.of(4)),
            1 => format!("$exists({})", self.jsonata(here, &["input"], 1)),
            2 => format!("{} = 'a'", self.jsonata(here, &["input"], 1)),
            3 => format!("$count({}) = 2", self.jsonata(here, &["input"], 1)),
            _ => self.jsonata(here, &["input"], 1),
        }
    }
}
