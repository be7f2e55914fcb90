//! `stepwell demo`: the chapter's pipeline on real data, written with the Rust SDK, from rows to predictions.

// The example's own file: one way to make numbers of the rentals, not two.
#[path = "../../../../examples/bikeshare/rust/src/data.rs"]
mod data;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use stepwell_sdk::inputs::{ExecutionInput, Type};
use stepwell_sdk::steps::{Chain, EndpointConfigStep, EndpointStep, ModelStep, TrainingStep};
use stepwell_sdk::{
    Client, Estimator, Predictor, Session, TrainingInput, Workflow, execution_role, image_uri,
};

use super::run::embedded;
use crate::client::block_on;
use crate::config::ServerFlags;
use crate::progress;

/// Hourly bicycle rentals in Washington DC (examples/bikeshare/SOURCE.md: CC BY 4.0).
const RENTALS: &str = include_str!("../../../../examples/bikeshare/bikeshare.csv");
const INSTANCE: &str = "ml.m5.xlarge";

/// Flags of `demo`.
#[derive(Args)]
pub struct Flags {
    /// Keep the data here, to look at it with `stepwell serve --data DIR` [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The XGBoost library, if it is not found by itself
    #[arg(long, value_name = "PATH", env = "STEPWELL_XGBOOST_LIB")]
    xgboost_lib: Option<PathBuf>,
}

/// Runs the demo.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let server = ServerFlags {
        data: flags.data.clone(),
        xgboost_lib: flags.xgboost_lib.clone(),
        ..ServerFlags::default()
    };
    let succeeded = block_on(embedded(server, async |client| pipeline(&client).await))?;
    if !succeeded {
        return Ok(ExitCode::FAILURE);
    }
    println!("\nWhat to try next:");
    match &flags.data {
        Some(data) => println!(
            "  stepwell serve --data {}        the endpoint just made comes back with it",
            data.display()
        ),
        None => println!(
            "  stepwell serve                    serve on http://127.0.0.1:4566, data in ./.stepwell"
        ),
    }
    println!(
        "  eval \"$(stepwell env)\"            point this shell's boto3, AWS CLI and SDKs at it"
    );
    println!(
        "  stepwell graph examples/bikeshare/pipeline.asl.json    such a pipeline as a picture"
    );
    println!(
        "  python examples/bikeshare/pipeline.py    the same pipeline with the Data Science SDK"
    );
    Ok(ExitCode::SUCCESS)
}

/// Trains, deploys and asks; whether the execution succeeded.
async fn pipeline(client: &Client) -> anyhow::Result<bool> {
    let split = data::split(data::read(RENTALS.as_bytes())?);
    let role = execution_role(client).await?;
    let bucket = Session::new(client).default_bucket().await?;
    for (key, rows) in
        [("bikeshare/train.csv", &split.train), ("bikeshare/validation.csv", &split.validation)]
    {
        client.s3().put_object(&bucket, key, data::labelled_csv(rows)).await?;
        println!("put {} hours of bicycle rentals into s3://{bucket}/{key}", rows.len());
    }
    let workflow = Workflow::new("bikeshare-demo", chain(client, &role, &bucket)?, &role)?
        .create(client)
        .await?;
    println!("\n{}", workflow.render_graph());

    // Each run has its own names, so that a kept data folder can be used again.
    let number = workflow.list_executions(None, 1000).await?.len() + 1;
    let name = format!("bikeshare-{number}");
    let names = json!({ "JobName": name, "ModelName": name, "EndpointName": name });
    let execution = workflow.execute_named(&name, names).await?;
    println!("execution {}", execution.arn());
    let ended = progress::follow(client, execution.arn(), false).await?;
    if !ended.succeeded() {
        println!("{}", ended.why());
        return Ok(false);
    }
    let predictor = Predictor::new(client, &name);
    predictor.wait_in_service().await?;
    report(&predictor, &split.test).await?;
    Ok(true)
}

fn chain(client: &Client, role: &str, bucket: &str) -> anyhow::Result<Chain> {
    let inputs = ExecutionInput::new([
        ("JobName", Type::String),
        ("ModelName", Type::String),
        ("EndpointName", Type::String),
    ]);
    let place = |name: &str| format!("s3://{bucket}/bikeshare/{name}");
    let xgboost = Estimator::new(
        image_uri("xgboost", client.region(), "3.0-5")?,
        role,
        INSTANCE,
        place("output"),
    )
    .hyperparameter("objective", "reg:squarederror")
    .hyperparameter("num_round", 200)
    .hyperparameter("max_depth", 6)
    .hyperparameter("eta", 0.1);
    let train = TrainingStep::new("Train Step", &xgboost, inputs.get("JobName"))
        .channel("train", TrainingInput::csv(place("train.csv")))
        .channel("validation", TrainingInput::csv(place("validation.csv")));
    let (model, endpoint) = (inputs.get("ModelName"), inputs.get("EndpointName"));
    let save = ModelStep::new("Save model", train.expected_model()).model_name(&model);
    let configure = EndpointConfigStep::new("Create Endpoint Config", &model, &model, 1, INSTANCE);
    let deploy = EndpointStep::new("Create Endpoint", &endpoint, &model);
    Ok(Chain::new().then(train).then(save).then(configure).then(deploy))
}

/// Predictions beside what happened, and how far off they are.
async fn report(predictor: &Predictor, test: &[data::Row]) -> anyhow::Result<()> {
    let features: Vec<&[f64]> = test.iter().map(|row| row.features.as_slice()).collect();
    let predicted = predictor.predict_csv(&features).await?;
    println!(
        "\n{:>12} {:>12}    bicycles out in an hour the model has not seen",
        "predicted", "actual"
    );
    for (row, predicted) in test.iter().zip(&predicted).step_by(test.len().div_ceil(10)) {
        println!("{predicted:>12.1} {:>12}", row.bikers);
    }
    let mean = test.iter().map(|row| row.bikers).sum::<f64>() / test.len() as f64;
    let error = |guess: &mut dyn Iterator<Item = f64>| {
        let squares: f64 =
            test.iter().zip(guess).map(|(row, guess)| (row.bikers - guess).powi(2)).sum();
        (squares / test.len() as f64).sqrt()
    };
    println!(
        "\nroot mean square error over {} such hours: {:.1}",
        test.len(),
        error(&mut predicted.iter().copied())
    );
    println!(
        "of the best constant, {mean:.1}:                {:.1}",
        error(&mut std::iter::repeat(mean))
    );
    Ok(())
}
