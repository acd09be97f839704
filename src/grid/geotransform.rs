//! Pixel to world and back, for grids whose rows and columns follow the axes.

use std::ops::Range;

use super::Window;

/// A world rectangle in some CRS, which is named beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest x (longitude, easting).
    pub west: f64,
    /// Smallest y (latitude, northing).
    pub south: f64,
    /// Largest x.
    pub east: f64,
    /// Largest y.
    pub north: f64,
}

impl Bounds {
    /// Whether the two rectangles share any area.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.west < other.east
            && other.west < self.east
            && self.south < other.north
            && other.south < self.north
    }

    /// The shared rectangle, if it has any area.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.overlaps(other).then(|| Self {
            west: self.west.max(other.west),
            south: self.south.max(other.south),
            east: self.east.min(other.east),
            north: self.north.min(other.north),
        })
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            west: self.west.min(other.west),
            south: self.south.min(other.south),
            east: self.east.max(other.east),
            north: self.north.max(other.north),
        }
    }

    /// `[west, south, east, north]`, the order of STAC, `GeoJSON` and `TileJSON`.
    #[must_use]
    pub fn to_array(self) -> [f64; 4] {
        [self.west, self.south, self.east, self.north]
    }
}

/// An affine pixel-to-world transform without rotation. Pixels are areas:
/// pixel `(row, col)` covers `col..col + 1` and `row..row + 1`, its centre is
/// at `+ 0.5`. Rows usually run south, so `cell_height` is usually negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoTransform {
    /// World x of the outer edge of column 0.
    pub origin_x: f64,
    /// World y of the outer edge of row 0.
    pub origin_y: f64,
    /// World units per column.
    pub cell_width: f64,
    /// World units per row; negative where rows run south.
    pub cell_height: f64,
}

/// How far, in pixels, an edge may miss a pixel border and still count as on
/// it: decimal degrees do not divide exactly.
const EDGE_TOLERANCE: f64 = 1e-6;

impl GeoTransform {
    /// World x of a fractional column.
    #[must_use]
    pub fn x(&self, col: f64) -> f64 {
        self.origin_x + col * self.cell_width
    }

    /// World y of a fractional row.
    #[must_use]
    pub fn y(&self, row: f64) -> f64 {
        self.origin_y + row * self.cell_height
    }

    /// Fractional column of a world x.
    #[must_use]
    pub fn col(&self, x: f64) -> f64 {
        (x - self.origin_x) / self.cell_width
    }

    /// Fractional row of a world y.
    #[must_use]
    pub fn row(&self, y: f64) -> f64 {
        (y - self.origin_y) / self.cell_height
    }

    /// The world rectangle of a window.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "pixel counts are far below 2^52"
    )]
    pub fn window_bounds(&self, window: Window) -> Bounds {
        let (x0, x1) = (self.x(window.col as f64), self.x(window.col_end() as f64));
        let (y0, y1) = (self.y(window.row as f64), self.y(window.row_end() as f64));
        Bounds {
            west: x0.min(x1),
            south: y0.min(y1),
            east: x0.max(x1),
            north: y0.max(y1),
        }
    }

    /// The rows and columns that `bounds` touches, not cut to any grid.
    /// `None` if the bounds are not finite.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 saturates, and a window is cut to its grid"
    )]
    pub fn window_of(&self, bounds: Bounds) -> Option<(Range<i64>, Range<i64>)> {
        let outer = |a: f64, b: f64| {
            let (low, high) = (a.min(b), a.max(b));
            (low.is_finite() && high.is_finite()).then(|| {
                (low + EDGE_TOLERANCE).floor() as i64..(high - EDGE_TOLERANCE).ceil() as i64
            })
        };
        let rows = outer(self.row(bounds.north), self.row(bounds.south))?;
        let cols = outer(self.col(bounds.west), self.col(bounds.east))?;
        Some((rows, cols))
    }

    /// The transform of the same place with cells `factor` times as large.
    #[must_use]
    pub fn coarser(&self, factor: f64) -> Self {
        Self {
            cell_width: self.cell_width * factor,
            cell_height: self.cell_height * factor,
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shape;
    use proptest::prelude::*;

    const DEGREE_GRID: GeoTransform = GeoTransform {
        origin_x: 5.4,
        origin_y: 43.65,
        cell_width: 1.0 / 1800.0,
        cell_height: -1.0 / 1800.0,
    };

    proptest! {
        #[test]
        fn pixel_to_world_and_back_is_the_identity(row in 0.0..1e6_f64, col in 0.0..1e6_f64) {
            prop_assert!((DEGREE_GRID.row(DEGREE_GRID.y(row)) - row).abs() < 1e-6);
            prop_assert!((DEGREE_GRID.col(DEGREE_GRID.x(col)) - col).abs() < 1e-6);
        }

        #[test]
        fn the_window_of_a_windows_bounds_is_the_window(
            row in 0_usize..2000, col in 0_usize..2000, rows in 1_usize..300, cols in 1_usize..300,
        ) {
            let window = Window { row, col, rows, cols };
            let (r, c) = DEGREE_GRID.window_of(DEGREE_GRID.window_bounds(window)).unwrap();
            let found = Window::clipped(r, c, Shape { rows: 3000, cols: 3000 });
            prop_assert_eq!(found, Some(window));
        }
    }

    #[test]
    fn rectangles_that_only_touch_do_not_overlap() {
        let a = Bounds {
            west: 0.0,
            south: 0.0,
            east: 1.0,
            north: 1.0,
        };
        let b = Bounds {
            west: 1.0,
            east: 2.0,
            ..a
        };
        assert!(!a.overlaps(&b));
        assert_eq!(a.intersection(&b), None);
    }
}
