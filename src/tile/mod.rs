//! Tile request in, encoded tile out.
//!
//! The work is in two steps. [`Tiles::prepare`] finds what the tile is made
//! of and how it is named, from coverage alone; [`Tiles::render`] reads pixels.
//! Between them stands a client that has the tile already.

mod place;

use std::sync::Arc;

use self::place::{Mapping, Place};
use crate::{
    catalog::{Catalog, Entry, UnknownCube},
    compute::{Compute, ComputeError},
    crs::CrsError,
    cube::{Cell, SelectError, coverage::chunks_below},
    grid::{ChunkIndex, Level, Shape, TileAddress, Window},
    raster::{Raster, Resampling},
    render::{ImageFormat, Style, StyleError, encode, encode::EncodeError, picture},
    zarr::{Reader, StoredCube, ZarrError},
};

/// Raised when the same samples give other pictures: it is part of every `ETag`.
const RENDERER_VERSION: u32 = 1;

/// The most source samples that a tile may read: 128 MiB of them.
const MAX_SAMPLES: usize = 64 * 1024 * 1024;

/// What a tile is to be.
#[derive(Clone, Debug)]
pub struct TileRequest {
    /// The tile's place.
    pub address: TileAddress,
    /// Pixels a side.
    pub size: usize,
    /// Variables; the recipe's style if empty.
    pub variables: Vec<String>,
    /// `sel` parameters.
    pub sel: Vec<String>,
    /// Display ranges; the recipe's style if empty.
    pub rescale: Vec<[f64; 2]>,
    /// Colours of a single variable.
    pub colormap: Option<crate::render::Colormap>,
    /// How samples are taken.
    pub resampling: Resampling,
    /// The value that is transparent, if not the cube's own.
    pub nodata: Option<u16>,
    /// File format; by default JPEG if every pixel is opaque, else PNG, as
    /// `TiTiler` has it.
    pub format: Option<ImageFormat>,
}

/// Why there is no tile.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// No such cube.
    #[error(transparent)]
    Cube(#[from] UnknownCube),
    /// Nothing of the cube is under the tile.
    #[error("tile {zoom}/{col}/{row} is outside the cube's bounds, {bounds:?}")]
    Outside {
        /// Zoom.
        zoom: u8,
        /// Column.
        col: u32,
        /// Row.
        row: u32,
        /// `[west, south, east, north]` of the cube, in degrees.
        bounds: [f64; 4],
    },
    /// Unknown variable or time.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The style does not fit.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// Too much to read.
    #[error(
        "this tile would read {samples} samples, and {MAX_SAMPLES} is the limit: zoom in, or give the cube more levels"
    )]
    TooMuch {
        /// What it would take.
        samples: usize,
    },
    /// The cube's reference system cannot be used.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The cube cannot be read.
    #[error("cannot read the cube")]
    Read(#[from] ZarrError),
    /// The picture cannot be encoded.
    #[error("cannot encode the tile")]
    Encode(#[from] EncodeError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

/// A tile before its pixels are read.
#[derive(Debug)]
pub struct Prepared {
    stored: StoredCube,
    cube: u32,
    level: Level,
    time: usize,
    variables: Vec<usize>,
    style: Style,
    mapping: Mapping,
    /// The source window; none where the tile only grazes the cube.
    window: Option<Window>,
    cells: Vec<(ChunkIndex, Cell)>,
    size: usize,
    resampling: Resampling,
    format: Option<ImageFormat>,
    etag: String,
    complete: bool,
}

impl Prepared {
    /// A name for exactly these pixels in this style: it changes when and only
    /// when a chunk under the tile or its coverage changes.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Whether everything under the tile was built. What is not complete must
    /// not be kept by anybody.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
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
}

/// Makes tiles. Clones share caches and the CPU pool.
#[derive(Clone, Debug)]
pub struct Tiles {
    catalog: Arc<Catalog>,
    reader: Reader,
    compute: Compute,
}

impl Tiles {
    /// Tiles of the cubes of a catalog.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, reader: Reader, compute: Compute) -> Self {
        Self {
            catalog,
            reader,
            compute,
        }
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
        let entry: &Entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let recipe = stored.cube.recipe();
        let names = if request.variables.is_empty() {
            default_variables(&stored)
        } else {
            request.variables.clone()
        };
        let rescale = if request.rescale.is_empty() && names == default_variables(&stored) {
            &recipe.style.rescale
        } else {
            &request.rescale
        };
        let variables = names
            .iter()
            .map(|name| stored.cube.variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        let time = stored.cube.select_time(&request.sel)?;
        let style = Style::new(
            variables.len(),
            rescale,
            request.colormap.clone(),
            request.nodata.unwrap_or(crate::cube::NODATA),
        )?;
        let place = Place::of(request, &stored)?;
        let samples = place.window.map_or(0, |window| window.len()) * variables.len();
        if samples > MAX_SAMPLES {
            return Err(TileError::TooMuch { samples });
        }
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
        let etag = etag(request, &names, &style, &place, time, &cells);
        Ok(Prepared {
            cube: entry.number(),
            level: place.level,
            time,
            variables,
            style,
            mapping: place.mapping,
            window: place.window,
            cells,
            size: request.size,
            resampling: request.resampling,
            format: request.format,
            etag,
            complete,
            stored,
        })
    }

    /// Reads, resamples, paints and encodes a prepared tile; tells the file
    /// format.
    ///
    /// # Errors
    /// If a chunk cannot be read: a failed read is never an empty tile.
    pub async fn render(&self, tile: Prepared) -> Result<(Vec<u8>, ImageFormat), TileError> {
        // A tile's side is far below 2^32.
        let side = u32::try_from(tile.size).unwrap_or(u32::MAX);
        let holds_data = tile.cells.iter().any(|(_, cell)| cell.stamp != 0);
        let Some(window) = tile.window.filter(|_| holds_data) else {
            let format = tile.format.unwrap_or(ImageFormat::Png);
            return Ok((encode(&picture::transparent(side, side), format)?, format));
        };
        let reads = tile.variables.iter().map(|variable| {
            self.reader.window(
                tile.cube,
                &tile.stored,
                tile.level,
                *variable,
                tile.time,
                window,
                &tile.cells,
            )
        });
        let sources: Vec<Raster<u16>> = futures::future::try_join_all(reads).await?;
        let picture = move || {
            let taken = tile.mapping.taken()?;
            let rasters: Vec<Raster<u16>> = sources
                .iter()
                .map(|source| taken.resample(source, window, tile.resampling, tile.style.nodata))
                .collect();
            let shape = Shape {
                rows: tile.size,
                cols: tile.size,
            };
            let picture = tile.style.paint(&rasters, shape);
            let format = tile.format.unwrap_or_else(|| {
                if picture.is_opaque() {
                    ImageFormat::Jpeg
                } else {
                    ImageFormat::Png
                }
            });
            Ok((encode(&picture, format)?, format))
        };
        self.compute.run(picture).await?
    }
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

fn etag(
    request: &TileRequest,
    names: &[String],
    style: &Style,
    place: &Place,
    time: usize,
    cells: &[(ChunkIndex, Cell)],
) -> String {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let text = format!(
        "{RENDERER_VERSION} {:?} {} {names:?} {} {:?} {:?} {:?} {time}",
        request.address,
        request.size,
        style.canonical(),
        request.resampling,
        request.format,
        place.level,
    );
    hasher.update(text.as_bytes());
    for (_, cell) in cells {
        for number in cell.to_record() {
            hasher.update(&number.to_le_bytes());
        }
    }
    format!("\"{:032x}\"", hasher.digest128())
}
