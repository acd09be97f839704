//! What a build has to do. Coverage and land are asked through closures.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    crs::{self, CrsError, Footprint},
    cube::{Cube, State},
    grid::{Bounds, ChunkIndex, Level, Window},
    land::{Region, RegionError},
};

/// Chunks along each side of a batch. Neighbours share one catalogue search
/// and the headers of their scenes.
pub(super) const BATCH_SIDE: usize = 4;

/// What somebody wants built.
#[derive(Clone, Debug, Default)]
pub struct BuildRequest {
    /// Only chunks of this area.
    pub area: Area,
    /// Only time steps that hold one of these days, both inclusive.
    pub days: (Option<NaiveDate>, Option<NaiveDate>),
    /// Build also what is done.
    pub force: bool,
    /// Leave what failed before.
    pub leave_failed: bool,
    /// Build again what is complete, and nothing else, of the time steps that end
    /// after this day.
    pub refresh: Option<NaiveDate>,
}

/// Which chunks somebody wants.
#[derive(Clone, Debug, Default)]
pub enum Area {
    /// All of the cube.
    #[default]
    Whole,
    /// Those that a rectangle touches (EPSG:4326).
    Bounds(Bounds),
    /// Those that polygons touch (EPSG:4326).
    Region(Region),
    /// Single ones, each at a time step.
    Chunks(BTreeSet<(usize, ChunkIndex)>),
}

/// Why a request makes no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The rectangle is none.
    #[error(
        "`{0}` is no rectangle: write west,south,east,north in degrees, west < east and south < north"
    )]
    Bounds(String),
    /// Several areas.
    #[error("`bbox`, `geometry`, `tile` and `chunks` each name an area: give one of them")]
    Areas,
    /// Polygons that are none.
    #[error("`geometry`: {0}")]
    Geometry(#[source] RegionError),
    /// Two ways to build again.
    #[error("`force` builds all of it again, and `refresh` what is recent: give one of them")]
    Again,
    /// A tile that is none.
    #[error("`{0}` is no tile: write zoom/column/row as in 11/1107/731")]
    Tile(String),
    /// A chunk that the cube does not have.
    #[error(
        "the cube has no chunk {chunk:?}: it has {shape:?} time steps, chunk rows and chunk columns"
    )]
    NoChunk {
        /// As asked for.
        chunk: [usize; 3],
        /// How many there are.
        shape: [usize; 3],
    },
    /// The polygons are elsewhere.
    #[error("the polygons touch no chunk of the cube, whose bounds are {0:?}")]
    RegionElsewhere([f64; 4]),
    /// The rectangle is elsewhere.
    #[error("the rectangle {request:?} does not touch the cube's bounds, {cube:?}")]
    Elsewhere {
        /// As asked for.
        request: [f64; 4],
        /// The cube's, in degrees.
        cube: [f64; 4],
    },
    /// The cube's reference system cannot be used.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The region outside of which nothing is built is none.
    #[error("`grid.skip.outside`: {0}")]
    Region(#[from] RegionError),
    /// The days are no interval.
    #[error(
        "`{0}` is no interval: write 2023-08-01/2023-08-31, a single day, or .. for an open end"
    )]
    Days(String),
    /// The days are elsewhere.
    #[error("no time step of the cube holds a day of the interval; the cube has {first} to {last}")]
    NoStep {
        /// First day of the cube.
        first: NaiveDate,
        /// Last day of the cube.
        last: NaiveDate,
    },
    /// More than one request may ask for.
    #[error(
        "the request covers {chunks} chunks, and {limit} is the limit: choose a smaller area or fewer time steps"
    )]
    TooLarge {
        /// Chunks and time steps asked for.
        chunks: usize,
        /// The limit.
        limit: usize,
    },
}

