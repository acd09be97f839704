//! What a picture is made of, before its pixels are read.

use std::sync::Arc;

use super::{Cutout, cost::Cost, finished, place::Mapping, ranges::Ranges};
use crate::{
    cube::{Cell, coverage::chunks_below},
    grid::{ChunkIndex, Grid, Level, Shape, Window},
    raster::{Expression, OverTime, Resampling},
    render::{Algorithm, ImageFormat, SampleFormat, Style},
    zarr::StoredCube,
};

/// A tile, or a picture of a rectangle, before its pixels are read.
#[derive(Debug)]
pub struct Prepared {
    pub(super) stored: StoredCube,
    pub(super) cube: u32,
    pub(super) level: Level,
    /// Those that are read, at least one; the last is shown, or the others with it become
    /// one.
    pub(super) steps: Vec<Step>,
    pub(super) over_time: Option<OverTime>,
    pub(super) algorithm: Option<Algorithm>,
    /// Of the variables, or the expression or algorithm alone.
    pub(super) names: Vec<String>,
    pub(super) variables: Vec<usize>,
    pub(super) expression: Option<Expression>,
    pub(super) output: Output,
    pub(super) mapping: Mapping,
    /// The source window; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
    pub(super) resampling: Resampling,
    pub(super) nodata: u16,
    /// What of it is shown; all without.
    pub(super) cutout: Option<Arc<Cutout>>,
    /// Names these pixels, among the tiles of the cube.
    pub(super) name: u128,
    pub(super) cost: Cost,
    /// Where its pixels are.
    pub(super) grid: Grid,
    /// Display ranges that were found.
    pub(super) ranges: Option<Ranges>,
    pub(super) coverage: f64,
    pub(super) complete: bool,
}

/// A time step and what is under the tile.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) time: usize,
    pub(super) cells: Vec<(ChunkIndex, Cell)>,
}

/// What is made of samples.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A picture; without a format, in the one that fits it.
    Picture {
        style: Style,
        background: Option<[u8; 3]>,
        format: Option<ImageFormat>,
    },
    /// A file of them.
    Samples(SampleFormat),
}

impl Output {
    /// A text that is the same for equal outputs.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Picture {
                style,
                background: None,
                format,
            } => format!("{} {format:?}", style.canonical()),
            Self::Picture {
                style,
                background: Some(color),
                format,
            } => format!("{} {format:?} on {color:?}", style.canonical()),
            Self::Samples(format) => format!("{format:?}"),
        }
    }
}

impl Prepared {
    /// A name for exactly these pixels in this style: it changes when and only
    /// when the values of a chunk under the tile change.
    #[must_use]
    pub fn etag(&self) -> String {
        finished::etag(self.name)
    }

    /// Which share of the cube under the tile was ever built, 0 to 1.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        self.coverage
    }

    /// Whether everything under the tile was built. What is not complete must
    /// not be kept by anybody.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The time step, and full-resolution chunks under the tile that were not
    /// all built: those whose building would show first.
    #[must_use]
    pub fn unbuilt(&self) -> (usize, Vec<ChunkIndex>) {
        /// A tile of a coarse level is of more chunks than anybody waits for.
        const MOST: usize = 64;
        let pyramid = self.stored.cube.pyramid();
        let side = 1_usize << self.level.0;
        let base = pyramid.chunks(Level(0));
        let step = self.newest();
        let missing = (step.cells.iter())
            .filter(|(index, cell)| cell.share != chunks_below(pyramid, self.level, *index));
        let below = missing.flat_map(|(index, _)| {
            let rows = index.row * side..((index.row + 1) * side).min(base.rows());
            let cols = index.col * side..((index.col + 1) * side).min(base.cols());
            rows.flat_map(move |row| cols.clone().map(move |col| ChunkIndex { row, col }))
        });
        (step.time, below.take(MOST).collect())
    }

    /// There is always one.
    pub(super) fn newest(&self) -> &Step {
        &self.steps[self.steps.len() - 1]
    }

    /// The committed state that the tile is of.
    #[must_use]
    pub fn revision(&self) -> String {
        self.stored.snapshot.revision().to_string()
    }

    /// The first day of the time step; of several the first days of the first and the last,
    /// with a slash.
    #[must_use]
    pub fn time(&self) -> String {
        let day = |step: &Step| self.stored.cube.times().days(step.time).start;
        let newest = day(self.newest());
        match &self.steps[..] {
            [first, _, ..] => format!("{}/{newest}", day(first)),
            _ => newest.to_string(),
        }
    }

    /// Where its pixels are.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The display ranges that were found among the values, if it was asked for them.
    #[must_use]
    pub fn ranges(&self) -> Option<&[[f64; 2]]> {
        self.ranges.as_deref()
    }

    /// Rows and columns of pixels.
    pub(super) fn shape(&self) -> Shape {
        self.grid.shape
    }

    /// Whether samples are more than resampled and, one pixel by itself, computed with.
    pub(super) fn is_processed(&self) -> bool {
        self.over_time.is_some() || self.algorithm.is_some()
    }

    /// Whether it is painted and encoded within a millisecond.
    pub(super) fn is_short(&self) -> bool {
        const SHORT: usize = 256 * 256;
        let Shape { rows, cols } = self.shape();
        let is_plain = matches!(self.mapping, Mapping::Separable(_));
        let is_quick = match self.output {
            Output::Picture { format, .. } => format.is_none_or(|f| f != ImageFormat::WebP),
            Output::Samples(format) => format != SampleFormat::GeoTiff,
        };
        rows * cols <= SHORT && is_plain && is_quick && self.cutout.is_none()
    }
}
