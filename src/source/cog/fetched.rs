//! Tiles that were read and are still compressed. Reading waits, decoding
//! computes: the one belongs to the runtime, the other to the CPU pool, and
//! between them compressed tiles take the least memory.

use async_tiff::tags::Compression;
use bytes::Bytes;

use super::decode::Decompressor;
use super::sample::nodata_as;
use super::unpredict::{RowBuffer, RowFormat};
use super::{CogError, CogSample, SampleType};
use crate::grid::{GeoTransform, Shape, Window};
use crate::raster::{Patch, Raster};

/// The tiles of a window of a level.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub(super) level: usize,
    pub(super) window: Window,
    /// Rows and columns of a tile.
    pub(super) tile: Shape,
    pub(super) transform: GeoTransform,
    pub(super) nodata: Option<f64>,
    pub(super) method: Compression,
    pub(super) format: RowFormat,
    pub(super) tiles: Vec<StoredTile>,
}

/// A compressed tile.
#[derive(Clone, Debug)]
pub(super) struct StoredTile {
    /// Its pixels, which may reach beyond the image.
    pub(super) area: Window,
    pub(super) bytes: Bytes,
}

/// What decoding works with: memory that the tiles of one image after the
/// other are decompressed into.
#[derive(Debug, Default)]
pub struct Decoder {
    decompressor: Decompressor,
    row: RowBuffer,
}

impl Fetched {
    /// The type of the stored samples.
    #[must_use]
    pub fn samples(&self) -> SampleType {
        self.format.samples
    }

    /// Decodes the tiles into the window. What lies in no tile is the file's
    /// nodata value, or 0 if it states none.
    ///
    /// # Errors
    /// If a tile is corrupt, or `T` cannot hold the samples.
    pub fn decode<T: CogSample>(&self, memory: &mut Decoder) -> Result<Patch<T>, CogError> {
        let stored = self.format.samples;
        if !T::reads(stored) {
            return Err(CogError::SampleType {
                stored,
                wanted: T::NAME,
            });
        }
        let nodata = self.nodata.and_then(nodata_as);
        let shape = Shape {
            rows: self.window.rows,
            cols: self.window.cols,
        };
        let mut raster = Raster::filled(shape, nodata.unwrap_or_default());
        for tile in &self.tiles {
            self.decode_tile(tile, memory, &mut raster)?;
        }
        Ok(Patch {
            raster,
            window: self.window,
            transform: self.transform,
            nodata,
        })
    }

    fn decode_tile<T: CogSample>(
        &self,
        tile: &StoredTile,
        memory: &mut Decoder,
        raster: &mut Raster<T>,
    ) -> Result<(), CogError> {
        let area = tile.area;
        let row_bytes = self.tile.cols * self.format.samples.size();
        let size = self.tile.rows * row_bytes;
        let Decoder {
            decompressor,
            row: buffer,
        } = memory;
        let decoded = decompressor
            .run(self.method, &tile.bytes, size)
            .map_err(|error| CogError::Tile {
                level: self.level,
                col: area.col / self.tile.cols,
                row: area.row / self.tile.rows,
                reason: error.to_string(),
            })?;
        let Some(shared) = area.intersection(&self.window) else {
            return Ok(());
        };
        let cols = shared.col - area.col..shared.col_end() - area.col;
        let left = shared.col - self.window.col;
        for row in shared.row..shared.row_end() {
            let start = (row - area.row) * row_bytes;
            let stored = buffer
                .samples(self.format, &decoded[start..start + row_bytes], cols.end)
                .from(cols.start);
            let out = &mut raster.row_mut(row - self.window.row)[left..left + shared.cols];
            T::convert(stored, out).map_err(|value| CogError::Value {
                value,
                wanted: T::NAME,
            })?;
        }
        Ok(())
    }
}
