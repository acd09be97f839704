//! Resampling between grids whose axes map independently: columns depend on x
//! alone and rows on y alone, as from longitude and latitude to Web Mercator.
//! Two one-dimensional tables replace a transform of every pixel. [`gather`]
//! takes the same samples for pixels that had to be transformed one by one.
//!
//! Sums are in `f64` for every sample type: of 16 bits and less they are exact
//! enough to be rounded correctly, and samples are converted only while they
//! are summed.

mod average;
mod mosaic;
mod point;
mod table;
mod validity;

pub(super) use average::Sums;
pub use mosaic::Mosaic;
pub use table::AxisTable;
pub use validity::Validity;

use super::{CellRatio, Kernel, Patch, Positions, Raster, Resampling, Sample, warp};
use crate::grid::{Grid, Shape, Window};
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
    match resampling {
        Resampling::Nearest => point::nearest(mosaic, &rows.entries, &cols.entries, &mut out),
        Resampling::Bilinear => {
            point::bilinear(mosaic, &rows.entries, &cols.entries, validity, &mut out);
        }
        Resampling::Cubic => point::cubic(mosaic, &rows.entries, &cols.entries, validity, &mut out),
        Resampling::Average => average::average(mosaic, rows, cols, validity, &mut out),
    }
    out
}

/// Samples a window of `grid` (whose samples `source` holds) at positions in
/// the grid's CRS: as [`resample_mosaic`] does at those of tables where that takes one
/// or two samples along an axis, else by the kernel of [`warp()`], for which
/// `ratio` tells how much a pixel covers. `nodata` where there is nothing. The
/// window must hold what the positions within the grid need: a sample outside
/// of it counts as `nodata`.
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
    let by_kernel = |source, kernel| {
        let patch = Patch {
            raster: source,
            window,
            transform: grid.transform,
            nodata: Some(nodata),
        };
        warp(&patch, positions, kernel, ratio, nodata)
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
        Resampling::Average => by_kernel(source, Kernel::Average),
    }
}

/// A sample at a row and column between those of a mosaic.
type Sampler<T> = fn(&Mosaic<'_, T>, &AxisEntry, &AxisEntry, &Validity<T>) -> T;

#[cfg(test)]
mod tests;
