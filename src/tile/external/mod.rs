//! Tiles and pictures of other people's data sets, and the values behind them.

mod cost;
mod paint;
mod place;
mod style;
mod subject;
mod values;

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

pub use self::values::ExternalPoint;
use self::{
    cost::{Way, cost},
    paint::{Painted, ReadUnit, by_kind, cut, painted, physical, resampled},
    place::{Mapping, Place},
    subject::Subject,
};
use super::{
    Cutout, Look, PictureRequest, Tile, TileError, TileRequest, Tiles,
    cost::Cost,
    finished::{self, finish},
    name::RENDERER_VERSION,
    on,
    prepared::Output,
    target::Target,
};
use crate::{
    catalog::ExternalEntry,
    external::{Element, External, ExternalError, OpenArray, Samples, Unit},
    grid::{ChunkIndex, Grid, Shape, Window},
    raster::{AreaMean, Expression, PartOfMean, Raster, Resampling},
    render::{
        FileFormat, Packing, SampleFormat,
        geotiff::{Planes, geotiff},
        npy,
    },
};

/// Units of one band that are read at once.
const CONCURRENT_READS: usize = 16;

/// Cells a side that a pixel's mean is taken from, where it covers more.
const DEPTH: u32 = 3;

/// A tile or picture of a data set before its pixels are read.
#[derive(Debug)]
pub struct PreparedExternal {
    set: u32,
    external: Arc<External>,
    bands: Vec<Band>,
    /// Of the bands, or the expression alone.
    names: Vec<String>,
    /// What is computed of the bands.
    expression: Option<Expression>,
    output: Output,
    target: Grid,
    resampling: Resampling,
    nodata: Option<f64>,
    cutout: Option<Arc<Cutout>>,
    way: Way,
    name: u128,
    cost: Cost,
    time: Option<String>,
    told: Option<String>,
}

/// A variable at one level and one index along its other dimensions.
#[derive(Debug)]
struct Band {
    array: OpenArray,
    others: Vec<usize>,
    mapping: Arc<Mapping>,
    /// The places of the units that are read.
    units: Vec<ChunkIndex>,
}

impl PreparedExternal {
    /// A name for exactly these pixels in this style.
    #[must_use]
    pub fn etag(&self) -> String {
        finished::etag(self.name)
    }

    /// The state of the store that the tile is of.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.external.version
    }

    /// The time that is shown, if the variable has any.
    #[must_use]
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// What was chosen along dimensions that the request does not name.
    #[must_use]
    pub fn selection(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Where its pixels are.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.target
    }
}

impl Tiles {
    /// Finds what a tile of a data set is made of.
    ///
    /// # Errors
    /// If the request names something that is not there or asks for too much.
    pub async fn prepare_external(
        &self,
        entry: &ExternalEntry,
        request: &TileRequest,
    ) -> Result<PreparedExternal, TileError> {
        if request.buffer > 0 {
            return Err(TileError::OnlyOfCubes("buffer"));
        }
        let external = entry.source().current().await;
        let target = request.target();
        self.prepared(entry, external, target, &request.look, None)
            .await
    }

    /// Finds what a picture of a rectangle of a data set is made of.
    ///
    /// # Errors
    /// As of [`Tiles::prepare_external`].
    pub async fn prepare_external_picture(
        &self,
        entry: &ExternalEntry,
        request: &PictureRequest,
    ) -> Result<PreparedExternal, TileError> {
        let external = entry.source().current().await;
        let target = subject::rectangle(&external, request)?;
        let cutout = request.cutout.clone();
        self.prepared(entry, external, target, &request.look, cutout)
            .await
    }

    /// Finds what a picture of any pixels is made of.
    ///
    /// # Errors
    /// As of [`Tiles::prepare_external`].
    pub async fn prepare_external_grid(
        &self,
        entry: &ExternalEntry,
        grid: Grid,
        look: &Look,
    ) -> Result<PreparedExternal, TileError> {
        let external = entry.source().current().await;
        let picture = self.prepared(entry, external, Target::of_grid(grid), look, None);
        picture.await.map_err(TileError::of_a_system)
    }

