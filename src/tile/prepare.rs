//! From a request to what a picture is made of, by coverage alone.

use std::sync::Arc;

use super::{
    Cutout, Look, PictureRequest, TileError, TileRequest, Tiles,
    cost::{Cost, SMALLER},
    finished,
    name::{self, Shown},
    place::{Mapping, Place},
    ranges::Ranges,
    request::{shrunk, with_indices},
};
use crate::{
    catalog::Entry,
    cube::{Cell, coverage::chunks_below},
    grid::{ChunkIndex, Grid, Level, Shape, Window},
    raster::{Expression, OverTime, Resampling},
    render::{Algorithm, FileFormat, ImageFormat, SampleFormat, Style},
    zarr::StoredCube,
};

/// A tile, or a picture of a rectangle, before its pixels are read.
#[derive(Debug)]
pub struct Prepared {
    pub(super) stored: StoredCube,
    pub(super) cube: u32,
    pub(super) level: Level,
    /// Those that are read, at least one; the last is shown, or the others with it become
    /// one.
    pub(super) steps: Vec<Step>,
    pub(super) over_time: Option<OverTime>,
    pub(super) algorithm: Option<Algorithm>,
    /// Of the variables, or the expression or algorithm alone.
    pub(super) names: Vec<String>,
    pub(super) variables: Vec<usize>,
    pub(super) expression: Option<Expression>,
    pub(super) output: Output,
    pub(super) mapping: Mapping,
    /// The source window; none where the tile only grazes the cube.
    pub(super) window: Option<Window>,
    pub(super) resampling: Resampling,
    pub(super) nodata: u16,
    /// What of it is shown; all without.
    pub(super) cutout: Option<Arc<Cutout>>,
    /// Names these pixels, among the tiles of the cube.
    pub(super) name: u128,
    pub(super) cost: Cost,
    /// Where its pixels are.
    grid: Grid,
    /// Display ranges that were found.
    ranges: Option<Ranges>,
    coverage: f64,
    complete: bool,
}

/// A time step and what is under the tile.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) time: usize,
    pub(super) cells: Vec<(ChunkIndex, Cell)>,
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
        let step = self.newest();
        let missing = (step.cells.iter())
            .filter(|(index, cell)| cell.share != chunks_below(pyramid, self.level, *index));
        let below = missing.flat_map(|(index, _)| {
            let rows = index.row * side..((index.row + 1) * side).min(base.rows());
            let cols = index.col * side..((index.col + 1) * side).min(base.cols());
            rows.flat_map(move |row| cols.clone().map(move |col| ChunkIndex { row, col }))
        });
        (step.time, below.take(MOST).collect())
    }

    /// There is always one.
    pub(super) fn newest(&self) -> &Step {
        &self.steps[self.steps.len() - 1]
    }

    /// The committed state that the tile is of.
    #[must_use]
    pub fn revision(&self) -> String {
        self.stored.snapshot.revision().to_string()
    }

    /// The first day of the time step; of several the first days of the first and the last,
    /// with a slash.
    #[must_use]
    pub fn time(&self) -> String {
        let day = |step: &Step| self.stored.cube.times().days(step.time).start;
        let newest = day(self.newest());
        match &self.steps[..] {
            [first, _, ..] => format!("{}/{newest}", day(first)),
            _ => newest.to_string(),
        }
    }

    /// Where its pixels are.
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The display ranges that were found among the values, if it was asked for them.
    #[must_use]
    pub fn ranges(&self) -> Option<&[[f64; 2]]> {
        self.ranges.as_deref()
    }

    /// Rows and columns of pixels.
    pub(super) fn shape(&self) -> Shape {
        self.grid.shape
    }

    /// Whether samples are more than resampled and, one pixel by itself, computed with.
    pub(super) fn is_processed(&self) -> bool {
        self.over_time.is_some() || self.algorithm.is_some()
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
        rows * cols <= SHORT && is_plain && is_quick && self.cutout.is_none()
    }
}

/// What a look shows of a cube.
pub(super) struct Subject {
    /// Of the variables.
    names: Vec<String>,
    variables: Vec<usize>,
    expression: Option<Expression>,
    /// What comes out of expression and algorithm, if there are any.
    computed: Option<Vec<String>>,
    steps: Vec<usize>,
    /// Whether these are the variables of the recipe's style.
    is_own: bool,
}

