//! Data sets that requests name by their addresses: opened when they are first asked
//! for, and kept as long as there is room.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{ExternalEntry, GuestError};
use crate::{
    cache::Cache,
    compute::{Admission, Compute},
    external::{Address, Gate, Source},
    storage::Storage,
};

/// Data sets that are kept open. What is read of them is bounded by
/// `dataset::limits`.
const KEPT: u64 = 64;

/// Data sets that are being opened at once, and that wait for it.
const AT_ONCE: usize = 4;
const WAITING: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// Who may be named, and who is there.
#[derive(Debug)]
pub(super) struct Guests {
    gate: Gate,
    storage: Storage,
    compute: Compute,
    check_every: Duration,
    /// By their addresses, and whether their times are raw.
    open: Cache<(String, bool), Arc<ExternalEntry>>,
    admission: Admission,
}

impl Guests {
    pub(super) fn new(
        gate: Gate,
        storage: Storage,
        compute: Compute,
        check_every: Duration,
    ) -> Self {
        Self {
            gate,
            storage,
            compute,
            check_every,
            open: Cache::new(KEPT, |_| 1),
            admission: Admission::new(AT_ONCE, WAITING, PATIENCE),
        }
    }

    /// Where a request may be led.
    pub(super) fn admit(&self, url: &str, group: &str) -> Result<Address, GuestError> {
        Ok(self.gate.admit(url, group)?)
    }

    /// The data set at an address that was admitted; `number` tells it from all others
    /// if it is opened now. Of equal requests at the same time one opens it.
    pub(super) async fn get(
        &self,
        url: &str,
        address: Address,
        number: impl FnOnce() -> u32 + Send,
    ) -> Result<Arc<ExternalEntry>, GuestError> {
        let name = address.to_string();
        let key = (name.clone(), address.has_raw_times);
        let open = async {
            let entry = ExternalEntry::new(&name, number(), self.source(url, address).await?);
            Ok::<_, GuestError>(Arc::new(entry))
        };
        let opened = self.open.get_or_compute(key, open).await;
        opened.map_err(GuestError::Shared)
    }

    /// Opens a store. Without its type, so that not all who ask for one carry its code.
    fn source<'a>(
        &'a self,
        url: &'a str,
        address: Address,
    ) -> BoxFuture<'a, Result<Source, GuestError>> {
        Box::pin(async move {
            let _place = self.admission.enter().await?;
            // A host that is listed may have any address.
            let storage = self.storage.naming(url);
            let source = Source::open(address, storage, self.compute.clone(), self.check_every);
            Ok(source.await?)
        })
    }
}
