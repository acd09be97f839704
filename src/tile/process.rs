//! Tiles of computed values: of several time steps that become one, and of algorithms.

use std::sync::Arc;

use futures::{StreamExt as _, stream};

use super::{
    Cutout, Tile, TileError, Tiles,
    cost::STEPS_AT_ONCE,
    cutout, file,
    finished::finish,
    on,
    prepared::{Output, Prepared},
    resampled,
};
use crate::{
    grid::Grid,
    raster::{OverTime, Raster, over_time::Reduced},
    render::{Algorithm, Packing, Picture, Style, geotiff::Planes},
    zarr::HeldChunks,
};

impl Tiles {
    /// A file of computed values, or of a picture of them.
    pub(super) async fn make_processed(&self, tile: Prepared) -> Result<Tile, TileError> {
        let tile = Arc::new(tile);
        let values = self.values(&tile).await?;
        let make = move || match &tile.output {
            Output::Picture {
                style,
                background,
                format,
            } => finish(&on(*background, painted(style, &values)), *format),
            Output::Samples(format) => {
                file(tile.grid(), &tile.names, *format, &Planes::Computed(values))
            }
        };
        self.compute.run(make).await?
    }

    /// A picture of computed values.
    pub(super) async fn processed_picture(&self, tile: Prepared) -> Result<Picture, TileError> {
        let tile = Arc::new(tile);
        let values = self.values(&tile).await?;
        let paint = move || match &tile.output {
            Output::Picture { style, .. } => painted(style, &values),
            Output::Samples(_) => super::nothing(&tile),
        };
        Ok(self.compute.run(paint).await?)
    }

    /// The values of a tile, in which NaN is no data.
    pub(super) async fn values(&self, tile: &Arc<Prepared>) -> Result<Vec<Raster<f32>>, TileError> {
        let values = match tile.over_time {
            None => self.step_values(tile, 0).await?,
            Some(over_time) => {
                let of_step = |step| self.step_values(tile, step);
                self.reduced(over_time, tile.steps.len(), of_step).await?
            }
        };
        let tile = Arc::clone(tile);
        let finish = move || {
            let (algorithm, cutout) = (tile.algorithm.as_ref(), tile.cutout.as_deref());
            finished(values, algorithm, cutout, tile.grid())
        };
        self.compute.run(finish).await?
    }

    /// The values of the time step of a number among those of the tile.
    async fn step_values(
        &self,
        tile: &Arc<Prepared>,
        number: usize,
    ) -> Result<Vec<Raster<f32>>, TileError> {
        let sources = self.read(tile, &tile.steps[number]).await?;
        let tile = Arc::clone(tile);
        let compute = move || floats(&tile, sources.as_deref());
        self.compute.run(compute).await?
    }

    /// What the values of so many steps become. They come in order, and are let go of one by
    /// one unless all are needed.
    pub(super) async fn reduced<V>(
        &self,
        over_time: OverTime,
        steps: usize,
        values: impl Fn(usize) -> V,
    ) -> Result<Vec<Raster<f32>>, TileError>
    where
        V: Future<Output = Result<Vec<Raster<f32>>, TileError>>,
    {
        let mut values = stream::iter(0..steps).map(values).buffered(STEPS_AT_ONCE);
        let mut reduced: Vec<Reduced> = Vec::new();
        while let Some(step) = values.next().await {
            let step = step?;
            let add = move || {
                reduced.resize_with(step.len(), || over_time.begin());
                for (reduced, values) in std::iter::zip(&mut reduced, step) {
                    reduced.add(values);
                }
                reduced
            };
            reduced = self.compute.run(add).await?;
        }
        let finish = move || reduced.into_iter().filter_map(Reduced::finish).collect();
        Ok(self.compute.run(finish).await?)
    }
}

/// What an algorithm makes of the values of the pixels of a grid, and of those that it takes
/// away around them; and of that what is in a cutout.
pub(super) fn finished(
    values: Vec<Raster<f32>>,
    algorithm: Option<&Algorithm>,
    cutout: Option<&Cutout>,
    grid: &Grid,
) -> Result<Vec<Raster<f32>>, TileError> {
    let cell = [grid.transform.cell_width, grid.transform.cell_height];
    let mut values = match algorithm {
        None => values,
        Some(algorithm) => algorithm.apply(values, cell),
    };
    if let Some(cutout) = cutout {
        let is_in = cutout.touched(grid)?;
        for raster in &mut values {
            cutout::cut(&mut raster.data, &is_in, f32::NAN);
        }
    }
    Ok(values)
}

/// The values of variables, or of an expression, of what was read.
fn floats(tile: &Prepared, sources: Option<&[HeldChunks]>) -> Result<Vec<Raster<f32>>, TileError> {
    let shape = tile.mapping.target().shape;
    let rasters = match sources {
        Some(sources) => resampled(tile, sources)?,
        None => None,
    };
    let Some(rasters) = rasters else {
        let count = tile.expression.as_ref().map_or(tile.variables.len(), |_| 1);
        return Ok(vec![Raster::filled(shape, f32::NAN); count]);
    };
    if let Some(expression) = &tile.expression {
        return Ok(vec![expression.of(&rasters, tile.nodata)]);
    }
    let float = |sample: u16| {
        if sample == tile.nodata {
            f32::NAN
        } else {
            f32::from(sample)
        }
    };
    let floats = rasters.into_iter().map(|raster| Raster {
        data: raster.data.into_iter().map(float).collect(),
        shape,
    });
    Ok(floats.collect())
}

pub(super) fn painted(style: &Style, values: &[Raster<f32>]) -> Picture {
    style.painter::<f32>(&[Packing::default()]).paint(values)
}
