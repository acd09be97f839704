//! Why there is no tile, or not what was asked of a cube.

use std::sync::Arc;

use super::CutoutError;
use crate::{
    catalog::UnknownCube,
    compute::{Busy, ComputeError},
    crs::CrsError,
    cube::SelectError,
    dataset::DatasetError,
    external::ExternalError,
    raster::MOST_CATEGORIES,
    render::{AlgorithmError, StyleError, encode::EncodeError},
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
    /// A value that no sample of a cube can have.
    #[error("`nodata={0}`: a cube holds whole numbers from 0 to 65535")]
    Nodata(f64),
    /// A variable of an expression that would be several planes.
    #[error(
        "`{0}` has several bands here: an expression needs one of each variable, so name it by `sel`"
    )]
    ManyBands(String),
    /// A name in an expression that is no band.
    #[error("`{0}` is no band of `{1}`: an expression names them b1, b2 and so on")]
    NoBand(String, String),
    /// A side of a picture that follows from the other.
    #[error(
        "the picture would have {0} pixels along a side, and {1} is the limit: give both sides"
    )]
    Long(usize, usize),
    /// Bands of what names its variables itself.
    #[error("`bidx` is for variables that are named: an `expression` names its own")]
    BandsOfExpression,
    /// A number of none of the variables.
    #[error("there is no band {0}: `bidx` counts the {1} variables that are named, from 1")]
    NoSuchBand(usize, usize),
    /// A polygon that is none, or too much of one.
    #[error(transparent)]
    Cutout(#[from] CutoutError),
    /// A series that is too long.
    #[error("these are {count} values, and {limit} is the limit: name fewer variables")]
    TooManyValues {
        /// Time steps times variables.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// More different values than are listed.
    #[error(
        "there are more than {MOST_CATEGORIES} different values: leave out `categorical`, or name some by `c`"
    )]
    TooManyCategories,
    /// Variables that cannot be reduced over time together.
    #[error("`{0}` and `{1}` have different times: reduce one of them, or those that both have")]
    OtherTimes(String, String),
    /// What is computed has no range that could be shown without being told.
    #[error(
        "an expression needs `rescale=min,max`, and so does what else is computed: which values are shown from the first to the last colour, or `rescale=auto`"
    )]
    NoRange,
    /// The algorithm does not fit.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
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
