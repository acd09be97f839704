//! Resampling between grids whose axes map independently: columns depend on x
//! alone and rows on y alone, as from longitude and latitude to Web Mercator.
//! Two one-dimensional tables replace a transform of every pixel. [`gather`]
//! takes the same samples for pixels that had to be transformed one by one.

use super::{Positions, Raster, Resampling, Sample};
use crate::grid::{Grid, Shape, Window};

/// For each target pixel along one axis: between which two source pixels its
/// centre lies, and how far.
#[derive(Clone, Debug)]
pub struct AxisTable {
    entries: Vec<Option<AxisEntry>>,
}

#[derive(Clone, Copy, Debug)]
struct AxisEntry {
    /// The pixel that holds the position.
    nearest: usize,
    /// The two pixels whose centres surround it, cut to the source.
    low: usize,
    high: usize,
    /// Weight of `high`, 0 to 1.
    weight: f64,
}

impl AxisEntry {
    /// The entry of a fractional position; none outside `0..len`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the position is checked to lie in 0..len, and len is far below 2^52"
    )]
    fn at(position: f64, len: usize) -> Option<Self> {
        (position >= 0.0 && position < len as f64).then(|| {
            let centre = position - 0.5;
            let low = centre.floor();
            Self {
                nearest: position as usize,
                low: low.max(0.0) as usize,
                high: ((low + 1.0).max(0.0) as usize).min(len.saturating_sub(1)),
                weight: centre - low,
            }
        })
    }
}

impl AxisTable {
    /// A table from the fractional source positions of the target centres;
    /// positions outside `0..len` have no source pixel.
    #[must_use]
    pub fn new(positions: impl IntoIterator<Item = f64>, len: usize) -> Self {
        Self {
            entries: positions
                .into_iter()
                .map(|position| AxisEntry::at(position, len))
                .collect(),
        }
    }

    /// The source pixels that resampling by this table reads; `None` if none.
    #[must_use]
    pub fn range(&self, resampling: Resampling) -> Option<std::ops::Range<usize>> {
        let ends = self.entries.iter().flatten().map(|e| match resampling {
            Resampling::Nearest => (e.nearest, e.nearest),
            Resampling::Bilinear => (e.low, e.high),
        });
        ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .map(|(low, high)| low..high + 1)
    }
}

/// Resamples the pixels of `window` (whose samples `source` holds) by a table
/// for rows and one for columns; `nodata` where there is nothing.
#[must_use]
pub fn resample<T: Sample>(
    source: &Raster<T>,
    window: Window,
    rows: &AxisTable,
    cols: &AxisTable,
    resampling: Resampling,
    nodata: T,
) -> Raster<T> {
    let shape = Shape {
        rows: rows.entries.len(),
        cols: cols.entries.len(),
    };
    let mut out = Raster::filled(shape, nodata);
    for (r, row) in rows.entries.iter().enumerate() {
        let Some(row) = row else { continue };
        let out = out.row_mut(r);
        match resampling {
            Resampling::Nearest => {
                let line = source.row(row.nearest - window.row);
                for (pixel, col) in std::iter::zip(out, &cols.entries) {
                    if let Some(col) = col {
                        *pixel = line[col.nearest - window.col];
                    }
                }
            }
            Resampling::Bilinear => {
                let top = source.row(row.low - window.row);
                let bottom = source.row(row.high - window.row);
                for (pixel, col) in std::iter::zip(out, &cols.entries) {
                    if let Some(col) = col {
                        let (l, h) = (col.low - window.col, col.high - window.col);
                        let corners = [top[l], top[h], bottom[l], bottom[h]];
                        *pixel = bilinear(corners, col.weight, row.weight, nodata);
                    }
                }
            }
        }
    }
    out
}

