//! The build flow: which chunks are missing, what they are made of, and one
//! commit for many of them.

mod bands;
mod choice;
mod chunk;
mod commit;
mod cost;
mod job;
mod masks;
mod memory;
mod observation;
mod overview;
mod plan;
mod run;
mod search;
mod sight;
mod stages;
mod steps;
mod task;
mod timeline;

pub use chunk::{Built, ChunkError};
pub use cost::Prices;
pub use job::{Job, JobError, JobState, Jobs};
pub use plan::{Batch, BuildRequest, Counts, Plan, PlanError};
pub use run::{BuildConfig, Builder, Cancel, Event, Failure, Report, cancellation};
pub use stages::StageSeconds;
pub use timeline::{Moments, Timeline};

use crate::{catalog::UnknownCube, compute::ComputeError, repo::LockError, zarr::ZarrError};

/// Why a build ended before its work was done. What was committed stays.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No such cube.
    #[error(transparent)]
    Cube(#[from] UnknownCube),
    /// The request makes no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Somebody else writes.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The cube cannot be read or written.
    #[error("cannot read or write the cube")]
    Zarr(#[from] ZarrError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

impl From<crate::repo::RepoError> for BuildError {
    fn from(error: crate::repo::RepoError) -> Self {
        Self::Zarr(error.into())
    }
}
