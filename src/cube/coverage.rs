//! The record of what was built: for each level, time step and chunk one
//! [`Cell`], stored in the cube itself, in the same commit as the pixels.
//!
//! Coverage alone decides what is missing: a chunk that was never built and
//! one that was built and found all cloud differ here, not in their pixels.

use crate::grid::{ChunkIndex, Level, Pyramid};

/// Rows and columns of cells in one chunk of a coverage array.
pub const BLOCK: usize = 32;

/// The numbers of a cell as they are stored, in this order.
pub const FIELDS: [&str; 4] = ["state", "share", "stamp", "provenance"];

/// What is known of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum State {
    /// Never built.
    #[default]
    Absent,
    /// Without land or outside of the cube's region, so never to be built.
    Ocean,
    /// The catalogue had no scene for it.
    NoScenes,
    /// There were scenes, but no pixel of them was usable.
    AllMasked,
    /// Built, with data.
    Done,
    /// Built by a recipe that has changed since.
    Outdated,
    /// The last attempt failed; the next build tries again.
    Failed,
}

impl State {
    /// All states, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Absent,
        Self::Ocean,
        Self::NoScenes,
        Self::AllMasked,
        Self::Done,
        Self::Outdated,
        Self::Failed,
    ];

    /// The name that metadata and answers use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Ocean => "ocean",
            Self::NoScenes => "no_scenes",
            Self::AllMasked => "all_masked",
            Self::Done => "done",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_complete(self) -> bool {
        match self {
            Self::Ocean | Self::NoScenes | Self::AllMasked | Self::Done => true,
            Self::Absent | Self::Outdated | Self::Failed => false,
        }
    }
}

/// The record of one chunk of one level at one time step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cell {
    /// What is known.
    pub state: State,
    /// How many full-resolution chunks below this one are complete.
    pub share: u64,
    /// Hash of the chunk's decoded values over all bands and the count; 0
    /// where it holds no data.
    pub stamp: u64,
    /// Hash of the provenance text; 0 where there is none.
    pub provenance: u64,
}

impl Cell {
    /// The cell of a full-resolution chunk.
    #[must_use]
    pub fn base(state: State, stamp: u64, provenance: u64) -> Self {
        Self {
            state,
            share: u64::from(state.is_complete()),
            stamp,
            provenance,
        }
    }

    /// The cell of an overview chunk, from its children's.
    #[must_use]
    pub fn overview(children: impl IntoIterator<Item = Self>, stamp: u64) -> Self {
        let mut cell = Self {
            stamp,
            ..Self::default()
        };
        let mut complete: Option<State> = None;
        for child in children {
            cell.share += child.share;
            if child.state.is_complete() {
                // Done is the greatest complete state, ocean the least.
                complete = complete.max(Some(child.state));
            }
        }
        cell.state = complete.unwrap_or_default();
        cell
    }

    /// As it is stored, in the order of [`FIELDS`].
    #[must_use]
    pub fn to_record(self) -> [u64; 4] {
        [self.state as u64, self.share, self.stamp, self.provenance]
    }

    /// From storage; `None` if the state's code is unknown.
    #[must_use]
    pub fn from_record(record: [u64; 4]) -> Option<Self> {
        let [state, share, stamp, provenance] = record;
        let state = *State::ALL.get(usize::try_from(state).ok()?)?;
        Some(Self {
            state,
            share,
            stamp,
            provenance,
        })
    }
}

/// How many full-resolution chunks lie below a chunk of a level.
#[must_use]
pub fn chunks_below(pyramid: &Pyramid, level: Level, index: ChunkIndex) -> u64 {
    let base = pyramid.chunks(Level(0));
    let span = |first: usize, len: usize| {
        let start = first << level.0;
        ((first + 1) << level.0).min(len).saturating_sub(start)
    };
    (span(index.row, base.rows()) * span(index.col, base.cols())) as u64
}

/// The chunks one level finer that a chunk is made of.
pub fn children(
    pyramid: &Pyramid,
    level: Level,
    index: ChunkIndex,
) -> impl Iterator<Item = ChunkIndex> + use<> {
    let finer = pyramid.chunks(Level(level.0.saturating_sub(1)));
    let rows = 2 * index.row..(2 * index.row + 2).min(finer.rows());
    let cols = 2 * index.col..(2 * index.col + 2).min(finer.cols());
    rows.flat_map(move |row| cols.clone().map(move |col| ChunkIndex { row, col }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{Epsg, GeoTransform, Grid, Shape};

    fn pyramid() -> Pyramid {
        let transform = GeoTransform {
            origin_x: 0.0,
            origin_y: 10.0,
            cell_width: 0.01,
            cell_height: -0.01,
        };
        let shape = Shape {
            rows: 330,
            cols: 500,
        };
        Pyramid::new(
            Grid {
                crs: Epsg::WGS84,
                transform,
                shape,
            },
            4,
            100,
        )
    }

    #[test]
    fn a_cell_is_read_as_it_was_written_and_an_unknown_state_is_refused() {
        for state in State::ALL {
            let cell = Cell {
                state,
                share: 7,
                stamp: u64::MAX,
                provenance: 3,
            };
            assert_eq!(Cell::from_record(cell.to_record()), Some(cell));
        }
        assert_eq!(Cell::from_record([99, 0, 0, 0]), None);
    }

    #[test]
    fn the_chunks_below_each_level_add_up_to_all() {
        let pyramid = pyramid();
        for level in pyramid.levels() {
            let chunks = pyramid.chunks(level);
            let sum: u64 = chunks
                .chunks_of(chunks.shape.window())
                .map(|index| chunks_below(&pyramid, level, index))
                .sum();
            assert_eq!(sum, 4 * 5, "{level:?}");
        }
    }

    #[test]
    fn every_chunk_is_a_child_of_its_parent() {
        let pyramid = pyramid();
        for level in pyramid.levels().skip(1) {
            let finer = pyramid.chunks(Level(level.0 - 1));
            for child in finer.chunks_of(finer.shape.window()) {
                assert!(children(&pyramid, level, child.parent()).any(|c| c == child));
            }
        }
    }

    #[test]
    fn an_overview_adds_up_what_is_complete_below_it() {
        let done = Cell::base(State::Done, 5, 6);
        let ocean = Cell::base(State::Ocean, 0, 0);
        let failed = Cell::base(State::Failed, 0, 0);
        let cell = Cell::overview([done, ocean, failed, Cell::default()], 9);
        assert_eq!((cell.state, cell.share, cell.stamp), (State::Done, 2, 9));
        assert_eq!(Cell::overview([ocean, ocean], 0).state, State::Ocean);
        assert_eq!(Cell::overview([failed], 0).state, State::Absent);
    }
}
