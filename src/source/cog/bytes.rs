//! A file's bytes as the TIFF reader asks for them: the directories in blocks
//! that are kept, up to a bound, and tiles in merged ranges.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use async_tiff::error::{AsyncTiffError, AsyncTiffResult};
use async_tiff::metadata::MetadataFetch;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use tokio::sync::Mutex;

use super::CogError;
use crate::source::Traffic;
use crate::source::retry::{Exhausted, RetryPolicy};
use crate::storage::{Object, Part};

/// An object that is read with patience.
#[derive(Clone, Debug)]
pub(in crate::source) struct ByteReader {
    pub(in crate::source) object: Object,
    pub(in crate::source) retry: RetryPolicy,
    /// Ranges at most this many bytes apart are read in one request.
    pub(in crate::source) gap: u64,
    pub(in crate::source) traffic: Arc<Traffic>,
}

impl ByteReader {
    /// The bytes of a range, fewer if the file ends before.
    async fn range(&self, range: Range<u64>) -> Result<Part, CogError> {
        let attempt = || {
            self.traffic.asked();
            self.object.range(range.clone())
        };
        let part = self
            .retry
            .run(attempt)
            .await
            .map_err(|Exhausted { attempts, error }| CogError::Fetch {
                attempts,
                source: error,
            })?;
        self.traffic.came(part.bytes.len());
        Ok(part)
    }

    /// Exactly the bytes of some ranges, in as few requests as is worth it.
    pub(super) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, CogError> {
        let merged = merge(ranges, self.gap);
        let read = |range: Range<u64>| async move {
            let part = self.range(range.clone()).await?;
            if part.bytes.len() as u64 == range.end - range.start {
                Ok((range.start, part.bytes))
            } else {
                Err(CogError::Truncated {
                    end: range.end,
                    size: part.size,
                })
            }
        };
        let parts = futures::future::try_join_all(merged.into_iter().map(read)).await?;
        let cut = |range: &Range<u64>| {
            let after = parts.partition_point(|(start, _)| *start <= range.start);
            let (start, bytes) = &parts[after - 1];
            let within = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
            bytes.slice(within(range.start)..within(range.end))
        };
        Ok(ranges.iter().map(cut).collect())
    }
}

/// Bytes that nobody asked for may be read to save requests, up to one in so
/// many of those that somebody did.
const WASTE: u64 = 12;

/// Joins ranges that are close to each other: those with a gap of at most
/// `gap` bytes, and then those with the smallest gaps while all of what is
/// read in vain stays small. Sorted, and none overlaps another.
fn merge(ranges: &[Range<u64>], gap: u64) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut allowed: u64 = sorted.iter().map(|r| r.end - r.start).sum::<u64>() / WASTE;
    let parts = joined(sorted, gap);
    let gaps = parts.windows(2).map(|pair| pair[1].start - pair[0].end);
    let mut gaps: Vec<u64> = gaps.collect();
    gaps.sort_unstable();
    let mut bridged = gap;
    // Those of one length are bridged together or not at all.
    for equal in gaps.chunk_by(|a, b| a == b) {
        let bytes: u64 = equal.iter().sum();
        if bytes > allowed {
            break;
        }
        allowed -= bytes;
        bridged = equal[0];
    }
    joined(parts, bridged)
}

/// Ranges in order, with those joined that lie at most so far apart.
fn joined(sorted: Vec<Range<u64>>, gap: u64) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            Some(_) | None => joined.push(range),
        }
    }
    joined
}

type TiffFuture<'f, T> = Pin<Box<dyn Future<Output = AsyncTiffResult<T>> + Send + 'f>>;

/// Our error through the TIFF reader's; [`CogError::from`] takes it out.
fn external(error: CogError) -> AsyncTiffError {
    AsyncTiffError::External(Box::new(error))
}

/// The most bytes that the directories of a file may have: enough for a
/// million tiles, too little to fill a memory.
pub(super) const MOST_HEADER: u64 = 16 << 20;

/// Bytes that are read at once for directories. A COG has them all at its
/// beginning, most often within this.
const BLOCK: u64 = 32 << 10;

/// Reads the directories of a file, wherever in it they are.
#[derive(Debug)]
pub(super) struct HeaderReader {
    reader: ByteReader,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: BTreeMap<u64, Bytes>,
    /// The file's size, known after the first read.
    size: Option<u64>,
    bytes: u64,
}

impl HeaderReader {
    pub(super) fn new(reader: ByteReader) -> Self {
        Self {
            reader,
            kept: Mutex::default(),
        }
    }

    /// The file's size, if anything was read.
    pub(super) async fn size(&self) -> Option<u64> {
        self.kept.lock().await.size
    }

