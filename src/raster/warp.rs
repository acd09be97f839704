//! Samples of one grid at the pixel centres of another.
//!
//! `nearest` equals GDAL's warper with an exact transformer (`tolerance=0`)
//! pixel for pixel, `bilinear` equals it with `XSCALE=1, YSCALE=1` besides
//! (GDAL otherwise widens the kernel when it shrinks); see
//! `tests/reference/zagreb.py`.

use super::{Raster, Resampling, Sample};
use crate::grid::{GeoTransform, Shape, Window};

/// Where each pixel centre of a target window is in a source's CRS, row by
/// row: `x[i]`, `y[i]`; not finite where the projection has no answer.
#[derive(Clone, Debug)]
pub struct Positions {
    /// Rows and columns of the target window.
    pub shape: Shape,
    /// World x in the source CRS.
    pub x: Vec<f64>,
    /// World y in the source CRS.
    pub y: Vec<f64>,
}

/// A part of an image that was read: the samples of `window`, and the place
/// and size of the whole image (or overview) that they belong to.
#[derive(Clone, Debug)]
pub struct Patch<T> {
    /// The samples of `window`.
    pub raster: Raster<T>,
    /// Which part of the image was read.
    pub window: Window,
    /// Pixel to world, of the whole image.
    pub transform: GeoTransform,
    /// Samples of this value count as missing.
    pub nodata: Option<T>,
}

/// A position this little below a pixel's edge counts as beyond it: GDAL's
/// nearest kernel adds the same before it rounds down.
const NEAREST_EPSILON: f64 = 1e-10;

/// A bilinear value needs at least this weight of valid neighbours, so that
/// data grows by at most half a pixel into nodata.
const MIN_VALID_WEIGHT: f64 = 0.5;

impl<T: Sample> Patch<T> {
    /// The sample at a column and row of the image, if it was read and is valid.
    fn get(&self, col: i64, row: i64) -> Option<T> {
        let c = usize::try_from(col).ok()?.checked_sub(self.window.col)?;
        let r = usize::try_from(row).ok()?.checked_sub(self.window.row)?;
        if c >= self.window.cols || r >= self.window.rows {
            return None;
        }
        let value = self.raster.data[r * self.window.cols + c];
        (Some(value) != self.nodata).then_some(value)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "float to integer saturates, and get() checks the range"
    )]
    fn nearest(&self, col: f64, row: f64) -> Option<T> {
        self.get(
            (col + NEAREST_EPSILON).floor() as i64,
            (row + NEAREST_EPSILON).floor() as i64,
        )
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "float to integer saturates, and get() checks the range"
    )]
    fn bilinear(&self, col: f64, row: f64) -> Option<T> {
        let (left, top) = ((col - 0.5).floor(), (row - 0.5).floor());
        let (right_weight, bottom_weight) = (col - 0.5 - left, row - 0.5 - top);
        let (c, r) = (left as i64, top as i64);
        let mut sum = 0.0;
        let mut weight = 0.0;
        for (dr, wr) in [(0, 1.0 - bottom_weight), (1, bottom_weight)] {
            for (dc, wc) in [(0, 1.0 - right_weight), (1, right_weight)] {
                if let Some(value) = self.get(c.saturating_add(dc), r.saturating_add(dr)) {
                    sum += value.to_f64() * wc * wr;
                    weight += wc * wr;
                }
            }
        }
        (weight >= MIN_VALID_WEIGHT).then(|| T::from_f64(sum / weight))
    }
}

/// Samples `source` at `positions`; `missing` where there is no valid sample.
#[must_use]
pub fn warp<T: Sample>(
    source: &Patch<T>,
    positions: &Positions,
    resampling: Resampling,
    missing: T,
) -> Raster<T> {
    let sample = |x: f64, y: f64| {
        let (col, row) = (source.transform.col(x), source.transform.row(y));
        if !(col.is_finite() && row.is_finite()) {
            return missing;
        }
        let value = match resampling {
            Resampling::Nearest => source.nearest(col, row),
            Resampling::Bilinear => source.bilinear(col, row),
        };
        value.unwrap_or(missing)
    };
    Raster {
        shape: positions.shape,
        data: std::iter::zip(&positions.x, &positions.y)
            .map(|(x, y)| sample(*x, *y))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 4 x 3 image of `10 * row + col + 1`, read whole, one unit a pixel.
    fn patch(nodata: Option<u16>) -> Patch<u16> {
        let shape = Shape { rows: 3, cols: 4 };
        Patch {
            raster: Raster {
                shape,
                data: (0..3)
                    .flat_map(|r| (0..4).map(move |c| 10 * r + c + 1))
                    .collect(),
            },
            window: shape.window(),
            transform: GeoTransform {
                origin_x: 0.0,
                origin_y: 0.0,
                cell_width: 1.0,
                cell_height: 1.0,
            },
            nodata,
        }
    }

    #[track_caller]
    fn check(patch: &Patch<u16>, resampling: Resampling, at: (f64, f64), expected: u16) {
        let positions = Positions {
            shape: Shape { rows: 1, cols: 1 },
            x: vec![at.0],
            y: vec![at.1],
        };
        assert_eq!(
            warp(patch, &positions, resampling, 0).data,
            [expected],
            "{at:?}"
        );
    }

    #[test]
    fn nearest_takes_the_pixel_that_holds_the_position() {
        let patch = patch(None);
        check(&patch, Resampling::Nearest, (0.0, 0.0), 1);
        check(&patch, Resampling::Nearest, (3.999, 2.999), 24);
        check(&patch, Resampling::Nearest, (1.0, 1.0), 12);
        check(&patch, Resampling::Nearest, (4.0, 0.5), 0);
        check(&patch, Resampling::Nearest, (-0.001, 0.5), 0);
        check(&patch, Resampling::Nearest, (f64::INFINITY, 0.5), 0);
    }

    #[test]
    fn bilinear_is_exact_at_centres_and_linear_between_them() {
        let patch = patch(None);
        check(&patch, Resampling::Bilinear, (1.5, 1.5), 12);
        check(&patch, Resampling::Bilinear, (1.5, 1.0), 7);
        check(&patch, Resampling::Bilinear, (2.0, 1.5), 13); // 12.5 rounds up
    }

    #[test]
    fn bilinear_averages_only_valid_neighbours_and_needs_half_of_the_weight() {
        let patch = patch(Some(12));
        check(&patch, Resampling::Bilinear, (1.5, 1.5), 0);
        check(&patch, Resampling::Bilinear, (1.9, 1.5), 0); // weight 0.4
        check(&patch, Resampling::Bilinear, (2.1, 1.5), 13); // weight 0.6
        check(&patch, Resampling::Bilinear, (4.2, 0.5), 0);
    }

    #[test]
    fn a_part_of_an_image_gives_what_the_whole_gives() {
        let whole = patch(None);
        let window = Window {
            row: 1,
            col: 1,
            rows: 2,
            cols: 2,
        };
        let part = Patch {
            raster: Raster {
                shape: Shape { rows: 2, cols: 2 },
                data: vec![12, 13, 22, 23],
            },
            window,
            ..whole.clone()
        };
        for at in [(2.0, 2.0), (1.6, 2.4), (2.4, 1.6)] {
            let positions = Positions {
                shape: Shape { rows: 1, cols: 1 },
                x: vec![at.0],
                y: vec![at.1],
            };
            assert_eq!(
                warp(&part, &positions, Resampling::Bilinear, 0),
                warp(&whole, &positions, Resampling::Bilinear, 0)
            );
        }
    }
}
