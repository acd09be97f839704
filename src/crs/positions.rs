//! Where the pixels of a window are, almost without a projection.
//!
//! A map projection is smooth over a few pixels. So only the nodes of a lattice
//! of every 16th row and column are projected, and the pixels between them are
//! interpolated by cubics through the four nearest nodes in each direction
//! (Lagrange; the approximating transformer of GDAL's warper does the same with
//! straight lines, and with an error that is chosen by hand). Where the cubic
//! does not follow the projection — coarse cells, the poles, the antimeridian —
//! the pixels are projected one by one.
//!
//! The lattice, and with it that decision, hangs on the grid's absolute rows and
//! columns: no position depends on the window that it was asked for with.

use crate::{
    grid::{GeoTransform, Shape, Window},
    raster::Positions,
};

/// Rows, and columns, from one node to the next: the edge of a cell of the
/// lattice in pixels. With 16, one point of 85 is projected.
const STEP: usize = 16;

/// How far an interpolated position may be off, as a part of a pixel.
const TOLERANCE: f64 = 1e-7;

/// A position in some system.
type Point = (f64, f64);

/// Weights of the differences to the cell's own node, of the nodes one before,
/// one after and two after it, at each pixel of a cell.
const WEIGHTS: [[f64; STEP]; 3] = {
    let mut weights = [[0.0; STEP]; 3];
    let mut pixel = 0;
    let mut t = 0.0;
    while pixel < STEP {
        weights[0][pixel] = -t * (t - 1.0) * (t - 2.0) / 6.0;
        weights[1][pixel] = -(t + 1.0) * t * (t - 2.0) / 2.0;
        weights[2][pixel] = (t + 1.0) * t * (t - 1.0) / 6.0;
        pixel += 1;
        // A power of two, so that the sums are exact.
        t += 1.0 / 16.0;
    }
    weights
};

/// The cubic through four nodes, at a pixel after the second of them. Sums up
/// small differences, so that the rounding is that of one addition.
#[inline]
fn cubic([before, at, after, beyond]: [f64; 4], pixel: usize) -> f64 {
    at + (WEIGHTS[0][pixel] * (before - at)
        + WEIGHTS[1][pixel] * (after - at)
        + WEIGHTS[2][pixel] * (beyond - at))
}

/// The world coordinates of a pixel's centre. The nodes of the outermost cells
/// are pixels outside the grid, so rows and columns may be negative.
#[expect(
    clippy::cast_precision_loss,
    reason = "rows and columns are far below 2^52"
)]
fn centre(at: &GeoTransform, row: i64, col: i64) -> Point {
    (at.x(col as f64 + 0.5), at.y(row as f64 + 0.5))
}

/// A row or column of a grid, for arithmetic that leaves the grid.
#[expect(
    clippy::cast_possible_wrap,
    reason = "rows and columns are far below 2^52"
)]
fn signed(index: usize) -> i64 {
    index as i64
}

/// The world coordinates of the pixel centres of a window, row by row.
fn centres(at: &GeoTransform, window: Window) -> impl Iterator<Item = Point> {
    (window.row..window.row_end()).flat_map(move |row| {
        (window.col..window.col_end()).map(move |col| centre(at, signed(row), signed(col)))
    })
}

/// Positions in the grid's own system.
pub(super) fn of_pixels(at: &GeoTransform, window: Window) -> Positions {
    let (x, y) = centres(at, window).unzip();
    positions(window, x, y)
}

fn positions(window: Window, x: Vec<f64>, y: Vec<f64>) -> Positions {
    Positions {
        shape: Shape {
            rows: window.rows,
            cols: window.cols,
        },
        x,
        y,
    }
}

/// Positions in the system that `project` leads to, in place; where it has no
/// answer it has to say infinity.
pub(super) fn interpolated(
    at: &GeoTransform,
    window: Window,
    project: impl Fn(&mut [Point]),
) -> Positions {
    if window.is_empty() {
        return positions(window, Vec::new(), Vec::new());
    }
    let lattice = Lattice::new(at, window, &project);
    let mut x = vec![0.0; window.len()];
    let mut y = vec![0.0; window.len()];
    lattice.interpolate(&lattice.x, window, &mut x);
    lattice.interpolate(&lattice.y, window, &mut y);
    for cell in lattice.rough_cells(at, &project) {
        let Some(part) = cell.intersection(&window) else {
            continue;
        };
        let mut points: Vec<Point> = centres(at, part).collect();
        project(&mut points);
        for (row, points) in (part.row..).zip(points.chunks_exact(part.cols)) {
            let start = (row - window.row) * window.cols + part.col - window.col;
            for (n, point) in (start..).zip(points) {
                (x[n], y[n]) = *point;
            }
        }
    }
    positions(window, x, y)
}

