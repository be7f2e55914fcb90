//! Rust client and pipeline builders for Stepwell and AWS Step Functions, shaped like the Data Science SDK.
