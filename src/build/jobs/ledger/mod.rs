//! The ledger of jobs: what was asked for, which chunks that is, and what has
//! become of each. It outlives the process.
//!
//! Coverage in the cube alone says what is built. The ledger says what somebody
//! still waits for, and a commit is in both: before it is made, its tasks are
//! marked with its name, and the commit carries that name. At the next start
//! the cube's history tells whether it was made. So a process that is killed
//! between the two neither forgets a chunk nor builds one twice.

mod batch;
mod cubes;
mod rows;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};
use uuid::Uuid;

use self::{
    batch::finish,
    rows::{JOBS, count, job_of, json, place_of},
};
pub(super) use self::{
    batch::{Made, Outcome},
    cubes::Refreshed,
};
use super::{
    Job, JobFilter, JobState,
    queue::{JobNumber, Place},
};
use crate::compute::{Compute, ComputeError};

/// Raised when the tables change.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE job (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    cube TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    planned TEXT NOT NULL,
    stages TEXT NOT NULL,
    revision TEXT,
    message TEXT
) STRICT;
CREATE INDEX job_open ON job (cube) WHERE ended IS NULL;
CREATE TABLE task (
    job INTEGER NOT NULL REFERENCES job (number) ON DELETE CASCADE,
    time INTEGER NOT NULL,
    row INTEGER NOT NULL,
    col INTEGER NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    batch TEXT,
    PRIMARY KEY (job, time, row, col)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_batch ON task (batch) WHERE batch IS NOT NULL;
";

/// Jobs that are remembered after their end.
const REMEMBERED: i64 = 10_000;

/// Of so many of those, what became of each chunk too.
const DETAILED: i64 = 100;

/// The file of the ledger, in its folder.
const FILE: &str = "jobs.sqlite";

/// Why the ledger did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder cannot be made.
    #[error("cannot make the folder {} (`server.state_dir`)", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// Another server has it.
    #[error("{} (`server.state_dir`) is in use by another server: give each a folder of its own", .0.display())]
    Held(PathBuf),
    /// The file cannot be used.
    #[error("cannot use the ledger of jobs")]
    Sqlite(#[from] rusqlite::Error),
    /// It was written by a newer program.
    #[error(
        "the ledger of jobs has version {0}, and this program knows {VERSION}: use the newer program"
    )]
    Newer(i64),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

/// An open ledger. Clones share it; it does one thing at a time, on a thread of
/// its own.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    connection: Arc<Mutex<Connection>>,
    desk: Compute,
}

/// A job that was not done when the process ended.
#[derive(Debug)]
pub(super) struct OpenJob {
    pub(super) number: JobNumber,
    pub(super) job: Job,
    pub(super) places: Vec<Place>,
}

