//! Why there is no job, or not what was asked of one.

use super::{JobState, LedgerError, OverQuota};
use crate::build::{BuildError, PlanError};

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No job of this name.
    #[error("there is no job `{0}`")]
    Unknown(String),
    /// Too many wait already.
    #[error("{0} jobs of this cube wait already: try again when one has ended")]
    Full(usize),
    /// Too much waits already.
    #[error(
        "{waiting} chunks wait already, and with {more} more there would be more than {limit}: try again later, or ask for less"
    )]
    TooMuch {
        /// Chunks that wait.
        waiting: usize,
        /// Chunks asked for.
        more: usize,
        /// The limit.
        limit: usize,
    },
    /// No room for more.
    #[error(transparent)]
    Quota(#[from] OverQuota),
    /// A job that has ended is not cancelled, and one that has not is not
    /// tried again.
    #[error("the job is {}", .0.name())]
    State(JobState),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The request makes no job.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<PlanError> for JobError {
    fn from(error: PlanError) -> Self {
        Self::Build(error.into())
    }
}
