//! Where a tile is in a cube: which level, which window of it, and where the
//! tile's pixel centres are there.

use super::{TileError, TileRequest};
use crate::{
    crs::{self, CrsError},
    grid::{
        Bounds, Epsg, Grid, Level, TileAddress, Window,
        tile_matrix::{mercator_to_latitude, mercator_to_longitude},
    },
    raster::{AxisTable, CellRatio, Kernel, Patch, Positions, Raster, Resampling, separable, warp},
    zarr::StoredCube,
};

/// Pixels that a window has around the outermost position: cubic takes two
/// neighbours on each side of it.
const KERNEL_MARGIN: f64 = 2.0;

/// Where a tile is in a cube, and how fine.
pub(super) struct Place {
    pub(super) level: Level,
    pub(super) mapping: Mapping,
    /// What is read of the level; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
}

/// How a tile's pixel centres are found in a level of a cube.
#[derive(Debug)]
pub(super) enum Mapping {
    /// Columns follow from x alone and rows from y alone.
    Separable { rows: AxisTable, cols: AxisTable },
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
        rows: &'a AxisTable,
        cols: &'a AxisTable,
    },
    Projected {
        positions: Positions,
        source: &'a Grid,
        ratio: CellRatio,
    },
}

impl Mapping {
    /// Finds the positions. Computation, of some milliseconds.
    pub(super) fn taken(&self) -> Result<Taken<'_>, CrsError> {
        Ok(match self {
            Self::Separable { rows, cols } => Taken::Separable { rows, cols },
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
    /// The tile's samples from those of a window of the level.
    pub(super) fn resample(
        &self,
        samples: &Raster<u16>,
        window: Window,
        resampling: Resampling,
        nodata: u16,
    ) -> Raster<u16> {
        match self {
            Self::Separable { rows, cols } => {
                separable::resample(samples, window, rows, cols, resampling, nodata)
            }
            Self::Projected {
                positions,
                source,
                ratio,
            } => {
                let kernel = match resampling {
                    Resampling::Nearest | Resampling::Bilinear => {
                        return separable::gather(
                            samples, window, source, positions, resampling, nodata,
                        );
                    }
                    Resampling::Cubic => Kernel::Cubic,
                    Resampling::Average => Kernel::Average,
                };
                let patch = Patch {
                    raster: samples.clone(),
                    window,
                    transform: source.transform,
                    nodata: Some(nodata),
                };
                warp(&patch, positions, kernel, *ratio, nodata)
            }
        }
    }
}

impl Place {
    pub(super) fn of(request: &TileRequest, stored: &StoredCube) -> Result<Self, TileError> {
        match stored.cube.pyramid().base().crs {
            Epsg::WGS84 | Epsg::WEB_MERCATOR => Self::separable(request, stored),
            _ => Self::projected(request, stored),
        }
    }

    /// In a cube whose axes are those of Web Mercator, each by itself.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tile's side is far below 2^52"
    )]
    fn separable(request: &TileRequest, stored: &StoredCube) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let target = request.address.grid(request.size);
        let is_mercator = pyramid.base().crs == Epsg::WEB_MERCATOR;
        let tile = if is_mercator {
            target.bounds()
        } else {
            request.address.lonlat_bounds()
        };
        let Some(shared) = pyramid.base().bounds().intersection(&tile) else {
            return Err(outside(request.address, stored));
        };
        let (width, height) = if is_mercator {
            (target.transform.cell_width, -target.transform.cell_height)
        } else {
            cell_size(&target, shared)
        };
        let level = pyramid.level_for(width, height);
        let source = pyramid.grid(level);
        let centre = |n: usize| n as f64 + 0.5;
        let edge = |n: usize| n as f64;
        let of_x = |x: f64| {
            if is_mercator {
                x
            } else {
                mercator_to_longitude(x)
            }
        };
        let of_y = |y: f64| {
            if is_mercator {
                y
            } else {
                mercator_to_latitude(y)
            }
        };
        let row = |at: f64| source.transform.row(of_y(target.transform.y(at)));
        let col = |at: f64| source.transform.col(of_x(target.transform.x(at)));
        let table = |len: usize, position: &dyn Fn(f64) -> f64| {
            let centres = (0..request.size).map(|n| position(centre(n)));
            let table = AxisTable::new(centres, len);
            match request.resampling {
                Resampling::Average => {
                    table.with_edges((0..=request.size).map(|n| position(edge(n))))
                }
                Resampling::Nearest | Resampling::Bilinear | Resampling::Cubic => table,
            }
        };
        let rows = table(source.shape.rows, &row);
        let cols = table(source.shape.cols, &col);
        let window = match (
            rows.range(request.resampling),
            cols.range(request.resampling),
        ) {
            (Some(r), Some(c)) => Some(Window {
                row: r.start,
                col: c.start,
                rows: r.len(),
                cols: c.len(),
            }),
            _ => None,
        };
        Ok(Self {
            level,
            mapping: Mapping::Separable { rows, cols },
            window,
        })
    }

    /// In a cube of any system, by the outline of what the two share.
    fn projected(request: &TileRequest, stored: &StoredCube) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let base = pyramid.base();
        let tile = request.address.lonlat_bounds();
        let target = request.address.grid(request.size);
        if !stored.footprint.bounds().overlaps(&tile) {
            return Err(outside(request.address, stored));
        }
        let mut around: Option<Bounds> = None;
        // Only what is near the cube is sure to have a place in its system.
        for part in &stored.footprint.parts {
            let Some(shared) = part.intersection(&tile) else {
                continue;
            };
            let bounds = crs::projected_bounds(base.crs, shared)?;
            if let Some(bounds) = bounds.intersection(&base.bounds()) {
                around = Some(around.map_or(bounds, |other| union(bounds, other)));
            }
        }
        let Some(around) = around else {
            // In a corner of the geographic bounds that the cube, whose axes
            // are turned against them, does not reach.
            return Ok(Self {
                level: Level(0),
                mapping: Mapping::Projected {
                    target,
                    source: *base,
                    ratio: CellRatio { x: 1.0, y: 1.0 },
                },
                window: None,
            });
        };
        let (x, y) = (
            around.west.midpoint(around.east),
            around.south.midpoint(around.north),
        );
        let (width, height) = crs::cell_size_at(&target, x, y, base.crs)?;
        let level = pyramid.level_for(width, height);
        let source = pyramid.grid(level);
        let ratio = CellRatio {
            x: width / source.transform.cell_width.abs(),
            y: height / source.transform.cell_height.abs(),
        };
        // Average covers a pixel of the tile, half of it on each side.
        let reach = KERNEL_MARGIN.max(ratio.x.max(ratio.y));
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
                target,
                source,
                ratio,
            },
            window,
        })
    }
}

fn outside(address: TileAddress, stored: &StoredCube) -> TileError {
    TileError::Outside {
        zoom: address.zoom(),
        col: address.col(),
        row: address.row(),
        bounds: stored.footprint.bounds().to_array(),
    }
}

fn union(a: Bounds, b: Bounds) -> Bounds {
    Bounds {
        west: a.west.min(b.west),
        south: a.south.min(b.south),
        east: a.east.max(b.east),
        north: a.north.max(b.north),
    }
}

/// The mean size, in degrees, of the tile's pixels where the cube is. Web
/// Mercator's pixels get lower towards the poles, so the whole tile's mean
/// would be too coarse for a cube in its northern half.
fn cell_size(target: &Grid, shared: Bounds) -> (f64, f64) {
    let width = mercator_to_longitude(target.transform.cell_width);
    let y = |latitude: f64| latitude.to_radians().tan().asinh().to_degrees();
    // Both in degrees of the sphere, so their ratio is the mean of cos(latitude).
    let height = width * (shared.north - shared.south) / (y(shared.north) - y(shared.south));
    (width, height)
}
