//! JSONata, the query and transformation language of JSON.
//!
//! A fork of the crate `jsonata-core` 2.2.13 (MIT, see LICENSE), by its authors; what is different and why is
//! in `docs/design/jsonata.md`. In short: nothing here asks the clock or throws dice of its own, and an
//! evaluation counts its steps and bytes ([`environment`]).

#![allow(missing_docs)]
#![allow(clippy::all)]

pub mod ast;
pub mod ast_transform;
mod builtins;
mod datetime;
pub mod environment;
pub mod evaluator;
pub mod exact;
pub mod functions;
mod integer_picture;
mod number_picture;
pub mod parser;
pub mod pattern;
mod signature;
pub mod value;
