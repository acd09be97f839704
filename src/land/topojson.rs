//! The outlines of land from a `TopoJSON` file.
//!
//! `TopoJSON` (<https://github.com/topojson/topojson-specification>) stores lines as
//! steps on an integer grid; the outlines stay on that grid, where they are exact and
//! small. Two things are undone that the atlas does to suit maps on a sphere:
//!
//! - The antimeridian is one line there: a vertex at 180 E is written as 180 W. Walking
//!   along an outline, a step of more than half the world is a step across that line.
//!   Here an outline goes on beyond 180 E instead, as Wrangel Island's does.
//! - Natural Earth's Antarctica reaches the pole by a detour along the antimeridian and
//!   the 90 S parallel. The atlas removes the detour, so the outline goes once round the
//!   world and encloses nothing in the plane; here it gets the detour back.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the two casts are of whole numbers of grid units, about 100,000 round the world"
)]

use serde::Deserialize;
use thiserror::Error;

/// An atlas that is not what this module can read.
#[derive(Debug, Error)]
pub(super) enum AtlasError {
    /// Not JSON, or not a quantised `TopoJSON` with a collection called `land`.
    #[error("the land atlas is not a quantised TopoJSON with a collection \"land\"")]
    Json(#[from] serde_json::Error),
    /// An outline refers to a line that is not in the file.
    #[error("the land atlas has no arc {0}")]
    Arc(i64),
    /// The grid is not one turn of the globe wide.
    #[error("the land atlas spans {degrees} degrees of longitude from {west}, not 360 from -180")]
    Extent {
        /// Longitude of column 0.
        west: f64,
        /// Degrees from the first to the last column.
        degrees: f64,
    },
}

/// Closed outlines on an integer grid, x to the east and y to the north.
#[derive(Debug)]
pub(super) struct Atlas {
    /// The grid's relation to longitude and latitude.
    pub(super) grid: Grid,
    /// Each outline's vertices; the last is the first again. The outer ones run
    /// clockwise and the holes counter-clockwise, so land is where the winding number
    /// is not zero, also where two outlines overlap.
    pub(super) outlines: Vec<Vec<[i32; 2]>>,
}

/// From degrees to the atlas's grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Longitude and latitude of x = 0, y = 0.
    origin: [f64; 2],
    /// Degrees per grid unit.
    step: [f64; 2],
    /// Grid units round the world: x = 0 is 180 W and x = `period` is 180 E.
    pub(super) period: i32,
    /// The highest x and y of any vertex. The lowest are not below 0.
    pub(super) extent: [i32; 2],
}

impl Grid {
    /// Longitude and latitude in degrees to x and y.
    #[must_use]
    pub(super) fn position(&self, longitude: f64, latitude: f64) -> [f64; 2] {
        [
            (longitude - self.origin[0]) / self.step[0],
            (latitude - self.origin[1]) / self.step[1],
        ]
    }
}

#[derive(Deserialize)]
struct Topology {
    objects: Objects,
    arcs: Vec<Vec<[i32; 2]>>,
    transform: Transform,
}

#[derive(Deserialize)]
struct Objects {
    land: Collection,
}

#[derive(Deserialize)]
struct Collection {
    geometries: Vec<Geometry>,
}

/// Polygons of rings of arc numbers.
#[derive(Deserialize)]
#[serde(tag = "type", content = "arcs")]
enum Geometry {
    Polygon(Vec<Vec<i64>>),
    MultiPolygon(Vec<Vec<Vec<i64>>>),
}

#[derive(Deserialize)]
struct Transform {
    scale: [f64; 2],
    translate: [f64; 2],
}

