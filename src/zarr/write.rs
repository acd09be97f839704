//! Whole chunks for the build flow. A chunk is never read, changed and written
//! back: what is written was computed whole.

use bytes::Bytes;

use super::{CellBlock, CodecError, StoredCube, ZarrError, coverage, damaged, read_block};
use crate::{
    cube::{Cell, NODATA, metadata},
    grid::{ChunkIndex, Level, Shape},
    raster::Raster,
    repo::{Bytewise, ChunkRef, Read, Transaction},
};

/// A chunk of a variable that was uploaded; no reference if it holds no data.
#[derive(Clone, Debug)]
pub struct NewChunk {
    /// The variable.
    pub variable: String,
    /// What to refer to.
    pub reference: Option<ChunkRef>,
}

/// Encodes a raster, which may be cut by the grid's edge, as a whole chunk;
/// `None` if it holds no data. Computation only.
///
/// # Errors
/// If the raster is larger than a chunk.
pub fn encode_chunk(
    stored: &StoredCube,
    raster: &Raster<u16>,
) -> Result<Option<Bytes>, CodecError> {
    let side = stored.cube.pyramid().chunk();
    let whole = Shape {
        rows: side,
        cols: side,
    };
    if raster.shape == whole {
        return stored.values.encode(raster.data.clone(), &NODATA);
    }
    if raster.shape.rows > side || raster.shape.cols > side {
        return Err(CodecError::Data(format!(
            "{:?} is larger than a chunk of {side} x {side}",
            raster.shape
        )));
    }
    let mut padded = Raster::filled(whole, NODATA);
    for row in 0..raster.shape.rows {
        padded.row_mut(row)[..raster.shape.cols].copy_from_slice(raster.row(row));
    }
    stored.values.encode(padded.data, &NODATA)
}

/// Reads a whole chunk of a variable, padding and all; `None` if it holds no
/// data.
///
/// # Errors
/// What storage says, or if the chunk is damaged.
pub async fn read_chunk(
    from: &impl Read,
    stored: &StoredCube,
    level: Level,
    variable: &str,
    time: usize,
    chunk: ChunkIndex,
) -> Result<Option<Raster<u16>>, ZarrError> {
    let path = metadata::variable_path(level, variable);
    let index = [time, chunk.row, chunk.col];
    let Some(bytes) = from.chunk(&path, &index, Bytewise::All).await? else {
        return Ok(None);
    };
    let side = stored.cube.pyramid().chunk();
    let data = stored
        .values
        .decode(&bytes)
        .map_err(damaged(format!("chunk {index:?} of `{path}`")))?;
    let shape = Shape {
        rows: side,
        cols: side,
    };
    Ok(Some(Raster { shape, data }))
}

/// Sets cells of one level and time step in a transaction.
///
/// # Errors
/// What storage says, or if a block is damaged.
pub async fn patch_cells(
    transaction: &mut Transaction,
    stored: &StoredCube,
    level: Level,
    time: usize,
    cells: &[(ChunkIndex, Cell)],
) -> Result<(), ZarrError> {
    let path = metadata::coverage_path(level);
    let mut sorted = cells.to_vec();
    sorted.sort_by_key(|(chunk, _)| (coverage::block_of(*chunk), *chunk));
    for group in sorted.chunk_by(|a, b| coverage::block_of(a.0) == coverage::block_of(b.0)) {
        let block = coverage::block_of(group[0].0);
        let mut held: CellBlock = read_block(transaction, stored, level, time, block).await?;
        for (chunk, cell) in group {
            held.set(*chunk, *cell);
        }
        let encoded = stored
            .cells
            .encode(held.into_records(), &0)
            .map_err(damaged(&path))?;
        let index = [time, block.row, block.col, 0];
        let reference = match encoded {
            Some(bytes) => Some(transaction.upload(&path, &index, bytes).await?),
            None => None,
        };
        transaction.set_chunk(&path, &index, reference).await?;
    }
    Ok(())
}
