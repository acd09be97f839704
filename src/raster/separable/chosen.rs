//! One of the source pixels that each target pixel covers: the largest, the
//! median and so on, for which all of them have to be at hand.

use super::{AxisTable, Mosaic, Validity};
use crate::raster::{Raster, Resampling, Sample, areas::Choice};

/// Bytes of a cell that is at hand: its sample, and once more with its area.
const CELL: u64 = 3 * size_of::<f64>() as u64;

/// Bytes that resampling takes at most beside source and target where a row of
/// target pixels covers `high` times `wide` cells, of which those count twice
/// that two pixels share. Only a statistic needs all of them at hand.
#[must_use]
pub fn bytes_at_hand(resampling: Resampling, high: usize, wide: usize) -> u64 {
    if resampling.may_be_a_mean() {
        return 0;
    }
    let cells = (high as u64).saturating_mul(wide as u64);
    cells.saturating_mul(CELL)
}

/// The choice among the valid samples that each target pixel covers. They come
/// row by row, however the source is cut into chunks.
pub(super) fn chosen<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &AxisTable,
    cols: &AxisTable,
    choice: Choice,
    validity: &Validity<T>,
    out: &mut Raster<T>,
) {
    // The columns under one pixel after the other, the same for all rows.
    let mut columns = Vec::new();
    let ends: Vec<usize> = (0..cols.len())
        .map(|pixel| {
            columns.extend(cols.covered(pixel).map(Some));
            columns.len()
        })
        .collect();
    let pick = mosaic.pick(&columns, |(col, _)| *col);
    let widths: Vec<f64> = columns.iter().flatten().map(|(_, width)| *width).collect();
    let mut lines: Vec<Vec<T>> = Vec::new();
    let mut samples: Vec<(T, f64)> = Vec::new();
    for r in 0..rows.len() {
        let covered: Vec<(usize, f64)> = rows.covered(r).collect();
        if lines.len() < covered.len() {
            lines.resize(covered.len(), vec![validity.fill(); widths.len()]);
        }
        for (line, (row, _)) in std::iter::zip(&mut lines, &covered) {
            pick.take(mosaic, *row, line);
        }
        let mut start = 0;
        for (pixel, end) in std::iter::zip(out.row_mut(r), &ends) {
            samples.clear();
            for (line, (_, height)) in std::iter::zip(&lines, &covered) {
                let under = std::iter::zip(&line[start..*end], &widths[start..*end]);
                let valid = under.filter(|(sample, _)| validity.is_valid(**sample));
                samples.extend(valid.map(|(sample, width)| (*sample, width * height)));
            }
            if let Some(sample) = choice.of(&mut samples) {
                *pixel = sample;
            }
            start = *end;
        }
    }
}
