//! A service: what tells it apart, its operations, its shapes.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::catalog::ENTRIES;
use crate::route::Routes;
use crate::shape::{Kind, Shape, ShapeId, Structure};

/// What tells a service apart; known without parsing its model.
#[derive(Debug)]
pub struct Entry {
    /// botocore's name: `stepfunctions`.
    pub name: &'static str,
    /// AWS's service id: `SFN`, `SageMaker Runtime`.
    pub id: &'static str,
    /// The service in `arn:aws:states:::aws-sdk:NAME:action`: `sfn`.
    pub task_name: &'static str,
    /// What the error names of that integration begin with: `Sfn` in `Sfn.InvalidTokenException`.
    pub error_prefix: &'static str,
    /// The protocols the model lists: `json`, `rest-json`, `query`, `rest-xml`, `smithy-rpc-v2-cbor`.
    pub protocols: &'static [&'static str],
    /// What stands before the dot in `X-Amz-Target`: `AWSStepFunctions`.
    pub target_prefix: Option<&'static str>,
    /// The service in the credential scope: `states`.
    pub signing_name: &'static str,
    /// What host names begin with: `states` in `states.us-east-1.amazonaws.com`.
    pub endpoint_prefix: &'static str,
    /// `2016-11-23`
    pub api_version: &'static str,
    pub(crate) data: &'static [u8],
}

impl Entry {
    /// The service's model, parsed at the first call.
    pub fn service(&'static self) -> &'static Service {
        static PARSED: [OnceLock<Service>; ENTRIES.len()] =
            [const { OnceLock::new() }; ENTRIES.len()];
        // Entries live in one static table and cannot be made elsewhere, so the name finds the place.
        let place = ENTRIES.iter().position(|entry| std::ptr::eq(entry, self)).unwrap_or_default();
        PARSED[place].get_or_init(|| crate::parse::parse(&ENTRIES[place]))
    }
}

/// Every service whose model we carry.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// What tells the service of this (botocore) name apart.
pub fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// The model of the service of this (botocore) name.
///
/// ```
/// let states = models::service("stepfunctions").unwrap();
/// assert_eq!(&*states.operation("StartExecution").unwrap().method, "POST");
/// ```
pub fn service(name: &str) -> Option<&'static Service> {
    entry(name).map(Entry::service)
}

/// A parsed model.
#[derive(Debug)]
pub struct Service {
    /// What tells the service apart.
    pub entry: &'static Entry,
    /// `1.0` or `1.1` for the awsJson protocols.
    pub json_version: Box<str>,
    /// The namespace of XML answers.
    pub xml_namespace: Option<Box<str>>,
    /// Errors also carry their query-protocol code (`x-amzn-query-error`).
    pub query_compatible: bool,
    /// In the order of their names.
    pub operations: Vec<Operation>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) operation_places: HashMap<Box<str>, u32>,
    pub(crate) shape_places: HashMap<Box<str>, ShapeId>,
    pub(crate) routes: OnceLock<Routes>,
}

impl Service {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operation_places.get(name).map(|place| &self.operations[*place as usize])
    }

    /// The shape with this id.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    /// The structure with this id; none if the shape is of another kind.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure> {
        match &self.shape(id).kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The shape of this name.
    pub fn shape_named(&self, name: &str) -> Option<ShapeId> {
        self.shape_places.get(name).copied()
    }

    /// Every shape, in the order of names.
    pub fn shapes(&self) -> impl Iterator<Item = (ShapeId, &Shape)> {
        self.shapes.iter().enumerate().map(|(place, shape)| (ShapeId(place as u32), shape))
    }

    /// The error shape a code means: by the shape's name or by the code it has on the wire
    /// (`NoSuchEntity` for `NoSuchEntityException`).
    pub fn error(&self, code: &str) -> Option<&Shape> {
        let is_error = |id: &ShapeId| self.structure(*id).is_some_and(|shape| shape.exception);
        if let Some(id) = self.shape_named(code).filter(is_error) {
            return Some(self.shape(id));
        }
        self.shapes.iter().find(|shape| match &shape.kind {
            Kind::Structure(structure) => {
                structure.exception && structure.error_code.as_deref() == Some(code)
            }
            _ => false,
        })
    }

    /// REST routes: which operation a method and a path mean.
    pub fn routes(&self) -> &Routes {
        self.routes.get_or_init(|| Routes::of(self))
    }
}

/// One API action, as the model has it.
#[derive(Debug)]
pub struct Operation {
    /// `StartExecution`
    pub name: Box<str>,
    /// `POST`
    pub method: Box<str>,
    /// The path's template with its query literals: `/endpoints/{EndpointName}/invocations`.
    pub uri: Box<str>,
    /// The HTTP status of success.
    pub status: u16,
    /// What it takes; a structure.
    pub input: Option<ShapeId>,
    /// What it gives; a structure.
    pub output: Option<ShapeId>,
    /// The element around a query answer: `GetRoleResult`.
    pub result_wrapper: Option<Box<str>>,
    /// The errors it may answer.
    pub errors: Vec<ShapeId>,
    /// What clients put before the host: `sync-`.
    pub host_prefix: Option<Box<str>>,
}
