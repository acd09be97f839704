//! What was committed to a cube, and how it is undone and tidied up.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::{DONE, say};
use crate::repo::Repo;

/// Says who holds the cube while it is changed.
const PURPOSE: &str = "cubetiler, tidying up";

pub(super) async fn history(store: &Path, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
    let repo = Repo::open(store).await?;
    for commit in repo.history(limit).await? {
        if json {
            say(json!(commit));
        } else {
            let at = commit.at.format("%Y-%m-%d %H:%M:%S");
            say(format!("{}  {at}  {}", commit.revision, commit.message));
        }
    }
    Ok(DONE)
}

pub(super) async fn rollback(store: &Path, revision: &str) -> anyhow::Result<ExitCode> {
    let repo = Repo::open(store).await?;
    let lock = repo.lock(PURPOSE)?;
    let revision = repo.rollback(revision, &lock).await?;
    say(format!("the newest state is {revision} now"));
    Ok(DONE)
}

/// What is tidied up.
#[derive(Debug, clap::Args)]
pub(super) struct GcArguments {
    /// The cube
    store: PathBuf,
    /// Forget the commits before so many days ago; the newest one always stays
    #[arg(long, value_name = "DAYS")]
    expire: Option<u32>,
    /// Leave what was written within so many hours
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    keep: u32,
    /// Tell what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn gc(arguments: GcArguments) -> anyhow::Result<ExitCode> {
    let repo = Repo::open(&arguments.store).await?;
    let lock = repo.lock(PURPOSE)?;
    let ago = |span: Option<TimeDelta>| {
        let moment = span.and_then(|span| Utc::now().checked_sub_signed(span));
        moment.context("that is longer ago than there are dates")
    };
    if let Some(days) = arguments.expire {
        anyhow::ensure!(
            !arguments.dry_run,
            "--expire cannot be tried: leave out --dry-run"
        );
        let before = ago(TimeDelta::try_days(days.into()))?;
        let gone = repo.expire(before, &lock).await?;
        say(format!("{gone} commits forgotten"));
    }
    let before = ago(TimeDelta::try_hours(arguments.keep.into()))?;
    let swept = repo
        .collect_garbage(before, arguments.dry_run, &lock)
        .await?;
    let verb = if arguments.dry_run {
        "would be deleted"
    } else {
        "deleted"
    };
    say(format!(
        "{} chunks and {} states {verb}, {} bytes in all",
        swept.chunks, swept.snapshots, swept.bytes
    ));
    Ok(DONE)
}
