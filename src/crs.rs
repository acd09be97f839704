//! Coordinates of one reference system in another. The only user of PROJ.
//!
//! A `Proj` belongs to one thread, so each thread keeps its own. PROJ's
//! database is compiled in, but one that the environment names (`PROJ_DATA`, as
//! conda and rasterio set it) would be preferred and, being of another version,
//! break everything: `main` starts itself anew without it.

use std::{cell::RefCell, collections::HashMap};

use proj::Proj;

use crate::{
    grid::{Bounds, Epsg, Grid, Window, tile_matrix::mercator_to_longitude},
    raster::Positions,
};

/// Why coordinates have no counterpart.
#[derive(Debug, thiserror::Error)]
pub enum CrsError {
    /// PROJ knows no way from one to the other.
    #[error("cannot project from {from} to {to}: {reason}")]
    Unknown {
        /// The one.
        from: Epsg,
        /// The other.
        to: Epsg,
        /// What PROJ says.
        reason: String,
    },
    /// PROJ cannot say what a system is.
    #[error("PROJ does not know {system}: {reason}")]
    Undefined {
        /// The system.
        system: Epsg,
        /// What PROJ says.
        reason: String,
    },
    /// A point has no counterpart.
    #[error("({x}, {y}) in {from} is nowhere in {to}")]
    Nowhere {
        /// Of the point.
        x: f64,
        /// Of the point.
        y: f64,
        /// The one.
        from: Epsg,
        /// The other.
        to: Epsg,
    },
}

thread_local! {
    static PROJECTORS: RefCell<HashMap<(Epsg, Epsg), Proj>> = RefCell::default();
}

/// Runs `work` with this thread's projector between two systems.
fn with_projector<T>(
    from: Epsg,
    to: Epsg,
    work: impl FnOnce(&Proj) -> Result<T, CrsError>,
) -> Result<T, CrsError> {
    PROJECTORS.with_borrow_mut(|projectors| {
        if let Some(projector) = projectors.get(&(from, to)) {
            return work(projector);
        }
        let projector =
            Proj::new_known_crs(&from.to_string(), &to.to_string(), None).map_err(|error| {
                CrsError::Unknown {
                    from,
                    to,
                    reason: error.to_string(),
                }
            })?;
        work(projectors.entry((from, to)).or_insert(projector))
    })
}

/// A point of one system in another; x is east, y is north in both.
///
/// # Errors
/// If there is no way, or the point has no counterpart.
pub fn project(x: f64, y: f64, from: Epsg, to: Epsg) -> Result<(f64, f64), CrsError> {
    if from == to {
        return Ok((x, y));
    }
    with_projector(from, to, |projector| {
        projector
            .convert((x, y))
            .ok()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .ok_or(CrsError::Nowhere { x, y, from, to })
    })
}

/// Where the pixel centres of a window of a grid are in another system. Each
/// is computed by itself from its absolute row and column, so a window cut
/// into pieces gives the same positions. A pixel that has no counterpart is at
/// infinity.
///
/// # Errors
/// If there is no way between the systems.
#[expect(
    clippy::cast_precision_loss,
    reason = "rows and columns are far below 2^52"
)]
pub fn positions(grid: &Grid, window: Window, to: Epsg) -> Result<Positions, CrsError> {
    let at = &grid.transform;
    let mut points = Vec::with_capacity(window.len());
    for row in window.row..window.row_end() {
        let y = at.y(row as f64 + 0.5);
        points.extend((window.col..window.col_end()).map(|col| (at.x(col as f64 + 0.5), y)));
    }
    if grid.crs != to {
        with_projector(grid.crs, to, |projector| {
            if projector.convert_array(&mut points).is_err() {
                // One bad point fails the whole call: find out which are good.
                for point in &mut points {
                    *point = projector
                        .convert(*point)
                        .unwrap_or((f64::INFINITY, f64::INFINITY));
                }
            }
            Ok(())
        })?;
    }
    let (x, y) = points.into_iter().unzip();
    Ok(Positions {
        shape: crate::grid::Shape {
            rows: window.rows,
            cols: window.cols,
        },
        x,
        y,
    })
}

