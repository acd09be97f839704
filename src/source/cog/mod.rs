//! Windows of Cloud Optimized GeoTIFF files: tiled, one band, lossless.
//!
//! TIFF directories come from anywhere and may lie. Their size, the size of
//! their tiles and of what a read would decode are bounded, and offsets are
//! held against the size of the file, before any of them is believed.

mod bytes;
mod decode;
mod directory;
mod error;
mod georef;
mod sample;

use async_tiff::{ImageFileDirectory, Tile};

pub(super) use self::bytes::ByteReader;
pub use self::error::CogError;
pub use self::sample::{CogSample, SampleType, Samples};

use self::sample::nodata_as;
use crate::compute::Compute;
use crate::grid::{Epsg, GeoTransform, Grid, Shape, Window};
use crate::raster::{Patch, Raster};
use crate::storage::Location;

/// The full image of a file or one of its overviews.
#[derive(Clone, Debug)]
pub struct CogLevel {
    /// Rows and columns.
    pub shape: Shape,
    /// Pixel to world.
    pub transform: GeoTransform,
    /// Rows and columns of a tile.
    pub tile: Shape,
    directory: ImageFileDirectory,
}

/// An opened file: what its directories say. Its samples are read through
/// [`super::SceneSource::read`].
#[derive(Clone, Debug)]
pub struct Cog {
    href: Location,
    crs: Epsg,
    samples: SampleType,
    nodata: Option<f64>,
    levels: Vec<CogLevel>,
    size: u64,
    reader: ByteReader,
}

impl Cog {
    /// Reads the directories.
    pub(super) async fn open(href: Location, reader: ByteReader) -> Result<Self, CogError> {
        directory::open(href, reader).await
    }

    /// Where it lies.
    #[must_use]
    pub fn href(&self) -> &Location {
        &self.href
    }

    /// The coordinate reference system of its transforms.
    #[must_use]
    pub fn crs(&self) -> Epsg {
        self.crs
    }

    /// The type of its samples.
    #[must_use]
    pub fn samples(&self) -> SampleType {
        self.samples
    }

    /// The value of missing samples that it states, if any.
    #[must_use]
    pub fn nodata(&self) -> Option<f64> {
        self.nodata
    }

    /// The full image, then the overviews from fine to coarse.
    #[must_use]
    pub fn levels(&self) -> &[CogLevel] {
        &self.levels
    }

    /// A level as a grid.
    #[must_use]
    pub fn grid(&self, level: usize) -> Option<Grid> {
        self.levels.get(level).map(|level| Grid {
            crs: self.crs,
            transform: level.transform,
            shape: level.shape,
        })
    }

    /// The coarsest level whose cells are not larger than the wanted cell
    /// size (units of its CRS, both positive), or the finest if all are
    /// larger: the rule of [`crate::grid::Pyramid::level_for`].
    #[must_use]
    pub fn pick_level(&self, cell_width: f64, cell_height: f64) -> usize {
        // A hair of slack, so that rounding does not forbid the exact size.
        const SLACK: f64 = 1.0 + 1e-9;
        self.levels
            .iter()
            .rposition(|level| {
                level.transform.cell_width.abs() <= cell_width * SLACK
                    && level.transform.cell_height.abs() <= cell_height * SLACK
            })
            .unwrap_or(0)
    }

