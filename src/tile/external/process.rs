//! Computed values of a data set: of expressions, of several time steps that become one,
//! and of algorithms.

use std::sync::Arc;

use super::{PreparedExternal, paint::physical};
use crate::{
    raster::Raster,
    render::geotiff::Planes,
    tile::{Tile, TileError, Tiles, file, finished::finish, on, prepared::Output, process},
};

impl Tiles {
    /// A file of computed values, or of a picture of them.
    pub(super) async fn make_computed(
        &self,
        tile: Arc<PreparedExternal>,
    ) -> Result<Tile, TileError> {
        let values = self.external_values(&tile).await?;
        let make = move || match &tile.output {
            Output::Picture {
                style,
                background,
                format,
            } => finish(&on(*background, process::painted(style, &values)), *format),
            Output::Samples(format) => {
                file(&tile.grid, &tile.names, *format, &Planes::Computed(values))
            }
        };
        self.compute.run(make).await?
    }

    /// The physical values of a tile, or what is computed of them; NaN is no data.
    pub(super) async fn external_values(
        &self,
        tile: &Arc<PreparedExternal>,
    ) -> Result<Vec<Raster<f32>>, TileError> {
        let values = match tile.over_time {
            None => self.values_of_step(tile, 0).await?,
            Some(over_time) => {
                let of_step = |step| self.values_of_step(tile, step);
                self.reduced(over_time, tile.steps.len(), of_step).await?
            }
        };
        let tile = Arc::clone(tile);
        let finish = move || {
            let (algorithm, cutout) = (tile.algorithm.as_ref(), tile.cutout.as_deref());
            process::finished(values, algorithm, cutout, &tile.grid)
        };
        self.compute.run(finish).await?
    }

    async fn values_of_step(
        &self,
        tile: &Arc<PreparedExternal>,
        step: usize,
    ) -> Result<Vec<Raster<f32>>, TileError> {
        let bands = self.read_external(tile, step).await?;
        let tile = Arc::clone(tile);
        let compute = move || {
            let values = physical(&bands, tile.target.shape);
            match &tile.expression {
                None => values,
                Some(expression) => vec![expression.of_values(&values)],
            }
        };
        Ok(self.compute.run(compute).await?)
    }
}
