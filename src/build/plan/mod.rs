//! What a build has to do. Coverage and land are asked through closures.

mod error;
mod places;
mod request;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(super) use self::places::around;
use self::request::Scope;
pub use self::{
    error::PlanError,
    places::chunk_bounds,
    request::{Area, BuildRequest},
};
use crate::{cube::State, grid::ChunkIndex};

/// Chunks along each side of a batch. Neighbours share one catalogue search
/// and the headers of their scenes.
pub(super) const BATCH_SIDE: usize = 4;

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
    use crate::{cube::testing::cube, grid::Bounds};

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
