//! AWS's service models as data, and what can be asked of them: which service is meant, what an
//! operation takes and gives, whether a value fits its shape, how Task states name its members.
//!
//! The models are botocore's, stripped by `update.py` and embedded compressed. Nothing is parsed at
//! start-up: [`entries`] and the lookups in [`identify`] read a small table, and a model is parsed when
//! [`service`] is first asked for it.
//!
//! Values are [`serde_json::Value`]s with the members named as the model names them, blobs as base64
//! text, timestamps as epoch seconds. [`conform`](conform::conform) brings a client's JSON into that form
//! and [`validate`](validate::validate) checks it, with AWS's own words.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod catalog;
mod parse;
mod pattern;

pub mod conform;
pub mod identify;
pub mod json;
pub mod mock;
pub mod route;
pub mod service;
pub mod shape;
pub mod task;
pub mod text;
pub mod timestamp;
pub mod validate;

pub use catalog::BOTOCORE;
pub use service::{Entry, Operation, Service, entries, entry, service};
pub use shape::{Kind, Location, Member, Shape, ShapeId, Structure};
