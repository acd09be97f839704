//! What making a tile takes, known before anything is read.

use super::TileError;
use crate::{
    cube::Cube,
    grid::{TileAddress, Window, tile_matrix::MAX_ZOOM},
};

/// Bytes of a sample of a cube.
const SAMPLE: u64 = size_of::<u16>() as u64;

/// Bytes of a pixel as it is painted and as it is encoded, four samples each,
/// and of its position in a cube whose axes are not the tile's.
const PIXEL: u64 = 4 + 4 + 2 * size_of::<f64>() as u64;

/// Bytes that a tile takes while it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost(u64);

impl Cost {
    /// Of a tile of `size` x `size` pixels from a window of a level: for each
    /// variable the inner chunks under the window, the window, and the samples
    /// of the tile.
    pub(super) fn of(size: usize, variables: usize, window: Option<Window>, cube: &Cube) -> Self {
        let pixels = (size * size) as u64;
        let inner = cube.inner_chunk();
        let samples = window.map_or(0, |window| {
            let rows = window.row_end().div_ceil(inner) - window.row / inner;
            let cols = window.col_end().div_ceil(inner) - window.col / inner;
            (rows * cols * inner * inner + window.len()) as u64
        });
        Self((samples + pixels) * SAMPLE * variables as u64 + pixels * PIXEL)
    }

    /// Of so many bytes for samples, and the pixels of a tile.
    pub(super) fn of_samples(samples: u64, size: usize) -> Self {
        Self(samples.saturating_add((size * size) as u64 * PIXEL))
    }

    pub(super) fn bytes(self) -> u64 {
        self.0
    }

    /// # Errors
    /// [`TileError::TooMuch`] if it is more than `limit`.
    pub(super) fn check(self, limit: u64, address: TileAddress) -> Result<(), TileError> {
        if self.0 <= limit {
            return Ok(());
        }
        // Each zoom has a quarter of the cells under a tile.
        let (mut zoom, mut bytes) = (address.zoom(), self.0);
        while bytes > limit && zoom < MAX_ZOOM {
            zoom += 1;
            bytes /= 4;
        }
        Err(TileError::TooMuch {
            bytes: self.0,
            limit,
            zoom,
        })
    }
}
