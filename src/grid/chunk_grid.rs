//! A grid cut into equal square chunks; the last ones may reach beyond it.

use super::{Shape, Window};

/// A chunk's place in its chunk grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkIndex {
    /// Row of chunks, from the north.
    pub row: usize,
    /// Column of chunks, from the west.
    pub col: usize,
}

impl ChunkIndex {
    /// The chunk one level coarser that holds this one, where every level
    /// halves the grid and keeps the chunk size.
    #[must_use]
    pub fn parent(self) -> Self {
        Self {
            row: self.row / 2,
            col: self.col / 2,
        }
    }
}

/// A regular chunk grid. A chunk is addressed by its *nominal* size: the
/// window of an edge chunk is cut to the grid, its place is not changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkGrid {
    /// Shape of the chunked grid, in pixels.
    pub shape: Shape,
    /// Rows and columns of one chunk.
    pub chunk: usize,
}

impl ChunkGrid {
    /// Number of chunk rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.rows.div_ceil(self.chunk)
    }

    /// Number of chunk columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.shape.cols.div_ceil(self.chunk)
    }

    /// Number of chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows() * self.cols()
    }

    /// Whether there is no chunk at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels of a chunk that lie in the grid.
    #[must_use]
    pub fn window(&self, index: ChunkIndex) -> Window {
        let row = index.row * self.chunk;
        let col = index.col * self.chunk;
        Window {
            row,
            col,
            rows: self.chunk.min(self.shape.rows.saturating_sub(row)),
            cols: self.chunk.min(self.shape.cols.saturating_sub(col)),
        }
    }

    /// The chunks that a window of the grid touches, row by row.
    pub fn chunks_of(&self, window: Window) -> impl Iterator<Item = ChunkIndex> + use<> {
        let chunk = self.chunk;
        let rows = window.row / chunk..window.row_end().div_ceil(chunk);
        let cols = window.col / chunk..window.col_end().div_ceil(chunk);
        rows.flat_map(move |row| cols.clone().map(move |col| ChunkIndex { row, col }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunk_windows_partition_the_grid(rows in 1_usize..60, cols in 1_usize..60, chunk in 1_usize..25) {
            let grid = ChunkGrid { shape: Shape { rows, cols }, chunk };
            let mut seen = vec![0_u8; rows * cols];
            for index in grid.chunks_of(grid.shape.window()) {
                let w = grid.window(index);
                for r in w.row..w.row_end() {
                    for c in w.col..w.col_end() {
                        seen[r * cols + c] += 1;
                    }
                }
            }
            prop_assert!(seen.iter().all(|n| *n == 1));
        }

        #[test]
        fn a_window_touches_exactly_the_chunks_it_intersects(
            row in 0_usize..40, col in 0_usize..40, rows in 1_usize..20, cols in 1_usize..20, chunk in 1_usize..13,
        ) {
            let grid = ChunkGrid { shape: Shape { rows: 60, cols: 60 }, chunk };
            let window = Window { row, col, rows, cols };
            let touched: Vec<_> = grid.chunks_of(window).collect();
            for index in grid.chunks_of(grid.shape.window()) {
                prop_assert_eq!(
                    touched.contains(&index),
                    grid.window(index).intersection(&window).is_some()
                );
            }
        }
    }
}