/// The size that a cell of `grid` has around a point given in another system,
/// in that system's units: width and height.
///
/// # Errors
/// If there is no way between the systems, or the point has no counterpart.
pub fn cell_size_at(grid: &Grid, x: f64, y: f64, system: Epsg) -> Result<(f64, f64), CrsError> {
    let at = &grid.transform;
    let (gx, gy) = project(x, y, system, grid.crs)?;
    let length = |dx: f64, dy: f64| {
        let (x0, y0) = project(gx - dx / 2.0, gy - dy / 2.0, grid.crs, system)?;
        let (x1, y1) = project(gx + dx / 2.0, gy + dy / 2.0, grid.crs, system)?;
        Ok((x1 - x0).hypot(y1 - y0))
    };
    Ok((length(at.cell_width, 0.0)?, length(0.0, at.cell_height)?))
}

/// The reference system as PROJ writes it: WKT2:2019, in one line.
///
/// # Errors
/// If PROJ does not know it.
pub fn wkt(system: Epsg) -> Result<String, CrsError> {
    let text = Proj::new(&system.to_string())
        .map_err(|error| error.to_string())
        .and_then(|known| known.as_wkt(None, None).map_err(|error| error.to_string()))
        .map_err(|reason| CrsError::Undefined { system, reason })?;
    // Its line breaks and indents are between elements, never within a text.
    Ok(text.lines().map(str::trim).collect())
}

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
        self.parts.iter().fold(nothing, |all, part| Bounds {
            west: all.west.min(part.west),
            south: all.south.min(part.south),
            east: all.east.max(part.east),
            north: all.north.max(part.north),
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        demo::utm::Zone,
        grid::{GeoTransform, Shape},
    };

    fn grid() -> Grid {
        Grid {
            crs: Epsg::WGS84,
            transform: GeoTransform {
                origin_x: 15.0,
                origin_y: 46.95,
                cell_width: 0.01,
                cell_height: -0.01,
            },
            shape: Shape {
                rows: 100,
                cols: 100,
            },
        }
    }

    /// Against the demo's own transverse Mercator, which is not PROJ's code.
    #[test]
    fn utm_agrees_with_an_independent_projection_and_longitude_comes_first() {
        for (lon, lat) in [
            (15.98, 45.81),
            (6.0, 43.1),
            (-179.9, -79.0),
            (179.9, 83.0),
            (4.5, 60.0),
        ] {
            let zone = Zone::containing(lon, lat);
            let found = project(lon, lat, Epsg::WGS84, Epsg(u32::from(zone.epsg()))).unwrap();
            let expected = zone.forward(lon, lat);
            let off = (found.0 - expected.0).hypot(found.1 - expected.1);
            assert!(off < 0.001, "{lon} {lat}: {found:?} {expected:?}");
            let back =
                project(found.0, found.1, Epsg(u32::from(zone.epsg())), Epsg::WGS84).unwrap();
            assert!((back.0 - lon).abs() < 1e-9 && (back.1 - lat).abs() < 1e-9);
        }
    }

    #[test]
    fn a_window_in_pieces_has_the_same_positions() {
        let grid = grid();
        let window = Window {
            row: 10,
            col: 20,
            rows: 7,
            cols: 9,
        };
        let whole = positions(&grid, window, Epsg(32633)).unwrap();
        let mut pieces = (Vec::new(), Vec::new());
        for strip in window.strips(3) {
            let part = positions(&grid, strip, Epsg(32633)).unwrap();
            pieces.0.extend(part.x);
            pieces.1.extend(part.y);
        }
        assert_eq!((whole.x, whole.y), pieces);
    }

    #[test]
    fn a_cell_at_a_point_has_its_size_there() {
        let (x, y) = project(15.5, 46.0, Epsg::WGS84, Epsg(32633)).unwrap();
        let (width, height) = cell_size_at(&grid(), x, y, Epsg(32633)).unwrap();
        assert!((width - 774.0).abs() < 2.0, "{width}");
        assert!((height - 1111.0).abs() < 2.0, "{height}");
    }

    #[test]
    fn an_unknown_system_is_named() {
        let error = project(0.0, 0.0, Epsg::WGS84, Epsg(99_999)).unwrap_err();
        assert!(error.to_string().contains("EPSG:99999"), "{error}");
    }
}
