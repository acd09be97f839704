//! Pixels and a level whose rows and columns go the same ways: each axis by itself.

use std::ops::Range;

use crate::{
    grid::{
        Bounds, Epsg, Grid, Window,
        tile_matrix::{
            latitude_to_mercator, longitude_to_mercator, mercator_to_latitude,
            mercator_to_longitude,
        },
    },
    raster::{AxisTable, Resampling},
};

/// How coordinates of one system become those of another whose axes go the same ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// They are those of the other.
    Same,
    /// Web Mercator to degrees.
    ToDegrees,
    /// Degrees to Web Mercator.
    ToMercator,
}

impl Turn {
    /// Between two systems, if each axis follows from one of the other's alone.
    pub(super) fn between(from: Epsg, to: Epsg) -> Option<Self> {
        match (from, to) {
            _ if from == to => Some(Self::Same),
            (Epsg::WEB_MERCATOR, Epsg::WGS84) => Some(Self::ToDegrees),
            (Epsg::WGS84, Epsg::WEB_MERCATOR) => Some(Self::ToMercator),
            _ => None,
        }
    }

    pub(super) fn x(self, x: f64) -> f64 {
        match self {
            Self::Same => x,
            Self::ToDegrees => mercator_to_longitude(x),
            Self::ToMercator => longitude_to_mercator(x),
        }
    }

    pub(super) fn y(self, y: f64) -> f64 {
        match self {
            Self::Same => y,
            Self::ToDegrees => mercator_to_latitude(y),
            Self::ToMercator => latitude_to_mercator(y),
        }
    }

    pub(super) fn bounds(self, bounds: Bounds) -> Bounds {
        Bounds {
            west: self.x(bounds.west),
            south: self.y(bounds.south),
            east: self.x(bounds.east),
            north: self.y(bounds.north),
        }
    }

    /// The size, in the other system, of the pixels of a grid where that is `shared`. Web
    /// Mercator's pixels get lower towards the poles, so the mean of a whole tile would be
    /// too coarse for a cube in its northern half, and too fine the other way round.
    pub(super) fn pixel_size(self, target: &Grid, shared: Bounds) -> PixelSize {
        let at = &target.transform;
        let (width, height) = (self.x(at.cell_width), -at.cell_height);
        let whole = self.y_span(shared);
        let mean = height * (shared.north - shared.south) / whole;
        let latitudes = match self {
            Self::Same => return PixelSize::square(width, height),
            Self::ToDegrees => [shared.south, shared.north],
            Self::ToMercator => [shared.south, shared.north].map(mercator_to_latitude),
        };
        // The factor by which a pixel is lower than it is wide, at some latitudes.
        let [far, near] = {
            let [south, north] = latitudes.map(f64::abs);
            let is_across = latitudes[0] < 0.0 && latitudes[1] > 0.0;
            let near = if is_across { 0.0 } else { south.min(north) };
            [south.max(north), near].map(|latitude| latitude.to_radians().cos())
        };
        let at_equator = self.x(height);
        let [low, high] = match self {
            Self::ToMercator => [at_equator / near, at_equator / far],
            Self::Same | Self::ToDegrees => [at_equator * far, at_equator * near],
        };
        PixelSize {
            width,
            mean,
            low,
            high,
        }
    }

    /// How far apart the south and the north of a rectangle of the other system are in
    /// the first one.
    fn y_span(self, shared: Bounds) -> f64 {
        let y = |y: f64| match self {
            Self::Same => y,
            Self::ToDegrees => latitude_to_mercator(y),
            Self::ToMercator => mercator_to_latitude(y),
        };
        y(shared.north) - y(shared.south)
    }
}

/// How large the pixels of a picture are where a cube is, in the cube's units: all are
/// of one width, and the lowest, the mean and the highest are of these heights.
#[derive(Clone, Copy, Debug)]
pub(super) struct PixelSize {
    pub(super) width: f64,
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl PixelSize {
    pub(super) fn square(width: f64, height: f64) -> Self {
        Self {
            width,
            mean: height,
            low: height,
            high: height,
        }
    }
}

/// A tile and a level whose axes go the same ways.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) target: Grid,
    pub(super) source: Grid,
    /// From the target's system to the level's.
    pub(super) turn: Turn,
    pub(super) resampling: Resampling,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a tile's side is far below 2^52"
)]
impl Axes {
    /// Fractional row of the level at a fractional row of the tile.
    fn row(&self, at: f64) -> f64 {
        let y = self.turn.y(self.target.transform.y(at));
        self.source.transform.row(y)
    }

