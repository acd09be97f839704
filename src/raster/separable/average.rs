//! Means, and other numbers that follow from sums, over the source pixels that
//! target pixels cover.
//!
//! Source rows are first summed into one row of column sums, in rising order,
//! and those then into target pixels: the long loop runs along rows, and how
//! the source is cut into chunks changes no bit.

use std::ops::Range;

use super::{AxisTable, Mosaic, Validity};
use crate::raster::{Raster, Sample, areas::Total};

/// Weighted sums over a rectangle of target pixels.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
    /// Sum and weight of each pixel, row by row.
    pub(crate) cells: Vec<[f64; 2]>,
}

impl Sums {
    /// Of the target pixels that cover anything of a mosaic: all that it adds
    /// to their sums.
    pub(in crate::raster) fn of<T: Sample>(
        mosaic: &Mosaic<'_, T>,
        rows: &AxisTable,
        cols: &AxisTable,
        total: impl Total,
        validity: &Validity<T>,
    ) -> Self {
        let mut sums = Self {
            rows: 0..0,
            cols: 0..0,
            cells: Vec::new(),
        };
        let held_rows = mosaic.rows();
        let (Some(target_rows), Some(target_cols)) =
            (rows.touching(&held_rows), cols.touching(&mosaic.cols()))
        else {
            return sums;
        };
        // What is covered does not change from row to row.
        let covered: Vec<Vec<(usize, f64)>> = (cols.spans[target_cols.clone()].iter())
            .map(|span| {
                (span.iter())
                    .flat_map(|span| cols.cells(*span, None))
                    .filter(|(col, _)| mosaic.cols().contains(col))
                    .collect()
            })
            .collect();
        let read = || covered.iter().flatten().map(|(col, _)| *col);
        let held_cols = read().min().unwrap_or(0)..read().max().map_or(0, |last| last + 1);
        let mut line = ColumnSums::new(held_cols.clone());
        for span in &rows.spans[target_rows.clone()] {
            line.clear();
            for (row, weight) in span.iter().flat_map(|span| rows.cells(*span, None)) {
                if held_rows.contains(&row) {
                    let parts = mosaic.parts_that_count(row, &held_cols, validity);
                    for (start, samples) in parts {
                        line.add(start, samples, weight, total, validity);
                    }
                }
            }
            sums.cells
                .extend(covered.iter().map(|cells| line.total(cells)));
        }
        sums.rows = target_rows;
        sums.cols = target_cols;
        sums
    }

    /// Adds those of a part.
    pub(crate) fn add(&mut self, part: &Self) {
        let width = self.cols.len();
        for (n, row) in part.rows.clone().enumerate() {
            let start = (row - self.rows.start) * width + part.cols.start - self.cols.start;
            let from = &part.cells[n * part.cols.len()..(n + 1) * part.cols.len()];
            for (sum, more) in std::iter::zip(&mut self.cells[start..], from) {
                sum[0] += more[0];
                sum[1] += more[1];
            }
        }
    }

    /// Writes what follows from them where anything valid was covered.
    pub(in crate::raster) fn write<T: Sample>(&self, total: impl Total, out: &mut Raster<T>) {
        for (n, row) in self.rows.clone().enumerate() {
            let from = &self.cells[n * self.cols.len()..(n + 1) * self.cols.len()];
            let out = &mut out.row_mut(row)[self.cols.clone()];
            for (pixel, [sum, weight]) in std::iter::zip(out, from) {
                if *weight > 0.0 {
                    *pixel = T::from_f64(total.of(*sum, *weight));
                }
            }
        }
    }
}

/// Sums down the columns of some source rows.
struct ColumnSums {
    first: usize,
    sum: Vec<f64>,
    weight: Vec<f64>,
}

impl ColumnSums {
    fn new(cols: Range<usize>) -> Self {
        Self {
            first: cols.start,
            sum: vec![0.0; cols.len()],
            weight: vec![0.0; cols.len()],
        }
    }

    fn clear(&mut self) {
        self.sum.fill(0.0);
        self.weight.fill(0.0);
    }

    #[inline]
    fn add<T: Sample>(
        &mut self,
        start: usize,
        samples: &[T],
        weight: f64,
        total: impl Total,
        validity: &Validity<T>,
    ) {
        let start = start - self.first;
        let sums = &mut self.sum[start..start + samples.len()];
        let weights = &mut self.weight[start..start + samples.len()];
        for ((sum, all), sample) in sums.iter_mut().zip(weights).zip(samples) {
            let is_valid = validity.is_valid(*sample);
            *sum += if is_valid {
                total.term(sample.to_f64()) * weight
            } else {
                0.0
            };
            *all += if is_valid { weight } else { 0.0 };
        }
    }

    fn total(&self, cells: &[(usize, f64)]) -> [f64; 2] {
        cells.iter().fold([0.0; 2], |[sum, total], (col, weight)| {
            [
                sum + self.sum[*col - self.first] * weight,
                total + self.weight[*col - self.first] * weight,
            ]
        })
    }
}

/// A number of the valid samples that each target pixel covers, by area.
pub(super) fn totals<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &AxisTable,
    cols: &AxisTable,
    total: impl Total,
    validity: &Validity<T>,
    out: &mut Raster<T>,
) {
    Sums::of(mosaic, rows, cols, total, validity).write(total, out);
}
