//! What a server sets for its jobs.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// What a server sets for its jobs. By default they are remembered nowhere, and
/// nothing is limited or refreshed.
#[derive(Clone, Debug, Default)]
pub struct JobSettings {
    /// The folder of the ledger; jobs are forgotten with the process if `None`.
    pub folder: Option<PathBuf>,
    /// The most bytes that cubes may take on disk, by their names.
    pub quotas: BTreeMap<String, u64>,
    /// Cubes whose recent time steps are refreshed on a schedule.
    pub refresh: Vec<String>,
    /// How often that is.
    pub refresh_every: Duration,
}
