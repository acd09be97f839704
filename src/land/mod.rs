//! Where there is land, to leave out tiles and cells that can only hold sea.
//!
//! The outlines are Natural Earth's 1:10m land (public domain), as the npm package
//! `world-atlas` has them, on a grid of 0.0036 by 0.0017 degrees. Lakes and rivers are
//! land there, most islands below a few hundred metres are not shown, and the only
//! water inside of land is the Caspian Sea. The ice of Antarctica is land. Natural Earth
//! draws the buoy at 0 N 0 E as an island, a kilometre wide.

mod index;
mod region;
mod topojson;

use std::sync::LazyLock;

use index::{Index, Rectangle};
use topojson::{Atlas, AtlasError, Grid};

pub use region::{Region, RegionError};

/// Absorbs the rounding from degrees to grid units, so that a box with land on its very
/// edge has land. Grid units; less than a millimetre on the ground.
const MARGIN: f64 = 1e-6;

/// The land of the world, ready to be asked about points and boxes.
///
/// A place is land if the winding number of the outlines is not zero there. Longitudes
/// and latitudes are degrees, WGS 84 (EPSG:4326).
#[derive(Debug)]
pub struct Land {
    grid: Grid,
    index: Index,
}

impl Land {
    /// The atlas that is part of the program; read at the first call.
    #[must_use]
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Land> = LazyLock::new(|| {
            Land::read(include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/node_modules/world-atlas/land-10m.json"
            )))
            .expect("the embedded atlas is a constant, which every test of this module reads")
        });
        &GLOBAL
    }

    fn read(topojson: &str) -> Result<Self, AtlasError> {
        let atlas = topojson::read(topojson)?;
        Ok(Self::new(&atlas))
    }

    fn new(atlas: &Atlas) -> Self {
        Self {
            grid: atlas.grid,
            index: Index::new(atlas),
        }
    }

    /// Whether any land touches the box, edges included.
    ///
    /// A box with `west` greater than `east` crosses the antimeridian (RFC 7946, 5.2).
    /// Longitudes beyond 180 continue round the world, latitudes beyond a pole do not.
    #[must_use]
    pub fn intersects(&self, west: f64, south: f64, east: f64, north: f64) -> bool {
        let width = if east < west {
            east - west + 360.0
        } else {
            (east - west).min(360.0)
        };
        let west = wrapped(west);
        let low = self.grid.position(west, south).map(|v| v - MARGIN);
        let high = self.grid.position(west + width, north).map(|v| v + MARGIN);
        // Outlines go on beyond 180 E, and so can the box: they may meet there, here,
        // or where one of them is seen from the other side.
        [-1, 0, 1].into_iter().any(|turn| {
            let x = |v: f64| v + f64::from(turn * self.grid.period);
            self.index.intersects(&Rectangle {
                low: [x(low[0]), low[1]],
                high: [x(high[0]), high[1]],
            })
        })
    }

    /// Whether the point is land. On the very coast either answer can be right.
    #[must_use]
    pub fn contains(&self, longitude: f64, latitude: f64) -> bool {
        let [x, y] = self.grid.position(wrapped(longitude), latitude);
        [x, x + f64::from(self.grid.period)]
            .into_iter()
            .any(|x| self.index.winding([x, y]) != 0)
    }
}

/// The same longitude from -180 to below 180.
fn wrapped(longitude: f64) -> f64 {
    (longitude + 180.0).rem_euclid(360.0) - 180.0
}

#[cfg(test)]
mod tests;
