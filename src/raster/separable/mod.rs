//! Resampling between grids whose axes map independently: columns depend on x
//! alone and rows on y alone, as from longitude and latitude to Web Mercator.
//! Two one-dimensional tables replace a transform of every pixel. [`gather`]
//! takes the same samples for pixels that had to be transformed one by one.
//!
//! Sums are in `f64` for every sample type: of 16 bits and less they are exact
//! enough to be rounded correctly, and samples are converted only while they
//! are summed.

mod average;
mod chosen;
mod convolve;
mod lines;
mod mosaic;
mod point;
mod table;
mod validity;

pub(super) use average::Sums;
pub use chosen::bytes_at_hand;
pub use mosaic::Mosaic;
pub use table::AxisTable;
pub use validity::Validity;

use super::{
    CellRatio, Kernel, Patch, Positions, Raster, Resampling, Sample,
    areas::{Choice, Mean, RootMeanSquare, Sum, Total as _},
    warp::{self, over_cells},
};
use crate::grid::{Grid, Shape, Window};
use convolve::{B_SPLINE, LANCZOS, convolve, gather_convolved};
use table::AxisEntry;

/// Resamples chunks by a table for rows and one for columns;
/// [`Validity::fill`] where there is nothing. The same to the bit however the
/// source is cut into chunks.
#[must_use]
pub fn resample_mosaic<T: Sample>(
    mosaic: &Mosaic<'_, T>,
    rows: &AxisTable,
    cols: &AxisTable,
    resampling: Resampling,
    validity: &Validity<T>,
) -> Raster<T> {
    let shape = Shape {
        rows: rows.len(),
        cols: cols.len(),
    };
    let mut out = Raster::filled(shape, validity.fill());
    let choose = |choice, out: &mut Raster<T>| {
        chosen::chosen(mosaic, rows, cols, choice, validity, out);
    };
    match resampling {
        Resampling::Nearest => point::nearest(mosaic, &rows.entries, &cols.entries, &mut out),
        Resampling::Bilinear => {
            point::bilinear(mosaic, &rows.entries, &cols.entries, validity, &mut out);
        }
        Resampling::Cubic => point::cubic(mosaic, &rows.entries, &cols.entries, validity, &mut out),
        Resampling::CubicSpline => convolve(mosaic, rows, cols, B_SPLINE, validity, &mut out),
        Resampling::Lanczos => convolve(mosaic, rows, cols, LANCZOS, validity, &mut out),
        Resampling::Average => average::totals(mosaic, rows, cols, Mean, validity, &mut out),
        Resampling::Sum => average::totals(mosaic, rows, cols, Sum, validity, &mut out),
        Resampling::Rms => average::totals(mosaic, rows, cols, RootMeanSquare, validity, &mut out),
        Resampling::Mode => choose(Choice::Mode, &mut out),
        Resampling::Max => choose(Choice::Max, &mut out),
        Resampling::Min => choose(Choice::Min, &mut out),
        Resampling::Q1 => choose(Choice::Quarters(1), &mut out),
        Resampling::Med => choose(Choice::Quarters(2), &mut out),
        Resampling::Q3 => choose(Choice::Quarters(3), &mut out),
    }
    out
}

/// Samples a window of `grid` (whose samples `source` holds) at positions in
/// the grid's CRS: as [`resample_mosaic`] does at those of tables, but for cubic
/// and average, which are those of [`warp::warp`]. What is of areas is of the
/// cell around the position for which `ratio` tells how much it covers, along
/// the grid's rows and columns. `nodata` where there is nothing. The window must
/// hold what the positions within the grid need: a sample outside of it counts
/// as `nodata`.
#[must_use]
pub fn gather<T: Sample>(
    source: Raster<T>,
    window: Window,
    grid: &Grid,
    positions: &Positions,
    ratio: CellRatio,
    resampling: Resampling,
    nodata: T,
) -> Raster<T> {
    let patch = |source| Patch {
        raster: source,
        window,
        transform: grid.transform,
        nodata: Some(nodata),
    };
    let by_kernel = |source, kernel| {
        let patch = patch(source);
        warp::warp(&patch, positions, kernel, ratio, nodata)
    };
    let choose = |source, choice: Choice| {
        let choose = |samples: &mut [(T, f64)]| choice.of(samples);
        over_cells(&patch(source), positions, ratio, nodata, choose)
    };
    let validity = Validity::new(Some(nodata));
    let each = |source: &Raster<T>, sample: Sampler<T>| {
        let mosaic = Mosaic::of_raster(source, window, nodata);
        let at = |x: f64, y: f64| {
            let row = AxisEntry::at(grid.transform.row(y), grid.shape.rows)?;
            let col = AxisEntry::at(grid.transform.col(x), grid.shape.cols)?;
            Some(sample(&mosaic, &row, &col, &validity))
        };
        Raster {
            shape: positions.shape,
            data: std::iter::zip(&positions.x, &positions.y)
                .map(|(x, y)| at(*x, *y).unwrap_or(nodata))
                .collect(),
        }
    };
    match resampling {
        Resampling::Nearest => each(&source, point::nearest_at),
        Resampling::Bilinear => each(&source, point::bilinear_at),
        Resampling::Cubic => by_kernel(source, Kernel::Cubic),
        Resampling::CubicSpline => {
            gather_convolved(&source, window, grid, positions, B_SPLINE, &validity)
        }
        Resampling::Lanczos => {
            gather_convolved(&source, window, grid, positions, LANCZOS, &validity)
        }
        Resampling::Average => by_kernel(source, Kernel::Average),
        Resampling::Sum => over_cells(&patch(source), positions, ratio, nodata, |samples| {
            Sum.of_samples(samples)
        }),
        Resampling::Rms => over_cells(&patch(source), positions, ratio, nodata, |samples| {
            RootMeanSquare.of_samples(samples)
        }),
        Resampling::Mode => choose(source, Choice::Mode),
        Resampling::Max => choose(source, Choice::Max),
        Resampling::Min => choose(source, Choice::Min),
        Resampling::Q1 => choose(source, Choice::Quarters(1)),
        Resampling::Med => choose(source, Choice::Quarters(2)),
        Resampling::Q3 => choose(source, Choice::Quarters(3)),
    }
}

/// A sample at a row and column between those of a mosaic.
type Sampler<T> = fn(&Mosaic<'_, T>, &AxisEntry, &AxisEntry, &Validity<T>) -> T;

#[cfg(test)]
mod against_formulas;
#[cfg(test)]
mod tests;
