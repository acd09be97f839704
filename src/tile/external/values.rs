//! The values behind the pictures of a data set: at a point, over time, in a polygon.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{paint::by_kind, subject::labels};
use crate::{
    catalog::ExternalEntry,
    crs,
    dataset::{Selection, Variable, cf::Role},
    external::{Element, External, OpenArray, Placed, Samples, Unit},
    grid::{Bounds, ChunkIndex, Epsg},
    raster::Statistics,
    tile::{Counting, PictureRequest, TileError, Tiles, cost::Cost, values},
};

/// Values of a point at most.
const MOST_VALUES: usize = 4096;

/// Units that are read at once.
const AT_ONCE: usize = 4;

/// The values of a point, a variable and band each.
#[derive(Clone, Debug)]
pub struct ExternalPoint {
    /// The state of the store that they are of.
    pub revision: Arc<str>,
    /// What each is called: the value of a band's dimension, or the variable.
    pub labels: Vec<String>,
    /// The physical values; none where there is no data.
    pub values: Vec<Option<f64>>,
}

/// A cell of a variable.
struct Cell<'a> {
    array: &'a OpenArray,
    row: usize,
    col: usize,
}

impl Tiles {
    /// The values of a variable at a point of a system, at all values of a dimension that
    /// `sel` does not name.
    ///
    /// # Errors
    /// [`TileError::NotThere`] outside of the data set, if the request names something
    /// that is not there, asks for too much, or a chunk cannot be read.
    pub async fn external_point(
        &self,
        entry: &ExternalEntry,
        (point, system): ((f64, f64), Epsg),
        variable: Option<&str>,
        (sel, bidx): (&[String], &[usize]),
        nodata: Option<f64>,
    ) -> Result<ExternalPoint, TileError> {
        let external = entry.source().current().await;
        let variable = named(&external, variable)?;
        let selection = variable.select_all(sel, bidx)?;
        let named = labels(&selection).unwrap_or_else(|| {
            let time = variable
                .axes
                .iter()
                .position(|axis| axis.role == Role::Time);
            let time = time.and_then(|place| selection.axes[place].labels.first());
            vec![time.unwrap_or(&variable.name).clone()]
        });
        let values = self
            .values_at(
                entry,
                &external,
                variable,
                &selection,
                (point, system),
                nodata,
            )
            .await?;
        Ok(ExternalPoint {
            revision: Arc::clone(&external.version),
            labels: named,
            values,
        })
    }

    async fn values_at(
        &self,
        entry: &ExternalEntry,
        external: &External,
        variable: &Variable,
        selection: &Selection,
        at: ((f64, f64), Epsg),
        nodata: Option<f64>,
    ) -> Result<Vec<Option<f64>>, TileError> {
        let count = selection.bands();
        if count > MOST_VALUES {
            return Err(TileError::TooManyValues {
                count,
                limit: MOST_VALUES,
            });
        }
        let cell = cell_at(external, variable, at)?;
        cell.array.check(self.most)?;
        let side = cell.array.unit_shape();
        let place = ChunkIndex {
            row: cell.row / side.rows,
            col: cell.col / side.cols,
        };
        let within = (cell.row % side.rows) * side.cols + cell.col % side.cols;
        let at_once = count.min(AT_ONCE);
        let cost = Cost::of_samples(cell.array.unit_bytes().saturating_mul(at_once as u64), 0);
        let read = stream::iter(0..count)
            .map(|band| {
                let unit = cell.array.unit(&selection.indices(band), place);
                let array = cell.array;
                async move {
                    let read = self.chunks.unit(entry.number(), external, array, &unit);
                    let samples = Box::pin(read).await?;
                    Ok::<_, TileError>(value(array, samples.as_deref(), &unit, within, nodata))
                }
            })
            .buffered(at_once.max(1))
            .try_collect();
        self.finished.within(cost, read).await
    }

