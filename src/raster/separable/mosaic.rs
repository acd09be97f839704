//! Decoded chunks side by side, read as one raster without being copied
//! into one.

use std::ops::Range;

use super::Validity;
use crate::{
    grid::{ChunkIndex, Shape, Window},
    raster::{Raster, Sample},
};

/// A rectangle of equal chunks of one grid.
#[derive(Clone, Debug)]
pub struct Mosaic<'a, T> {
    /// The first row and column of the grid that it holds.
    origin: (usize, usize),
    chunk: Shape,
    count: Shape,
    chunks: Vec<Option<&'a [T]>>,
    /// A row of a chunk that is not there.
    absent: Vec<T>,
}

impl<'a, T: Copy> Mosaic<'a, T> {
    /// `count` rows and columns of chunks of shape `chunk` from chunk `first`
    /// on, row by row. Chunks at the grid's far edges are whole, as Zarr stores
    /// them. A chunk that is `None` holds `absent` everywhere, as does what is
    /// beyond the mosaic.
    ///
    /// # Panics
    /// If there are not as many chunks as counted, or one is not of that shape.
    #[must_use]
    pub fn new(
        chunk: Shape,
        first: ChunkIndex,
        count: Shape,
        chunks: Vec<Option<&'a [T]>>,
        absent: T,
    ) -> Self {
        assert_eq!(chunks.len(), count.rows * count.cols, "number of chunks");
        let samples = chunk.rows * chunk.cols;
        let is_whole = |chunk: &&[T]| chunk.len() == samples;
        assert!(chunks.iter().flatten().all(is_whole), "samples of a chunk");
        Self {
            origin: (first.row * chunk.rows, first.col * chunk.cols),
            chunk,
            count,
            chunks,
            absent: vec![absent; chunk.cols],
        }
    }

    /// A window of a grid, as a single chunk.
    ///
    /// # Panics
    /// If there are not as many samples as the window has pixels.
    #[must_use]
    pub fn of_window(samples: &'a [T], window: Window, absent: T) -> Self {
        assert_eq!(samples.len(), window.len(), "samples of the window");
        Self {
            origin: (window.row, window.col),
            chunk: Shape {
                rows: window.rows,
                cols: window.cols,
            },
            count: Shape { rows: 1, cols: 1 },
            chunks: vec![Some(samples)],
            absent: vec![absent; window.cols],
        }
    }

    /// A window of a grid, as a single chunk.
    #[must_use]
    pub fn of_raster(raster: &'a Raster<T>, window: Window, absent: T) -> Self {
        Self::of_window(&raster.data, window, absent)
    }

    /// The samples of a row of the grid in a column of chunks.
    #[inline]
    fn line(&self, row: usize, chunk_col: usize) -> &[T] {
        self.stored_line(row, chunk_col).unwrap_or(&self.absent)
    }

    #[inline]
    fn stored_line(&self, row: usize, chunk_col: usize) -> Option<&'a [T]> {
        let row = row.checked_sub(self.origin.0)?;
        let chunk_row = row / self.chunk.rows;
        if chunk_row >= self.count.rows || chunk_col >= self.count.cols {
            return None;
        }
        let chunk = self.chunks[chunk_row * self.count.cols + chunk_col]?;
        let start = row % self.chunk.rows * self.chunk.cols;
        Some(&chunk[start..start + self.chunk.cols])
    }

    /// The parts of a row that are in chunks that are there, with the column
    /// where each starts, as far as they are within `cols`.
    pub fn stored_parts(
        &self,
        row: usize,
        cols: &Range<usize>,
    ) -> impl Iterator<Item = (usize, &'a [T])> {
        self.parts(cols, move |chunk_col| self.stored_line(row, chunk_col))
    }

    /// [`Mosaic::stored_parts`], and those in chunks that are not there if what
    /// these hold is valid.
    pub(super) fn parts_that_count(
        &self,
        row: usize,
        cols: &Range<usize>,
        validity: &Validity<T>,
    ) -> impl Iterator<Item = (usize, &[T])>
    where
        T: Sample,
    {
        let counts = self
            .absent
            .first()
            .is_some_and(|absent| validity.is_valid(*absent));
        let absent = counts.then_some(&self.absent[..]);
        self.parts(cols, move |chunk_col| {
            self.stored_line(row, chunk_col).or(absent)
        })
    }

    /// The parts of a row of the chunks that `line` has.
    fn parts<'b>(
        &self,
        cols: &Range<usize>,
        line: impl Fn(usize) -> Option<&'b [T]>,
    ) -> impl Iterator<Item = (usize, &'b [T])>
    where
        T: 'b,
    {
        (0..self.count.cols).filter_map(move |chunk_col| {
            let first = self.origin.1 + chunk_col * self.chunk.cols;
            let start = first.max(cols.start);
            let end = (first + self.chunk.cols).min(cols.end);
            (start < end)
                .then(|| line(chunk_col))
                .flatten()
                .map(|line| (start, &line[start - first..end - first]))
        })
    }

    /// The sample of a pixel of the grid.
    pub(super) fn at(&self, row: usize, col: usize) -> T {
        let col = col.checked_sub(self.origin.1);
        let place = col.map(|col| (col / self.chunk.cols, col % self.chunk.cols));
        let (chunk_col, local) = place.unwrap_or((usize::MAX, 0));
        self.line(row, chunk_col)[local]
    }

    /// The columns that it holds.
    pub(super) fn cols(&self) -> Range<usize> {
        self.origin.1..self.origin.1 + self.count.cols * self.chunk.cols
    }

    /// The rows that it holds.
    pub(super) fn rows(&self) -> Range<usize> {
        self.origin.0..self.origin.0 + self.count.rows * self.chunk.rows
    }

    /// How to take one sample for each target column from any row.
    pub(super) fn pick<E>(&self, entries: &[Option<E>], col: impl Fn(&E) -> usize) -> Pick {
        let mut pick = Pick {
            local: vec![0; entries.len()],
            segments: Vec::new(),
        };
        for (n, entry) in entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let (chunk, local) = match col(entry).checked_sub(self.origin.1) {
                Some(col) => (col / self.chunk.cols, col % self.chunk.cols),
                None => (usize::MAX, 0),
            };
            pick.local[n] = local;
            match pick.segments.last_mut() {
                Some(last) if last.chunk == chunk && last.targets.end == n => {
                    last.is_contiguous &= pick.local[n - 1] + 1 == local;
                    last.targets.end = n + 1;
                }
                _ => pick.segments.push(Segment {
                    targets: n..n + 1,
                    chunk,
                    is_contiguous: true,
                }),
            }
        }
        pick
    }
}

/// One source column for each target column, cut at chunk borders.
#[derive(Debug)]
pub(super) struct Pick {
    /// Columns counted from the chunk's first.
    local: Vec<usize>,
    segments: Vec<Segment>,
}

/// Target columns whose source is in one chunk.
#[derive(Debug)]
struct Segment {
    targets: Range<usize>,
    chunk: usize,
    is_contiguous: bool,
}

impl Pick {
    /// Takes the samples of a row; leaves targets outside of the source.
    pub(super) fn take<T: Copy>(&self, mosaic: &Mosaic<'_, T>, row: usize, out: &mut [T]) {
        for segment in &self.segments {
            let line = mosaic.line(row, segment.chunk);
            let out = &mut out[segment.targets.clone()];
            let local = &self.local[segment.targets.clone()];
            if segment.is_contiguous {
                out.copy_from_slice(&line[local[0]..local[0] + local.len()]);
            } else {
                for (out, local) in std::iter::zip(out, local) {
                    *out = line[*local];
                }
            }
        }
    }
}