/// Samples a window of `grid` (whose samples `source` holds) at positions in
/// the grid's CRS, as [`resample`] does at those of tables; `nodata` where
/// there is nothing. The window must hold what the positions within the grid
/// need: a sample outside of it counts as `nodata`.
#[must_use]
pub fn gather<T: Sample>(
    source: &Raster<T>,
    window: Window,
    grid: &Grid,
    positions: &Positions,
    resampling: Resampling,
    nodata: T,
) -> Raster<T> {
    let get = |row: usize, col: usize| {
        let (row, col) = (row.checked_sub(window.row)?, col.checked_sub(window.col)?);
        let is_read = row < window.rows && col < window.cols;
        is_read.then(|| source.data[row * source.shape.cols + col])
    };
    let sample = |x: f64, y: f64| {
        let row = AxisEntry::at(grid.transform.row(y), grid.shape.rows)?;
        let col = AxisEntry::at(grid.transform.col(x), grid.shape.cols)?;
        match resampling {
            Resampling::Nearest => get(row.nearest, col.nearest),
            Resampling::Bilinear => {
                let corners = [
                    (row.low, col.low),
                    (row.low, col.high),
                    (row.high, col.low),
                    (row.high, col.high),
                ]
                .map(|(row, col)| get(row, col).unwrap_or(nodata));
                Some(bilinear(corners, col.weight, row.weight, nodata))
            }
        }
    };
    Raster {
        shape: positions.shape,
        data: std::iter::zip(&positions.x, &positions.y)
            .map(|(x, y)| sample(*x, *y).unwrap_or(nodata))
            .collect(),
    }
}

/// Linear between four corners (top left, top right, bottom left, bottom
/// right), over those that are not nodata; nodata if the corner nearest to
/// the position is.
fn bilinear<T: Sample>(corners: [T; 4], right: f64, bottom: f64, nodata: T) -> T {
    let nearest = usize::from(right >= 0.5) + 2 * usize::from(bottom >= 0.5);
    if corners[nearest] == nodata {
        return nodata;
    }
    let weights = [
        (1.0 - right) * (1.0 - bottom),
        right * (1.0 - bottom),
        (1.0 - right) * bottom,
        right * bottom,
    ];
    let (mut sum, mut weight) = (0.0, 0.0);
    for (corner, w) in std::iter::zip(corners, weights) {
        if corner != nodata {
            sum += corner.to_f64() * w;
            weight += w;
        }
    }
    T::from_f64(sum / weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rows: 2, cols: 3 };

    fn source() -> Raster<u16> {
        Raster {
            shape: SHAPE,
            data: vec![10, 20, 30, 40, 50, 60],
        }
    }

    fn at(row: f64, col: f64, resampling: Resampling) -> u16 {
        let rows = AxisTable::new([row], SHAPE.rows);
        let cols = AxisTable::new([col], SHAPE.cols);
        resample(&source(), SHAPE.window(), &rows, &cols, resampling, 0).data[0]
    }

    #[test]
    fn nearest_takes_the_pixel_under_the_position_and_nothing_outside() {
        assert_eq!(at(0.0, 0.0, Resampling::Nearest), 10);
        assert_eq!(at(1.99, 2.99, Resampling::Nearest), 60);
        assert_eq!(at(2.0, 1.0, Resampling::Nearest), 0);
        assert_eq!(at(1.0, -0.01, Resampling::Nearest), 0);
    }

    #[test]
    fn bilinear_is_linear_between_centres_and_constant_beyond_the_outer_ones() {
        assert_eq!(at(0.5, 1.0, Resampling::Bilinear), 15);
        assert_eq!(at(1.0, 1.5, Resampling::Bilinear), 35);
        assert_eq!(at(0.1, 0.1, Resampling::Bilinear), 10);
    }

    #[test]
    fn the_range_is_what_is_read() {
        let table = AxisTable::new([-3.0, 4.2, 6.9, 100.0], 20);
        assert_eq!(table.range(Resampling::Nearest), Some(4..7));
        assert_eq!(table.range(Resampling::Bilinear), Some(3..8));
        assert_eq!(AxisTable::new([-1.0], 20).range(Resampling::Nearest), None);
    }

    #[test]
    fn bilinear_keeps_nodata_and_does_not_mix_it_in() {
        assert_eq!(bilinear([0_u16, 20, 30, 40], 0.4, 0.4, 0), 0);
        assert_eq!(bilinear([0_u16, 20, 20, 20], 0.6, 0.6, 0), 20);
    }
}
