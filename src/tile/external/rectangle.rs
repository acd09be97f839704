//! The pixels of a rectangle of a data set.

use super::subject::first;
use crate::{
    crs,
    dataset::{LevelGrid, Variable},
    external::{External, Placed},
    grid::{Bounds, Epsg, GeoTransform, Grid, Shape},
    tile::{
        PictureRequest, TileError,
        target::Target,
        values::{shared_parts, turned},
    },
};

/// The pixels of a rectangle of the first variable that is shown, grown to whole cells.
pub(super) fn rectangle(
    external: &External,
    request: &PictureRequest,
) -> Result<Target, TileError> {
    let variable = first(&request.look, external)?;
    let placed = external.placed(variable)?;
    let asked = match request.bounds {
        Some(bounds) if request.coords != Epsg::WGS84 => {
            let parts = crs::geographic_bounds(request.coords, bounds);
            let parts = parts.map_err(TileError::System)?.into_iter();
            parts.reduce(|all, part| all.union(&part))
        }
        asked => asked,
    };
    let no_overlap = || TileError::NoOverlap {
        asked: asked.unwrap_or(placed.footprint.bounds()).to_array(),
        bounds: placed.footprint.bounds().to_array(),
    };
    let (own, cells) = match asked {
        None => whole(variable),
        Some(bounds) => {
            let is_direct = request.coords != Epsg::WGS84 && placed.system != Epsg::WGS84;
            let around = match request.bounds.filter(|_| is_direct) {
                // By way of degrees it would grow.
                Some(own) => crs::transformed(own, request.coords, placed.system)
                    .map(Some)
                    .map_err(TileError::System)?,
                None => around(variable, placed, bounds)?,
            };
            around
                .and_then(|around| part(variable, around))
                .ok_or_else(no_overlap)?
        }
    };
    let own = if placed.system == Epsg::WGS84 {
        turned_back(own, asked)
    } else {
        own
    };
    let system = request.crs.unwrap_or(placed.system);
    let bounds = match request.bounds {
        _ if system == placed.system => own,
        // As many pixels as there are cells.
        Some(bounds) => {
            let to = |bounds, from| crs::transformed(bounds, from, system);
            let asked = to(bounds, request.coords).map_err(TileError::System)?;
            // What is beyond the data set is not in the picture, as it is not counted.
            let shared = to(own, placed.system).ok();
            let shared = shared.and_then(|own| own.intersection(&asked));
            shared.unwrap_or(asked)
        }
        None => crs::transformed(own, placed.system, system).map_err(TileError::System)?,
    };
    let shape = request.size.of(cells)?;
    let grid = Grid {
        crs: system,
        transform: GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: (bounds.east - bounds.west) / as_float(shape.cols),
            cell_height: (bounds.south - bounds.north) / as_float(shape.rows),
        },
        shape,
    };
    Ok(Target {
        around: 2 * request.look.buffer(),
        ..Target::of_grid(grid)
    })
}

/// A rectangle in degrees by as many whole turns away as the one that was asked for, or
/// where it is told to be: from 0 to 360 degrees only if it is on both sides of 180.
fn turned_back(own: Bounds, asked: Option<Bounds>) -> Bounds {
    let turns = match asked {
        Some(asked) => {
            let middle = |of: Bounds| of.west.midpoint(of.east);
            ((middle(asked) - middle(own)) / 360.0).round()
        }
        None if own.west >= 180.0 => -1.0,
        None => 0.0,
    };
    Bounds {
        west: own.west + 360.0 * turns,
        east: own.east + 360.0 * turns,
        ..own
    }
}

fn whole(variable: &Variable) -> (Bounds, Shape) {
    let (shape, transform) = cells(&variable.levels[0].grid);
    (transform.window_bounds(shape.window()), shape)
}

/// The cells of a grid, of which one that goes around the globe has each once.
pub(super) fn cells(grid: &LevelGrid) -> (Shape, GeoTransform) {
    let cols = grid.turn.unwrap_or(grid.shape.cols).min(grid.shape.cols);
    (Shape { cols, ..grid.shape }, grid.transform)
}

/// What a rectangle in degrees shares with a variable, in its own system. Around the globe
/// there is no first column.
fn around(
    variable: &Variable,
    placed: &Placed,
    asked: Bounds,
) -> Result<Option<Bounds>, TileError> {
    if placed.system == Epsg::WGS84 {
        let whole = variable.levels[0].grid.bounds();
        let shared = |bounds: &Bounds| {
            let shared = whole.intersection(bounds);
            shared.map_or(0.0, |shared| shared.east - shared.west)
        };
        let best = turned(asked).into_iter().max_by(|a, b| {
            // Of equals the last is taken, and the first is meant.
            shared(a)
                .total_cmp(&shared(b))
                .then(b.west.abs().total_cmp(&a.west.abs()))
        });
        return Ok(best.filter(|bounds| shared(bounds) > 0.0));
    }
    let mut around: Option<Bounds> = None;
    for part in shared_parts(&placed.footprint.parts, asked) {
        let part = crs::projected_bounds(placed.system, part)?;
        around = Some(around.map_or(part, |other| other.union(&part)));
    }
    Ok(around)
}

/// The cells under a rectangle of the variable's own system: where they are, and how many.
fn part(variable: &Variable, around: Bounds) -> Option<(Bounds, Shape)> {
    let grid = &variable.levels[0].grid;
    let (rows, cols) = grid.transform.window_of(around)?;
    let clipped = |range: std::ops::Range<i64>, len: usize| {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        range.start.max(0)..range.end.min(len)
    };
    let rows = clipped(rows, grid.shape.rows);
    let cols = match grid.turn {
        None => clipped(cols, grid.shape.cols),
        Some(turn) => {
            cols.start
                ..cols
                    .end
                    .min(cols.start + i64::try_from(turn).unwrap_or(i64::MAX))
        }
    };
    let len = |range: &std::ops::Range<i64>| usize::try_from(range.end - range.start).unwrap_or(0);
    let shape = Shape {
        rows: len(&rows),
        cols: len(&cols),
    };
    if shape.rows == 0 || shape.cols == 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "rows and columns are far below 2^52"
    )]
    let ends = |range: std::ops::Range<i64>| [range.start as f64, range.end as f64];
    let (xs, ys) = (
        ends(cols).map(|col| grid.transform.x(col)),
        ends(rows).map(|row| grid.transform.y(row)),
    );
    let bounds = Bounds {
        west: xs[0].min(xs[1]),
        south: ys[0].min(ys[1]),
        east: xs[0].max(xs[1]),
        north: ys[0].max(ys[1]),
    };
    Some((bounds, shape))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture's side is far below 2^52"
)]
fn as_float(pixels: usize) -> f64 {
    pixels as f64
}
