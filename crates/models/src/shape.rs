//! Shapes: what a value may be.

use std::sync::OnceLock;

use crate::pattern::Pattern;
use crate::timestamp::Format;

/// A shape's place in its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub(crate) u32);

/// A shape with its constraints.
#[derive(Debug)]
pub struct Shape {
    /// AWS's name: `StartExecutionInput`.
    pub name: Box<str>,
    /// What kind of value it is.
    pub kind: Kind,
    /// The least length or value.
    pub min: Option<f64>,
    /// The greatest length or value.
    pub max: Option<f64>,
    /// The regular expression a string must match as a whole, as the model writes it.
    pub pattern: Option<Box<str>>,
    /// Its value is not to be shown: neither in messages nor in logs.
    pub sensitive: bool,
    pub(crate) compiled: OnceLock<Pattern>,
}

/// The kinds of shapes.
#[derive(Debug)]
pub enum Kind {
    /// Members by name.
    Structure(Structure),
    /// Values in order.
    List {
        /// What each is.
        member: Reference,
        /// Without an element around it (XML), without `.member` (query).
        flattened: bool,
    },
    /// Values by key.
    Map {
        /// What the keys are.
        key: Reference,
        /// What the values are.
        value: Reference,
        /// As for lists.
        flattened: bool,
    },
    /// Text; one of `choices` if there are any.
    String {
        /// An enumeration's values, in the model's order.
        choices: Vec<Box<str>>,
    },
    /// A whole number, 32 bits.
    Integer,
    /// A whole number, 64 bits.
    Long,
    /// A number, 32 bits.
    Float,
    /// A number, 64 bits.
    Double,
    /// True or false.
    Boolean,
    /// Bytes; base64 text in a value.
    Blob,
    /// An instant; epoch seconds in a value.
    Timestamp(Option<Format>),
    /// Any JSON.
    Document,
}

/// What a list or a map holds.
#[derive(Debug)]
pub struct Reference {
    /// The shape.
    pub shape: ShapeId,
    /// Its name on the wire, if it is not the usual one.
    pub wire_name: Option<Box<str>>,
}

/// A structure.
#[derive(Debug, Default)]
pub struct Structure {
    /// In the model's order.
    pub members: Vec<Member>,
    /// The member (its place) that is the whole body.
    pub payload: Option<usize>,
    /// Exactly one member is set.
    pub union: bool,
    /// It is an error.
    pub exception: bool,
    /// The error's code on the wire where it is not the shape's name.
    pub error_code: Option<Box<str>>,
    /// The error's HTTP status.
    pub status: Option<u16>,
    /// The server's fault.
    pub fault: bool,
    /// Events of a stream, one member each.
    pub event_stream: bool,
}

impl Structure {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| &*member.name == name)
    }

    /// The member that is the whole body.
    pub fn payload(&self) -> Option<&Member> {
        self.payload.map(|place| &self.members[place])
    }
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// AWS's name: `stateMachineArn`.
    pub name: Box<str>,
    /// Its shape.
    pub shape: ShapeId,
    /// It must be given.
    pub required: bool,
    /// Where on the wire it is.
    pub location: Location,
    /// Its name there (`locationName`), if it is not the member's.
    pub wire_name: Option<Box<str>>,
    /// A list or map without an element of its own (XML).
    pub flattened: bool,
    /// A byte stream.
    pub streaming: bool,
    /// How a timestamp is written, if not as the protocol does.
    pub timestamp_format: Option<Format>,
    /// An attribute of the element around it (XML).
    pub xml_attribute: bool,
}

impl Member {
    /// Its name on the wire.
    pub fn wire_name(&self) -> &str {
        self.wire_name.as_deref().unwrap_or(&self.name)
    }
}

/// Where on the wire a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// A label of the path.
    Uri,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
    /// All headers that begin with its wire name.
    Headers,
    /// The HTTP status.
    Status,
}
