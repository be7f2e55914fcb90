//! Amazon SageMaker: jobs that train and transform, models, endpoints that serve.

mod artifact;
mod endpoint;
mod endpoint_config;
mod hosting;
mod inputs;
mod jobs;
mod model;
mod resource;
pub(crate) mod tags;
mod traffic;
mod train;
mod training_job;
mod training_operations;
mod transform;
mod transform_job;
mod weights;

pub mod batch;
pub mod job_spec;
pub mod runner;

pub use hosting::{Hosts, InFlight, Route, Server};
pub use jobs::Outcome;
pub use traffic::Invocation;
pub use transform::Transform;

use crate::integrations::Awaiting;
use crate::{Caller, Context, Error, Service};

/// Amazon SageMaker.
pub static SERVICE: Service = Service {
    name: "sagemaker",
    operations: &[
        &training_operations::CREATE,
        &training_operations::DESCRIBE,
        &training_operations::LIST,
        &training_operations::STOP,
        &transform_job::CREATE,
        &transform_job::DESCRIBE,
        &transform_job::LIST,
        &transform_job::STOP,
        &model::CREATE,
        &model::DESCRIBE,
        &model::LIST,
        &model::DELETE,
        &endpoint_config::CREATE,
        &endpoint_config::DESCRIBE,
        &endpoint_config::LIST,
        &endpoint_config::DELETE,
        &endpoint::CREATE,
        &endpoint::DESCRIBE,
        &endpoint::LIST,
        &endpoint::UPDATE,
        &weights::UPDATE,
        &endpoint::DELETE,
        &tags::ADD,
        &tags::LIST,
        &tags::DELETE,
    ],
};

/// The record key of an endpoint, for those who invoke it.
pub fn endpoint_key(caller: &Caller, name: &str) -> String {
    resource::key_of(caller, name)
}

/// An endpoint's status, if it exists.
pub async fn endpoint_status(context: &Context, key: &str) -> Result<Option<String>, Error> {
    let found = resource::find_key::<endpoint::Endpoint>(context, key.to_owned()).await?;
    Ok(found.map(|stored| stored.value.status))
}

/// The task that waits for the job of that name which `action` created.
pub async fn awaited_job(
    context: &Context,
    caller: &Caller,
    action: &str,
    name: &str,
) -> Result<Option<Awaiting>, Error> {
    Ok(match action {
        "createTransformJob" => {
            let found =
                resource::find::<transform_job::TransformJob>(context, caller, name).await?;
            found.and_then(|stored| stored.value.awaiting)
        }
        _ => {
            let found = resource::find::<training_job::TrainingJob>(context, caller, name).await?;
            found.and_then(|stored| stored.value.awaiting)
        }
    })
}
