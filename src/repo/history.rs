//! What was committed, and how it is undone and tidied up. All that changes
//! something takes the writer's lock as a proof, so nothing is committed
//! meanwhile.

use std::{num::NonZero, pin::pin, sync::Arc};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use icechunk::{
    format::SnapshotId,
    ops::{
        expiration::{ExpiredRefAction, expire},
        gc::{GCConfig, garbage_collect},
    },
    repository::VersionInfo,
};
use serde::Serialize;
use uuid::Uuid;

use super::{BRANCH, Repo, RepoError, Revision, Snapshot, WriterLock, session::BATCH, storage};

/// Manifests that garbage collection has in memory, encoded and decoded, and
/// requests under way: little, since it may run beside a server.
const MANIFEST_BYTES: NonZero<usize> = NonZero::new(64 << 20).unwrap();
const AT_ONCE: NonZero<u16> = NonZero::new(16).unwrap();

/// Deletes that fail in a row before it gives up.
const MOST_FAILURES: NonZero<u16> = NonZero::new(8).unwrap();

/// A committed state of a cube.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Commit {
    /// The state's id.
    pub revision: String,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What its writer says of it.
    pub message: String,
}

/// What garbage collection has deleted, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// States that nobody can reach any more.
    pub snapshots: u64,
    /// Chunks of no state: of tasks that failed, and of states that went.
    pub chunks: u64,
    /// Bytes, of these and of what belongs to them.
    pub bytes: u64,
}

impl Repo {
    /// The newest commits, at most so many, the newest first.
    ///
    /// # Errors
    /// What storage says.
    pub async fn history(&self, most: usize) -> Result<Vec<Commit>, RepoError> {
        let failed = |error| {
            storage(
                format!("read the history of {}", self.path.display()),
                error,
            )
        };
        let tip = VersionInfo::BranchTipRef(BRANCH.to_owned());
        let history = self.repository.ancestry(&tip).await.map_err(failed)?;
        let commits = history.take(most).map_ok(|commit| Commit {
            revision: commit.id.to_string(),
            at: commit.flushed_at,
            message: commit.message,
        });
        commits.try_collect().await.map_err(failed)
    }

    /// Whether one of the newest commits, at most so many, is of a batch.
    ///
    /// # Errors
    /// What storage says.
    pub async fn has_batch(&self, batch: Uuid, most: usize) -> Result<bool, RepoError> {
        let failed = |error| {
            storage(
                format!("read the history of {}", self.path.display()),
                error,
            )
        };
        let tip = VersionInfo::BranchTipRef(BRANCH.to_owned());
        let history = self.repository.ancestry(&tip).await.map_err(failed)?;
        let mut history = pin!(history.take(most));
        let batch = batch.to_string();
        while let Some(commit) = history.try_next().await.map_err(failed)? {
            let name = commit.metadata.get(BATCH);
            if name.and_then(|name| name.as_str()) == Some(&batch) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A state of the history by its id, to read from.
    ///
    /// # Errors
    /// [`RepoError::NotInHistory`] if it is none of them, or what storage says.
    pub async fn state(&self, revision: &str) -> Result<Snapshot, RepoError> {
        let unknown = || RepoError::NotInHistory(revision.to_owned());
        let wanted = SnapshotId::try_from(revision).map_err(|_no_id| unknown())?;
        let failed = |error| {
            storage(
                format!("read the history of {}", self.path.display()),
                error,
            )
        };
        let tip = VersionInfo::BranchTipRef(BRANCH.to_owned());
        let history = self.repository.ancestry(&tip).await.map_err(failed)?;
        let mut history = pin!(history);
        while let Some(commit) = history.try_next().await.map_err(failed)? {
            if commit.id == wanted {
                return self.snapshot_at(&Revision(revision.to_owned())).await;
            }
        }
        Err(unknown())
    }

    /// Makes an earlier state the newest one. Those after it are reached by
    /// nobody any more, until [`Repo::collect_garbage`] by their id.
    ///
    /// # Errors
    /// [`RepoError::NotInHistory`] if it is no earlier state, or what storage says.
    pub async fn rollback(
        &self,
        revision: &str,
        _lock: &WriterLock,
    ) -> Result<Revision, RepoError> {
        let failed = |error| storage(format!("roll back {}", self.path.display()), error);
        let unknown = || RepoError::NotInHistory(revision.to_owned());
        let to = SnapshotId::try_from(revision).map_err(|_no_id| unknown())?;
        let tip = self
            .repository
            .lookup_branch(BRANCH)
            .await
            .map_err(failed)?;
        let start = VersionInfo::SnapshotId(tip.clone());
        let history = self.repository.ancestry(&start).await.map_err(failed)?;
        let is_there = history.try_any(async |commit| commit.id == to);
        if !is_there.await.map_err(failed)? {
            return Err(unknown());
        }
        let reset = self.repository.reset_branch(BRANCH, &to, Some(&tip));
        reset.await.map_err(failed)?;
        Ok(Revision(to.to_string()))
    }

    /// Forgets the commits before a moment; the newest one always stays.
    /// Returns how many went.
    ///
    /// # Errors
    /// What storage says.
    pub async fn expire(
        &self,
        before: DateTime<Utc>,
        _lock: &WriterLock,
    ) -> Result<usize, RepoError> {
        let expired = expire(
            Arc::clone(self.repository.asset_manager()),
            before,
            ExpiredRefAction::Ignore,
            ExpiredRefAction::Ignore,
            None,
            self.repository.config().num_updates_per_repo_info_file(),
        );
        let expired = expired.await;
        let expired = expired.map_err(|e| storage(format!("expire {}", self.path.display()), e))?;
        Ok(expired.released_snapshots.len())
    }

    /// Deletes what no commit reaches and was written before a moment; with
    /// `is_dry` it only counts.
    ///
    /// # Errors
    /// What storage says.
    pub async fn collect_garbage(
        &self,
        before: DateTime<Utc>,
        is_dry: bool,
        _lock: &WriterLock,
    ) -> Result<Swept, RepoError> {
        let config = GCConfig::clean_all(
            before,
            before,
            None,
            AT_ONCE,
            MANIFEST_BYTES,
            MANIFEST_BYTES,
            AT_ONCE,
            AT_ONCE,
            MOST_FAILURES,
            Some(AT_ONCE),
            is_dry,
        );
        let swept = garbage_collect(
            Arc::clone(self.repository.asset_manager()),
            &config,
            None,
            self.repository.config().num_updates_per_repo_info_file(),
        );
        // Boxed, since it is large.
        let swept = Box::pin(swept).await;
        let swept = swept.map_err(|e| storage(format!("tidy up {}", self.path.display()), e))?;
        Ok(Swept {
            snapshots: swept.snapshots_deleted,
            chunks: swept.chunks_deleted,
            bytes: swept.bytes_deleted,
        })
    }
}
