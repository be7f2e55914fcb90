//! How data flows into a state and out of it.

mod result_path;
