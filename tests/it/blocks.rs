//! Which stored tiles of an image a chunk needs: read from the TIFF directories
//! and worked out here, apart from the program's own reader.

use std::ops::Range;

use cubetiler::{
    crs::{self, CrsError},
    demo::cog::GeoReference,
    grid::{Epsg, Grid, Window},
};

/// How many pixels beside a position a kernel takes at most.
const KERNEL_MARGIN: f64 = 2.0;

/// An image of a TIFF file, full or an overview.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Pixels along the side of a tile.
    pub(crate) tile: usize,
    /// Where each tile lies in the file, row by row.
    pub(crate) tiles: Vec<Range<usize>>,
}

/// The images of a little-endian classic TIFF file (TIFF 6.0, section 2), the
/// full one first.
pub(crate) fn levels(file: &[u8]) -> Vec<Level> {
    let number = |at: usize, size: usize| {
        let bytes = file[at..at + size].iter().rev();
        bytes.fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    let mut levels = Vec::new();
    let mut directory = number(4, 4);
    while directory != 0 {
        let entries = number(directory, 2);
        let values = |tag: usize| -> Vec<usize> {
            let entry = (0..entries)
                .map(|n| directory + 2 + 12 * n)
                .find(|entry| number(*entry, 2) == tag);
            let Some(entry) = entry else {
                return Vec::new();
            };
            // SHORT or LONG, which are all that these tags are.
            let size = if number(entry + 2, 2) == 3 { 2 } else { 4 };
            let count = number(entry + 4, 4);
            let start = if size * count <= 4 {
                entry + 8
            } else {
                number(entry + 8, 4)
            };
            (0..count).map(|n| number(start + n * size, size)).collect()
        };
        let first = |tag: usize| values(tag).first().copied().unwrap_or_default();
        levels.push(Level {
            width: first(256),
            height: first(257),
            tile: first(322),
            tiles: std::iter::zip(values(324), values(325))
                .map(|(offset, length)| offset..offset + length)
                .collect(),
        });
        directory = number(directory + 2 + 12 * entries, 4);
    }
    levels
}

impl Level {
    /// The tiles that a window of a grid needs, where the full image, of
    /// `full_width` columns, lies at `place`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "columns and rows of an image, cut to it"
    )]
    pub(crate) fn needed(
        &self,
        full_width: usize,
        place: &GeoReference,
        grid: &Grid,
        window: Window,
    ) -> Result<Vec<Range<usize>>, CrsError> {
        let cell = place.cell_size * full_width as f64 / self.width as f64;
        let positions = crs::positions(grid, window, Epsg(u32::from(place.epsg)))?;
        let touched = |values: &mut dyn Iterator<Item = f64>, length: usize| {
            let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            let first = (low - KERNEL_MARGIN).max(0.0) as usize / self.tile;
            let last = ((high + KERNEL_MARGIN) as usize).min(length - 1) / self.tile;
            first..=last
        };
        let mut cols = positions.x.iter().map(|x| (x - place.origin_x) / cell);
        let cols = touched(&mut cols, self.width);
        let mut rows = positions.y.iter().map(|y| (place.origin_y - y) / cell);
        let rows = touched(&mut rows, self.height);
        let across = self.width.div_ceil(self.tile);
        Ok(rows
            .flat_map(|row| cols.clone().map(move |col| row * across + col))
            .map(|tile| self.tiles[tile].clone())
            .collect())
    }
}
