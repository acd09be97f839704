//! What somebody wants built, and which chunks that is about.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{PlanError, chunk_bounds};
use crate::{
    crs::{self, CrsError, Footprint},
    cube::Cube,
    grid::{Bounds, ChunkIndex, Level, Window},
    land::Region,
};

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

/// Time steps, and chunks of a cube's full resolution at each, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope(pub Vec<(usize, ChunkIndex)>);
