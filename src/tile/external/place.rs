//! Where a tile is in a variable of somebody else's data set: which level, and
//! where the tile's pixels are there.

use std::sync::{Arc, OnceLock};

use crate::{
    compute::Compute,
    crs::{self, CrsError},
    dataset::{LevelGrid, Variable},
    external::Placed,
    grid::{Bounds, Epsg, Grid, Shape, Window, pyramid::coarsest_within},
    raster::{AxisTable, CellRatio, Positions, Resampling, separable::bytes_at_hand},
    tile::{
        TileError, axes::Turn, place::at_hand_of_a_cell, request::grown, target::Target,
        values::turned,
    },
};

/// Where a tile is in a variable, and how fine.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Number of the level.
    pub(super) level: usize,
    pub(super) mapping: Arc<Mapping>,
}

/// How a tile's pixels are found in a level.
#[derive(Debug)]
pub(super) enum Mapping {
    /// Columns follow from x alone and rows from y alone.
    Separable { rows: AxisTable, cols: AxisTable },
    /// Each by itself.
    Projected {
        pixels: Pixels,
        grid: Grid,
        ratio: CellRatio,
        window: Window,
    },
    /// The tile only grazes the grid.
    Nothing,
}

/// The pixels of a tile whose places in a grid are found one by one.
#[derive(Debug)]
pub(super) struct Pixels {
    target: Grid,
    system: Epsg,
    /// Of longitudes, what they are brought to by whole turns.
    around: Option<Bounds>,
    /// Kept from the first band on. They take as much as some bands, and so there are none
    /// while a tile waits for its turn.
    found: OnceLock<Arc<Positions>>,
}

impl Pixels {
    /// Where they are. Computation, of some milliseconds the first time.
    pub(super) fn positions(&self) -> Result<Arc<Positions>, CrsError> {
        if let Some(known) = self.found.get() {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(self.find()?);
        // Of two that are found at once, both are right.
        let _first = self.found.set(Arc::clone(&found));
        Ok(found)
    }

    fn find(&self) -> Result<Positions, CrsError> {
        let window = self.target.shape.window();
        let mut positions = crs::positions(&self.target, window, self.system)?;
        if let Some(whole) = self.around {
            for x in &mut positions.x {
                *x += turns_to(*x, whole);
            }
        }
        Ok(positions)
    }
}

impl Mapping {
    /// What is at hand at once ([`bytes_at_hand`]).
    pub(super) fn bytes_at_hand(&self, resampling: Resampling) -> u64 {
        match self {
            Self::Separable { rows, cols } => {
                let ([_, high], [wide, _]) = (rows.cells_covered(), cols.cells_covered());
                bytes_at_hand(resampling, high, wide)
            }
            Self::Projected { ratio, window, .. } => at_hand_of_a_cell(resampling, *ratio, *window),
            Self::Nothing => 0,
        }
    }
}

impl Place {
    pub(super) async fn of(
        target: &Target,
        resampling: Resampling,
        variable: &Variable,
        placed: &Placed,
        compute: &Compute,
    ) -> Result<Self, TileError> {
        // A rectangle in degrees may be a turn away from where its data set is told to be.
        let parts: Vec<Bounds> = target.parts().into_iter().flat_map(turned).collect();
        let is_under = |own: &Bounds| parts.iter().any(|part| own.overlaps(part));
        if !placed.footprint.parts.iter().any(is_under) {
            return Err(target.outside(placed.footprint.bounds()));
        }
        let target = *target;
        if let Some(turn) = Turn::between(target.grid.crs, placed.system) {
            let longitudes = placed.system == Epsg::WGS84;
            return Ok(Self::separable(&target, turn, longitudes, variable));
        }
        let grids: Vec<LevelGrid> = variable.levels.iter().map(|level| level.grid).collect();
        let system = placed.system;
        let wraps = variable.crs.is_geographic();
        Ok(compute
            .run(move || Self::projected(&target, &grids, system, wraps, resampling))
            .await??)
    }

    /// In a grid whose axes go the same ways; longitudes may be some turns away.
    fn separable(target: &Target, turn: Turn, longitudes: bool, variable: &Variable) -> Self {
        let Target {
            grid: target,
            around,
            ..
        } = target;
        let whole = variable.levels[0].grid.bounds();
        // By the rows alone.
        let own = turn.bounds(target.bounds());
        let shared = Bounds {
            south: own.south.max(whole.south),
            north: own.north.min(whole.north),
            ..own
        };
        let (width, height) = if shared.south < shared.north {
            let pixel = turn.pixel_size(target, shared);
            (pixel.width, pixel.mean)
        } else {
            let width = turn.x(target.transform.cell_width);
            (width, width)
        };
        let grids = variable.levels.iter().map(|level| level.grid.transform);
        let level = coarsest_within(grids, width, height);
        let grid = variable.levels[level].grid;
        let source = grid.transform;
        // What is around a tile is of the tile's level.
        let target = grown(*target, *around);
        let row = |at: f64| source.row(turn.y(target.transform.y(at)));
        let col = |at: f64| {
            let x = turn.x(target.transform.x(at));
            let turns = if longitudes && grid.turn.is_none() {
                turns_to(x, whole)
            } else {
                0.0
            };
            source.col(x + turns)
        };
        let rows = table(target.shape.rows, grid.shape.rows, false, &row);
        let cols = table(
            target.shape.cols,
            grid.turn.unwrap_or(grid.shape.cols),
            grid.turn.is_some(),
            &col,
        );
        Self {
            level,
            mapping: Arc::new(Mapping::Separable { rows, cols }),
        }
    }

