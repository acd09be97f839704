//! Names of tiles: their `ETag`s, and the keys under which they are kept.

use xxhash_rust::xxh3::Xxh3;

use super::{
    Cutout,
    prepared::{Output, Step},
};
use crate::{
    grid::Grid,
    raster::{Expression, OverTime, Resampling},
    render::Algorithm,
};

/// Raised when the same samples give other pictures: it is part of every `ETag`.
pub(super) const RENDERER_VERSION: u32 = 3;

/// What pixels depend on beside samples.
pub(super) struct Shown<'a> {
    /// Where they are.
    pub(super) target: &'a Grid,
    pub(super) names: &'a [String],
    pub(super) expression: Option<&'a Expression>,
    pub(super) output: &'a Output,
    pub(super) resampling: Resampling,
    pub(super) nodata: u16,
    /// What time steps become.
    pub(super) over_time: Option<OverTime>,
    pub(super) algorithm: Option<&'a Algorithm>,
}

impl Shown<'_> {
    /// A name for exactly these pixels in this style, of a level with this grid.
    pub(super) fn name(&self, source: &Grid, steps: &[Step]) -> u128 {
        let mut hasher = Xxh3::new();
        let text = format!(
            "{RENDERER_VERSION} {:?} {:?} {} {} {:?}",
            self.names,
            self.expression.map(ToString::to_string),
            self.output.canonical(),
            self.nodata,
            self.resampling,
        );
        hasher.update(text.as_bytes());
        if let Some(over_time) = self.over_time {
            hasher.update(format!("{over_time:?}").as_bytes());
        }
        if let Some(algorithm) = self.algorithm {
            hasher.update(algorithm.canonical().as_bytes());
        }
        add(&mut hasher, self.target);
        add(&mut hasher, source);
        // Stamps alone: with another record of where they come from, or another
        // share built below, the pixels are the same.
        for step in steps {
            hasher.update(&(step.time as u64).to_le_bytes());
            for (_, cell) in &step.cells {
                hasher.update(&cell.stamp.to_le_bytes());
            }
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
