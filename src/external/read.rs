//! Chunks of a variable: fetched, decoded on the CPU pool, kept.
//!
//! What is read and kept is a unit: an inner chunk where the array is sharded
//! and its index can be read by itself, else a chunk.

use std::{borrow::Cow, sync::Arc};

use super::{Element, External, ExternalError, Samples, Stored, chunk_keys::ChunkKeys};
use crate::{
    cache::Cache,
    compute::Compute,
    dataset::{Variable, VariableLevel},
    grid::{ChunkIndex, Shape},
    repo::Bytewise,
    zarr::{Codec, CodecError, ShardIndex},
};

/// What a cache entry takes beside its values.
const ENTRY_OVERHEAD: usize = 128;

/// An encoded chunk may be larger than the decoded one, by this and a half.
const ENCODED_SLACK: u64 = 64 * 1024;

/// An array that is open to be read.
#[derive(Clone, Debug)]
pub struct OpenArray {
    number: u32,
    keys: ChunkKeys,
    codec: Codec,
    stored: Stored,
    path: String,
    /// Length of a chunk, and of a unit, in each dimension.
    chunk: Vec<u64>,
    unit: Vec<u64>,
    x: usize,
    y: usize,
}

impl OpenArray {
    pub(super) fn new(
        number: u32,
        variable: &Variable,
        level: &VariableLevel,
        keys: ChunkKeys,
        codec: Codec,
    ) -> Self {
        let inner = level
            .inner_chunk
            .clone()
            .filter(|_| codec.index_len().is_some());
        Self {
            number,
            keys,
            stored: Stored::new(level),
            path: level.path.clone(),
            unit: inner.unwrap_or_else(|| level.chunk.clone()),
            chunk: level.chunk.clone(),
            codec,
            x: variable.x,
            y: variable.y,
        }
    }

    /// How its numbers are read.
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Rows and columns of a unit.
    #[must_use]
    pub fn unit_shape(&self) -> Shape {
        let side = |n: usize| usize::try_from(self.unit[n]).unwrap_or(usize::MAX);
        Shape {
            rows: side(self.y),
            cols: side(self.x),
        }
    }

    /// Bytes that a unit takes while it is decoded and as samples.
    #[must_use]
    pub fn unit_bytes(&self) -> u64 {
        let size = (self.stored.size() + self.stored.stored_size()) as u64;
        let elements = self
            .unit
            .iter()
            .fold(1_u64, |all, n| all.saturating_mul(*n));
        elements.saturating_mul(size)
    }

    /// Refuses units that take more than `limit` bytes.
    ///
    /// # Errors
    /// [`ExternalError::ChunkTooLarge`].
    pub fn check(&self, limit: u64) -> Result<(), ExternalError> {
        let bytes = self.unit_bytes();
        if bytes <= limit {
            return Ok(());
        }
        Err(ExternalError::ChunkTooLarge {
            array: self.path.clone(),
            bytes,
            limit,
        })
    }

    /// The unit that holds cells of a plane: `others` are the indices along the
    /// dimensions other than x and y, in order.
    #[must_use]
    pub fn unit(&self, others: &[usize], place: ChunkIndex) -> Unit {
        let mut others = others.iter();
        let (mut at, mut within) = (Vec::new(), Vec::new());
        for (n, side) in self.unit.iter().enumerate() {
            let (unit, inside) = if n == self.y {
                (place.row as u64, 0)
            } else if n == self.x {
                (place.col as u64, 0)
            } else {
                let index = others.next().map_or(0, |index| *index as u64);
                (index / side, index % side)
            };
            at.push(unit);
            within.push(inside);
        }
        Unit { at, within }
    }

    /// The plane of a unit's samples that [`OpenArray::unit`] found it for, row
    /// by row.
    #[must_use]
    pub fn plane<'a, T: Element>(&self, samples: &'a Samples, unit: &Unit) -> Plane<'a, T> {
        let samples = T::of(samples).unwrap_or_default();
        let mut strides = vec![1_usize; self.unit.len()];
        for n in (1..self.unit.len()).rev() {
            let side = usize::try_from(self.unit[n]).unwrap_or(usize::MAX);
            strides[n - 1] = strides[n].saturating_mul(side);
        }
        let offset: usize = std::iter::zip(&unit.within, &strides)
            .map(|(n, stride)| usize::try_from(*n).unwrap_or(usize::MAX) * stride)
            .sum();
        let Shape { rows, cols } = self.unit_shape();
        let (down, across) = (strides[self.y], strides[self.x]);
        if across == 1 && down == cols {
            return Cow::Borrowed(&samples[offset..offset + rows * cols]);
        }
        let cells =
            (0..rows).flat_map(|row| (0..cols).map(move |col| offset + row * down + col * across));
        Cow::Owned(cells.map(|n| samples[n]).collect())
    }
}

/// Samples of a plane, row by row.
pub type Plane<'a, T> = Cow<'a, [T]>;

/// A unit of an array, and the plane of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its place among units, in each dimension.
    at: Vec<u64>,
    /// Where the plane is in it; 0 along x and y.
    within: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    set: u32,
    version: Arc<str>,
    array: u32,
    at: Vec<u64>,
}

/// Reads units, through caches that all data sets share. Clones share them.
#[derive(Clone, Debug)]
pub struct ChunkReader {
    units: Cache<Key, Option<Arc<Samples>>>,
    indexes: Cache<Key, Option<Arc<ShardIndex>>>,
    compute: Compute,
}

