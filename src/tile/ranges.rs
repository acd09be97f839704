//! `rescale=auto`: display ranges by the values of the coarsest level, which are the same
//! for all tiles, so that these have no seams. And the style that a request comes to.

use std::sync::Arc;

use super::{Look, PictureRequest, PictureSize, TileError, Tiles, cost::Cost, subject::Subject};
use crate::{
    cache::{Cache, CacheConfig},
    catalog::Entry,
    grid::{Epsg, Level, Shape},
    raster::{Raster, Resampling, Statistics},
    render::{FileFormat, SampleFormat, Style, Touches},
    zarr::StoredCube,
};

/// The shares of values below the range and up to its end, in percent.
const PERCENTILES: [f64; 2] = [2.0, 98.0];

/// Values along a side that are looked at, at most, where a cube has no level as coarse.
pub(super) const MOST_SIDE: usize = 1024;

/// Bytes that ranges take with their key.
const ENTRY: usize = 256;

/// A display range for each variable that is shown.
pub(super) type Ranges = Arc<[[f64; 2]]>;

/// A part of the memory for metadata is more than enough for all ranges that maps show.
pub(super) fn cache(config: &CacheConfig) -> Cache<(u32, u128), Ranges> {
    Cache::new(config.metadata() / 64, |_| ENTRY)
}

/// How a request is shown.
#[derive(Clone, Debug)]
pub struct Styled {
    /// Ranges and colours.
    pub style: Style,
    /// The names of what is shown.
    pub names: Vec<String>,
    /// The state that it is of.
    pub revision: String,
}

/// Whether a cube has what a request shows, and its parts fit together.
///
/// # Errors
/// What [`Tiles::prepare`] would say of it.
pub fn check(mut look: Look, stored: &StoredCube) -> Result<(), TileError> {
    if look.is_auto {
        // Some range will be found.
        look.rescale = vec![[0.0, 1.0]];
    }
    Subject::of(&look, stored)?
        .style(&look, None, stored)
        .map(drop)
}

impl Tiles {
    /// The style of pictures of a cube, with all that a request leaves open.
    ///
    /// # Errors
    /// If the request names something that is not there, or does not fit together.
    pub async fn style(&self, cube: &str, look: &Look) -> Result<Styled, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let ranges = self.ranges_if_asked(&entry, &stored, look).await?;
        let subject = Subject::of(look, &stored)?;
        Ok(Styled {
            style: subject.style(look, ranges.as_deref(), &stored)?,
            names: subject.shown().to_vec(),
            revision: stored.snapshot.revision().to_string(),
        })
    }

    /// The display ranges of what a request shows, if it asks for them.
    pub(super) async fn ranges_if_asked(
        &self,
        entry: &Arc<Entry>,
        stored: &StoredCube,
        look: &Look,
    ) -> Result<Option<Ranges>, TileError> {
        if !look.is_auto {
            return Ok(None);
        }
        // Boxed, since to prepare a picture may ask for ranges, though not here; and so that
        // who does not ask does not carry it.
        Box::pin(self.ranges(entry, stored, look)).await.map(Some)
    }

    /// The display ranges of the coarsest level of the time step or steps. They are kept, by
    /// what they were found in.
    async fn ranges(
        &self,
        entry: &Arc<Entry>,
        stored: &StoredCube,
        look: &Look,
    ) -> Result<Ranges, TileError> {
        let request = whole(look, coarsest(stored));
        let tile = self
            .prepare_picture_of(entry, stored.clone(), &request)
            .await?;
        let key = (tile.cube, tile.name);
        let Shape { rows, cols } = tile.mapping.target().shape;
        let planes = tile.variables.len().max(tile.names.len());
        let cost = tile.cost.with_values(rows * cols, planes, self.most)?;
        let tile = Arc::new(tile);
        self.ranges_of(key, cost, self.values(&tile)).await
    }

    /// The display ranges of the values of a picture of this name, which are kept.
    pub(super) async fn ranges_of(
        &self,
        name: (u32, u128),
        cost: Cost,
        values: impl Future<Output = Result<Vec<Raster<f32>>, TileError>> + Send,
    ) -> Result<Ranges, TileError> {
        if let Some(known) = self.ranges.get(&name).await {
            return Ok(known);
        }
        let find = self.finished.within(cost, async {
            let values = values.await?;
            let found = self.compute.run(move || {
                let found = |values| range(&Statistics::of(values, &PERCENTILES));
                values
                    .into_iter()
                    .map(|raster| found(raster.data))
                    .collect()
            });
            Ok(found.await?)
        });
        let found = self.ranges.get_or_compute(name, find).await;
        found.map_err(TileError::Shared)
    }
}

/// The values of all that a look shows, as a picture of this size.
pub(super) fn whole(look: &Look, size: PictureSize) -> PictureRequest {
    PictureRequest {
        bounds: None,
        size,
        look: Look {
            is_auto: false,
            rescale: Vec::new(),
            coloring: None,
            touches: Touches::default(),
            resampling: Resampling::Nearest,
            format: Some(FileFormat::Samples(SampleFormat::Npy)),
            ..look.clone()
        },
        cutout: None,
        coords: Epsg::WGS84,
        crs: None,
    }
}

/// A pixel for each cell of the coarsest level, or as many as are looked at.
fn coarsest(stored: &StoredCube) -> PictureSize {
    let pyramid = stored.cube.pyramid();
    let last = pyramid.levels().last().unwrap_or(Level(0));
    let base = pyramid.base().shape;
    // Rounded down: with smaller pixels the level would be the one before.
    let shape = Shape {
        rows: (base.rows >> last.0).max(1),
        cols: (base.cols >> last.0).max(1),
    };
    if shape.rows.max(shape.cols) > MOST_SIDE {
        return PictureSize::AtMost(MOST_SIDE);
    }
    PictureSize::Exactly(shape)
}

/// The range of values, which rises; without values that of one.
fn range(found: &Statistics) -> [f64; 2] {
    match found.percentiles[..] {
        [min, max] if found.valid > 0 && min < max => [min, max],
        [value, _] if found.valid > 0 => [value - 0.5, value + 0.5],
        _ => [0.0, 1.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_rises_even_of_a_single_value_or_of_none() {
        let of = |values: Vec<f32>| range(&Statistics::of(values, &PERCENTILES));
        // numpy.percentile(numpy.arange(101), [2, 98]).
        let counted = (0..=100_u8).map(f32::from).collect();
        assert_eq!(of(counted).map(|n| n.to_string()), ["2", "98"]);
        assert_eq!(of(vec![7.0; 3]).map(|n| n.to_string()), ["6.5", "7.5"]);
        assert_eq!(of(vec![f32::NAN]).map(|n| n.to_string()), ["0", "1"]);
        assert_eq!(of(Vec::new()).map(|n| n.to_string()), ["0", "1"]);
    }
}
