//! The least that a chunk can cost: decompressing, once and on one thread, the
//! tiles that it needs.

use std::{fs, path::Path};

use anyhow::Context as _;
use cubetiler::{crs, cube::Cube, demo::cog::GeoReference, grid::Epsg};
use libdeflater::Decompressor;

use crate::{
    archive::{self, BANDS, CLASSES, SCENES},
    blocks, process,
};

/// What the tiles of a chunk are, and what decoding them takes.
pub(crate) struct Floor {
    pub(crate) tiles: usize,
    /// Bytes as they are stored.
    pub(crate) stored: usize,
    /// Bytes of samples.
    pub(crate) samples: usize,
    /// CPU seconds to decompress them.
    pub(crate) inflate: f64,
    /// CPU seconds to undo the predictor after that.
    pub(crate) unpredict: f64,
}

impl Floor {
    /// CPU seconds to decode.
    pub(crate) fn decode(&self) -> f64 {
        self.inflate + self.unpredict
    }
}

/// Decodes what the first chunk of a cube needs of the archive.
pub(crate) fn measure(archive: &Path, cube: &Cube) -> anyhow::Result<Floor> {
    let grid = cube.pyramid().base();
    let window = grid.shape.window();
    let mut floor = Floor {
        tiles: 0,
        stored: 0,
        samples: 0,
        inflate: 0.0,
        unpredict: 0.0,
    };
    let mut decompressor = Decompressor::new();
    for scene in 0..SCENES {
        for asset in BANDS.into_iter().chain([CLASSES]) {
            let path = archive.join(archive::file(scene, asset));
            let file =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let place = archive::place_of(asset);
            let sample = if asset == CLASSES { 1 } else { 2 };
            let levels = blocks::levels(&file);
            let width = levels[0].width;
            let level = &levels[level_for(cube, &place, levels.len())?];
            let needed = level.needed(width, &place, grid, window)?;
            let mut tile = vec![0; level.tile * level.tile * sample];
            floor.tiles += needed.len();
            for range in needed {
                floor.stored += range.len();
                floor.samples += tile.len();
                let begun = process::thread_cpu()?;
                decompressor.zlib_decompress(&file[range], &mut tile)?;
                let inflated = process::thread_cpu()?;
                for row in tile.chunks_exact_mut(level.tile * sample) {
                    unpredict(row, sample);
                }
                floor.unpredict += process::thread_cpu()? - inflated;
                floor.inflate += inflated - begun;
                std::hint::black_box(&tile);
            }
        }
    }
    Ok(floor)
}

/// The coarsest overview whose pixels are not larger than the cube's.
fn level_for(cube: &Cube, place: &GeoReference, levels: usize) -> anyhow::Result<usize> {
    let grid = cube.pyramid().base();
    let bounds = grid.bounds();
    let middle = (
        f64::midpoint(bounds.west, bounds.east),
        f64::midpoint(bounds.south, bounds.north),
    );
    let system = Epsg(u32::from(place.epsg));
    let (x, y) = crs::project(middle.0, middle.1, grid.crs, system)?;
    let (width, height) = crs::cell_size_at(grid, x, y, system)?;
    let mut level = 0;
    let mut cell = place.cell_size * 2.0;
    while level + 1 < levels && cell <= width.min(height) {
        level += 1;
        cell *= 2.0;
    }
    Ok(level)
}

/// Adds up the differences of a row (TIFF 6.0, section 14).
fn unpredict(row: &mut [u8], sample: usize) {
    if sample == 1 {
        let mut value = 0_u8;
        for difference in row {
            value = value.wrapping_add(*difference);
            *difference = value;
        }
    } else {
        let mut value = 0_u16;
        for difference in row.as_chunks_mut().0 {
            value = value.wrapping_add(u16::from_le_bytes(*difference));
            *difference = value.to_le_bytes();
        }
    }
}
