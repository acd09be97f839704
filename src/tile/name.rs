//! Names of tiles: their `ETag`s, and the keys under which they are kept.

use xxhash_rust::xxh3::Xxh3;

use super::{Cutout, prepare::Output};
use crate::{
    cube::Cell,
    grid::{ChunkIndex, Grid},
    raster::{Expression, Resampling},
};

/// Raised when the same samples give other pictures: it is part of every `ETag`.
pub(super) const RENDERER_VERSION: u32 = 2;

/// What pixels depend on beside samples.
pub(super) struct Shown<'a> {
    /// Where they are.
    pub(super) target: &'a Grid,
    pub(super) names: &'a [String],
    pub(super) expression: Option<&'a Expression>,
    pub(super) output: &'a Output,
    pub(super) resampling: Resampling,
    pub(super) nodata: u16,
}

impl Shown<'_> {
    /// A name for exactly these pixels in this style, of a level with this grid.
    pub(super) fn name(&self, source: &Grid, time: usize, cells: &[(ChunkIndex, Cell)]) -> u128 {
        let mut hasher = Xxh3::new();
        let text = format!(
            "{RENDERER_VERSION} {:?} {:?} {} {} {:?} {time}",
            self.names,
            self.expression.map(ToString::to_string),
            self.output.canonical(),
            self.nodata,
            self.resampling,
        );
        hasher.update(text.as_bytes());
        add(&mut hasher, self.target);
        add(&mut hasher, source);
        // Stamps alone: with another record of where they come from, or another
        // share built below, the pixels are the same.
        for (_, cell) in cells {
            hasher.update(&cell.stamp.to_le_bytes());
        }
        hasher.digest128()
    }
}

/// A name for what of the pixels of a name is in a cutout.
pub(super) fn of_part(name: u128, cutout: &Cutout) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(&name.to_le_bytes());
    hasher.update(cutout.canonical().as_bytes());
    hasher.digest128()
}

/// The bits of a grid, whose digits would take as long as all the rest.
fn add(hasher: &mut Xxh3, grid: &Grid) {
    let (shape, transform) = (grid.shape, grid.transform);
    hasher.update(&grid.crs.0.to_le_bytes());
    hasher.update(&(shape.rows as u64).to_le_bytes());
    hasher.update(&(shape.cols as u64).to_le_bytes());
    for number in [
        transform.origin_x,
        transform.origin_y,
        transform.cell_width,
        transform.cell_height,
    ] {
        hasher.update(&number.to_bits().to_le_bytes());
    }
}
