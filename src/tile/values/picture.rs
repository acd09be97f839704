//! What the values of a picture of a cube are like.

use std::sync::Arc;

use super::{COUNTED, Counting, counted, named};
use crate::{
    grid::Shape,
    raster::Statistics,
    tile::{PictureRequest, TileError, Tiles},
};

impl Tiles {
    /// What the values of a picture are like, as they were resampled, and after time steps
    /// became one and an algorithm was applied; in a cutout each pixel counts by its share.
    ///
    /// # Errors
    /// As of [`Tiles::prepare_picture`], if a chunk cannot be read, and if a cutout has too
    /// many parts.
    pub async fn picture_statistics(
        &self,
        cube: &str,
        request: &PictureRequest,
        counting: Counting,
    ) -> Result<Vec<(String, Statistics)>, TileError> {
        let tile = Arc::new(self.prepare_picture(cube, request).await?);
        if let Some(cutout) = &tile.cutout {
            cutout.check(tile.grid(), counting.scale)?;
        }
        let names = tile.names.clone();
        let Shape { rows, cols } = tile.grid().shape;
        let planes = names.len() + COUNTED;
        let cost = tile.cost.with_values(rows * cols, planes, self.most)?;
        let work = async {
            let values = self.values(&tile).await?;
            let count = move || counted(&values, tile.cutout.as_deref(), tile.grid(), &counting);
            self.compute.run(count).await?
        };
        let found = self.finished.within(cost, work).await?;
        named(names, found)
    }
}
