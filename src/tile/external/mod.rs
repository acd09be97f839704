//! Tiles and pictures of other people's data sets, and the values behind them.

mod cost;
mod paint;
mod place;
mod read;
mod style;
mod subject;
mod values;

use std::sync::Arc;

pub use self::values::ExternalPoint;
use self::{
    cost::{Way, cost},
    paint::{Painted, painted, physical},
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
    external::{External, OpenArray},
    grid::{ChunkIndex, Grid, Shape, Window},
    raster::{Expression, Raster, Resampling},
    render::{
        FileFormat, Packing, SampleFormat,
        geotiff::{Planes, geotiff},
        npy,
    },
};

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
        let (cost, way) = cost(&bands, &target, look.resampling, self.most, planes)?;
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
