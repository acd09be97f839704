//! Where a tile is in a cube: which level, which window of it, and where the
//! tile's pixel centres are there.

use super::{
    PictureRequest, PictureSize, TileError,
    axes::{Axes, PixelSize, Turn},
    cost::touched,
    request::grown,
    target::Target,
    values::{in_own_system, no_overlap},
};
use crate::{
    crs::{self, CrsError},
    grid::{Bounds, Epsg, GeoTransform, Grid, Level, Shape, Window},
    raster::{
        AxisTable, CellRatio, Positions, Raster, Resampling, Validity,
        separable::{self, bytes_at_hand},
    },
    zarr::{HeldChunks, StoredCube},
};

/// Where a tile is in a cube, and how fine.
pub(super) struct Place {
    pub(super) level: Level,
    pub(super) mapping: Mapping,
    /// What is read of the level; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
    pub(super) pixel: PixelSize,
}

/// How a tile's pixel centres are found in a level of a cube.
#[derive(Debug)]
pub(super) enum Mapping {
    /// Columns follow from x alone and rows from y alone.
    Separable(Axes),
    /// By projecting each of them, which is left to the CPU pool.
    Projected {
        target: Grid,
        source: Grid,
        ratio: CellRatio,
    },
}

/// A [`Mapping`] with all its positions.
pub(super) enum Taken<'a> {
    Separable {
        rows: AxisTable,
        cols: AxisTable,
    },
    Projected {
        positions: Positions,
        source: &'a Grid,
        ratio: CellRatio,
    },
}

impl Mapping {
    /// Where the pixels are.
    pub(super) fn target(&self) -> &Grid {
        match self {
            Self::Separable(axes) => &axes.target,
            Self::Projected { target, .. } => target,
        }
    }

    /// What is at hand at once ([`bytes_at_hand`]) of a window of the level.
    pub(super) fn bytes_at_hand(&self, resampling: Resampling, window: Option<Window>) -> u64 {
        // Only then are there tables to be made for it.
        let Some(window) = window.filter(|_| !resampling.may_be_a_mean()) else {
            return 0;
        };
        match self {
            Self::Separable(axes) => {
                let (rows, cols) = (axes.rows().cells_covered(), axes.cols().cells_covered());
                let ([_, high], [wide, _]) = (rows, cols);
                bytes_at_hand(resampling, high, wide)
            }
            Self::Projected { ratio, .. } => at_hand_of_a_cell(resampling, *ratio, window),
        }
    }

    /// Finds the positions. Computation, of some milliseconds.
    pub(super) fn taken(&self) -> Result<Taken<'_>, CrsError> {
        Ok(match self {
            Self::Separable(axes) => Taken::Separable {
                rows: axes.rows(),
                cols: axes.cols(),
            },
            Self::Projected {
                target,
                source,
                ratio,
            } => Taken::Projected {
                positions: crs::positions(target, target.shape.window(), source.crs)?,
                source,
                ratio: *ratio,
            },
        })
    }
}

impl Taken<'_> {
    /// The tile's samples from those around a window of the level.
    pub(super) fn resample(
        &self,
        held: &HeldChunks,
        window: Window,
        resampling: Resampling,
        nodata: u16,
    ) -> Raster<u16> {
        match self {
            Self::Separable { rows, cols } => {
                let validity = Validity::new(Some(nodata));
                separable::resample_mosaic(&held.mosaic(), rows, cols, resampling, &validity)
            }
            Self::Projected {
                positions,
                source,
                ratio,
            } => {
                let samples = held.window(window);
                separable::gather(
                    samples, window, source, positions, *ratio, resampling, nodata,
                )
            }
        }
    }
}

impl Place {
    pub(super) fn of(
        target: &Target,
        resampling: Resampling,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        match Turn::between(target.grid.crs, stored.cube.pyramid().base().crs) {
            Some(turn) => Self::separable(target, turn, resampling, stored),
            None => Self::projected(target, resampling, stored),
        }
    }