    async fn prepared(
        &self,
        entry: &ExternalEntry,
        external: Arc<External>,
        target: Target,
        look: &Look,
        cutout: Option<Arc<Cutout>>,
    ) -> Result<PreparedExternal, TileError> {
        if let Some(name) = look.only_of_cubes() {
            return Err(TileError::OnlyOfCubes(name));
        }
        let subject = Subject::of(look, &external.dataset)?;
        let mut bands = Vec::new();
        let mut ranges = Vec::new();
        let mut text = Vec::new();
        for (variable, selection) in &subject.shown {
            let placed = external.placed(variable)?;
            let place =
                Place::of(&target, look.resampling, variable, placed, &self.compute).await?;
            let level = &variable.levels[place.level];
            let array = external.array(&level.path)?;
            array.check(self.most)?;
            for band in 0..selection.bands() {
                let others = selection.indices(band);
                text.push(format!("{} {others:?}", level.path));
                ranges.push(array.stored().range());
                bands.push(Band {
                    units: units(&place.mapping, array, look.resampling),
                    array: array.clone(),
                    others,
                    mapping: Arc::clone(&place.mapping),
                });
            }
        }
        let output = subject::output(look, &subject, bands.len(), &ranges)?;
        let planes = match (&output, &look.expression) {
            // As single floats, and once more in the file.
            (Output::Samples(_), _) => 8,
            (Output::Picture { .. }, Some(_)) => 4,
            (Output::Picture { .. }, None) => 0,
        };
        let (cost, way) = cost(&bands, &target, self.most, planes)?;
        if let Some(cutout) = &cutout {
            cutout.check(&target.grid, 1)?;
        }
        let is_streamed = way != Way::AtOnce;
        if is_streamed {
            for band in &mut bands {
                band.units = Vec::new();
            }
        }
        let text = format!(
            "{RENDERER_VERSION} {} {:?} {} {text:?} {:?} {:?} {:?} {:?} {is_streamed}",
            external.version,
            target.grid,
            output.canonical(),
            look.expression.as_ref().map(ToString::to_string),
            look.nodata,
            look.resampling,
            cutout.as_deref().map(Cutout::canonical),
        );
        Ok(PreparedExternal {
            set: entry.number(),
            bands,
            names: subject.names(look.expression.as_ref()),
            expression: look.expression.clone(),
            output,
            target: target.grid,
            resampling: look.resampling,
            nodata: look.nodata,
            cutout,
            way,
            name: xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
            cost,
            time: subject.time(),
            told: subject.told(),
            external,
        })
    }

    /// The file of a prepared tile, which is kept, as [`Tiles::render`] does it.
    ///
    /// # Errors
    /// If a chunk cannot be read, and if too many tiles are being made.
    pub async fn render_external(&self, tile: PreparedExternal) -> Result<Tile, TileError> {
        let (name, cost) = ((tile.set, tile.name), tile.cost);
        let work = Box::pin(self.make_external(tile));
        self.finished.get_or_make(name, cost, work).await
    }

    async fn make_external(&self, tile: PreparedExternal) -> Result<Tile, TileError> {
        let tile = Arc::new(tile);
        let bands = self.read_external(&tile).await?;
        let make = move || match (&tile.output, &tile.expression) {
            (
                Output::Picture {
                    style,
                    background,
                    format,
                },
                expression,
            ) => {
                let picture = match expression {
                    None => painted(&bands, style, tile.target.shape),
                    Some(expression) => {
                        let computed = expression.of_values(&physical(&bands, tile.target.shape));
                        let painter = style.painter::<f32>(&[Packing::default()]);
                        painter.paint(&[computed])
                    }
                };
                finish(&on(*background, picture), *format)
            }
            (Output::Samples(format), _) => samples(&tile, &bands, *format),
        };
        self.compute.run(make).await?
    }

