//! Tile matrix sets, and addresses in them.
//!
//! Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4).

mod matrix;
mod mercator;
mod set;

use super::{Bounds, Epsg, GeoTransform, Grid, Shape};

pub use self::{
    matrix::TileMatrix,
    mercator::{
        HALF_SIDE, MAX_ZOOM, latitude_to_mercator, longitude_to_mercator, mercator_to_degrees,
        mercator_to_latitude, mercator_to_longitude, tiles_touched, zoom_for_cell_width,
    },
    set::TileMatrixSet,
};

/// Why three numbers name no tile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no tile at zoom {zoom}, column {col}, row {row} of {}: {}", set.id(), what_there_is(*set, *zoom))]
pub struct TileAddressError {
    set: TileMatrixSet,
    zoom: i64,
    col: u64,
    row: u64,
}

fn what_there_is(set: TileMatrixSet, zoom: i64) -> String {
    if let Some(matrix) = set.matrix(zoom) {
        let (cols, rows) = (matrix.cols, matrix.rows);
        return format!("this zoom has {cols} columns and {rows} rows");
    }
    let zooms = set.zooms();
    format!("zooms are {} to {}", zooms.start(), zooms.end())
}

/// A tile's place: one that exists names a tile of its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileAddress {
    set: TileMatrixSet,
    zoom: i8,
    col: u32,
    row: u32,
}

impl TileAddress {
    /// The tile of `WebMercatorQuad` at a zoom, column (from the west) and row (from the
    /// north).
    ///
    /// # Errors
    /// If the zoom is above [`MAX_ZOOM`] or the column or row is not below
    /// 2^zoom.
    pub fn new(zoom: u64, col: u64, row: u64) -> Result<Self, TileAddressError> {
        let zoom = i64::try_from(zoom).unwrap_or(i64::MAX);
        Self::of(TileMatrixSet::WebMercatorQuad, zoom, col, row)
    }

    /// The tile of a set at a zoom, column (from the west) and row (from the north). Where
    /// tiles of a row are merged, all of their columns name the one.
    ///
    /// # Errors
    /// If the set has no such zoom, or that no such column or row.
    pub fn of(set: TileMatrixSet, zoom: i64, col: u64, row: u64) -> Result<Self, TileAddressError> {
        let error = TileAddressError {
            set,
            zoom,
            col,
            row,
        };
        // What every map asks for is not looked up.
        let (zoom, [cols, rows]) = if set == TileMatrixSet::WebMercatorQuad {
            let zoom = i8::try_from(zoom).ok();
            let zoom = zoom.filter(|zoom| (0..=MAX_ZOOM).contains(zoom));
            (zoom, [zoom.map_or(0, |zoom| 1_u32 << zoom); 2])
        } else {
            let matrix = set.matrix(zoom);
            let zoom = matrix.map(|matrix| matrix.zoom);
            (
                zoom,
                matrix.map_or([0; 2], |matrix| [matrix.cols, matrix.rows]),
            )
        };
        match (zoom, u32::try_from(col), u32::try_from(row)) {
            (Some(zoom), Ok(col), Ok(row)) if col < cols && row < rows => {
                let merged = set.merged(zoom, row);
                Ok(Self {
                    set,
                    zoom,
                    col: col - col % merged,
                    row,
                })
            }
            _ => Err(error),
        }
    }

    /// The set that it is of.
    #[must_use]
    pub fn set(self) -> TileMatrixSet {
        self.set
    }

    /// The zoom.
    #[must_use]
    pub fn zoom(self) -> i8 {
        self.zoom
    }

    /// The column, from the west; of merged tiles the first.
    #[must_use]
    pub fn col(self) -> u32 {
        self.col
    }

    /// The row, from the north.
    #[must_use]
    pub fn row(self) -> u32 {
        self.row
    }

    /// The tile as a grid of `size` x `size` pixels in its set's reference system.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tile sizes are far below 2^52")]
    pub fn grid(self, size: usize) -> Grid {
        let shape = Shape {
            rows: size,
            cols: size,
        };
        let Some(matrix) = self.matrix() else {
            let tile = 2.0 * HALF_SIDE / f64::from(1_u32 << self.zoom);
            let cell = tile / size as f64;
            return Grid {
                crs: Epsg::WEB_MERCATOR,
                transform: GeoTransform {
                    origin_x: -HALF_SIDE + f64::from(self.col) * tile,
                    origin_y: HALF_SIDE - f64::from(self.row) * tile,
                    cell_width: cell,
                    cell_height: -cell,
                },
                shape,
            };
        };
        let span = matrix.cell_size * f64::from(matrix.tile);
        let merged = f64::from(self.set.merged(self.zoom, self.row));
        Grid {
            crs: self.set.crs(),
            transform: GeoTransform {
                origin_x: matrix.west + f64::from(self.col) * span,
                origin_y: matrix.north - f64::from(self.row) * span,
                cell_width: span * merged / size as f64,
                cell_height: -span / size as f64,
            },
            shape,
        }
    }

    /// Its matrix, but of `WebMercatorQuad`, whose numbers are powers of two.
    fn matrix(self) -> Option<&'static TileMatrix> {
        let is_web = self.set == TileMatrixSet::WebMercatorQuad;
        (!is_web)
            .then(|| self.set.matrix(self.zoom.into()))
            .flatten()
    }

    /// The rectangle in EPSG:4326 of a tile of `WebMercatorQuad`.
    #[must_use]
    pub fn lonlat_bounds(self) -> Bounds {
        mercator_to_degrees(self.grid(1).bounds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    /// As morecantile 7.1.0 gives them: `tms.xy_bounds(Tile(x, y, z))`, which takes any of
    /// the columns of merged tiles. `tests/reference/tile_matrix_sets.py` compares all sets.
    #[test]
    fn a_merged_tile_has_the_width_of_those_that_it_is_made_of() {
        let set = TileMatrixSet::GNOSISGlobalGrid;
        let tile = |col| TileAddress::of(set, 2, col, 0).unwrap();
        assert_eq!(tile(5), tile(4));
        let text = |tile: TileAddress| format!("{:?}", tile.grid(256).bounds().to_array());
        assert_eq!(text(tile(4)), "[-90.0, 67.5, 0.0, 90.0]");
        let set = TileMatrixSet::CDB1GlobalGrid;
        let bounds = |col, row| text(TileAddress::of(set, -10, col, row).unwrap());
        assert_eq!(bounds(13, 0), "[-168.0, 89.0, -156.0, 90.0]");
        assert_eq!(bounds(13, 90), "[-167.0, -1.0, -166.0, 0.0]");
    }

    #[test]
    fn a_message_tells_what_the_set_has() {
        let text = |zoom, col| {
            let set = TileMatrixSet::WGS1984Quad;
            TileAddress::of(set, zoom, col, 0).unwrap_err().to_string()
        };
        let wide = text(1, 4);
        assert!(
            wide.contains("WGS1984Quad: this zoom has 4 columns and 2 rows"),
            "{wide}"
        );
        assert!(text(24, 0).contains("zooms are 0 to 23"));
        assert!(text(-1, 0).contains("zooms are 0 to 23"));
    }
}
