//! Coordinates of one reference system in another. The only user of PROJ.
//!
//! A `Proj` belongs to one thread, so each thread keeps its own. PROJ's
//! database is compiled in, but one that the environment names (`PROJ_DATA`, as
//! conda and rasterio set it) would be preferred and, being of another version,
//! break everything: `main` starts itself anew without it.

use std::{cell::RefCell, collections::HashMap};

use proj::Proj;

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
        from: Epsg,
        /// The other.
        to: Epsg,
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
