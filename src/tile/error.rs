//! Why there is no tile, or not what was asked of a cube.

use std::sync::Arc;

use crate::{
    catalog::UnknownCube,
    compute::{Busy, ComputeError},
    crs::CrsError,
    cube::SelectError,
    dataset::DatasetError,
    external::ExternalError,
    render::{StyleError, encode::EncodeError},
    zarr::ZarrError,
};

/// Why there is no tile.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// No such cube.
    #[error(transparent)]
    Cube(#[from] UnknownCube),
    /// Nothing of the cube is under the tile.
    #[error("tile {zoom}/{col}/{row} is outside the cube's bounds, {bounds:?}")]
    Outside {
        /// Zoom.
        zoom: i8,
        /// Column.
        col: u32,
        /// Row.
        row: u32,
        /// `[west, south, east, north]` of the cube, in degrees.
        bounds: [f64; 4],
    },
    /// A point that is not in the cube.
    #[error("{longitude},{latitude} is outside the cube's bounds, {bounds:?}")]
    NotThere {
        /// Degrees.
        longitude: f64,
        /// Degrees.
        latitude: f64,
        /// `[west, south, east, north]` of the cube, in degrees.
        bounds: [f64; 4],
    },
    /// A rectangle that shares nothing with the cube.
    #[error("the rectangle {asked:?} is outside the cube's bounds, {bounds:?}")]
    NoOverlap {
        /// `[west, south, east, north]`, in degrees.
        asked: [f64; 4],
        /// `[west, south, east, north]` of the cube, in degrees.
        bounds: [f64; 4],
    },
    /// Samples of a data set of somebody else.
    #[error("of a data set of somebody else there are pictures, but no files of samples")]
    OnlyPictures,
    /// A series that is too long.
    #[error("these are {count} values, and {limit} is the limit: name fewer variables")]
    TooManyValues {
        /// Time steps times variables.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// An expression has no range that could be shown without being told.
    #[error(
        "an expression needs `rescale=min,max`: which values are shown from the first to the last colour"
    )]
    NoRange,
    /// Unknown variable or time.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Unknown variable or value of a dimension of a data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A data set of somebody else cannot be read.
    #[error("cannot read the data set")]
    External(#[from] ExternalError),
    /// The style does not fit.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// Too much to hold.
    #[error("making this tile takes {bytes} bytes, and {limit} is the limit: {advice}")]
    TooMuch {
        /// What it would take.
        bytes: u64,
        /// What may be taken.
        limit: u64,
        /// What would not be.
        advice: String,
    },
    /// Too many at once.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Another request for the same tile failed.
    #[error(transparent)]
    Shared(Arc<TileError>),
    /// The reference system that was asked for cannot be used, or not there.
    #[error(transparent)]
    System(CrsError),
    /// The cube's reference system cannot be used.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The cube cannot be read.
    #[error("cannot read the cube")]
    Read(#[from] ZarrError),
    /// The picture cannot be encoded.
    #[error("cannot encode the tile")]
    Encode(#[from] EncodeError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

impl TileError {
    /// The same where the reference system is the request's: that it cannot be used is no
    /// fault of the cube.
    pub(super) fn of_a_system(self) -> Self {
        if let Self::Crs(error) = self {
            return Self::System(error);
        }
        self
    }
}
