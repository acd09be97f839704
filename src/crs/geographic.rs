//! Where a rectangle of a reference system is on the globe, and the other way
//! round.

use super::{CrsError, cell_size_at, project};
use crate::grid::{
    Bounds, Epsg, Grid,
    tile_matrix::{mercator_to_degrees, mercator_to_longitude},
};

/// Points that each edge of a rectangle is followed by.
const EDGE_STEPS: usize = 16;

/// What rounding may add to a coordinate: far below any pixel, in degrees and
/// in metres.
const ROUNDING: f64 = 1e-9;

/// The most degrees of longitude between neighbouring points of an outline.
/// One that turns faster passes so near to a pole that the way round it is
/// not known.
const TURN: f64 = 90.0;

/// The edges of a rectangle in another system, each as a row of points; they
/// go round it, so that each begins where the one before ends.
fn outline(bounds: Bounds, from: Epsg, to: Epsg) -> Result<[Vec<(f64, f64)>; 4], CrsError> {
    let Bounds {
        west,
        south,
        east,
        north,
    } = bounds;
    let corners = [(west, south), (east, south), (east, north), (west, north)];
    let mut edges: [Vec<(f64, f64)>; 4] = std::array::from_fn(|n| {
        let ((x0, y0), (x1, y1)) = (corners[n], corners[(n + 1) % 4]);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let share = |step: usize| step as f64 / EDGE_STEPS as f64;
        let between = |a: f64, b: f64, t: f64| a * (1.0 - t) + b * t;
        (0..=EDGE_STEPS)
            .map(|step| (between(x0, x1, share(step)), between(y0, y1, share(step))))
            .collect()
    });
    for point in edges.iter_mut().flatten() {
        *point = project(point.0, point.1, from, to)?;
    }
    Ok(edges)
}

/// The least and greatest value along edges. Between samples a curve leaves
/// their span by an eighth of the second difference where its curvature is
/// even; four times that is added.
fn span<'a>(edges: impl IntoIterator<Item = &'a [f64]>) -> (f64, f64) {
    let (mut low, mut high, mut bulge) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    for edge in edges {
        for value in edge {
            (low, high) = (low.min(*value), high.max(*value));
        }
        for three in edge.windows(3) {
            bulge = bulge.max((three[0] - 2.0 * three[1] + three[2]).abs());
        }
    }
    let margin = bulge / 2.0 + ROUNDING;
    (low - margin, high + margin)
}

/// Rectangles of longitude and latitude (EPSG:4326) that together hold every
/// point of a rectangle of a system: one, or two where it crosses the
/// antimeridian. `west` < `east` in each. A rectangle around a pole has all
/// longitudes.
///
/// # Errors
/// If there is no way, or a point of the rectangle's edge has no counterpart.
pub fn geographic_bounds(system: Epsg, bounds: Bounds) -> Result<Vec<Bounds>, CrsError> {
    if system == Epsg::WGS84 {
        return Ok(cut(bounds));
    }
    let edges = outline(bounds, system, Epsg::WGS84)?;
    let latitudes = edges
        .each_ref()
        .map(|edge| -> Vec<f64> { edge.iter().map(|(_, latitude)| *latitude).collect() });
    let (mut south, mut north) = span(latitudes.iter().map(Vec::as_slice));
    // Each longitude is the one nearest to its neighbour's, however far round
    // the globe that leads.
    let (mut last, mut jump) = (edges[0][0].0, 0.0_f64);
    let first = last;
    let longitudes = edges.each_ref().map(|edge| -> Vec<f64> {
        let follow = |(longitude, _): &(f64, f64)| {
            let step = (longitude - last + 180.0).rem_euclid(360.0) - 180.0;
            jump = jump.max(step.abs());
            last += step;
            last
        };
        edge.iter().map(follow).collect()
    });
    let (mut west, mut east) = span(longitudes.iter().map(Vec::as_slice));
    if jump > TURN || (last - first).abs() > 180.0 {
        (west, east) = (-180.0, 180.0);
        if south + north > 0.0 {
            north = 90.0;
        } else {
            south = -90.0;
        }
    }
    Ok(cut(Bounds {
        west,
        south,
        east,
        north,
    }))
}

/// A rectangle of longitude and latitude in parts that do not cross the
/// antimeridian. What reaches over it by no more than rounding does not cross.
fn cut(bounds: Bounds) -> Vec<Bounds> {
    let turns = ((bounds.west + 2.0 * ROUNDING + 180.0) / 360.0).floor() * 360.0;
    let whole = Bounds {
        west: (bounds.west - turns).max(-180.0),
        south: bounds.south.max(-90.0),
        east: bounds.east - turns,
        north: bounds.north.min(90.0),
    };
    if bounds.east - bounds.west >= 360.0 {
        return vec![Bounds {
            west: -180.0,
            east: 180.0,
            ..whole
        }];
    }
    if whole.east <= 180.0 + 2.0 * ROUNDING {
        let east = whole.east.min(180.0);
        return vec![Bounds { east, ..whole }];
    }
    vec![
        Bounds {
            east: 180.0,
            ..whole
        },
        Bounds {
            west: -180.0,
            east: whole.east - 360.0,
            ..whole
        },
    ]
}

