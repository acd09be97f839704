//! Which pixels of an image a part of the cube's grid is made of.

use crate::{
    grid::{Grid, Shape, Window},
    raster::Positions,
};

/// Rows and columns of the cells that are looked at together.
const CELLS: usize = 32;

/// The windows of `image` (a level of a file) that the wanted cells of a
/// target need, `reach` pixels around them: one for each square of cells that
/// has any wanted one and meets the image.
pub(super) fn sources(
    image: &Grid,
    positions: &Positions,
    wanted: &[bool],
    reach: f64,
) -> Vec<Window> {
    let shape = positions.shape;
    let mut windows = Vec::new();
    for row in (0..shape.rows).step_by(CELLS) {
        for col in (0..shape.cols).step_by(CELLS) {
            let cells = Window {
                row,
                col,
                rows: CELLS.min(shape.rows - row),
                cols: CELLS.min(shape.cols - col),
            };
            if any_wanted(wanted, shape, cells) {
                windows.extend(around(image, positions, cells, reach));
            }
        }
    }
    windows
}

/// The smallest window that holds all of some windows.
pub(super) fn hull(windows: &[Window]) -> Option<Window> {
    windows.iter().copied().reduce(|a, b| {
        let (row, col) = (a.row.min(b.row), a.col.min(b.col));
        Window {
            row,
            col,
            rows: a.row_end().max(b.row_end()) - row,
            cols: a.col_end().max(b.col_end()) - col,
        }
    })
}

fn any_wanted(wanted: &[bool], shape: Shape, cells: Window) -> bool {
    (cells.row..cells.row_end()).any(|row| {
        let start = row * shape.cols;
        wanted[start + cells.col..start + cells.col_end()].contains(&true)
    })
}

/// The pixels that a square of cells falls on. A projection is continuous and
/// has an inverse, so it maps the square's border to its image's border, which
/// bounds all of it; where it breaks, every cell is looked at.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates, and the window is cut to the image"
)]
fn around(image: &Grid, positions: &Positions, cells: Window, reach: f64) -> Option<Window> {
    let mut extent = Extent::default();
    let pixel = |row: usize, col: usize| row * positions.shape.cols + col;
    let mut whole = true;
    for row in [cells.row, cells.row_end() - 1] {
        let line = pixel(row, cells.col)..pixel(row, cells.col_end());
        for pixel in line {
            whole &= extent.add(positions.x[pixel], positions.y[pixel]);
        }
    }
    for col in [cells.col, cells.col_end() - 1] {
        for row in cells.row..cells.row_end() {
            let pixel = pixel(row, col);
            whole &= extent.add(positions.x[pixel], positions.y[pixel]);
        }
    }
    if !whole {
        for row in cells.row..cells.row_end() {
            for pixel in pixel(row, cells.col)..pixel(row, cells.col_end()) {
                extent.add(positions.x[pixel], positions.y[pixel]);
            }
        }
    }
    // Without rotation the outermost pixels are those of the outermost places.
    let (x, y) = (extent.x?, extent.y?);
    let transform = &image.transform;
    let rows = [transform.row(y.0), transform.row(y.1)];
    let cols = [transform.col(x.0), transform.col(x.1)];
    let span = |[a, b]: [f64; 2]| {
        let (low, high) = (a.min(b), a.max(b));
        (low - reach).floor() as i64..(high + reach).ceil() as i64
    };
    Window::clipped(span(rows), span(cols), image.shape)
}

/// The range of places, in world units; none before there is any.
#[derive(Default)]
struct Extent {
    x: Option<(f64, f64)>,
    y: Option<(f64, f64)>,
}

impl Extent {
    /// Whether the place is one.
    fn add(&mut self, x: f64, y: f64) -> bool {
        let is_place = x.is_finite() && y.is_finite();
        if is_place {
            let widened = |range: Option<(f64, f64)>, value: f64| {
                let (low, high) = range.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            };
            self.x = widened(self.x, x);
            self.y = widened(self.y, y);
        }
        is_place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Epsg, GeoTransform};
    use proptest::prelude::*;

    /// Pixels of one unit, rows southward from 0.
    fn image(rows: usize, cols: usize) -> Grid {
        Grid {
            crs: Epsg(32633),
            transform: GeoTransform {
                origin_x: 0.0,
                origin_y: 0.0,
                cell_width: 1.0,
                cell_height: -1.0,
            },
            shape: Shape { rows, cols },
        }
    }

    /// Cells turned and shrunk against the image.
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn turned(shape: Shape, angle: f64, size: f64, at: (f64, f64)) -> Positions {
        let (sin, cos) = angle.sin_cos();
        let cells =
            || (0..shape.rows).flat_map(|r| (0..shape.cols).map(move |c| (r as f64, c as f64)));
        Positions {
            shape,
            x: cells()
                .map(|(r, c)| at.0 + size * (c * cos - r * sin))
                .collect(),
            y: cells()
                .map(|(r, c)| -(at.1 + size * (c * sin + r * cos)))
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn every_wanted_cell_has_the_pixels_around_it(
            angle in -3.2..3.2_f64, size in 0.2..3.0_f64, x in -50.0..150.0_f64, y in -50.0..150.0_f64,
            seed in 0_usize..1000,
        ) {
            let shape = Shape { rows: 70, cols: 45 };
            let image = image(100, 100);
            let positions = turned(shape, angle, size, (x, y));
            let wanted: Vec<bool> = (0..70 * 45).map(|n| (n * 31 + seed) % 97 == 0).collect();
            let windows = sources(&image, &positions, &wanted, 1.5);
            for (n, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
                let (row, col) = (-positions.y[n], positions.x[n]);
                let near = |value: f64, low: usize, end: usize| {
                    #[expect(clippy::cast_precision_loss, reason = "small counts")]
                    let (low, end) = (low as f64, end as f64);
                    (value - 1.5).max(0.0) >= low && (value + 1.5).min(100.0) <= end
                };
                if (0.0..100.0).contains(&row) && (0.0..100.0).contains(&col) {
                    let holds = |w: &Window| near(row, w.row, w.row_end()) && near(col, w.col, w.col_end());
                    prop_assert!(windows.iter().any(holds));
                }
            }
        }
    }

    #[test]
    fn cells_that_nobody_wants_need_nothing() {
        let shape = Shape { rows: 40, cols: 40 };
        let positions = turned(shape, 0.0, 1.0, (0.0, 0.0));
        let mut wanted = vec![false; 1600];
        assert_eq!(sources(&image(100, 100), &positions, &wanted, 1.0), []);
        wanted[1599] = true;
        let windows = sources(&image(100, 100), &positions, &wanted, 1.0);
        assert_eq!(
            hull(&windows),
            Some(Window {
                row: 31,
                col: 31,
                rows: 9,
                cols: 9
            })
        );
    }
}
