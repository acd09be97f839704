//! Samples, and what is computed from them: resampling onto another grid,
//! masks, composites, reductions. No I/O, no clock, no lock.

pub mod composite;
mod convolution;
pub mod cover;
pub mod expression;
pub mod mask;
pub mod over_time;
pub mod reduce;
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

/// How a value between samples is found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// The sample whose pixel holds the position. The only one for classes.
    #[default]
    Nearest,
    /// Linear between the four nearest pixel centres, over the valid ones.
    Bilinear,
    /// Catmull-Rom convolution of the 4 x 4 nearest pixel centres; bilinear
    /// where one of them is missing.
    Cubic,
    /// The mean of what a target pixel covers, by area.
    Average,
}

impl Resampling {
    /// The names that [`Resampling::named`] knows.
    pub const NAMES: [&str; 4] = ["nearest", "bilinear", "cubic", "average"];

    /// The method with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "nearest" => Some(Self::Nearest),
            "bilinear" => Some(Self::Bilinear),
            "cubic" => Some(Self::Cubic),
            "average" => Some(Self::Average),
            _ => None,
        }
    }
}
