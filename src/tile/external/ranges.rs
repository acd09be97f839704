//! `rescale=auto` of a data set: display ranges by the values of its coarsest level.

use std::sync::Arc;

use super::{rectangle, subject};
use crate::{
    catalog::ExternalEntry,
    dataset::Variable,
    external::External,
    grid::Shape,
    render::FileFormat,
    tile::{
        Look, PictureSize, TileError, Tiles,
        ranges::{MOST_SIDE, Ranges, whole},
    },
};

impl Tiles {
    /// The display ranges of what a request shows, if it asks for them.
    pub(super) async fn external_ranges_if_asked(
        &self,
        entry: &ExternalEntry,
        external: &Arc<External>,
        look: &Look,
    ) -> Result<Option<Ranges>, TileError> {
        let is_file = matches!(look.format, Some(FileFormat::Samples(_)));
        if !look.is_auto || is_file {
            return Ok(None);
        }
        // Boxed, since to prepare a picture may ask for ranges, though not here.
        let ranges = Box::pin(self.external_ranges(entry, external, look));
        ranges.await.map(Some)
    }

    async fn external_ranges(
        &self,
        entry: &ExternalEntry,
        external: &Arc<External>,
        look: &Look,
    ) -> Result<Ranges, TileError> {
        let mut request = whole(look, coarsest(subject::first(look, external)?));
        // A file would be of all bands, and a picture is in some range.
        request.look.format = None;
        request.look.rescale = vec![[0.0, 1.0]];
        let target = rectangle::rectangle(external, &request)?;
        let external = Arc::clone(external);
        let tile = self.prepared(entry, external, target, &request.look, None);
        let tile = Arc::new(tile.await.map_err(too_much)?);
        let (key, planes) = ((tile.set, tile.name), tile.names.len());
        let cost = tile.cost.with_values(target.pixels(), planes, self.most)?;
        self.ranges_of(key, cost, self.external_values(&tile)).await
    }
}

/// The way out where too much would be read for ranges alone.
fn too_much(error: TileError) -> TileError {
    let TileError::TooMuch { bytes, limit, .. } = error else {
        return error;
    };
    TileError::TooMuch {
        bytes,
        limit,
        advice: "`rescale=auto` looks at all of a data set, which has too few overviews for \
                 that: give `rescale=min,max`"
            .to_owned(),
    }
}

/// As many pixels as the coarsest level has cells under the finest, or as are looked at.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of a side, which is far below 2^52"
)]
fn coarsest(variable: &Variable) -> PictureSize {
    let (shape, fine) = rectangle::cells(&variable.levels[0].grid);
    let coarse = variable
        .levels
        .last()
        .map_or(fine, |level| level.grid.transform);
    // Rounded down: with smaller pixels the level would be the one before.
    let along = |cells: usize, fine: f64, coarse: f64| {
        let side = cells as f64 * (fine / coarse).abs();
        ((side + 1e-6).floor() as usize).max(1)
    };
    let shape = Shape {
        rows: along(shape.rows, fine.cell_height, coarse.cell_height),
        cols: along(shape.cols, fine.cell_width, coarse.cell_width),
    };
    if shape.rows.max(shape.cols) > MOST_SIDE {
        return PictureSize::AtMost(MOST_SIDE);
    }
    PictureSize::Exactly(shape)
}
