//! Caches with a weight limit and a single flight. `source` has one of its
//! own for image headers, whose errors it shares differently.
//!
//! A key names a state, a content stamp for one, so nothing here is ever
//! invalidated: moka's invalidation does not stop a read that began before it,
//! which would then put back what had gone (checked with moka 0.12).

use std::{future::Future, hash::Hash, sync::Arc};

use serde::{Deserialize, Serialize};

/// `[cache]`: what serving tiles may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Memory in MiB: half of it for decoded chunks, an eighth for finished
    /// tiles, an eighth for shard indexes and coverage, and a quarter for the
    /// tiles that are being made.
    pub memory_mib: u64,
    /// Seconds after which a cube is asked for commits of other processes.
    pub check_seconds: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory_mib: 512,
            check_seconds: 1,
        }
    }
}

impl CacheConfig {
    fn share(&self, eighths: u64) -> u64 {
        self.memory_mib.saturating_mul(1024 * 1024) / 8 * eighths
    }

    /// Bytes for decoded chunks.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.share(4)
    }

    /// Bytes for finished tiles.
    #[must_use]
    pub fn tiles(&self) -> u64 {
        self.share(1)
    }

    /// Bytes for shard indexes and coverage.
    #[must_use]
    pub fn metadata(&self) -> u64 {
        self.share(1)
    }

    /// Bytes for all tiles in the making.
    #[must_use]
    pub fn making(&self) -> u64 {
        self.share(2)
    }
}

/// A cache of values that weigh bytes.
#[derive(Clone)]
pub struct Cache<K, V> {
    inner: moka::future::Cache<K, V>,
}

impl<K, V> std::fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("bytes", &self.inner.weighted_size())
            .finish_non_exhaustive()
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most `capacity` bytes, each value weighing what `weigh`
    /// says.
    #[must_use]
    pub fn new(capacity: u64, weigh: fn(&V) -> usize) -> Self {
        Self {
            inner: moka::future::Cache::builder()
                .max_capacity(capacity)
                .weigher(move |_, value| u32::try_from(weigh(value)).unwrap_or(u32::MAX))
                .build(),
        }
    }

    /// The value of a key, if it is there.
    pub async fn get(&self, key: &K) -> Option<V> {
        self.inner.get(key).await
    }

    /// The value of a key, computed if it is not there. Of several callers at
    /// the same time, one computes and all get its result; an error is not
    /// kept.
    ///
    /// # Errors
    /// What the computation says.
    pub async fn get_or_compute<E>(
        &self,
        key: K,
        compute: impl Future<Output = Result<V, E>> + Send,
    ) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        // Boxed, since moka keeps several copies of the future on the stack.
        self.inner.try_get_with(key, Box::pin(compute)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn many_callers_of_one_key_compute_it_once() {
        let cache: Cache<u8, u32> = Cache::new(1000, |_| 1);
        let computed = AtomicUsize::new(0);
        let compute = || async {
            computed.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok::<_, ()>(7)
        };
        let all =
            futures::future::join_all((0..64).map(|_| cache.get_or_compute(1, compute()))).await;
        assert!(all.into_iter().all(|value| value == Ok(7)));
        assert_eq!(computed.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_error_is_not_kept() {
        let cache: Cache<u8, u32> = Cache::new(1000, |_| 1);
        assert!(
            cache
                .get_or_compute(1, async { Err::<u32, _>("broken") })
                .await
                .is_err()
        );
        assert_eq!(
            cache.get_or_compute(1, async { Ok::<_, ()>(3) }).await,
            Ok(3)
        );
    }
}
