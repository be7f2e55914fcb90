//! One file per state type: what it does when entered, answered, failed.

pub mod choice;
