//! Windows of Cloud Optimized GeoTIFF files: tiled, one band, lossless.
//!
//! TIFF directories come from anywhere and may lie. Their size, the size of
//! their tiles and of what a read would decode are bounded, and offsets are
//! held against the size of the file, before any of them is believed.

mod bytes;
mod decode;
mod directory;
mod error;
mod fetched;
mod georef;
mod sample;
mod unpredict;

use std::ops::Range;
use std::sync::Arc;

use async_tiff::ImageFileDirectory;
use async_tiff::reader::Endianness;
use async_tiff::tags::Predictor;

pub(super) use self::bytes::ByteReader;
pub use self::error::CogError;
pub use self::fetched::{Decoder, Fetched};
pub use self::sample::{CogSample, SampleType, Samples};

use self::fetched::StoredTile;
use self::unpredict::RowFormat;
use super::Traffic;
use crate::grid::{Epsg, GeoTransform, Grid, Shape, Window};
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
/// [`super::SceneSource::fetch`].
#[derive(Clone, Debug)]
pub struct Cog {
    href: Location,
    crs: Epsg,
    samples: SampleType,
    nodata: Option<f64>,
    levels: Vec<CogLevel>,
    size: u64,
    order: Endianness,
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

    /// The stored tiles that a window of a level touches, as far as `needed`
    /// (by their windows) says that they matter, and how many bytes they have.
    ///
    /// # Errors
    /// If the image has no such window, or the file has no place for a tile.
    pub fn plan(
        &self,
        level_index: usize,
        window: Window,
        needed: impl Fn(Window) -> bool,
    ) -> Result<ReadPlan, CogError> {
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
        let mut plan = ReadPlan {
            level: level_index,
            window,
            tiles: Vec::new(),
            bytes: 0,
        };
        for (col, row) in level.tiles_of(window) {
            let area = level.tile_window(col, row);
            let (offset, length) = level.entry(col, row);
            if length == 0 || !needed(area) {
                continue;
            }
            let end = offset.saturating_add(length);
            if end > self.size {
                return Err(CogError::Truncated {
                    end,
                    size: self.size,
                });
            }
            plan.bytes = plan.bytes.saturating_add(length);
            plan.tiles.push((area, offset..end));
        }
        Ok(plan)
    }

    /// Reads the tiles of a plan, of at most `most_bytes` with what they decode to.
    pub(super) async fn fetch(
        &self,
        plan: ReadPlan,
        most_bytes: usize,
        traffic: &Arc<Traffic>,
    ) -> Result<Fetched, CogError> {
        let malformed = || CogError::NoWindow {
            level: plan.level,
            window: plan.window,
        };
        let level = self.levels.get(plan.level).ok_or_else(malformed)?;
        let tile_bytes = level.tile.rows * level.tile.cols * self.samples.size();
        let decoded = plan.window.len() * size_of::<f32>() + tile_bytes;
        let bytes = plan.bytes.saturating_add(decoded as u64);
        if bytes > most_bytes as u64 {
            return Err(CogError::TooLarge {
                what: "window".to_owned(),
                bytes,
                limit: most_bytes as u64,
            });
        }
        let (areas, ranges): (Vec<_>, Vec<_>) = plan.tiles.into_iter().unzip();
        // Who opened the file counted on its own account.
        let reader = ByteReader {
            traffic: Arc::clone(traffic),
            ..self.reader.clone()
        };
        let parts = reader.ranges(&ranges).await?;
        let tiles = std::iter::zip(areas, parts)
            .map(|(area, bytes)| StoredTile { area, bytes })
            .collect();
        Ok(Fetched {
            level: plan.level,
            window: plan.window,
            tile: level.tile,
            transform: level.transform,
            nodata: self.nodata,
            method: level.directory.compression(),
            format: RowFormat {
                samples: self.samples,
                predictor: level.directory.predictor().unwrap_or(Predictor::None),
                order: self.order,
            },
            tiles,
        })
    }
}

/// What is to be read of an image.
#[derive(Clone, Debug)]
pub struct ReadPlan {
    level: usize,
    window: Window,
    /// Windows of the tiles, and where they lie in the file.
    tiles: Vec<(Window, Range<u64>)>,
    bytes: u64,
}

impl ReadPlan {
    /// The pixels to be read.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Bytes of the tiles, compressed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl CogLevel {
    /// Columns and rows of the tiles that a window touches.
    fn tiles_of(&self, window: Window) -> impl Iterator<Item = (usize, usize)> + use<> {
        let rows = window.row / self.tile.rows..=(window.row_end() - 1) / self.tile.rows;
        let cols = window.col / self.tile.cols..=(window.col_end() - 1) / self.tile.cols;
        rows.flat_map(move |row| cols.clone().map(move |col| (col, row)))
    }

    /// The pixels of a tile, which may reach beyond the image.
    fn tile_window(&self, col: usize, row: usize) -> Window {
        Window {
            row: row * self.tile.rows,
            col: col * self.tile.cols,
            rows: self.tile.rows,
            cols: self.tile.cols,
        }
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

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