    /// Of a rectangle.
    pub(super) fn of_picture(
        request: &PictureRequest,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        match request.crs {
            None => Self::of_rectangle(request, stored),
            Some(crs) => {
                let grid = grid_in(crs, request, stored.cube.pyramid().base());
                let target = Target {
                    around: 2 * request.look.buffer(),
                    ..Target::of_grid(grid.map_err(TileError::of_a_system)?)
                };
                let place = Self::of(&target, request.look.resampling, stored);
                place.map_err(TileError::of_a_system)
            }
        }
    }

    /// Of a rectangle that grows to whole cells, in the cube's own system.
    #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
    fn of_rectangle(request: &PictureRequest, stored: &StoredCube) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let base = pyramid.base();
        let cells = match request.bounds {
            None => base.shape.window(),
            Some(bounds) => {
                let own = if request.coords == Epsg::WGS84 {
                    in_own_system(stored, bounds)?
                } else {
                    let own = crs::transformed(bounds, request.coords, base.crs);
                    own.map_err(TileError::System)?
                };
                let window = base.window_of(own);
                window.ok_or_else(|| no_overlap(stored, bounds))?
            }
        };
        let shape = request.size.of(Shape {
            rows: cells.rows,
            cols: cells.cols,
        })?;
        let bounds = base.transform.window_bounds(cells);
        let transform = GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: (bounds.east - bounds.west) / shape.cols as f64,
            cell_height: (bounds.south - bounds.north) / shape.rows as f64,
        };
        let (width, height) = (transform.cell_width, -transform.cell_height);
        let level = pyramid.level_for(width, height);
        let axes = Axes {
            target: grown(
                Grid {
                    crs: base.crs,
                    transform,
                    shape,
                },
                2 * request.look.buffer(),
            ),
            source: pyramid.grid(level),
            turn: Turn::Same,
            resampling: request.look.resampling,
        };
        Ok(Self {
            level,
            window: axes.window(),
            mapping: Mapping::Separable(axes),
            pixel: PixelSize::square(width, height),
        })
    }

    /// In a cube whose axes go the same ways, each by itself.
    fn separable(
        target: &Target,
        turn: Turn,
        resampling: Resampling,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let own = turn.bounds(target.grid.bounds());
        let Some(shared) = pyramid.base().bounds().intersection(&own) else {
            return Err(target.outside(stored.footprint.bounds()));
        };
        let pixel = turn.pixel_size(&target.grid, shared);
        let level = pyramid.level_for(pixel.width, pixel.mean);
        let axes = Axes {
            // What is around a tile is of the tile's level.
            target: grown(target.grid, target.around),
            source: pyramid.grid(level),
            turn,
            resampling,
        };
        Ok(Self {
            level,
            window: axes.window(),
            mapping: Mapping::Separable(axes),
            pixel,
        })
    }

    /// In a cube of any system, by the outline of what the two share.
    fn projected(
        target: &Target,
        resampling: Resampling,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let base = pyramid.base();
        let parts = target.parts();
        if !parts
            .iter()
            .any(|part| stored.footprint.bounds().overlaps(part))
        {
            return Err(target.outside(stored.footprint.bounds()));
        }
        let grid = target.grid;
        let mut around: Option<Bounds> = None;
        // Only what is near the cube is sure to have a place in its system.
        let pairs = (stored.footprint.parts.iter())
            .flat_map(|own| parts.iter().filter_map(|part| own.intersection(part)));
        for shared in pairs {
            let bounds = crs::projected_bounds(base.crs, shared)?;
            if let Some(bounds) = bounds.intersection(&base.bounds()) {
                around = Some(around.map_or(bounds, |other| bounds.union(&other)));
            }
        }
        let size = match around {
            Some(around) => pixel_size(&grid, around, base.crs)?,
            None => None,
        };
        let (Some(around), Some((width, height))) = (around, size) else {
            // In a corner of the geographic bounds that the cube, whose axes
            // are turned against them, does not reach.
            return Ok(Self {
                level: Level(0),
                mapping: Mapping::Projected {
                    target: grown(grid, target.around),
                    source: *base,
                    ratio: CellRatio { x: 1.0, y: 1.0 },
                },
                window: None,
                pixel: PixelSize::square(0.0, 0.0),
            });
        };
        let level = pyramid.level_for(width, height);
        let source = pyramid.grid(level);
        let ratio = CellRatio {
            x: width / source.transform.cell_width.abs(),
            y: height / source.transform.cell_height.abs(),
        };
        // What is of areas covers a pixel of the tile, half of it on each side.
        let mut reach = f64::from(resampling.reach()).max(ratio.x.max(ratio.y));
        if target.around > 0 {
            // Axes that are turned against the tile's reach further along both.
            #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
            let around = target.around as f64;
            reach += around * ratio.x.max(ratio.y);
        }
        let margin = reach * source.transform.cell_width;
        let window = source.window_of(Bounds {
            west: around.west - margin,
            south: around.south - margin,
            east: around.east + margin,
            north: around.north + margin,
        });
        Ok(Self {
            level,
            mapping: Mapping::Projected {
                target: grown(grid, target.around),
                source,
                ratio,
            },
            window,
            pixel: PixelSize::square(width, height),
        })
    }
}