impl ChunkReader {
    /// A reader with empty caches of so many bytes for samples and for shard
    /// indexes, that decodes on `compute`.
    #[must_use]
    pub fn new(samples: u64, indexes: u64, compute: Compute) -> Self {
        Self {
            units: Cache::new(samples, |unit| {
                ENTRY_OVERHEAD + unit.as_ref().map_or(0, |samples| samples.bytes())
            }),
            indexes: Cache::new(indexes, |index| {
                ENTRY_OVERHEAD + index.as_ref().map_or(0, |index| index.len() * 24)
            }),
            compute,
        }
    }

    /// The samples of a unit; `None` where it is not stored and all is
    /// [`Stored::fill`]. Kept; `set` tells data sets apart.
    ///
    /// # Errors
    /// If it cannot be read or is damaged: never an empty unit.
    pub async fn unit(
        &self,
        set: u32,
        external: &External,
        array: &OpenArray,
        unit: &Unit,
    ) -> Result<Option<Arc<Samples>>, ExternalError> {
        let key = key(set, external, array, unit.at.clone());
        let read = async {
            let samples = self.read(set, external, array, unit).await?;
            Ok(samples.map(Arc::new))
        };
        self.units
            .get_or_compute(key, read)
            .await
            .map_err(ExternalError::Shared)
    }

    /// The same, not kept: for what is read once and is more than a cache
    /// holds.
    ///
    /// # Errors
    /// As [`ChunkReader::unit`].
    pub async fn read(
        &self,
        set: u32,
        external: &External,
        array: &OpenArray,
        unit: &Unit,
    ) -> Result<Option<Samples>, ExternalError> {
        let limit = array.unit_bytes().saturating_mul(3) / 2 + ENCODED_SLACK;
        let is_inner = array.codec.index_len().is_some();
        let bytes = if is_inner {
            let (chunk, position) = array.inner_place(&unit.at);
            let Some(index) = self.index(set, external, array, &chunk).await? else {
                return Ok(None);
            };
            let Some(range) = index.get(position) else {
                return Ok(None);
            };
            if range.end - range.start > limit {
                return Err(array.damaged(
                    unit,
                    CodecError::Data(format!(
                        "the shard's index says that it has {} bytes",
                        range.end - range.start
                    )),
                ));
            }
            // The index has just said that it is there.
            external
                .store
                .chunk(&array.keys, &chunk, Bytewise::Range(range), limit)
                .await?
                .unwrap_or_default()
        } else {
            let found = external
                .store
                .chunk(&array.keys, &unit.at, Bytewise::All, limit)
                .await?;
            let Some(bytes) = found else { return Ok(None) };
            bytes
        };
        let expected = array
            .unit
            .iter()
            .fold(array.stored.stored_size() as u64, |all, n| {
                all.saturating_mul(*n)
            });
        let own = array.clone();
        let decoded = self
            .compute
            .run(move || {
                let raw = if is_inner {
                    own.codec.decode_inner_raw(&bytes)
                } else {
                    own.codec.decode_raw(&bytes)
                }?;
                let fits = raw.len() as u64 == expected;
                Ok((fits, raw.len(), own.stored.decode(&raw)))
            })
            .await?;
        let (fits, found, samples) = decoded.map_err(|error| array.damaged(unit, error))?;
        if !fits {
            return Err(ExternalError::Length {
                what: array.told(unit),
                found,
                expected: usize::try_from(expected).unwrap_or(usize::MAX),
            });
        }
        Ok(Some(samples))
    }

    async fn index(
        &self,
        set: u32,
        external: &External,
        array: &OpenArray,
        chunk: &[u64],
    ) -> Result<Option<Arc<ShardIndex>>, ExternalError> {
        let read = async {
            let len = array.codec.index_len().unwrap_or_default();
            let found = external
                .store
                .chunk(&array.keys, chunk, Bytewise::Last(len), len)
                .await?;
            let Some(bytes) = found else { return Ok(None) };
            let index = array.codec.shard_index(&bytes);
            index
                .map(|index| Some(Arc::new(index)))
                .map_err(|source| ExternalError::Codec {
                    what: format!("shard {chunk:?} of `{}`", array.path),
                    source,
                })
        };
        self.indexes
            .get_or_compute(key(set, external, array, chunk.to_vec()), read)
            .await
            .map_err(ExternalError::Shared)
    }
}

fn key(set: u32, external: &External, array: &OpenArray, at: Vec<u64>) -> Key {
    Key {
        set,
        version: Arc::clone(&external.version),
        array: array.number,
        at,
    }
}

impl OpenArray {
    /// The shard that an inner chunk is in, and its place there in C order.
    fn inner_place(&self, at: &[u64]) -> (Vec<u64>, usize) {
        let mut position = 0_u64;
        let mut shard = Vec::with_capacity(at.len());
        for (n, at) in at.iter().enumerate() {
            let per_shard = (self.chunk[n] / self.unit[n]).max(1);
            shard.push(at / per_shard);
            position = position * per_shard + at % per_shard;
        }
        (shard, usize::try_from(position).unwrap_or(usize::MAX))
    }

    fn told(&self, unit: &Unit) -> String {
        format!("chunk {:?} of `{}`", unit.at, self.path)
    }

    fn damaged(&self, unit: &Unit, source: CodecError) -> ExternalError {
        ExternalError::Codec {
            what: self.told(unit),
            source,
        }
    }
}
