//! Where a tile is in a cube: which level, which window of it, and where the
//! tile's pixel centres are there.

use super::{
    PictureRequest, TileError, TileRequest,
    axes::Axes,
    request::grown,
    values::{in_own_system, no_overlap},
};
use crate::{
    crs::{self, CrsError},
    grid::{
        Bounds, Epsg, GeoTransform, Grid, Level, Shape, TileAddress, Window,
        tile_matrix::mercator_to_longitude,
    },
    raster::{AxisTable, CellRatio, Positions, Raster, Resampling, Validity, separable},
    zarr::{HeldChunks, StoredCube},
};

/// Pixels that a window has around the outermost position: cubic takes two
/// neighbours on each side of it.
pub(super) const KERNEL_MARGIN: f64 = 2.0;

/// Where a tile is in a cube, and how fine.
pub(super) struct Place {
    pub(super) level: Level,
    pub(super) mapping: Mapping,
    /// What is read of the level; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
    pub(super) pixel: PixelSize,
}

/// How large the tile's pixels are where the cube is, in the cube's units: all
/// are of one width, and the lowest and the highest of these heights.
#[derive(Clone, Copy, Debug)]
pub(super) struct PixelSize {
    pub(super) width: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl PixelSize {
    fn of_height(width: f64, height: f64) -> Self {
        Self {
            width,
            low: height,
            high: height,
        }
    }

    /// In degrees, between two latitudes.
    fn between(width: f64, south: f64, north: f64) -> Self {
        let low = south.abs().max(north.abs());
        let high = if south < 0.0 && north > 0.0 {
            0.0
        } else {
            south.abs().min(north.abs())
        };
        let [low, high] = [low, high].map(|latitude| width * latitude.to_radians().cos());
        Self { width, low, high }
    }
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
    pub(super) fn of(request: &TileRequest, stored: &StoredCube) -> Result<Self, TileError> {
        match stored.cube.pyramid().base().crs {
            Epsg::WGS84 | Epsg::WEB_MERCATOR => Self::separable(request, stored),
            _ => Self::projected(request, stored),
        }
    }

    /// Of a rectangle that grows to whole cells, in the cube's own system.
    #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
    pub(super) fn of_rectangle(
        request: &PictureRequest,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        let pyramid = stored.cube.pyramid();
        let base = pyramid.base();
        let cells = match request.bounds {
            None => base.shape.window(),
            Some(bounds) => {
                let window = base.window_of(in_own_system(stored, bounds)?);
                window.ok_or_else(|| no_overlap(stored, bounds))?
            }
        };
        let shape = request.size.of(Shape {
            rows: cells.rows,
            cols: cells.cols,
        });
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
            is_same: true,
            resampling: request.look.resampling,
        };
        Ok(Self {
            level,
            window: axes.window(),
            mapping: Mapping::Separable(axes),
            pixel: PixelSize::of_height(width, height),
        })
    }

    /// In a cube whose axes are those of Web Mercator, each by itself.
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
        let pixel = if is_mercator {
            PixelSize::of_height(width, height)
        } else {
            PixelSize::between(width, shared.south, shared.north)
        };
        let level = pyramid.level_for(width, height);
        let source = pyramid.grid(level);
        let axes = Axes {
            // What is around a tile is of the tile's level.
            target: grown(target, request.around()),
            source,
            is_same: is_mercator,
            resampling: request.look.resampling,
        };
        Ok(Self {
            level,
            window: axes.window(),
            mapping: Mapping::Separable(axes),
            pixel,
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
                around = Some(around.map_or(bounds, |other| bounds.union(&other)));
            }
        }
        let Some(around) = around else {
            // In a corner of the geographic bounds that the cube, whose axes
            // are turned against them, does not reach.
            return Ok(Self {
                level: Level(0),
                mapping: Mapping::Projected {
                    target: grown(target, request.around()),
                    source: *base,
                    ratio: CellRatio { x: 1.0, y: 1.0 },
                },
                window: None,
                pixel: PixelSize::of_height(0.0, 0.0),
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
        let mut reach = KERNEL_MARGIN.max(ratio.x.max(ratio.y));
        if request.around() > 0 {
            // Axes that are turned against the tile's reach further along both.
            #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
            let around = request.around() as f64;
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
                target: grown(target, request.around()),
                source,
                ratio,
            },
            window,
            pixel: PixelSize::of_height(width, height),
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

/// The mean size, in degrees, of the tile's pixels where the cube is. Web
/// Mercator's pixels get lower towards the poles, so the whole tile's mean
/// would be too coarse for a cube in its northern half.
pub(super) fn cell_size(target: &Grid, shared: Bounds) -> (f64, f64) {
    let width = mercator_to_longitude(target.transform.cell_width);
    let y = |latitude: f64| latitude.to_radians().tan().asinh().to_degrees();
    // Both in degrees of the sphere, so their ratio is the mean of cos(latitude).
    let height = width * (shared.north - shared.south) / (y(shared.north) - y(shared.south));
    (width, height)
}
