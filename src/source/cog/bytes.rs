//! A file's bytes as the TIFF reader asks for them: the directories in blocks
//! that are kept, up to a bound, and tiles in merged ranges.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use async_tiff::error::{AsyncTiffError, AsyncTiffResult};
use async_tiff::metadata::MetadataFetch;
use async_tiff::reader::AsyncFileReader;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use tokio::sync::Mutex;

use super::CogError;
use crate::source::retry::{Exhausted, RetryPolicy};
use crate::storage::{Object, Part};

/// An object that is read with patience.
#[derive(Clone, Debug)]
pub(in crate::source) struct ByteReader {
    pub(in crate::source) object: Object,
    pub(in crate::source) retry: RetryPolicy,
    /// Ranges at most this many bytes apart are read in one request.
    pub(in crate::source) gap: u64,
}

impl ByteReader {
    async fn range(&self, range: Range<u64>) -> Result<Part, CogError> {
        self.retry
            .run(|| self.object.range(range.clone()))
            .await
            .map_err(|Exhausted { attempts, error }| CogError::Fetch {
                attempts,
                source: error,
            })
    }
}

type TiffFuture<'f, T> = Pin<Box<dyn Future<Output = AsyncTiffResult<T>> + Send + 'f>>;

/// Our error through the TIFF reader's; [`CogError::from`] takes it out.
fn external(error: CogError) -> AsyncTiffError {
    AsyncTiffError::External(Box::new(error))
}

// The signatures are written out as `#[async_trait]` would.
impl AsyncFileReader for ByteReader {
    fn get_bytes<'a, 'f>(&'a self, range: Range<u64>) -> TiffFuture<'f, Bytes>
    where
        'a: 'f,
        Self: 'f,
    {
        async move { Ok(self.range(range).await.map_err(external)?.bytes) }.boxed()
    }

    fn get_byte_ranges<'a, 'f>(&'a self, ranges: Vec<Range<u64>>) -> TiffFuture<'f, Vec<Bytes>>
    where
        'a: 'f,
        Self: 'f,
    {
        async move {
            let read = |range: Range<u64>| async move {
                let part = self.range(range.clone()).await?;
                if part.bytes.len() as u64 == range.end - range.start {
                    Ok(part.bytes)
                } else {
                    Err(CogError::Truncated {
                        end: range.end,
                        size: part.size,
                    })
                }
            };
            object_store::coalesce_ranges(&ranges, read, self.gap)
                .await
                .map_err(external)
        }
        .boxed()
    }
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
