//! The build flow: which chunks are missing, what they are made of, and one
//! commit for many of them.

mod bands;
mod choice;
mod chunk;
mod commit;
mod config;
mod cost;
mod error;
mod jobs;
mod masks;
mod observation;
mod overview;
mod plan;
mod provenance;
mod report;
mod run;
mod search;
mod sight;
mod stages;
mod stale;
mod steps;
mod task;
mod timeline;

pub use chunk::Built;
pub use config::BuildConfig;
pub use cost::Prices;
pub use error::{BuildError, ChunkError};
pub use jobs::{
    Estimate, Followed, Job, JobError, JobEvent, JobFilter, JobRequest, JobSettings, JobState,
    Jobs, LedgerError, OverQuota, Seen,
};
pub use plan::{Area, Batch, BuildRequest, Counts, Plan, PlanError, chunk_bounds};
pub use report::{Event, Failure, Report};
pub use run::{Builder, Cancel, cancellation};
pub use stages::StageSeconds;
pub use timeline::{Moments, Timeline};
