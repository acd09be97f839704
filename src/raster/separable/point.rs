//! Kernels of a fixed number of source pixels.

use super::{Mosaic, Validity, lines::Lines, mosaic::Pick, table::AxisEntry};
use crate::raster::{
    Raster, Sample,
    convolution::{catmull_rom, dot},
};

/// The sample that holds each target centre, as it is stored.
pub(super) fn nearest<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &[Option<AxisEntry>],
    cols: &[Option<AxisEntry>],
    out: &mut Raster<T>,
) {
    let pick = mosaic.pick(cols, |col| col.nearest);
    let width = cols.len();
    let mut above = None;
    for (r, row) in rows.iter().enumerate() {
        let row = row.map(|row| row.nearest);
        if row.is_some() && row == above {
            out.data.copy_within((r - 1) * width..r * width, r * width);
        } else if let Some(row) = row {
            pick.take(mosaic, row, out.row_mut(r));
        }
        above = row;
    }
}

/// Linear between the four centres around each target centre.
pub(super) fn bilinear<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &[Option<AxisEntry>],
    cols: &[Option<AxisEntry>],
    validity: &Validity<T>,
    out: &mut Raster<T>,
) {
    let fill = validity.fill();
    let picks = [
        mosaic.pick(cols, |col| col.low),
        mosaic.pick(cols, |col| col.high),
    ];
    let rights: Vec<Option<f64>> = (cols.iter()).map(|col| col.map(|col| col.weight)).collect();
    // A copy is kept in registers.
    let validity = *validity;
    let mut lines = Lines::new(|| Line::<T, 2>::new(cols.len(), fill));
    for (r, row) in rows.iter().enumerate() {
        let Some(row) = row else { continue };
        let [top, bottom] = lines.hold([row.low, row.high], |row, line| {
            line.take(mosaic, &picks, row);
        });
        let upper = std::iter::zip(&top.taps[0], &top.taps[1]);
        let lower = std::iter::zip(&bottom.taps[0], &bottom.taps[1]);
        let corners = std::iter::zip(upper, lower);
        let places = std::iter::zip(out.row_mut(r), &rights);
        for ((pixel, right), ((a, b), (c, d))) in std::iter::zip(places, corners) {
            if let Some(right) = right {
                *pixel = linear([*a, *b, *c, *d], *right, row.weight, &validity);
            }
        }
    }
}

/// Catmull-Rom (Keys 1981, a = -1/2) over the 4 x 4 centres around each target
/// centre; bilinear where one of them is missing, as in GDAL
/// (`GWKCubicResample4Sample`), and where an overshoot would not be valid.
pub(super) fn cubic<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &[Option<AxisEntry>],
    cols: &[Option<AxisEntry>],
    validity: &Validity<T>,
    out: &mut Raster<T>,
) {
    let fill = validity.fill();
    let picks = [
        mosaic.pick(cols, |col| col.before),
        mosaic.pick(cols, |col| col.low),
        mosaic.pick(cols, |col| col.high),
        mosaic.pick(cols, |col| col.after),
    ];
    let weights: Vec<Option<[f64; 4]>> = (cols.iter())
        .map(|col| {
            col.filter(|col| col.has_four)
                .map(|col| catmull_rom(col.weight))
        })
        .collect();
    let mut lines = Lines::new(|| Line::<T, 4>::new(cols.len(), fill));
    for (r, row) in rows.iter().enumerate() {
        let Some(row) = row else { continue };
        let around = [row.before, row.low, row.high, row.after];
        let [first, upper, lower, last] = lines.hold(around, |row, line| {
            line.take(mosaic, &picks, row);
            line.convolve(&weights, validity);
        });
        let down = catmull_rom(row.weight);
        for (n, (pixel, col)) in std::iter::zip(out.row_mut(r), cols).enumerate() {
            let Some(col) = col else { continue };
            let lines = [first, upper, lower, last].map(|line| line.across[n]);
            let sum = dot(lines, down);
            let value = T::from_f64(sum);
            *pixel = if row.has_four && !sum.is_nan() && validity.is_valid(value) {
                value
            } else {
                let corners = [
                    upper.taps[1][n],
                    upper.taps[2][n],
                    lower.taps[1][n],
                    lower.taps[2][n],
                ];
                linear(corners, col.weight, row.weight, validity)
            };
        }
    }
}

