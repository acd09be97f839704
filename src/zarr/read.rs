//! Windows of variables for the tile flow: the inner chunks that a window
//! touches, fetched at the same time, decoded on the CPU pool and kept.

use std::{ops::Range, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{ShardIndex, StoredCube, ZarrError, coverage, damaged, read_block};
use crate::{
    cache::Cache,
    compute::Compute,
    cube::{Cell, NODATA, metadata},
    grid::{ChunkGrid, ChunkIndex, Level, Shape, Window},
    raster::{Mosaic, Raster},
    repo::{Bytewise, Read as _, Revision},
    zarr::CellBlock,
};

/// Reads of one window under way at once. A window of a tile touches four
/// inner chunks a variable at most, as a rule.
const CONCURRENT_READS: usize = 16;

/// A chunk's place, and the content that is there: the stamp changes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ChunkKey {
    cube: u32,
    level: Level,
    variable: usize,
    time: usize,
    chunk: ChunkIndex,
    stamp: u64,
}

/// A shard as it is stored in a state: equal values may be in other bytes, by
/// another version of the compressor for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ShardKey {
    chunk: ChunkKey,
    revision: Revision,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BlockKey {
    cube: u32,
    revision: Revision,
    level: Level,
    time: usize,
    block: ChunkIndex,
}

/// Reads windows, through caches that all cubes share. Clones share them.
#[derive(Clone, Debug)]
pub struct Reader {
    inner_chunks: Cache<(ChunkKey, usize), Option<Arc<Vec<u16>>>>,
    indexes: Cache<ShardKey, Option<Arc<ShardIndex>>>,
    blocks: Cache<BlockKey, Arc<CellBlock>>,
    compute: Compute,
}

/// An inner chunk of at most this side is decoded in some tenths of a
/// millisecond.
const SHORT_SIDE: usize = 384;

/// What a cache entry without a value still takes.
const ENTRY_OVERHEAD: usize = 64;

impl Reader {
    /// A reader with empty caches that take so many bytes of decoded chunks, and
    /// of shard indexes and coverage. It decodes on `compute`.
    #[must_use]
    pub fn new(chunks: u64, metadata: u64, compute: Compute) -> Self {
        Self {
            inner_chunks: Cache::new(chunks, |chunk| {
                ENTRY_OVERHEAD + chunk.as_ref().map_or(0, |v| v.len() * size_of::<u16>())
            }),
            indexes: Cache::new(metadata / 2, |index| {
                let entry = size_of::<Option<Range<u64>>>();
                ENTRY_OVERHEAD + index.as_ref().map_or(0, |i| i.len() * entry)
            }),
            blocks: Cache::new(metadata / 2, |block| ENTRY_OVERHEAD + block.weight()),
            compute,
        }
    }

    /// The coverage cells of the chunks that a window of a level touches, row
    /// by row. `cube` tells cubes apart in the caches.
    ///
    /// # Errors
    /// What storage says, or if a block is damaged.
    pub async fn cells(
        &self,
        cube: u32,
        stored: &StoredCube,
        level: Level,
        time: usize,
        window: Window,
    ) -> Result<Vec<(ChunkIndex, Cell)>, ZarrError> {
        let mut cells = Vec::new();
        let mut last: Option<(ChunkIndex, Arc<CellBlock>)> = None;
        for chunk in stored.cube.pyramid().chunks(level).chunks_of(window) {
            let block = coverage::block_of(chunk);
            let held = match &last {
                Some((at, held)) if *at == block => Arc::clone(held),
                _ => {
                    let key = BlockKey {
                        cube,
                        revision: stored.snapshot.revision().clone(),
                        level,
                        time,
                        block,
                    };
                    let read = async {
                        read_block(&stored.snapshot, stored, level, time, block)
                            .await
                            .map(Arc::new)
                    };
                    self.blocks
                        .get_or_compute(key, read)
                        .await
                        .map_err(ZarrError::Shared)?
                }
            };
            cells.push((chunk, held.get(chunk)));
            last = Some((block, held));
        }
        Ok(cells)
    }

