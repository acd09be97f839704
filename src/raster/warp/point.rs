//! Kernels of a fixed number of source pixels: nearest, bilinear, cubic.
//!
//! Each has a fast path for positions whose pixels were all read and are all
//! valid, and one for the others. They are GDAL's (`gdalwarpkernel.cpp`:
//! `GWKBilinearResampleNoMasks4SampleT` and `GWKBilinearResample4Sample`,
//! `GWKCubicResample4Sample`). Which of them a position takes does not depend
//! on how much was read around it, but where a pixel has a weight of 0, and
//! there both give the same.

use super::pixels::{Frame, Pixels, offset};
use crate::raster::{
    Sample,
    convolution::{catmull_rom, dot},
};

/// A position this little below a pixel's edge counts as beyond it: GDAL's
/// nearest kernel adds the same before it rounds down.
const NEAREST_EPSILON: f64 = 1e-10;

/// An interpolated value needs at least this share of its weight from valid
/// pixels, so that data grows by at most half a pixel into nodata.
pub(super) const MIN_VALID_WEIGHT: f64 = 0.5;

/// The four pixels around a position, which were all read, and how far it is
/// from the first. The same for all images that were read alike.
#[derive(Clone, Copy)]
pub(super) struct Square {
    /// The upper left one.
    first: usize,
    /// Weight of the right ones, and of the lower ones.
    across: f64,
    down: f64,
}

impl Frame {
    /// Which pixel is nearest to a position, if it was read.
    #[inline]
    pub(super) fn nearest(&self, col: f64, row: f64) -> Option<usize> {
        self.pixel(col + NEAREST_EPSILON, row + NEAREST_EPSILON)
    }

    /// The pixel centres around a position, if all four were read.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "pixel counts are below 2^32")]
    pub(super) fn square(&self, col: f64, row: f64) -> Option<Square> {
        let (col, row) = (col - self.first_centre.col, row - self.first_centre.row);
        let left = offset(col, self.last.col)?;
        let top = offset(row, self.last.row)?;
        Some(Square {
            first: top * self.cols + left,
            across: col - left as f64,
            down: row - top as f64,
        })
    }
}

impl<T: Sample, V: Fn(T) -> bool> Pixels<'_, T, V> {
    /// Linear between the four pixel centres around a position, over those that
    /// are valid.
    #[inline]
    pub(super) fn bilinear(&self, col: f64, row: f64) -> Option<T> {
        self.frame
            .square(col, row)
            .and_then(|square| self.bilinear_inside(square))
            .or_else(|| self.bilinear_at_an_edge(col, row))
    }

    /// [`Pixels::bilinear`] if all four pixels are valid.
    #[inline]
    pub(super) fn bilinear_inside(&self, square: Square) -> Option<T> {
        let upper: [T; 2] = *self.data.get(square.first..)?.first_chunk()?;
        let lower: [T; 2] = *self
            .data
            .get(square.first + self.frame.cols..)?
            .first_chunk()?;
        if !self.are_valid([upper[0], upper[1], lower[0], lower[1]]) {
            return None;
        }
        // Not by `map` of arrays, which is at times a call and not a loop.
        let mix = |line: [T; 2]| {
            line[0].to_f64() * (1.0 - square.across) + line[1].to_f64() * square.across
        };
        let (upper, lower) = (mix(upper), mix(lower));
        Some(T::from_f64(
            upper * (1.0 - square.down) + lower * square.down,
        ))
    }

    /// [`Pixels::bilinear`] where a pixel was not read or is not valid.
    #[cold]
    pub(super) fn bilinear_at_an_edge(&self, col: f64, row: f64) -> Option<T> {
        let is_within = |at: f64, first: f64, len: f64| first <= at && at <= first + len;
        let Frame { first, len, .. } = &self.frame;
        if !is_within(col, first.col, len.col) || !is_within(row, first.row, len.row) {
            // Less than half of the weight is on what was read.
            return None;
        }
        let (left, top) = ((col - 0.5).floor(), (row - 0.5).floor());
        let (right_weight, bottom_weight) = (col - 0.5 - left, row - 0.5 - top);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (row, row_weight) in [(top, 1.0 - bottom_weight), (top + 1.0, bottom_weight)] {
            for (col, col_weight) in [(left, 1.0 - right_weight), (left + 1.0, right_weight)] {
                if let Some(value) = self.at(col, row) {
                    sum += value.to_f64() * (col_weight * row_weight);
                    weight += col_weight * row_weight;
                }
            }
        }
        (weight >= MIN_VALID_WEIGHT).then(|| T::from_f64(sum / weight))
    }

    /// Catmull-Rom convolution (Keys 1981, a = -1/2) of the 4 x 4 pixels around
    /// a position. Bilinear where one of them was not read or is not valid, as
    /// in GDAL, and where an overshoot would give `hole`, which means no data.
    #[inline]
    pub(super) fn cubic(&self, col: f64, row: f64, hole: T) -> Option<T> {
        self.cubic_inside(col, row)
            .filter(|value| *value != hole)
            .or_else(|| self.bilinear(col, row))
    }

    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "pixel counts are below 2^32")]
    fn cubic_inside(&self, col: f64, row: f64) -> Option<T> {
        // Counted from the second of the pixels that were read.
        let Frame {
            cols,
            first_centre,
            last,
            ..
        } = self.frame;
        let col = col - (first_centre.col + 1.0);
        let row = row - (first_centre.row + 1.0);
        let left = offset(col, last.col - 2.0)?;
        let top = offset(row, last.row - 2.0)?;
        let across = catmull_rom(col - left as f64);
        let mut lines = [0.0; 4];
        for (line, n) in std::iter::zip(&mut lines, top..) {
            let taps: [T; 4] = *self.data.get(n * cols + left..)?.first_chunk()?;
            if !self.are_valid(taps) {
                return None;
            }
            *line = dot(taps.map(T::to_f64), across);
        }
        Some(T::from_f64(dot(lines, catmull_rom(row - top as f64))))
    }

    /// Whether all are valid, without a branch for each.
    #[inline]
    fn are_valid(&self, taps: [T; 4]) -> bool {
        taps.into_iter()
            .fold(true, |all, tap| all & (self.is_valid)(tap))
    }
}
