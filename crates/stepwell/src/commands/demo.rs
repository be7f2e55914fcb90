//! `stepwell demo`.

use std::process::ExitCode;

use clap::Args;

/// Flags of `demo`.
#[derive(Args)]
pub struct Flags {}

/// Runs the demo.
pub fn run(_flags: &Flags) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
