//! The AWS services we answer for. [`call`] is the one door: SDK clients, Task states and our own
//! commands all come through it, so permissions, validation and errors are the same for each.
//!
//! A service is a folder, an operation a file: typed request and response beside the handler.
//! Nothing here knows HTTP serving or a wire protocol; `gateway` decodes into a [`serde_json::Value`]
//! that the service model has checked, and encodes what comes back.

mod caller;
mod context;
mod error;
mod identity;
mod operation;
mod page;
mod record;

pub mod arn;
pub mod audit;
pub mod changes;
pub mod cloudtrail;
pub mod cloudwatch;
pub mod elsewhere;
pub mod iam;
pub mod integrations;
pub mod logs;
pub mod quotas;
pub mod s3;
pub mod sagemaker;
pub mod sagemaker_runtime;
pub mod stepfunctions;
pub mod sts;

pub use caller::{Caller, Origin};
pub use context::{Clock, Context, Settings};
pub use error::Error;
pub use identity::{Identity, SigningKey, identity};
pub use operation::{Body, Input, Operation, Output, Service, typed};

/// Every service we answer for; one line each.
#[rustfmt::skip]
pub static SERVICES: &[&Service] = &[
    &cloudtrail::SERVICE,
    &cloudwatch::SERVICE,
    &iam::SERVICE,
    &logs::SERVICE,
    &s3::SERVICE,
    &sagemaker::SERVICE,
    &sagemaker_runtime::SERVICE,
    &stepfunctions::SERVICE,
    &sts::SERVICE,
];

/// The one door. Finds the operation, asks whether the caller may, runs it.
///
/// `service` is botocore's name of the service (`stepfunctions`, `sagemaker`, `s3`, …); `input` holds
/// the members as the model names them, blobs as base64 text, timestamps as epoch seconds.
///
/// # Errors
/// Whatever the operation refuses with, in AWS's words; `UnknownOperationException` for an operation
/// that AWS has and we do not serve.
pub async fn call(
    context: &Context,
    caller: &Caller,
    service: &str,
    operation: &str,
    input: Input,
) -> Result<Output, Error> {
    let Some((service, operation)) = found(service, operation) else {
        return Err(Error::unknown_operation(service, operation));
    };
    let caller = identity::resolve(context, caller).await?;
    let (name, wire) = (operation.name, input.wire.as_ref());
    let noted = context.audit.begin(&caller, service, name, &input.members, wire);
    let answer = admitted(context, &caller, service, operation, input).await;
    if let Some(noted) = noted {
        noted.done(context, answer.as_ref());
    }
    answer
}

/// Asks whether the caller may, and runs the operation.
async fn admitted(
    context: &Context,
    caller: &Caller,
    service: &'static str,
    operation: &'static Operation,
    input: Input,
) -> Result<Output, Error> {
    // Executions are counted where their type is known.
    if operation.name != "StartExecution" {
        let now = || context.clock.moment().now;
        context.throttle.take(caller, service, operation.name, now)?;
    }
    let wire = input.wire.as_deref();
    context.iam.check(context, caller, service, operation.name, &input.members, wire).await?;
    let change = changes::Pending::of(context, service, operation.name, &input.members);
    let answer = (operation.call)(context, caller, input).await;
    context.iam.changed(service, operation.name);
    if let (Some(change), Ok(output)) = (change, &answer) {
        change.done(context, caller, &output.members);
    }
    answer
}

/// The operation of that name, if we serve it.
pub fn find(service: &str, operation: &str) -> Option<&'static Operation> {
    Some(found(service, operation)?.1)
}

fn found(service: &str, operation: &str) -> Option<(&'static str, &'static Operation)> {
    let service = SERVICES.iter().find(|known| known.name == service)?;
    let operation = service.operations.iter().find(|known| known.name == operation)?;
    Some((service.name, operation))
}
