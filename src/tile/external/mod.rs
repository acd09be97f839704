//! Tiles and pictures of other people's data sets, and the values behind them.

mod cost;
mod paint;
mod place;
mod process;
mod ranges;
mod read;
mod rectangle;
mod style;
mod subject;
mod values;

use std::sync::Arc;

pub use self::values::ExternalPoint;
use self::{
    cost::Way,
    paint::{cut, painted},
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
    ranges::Ranges,
    request::{grown, shrunk},
    target::Target,
};
use crate::{
    catalog::ExternalEntry,
    dataset::Variable,
    external::{External, OpenArray},
    grid::{ChunkIndex, Grid, Shape, Window},
    raster::{Expression, OverTime, Resampling},
    render::Algorithm,
};

/// A tile or picture of a data set before its pixels are read.
#[derive(Debug)]
pub struct PreparedExternal {
    set: u32,
    external: Arc<External>,
    bands: Vec<Band>,
    /// For each time step that is read, the places of each band along its other dimensions.
    steps: Vec<Vec<Vec<usize>>>,
    over_time: Option<OverTime>,
    algorithm: Option<Algorithm>,
    /// Of the bands, or of what is computed of them.
    names: Vec<String>,
    /// What is computed of the bands.
    expression: Option<Expression>,
    output: Output,
    /// The pixels that are sampled.
    target: Grid,
    /// Those of them that are shown.
    grid: Grid,
    resampling: Resampling,
    nodata: Option<f64>,
    cutout: Option<Arc<Cutout>>,
    way: Way,
    name: u128,
    cost: Cost,
    time: Option<String>,
    told: Option<String>,
    /// Display ranges that were found.
    ranges: Option<Ranges>,
    /// Whether samples are more than resampled and painted.
    is_computed: bool,
}

/// A variable at one level.
#[derive(Debug)]
struct Band {
    array: OpenArray,
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
        &self.grid
    }

    /// The display ranges that were found among the values, if it was asked for them.
    #[must_use]
    pub fn ranges(&self) -> Option<&[[f64; 2]]> {
        self.ranges.as_deref()
    }
}

/// The variables of a data set that a request shows, of which at least one is there, if all
/// its parts fit together.
///
/// # Errors
/// What [`Tiles::prepare_external`] would say of it.
pub fn check_external(mut look: Look, external: &External) -> Result<Vec<&Variable>, TileError> {
    if look.is_auto {
        // Some range will be found.
        look.rescale = vec![[0.0, 1.0]];
    }
    let subject = Subject::of(&look, &external.dataset)?;
    style::of(&look, &subject, &subject.ranges(external)?, None)?;
    Ok(subject
        .shown
        .iter()
        .map(|(variable, _)| *variable)
        .collect())
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
        let target = rectangle::rectangle(&external, request)?;
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
        let target = Target {
            around: 2 * look.buffer(),
            ..Target::of_grid(grid)
        };
        let picture = self.prepared(entry, external, target, look, None);
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
        let found = self
            .external_ranges_if_asked(entry, &external, look)
            .await?;
        let subject = Subject::of(look, &external.dataset)?;
        Cost::of_samples(0, target.pixels() as u64).check(self.most, &target)?;
        let mut bands = Vec::new();
        let mut paths = Vec::new();
        let mut last: Option<(&Variable, Place)> = None;
        for (variable, selection) in &subject.shown {
            let placed = external.placed(variable)?;
            let place = match last {
                Some((other, place)) if shares_grid(&external, variable, other) => place,
                _ => Place::of(&target, look.resampling, variable, placed, &self.compute).await?,
            };
            let level = &variable.levels[place.level];
            let array = external.array(&level.path)?;
            array.check(self.most)?;
            for _ in 0..selection.bands() {
                paths.push(&level.path);
                bands.push(Band {
                    units: units(&place.mapping, array, look.resampling),
                    array: array.clone(),
                    mapping: Arc::clone(&place.mapping),
                });
            }
            last = Some((variable, place));
        }
        let output = subject::output(
            look,
            &subject,
            &subject.ranges(&external)?,
            found.as_deref(),
        )?;
        let sampled = grown(target.grid, target.around);
        let grid = shrunk(sampled, look.buffer());
        let (cost, way) = self.external_cost(&bands, &target, look, &subject)?;
        if let Some(cutout) = &cutout {
            cutout.check(&grid, 1)?;
        }
        let is_streamed = way != Way::AtOnce;
        if is_streamed {
            for band in &mut bands {
                band.units = Vec::new();
            }
        }
        let steps = subject.places();
        let text = format!(
            "{RENDERER_VERSION} {} {:?} {} {paths:?} {steps:?} {:?} {:?} {:?} {:?} {:?} {:?} {is_streamed}",
            external.version,
            sampled,
            output.canonical(),
            subject.expression.as_ref().map(ToString::to_string),
            look.nodata,
            look.resampling,
            look.over_time,
            look.algorithm.as_ref().map(Algorithm::canonical),
            cutout.as_deref().map(Cutout::canonical),
        );
        Ok(PreparedExternal {
            set: entry.number(),
            bands,
            steps,
            over_time: look.over_time,
            algorithm: look.algorithm.clone(),
            names: subject.names(),
            output,
            target: sampled,
            grid,
            resampling: look.resampling,
            nodata: look.nodata,
            cutout,
            way,
            name: xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
            cost,
            time: subject.time(),
            told: subject.told(),
            ranges: found,
            is_computed: look.is_computed(),
            expression: subject.expression,
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
        let (style, background, format) = match &tile.output {
            Output::Picture {
                style,
                background,
                format,
            } if !tile.is_computed => (style.clone(), *background, *format),
            Output::Picture { .. } | Output::Samples(_) => return self.make_computed(tile).await,
        };
        let mut bands = self.read_external(&tile, 0).await?;
        let make = move || {
            if let Some(cutout) = &tile.cutout {
                let is_in = cutout.touched(&tile.grid)?;
                for band in &mut bands {
                    cut(band, &is_in);
                }
            }
            let picture = painted(&bands, &style, tile.target.shape);
            finish(&on(background, picture), format)
        };
        self.compute.run(make).await?
    }
}

/// Whether two variables have their cells at the same places, at all levels.
fn shares_grid(external: &External, one: &Variable, other: &Variable) -> bool {
    let system = |variable| external.placed(variable).ok().map(|placed| placed.system);
    let levels = || std::iter::zip(&one.levels, &other.levels);
    std::ptr::eq(one, other)
        || one.levels.len() == other.levels.len()
            && levels().all(|(one, other)| one.grid == other.grid)
            && one.crs == other.crs
            && system(one) == system(other)
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
