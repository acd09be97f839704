//! The repository that a cube lives in: Icechunk, and nothing else knows it.
//!
//! Chunks are uploaded first, by any number of tasks and without a
//! transaction; what comes back is a [`ChunkRef`]. A [`Transaction`] then sets
//! references and metadata and commits them all at once, so a reader sees the
//! cube before or after, never between.

mod bucket;
mod history;
mod lock;
mod session;
mod size;

use std::{fmt, path::Path as FsPath, path::PathBuf, sync::Arc};

use icechunk::{
    Repository, RepositoryConfig,
    config::{
        ManifestConfig, ManifestSplitCondition, ManifestSplitDim, ManifestSplitDimCondition,
        ManifestSplittingConfig,
    },
    format::{CHUNKS_FILE_PATH, SnapshotId, format_constants::SpecVersionBin},
    repository::{RepositoryError, RepositoryErrorKind, VersionInfo},
    session::Session,
};

pub use history::{Commit, Swept};
pub use lock::{Holder, LockError, WriterLock};
pub use session::{Bytewise, ChunkRef, Read, Snapshot, StoredChunk, Transaction};
pub use size::bytes_on_disk;

use self::size::Uploaded;
use crate::storage::{Bucket, BucketSettings, LocationError};

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
    /// Not the address of a bucket.
    #[error(transparent)]
    Address(#[from] LocationError),
    /// A container of Azure whose account nobody names.
    #[error(
        "whose container {0} is, is not known: set AZURE_STORAGE_ACCOUNT_NAME, or write abfs://container@account.dfs.core.windows.net/prefix"
    )]
    NoAccount(String),
    /// The branch moved since the transaction began.
    #[error("another writer has committed to the cube meanwhile")]
    Conflict,
    /// There is no such group or array.
    #[error("the cube has no node `{0}`")]
    NoNode(String),
    /// There is no such branch, tag or snapshot.
    #[error("there is no branch, tag or snapshot `{reference}`; there are {available}")]
    NoReference {
        /// As asked for.
        reference: String,
        /// Branches and tags there are.
        available: String,
    },
    /// No earlier state of the cube.
    #[error("`{0}` is none of the cube's states: `cubetiler history` lists them")]
    NotInHistory(String),
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

