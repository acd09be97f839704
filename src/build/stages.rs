//! Where the time of a build goes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// A step of building a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Asking the catalogue; waiting.
    Search,
    /// Opening images and reading their tiles; waiting.
    Read,
    /// Decompressing tiles.
    Decode,
    /// Putting samples on the cube's grid, and finding where that is.
    Warp,
    /// Judging pixels and choosing among the scenes of an overpass.
    Mask,
    /// Making one picture of all observations.
    Reduce,
    /// Encoding what is stored.
    Encode,
    /// Uploading it; waiting.
    Upload,
}

const STAGES: usize = 8;

/// Seconds that went into each stage, over all tasks. Stages that compute
/// count CPU time; tasks wait at the same time, so that what waits may add up
/// to more than the build took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSeconds {
    /// Asking the catalogue.
    pub search: f64,
    /// Opening images and reading their tiles.
    pub read: f64,
    /// Decompressing tiles.
    pub decode: f64,
    /// Putting samples on the cube's grid.
    pub warp: f64,
    /// Judging pixels and choosing among the scenes of an overpass.
    pub mask: f64,
    /// Making one picture of all observations.
    pub reduce: f64,
    /// Encoding what is stored.
    pub encode: f64,
    /// Uploading it.
    pub upload: f64,
}

impl StageSeconds {
    /// Names and seconds, in the order of the work.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); STAGES] {
        [
            ("search", self.search),
            ("read", self.read),
            ("decode", self.decode),
            ("warp", self.warp),
            ("mask", self.mask),
            ("reduce", self.reduce),
            ("encode", self.encode),
            ("upload", self.upload),
        ]
    }

    /// Adds what other work took.
    pub(super) fn add(&mut self, other: &Self) {
        self.search += other.search;
        self.read += other.read;
        self.decode += other.decode;
        self.warp += other.warp;
        self.mask += other.mask;
        self.reduce += other.reduce;
        self.encode += other.encode;
        self.upload += other.upload;
    }

    /// Seconds of computation.
    #[must_use]
    pub fn computing(&self) -> f64 {
        self.decode + self.warp + self.mask + self.reduce + self.encode
    }
}

/// Adds up the time of stages, from any thread.
#[derive(Debug, Default)]
pub(super) struct Clock([AtomicU64; STAGES]);

impl Clock {
    /// Does `work` and counts its time.
    pub(super) fn time<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.add(stage, begun.elapsed());
        result
    }

    /// Awaits `work` and counts its time.
    pub(super) async fn wait<T>(&self, stage: Stage, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = work.await;
        self.add(stage, begun.elapsed());
        result
    }

    fn add(&self, stage: Stage, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0[stage as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn seconds(&self) -> StageSeconds {
        let of = |stage: Stage| {
            Duration::from_nanos(self.0[stage as usize].load(Ordering::Relaxed)).as_secs_f64()
        };
        StageSeconds {
            search: of(Stage::Search),
            read: of(Stage::Read),
            decode: of(Stage::Decode),
            warp: of(Stage::Warp),
            mask: of(Stage::Mask),
            reduce: of(Stage::Reduce),
            encode: of(Stage::Encode),
            upload: of(Stage::Upload),
        }
    }
}