impl BuildRequest {
    /// Reads a rectangle, `west,south,east,north`.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse_bounds(text: &str) -> Result<Bounds, PlanError> {
        let numbers: Vec<f64> = text
            .split(',')
            .flat_map(|part| part.trim().parse())
            .collect();
        match (numbers.as_slice(), text.split(',').count()) {
            ([west, south, east, north], 4) => Self::check_bounds([*west, *south, *east, *north]),
            _ => Err(PlanError::Bounds(text.to_owned())),
        }
    }

    /// Checks a rectangle.
    ///
    /// # Errors
    /// If it is none.
    pub fn check_bounds(bounds: [f64; 4]) -> Result<Bounds, PlanError> {
        let [west, south, east, north] = bounds;
        let finite = bounds.iter().all(|n| n.is_finite());
        if finite && west < east && south < north {
            Ok(Bounds {
                west,
                south,
                east,
                north,
            })
        } else {
            Err(PlanError::Bounds(format!("{west},{south},{east},{north}")))
        }
    }

    /// Reads an interval of days, both inclusive: `A/B`, `A/..`, `../B` or `A`.
    /// Times of day are dropped.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse_days(text: &str) -> Result<(Option<NaiveDate>, Option<NaiveDate>), PlanError> {
        let error = || PlanError::Days(text.to_owned());
        let day = |part: &str| match part.trim() {
            "" | ".." => Ok(None),
            part => {
                let day = part.split_once('T').map_or(part, |(day, _)| day);
                day.parse().map(Some).map_err(|_not_a_date| error())
            }
        };
        let (from, to) = text.split_once('/').unwrap_or((text, text));
        match (day(from)?, day(to)?) {
            (None, None) => Err(error()),
            (Some(from), Some(to)) if to < from => Err(error()),
            days => Ok(days),
        }
    }

    /// The chunks and time steps of a cube that the request is about.
    ///
    /// # Errors
    /// If there are none, or more than `limit`.
    pub fn scope(&self, cube: &Cube, limit: usize) -> Result<Scope, PlanError> {
        let times = cube.times();
        let wanted = |step: &usize| {
            let days = times.days(*step);
            self.days.0.is_none_or(|from| from < days.end)
                && self.days.1.is_none_or(|to| to >= days.start)
        };
        let mut steps: Vec<usize> = (0..times.len()).filter(wanted).collect();
        if steps.is_empty() {
            let last = times.days(times.len() - 1).end;
            return Err(PlanError::NoStep {
                first: times.days(0).start,
                last: last.pred_opt().unwrap_or(last),
            });
        }
        if let Some(settled) = self.refresh {
            steps.retain(|step| times.days(*step).end > settled);
        }
        let grid = cube.pyramid().chunks(Level(0));
        if let Area::Chunks(places) = &self.area {
            return Self::single(cube, places, &steps, limit);
        }
        let areas = self.areas(cube)?;
        let per_step: usize = (areas.iter())
            .map(|area| grid.chunks_of(area.window).count())
            .sum();
        let chunks = per_step.saturating_mul(steps.len());
        if chunks > limit {
            return Err(PlanError::TooLarge { chunks, limit });
        }
        let mut touched = BTreeSet::new();
        for area in areas {
            for chunk in grid.chunks_of(area.window) {
                if area.touches(cube, chunk)? && self.is_in_region(cube, chunk)? {
                    touched.insert(chunk);
                }
            }
        }
        if touched.is_empty() && matches!(self.area, Area::Region(_)) {
            let bounds = Footprint::of(cube.pyramid().base())?.bounds();
            return Err(PlanError::RegionElsewhere(bounds.to_array()));
        }
        let at = |step: &usize| {
            let step = *step;
            touched.iter().map(move |chunk| (step, *chunk))
        };
        Ok(Scope(steps.iter().flat_map(at).collect()))
    }

    /// Single chunks, as far as they are at one of these steps.
    fn single(
        cube: &Cube,
        places: &BTreeSet<(usize, ChunkIndex)>,
        steps: &[usize],
        limit: usize,
    ) -> Result<Scope, PlanError> {
        let grid = cube.pyramid().chunks(Level(0));
        let shape = [cube.times().len(), grid.rows(), grid.cols()];
        let outside = |(time, chunk): &&(usize, ChunkIndex)| {
            let place = [*time, chunk.row, chunk.col];
            std::iter::zip(place, shape).any(|(at, len)| at >= len)
        };
        if let Some((time, chunk)) = places.iter().find(outside) {
            let chunk = [*time, chunk.row, chunk.col];
            return Err(PlanError::NoChunk { chunk, shape });
        }
        let wanted = places.iter().filter(|(time, _)| steps.contains(time));
        let scope = Scope(wanted.copied().collect());
        if scope.0.len() > limit {
            let chunks = scope.0.len();
            return Err(PlanError::TooLarge { chunks, limit });
        }
        Ok(scope)
    }

    /// Whether polygons touch a chunk, if there are any.
    fn is_in_region(&self, cube: &Cube, chunk: ChunkIndex) -> Result<bool, CrsError> {
        let Area::Region(region) = &self.area else {
            return Ok(true);
        };
        let places = chunk_bounds(cube, chunk, 0)?;
        Ok(places
            .iter()
            .any(|b| region.intersects(b.west, b.south, b.east, b.north)))
    }

    /// The parts of a cube's full resolution that the rectangle is about.
    fn areas(&self, cube: &Cube) -> Result<Vec<Part>, PlanError> {
        let base = cube.pyramid().base();
        let Area::Bounds(bounds) = self.area else {
            let window = base.shape.window();
            return Ok(vec![Part {
                window,
                within: None,
            }]);
        };
        let footprint = Footprint::of(base)?;
        let mut areas = Vec::new();
        // Only what is near the cube is sure to have a place in its system.
        for part in (footprint.parts.iter()).filter_map(|part| part.intersection(&bounds)) {
            let around = crs::projected_bounds(base.crs, part)?;
            areas.extend(base.window_of(around).map(|window| Part {
                window,
                within: Some(part),
            }));
        }
        if areas.is_empty() {
            return Err(PlanError::Elsewhere {
                request: bounds.to_array(),
                cube: footprint.bounds().to_array(),
            });
        }
        Ok(areas)
    }
}