    /// About how much memory it takes.
    pub(super) fn weight(&self) -> u32 {
        /// Offset and byte count of a tile.
        const TILE: usize = 16;
        const DIRECTORY: usize = 2048;
        let tiles = |level: &CogLevel| level.directory.tile_offsets().map_or(0, <[u64]>::len);
        let bytes: usize = self
            .levels
            .iter()
            .map(|l| DIRECTORY + TILE * tiles(l))
            .sum();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// Reads a window of a level: the tiles that it touches, cut to it.
    pub(super) async fn read<T: CogSample>(
        &self,
        compute: &Compute,
        level_index: usize,
        window: Window,
        most_bytes: usize,
    ) -> Result<Patch<T>, CogError> {
        let level = self
            .levels
            .get(level_index)
            .filter(|level| {
                !window.is_empty()
                    && window.row_end() <= level.shape.rows
                    && window.col_end() <= level.shape.cols
            })
            .ok_or(CogError::NoWindow {
                level: level_index,
                window,
            })?;
        if !T::reads(self.samples) {
            return Err(CogError::SampleType {
                stored: self.samples,
                wanted: T::NAME,
            });
        }
        let wanted = level.stored_tiles(window);
        let job = Decoding {
            level: level_index,
            shape: level.tile,
            tile_bytes: level.tile.rows * level.tile.cols * self.samples.size(),
            window,
        };
        let decoded = window.len() * size_of::<T>() + job.tile_bytes;
        self.check_size(level, &wanted, decoded, most_bytes)?;
        let tiles = level.directory.fetch_tiles(&wanted, &self.reader).await?;
        let nodata = self.nodata.and_then(nodata_as);
        let fill = nodata.unwrap_or_default();
        let raster = compute.run(move || job.run::<T>(tiles, fill)).await??;
        Ok(Patch {
            raster,
            window,
            transform: level.transform,
            nodata,
        })
    }

    /// Holds what a read would take against what is allowed, and the place of
    /// its tiles against the size of the file.
    fn check_size(
        &self,
        level: &CogLevel,
        tiles: &[(usize, usize)],
        decoded: usize,
        most: usize,
    ) -> Result<(), CogError> {
        let mut bytes = decoded as u64;
        for (col, row) in tiles {
            let (offset, length) = level.entry(*col, *row);
            let end = offset.saturating_add(length);
            if end > self.size {
                return Err(CogError::Truncated {
                    end,
                    size: self.size,
                });
            }
            bytes = bytes.saturating_add(length);
        }
        if bytes > most as u64 {
            return Err(CogError::TooLarge {
                what: "window".to_owned(),
                bytes,
                limit: most as u64,
            });
        }
        Ok(())
    }
}

impl CogLevel {
    /// Columns and rows of the tiles that a window touches, without those
    /// that are left out of the file since they have no data.
    fn stored_tiles(&self, window: Window) -> Vec<(usize, usize)> {
        let rows = window.row / self.tile.rows..=(window.row_end() - 1) / self.tile.rows;
        let cols = window.col / self.tile.cols..=(window.col_end() - 1) / self.tile.cols;
        rows.flat_map(|row| cols.clone().map(move |col| (col, row)))
            .filter(|(col, row)| self.entry(*col, *row).1 > 0)
            .collect()
    }

    /// Offset and length of a tile; that there are as many as the shape needs
    /// was checked when the file was opened.
    fn entry(&self, col: usize, row: usize) -> (u64, u64) {
        let index = row * self.shape.cols.div_ceil(self.tile.cols) + col;
        let of = |values: Option<&[u64]>| {
            values
                .and_then(|values| values.get(index).copied())
                .unwrap_or_default()
        };
        (
            of(self.directory.tile_offsets()),
            of(self.directory.tile_byte_counts()),
        )
    }
}

/// What becomes of fetched tiles, on a thread for computations.
#[derive(Clone, Copy, Debug)]
struct Decoding {
    level: usize,
    shape: Shape,
    tile_bytes: usize,
    window: Window,
}

impl Decoding {
    fn run<T: CogSample>(self, tiles: Vec<Tile>, fill: T) -> Result<Raster<T>, CogError> {
        let decoders = decode::decoders(self.tile_bytes);
        let shape = Shape {
            rows: self.window.rows,
            cols: self.window.cols,
        };
        let mut raster = Raster::filled(shape, fill);
        for tile in tiles {
            let (col, row) = (tile.x(), tile.y());
            let corrupt = |reason: String| CogError::Tile {
                level: self.level,
                col,
                row,
                reason,
            };
            let decoded = tile
                .decode(&decoders)
                .map_err(|error| corrupt(error.to_string()))?;
            let area = Window {
                row: row * self.shape.rows,
                col: col * self.shape.cols,
                rows: self.shape.rows,
                cols: self.shape.cols,
            };
            let Some(shared) = area.intersection(&self.window) else {
                continue;
            };
            for row in shared.row..shared.row_end() {
                let start = (row - area.row) * area.cols + (shared.col - area.col);
                let stored = Samples::of(decoded.data(), start..start + shared.cols)
                    .ok_or_else(|| corrupt("it has too few samples".to_owned()))?;
                let left = shared.col - self.window.col;
                let out = &mut raster.row_mut(row - self.window.row)[left..left + shared.cols];
                T::convert(stored, out).map_err(|value| CogError::Value {
                    value,
                    wanted: T::NAME,
                })?;
            }
        }
        Ok(raster)
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
