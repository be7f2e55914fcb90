//! Mistakes that must be found, and properties that always hold.

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_sdk::inputs::{ExecutionInput, Schema, StepInput, Type};
use stepwell_sdk::steps::*;
use stepwell_sdk::{Estimator, Workflow};

fn pass(name: &str) -> Pass {
    Pass::new(name)
}

fn fault(chain: impl Into<Chain>) -> String {
    let text = chain.into().definition().unwrap_err().to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn mistakes_are_build_errors() {
    assert_eq!(fault(Chain::new()), "a chain has no states");
    let twice = Chain::new().then(pass("A")).then(pass("B")).then(pass("A"));
    assert_eq!(fault(twice), "there are two states named `A`");
    let other = Parallel::new("P", pass("A")).branch(pass("A"));
    assert_eq!(fault(other), "there are two states named `A`");
    assert_eq!(fault(pass("")), "state name `` has 0 characters; it must have 1 to 80");
    assert_eq!(
        fault(Chain::new().then(Fail::new("F")).then(pass("A"))),
        "state `A` cannot follow `F`: it ends the execution"
    );
    assert_eq!(
        fault(pass("A").go_to("B").then(pass("C"))),
        "state `C` cannot follow `A`: the chain already goes to another state"
    );
    assert_eq!(
        fault(pass("A").go_to("B")),
        "state `A` goes to `B`, which is not a state of its chain, workflow or branch"
    );
    assert_eq!(
        fault(Parallel::new("P", pass("A").go_to("B")).then(pass("B"))),
        "state `A` goes to `B`, which is not a state of its chain, workflow or branch"
    );
    assert_eq!(
        fault(pass("A").input_path("x")),
        "`x` in InputPath of state `A` must be a placeholder or a path that begins with `$`"
    );
    assert_eq!(
        fault(Choice::new("C", ChoiceRule::is_null("x", true), pass("A"))),
        "`x` in the variable of a Choice rule must be a placeholder or a path that begins with `$`"
    );
    assert_eq!(
        fault(Choice::new("C", ChoiceRule::timestamp_equals("$.x", "today"), pass("A"))),
        "TimestampEquals of a Choice rule cannot be \"today\": it must be an RFC 3339 timestamp such as 2026-03-14T01:59:00Z"
    );
    let inputs = ExecutionInput::new([("JobName", Type::String)]);
    assert_eq!(
        fault(pass("A").parameters(json!({ "x": { "y": inputs.get("Jobname") } }))),
        "a placeholder of state `A` does not conform: `Jobname` is not in the schema {\"JobName\": a string}"
    );
    assert_eq!(
        fault(pass("A").parameters(json!({ "x": [1, inputs.get("JobName")] }))),
        "state `A` has a placeholder in `Parameters.x[1]`, where the States Language allows no path"
    );
    assert_eq!(
        fault(pass("A").result(json!({ "x": inputs.get("JobName") }))),
        "state `A` has a placeholder in `Result.x`, where the States Language allows no path"
    );
    assert_eq!(
        fault(Map::new("M", pass("A")).max_concurrency(inputs.get("JobName"))),
        "state `M` has a placeholder in `MaxConcurrency`, where the States Language allows no path"
    );
}

#[test]
fn an_output_is_for_the_next_step() {
    let first = pass("First");
    let out = first.output().get("x");
    let user = |name: &str| pass(name).parameters(json!({ "x": out }));
    let good = Chain::new().then(first.clone()).then(user("Next")).definition().unwrap();
    assert_eq!(good["States"]["Next"]["Parameters"], json!({ "x.$": "$['x']" }));
    // A Wait and a Choice hand on what they got.
    let through =
        Choice::new("C", ChoiceRule::is_present(&out, true), user("Yes")).otherwise(pass("No"));
    let good =
        Chain::new().then(first.clone()).then(Wait::seconds("W", 1)).then(through).definition();
    assert!(good.is_ok(), "{good:?}");
    let late = Chain::new().then(first.clone()).then(pass("Between")).then(user("Late"));
    assert_eq!(
        fault(late),
        "state `Late` uses the output of `First` ($['x']), which is not the step before it"
    );
    assert_eq!(
        fault(user("Start").then(first)),
        "state `Start` uses the output of `First` ($['x']), which is not the step before it"
    );
}

#[test]
fn a_state_reached_twice_is_one_state() {
    let failed = Fail::new("Failed");
    let catch = || Catch::new(["States.ALL"], failed.clone());
    let task = |name: &str| Task::new(name, "arn:aws:states:::lambda:invoke").catch(catch());
    let definition = Chain::new().then(task("A")).then(task("B")).definition().unwrap();
    assert_eq!(definition["States"].as_object().unwrap().len(), 3);
    let other = Chain::new()
        .then(task("A"))
        .then(task("B").catch(Catch::new(["X"], failed.clone().cause("other"))));
    assert_eq!(fault(other), "there are two states named `Failed`");
    // Also when it is a whole chain with branches inside.
    let shared = || Chain::new().then(Parallel::new("P", pass("In"))).then(failed.clone());
    let ways = Choice::new("C", ChoiceRule::is_null("$.x", true), shared()).otherwise(shared());
    assert!(Chain::from(ways).definition().is_ok());
}

#[test]
fn placeholders_become_paths_wherever_a_path_may_stand() {
    let inputs = ExecutionInput::default();
    let task = Task::new("T", "arn:aws:states:::lambda:invoke")
        .timeout_seconds(inputs.get("Limits").get("Seconds"))
        .heartbeat_seconds(5)
        .input_path(StepInput::default().at(0).get("it's"))
        .result_selector(json!({ "a": StepInput::default().get("b") }));
    let definition = Chain::from(task).definition().unwrap();
    assert_eq!(
        definition["States"]["T"],
        json!({
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSecondsPath": "$$.Execution.Input['Limits']['Seconds']", "HeartbeatSeconds": 5,
            "InputPath": "$[0]['it\\'s']", "ResultSelector": { "a.$": "$['b']" }, "End": true,
        })
    );
    // Without a schema, what is used is what is needed.
    assert_eq!(
        inputs.schema(),
        Schema::from([("Limits", Type::Object([("Seconds", Type::Any)].into()))])
    );
}

#[test]
fn parameters_are_merged_into_a_step() {
    let inputs = ExecutionInput::default();
    let estimator =
        Estimator::new("image", "role", "ml.m4.xlarge", "s3://b/o").hyperparameter("eta", 0.2);
    let step = TrainingStep::new("Train", &estimator, "job")
        .hyperparameter("eta", inputs.get("Eta"))
        .hyperparameter("deep", true)
        .parameters(json!({ "ResourceConfig": { "InstanceCount": inputs.get("Machines") }, "EnableNetworkIsolation": true }))
        .tags([("a", "b")])
        .wait_for_completion(false);
    let definition = Chain::from(step).definition().unwrap();
    let train = &definition["States"]["Train"];
    assert_eq!(train["Resource"], "arn:aws:states:::sagemaker:createTrainingJob");
    let parameters = &train["Parameters"];
    assert_eq!(
        parameters["HyperParameters"],
        json!({ "eta.$": "$$.Execution.Input['Eta']", "deep": "true" })
    );
    assert_eq!(
        parameters["ResourceConfig"],
        json!({ "VolumeSizeInGB": 30, "InstanceType": "ml.m4.xlarge", "InstanceCount.$": "$$.Execution.Input['Machines']" })
    );
    assert_eq!(parameters["EnableNetworkIsolation"], true);
    assert_eq!(parameters["Tags"], json!([{ "Key": "a", "Value": "b" }]));
}

#[test]
fn the_expected_model_is_where_the_job_is_put() {
    let estimator = Estimator::new("image", "role", "ml.m4.xlarge", "s3://b/o");
    let train = TrainingStep::new("Train", &estimator, "job").result_path("$.jobs.train");
    let save = ModelStep::new("Save", train.expected_model());
    let definition = train.then(save).definition().unwrap();
    let container = &definition["States"]["Save"]["Parameters"]["PrimaryContainer"];
    assert_eq!(
        container["ModelDataUrl.$"],
        "$['jobs']['train']['ModelArtifacts']['S3ModelArtifacts']"
    );
}

/// A chain of up to a few states of every kind, whose names are unique by their number.
fn chains() -> impl Strategy<Value = Chain> {
    let leaf = prop_oneof![
        any::<u32>().prop_map(|_| Kind::Pass),
        any::<u8>().prop_map(|seconds| Kind::Wait(seconds.into())),
        any::<bool>().prop_map(Kind::Task),
    ];
    let tree = leaf.prop_recursive(3, 24, 4, |inner| {
        let row = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            prop::collection::vec(row.clone(), 1..3).prop_map(Kind::Parallel),
            row.clone().prop_map(Kind::Map),
            (row.clone(), row).prop_map(|(left, right)| Kind::Choice(left, right)),
        ]
    });
    (prop::collection::vec(tree, 1..5), "[ -~]{1,8}").prop_map(|(row, prefix)| {
        let mut number = 0;
        grow(&row, &prefix, &mut number)
    })
}