/// All that a look says of a cube.
struct Wanted {
    subject: Subject,
    output: Output,
    /// Display ranges that were found.
    ranges: Option<Ranges>,
}

impl Subject {
    pub(super) fn of(look: &Look, stored: &StoredCube) -> Result<Self, TileError> {
        let own = default_variables(stored);
        let expression =
            (look.expression.as_ref()).map(|expression| with_indices(expression, &stored.cube));
        let names = match &expression {
            Some(expression) => expression.variables(),
            None if look.variables.is_empty() => &own,
            None => &look.variables,
        };
        let variables = names
            .iter()
            .map(|name| stored.cube.variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        let steps = match look.over_time {
            None => vec![stored.cube.select_time(&look.sel)?],
            Some(over_time) => over_time.needed(stored.cube.select_steps(&look.sel)?),
        };
        Ok(Self {
            computed: computed(look, expression.as_ref(), names)?,
            is_own: expression.is_none() && *names == own,
            names: names.to_vec(),
            variables,
            expression,
            steps,
        })
    }

    /// The names of what is shown.
    pub(super) fn shown(&self) -> &[String] {
        self.computed.as_ref().unwrap_or(&self.names)
    }

    /// How it is shown, in display ranges that were found if there are any.
    pub(super) fn style(
        &self,
        look: &Look,
        found: Option<&[[f64; 2]]>,
        stored: &StoredCube,
    ) -> Result<Style, TileError> {
        let rescale = match found {
            Some(found) => found.to_vec(),
            None if look.rescale.is_empty() && !look.is_of_values() => {
                let own = &stored.cube.recipe().style.rescale[..];
                self.usual_ranges(look, if self.is_own { own } else { &[] })?
            }
            None => look.rescale.clone(),
        };
        let style = Style::new(self.shown().len(), &rescale, look.coloring.clone())?;
        Ok(style.touched(&look.touches)?)
    }

    /// The display ranges where a request tells none; `own` are those of the recipe for
    /// these variables, if it has any.
    fn usual_ranges(&self, look: &Look, own: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, TileError> {
        /// All that is stored.
        const STORED: [f64; 2] = [u16::MIN as f64, u16::MAX as f64];
        let known = match (&look.algorithm, look.over_time, &self.expression) {
            (Some(algorithm), ..) => algorithm.range(),
            (None, Some(OverTime::Difference), _) => None,
            (None, _, Some(expression)) => expression.range(),
            // Of computed values the type's range is not the stored one.
            (None, Some(_), None) if own.is_empty() => Some(STORED),
            (None, _, None) => return Ok(own.to_vec()),
        };
        Ok(vec![known.ok_or(TileError::NoRange)?; self.shown().len()])
    }
}

/// The names of what comes out of an expression and of an algorithm.
fn computed(
    look: &Look,
    expression: Option<&Expression>,
    names: &[String],
) -> Result<Option<Vec<String>>, TileError> {
    let taken = expression.map(|one| vec![one.to_string()]);
    let Some(algorithm) = &look.algorithm else {
        return Ok(taken);
    };
    let taken = taken.unwrap_or_else(|| names.to_vec());
    let name = algorithm.name();
    Ok(Some(match algorithm.outputs(taken.len())? {
        1 => vec![name.to_owned()],
        count if count == taken.len() => taken,
        count => (1..=count).map(|n| format!("{name}_{n}")).collect(),
    }))
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
        let wanted = self.wanted(&entry, &request.look, &stored).await?;
        let place = Place::of(&request.target(), request.look.resampling, &stored)?;
        let variables = wanted.subject.variables.len();
        let cost = Cost::within(self.most, request, variables, &place, &stored)?;
        let pixels = request.pixels();
        let cost = self.with_processing(cost, &request.look, &wanted.subject, pixels)?;
        self.placed(&entry, stored, &request.look, wanted, place, cost)
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
        self.prepare_picture_of(&entry, stored, request).await
    }

    /// [`Tiles::prepare_picture`] of a state.
    pub(super) async fn prepare_picture_of(
        &self,
        entry: &Arc<Entry>,
        stored: StoredCube,
        request: &PictureRequest,
    ) -> Result<Prepared, TileError> {
        let wanted = self.wanted(entry, &request.look, &stored).await?;
        let place = Place::of_picture(request, &stored)?;
        let Shape { rows, cols } = place.mapping.target().shape;
        let variables = wanted.subject.variables.len();
        let cost = Cost::of(rows * cols, variables, place.window, &stored.cube);
        if cost.bytes() > self.most {
            return Err(TileError::TooMuch {
                bytes: cost.bytes(),
                limit: self.most,
                advice: SMALLER.to_owned(),
            });
        }
        let cost = self.with_processing(cost, &request.look, &wanted.subject, rows * cols)?;
        let whole = self.placed(entry, stored, &request.look, wanted, place, cost);
        let mut picture = whole.await?;
        if let Some(cutout) = &request.cutout {
            picture.name = name::of_part(picture.name, cutout);
            picture.cutout = Some(Arc::clone(cutout));
        }
        Ok(picture)
    }

    /// What more than one time step, and an algorithm, take beside the samples of one step.
    fn with_processing(
        &self,
        cost: Cost,
        look: &Look,
        subject: &Subject,
        pixels: usize,
    ) -> Result<Cost, TileError> {
        let taken = subject
            .expression
            .as_ref()
            .map_or(subject.names.len(), |_| 1);
        let mut cost = cost;
        if let Some(over_time) = look.over_time {
            let held = |steps| taken * (1 + over_time.planes(steps));
            cost = cost.of_steps(subject.steps.len(), pixels, held, self.most)?;
        }
        if look.algorithm.is_some() {
            cost = cost.with_values(pixels, taken + subject.shown().len(), self.most)?;
        }
        Ok(cost)
    }

    /// What a look shows, with all that it leaves open.
    async fn wanted(
        &self,
        entry: &Arc<Entry>,
        look: &Look,
        stored: &StoredCube,
    ) -> Result<Wanted, TileError> {
        let ranges = self.ranges_if_asked(entry, stored, look).await?;
        let subject = Subject::of(look, stored)?;
        let picture = |format| {
            let style = subject.style(look, ranges.as_deref(), stored)?;
            Ok::<_, TileError>(Output::Picture {
                style,
                background: look.background,
                format,
            })
        };
        let output = match look.format {
            Some(FileFormat::Samples(format)) => Output::Samples(format),
            Some(FileFormat::Image(format)) => picture(Some(format))?,
            None => picture(None)?,
        };
        Ok(Wanted {
            subject,
            output,
            ranges,
        })
    }

    async fn placed(
        &self,
        entry: &Arc<Entry>,
        stored: StoredCube,
        look: &Look,
        wanted: Wanted,
        place: Place,
        cost: Cost,
    ) -> Result<Prepared, TileError> {
        let Wanted {
            subject,
            output,
            ranges,
        } = wanted;
        let Subject {
            names,
            variables,
            expression,
            computed,
            steps: times,
            is_own: _,
        } = subject;
        let mut steps = Vec::with_capacity(times.len());
        for time in times {
            let cells = match place.window {
                Some(window) => {
                    self.reader
                        .cells(entry.number(), &stored, place.level, time, window)
                        .await?
                }
                None => Vec::new(),
            };
            steps.push(Step { time, cells });
        }
        let pyramid = stored.cube.pyramid();
        let complete = (steps.iter().flat_map(|step| &step.cells))
            .all(|(index, cell)| cell.share == chunks_below(pyramid, place.level, *index));
        let coverage = coverage(&stored, &place, &steps);
        let nodata = look.nodata_of_cube()?;
        let named = Shown {
            target: place.mapping.target(),
            names: &names,
            expression: expression.as_ref(),
            output: &output,
            resampling: look.resampling,
            nodata,
            over_time: look.over_time,
            algorithm: look.algorithm.as_ref(),
        };
        let name = named.name(&pyramid.grid(place.level), &steps);
        Ok(Prepared {
            cube: entry.number(),
            level: place.level,
            steps,
            over_time: look.over_time,
            algorithm: look.algorithm.clone(),
            names: computed.unwrap_or(names),
            variables,
            expression,
            output,
            grid: shrunk(*place.mapping.target(), look.buffer()),
            ranges,
            mapping: place.mapping,
            window: place.window,
            resampling: look.resampling,
            nodata,
            cutout: None,
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
fn coverage(stored: &StoredCube, place: &Place, steps: &[Step]) -> f64 {
    let (pyramid, level) = (stored.cube.pyramid(), place.level);
    let (mut built, mut all) = (0.0, 0.0);
    for (index, cell) in steps.iter().flat_map(|step| &step.cells) {
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
