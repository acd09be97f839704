//! Why a chunk could not be built, and why a build ended early.

use super::PlanError;
use crate::{
    catalog::UnknownCube,
    compute::ComputeError,
    crs::CrsError,
    repo::{LockError, RepoError},
    source::{Scene, SourceError},
    zarr::{CodecError, ZarrError},
};

/// Why a chunk could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The catalogue or an image failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A step of one scene failed.
    #[error("item {item}, {asset}")]
    Scene {
        /// The item's id.
        item: String,
        /// Which band, or the mask.
        asset: String,
        /// What happened.
        #[source]
        source: Box<ChunkError>,
    },
    /// An image is in a reference system that cannot be reached.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The chunk cannot be encoded.
    #[error("cannot encode the chunk")]
    Codec(#[from] CodecError),
    /// The chunk cannot be written.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// Its record cannot be written.
    #[error(transparent)]
    Zarr(#[from] ZarrError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// It took too long.
    #[error("not done within {seconds} s; it waited for {steps}")]
    TimedOut {
        /// How long it was given.
        seconds: u64,
        /// What was under way.
        steps: String,
    },
}

impl ChunkError {
    /// Whether the same may succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Source(error) => error.is_transient(),
            Self::Scene { source, .. } => source.is_transient(),
            Self::Repo(_) | Self::Zarr(ZarrError::Repo(_)) | Self::TimedOut { .. } => true,
            Self::Crs(_) | Self::Codec(_) | Self::Zarr(_) | Self::Compute(_) => false,
        }
    }

    /// Says whose step failed.
    pub(super) fn of(self, scene: &Scene, asset: &str) -> Self {
        Self::Scene {
            item: scene.id.clone(),
            asset: asset.to_owned(),
            source: Box::new(self),
        }
    }
}

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

impl From<RepoError> for BuildError {
    fn from(error: RepoError) -> Self {
        Self::Zarr(error.into())
    }
}
