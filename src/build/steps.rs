//! What a chunk is waiting for, to be told when it has waited too long.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::source::Scene;

/// Steps under way of one chunk.
#[derive(Debug, Default)]
pub(super) struct Steps(Mutex<BTreeMap<u64, String>>);

/// A step, which ends when this is dropped.
pub(super) struct Step {
    steps: Arc<Steps>,
    number: u64,
}

/// Steps that are named; the rest are counted.
const NAMED: usize = 3;

impl Steps {
    /// Begins to read an asset of a scene.
    pub(super) fn begin(self: &Arc<Self>, scene: &Scene, asset: &str) -> Step {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = steps.last_key_value().map_or(0, |(last, _)| last + 1);
        steps.insert(number, format!("item {}, {asset}", scene.id));
        Step {
            steps: Arc::clone(self),
            number,
        }
    }

    /// The steps under way that began first.
    pub(super) fn describe(&self) -> String {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<&str> = steps.values().map(String::as_str).collect();
        names.dedup();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        match (names.is_empty(), more) {
            (true, _) => "the CPU or the store".to_owned(),
            (false, 0) => names.join("; "),
            (false, more) => format!("{}; and {more} more", names.join("; ")),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let mut steps = self.steps.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.remove(&self.number);
    }
}