    /// What the values of each band in a rectangle are like, or in a cutout of it, where
    /// each pixel counts by its share.
    ///
    /// # Errors
    /// As of [`Tiles::prepare_external_picture`], if a chunk cannot be read, and if a
    /// cutout has too many parts.
    pub async fn external_statistics(
        &self,
        entry: &ExternalEntry,
        request: &PictureRequest,
        counting: Counting,
    ) -> Result<Vec<(String, Statistics)>, TileError> {
        let tile = self.prepare_external_picture(entry, request).await?;
        if let Some(cutout) = &tile.cutout {
            cutout.check(&tile.grid, counting.scale)?;
        }
        let names = tile.names.clone();
        let (pixels, planes) = (tile.grid.shape.rows * tile.grid.shape.cols, values::COUNTED);
        let cost = tile.cost.with_values(pixels, planes, self.most)?;
        let tile = Arc::new(tile);
        let work = async {
            let values = self.external_values(&tile).await?;
            let count =
                move || values::counted(&values, tile.cutout.as_deref(), &tile.grid, &counting);
            self.compute.run(count).await?
        };
        let found = self.finished.within(cost, work).await?;
        values::named(names, found)
    }
}

/// The variable of a name, or the first.
fn named<'a>(external: &'a External, name: Option<&str>) -> Result<&'a Variable, TileError> {
    Ok(match name {
        Some(name) => external.dataset.variable(name)?,
        None => &external.dataset.variables[0],
    })
}

/// The physical value of a cell of a unit.
fn value(
    array: &OpenArray,
    samples: Option<&Samples>,
    unit: &Unit,
    within: usize,
    nodata: Option<f64>,
) -> Option<f64> {
    fn sample<T: Element>(
        array: &OpenArray,
        samples: Option<&Samples>,
        unit: &Unit,
        within: usize,
    ) -> f64 {
        match samples {
            Some(samples) => array.plane::<T>(samples, unit)[within].to_f64(),
            None => array.stored().fill(),
        }
    }
    let stored = array.stored();
    let sample = by_kind!(stored.kind(), sample(array, samples, unit, within));
    let is_missing = |missing: f64| sample.total_cmp(&missing).is_eq();
    if sample.is_nan() || is_missing(stored.nodata()) || nodata.is_some_and(is_missing) {
        return None;
    }
    let [scale, offset] = stored.scale_and_offset();
    Some(sample * scale + offset)
}

/// The cell of the full resolution that a point is in.
fn cell_at<'a>(
    external: &'a External,
    variable: &Variable,
    ((x, y), system): ((f64, f64), Epsg),
) -> Result<Cell<'a>, TileError> {
    let placed: &Placed = external.placed(variable)?;
    let outside = || TileError::NotThere {
        longitude: x,
        latitude: y,
        bounds: placed.footprint.bounds().to_array(),
    };
    let level = &variable.levels[0];
    let grid = &level.grid;
    // Fails where PROJ does not know the system that the request names.
    if system != Epsg::WGS84 {
        crs::wkt(system).map_err(TileError::System)?;
    }
    // What has no counterpart in the data set's system is outside of it.
    let (px, py) = crs::project(x, y, system, placed.system).map_err(|_none| outside())?;
    let turns = if placed.system == Epsg::WGS84 {
        let Bounds { west, east, .. } = grid.bounds();
        [0.0, 360.0, -360.0]
            .into_iter()
            .find(|turn| (west..=east).contains(&(px + turn)))
    } else {
        Some(0.0)
    };
    let px = px + turns.ok_or_else(outside)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked to be within the grid, whose sides are far below 2^52"
    )]
    let cell = |at: f64, len: usize| {
        // The outer edge belongs to the last cell.
        let is_in = at >= 0.0 && at <= len as f64;
        is_in.then(|| (at as usize).min(len - 1))
    };
    let row = cell(grid.transform.row(py), grid.shape.rows).ok_or_else(outside)?;
    let col = cell(grid.transform.col(px), grid.shape.cols).ok_or_else(outside)?;
    Ok(Cell {
        array: external.array(&level.path)?,
        row,
        col,
    })
}
