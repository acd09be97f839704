//! The values of a rectangle.

use bytes::Bytes;

use super::chosen;
use crate::{
    crs,
    cube::NODATA,
    grid::{Bounds, Epsg, GeoTransform, Grid, Level, Shape, Window},
    raster::{Expression, MOST_CATEGORIES, Raster, Statistics, Told},
    render::geotiff::{Planes, geotiff},
    tile::{Cutout, TileError, Tiles, cost::Cost, with_indices},
    zarr::StoredCube,
};

/// Which values.
#[derive(Clone, Debug)]
pub struct AreaRequest {
    /// The rectangle, in degrees.
    pub bounds: Bounds,
    /// Variables; all without a name.
    pub variables: Vec<String>,
    /// Instead of variables, what is computed of them.
    pub expression: Option<Expression>,
    /// `sel` parameters.
    pub sel: Vec<String>,
    /// Cells along a side at most: of a rectangle with more a coarser level is
    /// taken.
    pub max_size: usize,
}

/// How the values in a polygon are counted.
#[derive(Clone, Debug)]
pub struct Counting {
    /// Parts of a pixel along a side.
    pub scale: usize,
    /// What is told of them.
    pub told: Told,
}

/// A rectangle of a level before its values are read.
#[derive(Debug)]
pub struct Area {
    stored: StoredCube,
    cube: u32,
    level: Level,
    grid: Grid,
    window: Window,
    time: usize,
    names: Vec<String>,
    variables: Vec<usize>,
    expression: Option<Expression>,
    cost: Cost,
}

impl Area {
    /// The committed state that it is of.
    #[must_use]
    pub fn revision(&self) -> String {
        self.stored.snapshot.revision().to_string()
    }

    /// The first day of the time step.
    #[must_use]
    pub fn time(&self) -> chrono::NaiveDate {
        self.stored.cube.times().days(self.time).start
    }

    /// The rectangle of its cells, in the cube's own system.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.grid.transform.window_bounds(self.window)
    }

    /// The cube's own system.
    #[must_use]
    pub fn crs(&self) -> Epsg {
        self.grid.crs
    }

    /// The grid of its cells alone.
    fn part(&self) -> Grid {
        let bounds = self.bounds();
        Grid {
            transform: GeoTransform {
                origin_x: bounds.west,
                origin_y: bounds.north,
                ..self.grid.transform
            },
            shape: Shape {
                rows: self.window.rows,
                cols: self.window.cols,
            },
            ..self.grid
        }
    }

    fn computed(&self, rasters: Vec<Raster<u16>>) -> Planes {
        match &self.expression {
            None => Planes::Stored(rasters, NODATA),
            Some(expression) => Planes::Computed(vec![expression.of(&rasters, NODATA)]),
        }
    }
}

