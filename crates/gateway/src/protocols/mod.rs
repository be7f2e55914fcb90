//! Wire protocols: from a request to the value the model describes, and back. Each is driven by the
//! model alone; none knows an operation.

pub(crate) mod aws_json;
pub(crate) mod query;
pub(crate) mod rest_json;
mod xml;

#[cfg(test)]
mod tests;

use http::Response;
use models::conform::Malformed;
use models::shape::{Kind, Shape};
use models::{Operation, Service};
use serde_json::{Map, Value};
use services::{Error, Output};

use crate::ResponseBody;

/// How a client speaks to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `X-Amz-Target` and JSON, 1.0 or 1.1.
    AwsJson,
    /// A form in, XML out.
    Query,
    /// Method and path, JSON bodies.
    RestJson,
}

/// A response with its request id, in any protocol.
pub(crate) fn encode(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    output: Output,
    request_id: &str,
) -> Response<ResponseBody> {
    match protocol {
        Protocol::AwsJson => aws_json::encode(service, operation, output, request_id),
        Protocol::Query => query::encode(service, operation, output, request_id),
        Protocol::RestJson => rest_json::encode(service, operation, output, request_id),
    }
}

/// An error's response. The model's status and names count where the service is known and has them.
pub(crate) fn encode_error(
    protocol: Protocol,
    service: Option<&Service>,
    error: &Error,
    request_id: &str,
) -> Response<ResponseBody> {
    let modelled = Modelled::of(service, error);
    match protocol {
        Protocol::AwsJson | Protocol::RestJson => {
            aws_json::encode_error(protocol, service, error, &modelled, request_id)
        }
        Protocol::Query => query::encode_error(service, error, &modelled, request_id),
    }
}

/// What the model knows of an error.
struct Modelled<'a> {
    /// Its shape, if it has one.
    shape: Option<&'a Shape>,
    /// The HTTP status.
    status: u16,
    /// The code that query clients see.
    query_code: &'a str,
    /// The server's fault.
    fault: bool,
}

impl<'a> Modelled<'a> {
    fn of(service: Option<&'a Service>, error: &'a Error) -> Modelled<'a> {
        let shape = service.and_then(|service| service.error(&error.code));
        let structure = shape.and_then(|shape| match &shape.kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        });
        let status = structure.and_then(|structure| structure.status).unwrap_or(error.status);
        Modelled {
            shape,
            status,
            query_code: structure
                .and_then(|structure| structure.error_code.as_deref())
                .unwrap_or(&error.code),
            fault: status >= 500,
        }
    }

    /// The members an error answers, the message under its modelled name.
    fn members(&self, error: &Error) -> Map<String, Value> {
        let message = match self.shape.map(|shape| &shape.kind) {
            Some(Kind::Structure(structure)) => structure
                .members
                .iter()
                .find(|member| member.name.eq_ignore_ascii_case("message"))
                .map_or("message", |member| &member.name),
            _ => "message",
        };
        let mut members = Map::new();
        members.insert(message.to_owned(), Value::from(error.message.as_str()));
        members.extend(error.members.iter().map(|(name, value)| (name.clone(), value.clone())));
        members
    }
}

/// The request's form is not the model's.
fn serialization(malformed: Malformed) -> Error {
    Error::new("SerializationException", malformed.0)
}
