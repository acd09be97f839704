//! Tile request in, encoded tile out.
//!
//! The work is in two steps. [`Tiles::prepare`] finds what the tile is made
//! of and how it is named, from coverage alone; [`Tiles::render`] reads pixels.
//! Between them stands a client that has the tile already.

mod cost;
mod error;
mod external;
mod finished;
mod name;
mod painters;
mod place;
mod values;

use std::sync::Arc;

pub use self::{
    error::TileError,
    external::PreparedExternal,
    finished::Tile,
    values::{Area, AreaRequest, PointValues, Series},
};

use self::{
    cost::Cost,
    finished::{Finished, finish},
    name::name,
    painters::{Painters, Paints},
    place::{Mapping, Place},
};
use crate::{
    cache::CacheConfig,
    catalog::Catalog,
    compute::{Admission, Compute},
    cube::{Cell, NODATA, coverage::chunks_below},
    external::ChunkReader,
    grid::{ChunkIndex, Level, TileAddress, Window},
    raster::{Expression, Raster, Resampling},
    render::{Coloring, ImageFormat, Picture, Style, picture},
    zarr::{HeldChunks, Reader, StoredCube},
};

/// What a tile is to be.
#[derive(Clone, Debug)]
pub struct TileRequest {
    /// The tile's place.
    pub address: TileAddress,
    /// Pixels a side.
    pub size: usize,
    /// Variables; the recipe's style if empty.
    pub variables: Vec<String>,
    /// Instead of variables, what is computed of them for each pixel, after they were
    /// resampled.
    pub expression: Option<Expression>,
    /// `sel` parameters.
    pub sel: Vec<String>,
    /// Bands of a dimension of a data set of somebody else, counted from 1.
    pub bidx: Vec<usize>,
    /// Display ranges; the recipe's style if empty.
    pub rescale: Vec<[f64; 2]>,
    /// Colours of a single variable.
    pub coloring: Option<Coloring>,
    /// How samples are taken.
    pub resampling: Resampling,
    /// The value that is transparent, if not the cube's own.
    pub nodata: Option<u16>,
    /// File format; by default JPEG if every pixel is opaque, else PNG, as
    /// `TiTiler` has it.
    pub format: Option<ImageFormat>,
}

impl TileRequest {
    /// Whether the values themselves have colours, whatever range is usual.
    fn is_of_values(&self) -> bool {
        self.coloring.as_ref().is_some_and(Coloring::is_of_values)
    }
}

/// A tile before its pixels are read.
#[derive(Debug)]
pub struct Prepared {
    stored: StoredCube,
    cube: u32,
    level: Level,
    time: usize,
    variables: Vec<usize>,
    expression: Option<Expression>,
    style: Style,
    mapping: Mapping,
    /// The source window; none where the tile only grazes the cube.
    window: Option<Window>,
    cells: Vec<(ChunkIndex, Cell)>,
    size: usize,
    resampling: Resampling,
    nodata: u16,
    format: Option<ImageFormat>,
    /// Names these pixels, among the tiles of the cube.
    name: u128,
    cost: Cost,
    coverage: f64,
    complete: bool,
}

impl Prepared {
    /// A name for exactly these pixels in this style: it changes when and only
    /// when the values of a chunk under the tile change.
    #[must_use]
    pub fn etag(&self) -> String {
        finished::etag(self.name)
    }

