//! The samples of a tile's bands, from all of their units at once or as means from some
//! units at a time.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Band, PreparedExternal,
    cost::Way,
    paint::{self, Painted, ReadUnit, by_kind, resampled},
    place::Mapping,
};
use crate::{
    external::{Element, ExternalError, OpenArray, Samples, Unit},
    grid::{ChunkIndex, Shape},
    raster::{AreaMean, PartOfMean, Resampling},
    render::Packing,
    tile::{TileError, Tiles},
};

/// Units of one band that are read at once.
const CONCURRENT_READS: usize = 16;

/// Cells a side that a pixel's mean is taken from, where it covers more.
const DEPTH: u32 = 3;

impl Tiles {
    /// The samples of the bands at the time step of a number.
    pub(super) async fn read_external(
        &self,
        tile: &Arc<PreparedExternal>,
        step: usize,
    ) -> Result<Vec<Painted>, TileError> {
        let mut bands = Vec::with_capacity(tile.bands.len());
        for n in 0..tile.bands.len() {
            let samples = if let Way::Streamed { parts } = tile.way {
                self.summed(tile, (step, n), parts).await?
            } else {
                self.sampled(tile, (step, n)).await?
            };
            let stored = tile.bands[n].array.stored();
            let [scale, offset] = stored.scale_and_offset();
            let mut nodata = vec![stored.nodata()];
            nodata.extend(tile.nodata);
            nodata.retain(|value| !value.is_nan());
            bands.push(Painted {
                samples,
                kind: stored.kind(),
                missing: stored.nodata(),
                packing: Packing {
                    scale,
                    offset,
                    nodata,
                },
            });
        }
        Ok(bands)
    }

    /// The samples of a band at a time step, from all of its units at once.
    async fn sampled(
        &self,
        tile: &Arc<PreparedExternal>,
        (step, n): (usize, usize),
    ) -> Result<Samples, TileError> {
        let (band, places) = (&tile.bands[n], &tile.steps[step][n]);
        let units: Vec<ReadUnit> = stream::iter(band.units.clone())
            .map(|place| async move {
                let unit = band.array.unit(places, place);
                let samples =
                    Box::pin(
                        self.chunks
                            .unit(tile.set, &tile.external, &band.array, &unit),
                    );
                let samples = samples.await?;
                Ok::<_, ExternalError>((place, unit, samples))
            })
            .buffer_unordered(CONCURRENT_READS)
            .try_collect()
            .await?;
        let tile = Arc::clone(tile);
        let samples = self.compute.run(move || {
            let Band { array, mapping, .. } = &tile.bands[n];
            by_kind!(
                array.stored().kind(),
                resampled(array, &units, mapping, tile.resampling, tile.target.shape)
            )
        });
        Ok(samples.await??)
    }

    /// The samples of a band at a time step as means, from so many units at a time.
    async fn summed(
        &self,
        tile: &Arc<PreparedExternal>,
        band: (usize, usize),
        parts: usize,
    ) -> Result<Samples, TileError> {
        let kind = tile.bands[band.1].array.stored().kind();
        by_kind!(kind, summed_as(self, tile, band, parts)).await
    }
}

/// A nearest tile is of single cells, so that classes stay classes.
fn summed_as<'a, T: Element>(
    tiles: &'a Tiles,
    tile: &'a Arc<PreparedExternal>,
    (step, n): (usize, usize),
    parts: usize,
) -> futures::future::BoxFuture<'a, Result<Samples, TileError>> {
    Box::pin(async move {
        let Band { array, mapping, .. } = &tile.bands[n];
        let places = &tile.steps[step][n];
        let Mapping::Separable { rows, cols } = mapping.as_ref() else {
            return Ok(T::wrap(Vec::new()));
        };
        let depth = if tile.resampling == Resampling::Nearest {
            1
        } else {
            DEPTH
        };
        let validity = paint::validity::<T>(array);
        let mean = AreaMean::new(rows.clone(), cols.clone(), array.unit_shape(), validity);
        let mean = Arc::new(mean.at_most(depth));
        let fill = paint::fill::<T>(array);
        let is_hole = !validity.is_valid(fill);
        let parts: Vec<Option<PartOfMean>> = stream::iter(mean.chunks())
            .map(|place| {
                let mean = Arc::clone(&mean);
                async move {
                    let unit = array.unit(places, place);
                    let read = Box::pin(tiles.chunks.read(tile.set, &tile.external, array, &unit));
                    let samples = read.await?;
                    if samples.is_none() && is_hole {
                        return Ok::<_, TileError>(None);
                    }
                    let array = array.clone();
                    let part = tiles
                        .compute
                        .run(move || part_of(&mean, &array, place, &unit, samples.as_ref(), fill));
                    Ok(Some(part.await?))
                }
            })
            .buffer_unordered(parts)
            .try_collect()
            .await?;
        let parts = parts.into_iter().flatten().collect();
        let mut raster = tiles.compute.run(move || mean.combine(parts)).await?;
        if tile.resampling != Resampling::Average {
            // A mean begins where a pixel does, all else where its centre is.
            let across = tile.target.shape.cols;
            for (n, sample) in raster.data.iter_mut().enumerate() {
                if !(rows.is_inside(n / across) && cols.is_inside(n % across)) {
                    *sample = validity.fill();
                }
            }
        }
        Ok(T::wrap(raster.data))
    })
}

fn part_of<T: Element>(
    mean: &AreaMean<T>,
    array: &OpenArray,
    place: ChunkIndex,
    unit: &Unit,
    samples: Option<&Samples>,
    fill: T,
) -> PartOfMean {
    let Shape { rows, cols } = array.unit_shape();
    match samples {
        Some(samples) => mean.part(place, &array.plane::<T>(samples, unit)),
        None => mean.part(place, &vec![fill; rows * cols]),
    }
}
