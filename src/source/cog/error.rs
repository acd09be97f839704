//! Why an image cannot be opened or read.

use async_tiff::error::AsyncTiffError;

use super::SampleType;
use crate::compute::ComputeError;
use crate::grid::Window;
use crate::storage::FetchError;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CogError {
    /// Its bytes do not come.
    #[error("{source} (attempts: {attempts})")]
    Fetch {
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: FetchError,
    },
    /// Another kind of file, often a page that tells of an error.
    #[error("it is not a TIFF file")]
    NotTiff,
    /// It ends too early.
    #[error("it is truncated: it ends at byte {size}, and should have byte {end}")]
    Truncated {
        /// The byte that should be there.
        end: u64,
        /// The size of the file.
        size: u64,
    },
    /// It contradicts itself or the TIFF specification.
    #[error("it is malformed: {0}")]
    Malformed(String),
    /// It has strips instead of tiles.
    #[error(
        "it is striped; only tiled (Cloud Optimized) GeoTIFFs are read: \
         convert it with `gdal_translate -of COG`"
    )]
    Striped,
    /// It has several bands.
    #[error("it has {0} bands; only files of one band are read")]
    Bands(u16),
    /// It uses something that is not read.
    #[error("its {what} {found} is not supported; supported are {supported}")]
    Unsupported {
        /// Which property.
        what: &'static str,
        /// Its value.
        found: String,
        /// The values that are read.
        supported: &'static str,
    },
    /// Its rows do not run along an axis of its coordinate reference system.
    #[error("it is rotated; only images along the axes are read: warp it first")]
    Rotated,
    /// It does not tell where its pixels are.
    #[error(
        "it has no georeference: neither a pixel scale with a tie point nor a transformation matrix"
    )]
    NoGeoreference,
    /// It does not name its coordinate reference system.
    #[error("its coordinate reference system has no EPSG code")]
    NoCrs,
    /// Reading it would take more memory than is allowed.
    #[error("the {what} takes {bytes} bytes, more than the {limit} that are allowed")]
    TooLarge {
        /// What would be read.
        what: String,
        /// How large that is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// A window or level that it does not have.
    #[error("level {level} has no window {window:?}")]
    NoWindow {
        /// The level asked for.
        level: usize,
        /// The window asked for.
        window: Window,
    },
    /// Its samples are of another type than is asked for.
    #[error("its samples are {stored} and cannot be read as {wanted}")]
    SampleType {
        /// The type in the file.
        stored: SampleType,
        /// The type asked for.
        wanted: SampleType,
    },
    /// A sample that the type asked for cannot hold.
    #[error("its value {value} does not fit {wanted}")]
    Value {
        /// The sample.
        value: f64,
        /// The type asked for.
        wanted: SampleType,
    },
    /// A tile that cannot be decoded.
    #[error("tile (column {col}, row {row}) of level {level} is corrupt: {reason}")]
    Tile {
        /// The level.
        level: usize,
        /// The tile's column.
        col: usize,
        /// The tile's row.
        row: usize,
        /// What is wrong.
        reason: String,
    },
    /// The decoding did not end.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

impl CogError {
    /// Whether the same may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        if let Self::Fetch { source, .. } = self {
            source.is_transient()
        } else {
            false
        }
    }
}

impl From<AsyncTiffError> for CogError {
    fn from(error: AsyncTiffError) -> Self {
        let AsyncTiffError::External(inner) = error else {
            return Self::Malformed(error.to_string());
        };
        match inner.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => Self::Malformed(other.to_string()),
        }
    }
}
