//! The empty cube: its nodes and coordinates, written once, lengthened later.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::{Codec, ZarrError, damaged};
use crate::{
    crs,
    cube::{Cube, metadata},
    grid::Level,
    repo::{Read, Repo, Revision, Transaction},
};

/// Writes an empty cube into a new repository, in one commit. The work is of
/// the order of the grid's sides, not of its area.
///
/// # Errors
/// What storage says; nothing is visible then.
pub async fn create(repo: &Repo, cube: &Cube) -> Result<Revision, ZarrError> {
    let mut transaction = repo.transaction().await?;
    write_nodes(&mut transaction, cube).await?;
    for level in cube.pyramid().levels() {
        write_axes(&mut transaction, cube, level).await?;
        write_times(&mut transaction, cube, level).await?;
    }
    Ok(transaction.commit("Create the cube").await?)
}

/// Writes an empty cube at a path where there is nothing yet. What was begun is
/// taken away if it fails.
///
/// # Errors
/// If there is something, or what storage says.
pub async fn create_at(store: &Path, cube: &Cube) -> Result<(), ZarrError> {
    let repo = Repo::create(store).await?;
    if let Err(error) = create(&repo, cube).await {
        if let Err(left) = std::fs::remove_dir_all(store) {
            tracing::warn!(error = %left, "cannot take away the half-made cube");
        }
        return Err(error);
    }
    Ok(())
}

/// Lengthens the time axis of all groups to that of `longer`, which is the
/// same cube with a later end, in one commit.
///
/// # Errors
/// What storage says; nothing is changed then.
pub async fn extend(repo: &Repo, longer: &Cube) -> Result<Revision, ZarrError> {
    let mut transaction = repo.transaction().await?;
    write_nodes(&mut transaction, longer).await?;
    for level in longer.pyramid().levels() {
        write_times(&mut transaction, longer, level).await?;
    }
    let message = format!("Extend the time axis to {}", longer.recipe().time.end);
    Ok(transaction.commit(&message).await?)
}

async fn write_nodes(transaction: &mut Transaction, cube: &Cube) -> Result<(), ZarrError> {
    let wkt = crs::wkt(cube.pyramid().base().crs)?;
    for node in metadata::nodes(cube, &wkt) {
        let document = Bytes::from(node.document.to_string());
        if node.document["node_type"] == "group" {
            transaction.set_group(&node.path, document).await?;
            continue;
        }
        let numbers = |value: &Value| -> Vec<u64> {
            let values = value.as_array().map_or(&[][..], Vec::as_slice);
            values.iter().filter_map(Value::as_u64).collect()
        };
        let shape = numbers(&node.document["shape"]);
        let chunk = numbers(&node.document["chunk_grid"]["configuration"]["chunk_shape"]);
        let extents: Vec<(u64, u32)> = std::iter::zip(shape, chunk)
            .map(|(len, chunk)| {
                let chunks = len.div_ceil(chunk.max(1));
                (len, u32::try_from(chunks).unwrap_or(u32::MAX))
            })
            .collect();
        let names: Vec<&str> = node.document["dimension_names"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .filter_map(Value::as_str)
            .collect();
        transaction
            .set_array(&node.path, &extents, &names, document)
            .await?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rows and columns are far below 2^52"
)]
async fn write_axes(
    transaction: &mut Transaction,
    cube: &Cube,
    level: Level,
) -> Result<(), ZarrError> {
    let grid = cube.pyramid().grid(level);
    let at = grid.transform;
    let [y, x] = cube.system().axes();
    let ys: Vec<f64> = (0..grid.shape.rows)
        .map(|row| at.y(row as f64 + 0.5))
        .collect();
    let xs: Vec<f64> = (0..grid.shape.cols)
        .map(|col| at.x(col as f64 + 0.5))
        .collect();
    write_whole(transaction, level, y.name, &[0], ys, f64::NAN).await?;
    write_whole(transaction, level, x.name, &[0], xs, f64::NAN).await?;
    // The value of a grid mapping has no meaning, but it must be there.
    write_whole(
        transaction,
        level,
        "spatial_ref",
        &[],
        vec![0_i64],
        i64::MIN,
    )
    .await
}

async fn write_times(
    transaction: &mut Transaction,
    cube: &Cube,
    level: Level,
) -> Result<(), ZarrError> {
    let times = cube.times();
    let days = |date: chrono::NaiveDate| (date - chrono::NaiveDate::default()).num_days();
    let chunk = metadata::TIME_CHUNK;
    for (n, first) in (0..times.len()).step_by(chunk).enumerate() {
        let steps = first..(first + chunk).min(times.len());
        let mut starts: Vec<i64> = steps.clone().map(|t| days(times.days(t).start)).collect();
        let mut bounds: Vec<i64> = steps
            .flat_map(|t| [days(times.days(t).start), days(times.days(t).end)])
            .collect();
        starts.resize(chunk, 0);
        bounds.resize(2 * chunk, 0);
        write_whole(transaction, level, "time", &[n], starts, i64::MIN).await?;
        write_whole(transaction, level, "time_bnds", &[n, 0], bounds, i64::MIN).await?;
    }
    Ok(())
}

/// Writes one chunk of a small array. `never` is a value that does not occur,
/// so that a chunk of zeros is stored too.
async fn write_whole<T: zarrs::array::Element + PartialEq>(
    transaction: &mut Transaction,
    level: Level,
    name: &str,
    index: &[usize],
    values: Vec<T>,
    never: T,
) -> Result<(), ZarrError> {
    let path = metadata::variable_path(level, name);
    let codec = Codec::of(&transaction.node(&path).await?).map_err(damaged(&path))?;
    if let Some(bytes) = codec.encode(values, &never).map_err(damaged(&path))? {
        let chunk = transaction.upload(&path, index, bytes).await?;
        transaction.set_chunk(&path, index, Some(chunk)).await?;
    }
    Ok(())
}
