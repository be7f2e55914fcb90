//! `stepwell check`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::client::block_on;
use crate::config::{Config, ServerFlags};

/// Flags of `check`.
#[derive(Args)]
pub struct Flags {
    /// The data folder [default: ./.stepwell]
    #[arg(long, value_name = "DIR", env = "STEPWELL_DATA")]
    data: Option<PathBuf>,
}

/// Executions are read so many at a time.
const PAGE: usize = 256;

/// Checks the folder; a line on standard output for each thing that is wrong.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(&ServerFlags { data: flags.data.clone(), ..ServerFlags::default() })?;
    let (data, database) = (&config.data, store::FILES[0]);
    anyhow::ensure!(
        data.join(database).is_file(),
        "`{}` is no data folder: it has no {database}",
        data.display()
    );
    block_on(async {
        let path = data.to_str().context("the data folder's path is not UTF-8")?;
        let store = store::open(&format!("sqlite:{path}")).await?;
        let mut wrong = store.verify().await?;
        let engine = engine::Engine::with_budget(store.clone(), 0);
        let (mut after, mut executions) = (0, 0);
        loop {
            let rows = store.executions_after(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.key;
            executions += rows.len();
            for row in &rows {
                let found = engine.check(row.key).await?;
                wrong.extend(found.into_iter().map(|found| {
                    format!("execution {} (`{}` of {}): {found}", row.key, row.name, row.owner)
                }));
            }
        }
        let objects = services::s3::ObjectStore::open(store, data)?;
        let missing = objects.missing().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        wrong.extend(missing.into_iter().map(|missing| format!("object {missing}")));
        for line in &wrong {
            println!("{line}");
        }
        if wrong.is_empty() {
            println!("`{}` is whole: {executions} executions", data.display());
            return Ok(ExitCode::SUCCESS);
        }
        println!("{} things are wrong in `{}`", wrong.len(), data.display());
        Ok(ExitCode::FAILURE)
    })
}