/// Reads the outlines of the collection `land`.
///
/// # Errors
/// [`AtlasError`] if the text is not such a file or contradicts itself.
pub(super) fn read(text: &str) -> Result<Atlas, AtlasError> {
    let Topology {
        objects,
        arcs,
        transform: Transform { scale, translate },
    } = serde_json::from_str(text)?;
    let arcs: Vec<Vec<[i32; 2]>> = arcs.into_iter().map(absolute).collect();

    let period = (360.0 / scale[0]).round();
    let degrees = period * scale[0];
    if (degrees - 360.0).abs() > 1e-6 || (translate[0] + 180.0).abs() > 1e-6 {
        return Err(AtlasError::Extent {
            west: translate[0],
            degrees,
        });
    }
    // The south pole in whole units; rounding goes outwards, so that 90 S is covered.
    let south = ((-90.0 - translate[1]) / scale[1]).floor() as i32;
    let mut grid = Grid {
        origin: [translate[0], translate[1] + f64::from(south) * scale[1]],
        step: scale,
        period: period as i32,
        extent: [0, 0],
    };

    let polygons = objects
        .land
        .geometries
        .into_iter()
        .flat_map(|geometry| match geometry {
            Geometry::Polygon(rings) => vec![rings],
            Geometry::MultiPolygon(polygons) => polygons,
        });
    let mut outlines = Vec::new();
    for rings in polygons {
        outlines.extend(polygon(&rings, &arcs, grid.period, south)?);
    }
    for vertex in outlines.iter().flatten() {
        for (extent, &coordinate) in grid.extent.iter_mut().zip(vertex) {
            *extent = coordinate.max(*extent);
        }
    }
    Ok(Atlas { grid, outlines })
}

/// The outlines of one polygon, the outer one first, with y counted from the row `south`.
fn polygon(
    rings: &[Vec<i64>],
    arcs: &[Vec<[i32; 2]>],
    period: i32,
    south: i32,
) -> Result<Vec<Vec<[i32; 2]>>, AtlasError> {
    let mut outlines = Vec::with_capacity(rings.len());
    let mut west = 0;
    for (position, ring) in rings.iter().enumerate() {
        let mut outline = join(ring, arcs)?;
        for vertex in &mut outline {
            vertex[1] -= south;
        }
        let mut outline = lay_out(outline, period, west);
        let is_hole = position > 0;
        if !is_hole {
            west = westernmost(&outline);
        }
        // Some small islands run the wrong way since they are on the grid.
        if is_counter_clockwise(&outline) != is_hole {
            outline.reverse();
        }
        outlines.push(outline);
    }
    Ok(outlines)
}

/// An arc's positions from its steps.
fn absolute(mut arc: Vec<[i32; 2]>) -> Vec<[i32; 2]> {
    let mut position = [0, 0];
    for step in &mut arc {
        position = [position[0] + step[0], position[1] + step[1]];
        *step = position;
    }
    arc
}

/// One ring from its arcs; `!n` is arc n backwards. Neighbours share an end.
fn join(ring: &[i64], arcs: &[Vec<[i32; 2]>]) -> Result<Vec<[i32; 2]>, AtlasError> {
    let mut joined: Vec<[i32; 2]> = Vec::new();
    for &number in ring {
        let forwards = number >= 0;
        let arc = usize::try_from(if forwards { number } else { !number })
            .ok()
            .and_then(|index| arcs.get(index))
            .ok_or(AtlasError::Arc(number))?;
        joined.pop();
        if forwards {
            joined.extend(arc);
        } else {
            joined.extend(arc.iter().rev());
        }
    }
    Ok(joined)
}

/// Lays a ring out in the plane, so that its westernmost vertex is between `west` and
/// one turn further; a hole thus comes to lie where its polygon does.
fn lay_out(mut ring: Vec<[i32; 2]>, period: i32, west: i32) -> Vec<[i32; 2]> {
    let mut turns = 0;
    let mut previous = None;
    for vertex in &mut ring {
        let x = vertex[0];
        if let Some(before) = previous.replace(x) {
            let step: i32 = x - before;
            if step.abs() > period / 2 {
                turns -= step.signum();
            }
        }
        vertex[0] = x + turns * period;
    }
    if let (Some(&first), Some(&last)) = (ring.first(), ring.last())
        && first[0] != last[0]
    {
        // Once round the world: Antarctica, which goes on to the pole.
        ring.extend([[last[0], 0], [first[0], 0], first]);
    }
    let shift = (westernmost(&ring) - west).div_euclid(period) * period;
    for vertex in &mut ring {
        vertex[0] -= shift;
    }
    ring
}

fn westernmost(ring: &[[i32; 2]]) -> i32 {
    ring.iter().map(|vertex| vertex[0]).min().unwrap_or(0)
}

/// Whether the signed area (the shoelace formula) is positive.
fn is_counter_clockwise(ring: &[[i32; 2]]) -> bool {
    let twice_the_area: i64 = ring
        .windows(2)
        .map(|ends| [ends[0], ends[1]].map(|end| end.map(i64::from)))
        .map(|[a, b]| a[0] * b[1] - b[0] * a[1])
        .sum();
    twice_the_area > 0
}