/// What is at hand at once ([`bytes_at_hand`]) where pixels are found one by one.
pub(super) fn at_hand_of_a_cell(resampling: Resampling, ratio: CellRatio, window: Window) -> u64 {
    let [wide, high] = [ratio.x, ratio.y].map(touched);
    bytes_at_hand(resampling, high.min(window.rows), wide.min(window.cols))
}

/// The pixels of a picture in a system, of a cube with these cells.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a side is far below 2^52"
)]
fn grid_in(system: Epsg, request: &PictureRequest, base: &Grid) -> Result<Grid, TileError> {
    // Asks whether it is a system of maps at all.
    crs::is_north_first(system)?;
    let bounds = match request.bounds {
        None => crs::transformed(base.bounds(), base.crs, system)?,
        Some(bounds) => crs::transformed(bounds, request.coords, system)?,
    };
    let (across, down) = (bounds.east - bounds.west, bounds.north - bounds.south);
    let shape = match request.size {
        PictureSize::Exactly(shape) => shape,
        PictureSize::AtMost(_) | PictureSize::Wide(_) | PictureSize::High(_) => {
            let (x, y) = (
                bounds.west.midpoint(bounds.east),
                bounds.south.midpoint(bounds.north),
            );
            let (width, height) = crs::cell_size_at(base, x, y, system)?;
            // Far more than are ever made, and few enough to be multiplied.
            let cells = |side: f64| side.ceil().clamp(1.0, 1e12) as usize;
            request.size.of(Shape {
                rows: cells(down / height),
                cols: cells(across / width),
            })?
        }
    };
    Ok(Grid {
        crs: system,
        transform: GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: across / shape.cols as f64,
            cell_height: -down / shape.rows as f64,
        },
        shape,
    })
}

/// The size of the pixels of a grid where a rectangle of a system is, in its units; none
/// if nothing there has a place in the grid's system.
fn pixel_size(grid: &Grid, around: Bounds, system: Epsg) -> Result<Option<(f64, f64)>, CrsError> {
    let (x, y) = (
        around.west.midpoint(around.east),
        around.south.midpoint(around.north),
    );
    let whole = grid.bounds();
    let middle = || {
        let (x, y) = (
            whole.west.midpoint(whole.east),
            whole.south.midpoint(whole.north),
        );
        let (x, y) = crs::project(x, y, grid.crs, system)?;
        crs::cell_size_at(grid, x, y, system)
    };
    let size = match crs::cell_size_at(grid, x, y, system) {
        // A grid of half the globe has not all of it.
        Err(CrsError::Nowhere { .. }) => middle(),
        known => known,
    };
    match size {
        Ok(size) => Ok(Some(size)),
        Err(CrsError::Nowhere { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