impl Ledger {
    /// Opens the ledger in a folder, which is made if it is not there, or one in
    /// memory. No other process can open it meanwhile.
    pub(super) fn open(folder: Option<&Path>) -> Result<Self, LedgerError> {
        let Some(folder) = folder else {
            return Self::of(Connection::open_in_memory()?);
        };
        let at = |error| LedgerError::Folder(folder.to_owned(), error);
        std::fs::create_dir_all(folder).map_err(at)?;
        let connection = Connection::open(folder.join(FILE))?;
        Self::of(connection).map_err(|error| {
            let LedgerError::Sqlite(reason) = &error else {
                return error;
            };
            if reason.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
                return LedgerError::Held(folder.to_owned());
            }
            error
        })
    }

    fn of(mut connection: Connection) -> Result<Self, LedgerError> {
        // A job that was accepted survives a power cut too.
        connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        let change = connection.transaction()?;
        match change.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            VERSION => {}
            0 => {
                change.execute_batch(TABLES)?;
                change.execute_batch(cubes::TABLE)?;
            }
            1 => change.execute_batch(cubes::TABLE)?,
            newer => return Err(LedgerError::Newer(newer)),
        }
        change.pragma_update(None, "user_version", VERSION)?;
        change.commit()?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            desk: Compute::new(1),
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let connection = Arc::clone(&self.connection);
        let work = move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(self.desk.run(work).await??)
    }

    /// Adds a job and its tasks; one without tasks is done.
    pub(super) async fn add(&self, job: Job, places: Vec<Place>) -> Result<JobNumber, LedgerError> {
        self.with(move |connection| {
            let change = connection.transaction()?;
            change.execute(
                "INSERT INTO job (id, cube, request, state, created, started, ended, planned, stages)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    job.id.to_string(),
                    job.cube,
                    json(&job.request)?,
                    job.state.name(),
                    job.created.timestamp_millis(),
                    job.started.map(|at| at.timestamp_millis()),
                    job.ended.map(|at| at.timestamp_millis()),
                    json(&job.planned)?,
                    json(&job.stages)?,
                ],
            )?;
            let number = change.last_insert_rowid();
            let mut insert = change.prepare(
                "INSERT INTO task (job, time, row, col, state) VALUES (?1, ?2, ?3, ?4, 'queued')",
            )?;
            for place in places {
                insert.execute(params![number, place.time, place.row, place.col])?;
            }
            drop(insert);
            forget(&change)?;
            change.commit()?;
            Ok(number)
        })
        .await
    }

    /// A job by its name.
    pub(super) async fn job(&self, id: Uuid) -> Result<Option<(JobNumber, Job)>, LedgerError> {
        self.with(move |connection| {
            let query = format!("{JOBS} WHERE id = ?1");
            let found = connection.query_row(&query, [id.to_string()], job_of);
            let Some((number, mut job)) = found.optional()? else {
                return Ok(None);
            };
            count(connection, number, &mut job)?;
            Ok(Some((number, job)))
        })
        .await
    }

    /// Jobs, the newest first, and how many there are.
    pub(super) async fn jobs(
        &self,
        filter: JobFilter,
    ) -> Result<(Vec<(JobNumber, Job)>, u64), LedgerError> {
        self.with(move |connection| {
            let state = filter.state.map(JobState::name);
            let cubes = filter.cubes.as_ref().map(json).transpose()?;
            let matching = "WHERE (?1 IS NULL OR cube IN (SELECT value FROM json_each(?1)))
                              AND (?2 IS NULL OR state = ?2)";
            let number_of_all = connection.query_row(
                &format!("SELECT count(*) FROM job {matching}"),
                params![cubes, state],
                |row| row.get(0),
            )?;
            let query = format!("{JOBS} {matching} ORDER BY number DESC LIMIT ?3 OFFSET ?4");
            let mut select = connection.prepare(&query)?;
            let page = params![cubes, state, filter.limit, filter.offset];
            let found: rusqlite::Result<Vec<_>> = select.query_map(page, job_of)?.collect();
            let mut jobs = found?;
            for (number, job) in &mut jobs {
                count(connection, *number, job)?;
            }
            Ok((jobs, number_of_all))
        })
        .await
    }

    /// The jobs of a cube that are not done, with the tasks that are not.
    pub(super) async fn open_jobs(&self, cube: &str) -> Result<Vec<OpenJob>, LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            let query = format!("{JOBS} WHERE cube = ?1 AND ended IS NULL ORDER BY number");
            let mut select = connection.prepare(&query)?;
            let found: rusqlite::Result<Vec<_>> = select.query_map([cube], job_of)?.collect();
            let mut open = Vec::new();
            for (number, job) in found? {
                let mut select = connection.prepare(
                    "SELECT time, row, col FROM task WHERE job = ?1 AND state = 'queued'",
                )?;
                let places = select.query_map([number], |row| place_of(row, 0))?;
                let places: rusqlite::Result<Vec<_>> = places.collect();
                open.push(OpenJob {
                    number,
                    job,
                    places: places?,
                });
            }
            Ok(open)
        })
        .await
    }

    /// Says that a job is under way.
    pub(super) async fn start(&self, number: JobNumber, at: i64) -> Result<(), LedgerError> {
        self.with(move |connection| {
            connection.execute(
                "UPDATE job SET state = 'running', started = coalesce(started, ?2) WHERE number = ?1",
                params![number, at],
            )?;
            Ok(())
        })
        .await
    }

    /// Ends a job. Tasks that were not done share its end.
    pub(super) async fn end(
        &self,
        number: JobNumber,
        state: JobState,
        message: Option<String>,
        at: i64,
    ) -> Result<(), LedgerError> {
        self.with(move |connection| {
            let change = connection.transaction()?;
            change.execute(
                "UPDATE job SET state = ?2, message = ?3, ended = ?4 WHERE number = ?1",
                params![number, state.name(), message, at],
            )?;
            change.execute(
                "UPDATE task SET state = 'cancelled' WHERE job = ?1 AND state = 'queued'",
                [number],
            )?;
            change.commit()
        })
        .await
    }

    /// Says that chunks of a job were found to be there.
    pub(super) async fn found(
        &self,
        number: JobNumber,
        places: Vec<Place>,
    ) -> Result<(), LedgerError> {
        self.with(move |connection| {
            let change = connection.transaction()?;
            finish(
                &change,
                &places
                    .into_iter()
                    .map(|place| (number, (place, None)))
                    .collect::<Vec<_>>(),
            )?;
            change.commit()
        })
        .await
    }

    /// Chunks that a job which has ended did not build, in the order of time steps
    /// and chunks, at most so many.
    pub(super) async fn left(
        &self,
        number: JobNumber,
        limit: usize,
    ) -> Result<Vec<Place>, LedgerError> {
        self.with(move |connection| {
            let mut select = connection.prepare(
                "SELECT time, row, col FROM task WHERE job = ?1 AND state IN ('failed', 'cancelled')
                 ORDER BY time, row, col LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = select.query_map(params![number, limit], |row| place_of(row, 0))?;
            found.collect()
        })
        .await
    }

    /// Failures of a job in the order of time steps and chunks, at most so many.
    pub(super) async fn failures(
        &self,
        number: JobNumber,
        limit: usize,
    ) -> Result<Vec<(Place, String)>, LedgerError> {
        self.with(move |connection| {
            let mut select = connection.prepare(
                "SELECT time, row, col, error FROM task WHERE job = ?1 AND state = 'failed'
                 ORDER BY time, row, col LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = select.query_map(params![number, limit], |row| {
                Ok((place_of(row, 0)?, row.get(3)?))
            })?;
            found.collect()
        })
        .await
    }
}

/// Forgets the tasks of jobs that ended long ago, and later the jobs.
fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let older_than = "IN (SELECT number FROM job WHERE ended IS NOT NULL ORDER BY number DESC
                      LIMIT -1 OFFSET ?1)";
    connection.execute(
        &format!("DELETE FROM task WHERE job {older_than}"),
        [DETAILED],
    )?;
    connection.execute(
        &format!("DELETE FROM job WHERE number {older_than}"),
        [REMEMBERED],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_the_first_version_is_still_read_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let connection = Connection::open(&file).unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection.close().unwrap();
        for _ in 0..2 {
            let ledger = Ledger::open(Some(folder.path())).unwrap();
            let connection = ledger.connection.lock().unwrap();
            let cubes = "SELECT count(*) FROM cube";
            let count: i64 = connection.query_row(cubes, [], |row| row.get(0)).unwrap();
            assert_eq!(count, 0);
        }
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", 3).unwrap();
        connection.close().unwrap();
        let error = Ledger::open(Some(folder.path())).unwrap_err();
        assert!(matches!(error, LedgerError::Newer(3)), "{error}");
    }
}
