//! A bound on the memory of work under way: who needs some waits for it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are this many bytes, so that a semaphore's count holds gigabytes.
const UNIT: u64 = 1024;

/// Bytes that much work shares. Clones share them too.
#[derive(Clone, Debug)]
pub struct Memory {
    free: Arc<Semaphore>,
    units: u32,
}

impl Memory {
    /// So many bytes, at least a KiB.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(units).unwrap_or(usize::MAX);
        Self {
            free: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            units,
        }
    }

    /// Waits for room for `bytes`, which is free again when the result is
    /// dropped. Who needs more than there is gets all of it, alone. What is
    /// needed together must be asked for at once: two that each hold a part
    /// and wait for the rest would wait for ever.
    pub async fn reserve(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let free = Arc::clone(&self.free);
        // The semaphore is never closed, so this is always some.
        free.acquire_many_owned(units.min(self.units)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn who_comes_when_it_is_full_waits_and_the_largest_gets_all_of_it() {
        let memory = Memory::new(10 * UNIT);
        let first = memory.reserve(6 * UNIT).now_or_never();
        assert!(first.is_some());
        assert!(memory.reserve(5 * UNIT).now_or_never().is_none());
        drop(first);
        let huge = memory.reserve(u64::MAX).now_or_never();
        assert!(huge.is_some());
        assert!(memory.reserve(1).now_or_never().is_none());
    }
}