    /// Fractional column of the level at a fractional column of the tile.
    fn col(&self, at: f64) -> f64 {
        let x = self.turn.x(self.target.transform.x(at));
        self.source.transform.col(x)
    }

    pub(super) fn rows(&self) -> AxisTable {
        let (side, len) = (self.target.shape.rows, self.source.shape.rows);
        self.table(side, len, |at| self.row(at))
    }

    pub(super) fn cols(&self) -> AxisTable {
        let (side, len) = (self.target.shape.cols, self.source.shape.cols);
        self.table(side, len, |at| self.col(at))
    }

    fn table(&self, side: usize, len: usize, position: impl Fn(f64) -> f64) -> AxisTable {
        let table = AxisTable::new((0..side).map(|n| position(n as f64 + 0.5)), len);
        if self.resampling.is_of_areas() {
            table.with_edges((0..=side).map(|n| position(n as f64)))
        } else {
            table
        }
    }

    /// What of the level the tile needs; none where it only grazes it.
    pub(super) fn window(&self) -> Option<Window> {
        let rows = self.range(self.target.shape.rows, self.source.shape.rows, |at| {
            self.row(at)
        })?;
        let cols = self.range(self.target.shape.cols, self.source.shape.cols, |at| {
            self.col(at)
        })?;
        Some(Window {
            row: rows.start,
            col: cols.start,
            rows: rows.len(),
            cols: cols.len(),
        })
    }

    /// The rows or columns that a table would need. Positions only rise or only
    /// fall, so the outermost two tell, as long as both are in the level: a tile
    /// that a client has already, or that is kept, needs no table.
    fn range(
        &self,
        side: usize,
        len: usize,
        position: impl Fn(f64) -> f64,
    ) -> Option<Range<usize>> {
        let ends = [position(0.5), position(side as f64 - 0.5)];
        let ends = AxisTable::new(ends, len);
        let tell = ends.is_inside(0) && ends.is_inside(1);
        if tell && !self.resampling.is_of_areas() {
            return ends.range(self.resampling);
        }
        self.table(side, len, position).range(self.resampling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{GeoTransform, Shape, TileAddress, TileMatrixSet};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_window_of_a_tile_is_what_its_tables_read(
            (zoom, x, y) in (4_u64..14, 0.0_f64..1.0, 0.25_f64..0.75),
            (shift_x, shift_y) in (-1.5_f64..1.5, -1.5_f64..1.5),
            (cells, side) in (1_usize..700, 1_usize..300),
            turn in prop::sample::select(vec![Turn::Same, Turn::ToDegrees, Turn::ToMercator]),
            resampling in prop::sample::select(Resampling::ALL.to_vec()),
        ) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place within a zoom"
            )]
            let place = |share: f64| (share * (1_u64 << zoom) as f64) as u64;
            let (set, crs) = match turn {
                Turn::Same => (TileMatrixSet::WebMercatorQuad, Epsg::WEB_MERCATOR),
                Turn::ToDegrees => (TileMatrixSet::WebMercatorQuad, Epsg::WGS84),
                Turn::ToMercator => (TileMatrixSet::WGS1984Quad, Epsg::WEB_MERCATOR),
            };
            let zoom = i64::try_from(zoom).unwrap();
            let address = TileAddress::of(set, zoom, place(x), place(y) / 2).unwrap();
            let target = address.grid(side);
            prop_assert_eq!(Turn::between(target.crs, crs), Some(turn));
            let bounds = turn.bounds(target.bounds());
            let (width, height) = (bounds.east - bounds.west, bounds.north - bounds.south);
            // A level as large as the tile, moved against it.
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let cell = width / cells as f64;
            let source = Grid {
                crs,
                transform: GeoTransform {
                    origin_x: bounds.west + shift_x * width,
                    origin_y: bounds.north + shift_y * height,
                    cell_width: cell,
                    cell_height: -cell,
                },
                shape: Shape { rows: cells, cols: cells },
            };
            let axes = Axes { target, source, turn, resampling };
            let (rows, cols) = (axes.rows().range(resampling), axes.cols().range(resampling));
            let window = axes.window();
            let expected = rows.zip(cols);
            let found = window.map(|w| (w.row..w.row_end(), w.col..w.col_end()));
            prop_assert_eq!(found, expected);
        }
    }
}
