//! Which source pixels make the value at a position, by name.

use serde::{Deserialize, Serialize};

/// How the value at a position is made from the source pixels around it.
///
/// Missing samples are never mixed into a value: weights are those of the valid
/// ones. Interpolating kernels (bilinear, cubic, antialiased) need half of the
/// weight to be valid, average and mode any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernel {
    /// The pixel that holds the position.
    Nearest,
    /// Linear between the four nearest pixel centres.
    #[default]
    Bilinear,
    /// Catmull-Rom convolution of the 4 x 4 nearest pixels, cut to the sample
    /// type's range; bilinear where one of them is missing.
    Cubic,
    /// The mean over a cell, or a source pixel if that is larger, weighted by
    /// area. The cell lies along the source's rows and columns.
    Average,
    /// The value with the largest area in the same cell; the smallest of several.
    Mode,
    /// Bilinear, over as many more pixels as a cell is larger than a pixel, so
    /// that shrinking does not alias.
    Antialiased,
}

/// Source pixels that one target cell spans along each axis.
///
/// One number for a whole image, never one for a part of it or for a cell:
/// values then do not depend on how the target is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellRatio {
    /// Source columns a target column.
    pub x: f64,
    /// Source rows a target row.
    pub y: f64,
}

/// No overview pyramid leaves more source pixels to a cell. It bounds the work
/// that a mistaken ratio asks for.
const LARGEST_RATIO: f64 = 4096.0;

/// Callers may find pixel positions by another formula than the kernels do;
/// those differ by far less than this.
const POSITION_SLACK: f64 = 1e-6;

impl CellRatio {
    /// The ratio as kernels use it: a cell smaller than a source pixel, or of
    /// no known size, counts as a pixel.
    pub(super) fn at_least_a_pixel(self) -> Self {
        // max() turns what is not a number into 1, which clamp() would keep.
        let sides = [self.x, self.y].map(|side| side.max(1.0));
        let [x, y] = sides.map(|side| side.min(LARGEST_RATIO));
        Self { x, y }
    }

    /// The ratio for what is told of a cell as large as it is: one of no known
    /// size counts as a pixel.
    pub(super) fn bounded(self) -> Self {
        let [x, y] = [self.x, self.y].map(|side| {
            // A comparison with NaN is false.
            if side > 0.0 {
                side.min(LARGEST_RATIO)
            } else {
                1.0
            }
        });
        Self { x, y }
    }
}

impl Kernel {
    /// How far around a position, in source pixels, a value may depend on the
    /// source. For positions from column `a` to column `b` (and the same for
    /// rows), the columns to read are `floor(a - reach)..ceil(b + reach)`.
    #[must_use]
    pub fn reach(self, cell: CellRatio) -> f64 {
        let cell = cell.at_least_a_pixel();
        let side = cell.x.max(cell.y);
        let reach = match self {
            Self::Nearest => 0.0,
            Self::Bilinear => 1.0,
            Self::Cubic => 2.0,
            Self::Average | Self::Mode => side / 2.0,
            Self::Antialiased => side,
        };
        reach + POSITION_SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_name_in_small_letters() {
        let names = [
            "nearest",
            "bilinear",
            "cubic",
            "average",
            "mode",
            "antialiased",
        ];
        for (name, kernel) in std::iter::zip(names, super::super::tests::KERNELS) {
            let json = serde_json::json!(name);
            assert_eq!(serde_json::to_value(kernel).unwrap(), json);
            assert_eq!(serde_json::from_value::<Kernel>(json).unwrap(), kernel);
        }
        assert!(serde_json::from_value::<Kernel>(serde_json::json!("Nearest")).is_err());
    }

    #[test]
    fn a_ratio_without_sense_counts_as_one_pixel_or_as_very_many() {
        for x in [f64::NAN, -2.0, 0.0, 0.3] {
            assert_eq!(
                CellRatio { x, y: 1.0 }.at_least_a_pixel(),
                CellRatio { x: 1.0, y: 1.0 },
                "{x}"
            );
        }
        let endless = CellRatio {
            x: f64::INFINITY,
            y: 1.0,
        };
        assert!(Kernel::Average.reach(endless).is_finite());
    }
}
