//! Tile request in, encoded tile out.
//!
//! The work is in two steps. [`Tiles::prepare`] finds what the tile is made
//! of and how it is named, from coverage alone; [`Tiles::render`] reads pixels.
//! Between them stands a client that has the tile already.

mod axes;
mod cost;
mod cutout;
mod error;
mod external;
mod finished;
mod name;
mod painters;
mod place;
mod prepare;
mod prepared;
mod process;
mod ranges;
mod request;
mod subject;
mod systems;
mod target;
mod values;

use std::sync::Arc;

use bytes::Bytes;

pub use self::{
    cutout::{Cutout, CutoutError},
    error::TileError,
    external::{ExternalPoint, PreparedExternal, check_external},
    finished::Tile,
    prepared::Prepared,
    ranges::{Styled, check},
    request::{Look, PictureRequest, PictureSize, TileRequest, with_indices},
    systems::{bounds_in, in_degrees, is_north_first, lonlat_at, zooms_in},
    values::{Area, AreaRequest, Counting, PointValues, Series},
};

use self::{
    cost::Cost,
    finished::{Finished, finish},
    painters::{Painters, Paints},
    prepared::{Output, Step},
    ranges::Ranges,
};
use crate::{
    cache::{Cache, CacheConfig},
    catalog::Catalog,
    compute::{Admission, Compute},
    external::ChunkReader,
    grid::{Grid, Shape},
    raster::Raster,
    render::{
        FileFormat, ImageFormat, Picture, SampleFormat, encode,
        geotiff::{Planes, geotiff},
        npy, picture,
    },
    zarr::{HeldChunks, Reader},
};

/// Makes tiles. Clones share caches, bounds and the CPU pool.
#[derive(Clone, Debug)]
pub struct Tiles {
    catalog: Arc<Catalog>,
    reader: Reader,
    chunks: ChunkReader,
    compute: Compute,
    /// Bytes that one tile may take.
    most: u64,
    painters: Arc<Painters>,
    finished: Finished,
    /// Display ranges that were found, by what they were found in.
    ranges: Cache<(u32, u128), Ranges>,
}

impl Tiles {
    /// Tiles of the cubes of a catalog, and of the data sets of others in it.
    #[must_use]
    pub fn new(
        catalog: Arc<Catalog>,
        compute: Compute,
        admission: Admission,
        config: &CacheConfig,
    ) -> Self {
        // If there are data sets of others, the two kinds have half of the memory
        // each.
        let kinds = if catalog.has_externals() { 2 } else { 1 };
        let (chunks, metadata) = (config.chunks() / kinds, config.metadata() / kinds);
        Self {
            catalog,
            reader: Reader::new(chunks, metadata, compute.clone()),
            chunks: ChunkReader::new(chunks, metadata, compute.clone()),
            compute,
            most: config.making(),
            painters: Arc::default(),
            finished: Finished::new(admission, config),
            ranges: ranges::cache(config),
        }
    }

    /// The reader of the cubes' chunks and coverage, whose caches it shares.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The cubes.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The file of a prepared tile, which is kept. Of equal tiles that are asked
    /// for at the same time one is made.
    ///
    /// # Errors
    /// If a chunk cannot be read: a failed read is never an empty tile. And if
    /// too many tiles are being made.
    pub async fn render(&self, tile: Prepared) -> Result<Tile, TileError> {
        let (name, cost) = ((tile.cube, tile.name), tile.cost);
        // Boxed here, where it is made, and not moved about by who awaits it.
        let work = Box::pin(self.make(tile));
        self.finished.get_or_make(name, cost, work).await
    }

    /// The file of a picture of nothing, on a background if there is one.
    ///
    /// # Errors
    /// If it would take too much, or too many tiles are being made.
    pub async fn blank(
        &self,
        shape: Shape,
        background: Option<[u8; 3]>,
        format: ImageFormat,
    ) -> Result<Bytes, TileError> {
        let pixels = (shape.rows * shape.cols) as u64;
        let make = move || {
            // A picture's side is far below 2^32.
            let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
            let picture = picture::transparent(side(shape.cols), side(shape.rows));
            encode(&on(background, picture), format)
        };
        let work = async { Ok(self.compute.run(make).await??) };
        self.finished
            .within(Cost::of_samples(0, pixels), work)
            .await
    }

    /// Reads, resamples, and paints and encodes.
    async fn make(&self, tile: Prepared) -> Result<Tile, TileError> {
        if tile.is_processed() {
            return Box::pin(self.make_processed(tile)).await;
        }
        let sources = self.read(&tile, tile.newest()).await?;
        let (style, background, format) = match &tile.output {
            Output::Picture {
                style,
                background,
                format,
            } => (style, *background, *format),
            Output::Samples(format) => {
                let format = *format;
                let make = move || samples(&tile, format, sources.as_deref());
                return self.compute.run(make).await?;
            }
        };
        let Some(sources) = sources else {
            let format = format.unwrap_or(ImageFormat::Png);
            return finish(&on(background, nothing(&tile)), Some(format));
        };
        let (is_short, painter) = (tile.is_short(), self.painters.of(style, &tile));
        self.compute
            .run_by_length(is_short, move || {
                let picture = paint(&tile, &sources, &painter)?;
                finish(&on(background, picture), format)
            })
            .await?
    }

