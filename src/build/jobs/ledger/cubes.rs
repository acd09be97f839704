//! What the ledger knows of a cube as a whole.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Ledger, LedgerError,
    rows::{json, moment, parsed},
};
use crate::build::jobs::estimate::Took;

/// A row a cube: when a refresh of its recent steps began that has done all, when one
/// was last begun and as which job, and what its chunks took.
pub(super) const TABLE: &str = "
CREATE TABLE cube (
    name TEXT PRIMARY KEY,
    refreshed INTEGER,
    begun INTEGER,
    job TEXT,
    took TEXT
) STRICT;
";

/// When a cube was refreshed on schedule.
#[derive(Clone, Debug, Default)]
pub(in crate::build::jobs) struct Refreshed {
    /// The begin of the last refresh that did all it had to do.
    pub(in crate::build::jobs) whole: Option<DateTime<Utc>>,
    /// The begin of the last one.
    pub(in crate::build::jobs) begun: Option<DateTime<Utc>>,
    /// Its job, if there was something to do.
    pub(in crate::build::jobs) job: Option<String>,
}

impl Ledger {
    /// When a cube was refreshed on schedule.
    pub(in crate::build::jobs) async fn refreshed(
        &self,
        cube: &str,
    ) -> Result<Refreshed, LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            let query = "SELECT refreshed, begun, job FROM cube WHERE name = ?1";
            let found = connection.query_row(query, [cube], |row| {
                let job: Option<String> = row.get(2)?;
                Ok(Refreshed {
                    whole: moment(row, 0)?,
                    begun: moment(row, 1)?,
                    job,
                })
            });
            Ok(found.optional()?.unwrap_or_default())
        })
        .await
    }

    /// Says when a cube was refreshed on schedule.
    pub(in crate::build::jobs) async fn set_refreshed(
        &self,
        cube: &str,
        refreshed: Refreshed,
    ) -> Result<(), LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            let millis = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
            connection.execute(
                "INSERT INTO cube (name, refreshed, begun, job) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET refreshed = ?2, begun = ?3, job = ?4",
                params![
                    cube,
                    millis(refreshed.whole),
                    millis(refreshed.begun),
                    refreshed.job
                ],
            )?;
            Ok(())
        })
        .await
    }

    /// What the chunks of a cube took so far.
    pub(in crate::build::jobs) async fn took(&self, cube: &str) -> Result<Took, LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| took(connection, &cube)).await
    }
}

fn took(connection: &Connection, cube: &str) -> rusqlite::Result<Took> {
    let query = "SELECT took FROM cube WHERE name = ?1 AND took IS NOT NULL";
    let found = connection.query_row(query, [cube], |row| parsed(row, 0));
    Ok(found.optional()?.unwrap_or_default())
}

/// Adds what some chunks of a cube took.
pub(super) fn add(connection: &Connection, cube: &str, more: &Took) -> rusqlite::Result<()> {
    if more.chunks == 0 {
        return Ok(());
    }
    let mut all = took(connection, cube)?;
    all.add(more);
    connection.execute(
        "INSERT INTO cube (name, took) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET took = ?2",
        params![cube, json(&all)?],
    )?;
    Ok(())
}
