//! Polygons that pictures and numbers are cut to.

use super::TileError;
use crate::{
    crs,
    grid::{Bounds, Epsg, Grid},
    raster::{self, Raster},
};

/// Points of a polygon, or of several, at most.
const MOST_POINTS: usize = 20_000;

/// Parts of pixels that are looked at for shares: about a second of work.
const MOST_PARTS: usize = 1 << 28;

/// Edges that rows of such parts may meet, all together: some seconds of work.
const MOST_MET: usize = 1 << 27;

/// What is wrong with a polygon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutoutError {
    /// It is no polygon.
    #[error(
        "a ring of a polygon has at least 4 points of a longitude and a latitude, of which the last is the first"
    )]
    Ring,
    /// There is nothing in it.
    #[error("there is no polygon")]
    Empty,
    /// It is too long.
    #[error("the polygons have {0} points, and {MOST_POINTS} is the limit")]
    TooMany(usize),
    /// Shares of so many pixels would be too much.
    #[error(
        "`cover_scale={scale}` divides {pixels} pixels into too many parts for {points} points: ask for fewer of any"
    )]
    TooFine {
        /// As asked for.
        scale: usize,
        /// Pixels of the rectangle around the polygon.
        pixels: usize,
        /// Points of the polygon.
        points: usize,
    },
}

/// Polygons in degrees. What an odd number of their rings holds is inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Cutout {
    rings: Vec<Vec<[f64; 2]>>,
}

impl Cutout {
    /// Refuses more points than polygons may have.
    ///
    /// # Errors
    /// [`CutoutError::TooMany`].
    pub fn check_points(points: usize) -> Result<(), CutoutError> {
        if points > MOST_POINTS {
            return Err(CutoutError::TooMany(points));
        }
        Ok(())
    }

    /// Of the rings of one polygon or several.
    ///
    /// # Errors
    /// If there is none, one is no ring, or they have too many points.
    pub fn new(rings: Vec<Vec<[f64; 2]>>) -> Result<Self, CutoutError> {
        Self::check_points(rings.iter().map(Vec::len).sum())?;
        if rings.is_empty() {
            return Err(CutoutError::Empty);
        }
        let is_point = |[x, y]: &[f64; 2]| x.abs() <= 540.0 && y.abs() <= 90.0;
        let is_ring = |ring: &Vec<[f64; 2]>| {
            ring.len() >= 4 && ring.first() == ring.last() && ring.iter().all(is_point)
        };
        if !rings.iter().all(is_ring) {
            return Err(CutoutError::Ring);
        }
        Ok(Self { rings })
    }

    /// The rectangle around it, in degrees.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let mut around = Bounds {
            west: f64::INFINITY,
            south: f64::INFINITY,
            east: f64::NEG_INFINITY,
            north: f64::NEG_INFINITY,
        };
        for [x, y] in self.rings.iter().flatten() {
            around.west = around.west.min(*x);
            around.east = around.east.max(*x);
            around.south = around.south.min(*y);
            around.north = around.north.max(*y);
        }
        around
    }

    /// A text that is the same for equal ones.
    pub(super) fn canonical(&self) -> String {
        format!("{:?}", self.rings)
    }

    /// Whether each pixel of a grid is touched. Computation.
    pub(super) fn touched(&self, grid: &Grid) -> Result<Vec<bool>, TileError> {
        let shares = raster::coverage(&self.on(grid)?, grid.shape, 1);
        Ok(shares.data.into_iter().map(|share| share > 0.0).collect())
    }

    /// Which share of each pixel of a grid is covered, by parts of pixels that are
    /// touched, `scale` along a side. Computation.
    pub(super) fn shares(&self, grid: &Grid, scale: usize) -> Result<Raster<f32>, TileError> {
        Ok(raster::coverage(&self.on(grid)?, grid.shape, scale))
    }

    /// Refuses what would take too long.
    ///
    /// # Errors
    /// [`CutoutError::TooFine`].
    pub(super) fn check(&self, grid: &Grid, scale: usize) -> Result<(), CutoutError> {
        let pixels = grid.shape.rows * grid.shape.cols;
        let parts = pixels.saturating_mul(scale).saturating_mul(scale);
        let points: usize = self.rings.iter().map(Vec::len).sum();
        let met = (grid.shape.rows * points).saturating_mul(scale);
        if parts > MOST_PARTS || met > MOST_MET {
            return Err(CutoutError::TooFine {
                scale,
                pixels,
                points,
            });
        }
        Ok(())
    }

    /// Its rings in columns and rows of a grid.
    fn on(&self, grid: &Grid) -> Result<Vec<Vec<[f64; 2]>>, TileError> {
        // The grid may be some turns of longitude away.
        let turns = if grid.crs == Epsg::WGS84 {
            let (own, grid) = (self.bounds(), grid.bounds());
            let apart = grid.west.midpoint(grid.east) - own.west.midpoint(own.east);
            (apart / 360.0).round() * 360.0
        } else {
            0.0
        };
        let place = |[x, y]: &[f64; 2]| {
            let point = crs::project(x + turns, *y, Epsg::WGS84, grid.crs);
            let (x, y) = point.map_err(TileError::System)?;
            Ok([grid.transform.col(x), grid.transform.row(y)])
        };
        let of_ring = |ring: &Vec<[f64; 2]>| ring.iter().map(place).collect();
        self.rings.iter().map(of_ring).collect()
    }
}

/// Makes what is not in a cutout missing.
pub(super) fn cut<T: Copy>(samples: &mut [T], is_in: &[bool], missing: T) {
    for (sample, is_in) in std::iter::zip(samples, is_in) {
        if !is_in {
            *sample = missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_is_of_closed_rings_and_of_so_many_points() {
        let ring = vec![[5.0, 43.0], [6.0, 43.0], [6.0, 44.0], [5.0, 43.0]];
        let cutout = Cutout::new(vec![ring.clone()]).unwrap();
        let bounds = Bounds {
            west: 5.0,
            south: 43.0,
            east: 6.0,
            north: 44.0,
        };
        assert_eq!(cutout.bounds(), bounds);
        let open = ring[..3].to_vec();
        let outside = vec![[5.0, 43.0], [6.0, 143.0], [6.0, 44.0], [5.0, 43.0]];
        for wrong in [open, outside, vec![[f64::NAN; 2]; 4]] {
            assert_eq!(Cutout::new(vec![wrong]), Err(CutoutError::Ring));
        }
        assert_eq!(Cutout::new(Vec::new()), Err(CutoutError::Empty));
        let long = vec![[5.0, 43.0]; MOST_POINTS + 1];
        assert_eq!(
            Cutout::new(vec![long]),
            Err(CutoutError::TooMany(MOST_POINTS + 1))
        );
    }
}
