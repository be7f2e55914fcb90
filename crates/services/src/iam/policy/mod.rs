//! The policy language, pure: [`Document::parse`] reads a policy, [`decide`] says what AWS would say of
//! a request, with the statements that decided. No store, no clock, no AWS client in here.

mod condition;
mod decide;
mod document;
mod json;
mod keys;
mod pattern;
mod principal;
mod public;

pub use decide::{Decision, Layer, Matched, Named, Outcome, Policies, Request, decide};
pub use document::{Document, Effect, Kind, Problem, Statement};
pub use json::Position;
pub use keys::Keys;
pub use principal::Principal;
