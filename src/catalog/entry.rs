//! What is open, and the committed state that it is at.

use std::{
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;

use crate::{
    external::Source,
    repo::{Repo, Revision},
    zarr::{StoredCube, ZarrError},
};

/// An open cube.
#[derive(Debug)]
pub struct Entry {
    name: String,
    number: u32,
    repo: Repo,
    current: RwLock<StoredCube>,
    /// How old a state may get before the repository is asked for a newer one,
    /// which another process may have committed. The question is one small read.
    check_every: Duration,
    checked: Mutex<Instant>,
}

impl Entry {
    pub(super) fn new(
        name: &str,
        number: u32,
        repo: Repo,
        current: StoredCube,
        check_every: Duration,
    ) -> Self {
        Self {
            name: name.to_owned(),
            number,
            repo,
            current: RwLock::new(current),
            check_every,
            checked: Mutex::new(Instant::now()),
        }
    }

    /// The cube's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that no other open cube has, for the keys of caches.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The repository behind it.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The state that is served now, without a look at the repository.
    #[must_use]
    pub fn served(&self) -> StoredCube {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The newest state, as far as it is known or can be found out. A check
    /// that fails fails nobody: what is served stays.
    pub async fn current(&self) -> StoredCube {
        if self.is_check_due()
            && let Err(error) = self.refresh().await
        {
            tracing::warn!(cube = self.name, %error, "cannot look for newer commits");
        }
        self.served()
    }

    /// One caller at a time finds that a check is due.
    fn is_check_due(&self) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.elapsed() >= self.check_every;
        if due {
            *checked = Instant::now();
        }
        due
    }

    /// Without its type, so that not all who ask for the newest state carry its code.
    fn refresh(&self) -> BoxFuture<'_, Result<(), ZarrError>> {
        Box::pin(async {
            let tip = self.repo.tip().await?;
            if tip != *self.served().snapshot.revision() {
                self.publish().await?;
            }
            Ok(())
        })
    }

    /// Serves the newest committed state from now on.
    ///
    /// # Errors
    /// If it cannot be read; what was served stays.
    pub async fn publish(&self) -> Result<Revision, ZarrError> {
        let newest = StoredCube::open(&self.repo).await?;
        let revision = newest.snapshot.revision().clone();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(revision)
    }
}

/// An open data set that is none of our cubes.
#[derive(Debug)]
pub struct ExternalEntry {
    name: String,
    number: u32,
    source: Source,
}

impl ExternalEntry {
    pub(super) fn new(name: &str, number: u32, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            number,
            source,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that no other open cube or data set has, for the keys of caches.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where it is, and the state that is served.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}