/// Projected nodes around the cells that a window touches: one before and two
/// after them in each direction.
struct Lattice {
    /// The touched cells, counted in cells from the grid's first.
    cells: Window,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Lattice {
    fn new(at: &GeoTransform, window: Window, project: impl Fn(&mut [Point])) -> Self {
        let (row, col) = (window.row / STEP, window.col / STEP);
        let cells = Window {
            row,
            col,
            rows: window.row_end().div_ceil(STEP) - row,
            cols: window.col_end().div_ceil(STEP) - col,
        };
        let nodes = |first: usize, cells: usize| {
            (0..cells + 3).map(move |n| (signed(first + n) - 1) * signed(STEP))
        };
        let mut points: Vec<Point> = nodes(cells.row, cells.rows)
            .flat_map(|row| nodes(cells.col, cells.cols).map(move |col| centre(at, row, col)))
            .collect();
        project(&mut points);
        let (x, y) = points.into_iter().unzip();
        Self { cells, x, y }
    }

    /// The four nodes of each column that a pixel row of the cells of
    /// `cell_row` (counted from the first touched) lies between, made one.
    fn across<'a>(
        &self,
        nodes: &'a [f64],
        cell_row: usize,
        pixel: usize,
    ) -> impl Iterator<Item = f64> + use<'a> {
        let cols = self.cells.cols + 3;
        let row = |n: usize| &nodes[(cell_row + n) * cols..][..cols];
        let [before, at, after, beyond] = [row(0), row(1), row(2), row(3)];
        (0..cols).map(move |col| cubic([before[col], at[col], after[col], beyond[col]], pixel))
    }

    /// One coordinate of each pixel of the window.
    fn interpolate(&self, nodes: &[f64], window: Window, out: &mut [f64]) {
        let mut across = Vec::with_capacity(self.cells.cols + 3);
        // Whole cells, so that the loop over their pixels has a fixed length.
        let mut along = vec![[0.0; STEP]; self.cells.cols];
        let skipped = window.col - self.cells.col * STEP;
        for (row, out) in (window.row..).zip(out.chunks_exact_mut(window.cols)) {
            across.clear();
            across.extend(self.across(nodes, row / STEP - self.cells.row, row % STEP));
            for (pixels, stencil) in along.iter_mut().zip(across.array_windows()) {
                for (n, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = cubic(*stencil, n);
                }
            }
            out.copy_from_slice(&along.as_flattened()[skipped..][..window.cols]);
        }
    }

    /// The cells, as pixels, that interpolation gets wrong.
    ///
    /// The error of a cubic is, up to a slow change, `t (t + 1) (t - 1) (t - 2)`
    /// times a number for each direction, and largest half-way. The two
    /// directions may cancel each other out, so besides the centre of a cell the
    /// middle of its western edge is compared, where one of them is alone. A jump
    /// (the antimeridian) puts a node of the cell on its other side, which the
    /// centre notices; a point that has no counterpart makes its error no number.
    fn rough_cells(&self, at: &GeoTransform, project: impl Fn(&mut [Point])) -> Vec<Window> {
        const HALF: usize = STEP / 2;
        let Window { row, col, cols, .. } = self.cells;
        let mut truth: Vec<Point> = (row..self.cells.row_end())
            .flat_map(|row| (col..self.cells.col_end()).map(move |col| (row * STEP, col * STEP)))
            .flat_map(|(row, col)| [(row + HALF, col), (row + HALF, col + HALF)])
            .map(|(row, col)| centre(at, signed(row), signed(col)))
            .collect();
        project(&mut truth);

        let mut rough = Vec::new();
        for (cell_row, truth) in truth.chunks_exact(2 * cols).enumerate() {
            let x: Vec<f64> = self.across(&self.x, cell_row, HALF).collect();
            let y: Vec<f64> = self.across(&self.y, cell_row, HALF).collect();
            let stencils = x.array_windows().zip(y.array_windows());
            for (cell_col, ((x, y), [edge, middle])) in
                stencils.zip(truth.as_chunks().0).enumerate()
            {
                let bound = TOLERANCE * self.pixel_size(cell_row, cell_col);
                // Neither holds where an error is no number, or a pixel a point.
                let is_smooth = distance((x[1], y[1]), *edge) < bound
                    && distance((cubic(*x, HALF), cubic(*y, HALF)), *middle) < bound;
                if !is_smooth {
                    rough.push(Window {
                        row: (row + cell_row) * STEP,
                        col: (col + cell_col) * STEP,
                        rows: STEP,
                        cols: STEP,
                    });
                }
            }
        }
        rough
    }

    /// The smaller side of a pixel in a cell.
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    fn pixel_size(&self, cell_row: usize, cell_col: usize) -> f64 {
        let width = self.cells.cols + 3;
        let at = (cell_row + 1) * width + cell_col + 1;
        let node = |n: usize| (self.x[n], self.y[n]);
        let to_east = distance(node(at), node(at + 1));
        let to_south = distance(node(at), node(at + width));
        to_east.min(to_south) / STEP as f64
    }
}

fn distance(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}
