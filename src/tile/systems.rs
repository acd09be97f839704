//! What those who offer maps have to know of reference systems.

use super::TileError;
use crate::{
    crs,
    grid::{Bounds, Epsg, Grid, TileMatrixSet},
};

/// Longitude and latitude of a place in a grid, by its fractional column and row; none
/// where that is not on the globe.
#[must_use]
pub fn lonlat_at(grid: &Grid, col: f64, row: f64) -> Option<(f64, f64)> {
    let (x, y) = (grid.transform.x(col), grid.transform.y(row));
    match grid.crs {
        Epsg::WGS84 => Some((x, y)),
        system => crs::project(x, y, system, Epsg::WGS84).ok(),
    }
}

/// Longitudes and latitudes of points of a system, some microseconds each; none if one is
/// not on the globe.
///
/// # Errors
/// [`TileError::System`] if there is no such system.
pub fn in_degrees(points: &[[f64; 2]], system: Epsg) -> Result<Option<Vec<[f64; 2]>>, TileError> {
    if system == Epsg::WGS84 {
        return Ok(Some(points.to_vec()));
    }
    crs::wkt(system).map_err(TileError::System)?;
    let degrees = |[x, y]: &[f64; 2]| crs::project(*x, *y, system, Epsg::WGS84).ok();
    let found = points
        .iter()
        .map(|point| degrees(point).map(|(x, y)| [x, y]));
    Ok(found.collect())
}

/// Whether a system's own order of coordinates is north before east.
///
/// # Errors
/// [`TileError::System`] if there is no such system.
pub fn is_north_first(system: Epsg) -> Result<bool, TileError> {
    crs::is_north_first(system).map_err(TileError::System)
}

/// A rectangle of a system that holds one in degrees; none where a part of its edge has no
/// place in it.
#[must_use]
pub fn bounds_in(system: Epsg, bounds: Bounds) -> Option<Bounds> {
    crs::projected_bounds(system, bounds).ok()
}

/// The zooms of a set at which the whole of a grid is about one tile, and that is the first
/// not coarser than it, where a point in degrees is; none if that has no place in the set.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
pub fn zooms_in(set: TileMatrixSet, grid: &Grid, point: (f64, f64)) -> Option<(i8, i8)> {
    let (x, y) = crs::project(point.0, point.1, Epsg::WGS84, set.crs()).ok()?;
    let (width, height) = crs::cell_size_at(grid, x, y, set.crs()).ok()?;
    let last = set.zoom_for_cell(width.min(height));
    let extent = (width * grid.shape.cols as f64).max(height * grid.shape.rows as f64);
    let is_less = |zoom: &i8| {
        let matrix = set.matrix((*zoom).into());
        matrix.is_some_and(|matrix| matrix.cell_size * f64::from(matrix.tile) <= extent)
    };
    let first = set.zooms().find(is_less).unwrap_or(last);
    let first = first.saturating_sub(1).max(*set.zooms().start());
    Some((first.min(last), last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{GeoTransform, Shape};

    /// Cells of 100 m around Munich.
    fn utm32() -> Grid {
        Grid {
            crs: Epsg(32632),
            transform: GeoTransform {
                origin_x: 600_000.0,
                origin_y: 5_400_000.0,
                cell_width: 100.0,
                cell_height: -100.0,
            },
            shape: Shape {
                rows: 1000,
                cols: 2000,
            },
        }
    }

    /// Cells of the European set have 68.7 m at zoom 8 and 137 m at zoom 7; its tiles are
    /// 141 km wide at zoom 5, and 281 km at zoom 4.
    #[test]
    fn zooms_are_those_of_the_cells_in_the_set() {
        let at = (11.58, 48.14);
        let set = TileMatrixSet::EuropeanEtrs89LaeaQuad;
        assert_eq!(zooms_in(set, &utm32(), at), Some((4, 8)));
        // 100 m are 0.0009 degrees of latitude; the set has 0.0014 at zoom 9, half at 10.
        assert_eq!(
            zooms_in(TileMatrixSet::WorldCRS84Quad, &utm32(), at)
                .unwrap()
                .1,
            10
        );
    }

    #[test]
    fn a_pixel_is_somewhere_on_the_globe_or_nowhere() {
        let (longitude, latitude) = lonlat_at(&utm32(), 0.0, 0.0).unwrap();
        // pyproj 3.8.0: Transformer.from_crs(32632, 4326, always_xy=True).
        assert!((longitude - 10.360_279_2).abs() < 1e-5, "{longitude}");
        assert!((latitude - 48.744_984_1).abs() < 1e-5, "{latitude}");
    }
}
