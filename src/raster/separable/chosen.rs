//! One of the source pixels that each target pixel covers: the largest, the
//! median and so on, for which all of them have to be at hand.

use super::{AxisTable, Mosaic, Validity};
use crate::raster::{Raster, Sample, areas::Choice};

/// The choice among the valid samples that each target pixel covers. They come
/// row by row, however the source is cut into chunks. The cells under a row of
/// target pixels are in memory once more, and those under a pixel with areas.
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
