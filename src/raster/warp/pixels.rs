//! The pixels of a patch, as kernels see them.

use std::ops::Range;

use super::Patch;
use crate::grid::Window;
use crate::raster::Sample;

/// A column and a row, which may be between pixels.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) col: f64,
    pub(super) row: f64,
}

/// Where the pixels that were read are in the whole image. Positions are those
/// in the whole image, so that a value does not depend on what was read. Their
/// distance to a pixel that was read is exact: it has no more digits.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) cols: usize,
    /// The first pixel that was read, and its centre.
    pub(super) first: Place,
    pub(super) first_centre: Place,
    /// The last one, counted from the first, and how many there are.
    pub(super) last: Place,
    pub(super) len: Place,
    /// The columns and rows that were read, in the whole image.
    pub(super) read_cols: Range<i64>,
    pub(super) read_rows: Range<i64>,
}

impl Frame {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_wrap,
        reason = "pixel counts are below 2^32"
    )]
    pub(super) fn new(window: Window) -> Self {
        let (col, row) = (window.col as f64, window.row as f64);
        let (cols, rows) = (window.cols as f64, window.rows as f64);
        let place = |col, row| Place { col, row };
        Self {
            cols: window.cols,
            first: place(col, row),
            first_centre: place(col + 0.5, row + 0.5),
            last: place(cols - 1.0, rows - 1.0),
            len: place(cols, rows),
            read_cols: window.col as i64..window.col_end() as i64,
            read_rows: window.row as i64..window.row_end() as i64,
        }
    }

    /// Which of the pixels that were read a position is in.
    #[inline]
    pub(super) fn pixel(&self, col: f64, row: f64) -> Option<usize> {
        let col = offset(col - self.first.col, self.len.col)?;
        let row = offset(row - self.first.row, self.len.row)?;
        Some(row * self.cols + col)
    }
}

/// The pixels that were read, and which of them count.
pub(super) struct Pixels<'a, T, V> {
    pub(super) data: &'a [T],
    pub(super) frame: Frame,
    pub(super) is_valid: V,
}

impl<'a, T: Sample, V: Fn(T) -> bool> Pixels<'a, T, V> {
    pub(super) fn new(patch: &'a Patch<T>, is_valid: V) -> Self {
        Self {
            data: &patch.raster.data,
            frame: Frame::new(patch.window),
            is_valid,
        }
    }

    /// A pixel that was read, if it is valid.
    #[inline]
    pub(super) fn valid(&self, pixel: usize) -> Option<T> {
        let value = *self.data.get(pixel)?;
        (self.is_valid)(value).then_some(value)
    }

    /// The pixel that a position is in, if it was read and is valid.
    #[inline]
    pub(super) fn at(&self, col: f64, row: f64) -> Option<T> {
        self.valid(self.frame.pixel(col, row)?)
    }
}

/// The whole number below a position that is in `0..end`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pixel count is below 2^32, and a position below 0 has none"
)]
pub(super) fn offset(position: f64, end: f64) -> Option<usize> {
    // A comparison with NaN is false.
    (position >= 0.0 && position < end).then_some(position as u32 as usize)
}
