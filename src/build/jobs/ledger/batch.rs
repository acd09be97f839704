//! Commits in the ledger: marked before they are made, told after.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    Ledger, LedgerError, cubes,
    rows::{json, parsed, uuid_of},
};
use crate::build::{
    StageSeconds,
    jobs::{
        estimate::Took,
        queue::{JobNumber, Place},
    },
};

/// What became of a chunk: `None` if it was built, or why not.
pub(in crate::build::jobs) type Outcome = (Place, Option<String>);

/// What there is to say of a commit that was made.
#[derive(Debug, Default)]
pub(in crate::build::jobs) struct Made {
    /// Chunks of jobs that came after its batch had begun.
    pub(in crate::build::jobs) late: Vec<(JobNumber, Outcome)>,
    /// What it took, for each job.
    pub(in crate::build::jobs) stages: BTreeMap<JobNumber, StageSeconds>,
    /// The cube, and what its chunks took.
    pub(in crate::build::jobs) cube: String,
    pub(in crate::build::jobs) took: Took,
    /// The state of the cube that it made.
    pub(in crate::build::jobs) revision: Option<String>,
}

impl Ledger {
    /// Marks chunks with the name of the commit that is about to be made, for
    /// all jobs that wait for them.
    pub(in crate::build::jobs) async fn begin_batch(
        &self,
        batch: Uuid,
        outcomes: Vec<(JobNumber, Outcome)>,
    ) -> Result<(), LedgerError> {
        self.with(move |connection| {
            let change = connection.transaction()?;
            let mut mark = change.prepare(
                "UPDATE task SET state = 'committing', error = ?5, batch = ?6
                 WHERE job = ?1 AND time = ?2 AND row = ?3 AND col = ?4",
            )?;
            for (job, (place, error)) in outcomes {
                let Place { time, row, col } = place;
                mark.execute(params![job, time, row, col, error, batch.to_string()])?;
            }
            drop(mark);
            change.commit()
        })
        .await
    }

    /// Says that a commit was not made: its tasks wait again.
    pub(in crate::build::jobs) async fn undo_batch(&self, batch: Uuid) -> Result<(), LedgerError> {
        self.with(move |connection| {
            connection.execute(
                "UPDATE task SET error = NULL, batch = NULL, state = (
                     SELECT CASE WHEN ended IS NULL THEN 'queued' ELSE 'cancelled' END
                     FROM job WHERE number = task.job)
                 WHERE batch = ?1",
                [batch.to_string()],
            )?;
            Ok(())
        })
        .await
    }

    /// Says that a commit was made: its tasks are done or failed, and those of
    /// jobs that came while it was being made, too. Adds what it took.
    pub(in crate::build::jobs) async fn end_batch(
        &self,
        batch: Uuid,
        made: Made,
    ) -> Result<(), LedgerError> {
        self.with(move |connection| {
            let change = connection.transaction()?;
            change.execute(
                "UPDATE task SET batch = NULL,
                 state = CASE WHEN error IS NULL THEN 'done' ELSE 'failed' END WHERE batch = ?1",
                [batch.to_string()],
            )?;
            finish(&change, &made.late)?;
            cubes::add(&change, &made.cube, &made.took)?;
            for (number, stages) in made.stages {
                let so_far = "SELECT stages FROM job WHERE number = ?1";
                let mut all: StageSeconds =
                    change.query_row(so_far, [number], |row| parsed(row, 0))?;
                all.add(&stages);
                change.execute(
                    "UPDATE job SET stages = ?2, revision = coalesce(?3, revision) WHERE number = ?1",
                    params![number, json(&all)?, made.revision],
                )?;
            }
            change.commit()
        })
        .await
    }

    /// Commits of a cube of which it is not known whether they were made.
    pub(in crate::build::jobs) async fn open_batches(
        &self,
        cube: &str,
    ) -> Result<Vec<Uuid>, LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            let mut select = connection.prepare(
                "SELECT DISTINCT batch FROM task JOIN job ON job.number = task.job
                 WHERE batch IS NOT NULL AND cube = ?1",
            )?;
            let found = select.query_map([cube], |row| uuid_of(row, 0))?;
            found.collect()
        })
        .await
    }
}

/// Ends tasks.
pub(super) fn finish(
    connection: &Connection,
    outcomes: &[(JobNumber, Outcome)],
) -> rusqlite::Result<()> {
    let mut finish = connection.prepare(
        "UPDATE task SET state = CASE WHEN ?5 IS NULL THEN 'done' ELSE 'failed' END, error = ?5
         WHERE job = ?1 AND time = ?2 AND row = ?3 AND col = ?4",
    )?;
    for (job, (place, error)) in outcomes {
        finish.execute(params![job, place.time, place.row, place.col, error])?;
    }
    Ok(())
}