/// A window around a part of a request's rectangle. Where the cube's axes are
/// turned against meridians, chunks in the window's corners are not touched.
struct Part {
    window: Window,
    /// In EPSG:4326; none if all of the window is meant.
    within: Option<Bounds>,
}

impl Part {
    fn touches(&self, cube: &Cube, chunk: ChunkIndex) -> Result<bool, CrsError> {
        let Some(part) = self.within else {
            return Ok(true);
        };
        let places = chunk_bounds(cube, chunk, 0)?;
        Ok(places.iter().any(|place| place.overlaps(&part)))
    }
}

/// The rectangles of longitude and latitude that a full-resolution chunk lies
/// in, with some cells around it; two if it crosses the antimeridian.
///
/// # Errors
/// If the cube's reference system cannot be used.
pub fn chunk_bounds(
    cube: &Cube,
    chunk: ChunkIndex,
    cells_around: usize,
) -> Result<Vec<Bounds>, CrsError> {
    let base = cube.pyramid().base();
    let window = cube.pyramid().chunks(Level(0)).window(chunk);
    let window = window.padded(cells_around, base.shape);
    crs::geographic_bounds(base.crs, base.transform.window_bounds(window))
}

/// One rectangle around neighbouring places, none of which crosses the
/// antimeridian; if they lie on both sides of it, `west` > `east`.
pub(super) fn around(places: &[Bounds]) -> Option<Bounds> {
    let union =
        |places: &mut dyn Iterator<Item = &Bounds>| places.copied().reduce(|a, b| a.union(&b));
    let all = union(&mut places.iter())?;
    let is_west = |place: &&Bounds| place.west.midpoint(place.east) < 0.0;
    let western = union(&mut places.iter().filter(is_west));
    let eastern = union(&mut places.iter().filter(|place| !is_west(place)));
    Some(match (western, eastern) {
        // Where the gap between the two sides is wider the short way round.
        (Some(western), Some(eastern))
            if eastern.west - western.east > 360.0 - (eastern.east - western.west) =>
        {
            Bounds {
                west: eastern.west,
                east: western.east,
                ..all
            }
        }
        _ => all,
    })
}

/// Time steps, and chunks of a cube's full resolution at each, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope(pub Vec<(usize, ChunkIndex)>);

/// Neighbouring chunks of one time step that are built together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The time step.
    pub time: usize,
    /// The chunks, in order.
    pub chunks: Vec<ChunkIndex>,
}

