//! One binary for the crate's tests from outside.

mod recorded;
