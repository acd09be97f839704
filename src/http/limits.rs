//! Which tiles of a set there are.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::{
    grid::{Bounds, TileMatrixSet, tile_matrix::tiles_touched},
    tile,
};

/// The tiles of a zoom.
pub(super) struct Limits {
    pub(super) zoom: i8,
    pub(super) cols: RangeInclusive<u32>,
    pub(super) rows: RangeInclusive<u32>,
}

impl Limits {
    /// From the first zoom of a set to a last, for a rectangle in degrees.
    pub(super) fn of(set: TileMatrixSet, bounds: Bounds, last: i8) -> Vec<Self> {
        let zooms = *set.zooms().start()..=last;
        if set == TileMatrixSet::WebMercatorQuad {
            let touched = |zoom| {
                let [cols, rows] = tiles_touched(bounds, zoom);
                Self { zoom, cols, rows }
            };
            return zooms.map(touched).collect();
        }
        let around = tile::bounds_in(set.crs(), bounds);
        let touched = |zoom: i8| {
            let matrix = set.matrix(zoom.into())?;
            let [cols, rows] = match around {
                Some(around) => matrix.touched(around)?,
                // The set shows a part of the globe, and this is not all in it.
                None => [0..=matrix.cols - 1, 0..=matrix.rows - 1],
            };
            Some(Self { zoom, cols, rows })
        };
        zooms.filter_map(touched).collect()
    }

    /// As OGC 17-083r4 writes it.
    pub(super) fn document(&self) -> Value {
        json!({
            "tileMatrix": self.zoom.to_string(),
            "minTileRow": self.rows.start(),
            "maxTileRow": self.rows.end(),
            "minTileCol": self.cols.start(),
            "maxTileCol": self.cols.end(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As morecantile 7.1.0 gives them: `tms.tiles(11.5, 48.0, 11.6, 48.1, zooms=[z])`.
    #[test]
    fn limits_are_the_tiles_that_the_rectangle_touches() {
        let bounds = Bounds {
            west: 11.5,
            south: 48.0,
            east: 11.6,
            north: 48.1,
        };
        for (set, zoom, cols, rows) in [
            (TileMatrixSet::WebMercatorQuad, 10, 544..=544, 355..=355),
            (TileMatrixSet::WorldCRS84Quad, 10, 1089..=1089, 238..=238),
            (
                TileMatrixSet::EuropeanEtrs89LaeaQuad,
                10,
                553..=555,
                619..=622,
            ),
        ] {
            let all = Limits::of(set, bounds, zoom);
            assert_eq!(all.len(), 11);
            let found = &all[10];
            assert_eq!((&found.cols, &found.rows), (&cols, &rows), "{set:?}");
        }
    }
}
