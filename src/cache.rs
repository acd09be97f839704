//! Caches with a weight limit and a single flight. `source` has one of its
//! own for image headers, whose errors it shares differently.
//!
//! A key names a state, a content stamp for one, so nothing here is ever
//! invalidated: moka's invalidation does not stop a read that began before it,
//! which would then put back what had gone (checked with moka 0.12).

use std::{
    future::Future,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::future::BoxFuture;
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
    weigh: fn(&V) -> usize,
    /// Bytes that came in since room was last made for what came in.
    added: Arc<AtomicU64>,
    /// How many there may be.
    most_added: u64,
}

/// moka makes room every 64 values, however large. Here it does when values of
/// this part of the capacity came in, so that it is not passed by more.
const MOST_ADDED: u64 = 16;

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
            weigh,
            added: Arc::default(),
            most_added: capacity / MOST_ADDED,
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
        let compute = async {
            let value = compute.await?;
            let bytes = (self.weigh)(&value) as u64;
            self.added.fetch_add(bytes, Ordering::Relaxed);
            Ok(value)
        };
        // Boxed, since moka keeps several copies of the future on the stack, and without
        // its type, since moka's code is then compiled once.
        let compute: BoxFuture<'_, Result<V, E>> = Box::pin(compute);
        let value = self.inner.try_get_with(key, compute).await?;
        if self.added.load(Ordering::Relaxed) > self.most_added {
            self.added.store(0, Ordering::Relaxed);
            self.inner.run_pending_tasks().await;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

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
    async fn large_values_do_not_pile_up_above_the_capacity() {
        const LARGE: usize = 10;
        let cache: Cache<usize, Arc<u8>> = Cache::new(100, |_| LARGE);
        let mut given = Vec::new();
        for key in 0..60 {
            let value = cache.get_or_compute(key, async { Ok::<_, ()>(Arc::new(0)) });
            given.push(Arc::downgrade(&value.await.unwrap()));
            let held = given.iter().filter(|value| value.strong_count() > 0);
            assert!(held.count() * LARGE <= 100 + LARGE);
        }
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
