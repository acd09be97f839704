//! When the chunks of the latest jobs did what, since the server began with
//! them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use uuid::Uuid;

use crate::build::{Timeline, timeline::Moments};

/// Jobs whose timelines are remembered, and tasks of each: some 100 bytes.
const JOBS: usize = 32;
const TASKS: usize = 20_000;

/// The timelines of jobs.
#[derive(Debug, Default)]
pub(super) struct Timelines(Mutex<BTreeMap<Uuid, (Instant, Timeline)>>);

impl Timelines {
    /// Adds a chunk that was tried from a moment on; without the moments of its
    /// steps it has failed.
    pub(super) fn add(&self, job: Uuid, place: [usize; 3], begun: Instant, built: Option<Moments>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, timeline) = all
            .entry(job)
            .or_insert_with(|| (begun, Timeline::default()));
        if timeline.len() >= TASKS {
            return;
        }
        match built {
            Some(moments) => timeline.built(*start, place, moments),
            None => timeline.failed(*start, place, begun, Instant::now()),
        }
        // Names rise with time, so the first is the oldest.
        if all.len() > JOBS {
            all.pop_first();
        }
    }

    /// The picture of a job; of no chunk if none was tried or it is forgotten.
    pub(super) fn to_svg(&self, job: Uuid, title: &str) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.get(&job).map(|(_, timeline)| timeline);
        found.unwrap_or(&Timeline::default()).to_svg(title)
    }
}
