//! A file or a remote object, and how its bytes are read.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};

use super::FetchError;

/// A file or a remote object. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Object {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// Whether its server answers a request for the last bytes.
    pub(super) knows_suffixes: bool,
}

/// A whole object, if it is not the one that is known already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newest {
    /// It is as it was.
    Same,
    /// Its bytes, and what names this state of it if its server tells.
    Another(Bytes, Option<String>),
}

/// Bytes of an object.
#[derive(Clone, Debug)]
pub struct Part {
    /// The bytes, fewer than asked for if the object ends before.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub size: u64,
}

impl Object {
    /// Reads a byte range that begins within the object.
    pub async fn range(&self, range: Range<u64>) -> Result<Part, FetchError> {
        self.part(GetRange::Bounded(range)).await
    }

    /// Reads the last bytes of the object.
    pub async fn last(&self, bytes: u64) -> Result<Part, FetchError> {
        if self.knows_suffixes {
            return self.part(GetRange::Suffix(bytes)).await;
        }
        let options = GetOptions::default().with_head(true);
        let size = self.store.get_opts(&self.path, options).await?.meta.size;
        if size == 0 {
            // A range of nothing is refused.
            return Ok(Part {
                bytes: Bytes::new(),
                size,
            });
        }
        let range = size.saturating_sub(bytes)..size;
        self.part(GetRange::Bounded(range)).await
    }

    async fn part(&self, range: GetRange) -> Result<Part, FetchError> {
        let options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&self.path, options).await?;
        let size = result.meta.size;
        let length = result.range.end - result.range.start;
        let bytes = match result.payload {
            GetResultPayload::Stream(stream) => {
                collect(stream.map(|part| part.map_err(FetchError::from)), length).await?
            }
            GetResultPayload::File(..) => result.bytes().await?,
        };
        if (bytes.len() as u64) < length {
            return Err(FetchError::Connection("the answer breaks off".into()));
        }
        Ok(Part { bytes, size })
    }

    /// Reads the whole object if it has at most `limit` bytes.
    pub async fn all(&self, limit: u64) -> Result<Bytes, FetchError> {
        let (bytes, _) = self.whole(GetOptions::default(), limit).await?;
        Ok(bytes)
    }

    /// Reads the whole object unless it is still the one with this `ETag`.
    pub async fn newest(&self, known: Option<&str>, limit: u64) -> Result<Newest, FetchError> {
        let options = GetOptions {
            if_none_match: known.map(str::to_owned),
            ..GetOptions::default()
        };
        match self.whole(options, limit).await {
            Ok((bytes, e_tag)) => Ok(Newest::Another(bytes, e_tag)),
            Err(error) if known.is_some() && error.is_unmodified() => Ok(Newest::Same),
            Err(error) => Err(error),
        }
    }

    async fn whole(
        &self,
        options: GetOptions,
        limit: u64,
    ) -> Result<(Bytes, Option<String>), FetchError> {
        let result = self.store.get_opts(&self.path, options).await?;
        if result.meta.size > limit {
            return Err(FetchError::TooLarge { limit });
        }
        let e_tag = result.meta.e_tag.clone();
        let bytes = match result.payload {
            GetResultPayload::Stream(stream) => {
                collect(stream.map(|part| part.map_err(FetchError::from)), limit).await?
            }
            GetResultPayload::File(..) => result.bytes().await?,
        };
        Ok((bytes, e_tag))
    }
}

/// Joins the parts of an answer, whatever length it claims to have.
pub(super) async fn collect(
    parts: impl Stream<Item = Result<Bytes, FetchError>>,
    limit: u64,
) -> Result<Bytes, FetchError> {
    let mut parts = std::pin::pin!(parts);
    let mut bytes = BytesMut::new();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part?);
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { limit });
        }
    }
    Ok(bytes.freeze())
}
