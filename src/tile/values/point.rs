//! The values of one cell of the full resolution.

use chrono::NaiveDate;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{chosen, known};
use crate::{
    crs,
    cube::{COUNT, Cell, State},
    grid::{ChunkIndex, Epsg, Level, Window},
    tile::{TileError, Tiles, cost::Cost},
    zarr::StoredCube,
};

/// Values of a series at most.
const MOST_VALUES: usize = 4096;

/// Time steps that are read at once.
const STEPS_AT_ONCE: usize = 4;

/// What is known of a point at a time step.
#[derive(Clone, Debug)]
pub struct PointValues {
    /// The state that it was read at.
    pub stored: StoredCube,
    /// The time step.
    pub time: usize,
    /// The chunk that the point is in.
    pub chunk: ChunkIndex,
    /// What is known of that.
    pub cell: Cell,
    /// The names of the values.
    pub names: Vec<String>,
    /// The stored values; none where there is no data.
    pub values: Vec<Option<u16>>,
}

/// The values of a point over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// The names of the values.
    pub names: Vec<String>,
    /// The first day of each time step.
    pub times: Vec<NaiveDate>,
    /// For each time step a value for each name.
    pub values: Vec<Vec<Option<u16>>>,
}

impl Tiles {
    /// The values of the variables, or of all, at a point in degrees.
    ///
    /// # Errors
    /// [`TileError::NotThere`] outside of the cube, if the request names something
    /// that is not there, or a chunk cannot be read.
    pub async fn point(
        &self,
        cube: &str,
        point: (f64, f64),
        variables: &[String],
        sel: &[String],
    ) -> Result<PointValues, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let time = stored.cube.select_time(sel)?;
        let chosen = chosen(&stored, variables)?;
        let window = cell_at(&stored, point)?;
        let numbers: Vec<usize> = chosen.iter().map(|(_, number)| *number).collect();
        let cost = Cost::of_samples(held_bytes(&stored, numbers.len(), 1), 0);
        let work = self.at(entry.number(), &stored, window, time, &numbers);
        let (cell, values) = self.finished.within(cost, work).await?;
        let side = stored.cube.pyramid().chunk();
        Ok(PointValues {
            chunk: ChunkIndex {
                row: window.row / side,
                col: window.col / side,
            },
            time,
            cell,
            names: chosen.into_iter().map(|(name, _)| name).collect(),
            values,
            stored,
        })
    }

    /// The values of the variables, or of all, at a point in degrees, of all time
    /// steps.
    ///
    /// # Errors
    /// As of [`Tiles::point`], and if there are too many.
    pub async fn series(
        &self,
        cube: &str,
        point: (f64, f64),
        variables: &[String],
    ) -> Result<Series, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let chosen = chosen(&stored, variables)?;
        let window = cell_at(&stored, point)?;
        let times = stored.cube.times().starts().to_vec();
        let count = times.len() * chosen.len();
        if count > MOST_VALUES {
            return Err(TileError::TooManyValues {
                count,
                limit: MOST_VALUES,
            });
        }
        let numbers: Vec<usize> = chosen.iter().map(|(_, number)| *number).collect();
        let cost = Cost::of_samples(held_bytes(&stored, numbers.len(), STEPS_AT_ONCE), 0);
        let steps = stream::iter(0..times.len())
            .map(|time| self.at(entry.number(), &stored, window, time, &numbers))
            .buffered(STEPS_AT_ONCE)
            .map_ok(|(_, values)| values)
            .try_collect();
        let values = self.finished.within(cost, steps).await?;
        Ok(Series {
            names: chosen.into_iter().map(|(name, _)| name).collect(),
            times,
            values,
        })
    }

    async fn at(
        &self,
        cube: u32,
        stored: &StoredCube,
        window: Window,
        time: usize,
        variables: &[usize],
    ) -> Result<(Cell, Vec<Option<u16>>), TileError> {
        let base = Level(0);
        let cells = (self.reader)
            .cells(cube, stored, base, time, window)
            .await?;
        let cell = cells.first().map(|(_, cell)| *cell).unwrap_or_default();
        let reads = variables.iter().map(|variable| {
            self.reader
                .chunks(cube, stored, base, *variable, time, window, &cells)
        });
        let held = futures::future::try_join_all(reads).await?;
        // No observation at all is something that a chunk which was built tells.
        let is_built = cell.state.is_complete() && cell.state != State::Ocean;
        let count = stored.cube.variable(COUNT).ok().filter(|_| is_built);
        let values = std::iter::zip(variables, &held).map(|(variable, held)| {
            let value = held.window(window).data[0];
            if Some(*variable) == count {
                Some(value)
            } else {
                known(value)
            }
        });
        Ok((cell, values.collect()))
    }
}

/// Bytes of the inner chunks that are decoded for a point at once.
fn held_bytes(stored: &StoredCube, variables: usize, steps: usize) -> u64 {
    let inner = stored.cube.inner_chunk();
    (inner * inner * size_of::<u16>() * variables * steps) as u64
}

/// The cell that a point is in, as a window of one.
fn cell_at(stored: &StoredCube, (longitude, latitude): (f64, f64)) -> Result<Window, TileError> {
    let outside = || TileError::NotThere {
        longitude,
        latitude,
        bounds: stored.footprint.bounds().to_array(),
    };
    let base = stored.cube.pyramid().base();
    let (x, y) = if base.crs == Epsg::WGS84 {
        (longitude, latitude)
    } else {
        // What has no counterpart in the cube's system is outside of it.
        crs::project(longitude, latitude, Epsg::WGS84, base.crs).map_err(|_none| outside())?
    };
    let (row, col) = (base.transform.row(y), base.transform.col(x));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond i64 saturates, and is outside"
    )]
    let cell = |at: f64| at.floor() as i64;
    if !(row.is_finite() && col.is_finite()) {
        return Err(outside());
    }
    let (row, col) = (cell(row), cell(col));
    let next = |at: i64| at.saturating_add(1);
    Window::clipped(row..next(row), col..next(col), base.shape).ok_or_else(outside)
}