/// A rectangle of a system that holds every point of a rectangle of longitude
/// and latitude (EPSG:4326).
///
/// # Errors
/// If there is no way, or a point of the rectangle's edge has no counterpart.
pub fn projected_bounds(system: Epsg, bounds: Bounds) -> Result<Bounds, CrsError> {
    if system == Epsg::WGS84 {
        return Ok(bounds);
    }
    let edges = outline(bounds, Epsg::WGS84, system)?;
    let of = |axis: fn(&(f64, f64)) -> f64| {
        let values = edges
            .each_ref()
            .map(|edge| edge.iter().map(axis).collect::<Vec<f64>>());
        span(values.iter().map(Vec::as_slice))
    };
    let ((west, east), (south, north)) = (of(|point| point.0), of(|point| point.1));
    Ok(Bounds {
        west,
        south,
        east,
        north,
    })
}

/// The rectangle that one of a system has around it in another: that of points along its
/// edges, as GDAL finds it, so it may miss what bulges out between them.
///
/// # Errors
/// If there is no way, or a point of the rectangle's edge has no counterpart.
pub fn transformed(bounds: Bounds, from: Epsg, to: Epsg) -> Result<Bounds, CrsError> {
    match (from, to) {
        _ if from == to => return Ok(bounds),
        (Epsg::WEB_MERCATOR, Epsg::WGS84) => return Ok(mercator_to_degrees(bounds)),
        _ => {}
    }
    let edges = outline(bounds, from, to)?;
    let mut around: Option<Bounds> = None;
    for (x, y) in edges.iter().flatten() {
        let point = Bounds {
            west: *x,
            south: *y,
            east: *x,
            north: *y,
        };
        around = Some(around.map_or(point, |around| around.union(&point)));
    }
    Ok(around.unwrap_or(bounds))
}

/// Where on the globe a grid is, and how fine.
#[derive(Clone, Debug, PartialEq)]
pub struct Footprint {
    /// The rectangles of longitude and latitude that it lies in, see
    /// [`geographic_bounds`].
    pub parts: Vec<Bounds>,
    /// Degrees of longitude that a Web Mercator pixel as fine as the grid's
    /// finest cells is wide.
    pub cell_width: f64,
}

impl Footprint {
    /// The footprint of a grid.
    ///
    /// # Errors
    /// If there is no way, or a part of the grid has no counterpart.
    pub fn of(grid: &Grid) -> Result<Self, CrsError> {
        let bounds = grid.bounds();
        let cell_width = match grid.crs {
            Epsg::WGS84 => grid.transform.cell_width,
            system => {
                let xs = [bounds.west, bounds.west.midpoint(bounds.east), bounds.east];
                let ys = [
                    bounds.south,
                    bounds.south.midpoint(bounds.north),
                    bounds.north,
                ];
                let mut finest = f64::INFINITY;
                for (x, y) in xs.iter().flat_map(|x| ys.iter().map(move |y| (*x, *y))) {
                    let (x, y) = project(x, y, system, Epsg::WEB_MERCATOR)?;
                    let (width, height) = cell_size_at(grid, x, y, Epsg::WEB_MERCATOR)?;
                    finest = finest.min(width).min(height);
                }
                mercator_to_longitude(finest)
            }
        };
        let mut parts = geographic_bounds(grid.crs, bounds)?;
        // Growing to whole cells may carry a grid over the antimeridian by a
        // part of a cell, which nobody asked for.
        let is_wide = |part: &Bounds| part.east - part.west > cell_width;
        if parts.iter().any(is_wide) {
            parts.retain(is_wide);
        }
        Ok(Self { parts, cell_width })
    }

    /// One rectangle around the parts. As `TileJSON` wants it, it does not
    /// cross the antimeridian: where the grid does, it has all longitudes.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let nothing = Bounds {
            west: f64::INFINITY,
            south: f64::INFINITY,
            east: f64::NEG_INFINITY,
            north: f64::NEG_INFINITY,
        };
        self.parts.iter().fold(nothing, |all, part| all.union(part))
    }

    /// Longitude and latitude of the middle.
    #[must_use]
    pub fn center(&self) -> (f64, f64) {
        let whole = self.unrolled();
        let longitude = whole.west.midpoint(whole.east);
        let longitude = if longitude > 180.0 {
            longitude - 360.0
        } else {
            longitude
        };
        (longitude, whole.south.midpoint(whole.north))
    }

    /// The longer side, in degrees.
    #[must_use]
    pub fn extent(&self) -> f64 {
        let whole = self.unrolled();
        (whole.east - whole.west).max(whole.north - whole.south)
    }

    /// One rectangle whose longitudes go on beyond 180 where the grid crosses
    /// the antimeridian.
    fn unrolled(&self) -> Bounds {
        match self.parts.as_slice() {
            [before, after] => Bounds {
                east: after.east + 360.0,
                ..*before
            },
            _ => self.bounds(),
        }
    }
}
