//! Kernels that cover a target cell: average, mode, antialiased.
//!
//! The weight of a pixel is that of its column times that of its row, and each
//! of these depends on the distance to the position alone.

use std::ops::Range;

use super::{kernel::CellRatio, pixels::Pixels, point::MIN_VALID_WEIGHT};
use crate::raster::{
    Sample,
    areas::{AREA_TOLERANCE, SLIVER},
};

/// How weight falls with distance along an axis, in source pixels.
trait Profile: Copy {
    /// The distance from which on there is none.
    fn reach(self) -> f64;
    /// The weight of the pixel that begins at `pixel`.
    fn weight(self, pixel: f64, position: f64) -> f64;
}

/// The part of a pixel that lies in a cell.
#[derive(Clone, Copy)]
struct Overlap {
    half: f64,
}

impl Profile for Overlap {
    fn reach(self) -> f64 {
        self.half
    }

    #[inline]
    fn weight(self, pixel: f64, position: f64) -> f64 {
        let start = larger(pixel, position - self.half);
        let end = smaller(pixel + 1.0, position + self.half);
        larger(end - start, 0.0)
    }
}

/// Linear from 1 in the middle to 0 at `radius`.
#[derive(Clone, Copy)]
struct Triangle {
    radius: f64,
    slope: f64,
}

impl Triangle {
    fn new(radius: f64) -> Self {
        Self {
            radius,
            slope: 1.0 / radius,
        }
    }
}

impl Profile for Triangle {
    fn reach(self) -> f64 {
        self.radius
    }

    #[inline]
    fn weight(self, pixel: f64, position: f64) -> f64 {
        larger(1.0 - (pixel + 0.5 - position).abs() * self.slope, 0.0)
    }
}

/// The neighbourhood of a position along one axis.
#[derive(Clone, Copy)]
struct Span<P> {
    profile: P,
    position: f64,
    /// The first pixel that it touches, and the one after the last.
    start: i64,
    end: i64,
}

impl<P: Profile> Span<P> {
    /// `None` where the position is not finite.
    #[inline]
    fn new(profile: P, position: f64) -> Option<Self> {
        let reach = profile.reach();
        position.is_finite().then(|| Self {
            profile,
            position,
            start: floor(position - reach),
            end: floor(-(position + reach)).saturating_neg(),
        })
    }

    /// The weight of a pixel.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^52")]
    fn weight(self, pixel: i64) -> f64 {
        self.profile.weight(pixel as f64, self.position)
    }

    /// Those of its pixels that were read.
    #[inline]
    fn of(self, read: &Range<i64>) -> Option<Range<i64>> {
        let (start, end) = (self.start.max(read.start), self.end.min(read.end));
        (start < end).then_some(start..end)
    }

    fn len(self) -> i64 {
        self.end - self.start
    }

    /// The weight of all its pixels, read or not.
    fn total(self) -> f64 {
        (self.start..self.end).map(|pixel| self.weight(pixel)).sum()
    }
}

/// A whole number at or below `x`; inside of `i64` where `x` is far outside of
/// any image.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "saturates where there is nothing to read"
)]
fn floor(x: f64) -> i64 {
    // f64::floor is a call where the processor is not known to have it.
    let whole = x as i64;
    whole.saturating_sub(i64::from(whole as f64 > x))
}

// As f64::max and f64::min, but for what is not a number, which costs more than
// all the rest of a weight.
#[inline]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Memory for one value at a time, kept from one to the next.
pub(super) struct Scratch<T> {
    col_weights: Vec<f64>,
    areas: Vec<(T, f64)>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self {
            col_weights: Vec::new(),
            areas: Vec::new(),
        }
    }
}

/// A weighted sum over the valid pixels.
#[derive(Default)]
struct Sum {
    values: f64,
    weights: f64,
    /// How many pixels it is of.
    pixels: i64,
}

