//! Reading a state, uploading chunks beside it, and changing it.

use std::{ops::Range, path::Path as FsPath, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use icechunk::{
    format::{
        ByteRange, ChunkIndices, Path,
        manifest::{ChunkPayload, ChunkRef as StoredRef},
        snapshot::{ArrayShape, DimensionName, NodeData},
    },
    repository::RepositoryErrorKind,
    session::{Session, SessionErrorKind},
};
use serde_json::Value;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::{RepoError, Revision, size::Uploaded, storage};
use crate::storage::read_local;

/// A chunk that was uploaded, to be referenced by a transaction.
#[derive(Clone, Debug)]
pub struct ChunkRef(ChunkPayload);

/// What is known of a stored chunk before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its name: another chunk has another, and so has what replaces it. Letters and
    /// digits.
    pub tag: String,
    /// Bytes.
    pub length: u64,
}

/// Which bytes of a chunk.
#[derive(Clone, Debug)]
pub enum Bytewise {
    /// All of them.
    All,
    /// The last so many.
    Last(u64),
    /// A range of offsets.
    Range(Range<u64>),
}

impl Bytewise {
    fn to_icechunk(&self) -> ByteRange {
        match self {
            Self::All => ByteRange::ALL,
            Self::Last(n) => ByteRange::Last(*n),
            Self::Range(range) => ByteRange::Bounded(range.clone()),
        }
    }

    /// Where in its file they are; never beyond the chunk's own part of it.
    fn within(&self, chunk: &StoredRef) -> Range<u64> {
        let Range { start, end } = match self {
            Self::All => 0..chunk.length,
            Self::Last(n) => chunk.length.saturating_sub(*n)..chunk.length,
            Self::Range(range) => range.clone(),
        };
        let offset = |at: u64| chunk.offset + at.min(chunk.length);
        offset(start)..offset(end)
    }
}

/// A committed state to read from, and to upload chunks beside. Clones share
/// it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    session: Arc<Session>,
    revision: Revision,
    folder: Option<Arc<FsPath>>,
    uploaded: Arc<Uploaded>,
}

impl Snapshot {
    pub(super) fn new(
        session: Session,
        folder: Option<Arc<FsPath>>,
        uploaded: Arc<Uploaded>,
    ) -> Self {
        Self {
            uploaded,
            revision: Revision(session.snapshot_id().to_string()),
            session: Arc::new(session),
            folder,
        }
    }

    /// Which state this is.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The `zarr.json` of every group and array, by path; "" is the root.
    ///
    /// # Errors
    /// What storage says.
    pub async fn documents(&self) -> Result<Vec<(String, Bytes)>, RepoError> {
        let failed = |error| storage("list the groups and arrays", error);
        let nodes = self
            .session
            .list_nodes(&Path::root())
            .await
            .map_err(failed)?;
        nodes
            .map(|node| {
                let node = node.map_err(failed)?;
                let path = node.path.to_string();
                Ok((path.trim_matches('/').to_owned(), node.user_data))
            })
            .collect()
    }

    /// Where an array has stored chunks, in no order.
    ///
    /// # Errors
    /// [`RepoError::NoNode`] if there is no such array, or what storage says, then or
    /// while the stream goes on.
    pub async fn stored_indexes(
        &self,
        array: &str,
    ) -> Result<impl Stream<Item = Result<Vec<usize>, RepoError>>, RepoError> {
        let path = node_path(array)?;
        self.node(array).await?;
        let chunks = self.session.array_chunk_iterator(&path).await;
        Ok(chunks.map(move |chunk| {
            let chunk = chunk.map_err(|e| storage(format!("list the chunks of `{array}`"), e))?;
            Ok(chunk.coord.0.iter().map(|&at| at as usize).collect())
        }))
    }

    /// Uploads an encoded chunk for some array. It is seen by nobody until a
    /// transaction refers to it; if none ever does, garbage collection drops it.
    ///
    /// # Errors
    /// What storage says, a full disk for one.
    pub async fn upload(
        &self,
        array: &str,
        index: &[usize],
        data: Bytes,
    ) -> Result<ChunkRef, RepoError> {
        self.uploaded.add(data.len());
        upload(&self.session, array, index, data).await
    }
}

/// Reading nodes and chunks, of a committed state or of a transaction with
/// its own changes.
pub trait Read: Send + Sync {
    /// The session behind it.
    #[doc(hidden)]
    fn session(&self) -> &Session;

    /// The folder with the chunks of a local repository.
    #[doc(hidden)]
    fn folder(&self) -> Option<&FsPath> {
        None
    }

