//! Why a request makes no plan.

use chrono::NaiveDate;

use crate::{crs::CrsError, land::RegionError};

/// Why a request makes no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The rectangle is none.
    #[error(
        "`{0}` is no rectangle: write west,south,east,north in degrees, west < east and south < north"
    )]
    Bounds(String),
    /// Several areas.
    #[error("`bbox`, `geometry`, `tile` and `chunks` each name an area: give one of them")]
    Areas,
    /// Polygons that are none.
    #[error("`geometry`: {0}")]
    Geometry(#[source] RegionError),
    /// Two ways to build again.
    #[error("`force` builds all of it again, and `refresh` what is recent: give one of them")]
    Again,
    /// A tile that is none.
    #[error("`{0}` is no tile: write zoom/column/row as in 11/1107/731")]
    Tile(String),
    /// A chunk that the cube does not have.
    #[error(
        "the cube has no chunk {chunk:?}: it has {shape:?} time steps, chunk rows and chunk columns"
    )]
    NoChunk {
        /// As asked for.
        chunk: [usize; 3],
        /// How many there are.
        shape: [usize; 3],
    },
    /// The polygons are elsewhere.
    #[error("the polygons touch no chunk of the cube, whose bounds are {0:?}")]
    RegionElsewhere([f64; 4]),
    /// The rectangle is elsewhere.
    #[error("the rectangle {request:?} does not touch the cube's bounds, {cube:?}")]
    Elsewhere {
        /// As asked for.
        request: [f64; 4],
        /// The cube's, in degrees.
        cube: [f64; 4],
    },
    /// The cube's reference system cannot be used.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The region outside of which nothing is built is none.
    #[error("`grid.skip.outside`: {0}")]
    Region(#[from] RegionError),
    /// The days are no interval.
    #[error(
        "`{0}` is no interval: write 2023-08-01/2023-08-31, a single day, or .. for an open end"
    )]
    Days(String),
    /// The days are elsewhere.
    #[error("no time step of the cube holds a day of the interval; the cube has {first} to {last}")]
    NoStep {
        /// First day of the cube.
        first: NaiveDate,
        /// Last day of the cube.
        last: NaiveDate,
    },
    /// More than one request may ask for.
    #[error(
        "the request covers {chunks} chunks, and {limit} is the limit: choose a smaller area or fewer time steps"
    )]
    TooLarge {
        /// Chunks and time steps asked for.
        chunks: usize,
        /// The limit.
        limit: usize,
    },
}
