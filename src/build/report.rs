//! What a build tells while it runs, and how it ended.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    Built, Counts, StageSeconds, Timeline,
    plan::{around, chunk_bounds},
};
use crate::{
    cube::Cube,
    grid::{Bounds, ChunkIndex},
    repo::Revision,
};

/// What happens during a build.
#[derive(Debug)]
pub enum Event<'a> {
    /// The plan stands.
    Planned(Counts),
    /// A chunk was built; it is not visible yet.
    Built(&'a Built),
    /// A chunk failed.
    Failed(&'a Failure),
    /// Everything built so far is visible.
    Committed(&'a Revision),
}

/// A chunk that could not be built.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Time step, chunk row and chunk column.
    pub chunk: [usize; 3],
    /// First day of the time step.
    pub time: NaiveDate,
    /// `[west, south, east, north]` in degrees; `west` > `east` where it
    /// crosses the antimeridian; zeros if it has no place on the globe.
    pub bounds: [f64; 4],
    /// The whole chain of reasons.
    pub error: String,
}

impl Failure {
    pub(super) fn new(cube: &Cube, time: usize, chunk: ChunkIndex, error: String) -> Self {
        // It may have no place on the globe, which is then why it failed.
        let places = chunk_bounds(cube, chunk, 0).unwrap_or_default();
        Self {
            chunk: [time, chunk.row, chunk.col],
            time: cube.times().days(time).start,
            bounds: around(&places).map_or([0.0; 4], Bounds::to_array),
            error,
        }
    }
}

/// How a build ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What was planned.
    pub planned: Counts,
    /// Chunks built and committed.
    pub built: usize,
    /// Chunks by what was found: `done`, `no_scenes`, `all_masked`.
    pub states: HashMap<&'static str, usize>,
    /// Chunks that failed.
    pub failures: Vec<Failure>,
    /// Commits made.
    pub commits: usize,
    /// Whether it was stopped before its end.
    pub cancelled: bool,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Where they went.
    pub stages: StageSeconds,
    /// Requests for catalogues and images.
    pub requests: u64,
    /// Bytes of catalogues and images.
    pub bytes: u64,
    /// What it cost, by the configured prices.
    pub cost: f64,
    /// When each task did what.
    #[serde(skip)]
    pub timeline: Timeline,
}
