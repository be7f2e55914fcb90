//! `run-endpoint FOLDER`: the process of a production variant; and the worker of transform jobs, which
//! asks the same model without a network between them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use algorithms::Failure;
use algorithms::xgboost::inference::Request;
use algorithms::xgboost::{self, Model, ServeModel};
use services::sagemaker::job_spec::{self, EndpointSpec, JobSpec, LISTENING};
use services::sagemaker::{Transform, batch};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::run_job::{Worked, exact};
use crate::{clock, programs};

/// Loads the model, says where it listens, serves until standard input closes: with the server.
pub fn run(folder: &Path) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let spec: EndpointSpec = job_spec::read(folder, "endpoint.json")?;
        let model = match load(&spec.image, spec.model, spec.environment, Some(spec.secret), 0) {
            Ok(model) => model,
            Err(failure) => {
                say(&failure.message);
                return Ok(ExitCode::FAILURE);
            }
        };
        say(&format!("XGBoost {} serves", model.library_version()));
        if let Some(warning) = model.warning() {
            say(warning);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{LISTENING} {}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        xgboost::serve(Arc::new(model), listener, server_gone()).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Waits until the server closes our input, or is no more. Ctrl-C at a terminal reaches us too, and is
/// the server's to answer.
async fn server_gone() {
    if let Ok(mut interrupt) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
    {
        tokio::spawn(async move { while interrupt.recv().await.is_some() {} });
    }
    let mut nothing = [0; 64];
    let mut input = tokio::io::stdin();
    while input.read(&mut nothing).await.is_ok_and(|read| read > 0) {}
}

/// A line of the log stream, which the server has made our standard error.
fn say(text: &str) {
    eprintln!("{}\t{}", clock::now().0, text.replace('\n', " "));
}

fn load(
    image: &str,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    secret: Option<String>,
    cpus: usize,
) -> Result<Model, Failure> {
    let found = algorithms::for_image(image)
        .ok_or_else(|| Failure::user(format!("no built-in algorithm serves the image {image}")))?;
    let cpus =
        if cpus > 0 { cpus } else { std::thread::available_parallelism().map_or(1, usize::from) };
    Model::load(&ServeModel {
        folder,
        libraries: xgboost::find(&programs::xgboost_candidates()),
        series: found.series,
        exact: exact(),
        environment: environment.into_iter().collect(),
        cpus,
        payload_bytes_max: None,
        secret,
    })
}

/// Runs a transform job in its folder; gives up at the next request once `stop` is set.
pub fn transform(
    folder: &Path,
    spec: &JobSpec,
    transform: &Transform,
    stop: &AtomicBool,
) -> Worked {
    let model = load(&spec.image, folder.join("model"), spec.environment.clone(), None, spec.cpus)?;
    println!("XGBoost {} transforms {} input(s)", model.library_version(), transform.files.len());
    if let Some(warning) = model.warning() {
        println!("{warning}");
    }
    for file in &transform.files {
        let input =
            std::fs::read(folder.join("input").join(file)).map_err(|error| disk(file, &error))?;
        let output = batch::transform(&transform.processing, &input, |body| {
            match stop.load(Ordering::Acquire) {
                true => Err("stopped".to_owned()),
                false => ask(&model, transform, body),
            }
        })
        .map_err(|reason| Failure::user(format!("`{file}`: {reason}")))?;
        let path = folder.join("output").join(format!("{file}.out"));
        path.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, output))
            .map_err(|error| disk(file, &error))?;
        println!("{file}: done");
    }
    Ok(Vec::new())
}

fn ask(model: &Model, transform: &Transform, body: &[u8]) -> Result<Vec<u8>, String> {
    let answer = model.invoke(Request {
        content_type: transform.content_type.as_deref(),
        accept: transform.accept.as_deref(),
        body,
    });
    if answer.status < 300 {
        return Ok(answer.body);
    }
    println!("the model answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Err(format!("the model answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)))
}

fn disk(file: &str, error: &std::io::Error) -> Failure {
    Failure::platform(format!("cannot read or write what belongs to `{file}`: {error}"))
}
