//! Rows of the ledger, read and written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, types::Type};
use uuid::Uuid;

use crate::build::jobs::{
    Job, JobState,
    queue::{JobNumber, Place},
};

/// Selects what [`job_of`] reads.
pub(super) const JOBS: &str =
    "SELECT number, id, cube, request, state, created, started, ended, planned,
                    stages, revision, message FROM job";

pub(super) fn job_of(row: &Row<'_>) -> rusqlite::Result<(JobNumber, Job)> {
    let state: String = row.get(4)?;
    let job = Job {
        id: uuid_of(row, 1)?,
        state: JobState::named(&state).ok_or_else(|| unreadable(4, "a state"))?,
        created: moment(row, 5)?.ok_or_else(|| unreadable(5, "a time"))?,
        started: moment(row, 6)?,
        ended: moment(row, 7)?,
        stages: parsed(row, 9)?,
        revision: row.get(10)?,
        message: row.get(11)?,
        ..Job::new(&row.get::<_, String>(2)?, parsed(row, 3)?, parsed(row, 8)?)
    };
    Ok((row.get(0)?, job))
}

/// Tells a job what has become of its chunks. That of jobs of long ago is not
/// known any more.
pub(super) fn count(
    connection: &Connection,
    number: JobNumber,
    job: &mut Job,
) -> rusqlite::Result<()> {
    let mut select = connection
        .prepare_cached("SELECT state, count(*) FROM task WHERE job = ?1 GROUP BY state")?;
    let found = select.query_map([number], |row| {
        let count: i64 = row.get(1)?;
        Ok((row.get(0)?, usize::try_from(count).unwrap_or(0)))
    })?;
    let counts: BTreeMap<String, usize> = found.collect::<rusqlite::Result<_>>()?;
    let of = |state: &str| counts.get(state).copied().unwrap_or(0);
    job.committed = of("done");
    job.done = job.committed;
    job.failed = of("failed");
    Ok(())
}

pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let millis: Option<i64> = row.get(column)?;
    Ok(millis.and_then(DateTime::from_timestamp_millis))
}

pub(super) fn place_of(row: &Row<'_>, first: usize) -> rusqlite::Result<Place> {
    Ok(Place {
        time: row.get(first)?,
        row: row.get(first + 1)?,
        col: row.get(first + 2)?,
    })
}

pub(super) fn uuid_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|_no_uuid| unreadable(column, "a name"))
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

pub(super) fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn unreadable(column: usize, what: &str) -> rusqlite::Error {
    let message = format!("the ledger should have {what} here").into();
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message)
}
