//! Where chunks lie on the globe.

use crate::{
    crs::{self, CrsError},
    cube::Cube,
    grid::{Bounds, ChunkIndex, Level},
};

/// The rectangles of longitude and latitude that a full-resolution chunk lies
/// in, with some cells around it; two if it crosses the antimeridian.
///
/// # Errors
/// If the cube's reference system cannot be used.
pub fn chunk_bounds(
    cube: &Cube,
    chunk: ChunkIndex,
    cells_around: usize,
) -> Result<Vec<Bounds>, CrsError> {
    let base = cube.pyramid().base();
    let window = cube.pyramid().chunks(Level(0)).window(chunk);
    let window = window.padded(cells_around, base.shape);
    crs::geographic_bounds(base.crs, base.transform.window_bounds(window))
}

/// One rectangle around neighbouring places, none of which crosses the
/// antimeridian; if they lie on both sides of it, `west` > `east`.
pub(in crate::build) fn around(places: &[Bounds]) -> Option<Bounds> {
    let union =
        |places: &mut dyn Iterator<Item = &Bounds>| places.copied().reduce(|a, b| a.union(&b));
    let all = union(&mut places.iter())?;
    let is_west = |place: &&Bounds| place.west.midpoint(place.east) < 0.0;
    let western = union(&mut places.iter().filter(is_west));
    let eastern = union(&mut places.iter().filter(|place| !is_west(place)));
    Some(match (western, eastern) {
        // Where the gap between the two sides is wider the short way round.
        (Some(western), Some(eastern))
            if eastern.west - western.east > 360.0 - (eastern.east - western.west) =>
        {
            Bounds {
                west: eastern.west,
                east: western.east,
                ..all
            }
        }
        _ => all,
    })
}
