//! `stepwell backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, ServerFlags};
use crate::folder;

/// Flags of `backup`.
#[derive(Args)]
pub struct Flags {
    /// The folder to make; it must not exist, or be empty. Objects are linked, not copied, on the same disk
    to: PathBuf,
    /// The data folder [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    data: Option<PathBuf>,
}

/// Copies the data folder.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(&ServerFlags { data: flags.data.clone(), ..ServerFlags::default() })?;
    folder::copy(&config.data, &flags.to)?;
    println!("`{}` is a backup of `{}`", flags.to.display(), config.data.display());
    Ok(ExitCode::SUCCESS)
}