#[derive(Debug, Clone)]
enum Kind {
    Pass,
    Wait(u32),
    Task(bool),
    Parallel(Vec<Vec<Kind>>),
    Map(Vec<Kind>),
    Choice(Vec<Kind>, Vec<Kind>),
}

fn grow(row: &[Kind], prefix: &str, number: &mut u32) -> Chain {
    let mut chain = Chain::new();
    for kind in row {
        *number += 1;
        let name = format!("{prefix}{number}");
        chain = match kind {
            Kind::Pass => chain.then(Pass::new(name)),
            Kind::Wait(seconds) => chain.then(Wait::seconds(name, *seconds)),
            Kind::Task(caught) => {
                let task = LambdaStep::new(name.as_str());
                let catch = Catch::new(["States.ALL"], Fail::new(format!("{name} failed")));
                chain.then(if *caught { task.catch(catch) } else { task })
            }
            Kind::Parallel(branches) => {
                let mut branches = branches.iter().map(|branch| grow(branch, prefix, number));
                let first = Parallel::new(name, branches.next().unwrap());
                chain.then(branches.fold(first, Parallel::branch))
            }
            Kind::Map(row) => chain.then(Map::new(name, grow(row, prefix, number))),
            Kind::Choice(left, right) => {
                let rule = ChoiceRule::string_equals("$.way", &name);
                chain.then(
                    Choice::new(name, rule, grow(left, prefix, number))
                        .when(ChoiceRule::is_null("$", true), grow(right, prefix, number)),
                )
            }
        };
    }
    chain
}

