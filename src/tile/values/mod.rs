//! The values behind a map, as they are stored: at a point, at a point over time,
//! and in a rectangle.
//!
//! Nothing is resampled. A rectangle is a window of the finest level at which it
//! is small enough.

mod area;
mod point;

pub use self::{
    area::{Area, AreaRequest, Counting},
    point::{PointValues, Series},
};

pub(super) use self::area::{in_own_system, named, no_overlap, shared_parts, turned};

use crate::{
    cube::{NODATA, SelectError},
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

fn known(sample: u16) -> Option<u16> {
    (sample != NODATA).then_some(sample)
}
