//! Web Mercator (EPSG:3857) and its zooms.

use std::ops::RangeInclusive;

use crate::grid::Bounds;

/// The radius of the sphere that Web Mercator is computed on, in metres.
const RADIUS: f64 = 6_378_137.0;

/// Half a side of the square that the set divides, in metres.
pub const HALF_SIDE: f64 = std::f64::consts::PI * RADIUS;

/// The deepest zoom that is addressed: 2^24 tiles a side, 0.6 cm pixels.
pub const MAX_ZOOM: i8 = 24;

/// The columns and rows of a zoom's tiles that a rectangle (EPSG:4326) touches, as
/// far as it is on the map.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between the first and the last tile"
)]
pub fn tiles_touched(bounds: Bounds, zoom: i8) -> [RangeInclusive<u32>; 2] {
    let side = f64::from(1_u32 << zoom.clamp(0, MAX_ZOOM));
    let place =
        |metres: f64| (f64::midpoint(metres / HALF_SIDE, 1.0) * side).clamp(0.0, side - 1.0) as u32;
    let x = |longitude: f64| longitude.to_radians() * RADIUS;
    // As the inverse of `mercator_to_latitude`; finite also at the poles.
    let y = |latitude: f64| {
        let latitude = latitude.clamp(-89.0, 89.0).to_radians();
        latitude.tan().asinh() * RADIUS
    };
    [
        place(x(bounds.west))..=place(x(bounds.east)),
        place(-y(bounds.north))..=place(-y(bounds.south)),
    ]
}

/// Longitude in degrees of a Web Mercator x in metres.
#[must_use]
pub fn mercator_to_longitude(x: f64) -> f64 {
    (x / RADIUS).to_degrees()
}

/// Latitude in degrees of a Web Mercator y in metres: the inverse of the
/// spherical Mercator projection (EPSG guidance note 7-2, method 1024).
#[must_use]
pub fn mercator_to_latitude(y: f64) -> f64 {
    (y / RADIUS).sinh().atan().to_degrees()
}

/// The rectangle in EPSG:4326 of one in EPSG:3857.
#[must_use]
pub fn mercator_to_degrees(bounds: Bounds) -> Bounds {
    Bounds {
        west: mercator_to_longitude(bounds.west),
        south: mercator_to_latitude(bounds.south),
        east: mercator_to_longitude(bounds.east),
        north: mercator_to_latitude(bounds.north),
    }
}

/// The Web Mercator x in metres of a longitude in degrees.
#[must_use]
pub fn longitude_to_mercator(longitude: f64) -> f64 {
    longitude.to_radians() * RADIUS
}

/// The Web Mercator y in metres of a latitude in degrees: the inverse of
/// [`mercator_to_latitude`]. The poles are at infinity.
#[must_use]
pub fn latitude_to_mercator(latitude: f64) -> f64 {
    latitude.to_radians().tan().asinh() * RADIUS
}

/// The zoom whose tiles of `tile_size` pixels have pixels closest to, and not
/// coarser than, a cell width in degrees of longitude; at most [`MAX_ZOOM`].
#[must_use]
pub fn zoom_for_cell_width(degrees: f64, tile_size: f64) -> i8 {
    let world = 360.0 / tile_size;
    (0..=MAX_ZOOM)
        .find(|zoom| world / f64::from(1_u32 << zoom) <= degrees * (1.0 + 1e-9))
        .unwrap_or(MAX_ZOOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As morecantile 7.1.0 gives them: `tms.tiles(5.4, 42.75, 6.9, 43.65, zooms=[8])`.
    #[test]
    fn the_tiles_that_a_rectangle_touches_agree_with_morecantile() {
        let bounds = Bounds {
            west: 5.4,
            south: 42.75,
            east: 6.9,
            north: 43.65,
        };
        assert_eq!(tiles_touched(bounds, 8), [131..=132, 93..=94]);
        assert_eq!(tiles_touched(bounds, 0), [0..=0, 0..=0]);
        let world = Bounds {
            west: -180.0,
            south: -90.0,
            east: 180.0,
            north: 90.0,
        };
        assert_eq!(tiles_touched(world, 3), [0..=7, 0..=7]);
    }

    #[test]
    fn the_zoom_of_a_cell_size_is_the_first_that_is_not_coarser() {
        for zoom in 0..20 {
            let cell = 360.0 / 256.0 / f64::from(1_u32 << zoom);
            assert_eq!(zoom_for_cell_width(cell, 256.0), zoom);
            assert_eq!(zoom_for_cell_width(cell * 0.99, 256.0), zoom + 1);
        }
    }
}
