//! `stepwell restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, ServerFlags};
use crate::folder;

/// Flags of `restore`.
#[derive(Args)]
pub struct Flags {
    /// A folder that `stepwell backup` made; it stays as it is
    from: PathBuf,
    /// The data folder to make; it must not exist, or be empty [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    data: Option<PathBuf>,
}

/// Copies the backup to where a server finds it.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(&ServerFlags { data: flags.data.clone(), ..ServerFlags::default() })?;
    folder::copy(&flags.from, &config.data)?;
    println!(
        "`{}` is ready: stepwell serve --data {}",
        config.data.display(),
        config.data.display()
    );
    Ok(ExitCode::SUCCESS)
}
