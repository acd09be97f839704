//! `export`.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::{ConfigArguments, DONE, Failed, say, stopped};
use crate::{
    export::{ExportError, Profile, Progress, export},
    repo::Repo,
};

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The cube
    store: PathBuf,
    /// The directory to write; nothing may be there yet
    directory: PathBuf,
    /// What kind of store
    #[arg(long, value_enum, default_value_t = Kind::Sharded)]
    profile: Kind,
    /// The state, as `history` lists it; without, the newest
    #[arg(long)]
    revision: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Zarr v3 with shards: fewest files, with the record of what was built
    Sharded,
    /// Zarr v3 without shards, as GDAL 3.9 to 3.12 need it
    Unsharded,
    /// Zarr v2, for older readers
    Zarr2,
}

impl From<Kind> for Profile {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Sharded => Self::Sharded,
            Kind::Unsharded => Self::Unsharded,
            Kind::Zarr2 => Self::Zarr2,
        }
    }
}

pub(super) async fn run(arguments: ExportArguments) -> anyhow::Result<ExitCode> {
    let config = arguments.config.load()?;
    let repo = Repo::open_any(&arguments.store, &config.bucket_settings()).await?;
    let snapshot = match &arguments.revision {
        Some(named) => repo.snapshot_at(&repo.resolve(named).await?).await?,
        None => repo.snapshot().await?,
    };
    let bar = bar();
    let observe = |progress: Progress<'_>| {
        bar.set_length(progress.count as u64);
        bar.set_position(progress.number as u64);
        let bytes = HumanBytes(progress.written.bytes);
        bar.set_message(format!("{}  {bytes}", progress.array));
    };
    let (profile, directory) = (arguments.profile.into(), &arguments.directory);
    let written = tokio::select! {
        written = export(&snapshot, profile, directory, &observe) => written,
        () = stopped() => {
            bar.finish_and_clear();
            say("stopped before the end; nothing was written");
            return Ok(ExitCode::from(1));
        }
    };
    bar.finish_and_clear();
    let written = written.map_err(|error| match error {
        ExportError::Write { .. } | ExportError::Repo(_) | ExportError::Shard { .. } => {
            Failed::from(anyhow::Error::new(error)).into()
        }
        ExportError::Exists(_)
        | ExportError::Unfinished(_)
        | ExportError::NoName(_)
        | ExportError::Array { .. }
        | ExportError::Document { .. }
        | ExportError::Metadata(_) => anyhow::Error::new(error),
    })?;
    say(format!(
        "{}: revision {}, {} files with chunks, {}",
        directory.display(),
        snapshot.revision(),
        written.files,
        HumanBytes(written.bytes)
    ));
    Ok(DONE)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} arrays  {elapsed}  {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
