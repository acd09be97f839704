//! Samples, and what is computed from them: resampling onto another grid,
//! masks, composites, reductions. No I/O, no clock, no lock.

mod areas;
pub mod composite;
mod convolution;
pub mod cover;
pub mod expression;
pub mod mask;
pub mod over_time;
pub mod reduce;
mod resampling;
pub mod sample;
pub mod scale;
pub mod separable;
pub mod statistics;
pub mod stream;
pub mod warp;

pub use composite::{Composite, Percentile, PercentileError, Reducer, Stack};
pub use cover::coverage;
pub use expression::{Expression, ExpressionError};
pub use mask::{MaskProfile, MaskRule};
pub use over_time::OverTime;
pub use resampling::Resampling;
pub use sample::Sample;
pub use scale::{scaled, shifted};
pub use separable::{AxisTable, Mosaic, Validity};
pub use statistics::{Bars, MOST_CATEGORIES, Statistics, Told};
pub use stream::{AreaMean, PartOfMean};
pub use warp::{CellRatio, Kernel, Patch, Positions, warp, warp_together};

use crate::grid::Shape;

/// Rows of samples of one band.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster<T> {
    /// Rows and columns.
    pub shape: Shape,
    /// Row by row from the north, `shape.rows * shape.cols` samples.
    pub data: Vec<T>,
}

impl<T: Copy> Raster<T> {
    /// A raster of one value.
    #[must_use]
    pub fn filled(shape: Shape, value: T) -> Self {
        Self {
            shape,
            data: vec![value; shape.rows * shape.cols],
        }
    }

    /// The samples of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[T] {
        &self.data[row * self.shape.cols..(row + 1) * self.shape.cols]
    }

    /// The samples of a row, to write to.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        let cols = self.shape.cols;
        &mut self.data[row * cols..(row + 1) * cols]
    }
}
