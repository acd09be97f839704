//! The values behind a map, as they are stored: at a point, at a point over time,
//! and in a rectangle.
//!
//! Nothing is resampled. A rectangle is a window of the finest level at which it
//! is small enough.

mod area;
mod picture;
mod point;

pub use self::{
    area::{Area, AreaRequest, Counting},
    point::{PointValues, Series},
};

pub(super) use self::area::{in_own_system, named, no_overlap, shared_parts, turned};

use super::{Cutout, TileError};
use crate::{
    cube::{NODATA, SelectError},
    grid::Grid,
    raster::{Raster, Statistics},
    zarr::StoredCube,
};

/// Names and numbers of the variables that a request wants; all without a name.
fn chosen(stored: &StoredCube, names: &[String]) -> Result<Vec<(String, usize)>, SelectError> {
    if names.is_empty() {
        let all = stored.cube.variables().enumerate();
        return Ok(all.map(|(n, name)| (name.to_owned(), n)).collect());
    }
    let found = |name: &String| Ok((name.clone(), stored.cube.variable(name)?));
    names.iter().map(found).collect()
}

/// Planes of floats that counting takes at once: shares, and values with theirs in order and
/// their sums.
pub(super) const COUNTED: usize = 6;

/// What values of the pixels of a grid are like, each pixel counted by how much of it is in
/// a cutout, or all alike without one.
pub(super) fn counted(
    values: &[Raster<f32>],
    cutout: Option<&Cutout>,
    grid: &Grid,
    Counting { scale, told }: &Counting,
) -> Result<Vec<Statistics>, TileError> {
    let shares = match cutout {
        Some(cutout) => cutout.shares(grid, *scale)?,
        None => Raster::filled(grid.shape, 1.0),
    };
    let of = |raster: &Raster<f32>| Statistics::weighted(&raster.data, &shares.data, told);
    Ok(values.iter().map(of).collect())
}

fn known(sample: u16) -> Option<u16> {
    (sample != NODATA).then_some(sample)
}
