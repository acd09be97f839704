//! How much room a cube may take on disk, and takes.

use std::{
    fmt,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::{build::BuildError, catalog::Entry, compute::Compute, repo::bytes_on_disk};

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
        }
    }

    /// Whether there is no room for another chunk.
    ///
    /// # Errors
    /// If the cube's folder cannot be looked through.
    pub(super) async fn exceeded(
        &self,
        entry: &Entry,
        compute: &Compute,
    ) -> Result<Option<OverQuota>, BuildError> {
        let limit = self.limit;
        let mut measured = self.measured.lock().await;
        let over = |known: &Measured| {
            let used = known.used(entry);
            (used >= limit).then_some(OverQuota { used, limit })
        };
        if let Some(known) = &*measured {
            let over = over(known);
            let trusted = over.map_or(TRUSTED, |_| TRUSTED_IF_FULL);
            if known.at.elapsed() < trusted {
                return Ok(over);
            }
        }
        let uploaded = entry.repo().uploaded();
        let folder = entry.repo().path().to_owned();
        let looked = compute.run(move || bytes_on_disk(&folder)).await?;
        let known = Measured {
            at: Instant::now(),
            on_disk: looked?,
            uploaded,
        };
        *measured = Some(known);
        Ok(over(&known))
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
