//! What the builders write, against files: our own, and what the Python SDK wrote for the same pipelines.

use expect_test::expect_file;
use serde_json::Value;
use stepwell_sdk::inputs::{ExecutionInput, StepInput};
use stepwell_sdk::steps::*;
use stepwell_sdk::template::InferencePipeline;
use stepwell_sdk::*;

use crate::chapter::{self, ROLE, big_mart, training_pipeline, transform, tuning};

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[test]
fn our_own_files() {
    expect_file!["../golden/big-mart.asl.json"].assert_eq(&text(&big_mart().definition()));
    expect_file!["../golden/transform.asl.json"]
        .assert_eq(&text(&transform().definition().unwrap()));
    expect_file!["../golden/tuning.asl.json"].assert_eq(&text(&tuning().definition().unwrap()));
    let pipeline = training_pipeline();
    expect_file!["../golden/training-pipeline.asl.json"]
        .assert_eq(&text(&pipeline.workflow().definition()));
    expect_file!["../golden/training-pipeline.input.json"]
        .assert_eq(&text(&pipeline.input("job-1", Some([("num_round", 50)]))));
    let inference = InferencePipeline::new(
        "churn",
        &chapter::estimator().hyperparameter("sagemaker_job_name", "\"x\""),
        &chapter::estimator(),
        ROLE,
        "s3://bucket/raw.csv",
        "bucket",
    );
    let inference = inference.unwrap().content_type("text/csv");
    expect_file!["../golden/inference-pipeline.asl.json"]
        .assert_eq(&text(&inference.workflow().definition()));
    expect_file!["../golden/inference-pipeline.input.json"]
        .assert_eq(&text(&inference.input("job-1")));
    expect_file!["../golden/everything.asl.json"].assert_eq(&text(&everything().definition()));
    expect_file!["../golden/everything.graph.txt"]
        .assert_eq(&everything().render_graph().to_string());
    expect_file!["../golden/big-mart.graph.txt"].assert_eq(&big_mart().render_graph().to_string());
    expect_file!["../golden/big-mart.cloudformation.yaml"]
        .assert_eq(&big_mart().cloudformation_template(None));
}

#[test]
fn as_the_python_sdk_writes_it() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(folder) = here
        .ancestors()
        .map(|folder| folder.join("shared/examples"))
        .find(|folder| folder.is_dir())
    else {
        eprintln!("skipped: no shared/examples beside the repository");
        return;
    };
    let pipeline = training_pipeline();
    let cases = [
        ("big-mart.asl.json", big_mart().definition()),
        ("transform-step.asl.json", transform().definition().unwrap()),
        ("tuning-step.asl.json", tuning().definition().unwrap()),
        ("training-pipeline.asl.json", pipeline.workflow().definition()),
        ("training-pipeline.input.json", pipeline.input("job-1", Some([("num_round", 50)]))),
    ];
    for (file, ours) in cases {
        let theirs = std::fs::read_to_string(folder.join(file)).unwrap();
        let theirs: Value = serde_json::from_str(&theirs).unwrap();
        assert_eq!(ours, theirs, "{file}\nours: {ours:#}\ntheirs: {theirs:#}");
    }
}

/// One of each state type, and of each way to go on.
pub fn everything() -> Workflow {
    let inputs = ExecutionInput::default();
    let failed = Fail::new("Failed").error("Pipeline").cause("see the history");
    let catch = Catch::new(["States.ALL"], failed.clone()).result_path("$.error");
    let processor =
        Processor::new("image", ROLE, "ml.m4.xlarge").entrypoint(["python3", "/code/prepare.py"]);
    let prepare = ProcessingStep::new("Prepare", &processor, inputs.get("JobName"))
        .input(ProcessingInput::new("raw", "s3://bucket/raw", "/opt/ml/processing/input"))
        .output_to(ProcessingOutput::new("train", "/opt/ml/processing/train", "s3://bucket/train"))
        .arguments(["--share", "0.2"])
        .tags([("team", "slytherin")])
        .retry(
            Retry::new(["States.TaskFailed"])
                .interval_seconds(2)
                .max_attempts(4)
                .backoff_rate(1.5)
                .full_jitter(),
        )
        .catch(catch.clone());
    let check = LambdaStep::new("Check").parameters(serde_json::json!({
        "FunctionName": "check",
        "Payload": { "rows": StepInput::default().get("rows"), "all": [{ "x": inputs.get("Limit") }] },
    }));
    // A catcher inside a branch stays inside it.
    let check =
        check.catch(Catch::new(["States.Timeout"], Chain::to("Late"))).then(Pass::new("Late"));
    let branches = Parallel::new("Both", check)
        .branch(
            Map::new("Each", Pass::new("One").parameters(serde_json::json!({ "v.$": "$" })))
                .items_path("$.items")
                .max_concurrency(StepInput::default().get("Parallel"))
                .item_selector(serde_json::json!({ "index.$": "$$.Map.Item.Index", "limit": inputs.get("Limit") })),
        )
        .branch(Chain::new().then(Wait::until("Until", "2026-01-01T00:00:00Z")).then(Pass::new("After")))
        .result_path("$.checks")
        .catch(catch);
    let decide = Choice::new(
        "Good?",
        ChoiceRule::and([
            ChoiceRule::is_present("$.rmse", true),
            ChoiceRule::or([
                ChoiceRule::numeric_less_than("$.rmse", 50.5),
                ChoiceRule::numeric_less_than_equals_path("$.rmse", inputs.get("Limit")),
            ]),
            ChoiceRule::not(ChoiceRule::string_matches("$.name", "tmp*")),
        ]),
        Succeed::new("Good"),
    )
    .when(
        ChoiceRule::timestamp_less_than("$.at", "2026-01-01T00:00:00Z"),
        Wait::seconds("Pause", 5).go_to("Prepare"),
    )
    .when(ChoiceRule::boolean_equals("$.stop", true), failed);
    let start = StepFunctionsStartExecutionStep::new("Report").parameters(
        serde_json::json!({ "StateMachineArn": "arn", "Input": { "of": inputs.get("JobName") } }),
    );
    let chain = Chain::new().then(prepare).then(branches).then(decide).then(start);
    Workflow::new("everything", chain, ROLE).unwrap().comment("one of each").timeout_seconds(3600)
}