/// How many chunks of a plan are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// To be built.
    pub build: usize,
    /// Built already.
    pub done: usize,
    /// Never to be built: without land, or outside of the cube's region.
    pub ocean: usize,
    /// Failed before: to be built too, unless what failed is left.
    pub failed: usize,
}

/// What a build has to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is to be built.
    pub batches: Vec<Batch>,
    /// What is found to be ocean and not yet recorded so.
    pub new_ocean: Vec<(usize, ChunkIndex)>,
    /// Numbers for people.
    pub counts: Counts,
}

impl Plan {
    /// Plans a scope. `state` tells what is known of a chunk at a time step,
    /// `is_wanted` whether it is ever to be built.
    pub fn new(
        scope: &Scope,
        request: &BuildRequest,
        mut state: impl FnMut(usize, ChunkIndex) -> State,
        mut is_wanted: impl FnMut(ChunkIndex) -> bool,
    ) -> Self {
        let mut plan = Self::default();
        let chunks: BTreeSet<ChunkIndex> = scope.0.iter().map(|(_, chunk)| *chunk).collect();
        let ocean: BTreeSet<ChunkIndex> = (chunks.into_iter())
            .filter(|chunk| !is_wanted(*chunk))
            .collect();
        let batch = |(time, chunk): &(usize, ChunkIndex)| {
            let block = (chunk.row / BATCH_SIDE, chunk.col / BATCH_SIDE);
            (*time, block)
        };
        let mut places = scope.0.clone();
        places.sort_by_key(|place| (batch(place), *place));
        for group in places.chunk_by(|a, b| batch(a) == batch(b)) {
            let mut chunks = Vec::new();
            for (time, chunk) in group {
                let state = state(*time, *chunk);
                let is_refresh = request.refresh.is_some();
                if ocean.contains(chunk) {
                    plan.counts.ocean += 1;
                    if state == State::Absent && !is_refresh {
                        plan.new_ocean.push((*time, *chunk));
                    }
                } else if is_refresh && !state.is_complete() {
                    plan.counts.failed += usize::from(state == State::Failed);
                } else if state.is_complete() && !(request.force || is_refresh) {
                    plan.counts.done += 1;
                } else if state == State::Failed && request.leave_failed {
                    plan.counts.failed += 1;
                } else {
                    plan.counts.build += 1;
                    plan.counts.failed += usize::from(state == State::Failed);
                    chunks.push(*chunk);
                }
            }
            if let (Some((time, _)), false) = (group.first(), chunks.is_empty()) {
                plan.batches.push(Batch {
                    time: *time,
                    chunks,
                });
            }
        }
        plan
    }