    /// Exactly the bytes of `range`.
    pub(super) async fn bytes(&self, range: Range<u64>) -> Result<Bytes, CogError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let length = range.end - range.start;
        let mut kept = self.kept.lock().await;
        if let Some(size) = kept.size
            && range.end > size
        {
            return Err(CogError::Truncated {
                end: range.end,
                size,
            });
        }
        let wanted = range.start / BLOCK..(range.end - 1) / BLOCK + 1;
        let missing = |kept: &Kept| {
            let mut missing = wanted.clone().filter(|i| !kept.blocks.contains_key(i));
            let first = missing.next()?;
            Some(first..missing.next_back().unwrap_or(first) + 1)
        };
        if let Some(missing) = missing(&kept) {
            kept.bytes += (missing.end - missing.start) * BLOCK;
            if length > MOST_HEADER || kept.bytes > MOST_HEADER {
                return Err(CogError::TooLarge {
                    what: "directory".to_owned(),
                    bytes: kept.bytes.max(length),
                    limit: MOST_HEADER,
                });
            }
            let start = missing.start * BLOCK;
            let part = self.reader.range(start..missing.end * BLOCK).await?;
            kept.size = Some(part.size);
            for (index, at) in missing.zip((0..).step_by(usize::try_from(BLOCK).unwrap_or(1))) {
                if at >= part.bytes.len() {
                    break;
                }
                let end = part
                    .bytes
                    .len()
                    .min(at + usize::try_from(BLOCK).unwrap_or(1));
                kept.blocks.insert(index, part.bytes.slice(at..end));
            }
        }
        kept.cut(range)
    }
}

impl Kept {
    /// The bytes of a range whose blocks were read.
    fn cut(&self, range: Range<u64>) -> Result<Bytes, CogError> {
        let mut bytes = BytesMut::new();
        let mut at = range.start;
        while at < range.end {
            let index = at / BLOCK;
            let block_end = range.end.min((index + 1) * BLOCK) - index * BLOCK;
            let offsets = usize::try_from(at % BLOCK)
                .ok()
                .zip(usize::try_from(block_end).ok());
            let slice = self
                .blocks
                .get(&index)
                .zip(offsets)
                .filter(|(block, (_, end))| *end <= block.len())
                .map(|(block, (start, end))| block.slice(start..end))
                .ok_or(CogError::Truncated {
                    end: range.end,
                    size: self.size.unwrap_or_default(),
                })?;
            at += slice.len() as u64;
            if bytes.is_empty() && at == range.end {
                return Ok(slice);
            }
            bytes.extend_from_slice(&slice);
        }
        Ok(bytes.freeze())
    }
}

impl MetadataFetch for HeaderReader {
    fn fetch<'a, 'f>(&'a self, range: Range<u64>) -> TiffFuture<'f, Bytes>
    where
        'a: 'f,
        Self: 'f,
    {
        async move { self.bytes(range).await.map_err(external) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merged_ranges_hold_all_that_was_asked_for_and_little_else(
            starts in prop::collection::vec((0_u64..100_000, 1_u64..2_000), 1..30), gap in 0_u64..50,
        ) {
            let ranges: Vec<_> = starts.iter().map(|(start, length)| *start..start + length).collect();
            let merged = merge(&ranges, gap);
            for range in &ranges {
                prop_assert!(merged.iter().any(|m| m.start <= range.start && range.end <= m.end));
            }
            prop_assert!(merged.windows(2).all(|pair| pair[0].end + gap < pair[1].start));
            let length = |ranges: &[Range<u64>]| ranges.iter().map(|r| r.end - r.start).sum::<u64>();
            let small_gaps = gap * ranges.len() as u64;
            prop_assert!(length(&merged) <= length(&ranges) * (WASTE + 1) / WASTE + small_gaps);
        }
    }

    #[test]
    fn a_gap_is_bridged_if_it_is_small_or_little_beside_what_is_read() {
        let merged = |ranges: &[Range<u64>]| -> Vec<(u64, u64)> {
            let merged = merge(ranges, 10).into_iter();
            merged.map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(merged(&[0..100, 110..200]), [(0, 200)]);
        assert_eq!(merged(&[0..100, 120..130]), [(0, 100), (120, 130)]);
        assert_eq!(merged(&[0..1000, 1020..2000]), [(0, 2000)]);
        assert_eq!(merged(&[50..60, 0..10]), [(0, 10), (50, 60)]);
        // Of equal gaps all or none: of these two only one would be little enough.
        let apart = [0..300, 340..640, 680..980];
        assert_eq!(merged(&apart), [(0, 300), (340, 640), (680, 980)]);
        // A gap is between what lies together, however that is cut into ranges.
        let across = [0..1000, 10..20, 1050..1060];
        assert_eq!(merged(&across), [(0, 1060)]);
    }
}
