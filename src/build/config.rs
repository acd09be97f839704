//! How builds share the machine.

use serde::{Deserialize, Serialize};

use super::Prices;

/// `[build]`: how builds share the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildConfig {
    /// Chunks that are built at once.
    pub concurrency: usize,
    /// The most seconds between commits.
    pub commit_seconds: u64,
    /// Milliseconds between the commits of a server's fills, which show on a map.
    pub group_millis: u64,
    /// The most seconds by which coarse overviews may lag behind those commits.
    pub overview_seconds: u64,
    /// The most chunks in one commit.
    pub commit_chunks: usize,
    /// The most chunks and time steps that one request may cover.
    pub max_chunks: usize,
    /// MiB that the observations of all chunks under way and the images that
    /// are being read for them may take.
    pub memory_mib: u64,
    /// The most seconds that one attempt at a chunk may take.
    pub task_seconds: u64,
    /// How often a chunk is tried again after a failure that may pass.
    pub task_retries: u32,
    /// Days after its end for which a time step is not settled: scenes of it may
    /// still come in.
    pub settle_days: u32,
    /// What things cost.
    pub prices: Prices,
}

impl Default for BuildConfig {
    fn default() -> Self {
        Self {
            concurrency: 2,
            commit_seconds: 60,
            group_millis: 1000,
            overview_seconds: 30,
            commit_chunks: 256,
            max_chunks: 1_000_000,
            memory_mib: 768,
            task_seconds: 90,
            task_retries: 5,
            settle_days: 30,
            prices: Prices::default(),
        }
    }
}