    /// Which share of the cube under the tile was ever built, 0 to 1.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        self.coverage
    }

    /// Whether everything under the tile was built. What is not complete must
    /// not be kept by anybody.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The time step, and full-resolution chunks under the tile that were not
    /// all built: those whose building would show first.
    #[must_use]
    pub fn unbuilt(&self) -> (usize, Vec<ChunkIndex>) {
        /// A tile of a coarse level is of more chunks than anybody waits for.
        const MOST: usize = 64;
        let pyramid = self.stored.cube.pyramid();
        let side = 1_usize << self.level.0;
        let base = pyramid.chunks(Level(0));
        let missing = (self.cells.iter())
            .filter(|(index, cell)| cell.share != chunks_below(pyramid, self.level, *index));
        let below = missing.flat_map(|(index, _)| {
            let rows = index.row * side..((index.row + 1) * side).min(base.rows());
            let cols = index.col * side..((index.col + 1) * side).min(base.cols());
            rows.flat_map(move |row| cols.clone().map(move |col| ChunkIndex { row, col }))
        });
        (self.time, below.take(MOST).collect())
    }

    /// The committed state that the tile is of.
    #[must_use]
    pub fn revision(&self) -> String {
        self.stored.snapshot.revision().to_string()
    }

    /// The first day of the time step.
    #[must_use]
    pub fn time(&self) -> chrono::NaiveDate {
        self.stored.cube.times().days(self.time).start
    }

    /// Whether it is painted and encoded within a millisecond.
    fn is_short(&self) -> bool {
        const SHORT_SIDE: usize = 256;
        let is_plain = matches!(self.mapping, Mapping::Separable(_));
        let is_quick = self.format.is_none_or(|format| format != ImageFormat::WebP);
        self.size <= SHORT_SIDE && is_plain && is_quick
    }
}

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
        let kinds = if catalog.externals().is_empty() { 1 } else { 2 };
        let (chunks, metadata) = (config.chunks() / kinds, config.metadata() / kinds);
        Self {
            catalog,
            reader: Reader::new(chunks, metadata, compute.clone()),
            chunks: ChunkReader::new(chunks, metadata, compute.clone()),
            compute,
            most: config.making(),
            painters: Arc::default(),
            finished: Finished::new(admission, config),
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

    /// Finds what a tile is made of.
    ///
    /// # Errors
    /// If the request names something that is not there, asks for too much, or
    /// coverage cannot be read.
    pub async fn prepare(&self, cube: &str, request: &TileRequest) -> Result<Prepared, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let recipe = stored.cube.recipe();
        let own = default_variables(&stored);
        let names = match &request.expression {
            Some(expression) => expression.variables(),
            None if request.variables.is_empty() => &own,
            None => &request.variables,
        };
        let is_own = request.expression.is_none() && *names == own;
        let is_of_values = request.is_of_values();
        let rescale = if request.rescale.is_empty() && is_own && !is_of_values {
            &recipe.style.rescale
        } else {
            &request.rescale
        };
        let variables = names
            .iter()
            .map(|name| stored.cube.variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        let time = stored.cube.select_time(&request.sel)?;
        if request.expression.is_some() && rescale.is_empty() && !is_of_values {
            return Err(TileError::NoRange);
        }
        let shown = request.expression.as_ref().map_or(variables.len(), |_| 1);
        let style = Style::new(shown, rescale, request.coloring.clone())?;
        let nodata = request.nodata.unwrap_or(NODATA);
        let place = Place::of(request, &stored)?;
        let cost = Cost::within(self.most, request, variables.len(), &place, &stored)?;
        let cells = match place.window {
            Some(window) => {
                self.reader
                    .cells(entry.number(), &stored, place.level, time, window)
                    .await?
            }
            None => Vec::new(),
        };
        let pyramid = stored.cube.pyramid();
        let complete = (cells.iter())
            .all(|(index, cell)| cell.share == chunks_below(pyramid, place.level, *index));
        let coverage = coverage(&stored, &place, &cells);
        let grid = pyramid.grid(place.level);
        let name = name(request, names, &style, nodata, &grid, time, &cells);
        Ok(Prepared {
            cube: entry.number(),
            level: place.level,
            time,
            variables,
            expression: request.expression.clone(),
            style,
            mapping: place.mapping,
            window: place.window,
            cells,
            size: request.size,
            resampling: request.resampling,
            nodata,
            format: request.format,
            name,
            cost,
            coverage,
            complete,
            stored,
        })
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

    /// Reads, resamples, paints and encodes.
    async fn make(&self, tile: Prepared) -> Result<Tile, TileError> {
        let Some(sources) = self.read(&tile).await? else {
            let format = tile.format.unwrap_or(ImageFormat::Png);
            return finish(&nothing(&tile), Some(format));
        };
        let (is_short, painter) = (tile.is_short(), self.painters.of(&tile));
        self.compute
            .run_by_length(is_short, move || {
                finish(&paint(&tile, &sources, &painter)?, tile.format)
            })
            .await?
    }

    /// What a prepared tile shows, before a file is made of it.
    ///
    /// # Errors
    /// If a chunk cannot be read.
    pub async fn picture(&self, tile: Prepared) -> Result<Picture, TileError> {
        match self.read(&tile).await? {
            None => Ok(nothing(&tile)),
            Some(sources) => {
                let (is_short, painter) = (tile.is_short(), self.painters.of(&tile));
                self.compute
                    .run_by_length(is_short, move || paint(&tile, &sources, &painter))
                    .await?
            }
        }
    }

    /// What a tile is made of, for each variable; `None` if that is nothing.
    async fn read(&self, tile: &Prepared) -> Result<Option<Vec<HeldChunks>>, TileError> {
        let holds_data = tile.cells.iter().any(|(_, cell)| cell.stamp != 0);
        let Some(window) = tile.window.filter(|_| holds_data) else {
            return Ok(None);
        };
        let reads = tile.variables.iter().map(|variable| {
            self.reader.chunks(
                tile.cube,
                &tile.stored,
                tile.level,
                *variable,
                tile.time,
                window,
                &tile.cells,
            )
        });
        Ok(Some(futures::future::try_join_all(reads).await?))
    }
}

fn nothing(tile: &Prepared) -> Picture {
    // A tile's side is far below 2^32.
    let side = u32::try_from(tile.size).unwrap_or(u32::MAX);
    picture::transparent(side, side)
}

fn paint(tile: &Prepared, sources: &[HeldChunks], painter: &Paints) -> Result<Picture, TileError> {
    let Some(window) = tile.window else {
        return Ok(nothing(tile));
    };
    let taken = tile.mapping.taken()?;
    let rasters: Vec<Raster<u16>> = sources
        .iter()
        .map(|source| taken.resample(source, window, tile.resampling, tile.nodata))
        .collect();
    Ok(painter.paint(&rasters, tile.nodata))
}

/// Which share of what is under a tile was ever built, by the area of chunks.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share does not need all digits"
)]
fn coverage(stored: &StoredCube, place: &Place, cells: &[(ChunkIndex, Cell)]) -> f64 {
    let (pyramid, level) = (stored.cube.pyramid(), place.level);
    let (mut built, mut all) = (0.0, 0.0);
    for (index, cell) in cells {
        let chunk = pyramid.chunks(level).window(*index);
        let shared = place.window.and_then(|window| window.intersection(&chunk));
        let area = shared.map_or(0.0, |shared| shared.len() as f64);
        let below = chunks_below(pyramid, level, *index).max(1);
        built += area * (cell.share as f64 / below as f64);
        all += area;
    }
    if all > 0.0 { built / all } else { 1.0 }
}

/// The variables of the recipe's style, or else the first band.
fn default_variables(stored: &StoredCube) -> Vec<String> {
    let style = &stored.cube.recipe().style;
    if style.variables.is_empty() {
        stored.cube.bands().take(1).map(str::to_owned).collect()
    } else {
        style.variables.clone()
    }
}