/// Every way leads to a state of the same scope, and every state is reached by one.
fn check_scope(scope: &Value) {
    let states = scope["States"].as_object().expect("States");
    let mut reached = vec![scope["StartAt"].as_str().expect("StartAt")];
    for (name, state) in states {
        let list = |member: &str| state[member].as_array().cloned().unwrap_or_default();
        let mut ways = vec![];
        ways.extend(["Next", "Default"].iter().filter_map(|member| state[*member].as_str()));
        reached.append(&mut ways);
        for way in list("Choices").iter().chain(&list("Catch")) {
            let target = way["Next"].as_str().expect("a target");
            assert!(states.contains_key(target), "{name} → {target}");
            reached.push(states.get_key_value(target).map(|(name, _)| name.as_str()).unwrap());
        }
        let kind = state["Type"].as_str().expect("Type");
        let ends = matches!(kind, "Succeed" | "Fail" | "Choice") || state["End"] == true;
        assert!(ends ^ state["Next"].is_string(), "{name}: {state}");
        list("Branches").iter().for_each(check_scope);
        if kind == "Map" {
            check_scope(&state["ItemProcessor"]);
        }
    }
    for name in &reached {
        assert!(states.contains_key(*name), "nothing is named {name}");
    }
    for name in states.keys() {
        assert!(reached.contains(&name.as_str()), "{name} is never reached");
    }
}

/// What Step Functions itself would say of a definition.
fn check_language(definition: &str) {
    let diagnostics = asl::validate(definition, Default::default());
    let errors: Vec<_> =
        diagnostics.iter().filter(|found| found.severity.as_str() == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:#?}\n{definition}");
}

#[test]
fn the_pipelines_are_valid_in_the_states_language() {
    check_language(&crate::chapter::big_mart().to_json(true));
    check_language(&crate::golden::everything().to_json(true));
    check_language(&crate::chapter::training_pipeline().workflow().to_json(true));
    for chain in [crate::chapter::transform(), crate::chapter::tuning()] {
        check_language(&chain.definition().unwrap().to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_chains_are_whole(chain in chains()) {
        let workflow = Workflow::new("random", chain, "role").unwrap();
        let definition: Value = serde_json::from_str(&workflow.to_json(true)).unwrap();
        check_scope(&definition);
        check_language(&workflow.to_json(false));
        prop_assert!(!workflow.render_graph().to_string().is_empty());
    }
}
