//! `run-endpoint FOLDER`: the process of a production variant.

use std::path::Path;
use std::process::ExitCode;

use services::sagemaker::Transform;
use services::sagemaker::job_spec::JobSpec;

use super::run_job::Worked;

/// Serves.
pub fn run(_folder: &Path) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the model server is not built in yet")
}

/// Transforms.
pub fn transform(_folder: &Path, _spec: &JobSpec, _transform: &Transform) -> Worked {
    Err(algorithms::Failure::platform("the model server is not built in yet"))
}
