//! One scale of a tile matrix set.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::grid::Bounds;

/// One scale of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct TileMatrix {
    /// Its number, which is its identifier too.
    pub zoom: i8,
    /// The side of a pixel in units of the reference system.
    pub cell_size: f64,
    /// As the standard defines it, of pixels of 0.28 mm.
    pub scale_denominator: f64,
    /// The corner of the first tile in the order of the system's own axes.
    pub corner: [f64; 2],
    /// The x, or longitude, of that corner.
    pub west: f64,
    /// Its y, or latitude.
    pub north: f64,
    /// Pixels along a side of a tile.
    pub tile: u32,
    /// Number of columns.
    pub cols: u32,
    /// Number of rows.
    pub rows: u32,
    /// Rows in which so many tiles are merged to one.
    pub(super) merged: Vec<(RangeInclusive<u32>, u32)>,
}

impl TileMatrix {
    /// The columns and rows of tiles that a rectangle of the set's system touches; none
    /// if it is outside.
    #[must_use]
    pub fn touched(&self, bounds: Bounds) -> Option<[RangeInclusive<u32>; 2]> {
        let side = self.cell_size * f64::from(self.tile);
        let along = |from: f64, to: f64, number: u32| {
            // An edge that is that of a tile touches no other.
            let (first, last) = ((from + 1e-9).floor(), (to - 1e-9).ceil() - 1.0);
            if last < 0.0 || first >= f64::from(number) {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "held between the first and the last"
            )]
            let held = |at: f64| at.clamp(0.0, f64::from(number - 1)) as u32;
            Some(held(first)..=held(last.max(first)))
        };
        let (west, east) = (bounds.west - self.west, bounds.east - self.west);
        let (north, south) = (self.north - bounds.north, self.north - bounds.south);
        Some([
            along(west / side, east / side, self.cols)?,
            along(north / side, south / side, self.rows)?,
        ])
    }
}

/// The part of a definition that places tiles.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    ordered_axes: [String; 2],
    tile_matrices: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    id: String,
    scale_denominator: f64,
    cell_size: f64,
    point_of_origin: [f64; 2],
    tile_width: u32,
    matrix_width: u32,
    matrix_height: u32,
    #[serde(default)]
    variable_matrix_widths: Vec<Merged>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merged {
    coalesce: u32,
    min_tile_row: u32,
    max_tile_row: u32,
}

/// The matrices of a definition, the coarsest first.
#[expect(
    clippy::expect_used,
    reason = "the embedded definitions are constants, which tests read"
)]
pub(super) fn matrices(document: &str) -> Vec<TileMatrix> {
    let definition: Definition =
        serde_json::from_str(document).expect("an embedded definition is one");
    let is_north_first = ["Y", "Lat"].contains(&&*definition.ordered_axes[0]);
    let read = |written: Written| {
        let corner = written.point_of_origin;
        let [west, north] = if is_north_first {
            [corner[1], corner[0]]
        } else {
            corner
        };
        let merged = |merged: Merged| (merged.min_tile_row..=merged.max_tile_row, merged.coalesce);
        TileMatrix {
            zoom: written.id.parse().expect("a matrix has a number"),
            cell_size: written.cell_size,
            scale_denominator: written.scale_denominator,
            corner,
            west,
            north,
            tile: written.tile_width,
            cols: written.matrix_width,
            rows: written.matrix_height,
            merged: written
                .variable_matrix_widths
                .into_iter()
                .map(merged)
                .collect(),
        }
    };
    definition.tile_matrices.into_iter().map(read).collect()
}