    /// The `zarr.json` of a group or array.
    ///
    /// # Errors
    /// [`RepoError::NoNode`], or what storage says.
    fn node(&self, path: &str) -> impl Future<Output = Result<Bytes, RepoError>> + Send {
        async move {
            match self.session().get_node(&node_path(path)?).await {
                Ok(node) => Ok(node.user_data),
                Err(error) if matches!(error.kind(), SessionErrorKind::NodeNotFound { .. }) => {
                    Err(RepoError::NoNode(path.to_owned()))
                }
                Err(error) => Err(storage(format!("read the metadata of `{path}`"), error)),
            }
        }
    }

    /// What is known of a chunk; `None` if it is not stored, or the array has no such.
    ///
    /// # Errors
    /// [`RepoError::NoNode`] if there is no such array, or what storage says.
    fn stored_chunk(
        &self,
        array: &str,
        index: &[usize],
    ) -> impl Future<Output = Result<Option<StoredChunk>, RepoError>> + Send {
        async move {
            let action = || format!("look for chunk {index:?} of `{array}`");
            let (path, indices) = (node_path(array)?, indices(index)?);
            let node = match self.session().get_array(&path).await {
                Ok(node) => node,
                Err(error)
                    if matches!(
                        error.kind(),
                        SessionErrorKind::NodeNotFound { .. } | SessionErrorKind::NotAnArray { .. }
                    ) =>
                {
                    return Err(RepoError::NoNode(array.to_owned()));
                }
                Err(error) => return Err(storage(action(), error)),
            };
            let has_dimensions = |count| match &node.node_data {
                NodeData::Array { shape, .. } => shape.num_chunks().count() == count,
                NodeData::Group => false,
            };
            // Icechunk compares only as many dimensions as both have.
            if !has_dimensions(index.len()) {
                return Ok(None);
            }
            let payload = self.session().get_chunk_ref(&path, &indices).await;
            let payload = payload.map_err(|e| storage(action(), e))?;
            Ok(payload.map(|payload| StoredChunk {
                length: payload.length(),
                tag: if let ChunkPayload::Ref(at) = &payload {
                    at.id.to_string()
                } else {
                    // A small one is in the manifest, without a name.
                    format!("{:032x}", xxh3_128(format!("{payload:?}").as_bytes()))
                },
            }))
        }
    }

    /// Bytes of an encoded chunk; `None` if the chunk is not stored.
    ///
    /// # Errors
    /// What storage says.
    fn chunk(
        &self,
        array: &str,
        index: &[usize],
        bytes: Bytewise,
    ) -> impl Future<Output = Result<Option<Bytes>, RepoError>> + Send {
        async move {
            let action = || format!("read chunk {index:?} of `{array}`");
            let (path, indices) = (node_path(array)?, indices(index)?);
            if let Some(folder) = self.folder() {
                let found = self.session().get_chunk_ref(&path, &indices).await;
                if let Some(ChunkPayload::Ref(at)) = found.map_err(|e| storage(action(), e))? {
                    let file = folder.join(at.id.to_string());
                    let read = read_local(&file, bytes.within(&at)).await;
                    return read.map(Some).map_err(|e| storage(action(), e));
                }
            }
            let reader = self
                .session()
                .get_chunk_reader(&path, &indices, &bytes.to_icechunk())
                .await
                .map_err(|e| storage(action(), e))?;
            match reader {
                Some(read) => read.await.map(Some).map_err(|e| storage(action(), e)),
                None => Ok(None),
            }
        }
    }
}

impl Read for Snapshot {
    fn session(&self) -> &Session {
        &self.session
    }

    fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }
}

impl Read for Transaction {
    fn session(&self) -> &Session {
        &self.session
    }
}

/// Changes that become visible together, or not at all.
#[derive(Debug)]
pub struct Transaction {
    session: Session,
    uploaded: Arc<Uploaded>,
    left: Value,
}

impl Transaction {
    pub(super) fn new(session: Session, uploaded: Arc<Uploaded>, left: Value) -> Self {
        Self {
            session,
            uploaded,
            left,
        }
    }

    /// What earlier commits left to be done, as they put it; null for nothing.
    #[must_use]
    pub fn left(&self) -> &Value {
        &self.left
    }

    /// Says what this commit leaves to be done. Later ones say the same until one
    /// says something else, so a rollback brings it back with its state.
    pub fn leave(&mut self, left: Value) {
        self.left = left;
    }

    /// Adds a group with this `zarr.json`, or replaces its document.
    ///
    /// # Errors
    /// If the path is invalid or holds an array.
    pub async fn set_group(&mut self, path: &str, document: Bytes) -> Result<(), RepoError> {
        let node = node_path(path)?;
        let action = || format!("write the group `{path}`");
        if self.session.get_group(&node).await.is_ok() {
            self.session.update_group(&node, document).await
        } else {
            self.session.add_group(node, document).await
        }
        .map_err(|e| storage(action(), e))
    }