impl Tiles {
    /// Finds the level and window of a rectangle.
    ///
    /// # Errors
    /// [`TileError::NoOverlap`] outside of the cube, if the request names
    /// something that is not there, or it asks for too much.
    pub async fn area(&self, cube: &str, request: AreaRequest) -> Result<Area, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let time = stored.cube.select_time(&request.sel)?;
        let expression =
            (request.expression.as_ref()).map(|expression| with_indices(expression, &stored.cube));
        let wanted = (expression.as_ref())
            .map_or(&request.variables[..], |expression| expression.variables());
        let (mut names, variables): (Vec<String>, Vec<usize>) =
            chosen(&stored, wanted)?.into_iter().unzip();
        if let Some(expression) = &expression {
            names = vec![expression.to_string()];
        }
        let (level, grid, window) = place(&stored, request.bounds, request.max_size)?;
        // A square of its longer side: the samples, a file of them, and one plane of floats.
        let side = window.rows.max(window.cols);
        let cost = Cost::of(side * side, variables.len(), Some(window), &stored.cube);
        if cost.bytes() > self.most {
            return Err(TileError::TooMuch {
                bytes: cost.bytes(),
                limit: self.most,
                advice: "ask for a smaller `max_size`, or for fewer variables".to_owned(),
            });
        }
        Ok(Area {
            cube: entry.number(),
            level,
            grid,
            window,
            time,
            names,
            variables,
            expression,
            cost,
            stored,
        })
    }

    /// What the values of each plane are like; `percentiles` are from 0 to 100.
    ///
    /// # Errors
    /// If a chunk cannot be read, or too much is being made.
    pub async fn statistics(
        &self,
        area: Area,
        percentiles: Vec<f64>,
    ) -> Result<Vec<(String, Statistics)>, TileError> {
        let names = area.names.clone();
        let cost = area.cost;
        let work = async {
            let rasters = self.rasters(&area).await?;
            let compute = move || {
                let of = |values| Statistics::of(values, &percentiles);
                match area.computed(rasters) {
                    Planes::Computed(rasters) => {
                        rasters.into_iter().map(|raster| of(raster.data)).collect()
                    }
                    Planes::Stored(rasters, nodata) => {
                        // One after the other, so that one is in memory as floats.
                        let planes = rasters.iter();
                        planes
                            .map(|raster| of(floats(raster, nodata)))
                            .collect::<Vec<_>>()
                    }
                }
            };
            Ok(self.compute.run(compute).await?)
        };
        let found = self.finished.within(cost, work).await?;
        Ok(std::iter::zip(names, found).collect())
    }

    /// What the values in a polygon are like, each pixel counted by how much of it is in
    /// there, or in the whole rectangle without one.
    ///
    /// # Errors
    /// As of [`Tiles::statistics`], and if the polygon has too many parts.
    pub async fn statistics_in(
        &self,
        area: Area,
        cutout: Option<Cutout>,
        counting: Counting,
    ) -> Result<Vec<(String, Statistics)>, TileError> {
        let names = area.names.clone();
        let grid = area.part();
        if let Some(cutout) = &cutout {
            cutout.check(&grid, counting.scale)?;
        }
        let cost = area.cost;
        let work = async {
            let rasters = self.rasters(&area).await?;
            let compute = move || {
                let shares = match cutout {
                    Some(cutout) => cutout.shares(&grid, counting.scale)?,
                    None => Raster::filled(grid.shape, 1.0),
                };
                let of =
                    |values: &[f32]| Statistics::weighted(values, &shares.data, &counting.told);
                Ok::<_, TileError>(match area.computed(rasters) {
                    Planes::Computed(rasters) => rasters.iter().map(|r| of(&r.data)).collect(),
                    Planes::Stored(rasters, nodata) => {
                        let floats = |raster: &Raster<u16>| floats(raster, nodata);
                        rasters
                            .iter()
                            .map(|raster| of(&floats(raster)))
                            .collect::<Vec<_>>()
                    }
                })
            };
            self.compute.run(compute).await?
        };
        let found: Vec<Statistics> = self.finished.within(cost, work).await?;
        named(names, found)
    }

    /// The values as a `GeoTIFF` in the cube's own system.
    ///
    /// # Errors
    /// If a chunk cannot be read, or too much is being made.
    pub async fn geotiff(&self, area: Area) -> Result<Bytes, TileError> {
        let cost = area.cost;
        let work = async {
            let rasters = self.rasters(&area).await?;
            let write = move || {
                let planes = area.computed(rasters);
                geotiff(&area.grid, area.window, &area.names, &planes)
            };
            Ok(self.compute.run(write).await??)
        };
        self.finished.file(cost, work).await
    }

    async fn rasters(&self, area: &Area) -> Result<Vec<Raster<u16>>, TileError> {
        let (stored, window) = (&area.stored, area.window);
        let cells = self
            .reader
            .cells(area.cube, stored, area.level, area.time, window)
            .await?;
        let mut rasters = Vec::with_capacity(area.variables.len());
        // One after the other: each reads many chunks at once.
        for variable in &area.variables {
            let held = self
                .reader
                .chunks(
                    area.cube, stored, area.level, *variable, area.time, window, &cells,
                )
                .await?;
            rasters.push(held.window(window));
        }
        Ok(rasters)
    }
}

