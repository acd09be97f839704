//! Half-open rectangles of pixels.

use std::ops::Range;

/// The number of rows and columns of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows, counted southward.
    pub rows: usize,
    /// Columns, counted eastward.
    pub cols: usize,
}

impl Shape {
    /// The window of the whole shape.
    #[must_use]
    pub fn window(self) -> Window {
        Window {
            row: 0,
            col: 0,
            rows: self.rows,
            cols: self.cols,
        }
    }
}

/// A half-open rectangle of pixels: rows `row..row + rows`, columns
/// `col..col + cols` of the grid it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First row.
    pub row: usize,
    /// First column.
    pub col: usize,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
}

impl Window {
    /// The part of the half-open ranges (which may reach beyond the grid on
    /// any side) that lies in `shape`; `None` if nothing does.
    #[must_use]
    pub fn clipped(rows: Range<i64>, cols: Range<i64>, shape: Shape) -> Option<Self> {
        let clip = |range: Range<i64>, len: usize| {
            let len = i64::try_from(len).unwrap_or(i64::MAX);
            let start = usize::try_from(range.start.clamp(0, len)).ok()?;
            let end = usize::try_from(range.end.clamp(0, len)).ok()?;
            (start < end).then_some((start, end - start))
        };
        let (row, rows) = clip(rows, shape.rows)?;
        let (col, cols) = clip(cols, shape.cols)?;
        Some(Self {
            row,
            col,
            rows,
            cols,
        })
    }

    /// Row after the last one.
    #[must_use]
    pub fn row_end(&self) -> usize {
        self.row + self.rows
    }

    /// Column after the last one.
    #[must_use]
    pub fn col_end(&self) -> usize {
        self.col + self.cols
    }

    /// Number of pixels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether the window has no pixel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels that both windows have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let row = self.row.max(other.row);
        let col = self.col.max(other.col);
        let row_end = self.row_end().min(other.row_end());
        let col_end = self.col_end().min(other.col_end());
        (row < row_end && col < col_end).then(|| Self {
            row,
            col,
            rows: row_end - row,
            cols: col_end - col,
        })
    }

    /// The window with `cells` more on each side, as far as `shape` has them.
    #[must_use]
    pub fn padded(&self, cells: usize, shape: Shape) -> Self {
        let (row, col) = (
            self.row.saturating_sub(cells),
            self.col.saturating_sub(cells),
        );
        Self {
            row,
            col,
            rows: (self.row_end() + cells).min(shape.rows) - row,
            cols: (self.col_end() + cells).min(shape.cols) - col,
        }
    }

    /// Cuts the window into strips of at most `rows` rows, from the north.
    pub fn strips(self, rows: usize) -> impl Iterator<Item = Self> {
        (self.row..self.row_end())
            .step_by(rows.max(1))
            .map(move |row| Self {
                row,
                rows: rows.max(1).min(self.row_end() - row),
                ..self
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strips_cover_each_row_exactly_once(row in 0_usize..50, rows in 1_usize..200, step in 1_usize..70) {
            let window = Window { row, col: 3, rows, cols: 5 };
            let covered: Vec<usize> = window.strips(step).flat_map(|s| s.row..s.row_end()).collect();
            prop_assert_eq!(covered, (row..row + rows).collect::<Vec<_>>());
        }

        #[test]
        fn an_intersection_holds_exactly_the_shared_pixels(
            a in (0_usize..9, 0_usize..9, 1_usize..9, 1_usize..9),
            b in (0_usize..9, 0_usize..9, 1_usize..9, 1_usize..9),
        ) {
            let window = |(row, col, rows, cols)| Window { row, col, rows, cols };
            let (a, b) = (window(a), window(b));
            let has = |w: &Window, r: usize, c: usize| {
                (w.row..w.row_end()).contains(&r) && (w.col..w.col_end()).contains(&c)
            };
            let both = a.intersection(&b);
            for r in 0..20 {
                for c in 0..20 {
                    let expected = has(&a, r, c) && has(&b, r, c);
                    prop_assert_eq!(both.is_some_and(|w| has(&w, r, c)), expected);
                }
            }
        }
    }

    #[test]
    fn a_range_beyond_the_grid_is_cut_to_it() {
        let shape = Shape { rows: 10, cols: 20 };
        assert_eq!(
            Window::clipped(-5..3, 18..40, shape),
            Some(Window {
                row: 0,
                col: 18,
                rows: 3,
                cols: 2
            })
        );
        assert_eq!(Window::clipped(10..12, 0..5, shape), None);
    }
}
