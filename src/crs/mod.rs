//! Coordinates of one reference system in another. The only user of PROJ.
//!
//! A `Proj` belongs to one thread, so each thread keeps its own. PROJ's
//! database is compiled in, but one that the environment names (`PROJ_DATA`, as
//! conda and rasterio set it) would be preferred and, being of another version,
//! break everything: `main` starts itself anew without it.

mod axes;
mod geographic;
mod positions;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use proj::Proj;

pub use axes::is_north_first;
pub use geographic::{Footprint, geographic_bounds, projected_bounds, transformed};

use crate::{
    grid::{Epsg, Grid, Window},
    raster::Positions,
};

/// Why coordinates have no counterpart.
#[derive(Debug, thiserror::Error)]
pub enum CrsError {
    /// PROJ knows no way from one to the other.
    #[error("cannot project from {from} to {to}: {reason}")]
    Unknown {
        /// The one.
        from: String,
        /// The other.
        to: String,
        /// What PROJ says.
        reason: String,
    },
    /// PROJ cannot say what a system is.
    #[error("PROJ does not know {system}: {reason}")]
    Undefined {
        /// The system.
        system: String,
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
        from: String,
        /// The other.
        to: String,
    },
}

/// Numbers from here on stand for definitions, see [`define`]. EPSG's own end
/// far below.
const FIRST_DEFINED: u32 = 1 << 31;

/// The definitions that have numbers, in their order.
static DEFINED: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// A system that has no code of EPSG: WKT, PROJJSON, a PROJ string or a code of
/// another registry. What is returned stands for it in this process as a code
/// does, and is the same for the same text. Definitions are kept for good: they
/// are as many as the configured data sets have.
///
/// # Errors
/// If PROJ does not understand it.
pub fn define(definition: &str) -> Result<Epsg, CrsError> {
    let number = |defined: &[String]| {
        let found = defined.iter().position(|known| known == definition)?;
        Some(Epsg(FIRST_DEFINED + u32::try_from(found).ok()?))
    };
    if let Some(known) = number(&DEFINED.read().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(known);
    }
    let undefined = |reason: String| CrsError::Undefined {
        system: definition.to_owned(),
        reason,
    };
    Proj::new_known_crs(definition, &Epsg::WGS84.to_string(), None)
        .map_err(|error| undefined(error.to_string()))?;
    let mut defined = DEFINED.write().unwrap_or_else(PoisonError::into_inner);
    if number(&defined).is_none() {
        defined.push(definition.to_owned());
    }
    number(&defined).ok_or_else(|| undefined("there are too many systems".to_owned()))
}

/// What PROJ knows a system by: its code, or its definition.
#[must_use]
pub fn name(system: Epsg) -> String {
    let defined = DEFINED.read().unwrap_or_else(PoisonError::into_inner);
    let number = system.0.checked_sub(FIRST_DEFINED);
    let definition = number.and_then(|n| defined.get(usize::try_from(n).ok()?));
    definition.map_or_else(|| system.to_string(), Clone::clone)
}

/// Projectors that a thread keeps: a data set needs two or three, and clients of map
/// services may name any system that there is.
const KEPT: usize = 64;

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
        let projector = Proj::new_known_crs(&name(from), &name(to), None).map_err(|error| {
            CrsError::Unknown {
                from: name(from),
                to: name(to),
                reason: error.to_string(),
            }
        })?;
        if projectors.len() >= KEPT {
            projectors.clear();
        }
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
        let mut point = [(x, y)];
        convert_each(projector, from, &mut point);
        let [(px, py)] = point;
        (px.is_finite() && py.is_finite())
            .then_some((px, py))
            .ok_or_else(|| CrsError::Nowhere {
                x,
                y,
                from: name(from),
                to: name(to),
            })
    })
}

/// Where the pixel centres of a window of a grid are in another system: in the
/// grid's own exactly, in another within 1e-7 of a cell of what PROJ says, and
/// exactly that where the projection is not smooth (see `positions`). Each is
/// computed from its absolute row and column, so a window cut into pieces gives
/// the same positions to the bit. A pixel that has no counterpart is at infinity.
///
/// # Errors
/// If there is no way between the systems.
pub fn positions(grid: &Grid, window: Window, to: Epsg) -> Result<Positions, CrsError> {
    if grid.crs == to {
        return Ok(positions::of_pixels(&grid.transform, window));
    }
    with_projector(grid.crs, to, |projector| {
        Ok(positions::interpolated(&grid.transform, window, |points| {
            convert_each(projector, grid.crs, points);
        }))
    })
}

/// Projects points in place; to infinity those that have no counterpart.
fn convert_each(projector: &Proj, from: Epsg, points: &mut [(f64, f64)]) {
    if from == Epsg::WGS84 {
        // PROJ would print a line for each. A point at infinity it lets through.
        for (x, _) in points.iter_mut().filter(|(_, y)| y.abs() > 90.0) {
            *x = f64::INFINITY;
        }
    }
    if projector.convert_array(points).is_err() {
        // One bad point fails the whole call, which then leaves all as they
        // were: find out which are good.
        for point in points {
            *point = projector
                .convert(*point)
                .unwrap_or((f64::INFINITY, f64::INFINITY));
        }
    }
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
    let text = Proj::new(&name(system))
        .map_err(|error| error.to_string())
        .and_then(|known| known.as_wkt(None, None).map_err(|error| error.to_string()))
        .map_err(|reason| CrsError::Undefined {
            system: name(system),
            reason,
        })?;
    // Its line breaks and indents are between elements, never within a text.
    Ok(text.lines().map(str::trim).collect())
}
