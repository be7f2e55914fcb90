//! The pipelines of the chapter, as a user writes them.

use stepwell_sdk::inputs::{ExecutionInput, Type};
use stepwell_sdk::steps::*;
use stepwell_sdk::template::TrainingPipeline;
use stepwell_sdk::*;

pub const ROLE: &str = "arn:aws:iam::000000000000:role/stepwell";

pub fn inputs() -> ExecutionInput {
    ExecutionInput::new([
        ("JobName", Type::String),
        ("ModelName", Type::String),
        ("EndpointName", Type::String),
    ])
}

pub fn estimator() -> Estimator {
    let image = image_uri("xgboost", "us-east-1", "1.7-1").unwrap();
    Estimator::new(image, ROLE, "ml.m4.xlarge", "s3://slytherins-test/output")
}

pub fn channels() -> [(&'static str, TrainingInput); 2] {
    [
        ("train", TrainingInput::csv("s3://slytherins-test/Train.csv")),
        ("validation", TrainingInput::csv("s3://slytherins-test/test_data.csv")),
    ]
}

pub fn big_mart() -> Workflow {
    let inputs = inputs();
    let xgboost = estimator()
        .hyperparameter("objective", "reg:squarederror")
        .hyperparameter("num_round", 100)
        .hyperparameter("max_depth", 5)
        .hyperparameter("eta", 0.2);
    let train = channels().into_iter().fold(
        TrainingStep::new("Train Step", &xgboost, inputs.get("JobName")),
        |step, (name, data)| step.channel(name, data),
    );
    let save =
        ModelStep::new("Save model", train.expected_model()).model_name(inputs.get("ModelName"));
    let (model, endpoint) = (inputs.get("ModelName"), inputs.get("EndpointName"));
    let configure =
        EndpointConfigStep::new("Create Endpoint Config", &model, &model, 1, "ml.m4.xlarge");
    let deploy = EndpointStep::new("Create Endpoint", &endpoint, &model);
    let pipeline = Chain::new().then(train).then(save).then(configure).then(deploy);
    Workflow::new("big-mart", pipeline, ROLE).unwrap().execution_input(&inputs)
}

pub fn transform() -> Chain {
    let inputs = inputs();
    let transformer = Transformer::new("ml.m4.xlarge", "s3://slytherins-test/transform")
        .assemble_with("Line")
        .accept("text/csv");
    let data = "s3://slytherins-test/test_data.csv";
    TransformStep::new("Score", &transformer, inputs.get("JobName"), inputs.get("ModelName"), data)
        .content_type("text/csv")
        .split_type("Line")
        .input_filter("$[1:]")
        .join_source("Input")
        .output_filter("$[0,-1]")
        .into()
}

pub fn tuning() -> Chain {
    let estimator = estimator()
        .hyperparameter("objective", "reg:squarederror")
        .hyperparameter("num_round", 100);
    let tuner =
        Tuner::new(&estimator.hyperparameter("eta", 0.3), Objective::Minimize, "validation:rmse")
            .continuous("eta", 0.05, 0.5)
            .integer("max_depth", 3, 8)
            .max_jobs(4)
            .max_parallel_jobs(2);
    let step = TuningStep::new("Tune", &tuner, inputs().get("JobName"));
    channels().into_iter().fold(step, |step, (name, data)| step.channel(name, data)).into()
}

pub fn training_pipeline() -> TrainingPipeline {
    let estimator = estimator().hyperparameter("num_round", 100);
    TrainingPipeline::new("big-mart", &estimator, ROLE, channels(), "slytherins-test").unwrap()
}