impl<T: Sample, V: Fn(T) -> bool> Pixels<'_, T, V> {
    /// The mean over a cell, weighted by area, of its valid pixels.
    #[inline]
    pub(super) fn average(
        &self,
        (col, row): (f64, f64),
        cell: CellRatio,
        scratch: &mut Scratch<T>,
    ) -> Option<T> {
        let cols = Span::new(Overlap { half: cell.x / 2.0 }, col)?;
        let rows = Span::new(Overlap { half: cell.y / 2.0 }, row)?;
        let sum = self.sum(cols, rows, scratch)?;
        (sum.weights > 0.0).then(|| T::from_f64(sum.values / sum.weights))
    }

    /// The triangle filter with a radius of a cell, as GDAL's bilinear has when
    /// it shrinks; over the valid pixels, if they have half of the weight.
    #[inline]
    pub(super) fn antialiased(
        &self,
        (col, row): (f64, f64),
        cell: CellRatio,
        scratch: &mut Scratch<T>,
    ) -> Option<T> {
        let cols = Span::new(Triangle::new(cell.x), col)?;
        let rows = Span::new(Triangle::new(cell.y), row)?;
        let sum = self.sum(cols, rows, scratch)?;
        let is_enough = || {
            sum.pixels == cols.len() * rows.len()
                || sum.weights >= MIN_VALID_WEIGHT * (cols.total() * rows.total())
        };
        (sum.weights > 0.0 && is_enough()).then(|| T::from_f64(sum.values / sum.weights))
    }

    /// The value with the largest area in a cell, the smallest of several.
    #[inline]
    pub(super) fn mode(
        &self,
        (col, row): (f64, f64),
        cell: CellRatio,
        Scratch { col_weights, areas }: &mut Scratch<T>,
    ) -> Option<T> {
        let cols = Span::new(Overlap { half: cell.x / 2.0 }, col)?;
        let rows = Span::new(Overlap { half: cell.y / 2.0 }, row)?;
        areas.clear();
        self.each_line(cols, rows, col_weights, |line, height, widths| {
            for (value, width) in std::iter::zip(line, widths) {
                let area = width * height;
                if area <= 0.0 || !(self.is_valid)(*value) {
                    continue;
                }
                match areas.iter_mut().find(|(known, _)| known == value) {
                    Some((_, sum)) => *sum += area,
                    None => areas.push((*value, area)),
                }
            }
        })?;
        let largest = areas.iter().map(|(_, area)| *area).fold(0.0, larger);
        areas
            .iter()
            .filter(|(_, area)| *area >= largest - AREA_TOLERANCE)
            .map(|(value, _)| *value)
            .min_by(|a, b| a.to_f64().total_cmp(&b.to_f64()))
    }

    /// What is told of the valid pixels in a cell, which come row by row, each
    /// with how much of it lies there.
    pub(super) fn told(
        &self,
        (col, row): (f64, f64),
        cell: CellRatio,
        Scratch { col_weights, areas }: &mut Scratch<T>,
        tell: impl Fn(&mut [(T, f64)]) -> Option<T>,
    ) -> Option<T> {
        let cols = Span::new(Overlap { half: cell.x / 2.0 }, col)?;
        let rows = Span::new(Overlap { half: cell.y / 2.0 }, row)?;
        areas.clear();
        self.each_line(cols, rows, col_weights, |line, height, widths| {
            if height <= SLIVER * cell.y {
                return;
            }
            let under = std::iter::zip(line, widths)
                .filter(|(value, width)| **width > SLIVER * cell.x && (self.is_valid)(**value));
            areas.extend(under.map(|(value, width)| (*value, width * height)));
        })?;
        tell(areas)
    }

    #[inline]
    fn sum<P: Profile>(
        &self,
        cols: Span<P>,
        rows: Span<P>,
        scratch: &mut Scratch<T>,
    ) -> Option<Sum> {
        let mut sum = Sum::default();
        let add = |line: &[T], row_weight: f64, col_weights: &[f64]| {
            let mut of_line = Sum::default();
            for (value, weight) in std::iter::zip(line, col_weights) {
                // Selected, not skipped: a branch costs more along clouds.
                let is_valid = (self.is_valid)(*value);
                let weight = if is_valid { *weight } else { 0.0 };
                let value = if is_valid { value.to_f64() } else { 0.0 };
                of_line.values += value * weight;
                of_line.weights += weight;
                of_line.pixels += i64::from(is_valid);
            }
            sum.values += of_line.values * row_weight;
            sum.weights += of_line.weights * row_weight;
            sum.pixels += of_line.pixels;
        };
        self.each_line(cols, rows, &mut scratch.col_weights, add)?;
        Some(sum)
    }

    /// Calls `visit` with the pixels of each row that were read, the row's
    /// weight and the columns' weights; `None` if there are none.
    #[inline]
    fn each_line<P: Profile>(
        &self,
        cols: Span<P>,
        rows: Span<P>,
        col_weights: &mut Vec<f64>,
        mut visit: impl FnMut(&[T], f64, &[f64]),
    ) -> Option<()> {
        let frame = &self.frame;
        let (part, lines) = (cols.of(&frame.read_cols)?, rows.of(&frame.read_rows)?);
        col_weights.clear();
        col_weights.extend(part.clone().map(|col| cols.weight(col)));
        let left = usize::try_from(part.start - frame.read_cols.start).ok()?;
        let top = usize::try_from(lines.start - frame.read_rows.start).ok()?;
        let mut start = top * frame.cols + left;
        for row in lines {
            let line = self.data.get(start..start + col_weights.len())?;
            visit(line, rows.weight(row), col_weights);
            start += frame.cols;
        }
        Some(())
    }
}
