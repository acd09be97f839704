//! An address whose newest state is served.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;

use super::{Address, External, ExternalError, known::Known, store::Store};
use crate::{compute::Compute, dataset::DatasetError, storage::Storage};

/// Looking for changes takes at most one part in so many of the time.
const LEISURE: u32 = 20;

/// A store, and the state of it that is served.
#[derive(Debug)]
pub struct Source {
    address: Address,
    storage: Storage,
    compute: Compute,
    known: Known,
    current: RwLock<Arc<External>>,
    check_every: Duration,
    next_check: Mutex<Instant>,
}

impl Source {
    /// Opens a store. From then on it is looked at for changes of its metadata
    /// at most this often.
    ///
    /// # Errors
    /// If it cannot be read or is none that tiles can be made of.
    pub async fn open(
        address: Address,
        storage: Storage,
        compute: Compute,
        check_every: Duration,
    ) -> Result<Self, ExternalError> {
        let known = Known::default();
        let opened = Store::open(&address, &storage, &compute, &known, None).await?;
        // There is no version yet that it could have already.
        let opened = opened.ok_or(DatasetError::NotZarr)?;
        let current = External::of(opened, &address).await?;
        Ok(Self {
            address,
            storage,
            compute,
            known,
            current: RwLock::new(Arc::new(current)),
            check_every,
            next_check: Mutex::new(Instant::now() + check_every),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The state that is served now, without a look at the store.
    #[must_use]
    pub fn served(&self) -> Arc<External> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The newest state, as far as it is known or can be found out. A check
    /// that fails fails nobody: what is served stays.
    pub async fn current(&self) -> Arc<External> {
        if self.is_check_due() {
            let begun = Instant::now();
            if let Err(error) = self.refresh().await {
                tracing::warn!(address = %self.address, %error, "cannot look for changes");
            }
            // A slow server is not asked all the time.
            let pause = self.check_every.max(begun.elapsed() * LEISURE);
            *self.next_check() = Instant::now() + pause;
        }
        self.served()
    }

    fn next_check(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.next_check
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// One caller at a time finds that a check is due.
    fn is_check_due(&self) -> bool {
        /// Until the check that is under way says when the next one is.
        const UNDER_WAY: Duration = Duration::from_mins(1);
        let mut next = self.next_check();
        let now = Instant::now();
        let due = now >= *next;
        if due {
            *next = now + UNDER_WAY;
        }
        due
    }

    /// Without its type, so that not all who ask for the newest state carry its code.
    fn refresh(&self) -> BoxFuture<'_, Result<(), ExternalError>> {
        Box::pin(async {
            let (storage, compute) = (&self.storage, &self.compute);
            let served = self.served();
            let version = Some(&*served.version);
            let opened = Store::open(&self.address, storage, compute, &self.known, version).await?;
            let Some(opened) = opened else {
                return Ok(());
            };
            let newest = External::of(opened, &self.address).await?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(newest);
            Ok(())
        })
    }
}
