//! The repository that a cube lives in: Icechunk, and nothing else knows it.
//!
//! Chunks are uploaded first, by any number of tasks and without a
//! transaction; what comes back is a [`ChunkRef`]. A [`Transaction`] then sets
//! references and metadata and commits them all at once, so a reader sees the
//! cube before or after, never between.

mod lock;

use std::{fmt, path::Path as FsPath, path::PathBuf, sync::Arc};

use bytes::Bytes;
use icechunk::{
    Repository, RepositoryConfig,
    config::{
        ManifestConfig, ManifestSplitCondition, ManifestSplitDim, ManifestSplitDimCondition,
        ManifestSplittingConfig,
    },
    format::{
        ByteRange, ChunkIndices, Path,
        format_constants::SpecVersionBin,
        manifest::ChunkPayload,
        snapshot::{ArrayShape, DimensionName},
    },
    repository::{RepositoryErrorKind, VersionInfo},
    session::{Session, SessionErrorKind},
};

pub use lock::{Holder, LockError, WriterLock};

/// The one branch that is served and written.
const BRANCH: &str = "main";

/// Chunks a manifest holds along each spatial axis. A commit rewrites the
/// manifests it touches, so small ones make small commits cheap: 3-8 ms against
/// 40-100 ms unsplit, in a repository of 100,000 chunks.
const MANIFEST_SPLIT: u32 = 32;

