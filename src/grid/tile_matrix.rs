//! The OGC tile matrix set `WebMercatorQuad` and addresses in it.
//!
//! Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4), annex D.1:
//! 256 pixel tiles over the square of ±20037508.34 m, 2^zoom tiles a side.

use std::ops::RangeInclusive;

use super::{Bounds, Epsg, GeoTransform, Grid, Shape};

/// The radius of the sphere that Web Mercator is computed on, in metres.
const RADIUS: f64 = 6_378_137.0;

/// Half a side of the square that the set divides, in metres.
pub const HALF_SIDE: f64 = std::f64::consts::PI * RADIUS;

/// The deepest zoom that is addressed: 2^24 tiles a side, 0.6 cm pixels.
pub const MAX_ZOOM: u8 = 24;

/// A tile matrix set that tiles are served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileMatrixSet {
    /// The square Web Mercator pyramid of every web map.
    WebMercatorQuad,
}

impl TileMatrixSet {
    /// The identifiers that [`TileMatrixSet::named`] knows.
    pub const NAMES: [&str; 1] = ["WebMercatorQuad"];

    /// The set with this OGC identifier.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        (id == "WebMercatorQuad").then_some(Self::WebMercatorQuad)
    }
}

/// Why three numbers name no tile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "no tile at zoom {zoom}, column {col}, row {row}: zoom goes to {MAX_ZOOM}, and a zoom has 2^zoom columns and rows"
)]
pub struct TileAddressError {
    zoom: u64,
    col: u64,
    row: u64,
}

/// A tile's place: one that exists names a tile of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileAddress {
    zoom: u8,
    col: u32,
    row: u32,
}

impl TileAddress {
    /// The tile at a zoom, column (from the west) and row (from the north).
    ///
    /// # Errors
    /// If the zoom is above [`MAX_ZOOM`] or the column or row is not below
    /// 2^zoom.
    pub fn new(zoom: u64, col: u64, row: u64) -> Result<Self, TileAddressError> {
        let error = TileAddressError { zoom, col, row };
        let z = u8::try_from(zoom).ok().filter(|z| *z <= MAX_ZOOM);
        let side = z.map(|z| 1_u64 << z);
        match (z, u32::try_from(col), u32::try_from(row)) {
            (Some(zoom), Ok(c), Ok(r)) if side.is_some_and(|side| col < side && row < side) => {
                Ok(Self {
                    zoom,
                    col: c,
                    row: r,
                })
            }
            _ => Err(error),
        }
    }

    /// The zoom.
    #[must_use]
    pub fn zoom(self) -> u8 {
        self.zoom
    }

    /// The column, from the west.
    #[must_use]
    pub fn col(self) -> u32 {
        self.col
    }

    /// The row, from the north.
    #[must_use]
    pub fn row(self) -> u32 {
        self.row
    }

    /// The tile as a grid of `size` x `size` pixels in EPSG:3857.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tile sizes are far below 2^52")]
    pub fn grid(self, size: usize) -> Grid {
        let tile = 2.0 * HALF_SIDE / f64::from(1_u32 << self.zoom);
        let cell = tile / size as f64;
        Grid {
            crs: Epsg::WEB_MERCATOR,
            transform: GeoTransform {
                origin_x: -HALF_SIDE + f64::from(self.col) * tile,
                origin_y: HALF_SIDE - f64::from(self.row) * tile,
                cell_width: cell,
                cell_height: -cell,
            },
            shape: Shape {
                rows: size,
                cols: size,
            },
        }
    }

    /// The tile's rectangle in EPSG:4326.
    #[must_use]
    pub fn lonlat_bounds(self) -> Bounds {
        let b = self.grid(1).bounds();
        Bounds {
            west: mercator_to_longitude(b.west),
            south: mercator_to_latitude(b.south),
            east: mercator_to_longitude(b.east),
            north: mercator_to_latitude(b.north),
        }
    }
}

/// The columns and rows of a zoom's tiles that a rectangle (EPSG:4326) touches, as
/// far as it is on the map.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between the first and the last tile"
)]
pub fn tiles_touched(bounds: Bounds, zoom: u8) -> [RangeInclusive<u32>; 2] {
    let side = f64::from(1_u32 << zoom.min(MAX_ZOOM));
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

/// The zoom whose tiles of `tile_size` pixels have pixels closest to, and not
/// coarser than, a cell width in degrees of longitude; at most [`MAX_ZOOM`].
#[must_use]
pub fn zoom_for_cell_width(degrees: f64, tile_size: f64) -> u8 {
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

    /// Bounds as morecantile 7.1.0 gives them: `tms.bounds(Tile(x, y, z))`.
    #[test]
    fn tile_bounds_agree_with_morecantile() {
        let north = 85.051_128_779_806_6;
        let cases = [
            ((0, 0, 0), [-180.0, -north, 180.0, north]),
            ((1, 1, 0), [0.0, 0.0, 180.0, north]),
            (
                (10, 530, 372),
                [
                    6.328_124_999_999_995,
                    43.834_526_782_236_836,
                    6.679_687_499_999_985,
                    44.087_585_028_245_165,
                ],
            ),
        ];
        for ((z, x, y), expected) in cases {
            let found = TileAddress::new(z, x, y)
                .unwrap()
                .lonlat_bounds()
                .to_array();
            for (a, b) in found.into_iter().zip(expected) {
                assert!((a - b).abs() < 1e-9, "{z}/{x}/{y}: {found:?}");
            }
        }
    }

    #[test]
    fn an_address_outside_the_matrix_names_no_tile() {
        for (z, x, y) in [
            (0, 1, 0),
            (0, 0, 1),
            (3, 8, 0),
            (25, 0, 0),
            (300, 0, 0),
            (2, u64::MAX, 0),
        ] {
            assert!(TileAddress::new(z, x, y).is_err(), "{z}/{x}/{y}");
        }
        assert!(TileAddress::new(24, (1 << 24) - 1, (1 << 24) - 1).is_ok());
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
