//! `info --at`: what the chunk at a place is made of.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{DONE, say};
use crate::{
    crs,
    cube::State,
    grid::{ChunkIndex, Epsg, Level},
    repo::Repo,
    zarr::{StoredCube, read_cell, read_provenance},
};

/// Tells of each time step at a place what was built and from what.
pub(super) async fn show(store: &Path, at: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let (longitude, latitude) = parse(at)?;
    let repo = Repo::open(store).await?;
    let stored = StoredCube::open(&repo).await?;
    let chunk = chunk_at(&stored, longitude, latitude)?;
    for time in 0..stored.cube.times().len() {
        let cell = read_cell(&stored.snapshot, &stored, Level(0), time, chunk).await?;
        let text = read_provenance(&stored.snapshot, &stored, time, chunk).await?;
        let record: Value = match text {
            Some(text) => serde_json::from_str(&text).context("a record is damaged")?,
            None => Value::Null,
        };
        let day = stored.cube.times().days(time).start;
        if as_json {
            say(json!({
                "time": day, "chunk": [time, chunk.row, chunk.col],
                "state": cell.state.name(), "stamp": format!("{:016x}", cell.stamp),
                "provenance": record,
            }));
        } else if cell.state != State::Absent {
            say(format!(
                "{day}  chunk {}/{}  {}",
                chunk.row,
                chunk.col,
                cell.state.name()
            ));
            describe(&record);
        }
    }
    Ok(DONE)
}

fn parse(at: &str) -> anyhow::Result<(f64, f64)> {
    let parts: Vec<f64> = at.split(',').flat_map(|part| part.trim().parse()).collect();
    let [longitude, latitude] = parts[..] else {
        bail!("`{at}` is no place: write longitude,latitude in degrees, as in 15.98,45.81");
    };
    Ok((longitude, latitude))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a row and column that lie in the grid"
)]
fn chunk_at(stored: &StoredCube, longitude: f64, latitude: f64) -> anyhow::Result<ChunkIndex> {
    let grid = stored.cube.pyramid().base();
    let (x, y) = crs::project(longitude, latitude, Epsg::WGS84, grid.crs)?;
    let (row, col) = (grid.transform.row(y), grid.transform.col(x));
    let is_in = |at: f64, length: usize| at >= 0.0 && (at as usize) < length;
    if !(is_in(row, grid.shape.rows) && is_in(col, grid.shape.cols)) {
        let b = grid.bounds();
        bail!(
            "({longitude}, {latitude}) is outside of the cube, {} {} {} {} in {}",
            b.west,
            b.south,
            b.east,
            b.north,
            grid.crs
        );
    }
    let side = stored.cube.pyramid().chunk();
    Ok(ChunkIndex {
        row: row as usize / side,
        col: col as usize / side,
    })
}

/// A record for people: a line a scene, with what was done to its bands.
fn describe(record: &Value) {
    if let Some(error) = record["error"].as_str() {
        say(format!("  failed: {error}"));
    }
    if let Some(algorithm) = record["algorithm"].as_u64() {
        let recipe = record["recipe"].as_str().unwrap_or_default();
        say(format!("  algorithm {algorithm}, recipe {recipe}"));
    }
    for scene in record["scenes"].as_array().into_iter().flatten() {
        let text = |key: &str| scene[key].as_str().unwrap_or("-").to_owned();
        say(format!("  {}  baseline {}", text("id"), text("baseline")));
        for (band, how) in scene["bands"].as_object().into_iter().flatten() {
            let number = |key: &str| how[key].as_f64().unwrap_or_default();
            let suspicion = how["suspicion"].as_str();
            say(format!(
                "    {band}: x {} {:+} ({}){}",
                number("gain"),
                number("offset"),
                how["rule"].as_str().unwrap_or_default(),
                suspicion.map_or_else(String::new, |doubt| format!("; doubtful: {doubt}")),
            ));
        }
    }
}
