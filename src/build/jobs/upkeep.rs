//! What was committed to a cube, and how it is undone and tidied up.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::{JobError, Jobs, site::Site};
use crate::{
    build::BuildError,
    catalog::Entry,
    compute::ComputeError,
    repo::{Commit, LockError, Revision, Swept, WriterLock},
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
        let wanted = revision.to_owned();
        let revision = self.tend(cube, "a rollback", async move |entry, lock| {
            let revision = entry.repo().rollback(&wanted, &lock).await?;
            tracing::info!(cube = entry.name(), %revision, "a cube was rolled back");
            entry.publish().await?;
            Ok(revision)
        });
        let revision = revision.await?;
        self.0.mend(&self.entry(cube)?).await;
        Ok(revision)
    }

    /// Forgets the commits of a cube before a moment; the newest one always
    /// stays. Returns how many went.
    ///
    /// # Errors
    /// If there is no such cube, it is being filled, or what storage says.
    pub async fn expire(&self, cube: &str, before: DateTime<Utc>) -> Result<usize, JobError> {
        self.tend(cube, "expiring old commits", async move |entry, lock| {
            let gone = entry.repo().expire(before, &lock).await?;
            tracing::info!(cube = entry.name(), %before, gone, "commits were forgotten");
            Ok(gone)
        })
        .await
    }

    /// Deletes what no commit of a cube reaches and was written before a moment;
    /// with `is_dry` it only counts.
    ///
    /// # Errors
    /// If there is no such cube, it is being filled, or what storage says.
    pub async fn collect_garbage(
        &self,
        cube: &str,
        before: DateTime<Utc>,
        is_dry: bool,
    ) -> Result<Swept, JobError> {
        let site = self.0.site(self.entry(cube)?.name());
        self.tend(cube, "collecting garbage", async move |entry, lock| {
            let swept = entry.repo().collect_garbage(before, is_dry, &lock).await?;
            tracing::info!(cube = entry.name(), is_dry, ?swept, "garbage was collected");
            if let Some(quota) = &site.quota {
                quota.forget().await;
            }
            Ok(swept)
        })
        .await
    }

    /// Does something to a cube as its only writer, so that no fill may commit
    /// meanwhile. It goes on to its end when whoever asked for it goes away, and
    /// the server waits for it.
    async fn tend<T: Send + 'static, W>(
        &self,
        cube: &str,
        purpose: &str,
        work: impl FnOnce(Arc<Entry>, WriterLock) -> W + Send + 'static,
    ) -> Result<T, JobError>
    where
        W: Future<Output = Result<T, BuildError>> + Send + 'static,
    {
        let office = &self.0;
        if *office.stop.borrow() {
            return Err(JobError::ShuttingDown);
        }
        let entry = self.entry(cube)?;
        let (site, purpose) = (office.site(cube), purpose.to_owned());
        let (tell, told) = oneshot::channel();
        office.keep(tokio::spawn(async move {
            let done = match turn(&site, &entry, &purpose).await {
                Ok(lock) => work(entry, lock).await,
                Err(error) => Err(error.into()),
            };
            if let Err(done) = tell.send(done)
                && let Err(error) = done
            {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "and nobody waits for that any more");
            }
        }));
        let done = told
            .await
            .map_err(|_ended| BuildError::from(ComputeError::ShuttingDown))?;
        Ok(done?)
    }
}

/// Takes the right to write a cube. A fill whose jobs have ended is waited for: who saw
/// its job end may take the cube for free.
async fn turn(site: &Site, entry: &Entry, purpose: &str) -> Result<WriterLock, LockError> {
    loop {
        // Begun before looking, so that the end of the fill is not missed.
        let freed = site.freed.notified();
        match entry.repo().lock(purpose) {
            Err(LockError::Held { .. }) if site.is_filler_ending() => freed.await,
            taken => return taken,
        }
    }
}
