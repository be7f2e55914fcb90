//! An operation: one AWS API action, its name beside its handler.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::audit::Wire;
use crate::{Caller, Context, Error};

/// A service and what it answers.
pub struct Service {
    /// botocore's name: `stepfunctions`, `sagemaker`, `sagemaker-runtime`, `iam`, `sts`, `logs`, `s3`.
    pub name: &'static str,
    /// Its operations; one line each.
    pub operations: &'static [&'static Operation],
}

/// One AWS API action.
pub struct Operation {
    /// AWS's name: `CreateTrainingJob`.
    pub name: &'static str,
    /// The handler; usually [`typed`] around a function of typed request and response.
    pub call: Handler,
}

/// A handler as the table holds it.
pub type Handler = for<'a> fn(&'a Context, &'a Caller, Input) -> Answer<'a>;

/// What a handler gives.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Output, Error>> + Send + 'a>>;

/// A byte stream (S3 objects, InvokeEndpoint).
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// What goes in: the members, checked against the model, and a byte stream where the model has one.
#[derive(Default)]
pub struct Input {
    /// The members by their model names.
    pub members: Value,
    /// The streaming member, if the operation has one.
    pub body: Option<Body>,
    /// What is known of the request that brought it.
    pub wire: Option<Arc<Wire>>,
    /// AWS's X-Ray header of the request.
    pub trace_header: Option<String>,
    /// Cancelled when whoever called has gone: what waits for something to hand out can stop waiting.
    pub gone: CancellationToken,
}

/// What comes out.
#[derive(Default)]
pub struct Output {
    /// The members by their model names.
    pub members: Value,
    /// The streaming member, if the operation has one.
    pub body: Option<Body>,
}

impl From<Value> for Input {
    fn from(members: Value) -> Input {
        Input { members, ..Input::default() }
    }
}

impl From<Value> for Output {
    fn from(members: Value) -> Output {
        Output { members, body: None }
    }
}

/// Runs a handler that takes and gives typed values. The request was checked against the model, so a
/// shape that does not fit here is our own mistake, told as such.
pub async fn typed<'a, Request, Response, Fut>(
    context: &'a Context,
    caller: &'a Caller,
    input: Input,
    handler: impl FnOnce(&'a Context, &'a Caller, Request) -> Fut,
) -> Result<Output, Error>
where
    Request: DeserializeOwned,
    Response: Serialize,
    Fut: Future<Output = Result<Response, Error>>,
{
    let members =
        if input.members.is_null() { Value::Object(Default::default()) } else { input.members };
    let request = serde_json::from_value(members)
        .map_err(|error| Error::new("SerializationException", error.to_string()))?;
    let response = handler(context, caller, request).await?;
    match serde_json::to_value(response) {
        Ok(Value::Null) => Ok(Output::from(Value::Object(Default::default()))),
        Ok(members) => Ok(Output::from(members)),
        Err(error) => Err(Error::internal(error.to_string())),
    }
}

/// A row of a service's table: AWS's name of the operation and the typed function that handles it.
macro_rules! operation {
    ($name:literal, $handler:path) => {
        $crate::Operation {
            name: $name,
            call: |context, caller, input| {
                Box::pin($crate::typed(context, caller, input, $handler))
            },
        }
    };
}
pub(crate) use operation;
