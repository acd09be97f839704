//! Overviews that commits have left for later. It is in the cube which they are,
//! so whoever writes next knows, after a kill or a rollback too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::overview::Changed;
use crate::grid::{ChunkIndex, Level};

/// The overview that is brought up to date with every commit; those above it may
/// be left.
pub(super) const FINE: Level = Level(1);

/// Chunks that are left at most. They are named in every commit until then, and the
/// repository keeps what commits say in a file that each commit writes anew.
pub(super) const MOST: usize = 64;

/// Chunks of the fine overview, by time step, that those above it do not show
/// yet, and whether their pixels changed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stale(BTreeMap<usize, Changed>);

impl Stale {
    /// From what a commit left.
    pub(super) fn parse(left: &Value) -> Self {
        let mut stale = Self::default();
        if left.is_null() {
            return stale;
        }
        match serde_json::from_value::<Vec<(usize, usize, usize, bool)>>(left.clone()) {
            Ok(chunks) => {
                for (time, row, col, pixels) in chunks {
                    stale.add(time, [(ChunkIndex { row, col }, pixels)].into());
                }
            }
            Err(error) => tracing::warn!(%error, %left, "overviews may be out of date"),
        }
        stale
    }

    /// For a commit to leave.
    pub(super) fn to_json(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let chunks = self.0.iter().flat_map(|(time, changed)| {
            let chunks = changed.iter();
            chunks.map(move |(chunk, pixels)| json!((time, chunk.row, chunk.col, pixels)))
        });
        chunks.collect()
    }

    /// Adds what changed at a time step.
    pub(super) fn add(&mut self, time: usize, changed: Changed) {
        let all = self.0.entry(time).or_default();
        for (chunk, pixels) in changed {
            *all.entry(chunk).or_default() |= pixels;
        }
    }

    /// How many chunks that are.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// Whether all overviews are up to date.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What changed, by time step; nothing is left then.
    pub(super) fn take(&mut self) -> BTreeMap<usize, Changed> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(row: usize, col: usize) -> ChunkIndex {
        ChunkIndex { row, col }
    }

    #[test]
    fn what_is_left_is_read_as_it_was_written() {
        let mut stale = Stale::default();
        assert_eq!(stale.to_json(), Value::Null);
        stale.add(3, [(chunk(1, 2), false), (chunk(1, 3), true)].into());
        stale.add(3, [(chunk(1, 2), true)].into());
        stale.add(4, [(chunk(0, 0), false)].into());
        let left = stale.to_json();
        let expected = json!([[3, 1, 2, true], [3, 1, 3, true], [4, 0, 0, false]]);
        assert_eq!(left, expected);
        assert_eq!(Stale::parse(&left), stale);
        assert_eq!(stale.len(), 3);
        assert_eq!(stale.take().len(), 2);
        assert!(stale.is_empty());
        assert_eq!(Stale::parse(&json!("nonsense")), Stale::default());
    }
}
