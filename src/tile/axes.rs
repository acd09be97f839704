//! Pixels and a level whose rows and columns go the same ways: each axis by itself.

use std::ops::Range;

use crate::{
    grid::{
        Grid, Window,
        tile_matrix::{mercator_to_latitude, mercator_to_longitude},
    },
    raster::{AxisTable, Resampling},
};

/// A tile and a level whose axes go the same ways.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) target: Grid,
    pub(super) source: Grid,
    /// Whether the level is in the target's system, or in degrees where that is Web
    /// Mercator.
    pub(super) is_same: bool,
    pub(super) resampling: Resampling,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a tile's side is far below 2^52"
)]
impl Axes {
    /// Fractional row of the level at a fractional row of the tile.
    fn row(&self, at: f64) -> f64 {
        let y = y_at(&self.target, self.is_same, at);
        self.source.transform.row(y)
    }

    /// Fractional column of the level at a fractional column of the tile.
    fn col(&self, at: f64) -> f64 {
        let x = x_at(&self.target, self.is_same, at);
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
        match self.resampling {
            Resampling::Average => table.with_edges((0..=side).map(|n| position(n as f64))),
            Resampling::Nearest | Resampling::Bilinear | Resampling::Cubic => table,
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
        if tell && self.resampling != Resampling::Average {
            return ends.range(self.resampling);
        }
        self.table(side, len, position).range(self.resampling)
    }
}

/// World y at a fractional row, in the target's own system or in degrees, where that is
/// Web Mercator.
pub(super) fn y_at(target: &Grid, is_same: bool, row: f64) -> f64 {
    let y = target.transform.y(row);
    if is_same { y } else { mercator_to_latitude(y) }
}

/// World x at a fractional column, as [`y_at`].
pub(super) fn x_at(target: &Grid, is_same: bool, col: f64) -> f64 {
    let x = target.transform.x(col);
    if is_same { x } else { mercator_to_longitude(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Epsg, GeoTransform, Shape, TileAddress};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_window_of_a_tile_is_what_its_tables_read(
            (zoom, x, y) in (4_u64..14, 0.0_f64..1.0, 0.25_f64..0.75),
            (shift_x, shift_y) in (-1.5_f64..1.5, -1.5_f64..1.5),
            (cells, side) in (1_usize..700, 1_usize..300),
            is_mercator in any::<bool>(),
            resampling in prop::sample::select(vec![
                Resampling::Nearest,
                Resampling::Bilinear,
                Resampling::Cubic,
                Resampling::Average,
            ]),
        ) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place within a zoom"
            )]
            let place = |share: f64| (share * (1_u64 << zoom) as f64) as u64;
            let address = TileAddress::new(zoom, place(x), place(y)).unwrap();
            let target = address.grid(side);
            let bounds = if is_mercator { target.bounds() } else { address.lonlat_bounds() };
            let (width, height) = (bounds.east - bounds.west, bounds.north - bounds.south);
            // A level as large as the tile, moved against it.
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let cell = width / cells as f64;
            let source = Grid {
                crs: if is_mercator { Epsg::WEB_MERCATOR } else { Epsg::WGS84 },
                transform: GeoTransform {
                    origin_x: bounds.west + shift_x * width,
                    origin_y: bounds.north + shift_y * height,
                    cell_width: cell,
                    cell_height: -cell,
                },
                shape: Shape { rows: cells, cols: cells },
            };
            let axes = Axes { target, source, is_same: is_mercator, resampling };
            let (rows, cols) = (axes.rows().range(resampling), axes.cols().range(resampling));
            let window = axes.window();
            let expected = rows.zip(cols);
            let found = window.map(|w| (w.row..w.row_end(), w.col..w.col_end()));
            prop_assert_eq!(found, expected);
        }
    }
}