    /// The samples of the bands, without what is not in the cutout.
    async fn read_external(&self, tile: &Arc<PreparedExternal>) -> Result<Vec<Painted>, TileError> {
        let mut bands = Vec::with_capacity(tile.bands.len());
        for n in 0..tile.bands.len() {
            let samples = if let Way::Streamed { parts } = tile.way {
                self.summed(tile, n, parts).await?
            } else {
                self.sampled(tile, n).await?
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
        if let Some(cutout) = &tile.cutout {
            let (cutout, grid) = (Arc::clone(cutout), tile.target);
            let is_in = self.compute.run(move || cutout.touched(&grid)).await??;
            for band in &mut bands {
                cut(band, &is_in);
            }
        }
        Ok(bands)
    }

    /// The samples of a band, from all of its units at once.
    async fn sampled(&self, tile: &Arc<PreparedExternal>, n: usize) -> Result<Samples, TileError> {
        let band = &tile.bands[n];
        let units: Vec<ReadUnit> = stream::iter(band.units.clone())
            .map(|place| async move {
                let unit = band.array.unit(&band.others, place);
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
        Ok(samples.await?)
    }

    /// The samples of a band as means, from so many units at a time.
    async fn summed(
        &self,
        tile: &Arc<PreparedExternal>,
        n: usize,
        parts: usize,
    ) -> Result<Samples, TileError> {
        let kind = tile.bands[n].array.stored().kind();
        by_kind!(kind, summed_as(self, tile, n, parts)).await
    }
}

/// A nearest tile is of single cells, so that classes stay classes.
fn summed_as<'a, T: Element>(
    tiles: &'a Tiles,
    tile: &'a Arc<PreparedExternal>,
    n: usize,
    parts: usize,
) -> futures::future::BoxFuture<'a, Result<Samples, TileError>> {
    Box::pin(async move {
        let Band {
            array,
            others,
            mapping,
            ..
        } = &tile.bands[n];
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
                    let unit = array.unit(others, place);
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

/// A file of the physical values of a tile, or of what is computed of them.
fn samples(
    tile: &PreparedExternal,
    bands: &[Painted],
    format: SampleFormat,
) -> Result<Tile, TileError> {
    let planes = Planes::Computed(tile.computed(bands));
    let grid = &tile.target;
    let bytes = match format {
        SampleFormat::GeoTiff => geotiff(grid, grid.shape.window(), &tile.names, &planes)?,
        SampleFormat::Npy => npy(&planes),
    };
    Ok(Tile {
        bytes,
        format: FileFormat::Samples(format),
        // As all see it who find it in the cache.
        is_kept: true,
    })
}

impl PreparedExternal {
    /// The physical values of the bands, or of what is computed of them.
    fn computed(&self, bands: &[Painted]) -> Vec<Raster<f32>> {
        let values = physical(bands, self.target.shape);
        match &self.expression {
            None => values,
            Some(expression) => vec![expression.of_values(&values)],
        }
    }
}

/// The places of the units that hold what a tile is made of.
fn units(mapping: &Mapping, array: &OpenArray, resampling: Resampling) -> Vec<ChunkIndex> {
    let side = array.unit_shape();
    let [rows, cols] = match mapping {
        Mapping::Nothing => return Vec::new(),
        Mapping::Separable { rows, cols } => [
            rows.chunks(resampling, side.rows),
            cols.chunks(resampling, side.cols),
        ],
        Mapping::Projected { window, .. } => units_of(*window, side),
    };
    let along = |row: usize| cols.iter().map(move |col| ChunkIndex { row, col: *col });
    rows.iter().flat_map(|row| along(*row)).collect()
}

fn units_of(window: Window, side: Shape) -> [Vec<usize>; 2] {
    let along = |first, end: usize, side| (first / side..end.div_ceil(side)).collect();
    [
        along(window.row, window.row_end(), side.rows),
        along(window.col, window.col_end(), side.cols),
    ]
}
