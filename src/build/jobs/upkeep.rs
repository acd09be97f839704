//! What was committed to a cube, and how it is undone and tidied up.

use super::{JobError, Jobs};
use crate::{
    build::BuildError,
    repo::{Commit, Revision},
};

impl Jobs {
    /// What was committed to a cube, the newest first.
    ///
    /// # Errors
    /// If there is no such cube, or what storage says.
    pub async fn history(&self, cube: &str, most: usize) -> Result<Vec<Commit>, JobError> {
        let history = self.entry(cube)?.repo().history(most).await;
        Ok(history.map_err(BuildError::from)?)
    }

    /// Makes an earlier state of a cube the newest one, and serves it.
    ///
    /// # Errors
    /// If there is no such cube or state, the cube is being filled, or what
    /// storage says.
    pub async fn rollback(&self, cube: &str, revision: &str) -> Result<Revision, JobError> {
        let entry = self.entry(cube)?;
        let lock = entry.repo().lock("a rollback").map_err(BuildError::from)?;
        let rollback = entry.repo().rollback(revision, &lock).await;
        let revision = rollback.map_err(BuildError::from)?;
        tracing::info!(cube, %revision, "a cube was rolled back");
        entry.publish().await.map_err(BuildError::from)?;
        Ok(revision)
    }
}
