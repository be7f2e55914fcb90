//! One file per command: its flags and what it does.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod check;
pub mod demo;
pub mod describe;
pub mod env;
pub mod eval;
pub mod graph;
pub mod history;
pub mod iam;
pub mod list;
pub mod logs;
pub mod restore;
pub mod run;
pub mod run_endpoint;
pub mod run_job;
pub mod serve;
pub mod start;
pub mod stop;
pub mod top;
pub mod validate;
pub mod watch;
