//! Where pixels are wanted.

use super::TileError;
use crate::{
    crs,
    grid::{Bounds, Epsg, Grid, Shape, TileAddress, tile_matrix::mercator_to_degrees},
};

/// The pixels of a tile, or of a rectangle of any system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) grid: Grid,
    /// The tile, if it is one.
    pub(super) address: Option<TileAddress>,
    /// Half pixels more on each side that are made of the same level.
    pub(super) around: usize,
}

impl Target {
    pub(super) fn of_tile(address: TileAddress, size: usize) -> Self {
        Self {
            grid: address.grid(size),
            address: Some(address),
            around: 0,
        }
    }

    pub(super) fn of_grid(grid: Grid) -> Self {
        Self {
            grid,
            address: None,
            around: 0,
        }
    }

    /// How many pixels are made.
    pub(super) fn pixels(&self) -> usize {
        let Shape { rows, cols } = self.grid.shape;
        (rows + self.around) * (cols + self.around)
    }

    /// Rectangles of longitude and latitude that hold all of it that is on the globe.
    pub(super) fn parts(&self) -> Vec<Bounds> {
        let bounds = self.grid.bounds();
        match self.grid.crs {
            Epsg::WGS84 => vec![bounds],
            Epsg::WEB_MERCATOR => vec![mercator_to_degrees(bounds)],
            // An edge that leaves the globe says nothing of where the rest is.
            system => crs::geographic_bounds(system, bounds).unwrap_or_else(|_nowhere| {
                vec![Bounds {
                    west: -180.0,
                    south: -90.0,
                    east: 180.0,
                    north: 90.0,
                }]
            }),
        }
    }

    /// That it shares nothing with what has these bounds, in degrees.
    pub(super) fn outside(&self, bounds: Bounds) -> TileError {
        let bounds = bounds.to_array();
        if let Some(tile) = self.address {
            return TileError::Outside {
                zoom: tile.zoom(),
                col: tile.col(),
                row: tile.row(),
                bounds,
            };
        }
        let parts = self.parts().into_iter();
        let asked = parts.reduce(|all, part| all.union(&part));
        let asked = asked.unwrap_or_else(|| self.grid.bounds()).to_array();
        TileError::NoOverlap { asked, bounds }
    }
}