/// An open repository, on the local file system or in a bucket.
#[derive(Debug)]
pub struct Repo {
    repository: Repository,
    path: PathBuf,
    uploaded: Arc<Uploaded>,
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
            uploaded: Arc::default(),
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
        let store = icechunk::new_local_filesystem_storage(path)
            .await
            .map_err(|e| storage(format!("open the repository at {}", path.display()), e))?;
        Self::opened(Repository::open(store).execute().await, path.to_owned())
    }

    /// Opens the repository at a path, or at an address in a bucket to read from
    /// it.
    ///
    /// # Errors
    /// [`RepoError::Address`], [`RepoError::Missing`], or what storage says.
    pub async fn open_any(place: &FsPath, settings: &BucketSettings) -> Result<Self, RepoError> {
        match place.to_str().and_then(Bucket::parse) {
            Some(bucket) => Self::open_bucket(&bucket?, settings).await,
            None => Self::open(place).await,
        }
    }

    /// Opens the repository at a place in a bucket, to read from it.
    ///
    /// # Errors
    /// [`RepoError::Missing`], or what storage says.
    pub async fn open_bucket(place: &Bucket, settings: &BucketSettings) -> Result<Self, RepoError> {
        let store = bucket::open(place, settings).await?;
        let builder = Repository::open(store).config(bucket::configuration());
        Self::opened(builder.execute().await, place.to_string().into())
    }

    fn opened(
        result: Result<Repository, RepositoryError>,
        path: PathBuf,
    ) -> Result<Self, RepoError> {
        let repository = result.map_err(|error| {
            if matches!(error.kind(), RepositoryErrorKind::RepositoryDoesntExist) {
                RepoError::Missing(path.clone())
            } else {
                storage(format!("open the repository at {}", path.display()), error)
            }
        })?;
        Ok(Self {
            repository,
            path,
            uploaded: Arc::default(),
        })
    }

    /// Where it is, a path or an address.
    #[must_use]
    pub fn path(&self) -> &FsPath {
        &self.path
    }

    fn snapshot_of(&self, session: Session) -> Snapshot {
        Snapshot::new(session, self.chunk_folder(), Arc::clone(&self.uploaded))
    }

    /// Where a local repository has its chunks (Icechunk's specification, "File
    /// layout").
    fn chunk_folder(&self) -> Option<Arc<FsPath>> {
        let is_local = !is_in_bucket(&self.path);
        is_local.then(|| self.path.join(CHUNKS_FILE_PATH).into())
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
        Ok(self.snapshot_of(session))
    }

    /// Which state a branch, a tag or a state's own id names now. One or two
    /// cheap reads.
    ///
    /// # Errors
    /// [`RepoError::NoReference`], or what storage says.
    pub async fn resolve(&self, reference: &str) -> Result<Revision, RepoError> {
        let failed = |error| storage(format!("read {}", self.path.display()), error);
        let revision = |id: SnapshotId| Revision(id.to_string());
        match self.repository.lookup_branch(reference).await {
            Err(error) if is_no_reference(&error) => {}
            found => return found.map(revision).map_err(failed),
        }
        match self.repository.lookup_tag(reference).await {
            Err(error) if is_no_reference(&error) => {}
            found => return found.map(revision).map_err(failed),
        }
        if let Ok(id) = SnapshotId::try_from(reference) {
            return Ok(revision(id));
        }
        let branches = self.repository.list_branches().await.map_err(failed)?;
        let tags = self.repository.list_tags().await.map_err(failed)?;
        Err(RepoError::NoReference {
            reference: reference.to_owned(),
            available: branches
                .into_iter()
                .chain(tags)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// A committed state, to read from.
    ///
    /// # Errors
    /// What storage says, if there is none for one.
    pub async fn snapshot_at(&self, revision: &Revision) -> Result<Snapshot, RepoError> {
        let id = SnapshotId::try_from(revision.0.as_str())
            .map_err(|_no_id| RepoError::BadNode(revision.0.clone()))?;
        let session = self
            .repository
            .readonly_session(&VersionInfo::SnapshotId(id))
            .await
            .map_err(|error| storage(format!("read {}", self.path.display()), error))?;
        Ok(self.snapshot_of(session))
    }

    /// Begins a transaction at the newest state. Nothing is visible before
    /// [`Transaction::commit`]; dropping it leaves nothing but orphaned chunks.
    ///
    /// # Errors
    /// What storage says.
    pub async fn transaction(&self) -> Result<Transaction, RepoError> {
        let failed = |error| storage(format!("write to {}", self.path.display()), error);
        let session = self.repository.writable_session(BRANCH).await;
        let session = session.map_err(failed)?;
        let left = self.left_at(session.snapshot_id()).await.map_err(failed)?;
        Ok(Transaction::new(session, Arc::clone(&self.uploaded), left))
    }

    /// What the newest commit leaves to be done ([`Transaction::leave`]).
    ///
    /// # Errors
    /// What storage says.
    pub async fn left(&self) -> Result<serde_json::Value, RepoError> {
        let failed = |error| storage(format!("read {}", self.path.display()), error);
        let tip = self.repository.lookup_branch(BRANCH).await;
        self.left_at(&tip.map_err(failed)?).await.map_err(failed)
    }

    async fn left_at(&self, state: &SnapshotId) -> Result<serde_json::Value, RepositoryError> {
        let mut commit = self.repository.lookup_snapshot(state).await?;
        Ok(commit.metadata.remove(session::LEFT).unwrap_or_default())
    }

    /// Takes the right to write, which one process at a time has: commits to
    /// a local file system are not safe between processes.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn lock(&self, purpose: &str) -> Result<WriterLock, LockError> {
        if is_in_bucket(&self.path) {
            return Err(LockError::Remote(self.path.clone()));
        }
        WriterLock::take(&self.path, purpose)
    }
}

/// Whether a place is an address in a bucket and not a path.
#[must_use]
pub fn is_in_bucket(place: &FsPath) -> bool {
    Bucket::is_meant(&place.to_string_lossy())
}

fn is_no_reference(error: &RepositoryError) -> bool {
    use icechunk::refs::RefErrorKind;
    matches!(
        error.kind(),
        RepositoryErrorKind::Ref(
            RefErrorKind::RefNotFound(_)
                | RefErrorKind::InvalidRefName(_)
                | RefErrorKind::InvalidRefType(_)
        )
    )
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
        split("y", MANIFEST_SPLIT),
        split("x", MANIFEST_SPLIT),
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