/// Why the repository did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// There is something at the path already.
    #[error("{0} exists already; a cube is created at a new path")]
    Exists(PathBuf),
    /// There is no repository.
    #[error("{0} is no cube: there is no Icechunk repository")]
    Missing(PathBuf),
    /// The branch moved since the transaction began.
    #[error("another writer has committed to the cube meanwhile")]
    Conflict,
    /// There is no such group or array.
    #[error("the cube has no node `{0}`")]
    NoNode(String),
    /// A node's path, shape or index cannot be expressed.
    #[error("`{0}` is no valid node for a repository")]
    BadNode(String),
    /// Storage or format failed.
    #[error("cannot {action}")]
    Storage {
        /// What was tried.
        action: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn storage(
    action: impl Into<String>,
    source: impl std::error::Error + Send + Sync + 'static,
) -> RepoError {
    RepoError::Storage {
        action: action.into(),
        source: Box::new(source),
    }
}

/// A committed state of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revision(String);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chunk that was uploaded, to be referenced by a transaction.
#[derive(Clone, Debug)]
pub struct ChunkRef(ChunkPayload);

/// Which bytes of a chunk.
#[derive(Clone, Debug)]
pub enum Bytewise {
    /// All of them.
    All,
    /// The last so many.
    Last(u64),
    /// A range of offsets.
    Range(std::ops::Range<u64>),
}

impl Bytewise {
    fn to_icechunk(&self) -> ByteRange {
        match self {
            Self::All => ByteRange::ALL,
            Self::Last(n) => ByteRange::Last(*n),
            Self::Range(range) => ByteRange::Bounded(range.clone()),
        }
    }
}

/// An open repository on the local file system.
#[derive(Debug)]
pub struct Repo {
    repository: Repository,
    path: PathBuf,
}

impl Repo {
    /// Creates an empty repository of Icechunk spec V2 at a path where there
    /// is nothing yet.
    ///
    /// # Errors
    /// [`RepoError::Exists`], or what the file system says.
    pub async fn create(path: &FsPath) -> Result<Self, RepoError> {
        // Creating the directory is the one atomic question "is it free?".
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|e| storage(format!("create the folder {}", parent.display()), e))?;
        }
        std::fs::create_dir(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                RepoError::Exists(path.to_owned())
            } else {
                storage(format!("create {}", path.display()), error)
            }
        })?;
        let action = || format!("create a repository at {}", path.display());
        let store = icechunk::new_local_filesystem_storage(path)
            .await
            .map_err(|e| storage(action(), e))?;
        let repository = Repository::create(store)
            .config(configuration())
            .spec_version(SpecVersionBin::V2)
            .execute()
            .await
            .map_err(|e| storage(action(), e))?;
        Ok(Self {
            repository,
            path: path.to_owned(),
        })
    }

    /// Opens the repository at a path.
    ///
    /// # Errors
    /// [`RepoError::Missing`], or what storage says.
    pub async fn open(path: &FsPath) -> Result<Self, RepoError> {
        // Icechunk's local storage creates the folder that it is asked for.
        if !path.is_dir() {
            return Err(RepoError::Missing(path.to_owned()));
        }
        let action = || format!("open the repository at {}", path.display());
        let store = icechunk::new_local_filesystem_storage(path)
            .await
            .map_err(|e| storage(action(), e))?;
        let repository = Repository::open(store).execute().await.map_err(|error| {
            if matches!(error.kind(), RepositoryErrorKind::RepositoryDoesntExist) {
                RepoError::Missing(path.to_owned())
            } else {
                storage(action(), error)
            }
        })?;
        Ok(Self {
            repository,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &FsPath {
        &self.path
    }

    /// The newest committed state. One cheap read.
    ///
    /// # Errors
    /// What storage says.
    pub async fn tip(&self) -> Result<Revision, RepoError> {
        self.repository
            .lookup_branch(BRANCH)
            .await
            .map(|id| Revision(id.to_string()))
            .map_err(|e| storage(format!("read the branch of {}", self.path.display()), e))
    }

    /// The newest committed state, to read from. It never changes.
    ///
    /// # Errors
    /// What storage says.
    pub async fn snapshot(&self) -> Result<Snapshot, RepoError> {
        let session = self
            .repository
            .readonly_session(&VersionInfo::BranchTipRef(BRANCH.to_owned()))
            .await
            .map_err(|e| storage(format!("read {}", self.path.display()), e))?;
        Ok(Snapshot {
            revision: Revision(session.snapshot_id().to_string()),
            session: Arc::new(session),
        })
    }

    /// Begins a transaction at the newest state. Nothing is visible before
    /// [`Transaction::commit`]; dropping it leaves nothing but orphaned chunks.
    ///
    /// # Errors
    /// What storage says.
    pub async fn transaction(&self) -> Result<Transaction, RepoError> {
        self.repository
            .writable_session(BRANCH)
            .await
            .map(|session| Transaction { session })
            .map_err(|e| storage(format!("write to {}", self.path.display()), e))
    }

    /// Takes the right to write, which one process at a time has: commits to
    /// a local file system are not safe between processes.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn lock(&self, purpose: &str) -> Result<WriterLock, LockError> {
        WriterLock::take(&self.path, purpose)
    }
}

fn configuration() -> RepositoryConfig {
    let split = |name: &str, num_chunks| ManifestSplitDim {
        condition: ManifestSplitDimCondition::DimensionName(name.to_owned()),
        num_chunks,
    };
    let splits = vec![
        split("time", 1),
        split("latitude", MANIFEST_SPLIT),
        split("longitude", MANIFEST_SPLIT),
        split("chunk_row", MANIFEST_SPLIT),
        split("chunk_col", MANIFEST_SPLIT),
    ];
    RepositoryConfig {
        manifest: Some(ManifestConfig {
            splitting: Some(ManifestSplittingConfig {
                split_sizes: Some(vec![(ManifestSplitCondition::AnyArray, splits)]),
            }),
            ..ManifestConfig::default()
        }),
        ..RepositoryConfig::default()
    }
}

/// A committed state to read from, and to upload chunks beside. Clones share
/// it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    session: Arc<Session>,
    revision: Revision,
}

impl Snapshot {
    /// Which state this is.
    #[must_use]
    pub fn revision(&self) -> &Revision {
        &self.revision
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
        upload(&self.session, array, index, data).await
    }
}

/// Reading nodes and chunks, of a committed state or of a transaction with
/// its own changes.
pub trait Read: Send + Sync {
    /// The session behind it.
    #[doc(hidden)]
    fn session(&self) -> &Session;

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
            let reader = self
                .session()
                .get_chunk_reader(&node_path(array)?, &indices(index)?, &bytes.to_icechunk())
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
}

impl Transaction {
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
        upload(&self.session, array, index, data).await
    }

    /// Makes the changes visible. Without changes, nothing is written and the
    /// state that the transaction began at is returned.
    ///
    /// # Errors
    /// [`RepoError::Conflict`] if somebody else committed since; a conflict is
    /// never resolved by overwriting, begin again instead.
    pub async fn commit(mut self, message: &str) -> Result<Revision, RepoError> {
        if !self.session.has_uncommitted_changes() {
            return Ok(Revision(self.session.snapshot_id().to_string()));
        }
        match self.session.commit(message).execute().await {
            Ok(id) => Ok(Revision(id.to_string())),
            Err(error) if is_conflict(error.kind()) => Err(RepoError::Conflict),
            Err(error) => Err(storage("commit", error)),
        }
    }
}

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