    /// Adds an array with this `zarr.json`, or replaces its document and
    /// shape. `shape` has, for each named dimension, its length and number of
    /// chunks.
    ///
    /// # Errors
    /// If the path is invalid or holds a group.
    pub async fn set_array(
        &mut self,
        path: &str,
        shape: &[(u64, u32)],
        dimension_names: &[&str],
        document: Bytes,
    ) -> Result<(), RepoError> {
        let node = node_path(path)?;
        let shape = ArrayShape::new(shape.iter().copied())
            .ok_or_else(|| RepoError::BadNode(path.to_owned()))?;
        let names = Some(
            dimension_names
                .iter()
                .map(|name| DimensionName::from(*name))
                .collect(),
        );
        if self.session.get_array(&node).await.is_ok() {
            self.session
                .update_array(&node, shape, names, document)
                .await
        } else {
            self.session.add_array(node, shape, names, document).await
        }
        .map_err(|e| storage(format!("write the array `{path}`"), e))
    }

    /// Makes a chunk of an array be `chunk`; `None` removes it.
    ///
    /// # Errors
    /// If there is no such array or the index is outside.
    pub async fn set_chunk(
        &mut self,
        array: &str,
        index: &[usize],
        chunk: Option<ChunkRef>,
    ) -> Result<(), RepoError> {
        self.session
            .set_chunk_ref(node_path(array)?, indices(index)?, chunk.map(|c| c.0))
            .await
            .map_err(|e| storage(format!("refer to chunk {index:?} of `{array}`"), e))
    }

    /// Uploads an encoded chunk; see [`Snapshot::upload`].
    ///
    /// # Errors
    /// What storage says.
    pub async fn upload(
        &self,
        array: &str,
        index: &[usize],
        data: Bytes,
    ) -> Result<ChunkRef, RepoError> {
        self.uploaded.add(data.len());
        upload(&self.session, array, index, data).await
    }

    /// [`Transaction::commit_batch`] without a batch.
    ///
    /// # Errors
    /// As that says.
    pub async fn commit(self, message: &str) -> Result<Revision, RepoError> {
        self.commit_batch(message, None).await
    }

    /// Makes the changes visible, together with the name of a batch by which
    /// the commit can be found ([`super::Repo::has_batch`]). Without changes,
    /// nothing is written and the state that the transaction began at is returned.
    ///
    /// # Errors
    /// [`RepoError::Conflict`] if somebody else committed since; a conflict is
    /// never resolved by overwriting, begin again instead.
    pub async fn commit_batch(
        mut self,
        message: &str,
        batch: Option<Uuid>,
    ) -> Result<Revision, RepoError> {
        if !self.session.has_uncommitted_changes() {
            return Ok(Revision(self.session.snapshot_id().to_string()));
        }
        let batch = batch.map(|batch| (BATCH.to_owned(), batch.to_string().into()));
        let left = Some(self.left).filter(|left| !left.is_null());
        let left = left.map(|left| (LEFT.to_owned(), left));
        let commit = self.session.commit(message);
        let commit = commit.properties(batch.into_iter().chain(left).collect());
        match commit.execute().await {
            Ok(id) => Ok(Revision(id.to_string())),
            Err(error) if is_conflict(error.kind()) => Err(RepoError::Conflict),
            Err(error) => Err(storage("commit", error)),
        }
    }
}

/// The property of a commit that names its batch.
pub(super) const BATCH: &str = "cubetiler:batch";

/// The property of a commit that says what is left to be done.
pub(super) const LEFT: &str = "cubetiler:left";

fn is_conflict(kind: &SessionErrorKind) -> bool {
    matches!(
        kind,
        SessionErrorKind::Conflict { .. }
            | SessionErrorKind::RepositoryError(RepositoryErrorKind::Conflict { .. })
    )
}

async fn upload(
    session: &Session,
    array: &str,
    index: &[usize],
    data: Bytes,
) -> Result<ChunkRef, RepoError> {
    let action = || format!("write chunk {index:?} of `{array}`");
    let write = session
        .get_chunk_writer(&node_path(array)?, &indices(index)?)
        .map_err(|e| storage(action(), e))?;
    write(data)
        .await
        .map(ChunkRef)
        .map_err(|e| storage(action(), e))
}

fn node_path(path: &str) -> Result<Path, RepoError> {
    Path::try_from(format!("/{path}").as_str())
        .map_err(|_invalid| RepoError::BadNode(path.to_owned()))
}

fn indices(index: &[usize]) -> Result<ChunkIndices, RepoError> {
    index
        .iter()
        .map(|i| u32::try_from(*i))
        .collect::<Result<_, _>>()
        .map(ChunkIndices)
        .map_err(|_too_large| RepoError::BadNode(format!("chunk {index:?}")))
}
