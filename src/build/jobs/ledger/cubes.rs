//! What the ledger knows of a cube as a whole.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Ledger, LedgerError,
    rows::{json, moment, parsed},
};
use crate::build::jobs::estimate::Took;

/// A row a cube: when its recent steps were last refreshed, and what its chunks
/// took.
pub(super) const TABLE: &str = "
CREATE TABLE cube (
    name TEXT PRIMARY KEY,
    refreshed INTEGER,
    took TEXT
) STRICT;
";

impl Ledger {
    /// When a cube was last refreshed on schedule.
    pub(in crate::build::jobs) async fn refreshed(
        &self,
        cube: &str,
    ) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            let query = "SELECT refreshed FROM cube WHERE name = ?1";
            let found = connection.query_row(query, [cube], |row| moment(row, 0));
            Ok(found.optional()?.flatten())
        })
        .await
    }

    /// Says that a cube was refreshed on schedule.
    pub(in crate::build::jobs) async fn set_refreshed(
        &self,
        cube: &str,
        at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let cube = cube.to_owned();
        self.with(move |connection| {
            connection.execute(
                "INSERT INTO cube (name, refreshed) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET refreshed = ?2",
                params![cube, at.timestamp_millis()],
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
