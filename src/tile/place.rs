//! Where a tile is in a cube: which level, which window of it, and where the
//! tile's pixel centres are there.

use std::ops::Range;

use super::{
    PictureRequest, TileError, TileRequest,
    values::{in_own_system, no_overlap},
};
use crate::{
    crs::{self, CrsError},
    grid::{
        Bounds, Epsg, GeoTransform, Grid, Level, Shape, TileAddress, Window,
        tile_matrix::{mercator_to_latitude, mercator_to_longitude},
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

/// A tile and a level whose axes go the same ways.
#[derive(Debug)]
pub(super) struct Axes {
    target: Grid,
    source: Grid,
    /// Whether the level is in the target's system, or in degrees where that is Web
    /// Mercator.
    is_same: bool,
    resampling: Resampling,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a tile's side is far below 2^52"
)]
impl Axes {
    /// Fractional row of the level at a fractional row of the tile.
    fn row(&self, at: f64) -> f64 {
        let y = y_at(&self.target, self.is_same, at);
        self.source.transform.row(y)
    }

    /// Fractional column of the level at a fractional column of the tile.
    fn col(&self, at: f64) -> f64 {
        let x = x_at(&self.target, self.is_same, at);
        self.source.transform.col(x)
    }

    fn rows(&self) -> AxisTable {
        let (side, len) = (self.target.shape.rows, self.source.shape.rows);
        self.table(side, len, |at| self.row(at))
    }

    fn cols(&self) -> AxisTable {
        let (side, len) = (self.target.shape.cols, self.source.shape.cols);
        self.table(side, len, |at| self.col(at))
    }

    fn table(&self, side: usize, len: usize, position: impl Fn(f64) -> f64) -> AxisTable {
        let table = AxisTable::new((0..side).map(|n| position(n as f64 + 0.5)), len);
        match self.resampling {
            Resampling::Average => table.with_edges((0..=side).map(|n| position(n as f64))),
            Resampling::Nearest | Resampling::Bilinear | Resampling::Cubic => table,
        }
    }

    /// What of the level the tile needs; none where it only grazes it.
    fn window(&self) -> Option<Window> {
        let rows = self.range(self.target.shape.rows, self.source.shape.rows, |at| {
            self.row(at)
        })?;
        let cols = self.range(self.target.shape.cols, self.source.shape.cols, |at| {
            self.col(at)
        })?;
        Some(Window {
            row: rows.start,
            col: cols.start,
            rows: rows.len(),
            cols: cols.len(),
        })
    }

    /// The rows or columns that a table would need. Positions only rise or only
    /// fall, so the outermost two tell, as long as both are in the level: a tile
    /// that a client has already, or that is kept, needs no table.
    fn range(
        &self,
        side: usize,
        len: usize,
        position: impl Fn(f64) -> f64,
    ) -> Option<Range<usize>> {
        let ends = [position(0.5), position(side as f64 - 0.5)];
        let ends = AxisTable::new(ends, len);
        let tell = ends.is_inside(0) && ends.is_inside(1);
        if tell && self.resampling != Resampling::Average {
            return ends.range(self.resampling);
        }
        self.table(side, len, position).range(self.resampling)
    }
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
            target: Grid {
                crs: base.crs,
                transform,
                shape,
            },
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
            target,
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
                    target,
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

/// World y at a fractional row, in the target's own system or in degrees, where that is
/// Web Mercator.
pub(super) fn y_at(target: &Grid, is_same: bool, row: f64) -> f64 {
    let y = target.transform.y(row);
    if is_same { y } else { mercator_to_latitude(y) }
}

/// World x at a fractional column, as [`y_at`].
pub(super) fn x_at(target: &Grid, is_same: bool, col: f64) -> f64 {
    let x = target.transform.x(col);
    if is_same { x } else { mercator_to_longitude(x) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_window_of_a_tile_is_what_its_tables_read(
            (zoom, x, y) in (4_u64..14, 0.0_f64..1.0, 0.25_f64..0.75),
            (shift_x, shift_y) in (-1.5_f64..1.5, -1.5_f64..1.5),
            (cells, side) in (1_usize..700, 1_usize..300),
            is_mercator in any::<bool>(),
            resampling in prop::sample::select(vec![
                Resampling::Nearest,
                Resampling::Bilinear,
                Resampling::Cubic,
                Resampling::Average,
            ]),
        ) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place within a zoom"
            )]
            let place = |share: f64| (share * (1_u64 << zoom) as f64) as u64;
            let address = TileAddress::new(zoom, place(x), place(y)).unwrap();
            let target = address.grid(side);
            let bounds = if is_mercator { target.bounds() } else { address.lonlat_bounds() };
            let (width, height) = (bounds.east - bounds.west, bounds.north - bounds.south);
            // A level as large as the tile, moved against it.
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let cell = width / cells as f64;
            let source = Grid {
                crs: if is_mercator { Epsg::WEB_MERCATOR } else { Epsg::WGS84 },
                transform: GeoTransform {
                    origin_x: bounds.west + shift_x * width,
                    origin_y: bounds.north + shift_y * height,
                    cell_width: cell,
                    cell_height: -cell,
                },
                shape: Shape { rows: cells, cols: cells },
            };
            let axes = Axes { target, source, is_same: is_mercator, resampling };
            let (rows, cols) = (axes.rows().range(resampling), axes.cols().range(resampling));
            let window = axes.window();
            let expected = rows.zip(cols);
            let found = window.map(|w| (w.row..w.row_end(), w.col..w.col_end()));
            prop_assert_eq!(found, expected);
        }
    }
}
