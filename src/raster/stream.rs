//! Means of a source that is never in memory at once: chunks come in any
//! order, on any thread, and each is dropped when it has been summed.
//!
//! A chunk's sums depend on the chunk alone, and [`AreaMean::combine`] adds
//! those of all chunks in the order of their places. So the order in which they
//! came changes no bit, for floats either, and there is no lock. What is kept of
//! a chunk is two numbers for each target pixel that it touches, which is all
//! together little more than the target: a pixel has as many parts as there are
//! chunks under it.

use std::ops::Range;

use super::{
    AxisTable, Mosaic, Raster, Resampling, Sample, Validity, areas::Mean, separable::Sums,
};
use crate::grid::{ChunkIndex, Shape, Window};

/// A mean over the cells that each target pixel covers, of chunks one by one.
#[derive(Clone, Debug)]
pub struct AreaMean<T> {
    rows: AxisTable,
    cols: AxisTable,
    chunk: Shape,
    depth: Option<u32>,
    validity: Validity<T>,
}

/// What one chunk adds to a mean.
#[derive(Clone, Debug)]
pub struct PartOfMean {
    place: ChunkIndex,
    sums: Sums,
}

impl<T: Sample> AreaMean<T> {
    /// A mean by tables that have edges ([`AxisTable::with_edges`]), over a
    /// source in chunks of one shape.
    #[must_use]
    pub fn new(rows: AxisTable, cols: AxisTable, chunk: Shape, validity: Validity<T>) -> Self {
        Self {
            rows,
            cols,
            chunk,
            depth: None,
            validity,
        }
    }

    /// Takes at most `depth` times `depth` cells for a target pixel, evenly
    /// spaced and alike in weight, where it covers more: enough for display,
    /// not for numbers. Which those are does not depend on the chunks.
    #[must_use]
    pub fn at_most(mut self, depth: u32) -> Self {
        self.depth = Some(depth.max(1));
        self
    }

    /// The chunks that hold something of the mean; others need not be read.
    #[must_use]
    pub fn chunks(&self) -> Vec<ChunkIndex> {
        let along =
            |table: &AxisTable, side| table.chunks_at_depth(Resampling::Average, self.depth, side);
        let cols = along(&self.cols, self.chunk.cols);
        let rows = along(&self.rows, self.chunk.rows);
        (rows.into_iter())
            .flat_map(|row| cols.iter().map(move |col| ChunkIndex { row, col: *col }))
            .collect()
    }

    /// Sums a chunk, whole even where it reaches beyond the source.
    ///
    /// # Panics
    /// If it does not have as many samples as its shape.
    #[must_use]
    pub fn part(&self, place: ChunkIndex, samples: &[T]) -> PartOfMean {
        let Shape { rows, cols } = self.chunk;
        let window = Window {
            row: place.row * rows,
            col: place.col * cols,
            rows,
            cols,
        };
        let sums = if self.depth.is_some() {
            self.picked(window, samples)
        } else {
            let mosaic = Mosaic::of_window(samples, window, self.validity.fill());
            Sums::of(&mosaic, &self.rows, &self.cols, Mean, &self.validity)
        };
        PartOfMean { place, sums }
    }

    /// Sums of single cells.
    fn picked(&self, window: Window, samples: &[T]) -> Sums {
        assert_eq!(samples.len(), window.len(), "samples of the chunk");
        let picks = |table: &AxisTable, held: Range<usize>| -> (Range<usize>, Vec<Pick>) {
            let targets = table.touching(&held).unwrap_or(0..0);
            let spans = table.spans[targets.clone()].iter().enumerate();
            let picks = spans
                .flat_map(|(n, span)| span.iter().map(move |span| (n, *span)))
                .flat_map(|(target, span)| {
                    let cells = table.cells(span, self.depth);
                    cells.map(move |(cell, weight)| (target, cell, weight))
                })
                .filter(|(_, cell, _)| held.contains(cell))
                .map(|(target, cell, weight)| Pick {
                    target,
                    cell: cell - held.start,
                    weight,
                })
                .collect();
            (targets, picks)
        };
        let (rows, row_picks) = picks(&self.rows, window.row..window.row_end());
        let (cols, col_picks) = picks(&self.cols, window.col..window.col_end());
        let mut cells = vec![[0.0; 2]; rows.len() * cols.len()];
        for row in &row_picks {
            let line = &samples[row.cell * window.cols..(row.cell + 1) * window.cols];
            let out = &mut cells[row.target * cols.len()..(row.target + 1) * cols.len()];
            for col in &col_picks {
                let sample = line[col.cell];
                if self.validity.is_valid(sample) {
                    let weight = row.weight * col.weight;
                    out[col.target][0] += sample.to_f64() * weight;
                    out[col.target][1] += weight;
                }
            }
        }
        Sums { rows, cols, cells }
    }

    /// The means, from the sums of the chunks in any order; chunks without data
    /// may be left out.
    #[must_use]
    pub fn combine(&self, mut parts: Vec<PartOfMean>) -> Raster<T> {
        parts.sort_by_key(|part| part.place);
        let shape = Shape {
            rows: self.rows.len(),
            cols: self.cols.len(),
        };
        let mut all = Sums {
            rows: 0..shape.rows,
            cols: 0..shape.cols,
            cells: vec![[0.0; 2]; shape.rows * shape.cols],
        };
        for part in &parts {
            all.add(&part.sums);
        }
        let mut out = Raster::filled(shape, self.validity.fill());
        all.write(Mean, &mut out);
        out
    }
}

/// A source cell of a chunk for a target pixel, along one axis.
struct Pick {
    target: usize,
    cell: usize,
    weight: f64,
}
