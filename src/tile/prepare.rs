//! From a request to what a picture is made of, by coverage alone.

use std::sync::Arc;

use super::{
    Look, PictureRequest, TileError, TileRequest, Tiles,
    cost::{Cost, SMALLER},
    finished,
    name::Shown,
    place::{Mapping, Place},
    target::Target,
};
use crate::{
    catalog::Entry,
    cube::{Cell, NODATA, coverage::chunks_below},
    grid::{ChunkIndex, Grid, Level, Shape, Window},
    raster::{Expression, Resampling},
    render::{FileFormat, ImageFormat, SampleFormat, Style},
    zarr::StoredCube,
};

/// A tile, or a picture of a rectangle, before its pixels are read.
#[derive(Debug)]
pub struct Prepared {
    pub(super) stored: StoredCube,
    pub(super) cube: u32,
    pub(super) level: Level,
    pub(super) time: usize,
    /// Of the variables, or the expression alone.
    pub(super) names: Vec<String>,
    pub(super) variables: Vec<usize>,
    pub(super) expression: Option<Expression>,
    pub(super) output: Output,
    pub(super) mapping: Mapping,
    /// The source window; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
    pub(super) cells: Vec<(ChunkIndex, Cell)>,
    pub(super) resampling: Resampling,
    pub(super) nodata: u16,
    /// Names these pixels, among the tiles of the cube.
    pub(super) name: u128,
    pub(super) cost: Cost,
    coverage: f64,
    complete: bool,
}

/// What is made of samples.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A picture; without a format, in the one that fits it.
    Picture {
        style: Style,
        background: Option<[u8; 3]>,
        format: Option<ImageFormat>,
    },
    /// A file of them.
    Samples(SampleFormat),
}

impl Output {
    /// A text that is the same for equal outputs.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Picture {
                style,
                background: None,
                format,
            } => format!("{} {format:?}", style.canonical()),
            Self::Picture {
                style,
                background: Some(color),
                format,
            } => format!("{} {format:?} on {color:?}", style.canonical()),
            Self::Samples(format) => format!("{format:?}"),
        }
    }
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

    /// Where its pixels are.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        self.mapping.target()
    }

    /// Rows and columns of pixels.
    pub(super) fn shape(&self) -> Shape {
        self.grid().shape
    }

    /// Whether it is painted and encoded within a millisecond.
    pub(super) fn is_short(&self) -> bool {
        const SHORT: usize = 256 * 256;
        let Shape { rows, cols } = self.shape();
        let is_plain = matches!(self.mapping, Mapping::Separable(_));
        let is_quick = match self.output {
            Output::Picture { format, .. } => format.is_none_or(|f| f != ImageFormat::WebP),
            Output::Samples(format) => format != SampleFormat::GeoTiff,
        };
        rows * cols <= SHORT && is_plain && is_quick
    }
}

/// What a look shows of a cube.
struct Subject {
    names: Vec<String>,
    variables: Vec<usize>,
    time: usize,
    output: Output,
}

impl Subject {
    fn of(look: &Look, stored: &StoredCube) -> Result<Self, TileError> {
        let recipe = stored.cube.recipe();
        let own = default_variables(stored);
        let names = match &look.expression {
            Some(expression) => expression.variables(),
            None if look.variables.is_empty() => &own,
            None => &look.variables,
        };
        let variables = names
            .iter()
            .map(|name| stored.cube.variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        let time = stored.cube.select_time(&look.sel)?;
        let format = match look.format {
            Some(FileFormat::Samples(format)) => Err(format),
            Some(FileFormat::Image(format)) => Ok(Some(format)),
            None => Ok(None),
        };
        let output = match format {
            Err(format) => Output::Samples(format),
            Ok(format) => {
                let is_own = look.expression.is_none() && *names == own;
                let rescale = if look.rescale.is_empty() && is_own && !look.is_of_values() {
                    &recipe.style.rescale
                } else {
                    &look.rescale
                };
                if look.expression.is_some() && rescale.is_empty() && !look.is_of_values() {
                    return Err(TileError::NoRange);
                }
                let shown = look.expression.as_ref().map_or(variables.len(), |_| 1);
                let style = Style::new(shown, rescale, look.coloring.clone())?;
                Output::Picture {
                    style,
                    background: look.background,
                    format,
                }
            }
        };
        Ok(Self {
            names: names.to_vec(),
            variables,
            time,
            output,
        })
    }
}

impl Tiles {
    /// Finds what a tile is made of.
    ///
    /// # Errors
    /// If the request names something that is not there, asks for too much, or
    /// coverage cannot be read.
    pub async fn prepare(&self, cube: &str, request: &TileRequest) -> Result<Prepared, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let subject = Subject::of(&request.look, &stored)?;
        let target = Target::of_tile(request.address, request.size);
        let place = Place::of(&target, request.look.resampling, &stored)?;
        let variables = subject.variables.len();
        let cost = Cost::within(self.most, request, variables, &place, &stored)?;
        self.placed(&entry, stored, &request.look, subject, place, cost)
            .await
    }

    /// Finds what a picture of a rectangle is made of.
    ///
    /// # Errors
    /// As of [`Tiles::prepare`].
    pub async fn prepare_picture(
        &self,
        cube: &str,
        request: &PictureRequest,
    ) -> Result<Prepared, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let subject = Subject::of(&request.look, &stored)?;
        let place = Place::of_picture(request, &stored)?;
        let Shape { rows, cols } = place.mapping.target().shape;
        let variables = subject.variables.len();
        let cost = Cost::of(rows * cols, variables, place.window, &stored.cube);
        if cost.bytes() > self.most {
            return Err(TileError::TooMuch {
                bytes: cost.bytes(),
                limit: self.most,
                advice: SMALLER.to_owned(),
            });
        }
        self.placed(&entry, stored, &request.look, subject, place, cost)
            .await
    }

    async fn placed(
        &self,
        entry: &Arc<Entry>,
        stored: StoredCube,
        look: &Look,
        subject: Subject,
        place: Place,
        cost: Cost,
    ) -> Result<Prepared, TileError> {
        let Subject {
            names,
            variables,
            time,
            output,
        } = subject;
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
        let nodata = look.nodata.unwrap_or(NODATA);
        let shown = Shown {
            target: place.mapping.target(),
            names: &names,
            expression: look.expression.as_ref(),
            output: &output,
            resampling: look.resampling,
            nodata,
        };
        let name = shown.name(&pyramid.grid(place.level), time, &cells);
        let names = match &look.expression {
            None => names,
            Some(expression) => vec![expression.to_string()],
        };
        Ok(Prepared {
            cube: entry.number(),
            level: place.level,
            time,
            names,
            variables,
            expression: look.expression.clone(),
            output,
            mapping: place.mapping,
            window: place.window,
            cells,
            resampling: look.resampling,
            nodata,
            name,
            cost,
            coverage,
            complete,
            stored,
        })
    }
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