fn floats(raster: &Raster<u16>, nodata: u16) -> Vec<f32> {
    let float = |sample: &u16| {
        if *sample == nodata {
            f32::NAN
        } else {
            f32::from(*sample)
        }
    };
    raster.data.iter().map(float).collect()
}

/// The finest level at which a rectangle has at most so many cells a side, or the
/// coarsest, and its window there.
fn place(
    stored: &StoredCube,
    bounds: Bounds,
    max_size: usize,
) -> Result<(Level, Grid, Window), TileError> {
    let around = in_own_system(stored, bounds)?;
    let pyramid = stored.cube.pyramid();
    let mut found = None;
    for level in pyramid.levels() {
        let grid = pyramid.grid(level);
        let window = grid.window_of(around);
        let window = window.ok_or_else(|| no_overlap(stored, bounds))?;
        found = Some((level, grid, window));
        if window.rows.max(window.cols) <= max_size {
            break;
        }
    }
    found.ok_or_else(|| no_overlap(stored, bounds))
}

/// Numbers by the names of what they are of.
pub(in crate::tile) fn named(
    names: Vec<String>,
    found: Vec<Statistics>,
) -> Result<Vec<(String, Statistics)>, TileError> {
    if found.iter().any(|of| of.counts.len() > MOST_CATEGORIES) {
        return Err(TileError::TooManyCategories);
    }
    Ok(std::iter::zip(names, found).collect())
}

/// What a rectangle in degrees shares with a cube, in the cube's own system.
pub(in crate::tile) fn in_own_system(
    stored: &StoredCube,
    bounds: Bounds,
) -> Result<Bounds, TileError> {
    let base = stored.cube.pyramid().base();
    let mut around: Option<Bounds> = None;
    // Only what is near the cube is sure to have a place in its system.
    for shared in shared_parts(&stored.footprint.parts, bounds) {
        let shared = crs::projected_bounds(base.crs, shared)?;
        around = Some(around.map_or(shared, |other| other.union(&shared)));
    }
    around.ok_or_else(|| no_overlap(stored, bounds))
}

/// A rectangle in degrees as it is, and a turn of the globe to the east and to the west.
pub(in crate::tile) fn turned(bounds: Bounds) -> [Bounds; 3] {
    [0.0, 360.0, -360.0].map(|turn| Bounds {
        west: bounds.west + turn,
        east: bounds.east + turn,
        ..bounds
    })
}

/// What parts of the globe, within -180 to 180 degrees, share with a rectangle that may
/// be a turn away or go beyond.
pub(in crate::tile) fn shared_parts(parts: &[Bounds], asked: Bounds) -> Vec<Bounds> {
    let of_part = |part: &Bounds| turned(asked).map(|asked| part.intersection(&asked));
    parts.iter().flat_map(of_part).flatten().collect()
}

pub(in crate::tile) fn no_overlap(stored: &StoredCube, asked: Bounds) -> TileError {
    TileError::NoOverlap {
        asked: asked.to_array(),
        bounds: stored.footprint.bounds().to_array(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_across_the_antimeridian_shares_with_both_sides_of_it() {
        let bounds = |west, east| Bounds {
            west,
            south: 0.0,
            east,
            north: 1.0,
        };
        let parts = [bounds(174.0, 180.0), bounds(-180.0, -174.0)];
        for (asked, shared) in [
            (
                bounds(179.5, 180.5),
                vec![bounds(179.5, 180.0), bounds(-180.0, -179.5)],
            ),
            (bounds(181.0, 182.0), vec![bounds(-179.0, -178.0)]),
            (bounds(-181.0, -180.5), vec![bounds(179.0, 179.5)]),
            (bounds(0.0, 1.0), Vec::new()),
        ] {
            assert_eq!(shared_parts(&parts, asked), shared);
        }
    }
}
