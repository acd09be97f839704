//! Kernels whose weights are shared out among the valid samples, of any width.
//!
//! As GDAL has them for images with holes (`GWKResample` and
//! `GWKResampleOptimizedLanczos` of `gdalwarpkernel.cpp`): a pixel whose own
//! sample is missing stays missing, what is beyond the source does not count,
//! and the rest is divided by the sum of its weights, which GDAL leaves out
//! where that is 1 to five digits. Where the target has the source's own cells
//! GDAL copies them; here a kernel is the same everywhere.

use super::{Mosaic, Validity, lines::Lines, mosaic::Pick, point::linear, table::AxisEntry};
use crate::{
    grid::{Grid, Window},
    raster::{
        AxisTable, Positions, Raster, Sample,
        convolution::{b_spline, lanczos},
    },
};

/// A sum of weights of less is none (GDAL's threshold): what it is divided by
/// would be mostly rounding.
const LEAST_WEIGHT: f64 = 1e-6;

/// A kernel over `N` samples along each axis, an even number.
#[derive(Clone, Copy)]
pub(super) struct Filter<const N: usize> {
    /// Weights by how far a position is after the last centre before it.
    weights: fn(f64) -> [f64; N],
    /// Whether half of the samples must be valid: weights that are negative
    /// tell nothing of how many are.
    needs_half: bool,
}

/// The cubic B-spline.
pub(super) const B_SPLINE: Filter<4> = Filter {
    weights: b_spline,
    needs_half: false,
};

/// Lanczos' window with a radius of 3.
pub(super) const LANCZOS: Filter<6> = Filter {
    weights: lanczos,
    needs_half: true,
};

/// The samples around a position along one axis.
#[derive(Clone, Copy)]
struct Taps<const N: usize> {
    /// Instead of those beyond the source, the pixel that holds the position.
    pixels: [usize; N],
    is_inside: [bool; N],
    weights: [f64; N],
    /// How far the position is after the centre before it, 0 to 1.
    share: f64,
}

impl<const N: usize> Taps<N> {
    /// Of an entry that has these pixels around it.
    fn new(entry: &AxisEntry, around: [Option<usize>; N], filter: Filter<N>) -> Self {
        Self {
            pixels: around.map(|pixel| pixel.unwrap_or(entry.nearest)),
            is_inside: around.map(|pixel| pixel.is_some()),
            weights: (filter.weights)(entry.weight),
            share: entry.weight,
        }
    }

    /// Those of a table's pixels.
    fn of_table(table: &AxisTable, filter: Filter<N>) -> Vec<Option<Self>> {
        let taps = |entry: &AxisEntry| Self::new(entry, table.surrounding(entry), filter);
        let entries = table.entries.iter();
        entries.map(|entry| entry.as_ref().map(taps)).collect()
    }

    fn count(&self) -> usize {
        self.is_inside
            .iter()
            .filter(|is_inside| **is_inside)
            .count()
    }
}

/// A weighted sum of valid samples.
#[derive(Clone, Copy, Default)]
struct Mix {
    sum: f64,
    weight: f64,
    count: usize,
}

impl Mix {
    /// Of the samples of a row.
    #[inline]
    fn across<T: Sample, const N: usize>(
        samples: [T; N],
        taps: &Taps<N>,
        validity: &Validity<T>,
    ) -> Self {
        let mut mix = Self::default();
        for (n, sample) in samples.into_iter().enumerate() {
            // Selected, not skipped: a branch costs more along holes.
            let counts = taps.is_inside[n] & validity.is_valid(sample);
            let weight = if counts { taps.weights[n] } else { 0.0 };
            let value = if counts { sample.to_f64() } else { 0.0 };
            mix.sum += value * weight;
            mix.weight += weight;
            mix.count += usize::from(counts);
        }
        mix
    }

    /// Of rows.
    #[inline]
    fn down<const N: usize>(rows: [Self; N], taps: &Taps<N>) -> Self {
        let mut mix = Self::default();
        for n in (0..N).filter(|n| taps.is_inside[*n]) {
            mix.sum += rows[n].sum * taps.weights[n];
            mix.weight += rows[n].weight * taps.weights[n];
            mix.count += rows[n].count;
        }
        mix
    }
}

impl<const N: usize> Filter<N> {
    /// The value of a mix. `corners` are the four samples in the middle, top
    /// left, top right, bottom left, bottom right: linear between them where an
    /// overshoot would not be valid, as with cubic.
    #[inline]
    fn value<T: Sample>(
        self,
        mix: Mix,
        [down, across]: [&Taps<N>; 2],
        corners: [T; 4],
        validity: &Validity<T>,
    ) -> T {
        let own = usize::from(across.share >= 0.5) + 2 * usize::from(down.share >= 0.5);
        let is_enough = !self.needs_half || mix.count >= down.count() * across.count() / 2;
        if !validity.is_valid(corners[own]) || mix.weight < LEAST_WEIGHT || !is_enough {
            return validity.fill();
        }
        let value = T::from_f64(mix.sum / mix.weight);
        if validity.is_valid(value) {
            value
        } else {
            linear(corners, across.share, down.share, validity)
        }
    }
}

