//! A job, as it is kept and told.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::JobRequest;
use crate::build::{Counts, Failure, StageSeconds};

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// None of its chunks has been begun.
    Queued,
    /// Is being done.
    Running,
    /// Is done; single chunks may have failed.
    Done,
    /// Ended with an error.
    Failed,
    /// Was stopped. What was committed until then stays.
    Cancelled,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name that answers and the ledger use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether something is left to do.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// A fill that somebody asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// A name for it. Later ones have greater names.
    pub id: Uuid,
    /// The cube.
    pub cube: String,
    /// What was asked for.
    pub request: JobRequest,
    /// Where it is.
    pub state: JobState,
    /// Who writes the cube, and has to end before this begins.
    pub waits_for: Option<String>,
    /// When it was asked for.
    pub created: DateTime<Utc>,
    /// When its first chunk was begun.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// What was found to do when it was asked for.
    pub planned: Counts,
    /// Chunks to build.
    pub total: usize,
    /// Chunks that were built, those that wait for a commit among them.
    pub done: usize,
    /// Chunks that failed.
    pub failed: usize,
    /// Chunks that readers see.
    pub committed: usize,
    /// Chunks that are being built now.
    pub under_way: usize,
    /// About how many seconds it will take, as fast as it has been.
    pub seconds_left: Option<f64>,
    /// Seconds that went into each stage, over all its chunks.
    pub stages: StageSeconds,
    /// The newest state of the cube that it committed.
    pub revision: Option<String>,
    /// The first failures.
    pub errors: Vec<Failure>,
    /// Why it ended, if not by being done.
    pub message: Option<String>,
}

impl Job {
    pub(super) fn new(cube: &str, request: JobRequest, planned: Counts) -> Self {
        let is_done = planned.build == 0;
        let now = Utc::now();
        Self {
            id: Uuid::now_v7(),
            cube: cube.to_owned(),
            request,
            state: if is_done {
                JobState::Done
            } else {
                JobState::Queued
            },
            waits_for: None,
            created: now,
            started: is_done.then_some(now),
            ended: is_done.then_some(now),
            total: planned.build,
            planned,
            done: 0,
            failed: 0,
            committed: 0,
            under_way: 0,
            seconds_left: None,
            stages: StageSeconds::default(),
            revision: None,
            errors: Vec::new(),
            message: None,
        }
    }
}

/// Which jobs are listed.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Of these cubes only.
    pub cubes: Option<Vec<String>>,
    /// In this state only.
    pub state: Option<JobState>,
    /// At most so many.
    pub limit: u32,
    /// Without so many of the newest.
    pub offset: u32,
}
