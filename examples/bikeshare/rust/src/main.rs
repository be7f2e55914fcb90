//! Trains a model on hourly bicycle rentals, deploys it, and asks it about hours it has not seen.
//!
//! Start a server with `stepwell serve`, then `cargo run -p bikeshare`. With `AWS_ENDPOINT_URL` set, the server
//! it names is asked instead. Each run trains another model and makes another endpoint; only the data set and
//! the names change.

mod data;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use stepwell_sdk::inputs::{ExecutionInput, Type};
use stepwell_sdk::steps::{Chain, EndpointConfigStep, EndpointStep, ModelStep, TrainingStep};
use stepwell_sdk::workflow::Live;
use stepwell_sdk::{
    Client, Estimator, Execution, ExecutionStatus, Level, Predictor, Session, TrainingInput,
    Workflow, execution_role, image_uri, set_stream_logger,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    set_stream_logger(Level::Info);
    let client = match std::env::var_os("AWS_ENDPOINT_URL") {
        Some(_) => Client::from_env()?,
        None => Client::local("http://127.0.0.1:4566")?,
    };

    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bikeshare.csv");
    let table =
        std::fs::File::open(&csv).with_context(|| format!("cannot read `{}`", csv.display()))?;
    let rows = data::read(table)?;
    let split = data::split(rows);
    let workflow = create(&client, &split).await?;
    println!("{}", workflow.render_graph());

    let number = workflow.list_executions(None, 1000).await?.len() + 1;
    let name = format!("bikeshare-rust-{number}");
    let names = json!({ "JobName": name, "ModelName": name, "EndpointName": name });
    let execution = workflow.execute_named(&name, names).await?;
    watch(&execution).await?;

    let predictor = Predictor::new(&client, &name);
    predictor.wait_in_service().await?;
    report(&predictor, &split.test).await
}

/// Uploads the data and creates the pipeline that learns from it.
async fn create(client: &Client, split: &data::Split) -> anyhow::Result<Workflow<Live>> {
    let role = execution_role(client).await?;
    let bucket = Session::new(client).default_bucket().await?;
    for (key, rows) in
        [("bikeshare/train.csv", &split.train), ("bikeshare/validation.csv", &split.validation)]
    {
        client.s3().put_object(&bucket, key, data::labelled_csv(rows)).await?;
    }

    let inputs = ExecutionInput::new([
        ("JobName", Type::String),
        ("ModelName", Type::String),
        ("EndpointName", Type::String),
    ]);
    let xgboost = Estimator::new(
        image_uri("xgboost", client.region(), "3.0-5")?,
        &role,
        "ml.m5.xlarge",
        format!("s3://{bucket}/bikeshare/output"),
    )
    .hyperparameter("objective", "reg:squarederror")
    .hyperparameter("num_round", 200)
    .hyperparameter("max_depth", 6)
    .hyperparameter("eta", 0.1);

    let train = TrainingStep::new("Train Step", &xgboost, inputs.get("JobName"))
        .channel("train", TrainingInput::csv(format!("s3://{bucket}/bikeshare/train.csv")))
        .channel(
            "validation",
            TrainingInput::csv(format!("s3://{bucket}/bikeshare/validation.csv")),
        );
    let (model, endpoint) = (inputs.get("ModelName"), inputs.get("EndpointName"));
    let save = ModelStep::new("Save model", train.expected_model()).model_name(&model);
    let configure =
        EndpointConfigStep::new("Create Endpoint Config", &model, &model, 1, "ml.m5.xlarge");
    let deploy = EndpointStep::new("Create Endpoint", &endpoint, &model);
    let pipeline = Chain::new().then(train).then(save).then(configure).then(deploy);

    let mut workflow = Workflow::new("bikeshare-rust", pipeline, role)?
        .execution_input(&inputs)
        .create(client)
        .await?;
    if workflow.differs() {
        workflow.overwrite().await?;
    }
    Ok(workflow)
}

/// Says which state runs, until the execution has ended; one that did not succeed is an error.
async fn watch(execution: &Execution) -> anyhow::Result<()> {
    let mut told = String::new();
    let end = loop {
        let end = execution.describe().await?;
        let progress = execution.render_progress().await?;
        let running: Vec<&str> = progress.running().map(|state| state.name.as_str()).collect();
        let running = running.join(", ");
        if !running.is_empty() && running != told {
            println!("running: {running}");
            told = running;
        }
        if end.status != ExecutionStatus::Running {
            println!("\n{progress}");
            break end;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    match end.status {
        ExecutionStatus::Succeeded => Ok(()),
        status => anyhow::bail!(
            "the execution is {status}: {}: {}",
            end.error.unwrap_or_default(),
            end.cause.unwrap_or_default()
        ),
    }
}

/// Predictions beside what happened, and how far off they are.
async fn report(predictor: &Predictor, test: &[data::Row]) -> anyhow::Result<()> {
    let features: Vec<&[f64]> = test.iter().map(|row| row.features.as_slice()).collect();
    let predicted = predictor.predict_csv(&features).await?;
    println!("{:>10}  {:>10}", "actual", "predicted");
    for (row, predicted) in test.iter().zip(&predicted).step_by(test.len().div_ceil(10)) {
        println!("{:>10}  {predicted:>10.1}", row.bikers);
    }
    let actual: Vec<f64> = test.iter().map(|row| row.bikers).collect();
    let mean = actual.iter().sum::<f64>() / actual.len() as f64;
    println!(
        "\nroot mean square error on {} hours it has not seen: {:.1}",
        actual.len(),
        rmse(&actual, &predicted)
    );
    println!(
        "of always saying the mean ({mean:.1}): {:.1}",
        rmse(&actual, &vec![mean; actual.len()])
    );
    Ok(())
}

fn rmse(actual: &[f64], predicted: &[f64]) -> f64 {
    let squares: f64 =
        actual.iter().zip(predicted).map(|(actual, predicted)| (actual - predicted).powi(2)).sum();
    (squares / actual.len() as f64).sqrt()
}