    /// All that is to be built, in the order of its batches.
    pub fn places(&self) -> impl Iterator<Item = (usize, ChunkIndex)> {
        self.batches.iter().flat_map(|batch| {
            let chunks = batch.chunks.iter();
            chunks.map(|chunk| (batch.time, *chunk))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::Recipe;

    fn cube() -> Cube {
        let text = r#"
            [grid]
            bounds = [0, 0, 1, 1]
            resolution = 0.01
            chunk = 20
            inner_chunk = 10
            [time]
            start = "2023-06-01"
            end = "2023-08-31"
            [source]
            stac = "items.json"
            bands = ["red"]
        "#;
        Cube::new(Recipe::from_toml(text).unwrap()).unwrap()
    }

    fn plan(request: &BuildRequest, state: State, land: bool) -> Plan {
        let cube = cube();
        let scope = request.scope(&cube, 1000).unwrap();
        Plan::new(&scope, request, |_, _| state, |_| land)
    }

    #[test]
    fn all_that_is_absent_is_built_once_in_batches_of_neighbours() {
        let plan = plan(&BuildRequest::default(), State::Absent, true);
        assert_eq!(
            plan.counts,
            Counts {
                build: 75,
                ..Counts::default()
            }
        );
        let mut all: Vec<_> = plan
            .batches
            .iter()
            .flat_map(|b| b.chunks.iter().map(|c| (b.time, *c)))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 75);
        assert!(plan.batches.iter().all(|b| b.chunks.len() <= 16));
    }

    #[test]
    fn what_is_complete_is_built_again_only_by_force() {
        for state in [State::Done, State::NoScenes, State::AllMasked] {
            assert_eq!(plan(&BuildRequest::default(), state, true).counts.done, 75);
            let force = BuildRequest {
                force: true,
                ..BuildRequest::default()
            };
            assert_eq!(plan(&force, state, true).counts.build, 75);
        }
        let failed = plan(&BuildRequest::default(), State::Failed, true);
        assert_eq!((failed.counts.build, failed.counts.failed), (75, 75));
    }

    #[test]
    fn a_refresh_builds_what_is_complete_of_the_steps_that_are_not_settled() {
        let day = |text: &str| text.parse().ok();
        let refresh = |settled: &str| BuildRequest {
            refresh: day(settled),
            ..BuildRequest::default()
        };
        for (settled, steps) in [("2023-05-01", 3), ("2023-07-31", 2), ("2023-08-01", 1)] {
            let plan = plan(&refresh(settled), State::Done, true);
            assert_eq!(plan.counts.build, 25 * steps, "{settled}");
        }
        assert_eq!(
            plan(&refresh("2023-09-01"), State::Done, true),
            Plan::default()
        );
        for state in [State::Absent, State::Failed, State::Ocean] {
            let plan = plan(&refresh("2023-05-01"), state, state != State::Ocean);
            assert_eq!(
                (plan.counts.build, plan.new_ocean.len()),
                (0, 0),
                "{state:?}"
            );
        }
    }

    #[test]
    fn ocean_is_recorded_once_and_never_built() {
        let first = plan(&BuildRequest::default(), State::Absent, false);
        assert_eq!((first.counts.ocean, first.new_ocean.len()), (75, 75));
        let force = BuildRequest {
            force: true,
            ..BuildRequest::default()
        };
        let second = plan(&force, State::Ocean, false);
        assert_eq!((second.counts.build, second.new_ocean.len()), (0, 0));
    }

    #[test]
    fn a_request_is_cut_to_its_rectangle_and_days() {
        let request = BuildRequest {
            area: Area::Bounds(BuildRequest::parse_bounds("0.05,0.05,0.15,0.25").unwrap()),
            days: BuildRequest::parse_days("2023-07-15/2023-08-01").unwrap(),
            ..BuildRequest::default()
        };
        let plan = plan(&request, State::Absent, true);
        assert_eq!(plan.counts.build, 2 * 2);
        assert!(plan.batches.iter().all(|b| b.time == 1 || b.time == 2));
    }

    #[test]
    fn places_on_both_sides_of_the_antimeridian_are_searched_across_it() {
        let place = |west, east| Bounds {
            west,
            south: 1.0,
            east,
            north: 2.0,
        };
        let across = [
            place(179.0, 180.0),
            place(-180.0, -178.5),
            place(178.0, 179.0),
        ];
        assert_eq!(around(&across), Some(place(178.0, -178.5)));
        let at_greenwich = [place(-1.0, -0.5), place(-0.5, 1.0)];
        assert_eq!(around(&at_greenwich), Some(place(-1.0, 1.0)));
        assert_eq!(around(&[]), None);
    }

    #[test]
    fn a_request_that_means_nothing_says_what_would() {
        for text in ["1,2,3", "1,2,3,x", "3,0,1,1", "a,1,2,3,4"] {
            assert!(BuildRequest::parse_bounds(text).is_err(), "{text}");
        }
        for text in ["", "..", "2023-13-01", "2023-08-02/2023-08-01"] {
            assert!(BuildRequest::parse_days(text).is_err(), "{text}");
        }
        let elsewhere = BuildRequest {
            area: Area::Bounds(BuildRequest::parse_bounds("10,10,11,11").unwrap()),
            ..BuildRequest::default()
        };
        assert!(matches!(
            elsewhere.scope(&cube(), 100),
            Err(PlanError::Elsewhere { .. })
        ));
        let late = BuildRequest {
            days: BuildRequest::parse_days("2024-01-01/..").unwrap(),
            ..BuildRequest::default()
        };
        assert!(matches!(
            late.scope(&cube(), 100),
            Err(PlanError::NoStep { .. })
        ));
        let large = BuildRequest::default().scope(&cube(), 74);
        assert!(matches!(
            large,
            Err(PlanError::TooLarge {
                chunks: 75,
                limit: 74
            })
        ));
    }
}