    /// The decoded inner chunks of one variable that a window touches, of those
    /// chunks that `cells` (of the same window) says hold data.
    ///
    /// # Errors
    /// What storage says, or if a chunk is damaged: never an empty window.
    #[expect(
        clippy::too_many_arguments,
        reason = "a place in a cube has this many parts"
    )]
    pub async fn chunks(
        &self,
        cube: u32,
        stored: &StoredCube,
        level: Level,
        variable: usize,
        time: usize,
        window: Window,
        cells: &[(ChunkIndex, Cell)],
    ) -> Result<HeldChunks, ZarrError> {
        let inner = stored.cube.inner_chunk();
        let per_side = stored.cube.pyramid().chunk() / inner;
        let mut held = HeldChunks::none(inner, window);
        let grid = ChunkGrid {
            shape: stored.cube.pyramid().grid(level).shape,
            chunk: inner,
        };
        let wanted = grid.chunks_of(window).filter_map(|at| {
            let chunk = ChunkIndex {
                row: at.row / per_side,
                col: at.col / per_side,
            };
            let (_, cell) = cells.iter().find(|(index, _)| *index == chunk)?;
            let position = (at.row % per_side) * per_side + at.col % per_side;
            let key = ChunkKey {
                cube,
                level,
                variable,
                time,
                chunk,
                stamp: cell.stamp,
            };
            // A chunk without a stamp holds no data.
            (cell.stamp != 0).then_some((at, key, position))
        });
        let mut reads = stream::iter(wanted.collect::<Vec<_>>())
            .map(|(at, key, position)| async move {
                // Boxed: the future that reads storage is large.
                let values = Box::pin(self.inner_chunk(stored, key, position)).await?;
                Ok::<_, ZarrError>((at, values))
            })
            .buffer_unordered(CONCURRENT_READS);
        while let Some((at, values)) = reads.try_next().await? {
            held.set(at, values);
        }
        Ok(held)
    }

    async fn inner_chunk(
        &self,
        stored: &StoredCube,
        key: ChunkKey,
        position: usize,
    ) -> Result<Option<Arc<Vec<u16>>>, ZarrError> {
        let read = async {
            let Some(range) = self
                .index(stored, key)
                .await?
                .and_then(|index| index.get(position))
            else {
                return Ok(None);
            };
            let (path, index) = place(stored, key);
            let what = format!("inner chunk {position} of chunk {index:?} of `{path}`");
            let bytes = stored
                .snapshot
                .chunk(&path, &index, Bytewise::Range(range))
                .await?
                .unwrap_or_default();
            let codec = stored.values.clone();
            let is_short = stored.cube.inner_chunk() <= SHORT_SIDE;
            let values = self
                .compute
                .run_by_length(is_short, move || codec.decode_inner::<u16>(&bytes))
                .await?
                .map_err(damaged(what))?;
            Ok(Some(Arc::new(values)))
        };
        self.inner_chunks
            .get_or_compute((key, position), read)
            .await
            .map_err(ZarrError::Shared)
    }

    async fn index(
        &self,
        stored: &StoredCube,
        key: ChunkKey,
    ) -> Result<Option<Arc<ShardIndex>>, ZarrError> {
        let read = async {
            let (path, index) = place(stored, key);
            let tail = Bytewise::Last(stored.values.index_len().unwrap_or_default());
            let Some(bytes) = stored.snapshot.chunk(&path, &index, tail).await? else {
                return Ok(None);
            };
            let index = stored
                .values
                .shard_index(&bytes)
                .map_err(damaged(format!("chunk {index:?} of `{path}`")))?;
            Ok(Some(Arc::new(index)))
        };
        let shard = ShardKey {
            chunk: key,
            revision: stored.snapshot.revision().clone(),
        };
        self.indexes
            .get_or_compute(shard, read)
            .await
            .map_err(ZarrError::Shared)
    }
}

/// Decoded inner chunks side by side, around a window. They are whole, also
/// where they reach beyond the level. Clones share them.
#[derive(Clone, Debug)]
pub struct HeldChunks {
    inner: usize,
    first: ChunkIndex,
    count: Shape,
    /// Row by row; none where there is no data.
    chunks: Vec<Option<Arc<Vec<u16>>>>,
}

impl HeldChunks {
    fn none(inner: usize, window: Window) -> Self {
        let first = ChunkIndex {
            row: window.row / inner,
            col: window.col / inner,
        };
        let count = Shape {
            rows: window.row_end().div_ceil(inner) - first.row,
            cols: window.col_end().div_ceil(inner) - first.col,
        };
        Self {
            inner,
            first,
            count,
            chunks: vec![None; count.rows * count.cols],
        }
    }

    fn set(&mut self, at: ChunkIndex, values: Option<Arc<Vec<u16>>>) {
        let (row, col) = (at.row - self.first.row, at.col - self.first.col);
        self.chunks[row * self.count.cols + col] = values;
    }

    /// All of them as one raster that is read without being copied; nodata
    /// where there is nothing.
    #[must_use]
    pub fn mosaic(&self) -> Mosaic<'_, u16> {
        let chunk = Shape {
            rows: self.inner,
            cols: self.inner,
        };
        let chunks = self.chunks.iter();
        let chunks = chunks.map(|chunk| chunk.as_ref().map(|values| &values[..]));
        let chunks = chunks.collect();
        Mosaic::new(chunk, self.first, self.count, chunks, NODATA)
    }

    /// A copy of the window, which lies in them; nodata where there is nothing.
    #[must_use]
    pub fn window(&self, window: Window) -> Raster<u16> {
        let shape = Shape {
            rows: window.rows,
            cols: window.cols,
        };
        let mut out = Raster::filled(shape, NODATA);
        let mosaic = self.mosaic();
        for row in 0..window.rows {
            let cols = window.col..window.col_end();
            for (start, values) in mosaic.stored_parts(window.row + row, &cols) {
                let at = start - window.col;
                out.row_mut(row)[at..at + values.len()].copy_from_slice(values);
            }
        }
        out
    }
}

fn place(stored: &StoredCube, key: ChunkKey) -> (String, [usize; 3]) {
    let variable = stored
        .cube
        .variables()
        .nth(key.variable)
        .unwrap_or_default();
    (
        metadata::variable_path(key.level, variable),
        [key.time, key.chunk.row, key.chunk.col],
    )
}
