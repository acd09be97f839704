//! Many built chunks, their coverage and their overviews in one commit.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    BuildError, Built, overview, provenance,
    stale::{FINE, MOST, Stale},
};
use crate::{
    compute::Compute,
    cube::{Cell, State, metadata},
    grid::{ChunkIndex, Level},
    repo::{Repo, RepoError},
    zarr::{StoredCube, patch_cells, read_cell},
};

/// How often a commit begins again when somebody else was faster.
const ATTEMPTS: usize = 5;

/// How many overviews a commit brings up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overviews {
    /// The fine one. What is above it is a few chunks that nearly every commit
    /// touches: they can wait for the next that does all.
    Fine,
    /// All, with what was left by others.
    All,
}

/// What is to be committed.
#[derive(Debug, Default)]
pub(super) struct Pending {
    built: Vec<Built>,
    /// Chunks that were there and are committed only if they are others now.
    renewed: Vec<Built>,
    /// Chunks whose pixels do not change.
    marked: Vec<Mark>,
}

/// A chunk that is ocean, or failed.
#[derive(Debug)]
struct Mark {
    time: usize,
    chunk: ChunkIndex,
    state: State,
    /// Why it failed.
    reason: Option<String>,
}

impl Pending {
    pub(super) fn add(&mut self, built: Built) {
        self.built.push(built);
    }

    /// Adds a chunk that was complete before; what has not changed is left as it
    /// is.
    pub(super) fn renew(&mut self, built: Built) {
        self.renewed.push(built);
    }

    pub(super) fn ocean(&mut self, time: usize, chunk: ChunkIndex) {
        self.marked.push(Mark {
            time,
            chunk,
            state: State::Ocean,
            reason: None,
        });
    }

    pub(super) fn failed(&mut self, time: usize, chunk: ChunkIndex, reason: String) {
        self.marked.push(Mark {
            time,
            chunk,
            state: State::Failed,
            reason: Some(reason),
        });
    }

    /// Chunks that wait.
    pub(super) fn len(&self) -> usize {
        self.built.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.built.is_empty() && self.renewed.is_empty() && self.marked.is_empty()
    }

    /// Commits everything, with all overviews or only the fine one; says whether
    /// it has left some. A conflict is never resolved by overwriting: the
    /// references are replayed on a fresh transaction, and coverage and
    /// overviews derived anew. The commit can be found by the name of its batch,
    /// if that is given ([`Repo::has_batch`]).
    pub(super) async fn commit(
        self,
        repo: &Repo,
        stored: &StoredCube,
        compute: &Compute,
        overviews: Overviews,
        batch: Option<Uuid>,
    ) -> Result<bool, BuildError> {
        for _ in 1..ATTEMPTS {
            match self.attempt(repo, stored, compute, overviews, batch).await {
                Err(BuildError::Zarr(crate::zarr::ZarrError::Repo(RepoError::Conflict))) => {
                    tracing::info!("another commit came first; beginning again");
                }
                result => return result,
            }
        }
        self.attempt(repo, stored, compute, overviews, batch).await
    }

    async fn attempt(
        &self,
        repo: &Repo,
        stored: &StoredCube,
        compute: &Compute,
        overviews: Overviews,
        batch: Option<Uuid>,
    ) -> Result<bool, BuildError> {
        let mut transaction = repo.transaction().await?;
        let mut cells: BTreeMap<usize, BTreeMap<ChunkIndex, (Cell, bool)>> = BTreeMap::new();
        for mark in &self.marked {
            let (time, chunk) = (mark.time, mark.chunk);
            let old = read_cell(&transaction, stored, Level(0), time, chunk).await?;
            let mut cell = Cell {
                state: mark.state,
                share: u64::from(mark.state.is_complete()),
                ..old
            };
            // Pixels of before keep the record of what they are made of.
            if let Some(reason) = mark.reason.as_ref().filter(|_| old.stamp == 0) {
                let text = provenance::of_failure(reason);
                let (hash, reference) = provenance::upload(stored, time, chunk, text).await?;
                cell.provenance = hash;
                let path = metadata::provenance_path();
                let index = [time, chunk.row, chunk.col];
                transaction.set_chunk(&path, &index, reference).await?;
            }
            cells.entry(time).or_default().insert(chunk, (cell, false));
        }
        let mut all: Vec<&Built> = self.built.iter().collect();
        for built in &self.renewed {
            let old = read_cell(&transaction, stored, Level(0), built.time, built.chunk);
            if old.await? != built.cell {
                all.push(built);
            }
        }
        let count = all.len();
        for built in all {
            let index = [built.time, built.chunk.row, built.chunk.col];
            for new in &built.variables {
                let path = metadata::variable_path(Level(0), &new.variable);
                let reference = new.reference.clone();
                transaction.set_chunk(&path, &index, reference).await?;
            }
            transaction
                .set_chunk(
                    &metadata::provenance_path(),
                    &index,
                    built.provenance.clone(),
                )
                .await?;
            cells
                .entry(built.time)
                .or_default()
                .insert(built.chunk, (built.cell, true));
        }
        let mut stale = Stale::parse(transaction.left());
        for (time, cells) in cells {
            let changed: Vec<_> = cells
                .iter()
                .map(|(chunk, (cell, _))| (*chunk, *cell))
                .collect();
            patch_cells(&mut transaction, stored, Level(0), time, &changed).await?;
            let changed = cells.into_iter();
            let changed = changed
                .map(|(chunk, (_, pixels))| (chunk, pixels))
                .collect();
            let levels = Level(0)..=FINE;
            let changed =
                overview::update(&mut transaction, stored, compute, time, changed, levels).await?;
            stale.add(time, changed);
        }
        let count_of_levels = stored.cube.pyramid().levels().len();
        let is_flat = count_of_levels <= FINE.0 + 1;
        if is_flat || overviews == Overviews::All || stale.len() > MOST {
            for (time, changed) in stale.take() {
                let levels = FINE..=Level(count_of_levels);
                overview::update(&mut transaction, stored, compute, time, changed, levels).await?;
            }
        }
        transaction.leave(stale.to_json());
        let message = match (count, self.marked.len()) {
            (0, 0) => "Bring overviews up to date".to_owned(),
            (built, marked) => format!("Build {built} chunks, mark {marked}"),
        };
        transaction.commit_batch(&message, batch).await?;
        Ok(!stale.is_empty())
    }
}