    /// In a grid of any system; `wraps` says that its x are longitudes.
    fn projected(
        target: &Target,
        grids: &[LevelGrid],
        system: Epsg,
        wraps: bool,
        resampling: Resampling,
    ) -> Result<Self, CrsError> {
        let whole = grids[0].bounds();
        let pixels = Pixels {
            target: grown(target.grid, target.around),
            system,
            around: wraps.then_some(whole),
            found: OnceLock::new(),
        };
        let positions = pixels.find()?;
        let Some((width, height)) = mean_cell(&positions, target.around / 2, whole) else {
            return Ok(Self {
                level: 0,
                mapping: Arc::new(Mapping::Nothing),
            });
        };
        let transforms = grids.iter().map(|grid| grid.transform);
        let level = coarsest_within(transforms, width, height);
        let grid = Grid {
            crs: system,
            transform: grids[level].transform,
            shape: grids[level].shape,
        };
        let ratio = CellRatio {
            x: width / grid.transform.cell_width.abs(),
            y: height / grid.transform.cell_height.abs(),
        };
        let mut reach = f64::from(resampling.reach());
        if resampling.is_of_areas() {
            // A pixel of the tile, half of it on each side.
            reach = reach.max(ratio.x.max(ratio.y));
        }
        let (x_margin, y_margin) = (
            reach * grid.transform.cell_width.abs(),
            reach * grid.transform.cell_height.abs(),
        );
        let mut around: Option<Bounds> = None;
        for (x, y) in std::iter::zip(&positions.x, &positions.y) {
            let is_near = (whole.west - x_margin..whole.east + x_margin).contains(x)
                && (whole.south - y_margin..whole.north + y_margin).contains(y);
            if is_near {
                let known = around.get_or_insert(Bounds {
                    west: *x,
                    south: *y,
                    east: *x,
                    north: *y,
                });
                known.west = known.west.min(*x);
                known.east = known.east.max(*x);
                known.south = known.south.min(*y);
                known.north = known.north.max(*y);
            }
        }
        let window = around.and_then(|around| {
            grid.window_of(Bounds {
                west: around.west - x_margin,
                south: around.south - y_margin,
                east: around.east + x_margin,
                north: around.north + y_margin,
            })
        });
        let mapping = window.map_or(Mapping::Nothing, |window| Mapping::Projected {
            pixels,
            grid,
            ratio,
            window,
        });
        Ok(Self {
            level,
            mapping: Arc::new(mapping),
        })
    }
}

/// Whole turns of longitude that lead from `x` to the grid or nearest to it: the
/// jump from one end to the other is opposite to the grid's middle.
fn turns_to(x: f64, whole: Bounds) -> f64 {
    let middle = whole.west.midpoint(whole.east);
    ((middle - x) / 360.0).round() * 360.0
}

/// The table of one axis, with edges.
#[expect(
    clippy::cast_precision_loss,
    reason = "a tile's side is far below 2^52"
)]
fn table(size: usize, len: usize, is_periodic: bool, position: &dyn Fn(f64) -> f64) -> AxisTable {
    let centres = (0..size).map(|n| position(n as f64 + 0.5));
    let mut edges: Vec<f64> = (0..=size).map(|n| position(n as f64)).collect();
    let table = if is_periodic {
        AxisTable::periodic(centres, len)
    } else {
        // Where longitudes jump, far from the grid, a pixel covers none of it.
        let rises: Vec<bool> = edges.windows(2).map(|pair| pair[0] < pair[1]).collect();
        let is_rising = 2 * rises.iter().filter(|rises| **rises).count() > size;
        for (n, rises) in rises.into_iter().enumerate() {
            if rises != is_rising {
                edges[n + 1] = f64::NAN;
            }
        }
        AxisTable::new(centres, len)
    };
    table.with_edges(edges)
}

/// The mean size of the tile's pixels where they are within `whole`, without so many
/// around it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a tile's pixels are far below 2^52"
)]
fn mean_cell(positions: &Positions, around: usize, whole: Bounds) -> Option<(f64, f64)> {
    let Shape { rows, cols } = positions.shape;
    let at = |n: usize| (positions.x[n], positions.y[n]);
    let is_inside = |(x, y): (f64, f64)| {
        (whole.west..=whole.east).contains(&x) && (whole.south..=whole.north).contains(&y)
    };
    let (mut width, mut height, mut pixels) = (0.0, 0.0, 0_usize);
    let mut is_touched = false;
    for row in around..rows.saturating_sub(around + 1) {
        for col in around..cols.saturating_sub(around + 1) {
            let n = row * cols + col;
            let (own, right, below) = (at(n), at(n + 1), at(n + cols));
            is_touched |= is_inside(own);
            if is_inside(own) && is_inside(right) && is_inside(below) {
                width += (right.0 - own.0).hypot(right.1 - own.1);
                height += (below.0 - own.0).hypot(below.1 - own.1);
                pixels += 1;
            }
        }
    }
    if pixels > 0 {
        return Some((width / pixels as f64, height / pixels as f64));
    }
    // So few pixels that no two are side by side: the whole is one of them.
    let any = is_touched || (0..positions.x.len()).any(|n| is_inside(at(n)));
    any.then_some((whole.east - whole.west, whole.north - whole.south))
}
