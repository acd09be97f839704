//! How much room a cube may take on disk, and takes.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{
    build::BuildError,
    catalog::Entry,
    compute::{Compute, ComputeError},
    repo::bytes_on_disk,
};

/// How long the size on disk is trusted, with what was uploaded since. It knows
/// nothing of the small files of commits, and of what others write or delete.
const TRUSTED: Duration = Duration::from_mins(10);

/// How long it is trusted where there is no room: somebody may be making some.
const TRUSTED_IF_FULL: Duration = Duration::from_secs(10);

/// A cube that takes as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    used: u64,
    limit: u64,
}

impl fmt::Display for OverQuota {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        write!(
            f,
            "the cube takes {:.3} GiB on disk, and `[quotas]` gives it {:.3}: raise that, or expire old commits and collect garbage",
            gib(self.used),
            gib(self.limit)
        )
    }
}

impl std::error::Error for OverQuota {}

/// The limit of one cube, and what is known of its size.
#[derive(Debug)]
pub(super) struct Quota {
    limit: u64,
    measured: Mutex<Option<Measured>>,
    /// Where files are looked through, one after the other: it waits for the disk, and
    /// is not to keep builds from their places.
    desk: Compute,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    at: Instant,
    on_disk: u64,
    /// What had been uploaded by then.
    uploaded: u64,
}

impl Measured {
    fn used(&self, entry: &Entry) -> u64 {
        let since = entry.repo().uploaded().saturating_sub(self.uploaded);
        self.on_disk + since
    }
}

impl Quota {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            measured: Mutex::default(),
            desk: Compute::new(1),
        }
    }

    /// Whether there is no room for another chunk. It may look through all files of
    /// the cube, which goes on and is remembered if nobody waits for it any more.
    ///
    /// # Errors
    /// If the cube's folder cannot be looked through.
    pub(super) async fn exceeded(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
    ) -> Result<Option<OverQuota>, BuildError> {
        let (quota, entry) = (Arc::clone(self), Arc::clone(entry));
        let measured = tokio::spawn(async move { quota.measured_now(&entry).await });
        let ended = |_ended| BuildError::from(ComputeError::ShuttingDown);
        measured.await.map_err(ended)?
    }

    async fn measured_now(&self, entry: &Entry) -> Result<Option<OverQuota>, BuildError> {
        let mut measured = self.measured.lock().await;
        if let Some(known) = &*measured {
            let over = self.over(known.used(entry));
            let trusted = over.map_or(TRUSTED, |_| TRUSTED_IF_FULL);
            if known.at.elapsed() < trusted {
                return Ok(over);
            }
        }
        let uploaded = entry.repo().uploaded();
        let folder = entry.repo().path().to_owned();
        let on_disk = self.desk.run(move || bytes_on_disk(&folder)).await??;
        let known = Measured {
            at: Instant::now(),
            on_disk,
            uploaded,
        };
        *measured = Some(known);
        Ok(self.over(known.used(entry)))
    }

    /// Whether there is no room, as far as is known without a look.
    pub(super) fn is_known_to_be_exceeded(&self, entry: &Entry) -> bool {
        let (used, _) = self.known(entry);
        used.is_some_and(|used| self.over(used).is_some())
    }

    fn over(&self, used: u64) -> Option<OverQuota> {
        let limit = self.limit;
        (used >= limit).then_some(OverQuota { used, limit })
    }

    /// Forgets what is known: something was deleted.
    pub(super) async fn forget(&self) {
        *self.measured.lock().await = None;
    }

    /// Bytes the cube takes, if that is known, and may take.
    pub(super) fn known(&self, entry: &Entry) -> (Option<u64>, u64) {
        let measured = self.measured.try_lock().ok().and_then(|known| *known);
        (measured.map(|known| known.used(entry)), self.limit)
    }
}