    /// What a prepared tile shows, before a file is made of it; nothing if that is to
    /// be one of samples.
    ///
    /// # Errors
    /// If a chunk cannot be read.
    pub async fn picture(&self, tile: Prepared) -> Result<Option<Picture>, TileError> {
        let Output::Picture { style, .. } = &tile.output else {
            return Ok(None);
        };
        if tile.is_processed() {
            return Box::pin(self.processed_picture(tile)).await.map(Some);
        }
        let Some(sources) = self.read(&tile, tile.newest()).await? else {
            return Ok(Some(nothing(&tile)));
        };
        let (is_short, painter) = (tile.is_short(), self.painters.of(style, &tile));
        let paint = move || paint(&tile, &sources, &painter);
        self.compute.run_by_length(is_short, paint).await?.map(Some)
    }

    /// What a tile is made of at a time step, for each variable; `None` if that is nothing.
    async fn read(
        &self,
        tile: &Prepared,
        step: &Step,
    ) -> Result<Option<Vec<HeldChunks>>, TileError> {
        let holds_data = step.cells.iter().any(|(_, cell)| cell.stamp != 0);
        let Some(window) = tile.window.filter(|_| holds_data) else {
            return Ok(None);
        };
        let reads = tile.variables.iter().map(|variable| {
            self.reader.chunks(
                tile.cube,
                &tile.stored,
                tile.level,
                *variable,
                step.time,
                window,
                &step.cells,
            )
        });
        Ok(Some(futures::future::try_join_all(reads).await?))
    }
}

fn nothing(tile: &Prepared) -> Picture {
    // A picture's side is far below 2^32.
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let Shape { rows, cols } = tile.shape();
    match &tile.output {
        Output::Picture { style, .. } => style.nothing(side(cols), side(rows)),
        Output::Samples(_) => picture::transparent(side(cols), side(rows)),
    }
}

/// A picture on a background, if it has any.
fn on(background: Option<[u8; 3]>, picture: Picture) -> Picture {
    match background {
        None => picture,
        Some(color) => picture.over(color),
    }
}

fn paint(tile: &Prepared, sources: &[HeldChunks], painter: &Paints) -> Result<Picture, TileError> {
    let Some(rasters) = resampled(tile, sources)? else {
        return Ok(nothing(tile));
    };
    Ok(painter.paint(&rasters, tile.nodata))
}

/// The samples of a tile's pixels, one raster a variable; none where it only grazes
/// the cube.
fn resampled(
    tile: &Prepared,
    sources: &[HeldChunks],
) -> Result<Option<Vec<Raster<u16>>>, TileError> {
    let Some(window) = tile.window else {
        return Ok(None);
    };
    let taken = tile.mapping.taken()?;
    let resample = |source| taken.resample(source, window, tile.resampling, tile.nodata);
    let mut rasters: Vec<Raster<u16>> = sources.iter().map(resample).collect();
    // What is computed of samples around a polygon needs them: it is cut afterwards.
    if let Some(cutout) = tile.cutout.as_ref().filter(|_| !tile.is_processed()) {
        let is_in = cutout.touched(tile.grid())?;
        for raster in &mut rasters {
            cutout::cut(&mut raster.data, &is_in, tile.nodata);
        }
    }
    Ok(Some(rasters))
}

/// A file of the samples of a tile.
fn samples(
    tile: &Prepared,
    format: SampleFormat,
    sources: Option<&[HeldChunks]>,
) -> Result<Tile, TileError> {
    let rasters = match sources {
        Some(sources) => resampled(tile, sources)?,
        None => None,
    };
    let holes = || vec![Raster::filled(tile.shape(), tile.nodata); tile.variables.len()];
    let rasters = rasters.unwrap_or_else(holes);
    let planes = match &tile.expression {
        None => Planes::Stored(rasters, tile.nodata),
        Some(expression) => Planes::Computed(vec![expression.of(&rasters, tile.nodata)]),
    };
    file(tile.grid(), &tile.names, format, &planes)
}

/// A file of the planes of these names.
fn file(
    grid: &Grid,
    names: &[String],
    format: SampleFormat,
    planes: &Planes,
) -> Result<Tile, TileError> {
    let bytes = match format {
        SampleFormat::GeoTiff => geotiff(grid, grid.shape.window(), names, planes)?,
        SampleFormat::Npy => npy(planes, true),
        SampleFormat::NpyWithoutMask => npy(planes, false),
    };
    Ok(Tile {
        bytes,
        format: FileFormat::Samples(format),
        // As all see it who find it in the cache.
        is_kept: true,
    })
}
