//! Blocks of coverage cells.

use bytes::Bytes;

use super::{StoredCube, ZarrError, damaged};
use crate::{
    cube::{
        Cell,
        coverage::{BLOCK, FIELDS},
        metadata,
    },
    grid::{ChunkIndex, Level},
    repo::{Bytewise, Read},
};

/// [`BLOCK`] x [`BLOCK`] cells of one level and time step.
#[derive(Clone, Debug)]
pub struct CellBlock {
    records: Vec<u64>,
}

/// Which block of a level's cells a chunk's cell is in.
#[must_use]
pub fn block_of(chunk: ChunkIndex) -> ChunkIndex {
    ChunkIndex {
        row: chunk.row / BLOCK,
        col: chunk.col / BLOCK,
    }
}

impl CellBlock {
    pub(super) fn empty() -> Self {
        Self {
            records: vec![0; BLOCK * BLOCK * FIELDS.len()],
        }
    }

    pub(super) fn into_records(self) -> Vec<u64> {
        self.records
    }

    fn offset(chunk: ChunkIndex) -> usize {
        ((chunk.row % BLOCK) * BLOCK + chunk.col % BLOCK) * FIELDS.len()
    }

    /// The cell of a chunk of this block; a cell of a state that this program
    /// does not know counts as never built.
    #[must_use]
    pub fn get(&self, chunk: ChunkIndex) -> Cell {
        let at = Self::offset(chunk);
        self.records[at..]
            .first_chunk()
            .and_then(|record| Cell::from_record(*record))
            .unwrap_or_default()
    }

    pub(super) fn set(&mut self, chunk: ChunkIndex, cell: Cell) {
        let at = Self::offset(chunk);
        self.records[at..at + FIELDS.len()].copy_from_slice(&cell.to_record());
    }

    /// Bytes in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.records.len() * size_of::<u64>()
    }
}

/// Reads a block from a state or a transaction; all cells of a block that is
/// not stored were never built.
///
/// # Errors
/// What storage says, or if the block is damaged.
pub async fn read_block(
    from: &impl Read,
    stored: &StoredCube,
    level: Level,
    time: usize,
    block: ChunkIndex,
) -> Result<CellBlock, ZarrError> {
    let path = metadata::coverage_path(level);
    let index = [time, block.row, block.col, 0];
    let Some(bytes) = from.chunk(&path, &index, Bytewise::All).await? else {
        return Ok(CellBlock::empty());
    };
    let records = stored
        .cells
        .decode(&bytes)
        .map_err(damaged(format!("chunk {index:?} of `{path}`")))?;
    Ok(CellBlock { records })
}

/// A record of provenance as it is stored; `None` for none at all.
///
/// # Errors
/// If it cannot be encoded.
pub fn encode_provenance(stored: &StoredCube, text: String) -> Result<Option<Bytes>, ZarrError> {
    let encoded = stored.provenance.encode(vec![text], &String::new());
    encoded.map_err(damaged("a record of provenance"))
}

/// Reads what a full-resolution chunk is made of, or why it failed: the JSON
/// that its build wrote; `None` if there is none.
///
/// # Errors
/// What storage says, or if the record is damaged.
pub async fn read_provenance(
    from: &impl Read,
    stored: &StoredCube,
    time: usize,
    chunk: ChunkIndex,
) -> Result<Option<String>, ZarrError> {
    let path = metadata::provenance_path();
    let index = [time, chunk.row, chunk.col];
    let Some(bytes) = from.chunk(&path, &index, Bytewise::All).await? else {
        return Ok(None);
    };
    let texts: Vec<String> = stored
        .provenance
        .decode(&bytes)
        .map_err(damaged(format!("chunk {index:?} of `{path}`")))?;
    Ok(texts.into_iter().next().filter(|text| !text.is_empty()))
}

/// Reads the cell of one chunk.
///
/// # Errors
/// What storage says, or if the block is damaged.
pub async fn read_cell(
    from: &impl Read,
    stored: &StoredCube,
    level: Level,
    time: usize,
    chunk: ChunkIndex,
) -> Result<Cell, ZarrError> {
    let block = read_block(from, stored, level, time, block_of(chunk)).await?;
    Ok(block.get(chunk))
}