/// [`nearest`] at one position.
pub(super) fn nearest_at<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    row: &AxisEntry,
    col: &AxisEntry,
    _validity: &Validity<T>,
) -> T {
    mosaic.at(row.nearest, col.nearest)
}

/// [`bilinear`] at one position.
pub(super) fn bilinear_at<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    row: &AxisEntry,
    col: &AxisEntry,
    validity: &Validity<T>,
) -> T {
    let corners = [
        mosaic.at(row.low, col.low),
        mosaic.at(row.low, col.high),
        mosaic.at(row.high, col.low),
        mosaic.at(row.high, col.high),
    ];
    linear(corners, col.weight, row.weight, validity)
}

/// Linear between four corners (top left, top right, bottom left, bottom
/// right), over those that are valid; nothing if the corner nearest to the
/// position is not.
#[inline]
pub(super) fn linear<T: Sample>(
    corners: [T; 4],
    right: f64,
    bottom: f64,
    validity: &Validity<T>,
) -> T {
    let weights = [
        (1.0 - right) * (1.0 - bottom),
        right * (1.0 - bottom),
        (1.0 - right) * bottom,
        right * bottom,
    ];
    let [a, b, c, d] = corners;
    let is_valid = |corner| validity.is_valid(corner);
    if is_valid(a) & is_valid(b) & is_valid(c) & is_valid(d) {
        let sum = a.to_f64() * weights[0]
            + b.to_f64() * weights[1]
            + c.to_f64() * weights[2]
            + d.to_f64() * weights[3];
        return T::from_f64(sum / (weights[0] + weights[1] + weights[2] + weights[3]));
    }
    linear_over_valid(corners, weights, right, bottom, validity)
}

/// [`linear`] where a corner is not valid.
#[cold]
fn linear_over_valid<T: Sample>(
    corners: [T; 4],
    weights: [f64; 4],
    right: f64,
    bottom: f64,
    validity: &Validity<T>,
) -> T {
    let nearest = usize::from(right >= 0.5) + 2 * usize::from(bottom >= 0.5);
    if !validity.is_valid(corners[nearest]) {
        return validity.fill();
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (corner, w) in std::iter::zip(corners, weights) {
        if validity.is_valid(corner) {
            sum += corner.to_f64() * w;
            weight += w;
        }
    }
    T::from_f64(sum / weight)
}

/// The convolution of four samples; NaN where one is not valid.
#[inline]
fn convolution<T: Sample>(taps: [T; 4], weights: [f64; 4], validity: &Validity<T>) -> f64 {
    let is_valid = |all, tap: &T| all & validity.is_valid(*tap);
    if taps.iter().fold(true, is_valid) {
        dot(taps.map(T::to_f64), weights)
    } else {
        f64::NAN
    }
}

/// The samples of a source row around every target column.
struct Line<T, const TAPS: usize> {
    taps: [Vec<T>; TAPS],
    /// Their convolution; NaN where one is missing.
    across: Vec<f64>,
}

impl<T: Sample, const TAPS: usize> Line<T, TAPS> {
    fn new(width: usize, fill: T) -> Self {
        Self {
            taps: std::array::from_fn(|_| vec![fill; width]),
            across: Vec::new(),
        }
    }

    fn take(&mut self, mosaic: &Mosaic<'_, T>, picks: &[Pick; TAPS], row: usize) {
        for (pick, taps) in std::iter::zip(picks, &mut self.taps) {
            pick.take(mosaic, row, taps);
        }
    }
}

impl<T: Sample> Line<T, 4> {
    fn convolve(&mut self, weights: &[Option<[f64; 4]>], validity: &Validity<T>) {
        self.across.clear();
        let [a, b, c, d] = &self.taps;
        self.across
            .extend(weights.iter().enumerate().map(|(n, weights)| {
                let taps = [a[n], b[n], c[n], d[n]];
                weights.map_or(f64::NAN, |weights| convolution(taps, weights, validity))
            }));
    }
}