/// A source row around all target columns.
struct Line<T, const N: usize> {
    taps: [Vec<T>; N],
    across: Vec<Mix>,
}

impl<T: Sample, const N: usize> Line<T, N> {
    fn read(
        &mut self,
        mosaic: &Mosaic<'_, T>,
        row: usize,
        picks: &[Pick; N],
        cols: &[Option<Taps<N>>],
        validity: &Validity<T>,
    ) {
        for (pick, taps) in std::iter::zip(picks, &mut self.taps) {
            pick.take(mosaic, row, taps);
        }
        let taps = &self.taps;
        let mix = |(n, col): (usize, &Option<Taps<N>>)| {
            let samples = std::array::from_fn(|tap| taps[tap][n]);
            let of = |col: &Taps<N>| Mix::across(samples, col, validity);
            col.as_ref().map_or_else(Mix::default, of)
        };
        self.across.clear();
        self.across.extend(cols.iter().enumerate().map(mix));
    }
}

/// The convolution of the samples around each target centre.
pub(super) fn convolve<T: Sample, const N: usize>(
    mosaic: &Mosaic<'_, T>,
    rows: &AxisTable,
    cols: &AxisTable,
    filter: Filter<N>,
    validity: &Validity<T>,
    out: &mut Raster<T>,
) {
    let cols = Taps::of_table(cols, filter);
    let picks: [Pick; N] = std::array::from_fn(|n| mosaic.pick(&cols, |taps| taps.pixels[n]));
    let mut lines = Lines::<Line<T, N>, N>::new(|| Line {
        taps: std::array::from_fn(|_| vec![validity.fill(); cols.len()]),
        across: Vec::with_capacity(cols.len()),
    });
    for (r, row) in Taps::of_table(rows, filter).iter().enumerate() {
        let Some(row) = row else { continue };
        let lines = lines.hold(row.pixels, |row, line| {
            line.read(mosaic, row, &picks, &cols, validity);
        });
        for (n, (pixel, col)) in std::iter::zip(out.row_mut(r), &cols).enumerate() {
            let Some(col) = col else { continue };
            let mix = Mix::down(lines.map(|line| line.across[n]), row);
            let [upper, lower] = [lines[N / 2 - 1], lines[N / 2]].map(|line| &line.taps);
            let corners = [
                upper[N / 2 - 1][n],
                upper[N / 2][n],
                lower[N / 2 - 1][n],
                lower[N / 2][n],
            ];
            *pixel = filter.value(mix, [row, col], corners, validity);
        }
    }
}

/// [`convolve`] at positions one by one, of a window of a grid.
pub(super) fn gather_convolved<T: Sample, const N: usize>(
    source: &Raster<T>,
    window: Window,
    grid: &Grid,
    positions: &Positions,
    filter: Filter<N>,
    validity: &Validity<T>,
) -> Raster<T> {
    let fill = validity.fill();
    let sample = |row: &Taps<N>, col: &Taps<N>| {
        let rows: [[T; N]; N] = row.pixels.map(|r| {
            let line = r.checked_sub(window.row).filter(|r| *r < window.rows);
            let line = line.map_or(&[][..], |r| source.row(r));
            col.pixels.map(|c| {
                let local = c.checked_sub(window.col);
                local.and_then(|c| line.get(c)).copied().unwrap_or(fill)
            })
        });
        let mix = Mix::down(rows.map(|samples| Mix::across(samples, col, validity)), row);
        let [upper, lower] = [rows[N / 2 - 1], rows[N / 2]];
        let corners = [
            upper[N / 2 - 1],
            upper[N / 2],
            lower[N / 2 - 1],
            lower[N / 2],
        ];
        filter.value(mix, [row, col], corners, validity)
    };
    let at = |x: f64, y: f64| {
        let taps = |position, len| {
            let entry = AxisEntry::at(position, len)?;
            Some(Taps::new(&entry, entry.surrounding(len, false), filter))
        };
        let row = taps(grid.transform.row(y), grid.shape.rows)?;
        let col = taps(grid.transform.col(x), grid.shape.cols)?;
        Some(sample(&row, &col))
    };
    Raster {
        shape: positions.shape,
        data: std::iter::zip(&positions.x, &positions.y)
            .map(|(x, y)| at(*x, *y).unwrap_or(fill))
            .collect(),
    }
}
