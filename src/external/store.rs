//! Keys of a store to bytes.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};

use super::{
    Address, ExternalError,
    chunk_keys::ChunkKeys,
    known::{Known, Seen},
    walk::{document_keys, documents_in_bucket, is_repository, is_repository_in_bucket},
};
use crate::{
    compute::Compute,
    dataset::{DatasetError, Documents, GROUP_DOCUMENTS, limits},
    repo::{Bytewise, Read as _, Repo, Snapshot},
    storage::{FetchError, Location, Newest, Storage},
};

/// The branch that is served unless another is named.
const DEFAULT_BRANCH: &str = "main";

/// Documents read at once.
const CONCURRENT_DOCUMENTS: usize = 16;

/// Where the documents and chunks of a store are.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// Files or remote objects, a key each.
    Keys(Keys),
    /// A state of an Icechunk repository.
    Repo(Snapshot),
}

/// Files or remote objects below a place, by key.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) storage: Storage,
    root: Location,
    /// Whether links that lead out of the root are not followed.
    is_confined: bool,
}

/// What there is to know about a store before it is understood.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) documents: Documents,
    /// Changes when the metadata do.
    pub(super) version: String,
}

impl Store {
    /// Reads all metadata documents. `None` if what they say has the version
    /// that is `served` already.
    pub(super) async fn open(
        address: &Address,
        storage: &Storage,
        compute: &Compute,
        known: &Known,
        served: Option<&str>,
    ) -> Result<Option<Opened>, ExternalError> {
        let keys = Keys {
            storage: storage.clone(),
            root: address.location.clone(),
            is_confined: address.is_confined,
        };
        // A reference is that of a repository, whatever else may be there.
        let is_repository = match &address.location {
            Location::Local(path) => is_repository(path),
            Location::Bucket(_) => address.reference.is_some() || known.repo().is_some(),
            Location::Http(_) => false,
        };
        if is_repository {
            if let (Location::Local(path), true) = (&address.location, address.is_confined) {
                stays_within(path)?;
            }
            return repository(address, storage, known, served).await;
        }
        let mut found = keys.root_documents(known).await?;
        if served.is_some_and(|served| served == version_of(&found)) {
            return Ok(None);
        }
        let mut documents = Documents::default();
        for (key, document) in &found {
            documents.insert(key, document)?;
        }
        if !documents.is_consolidated() {
            found = match &address.location {
                // Not searched for what a stranger supposes there.
                Location::Local(_) if address.is_confined && found.is_empty() => {
                    return Err(DatasetError::NotZarr.into());
                }
                Location::Local(path) => {
                    let path = path.clone();
                    let all = compute.run(move || document_keys(&path)).await??;
                    keys.documents(all, known).await?
                }
                Location::Bucket(place) if found.is_empty() => {
                    if is_repository_in_bucket(&keys, place).await? {
                        return repository(address, storage, known, served).await;
                    }
                    return Err(ExternalError::Nothing(place.to_string()));
                }
                Location::Bucket(place) => documents_in_bucket(&keys, place, found, known).await?,
                Location::Http(_) if found.is_empty() => return Err(DatasetError::NotZarr.into()),
                Location::Http(_) => {
                    return Err(ExternalError::NotConsolidated(address.location.to_string()));
                }
            };
            for (key, document) in &found {
                documents.insert(key, document)?;
            }
        }
        let version = version_of(&found);
        if served.is_some_and(|served| served == version) {
            return Ok(None);
        }
        Ok(Some(Opened {
            version,
            store: Self::Keys(keys),
            documents,
        }))
    }

    /// Bytes of a chunk, at most `limit`; `None` if it is not stored.
    pub(super) async fn chunk(
        &self,
        keys: &ChunkKeys,
        index: &[u64],
        bytes: Bytewise,
        limit: u64,
    ) -> Result<Option<Bytes>, ExternalError> {
        match self {
            Self::Repo(snapshot) => {
                let index: Vec<usize> = index
                    .iter()
                    .map(|n| usize::try_from(*n).unwrap_or(usize::MAX))
                    .collect();
                Ok(snapshot.chunk(&keys.path, &index, bytes).await?)
            }
            Self::Keys(store) => store.read(&keys.of(index), bytes, limit).await,
        }
    }
}

/// Refuses a repository of which a part is a link to elsewhere.
fn stays_within(repository: &Path) -> Result<(), ExternalError> {
    let failed = |source| ExternalError::Folder {
        path: repository.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(repository).map_err(failed)? {
        let part = entry.map_err(failed)?.path();
        if part
            .canonicalize()
            .is_ok_and(|real| !real.starts_with(repository))
        {
            return Err(ExternalError::NotListed(part.display().to_string()));
        }
    }
    Ok(())
}

/// Reads all metadata documents of a repository, which stays open for the next
/// look unless it fails.
async fn repository(
    address: &Address,
    storage: &Storage,
    known: &Known,
    served: Option<&str>,
) -> Result<Option<Opened>, ExternalError> {
    let read = async {
        let repo = match (known.repo(), &address.location) {
            (Some(repo), _) => repo,
            (None, Location::Bucket(place)) => {
                Arc::new(Repo::open_bucket(place, storage.bucket_settings()).await?)
            }
            (None, Location::Local(path)) => Arc::new(Repo::open(path).await?),
            (None, Location::Http(_)) => return Err(DatasetError::NotZarr.into()),
        };
        let reference = address.reference.as_deref().unwrap_or(DEFAULT_BRANCH);
        let revision = repo.resolve(reference).await?;
        let version = revision.to_string();
        if served.is_some_and(|served| served == version) {
            return Ok((repo, None));
        }
        let snapshot = repo.snapshot_at(&revision).await?;
        let mut documents = Documents::default();
        for (path, document) in snapshot.documents().await? {
            documents.insert(&join(&path, "zarr.json"), &document)?;
        }
        let opened = Opened {
            version,
            store: Store::Repo(snapshot),
            documents,
        };
        Ok::<_, ExternalError>((repo, Some(opened)))
    };
    match read.await {
        Ok((repo, opened)) => {
            known.keep_repo(Some(repo));
            Ok(opened)
        }
        Err(error) => {
            known.keep_repo(None);
            Err(error)
        }
    }
}

impl Keys {
    /// The documents that the root may have, as far as there are any.
    async fn root_documents(&self, known: &Known) -> Result<Vec<(String, Bytes)>, ExternalError> {
        let keys = GROUP_DOCUMENTS.map(str::to_owned).to_vec();
        let all = self.each_document(keys, known).collect::<Vec<_>>().await;
        let tells_all =
            |(key, _): &(String, Bytes)| matches!(key.as_str(), "zarr.json" | ".zmetadata");
        let is_told = all.iter().flatten().flatten().any(tells_all);
        let mut found = Vec::new();
        for read in all {
            match read {
                // Where listing is not allowed, S3 says of what is missing that it
                // is not allowed either.
                Err(ExternalError::Fetch { source, .. }) if is_told && source.is_refused() => {}
                read => found.extend(read?),
            }
        }
        Ok(found)
    }

    /// The documents at keys, in order of the keys, without those that are not
    /// there.
    pub(super) async fn documents(
        &self,
        keys: Vec<String>,
        known: &Known,
    ) -> Result<Vec<(String, Bytes)>, ExternalError> {
        let read: Vec<_> = self.each_document(keys, known).try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    fn each_document<'a>(
        &'a self,
        keys: Vec<String>,
        known: &'a Known,
    ) -> impl Stream<Item = Result<Option<(String, Bytes)>, ExternalError>> + Send + 'a {
        stream::iter(keys)
            .map(move |key| async move {
                let bytes = self.document(&key, known).await?;
                Ok(bytes.map(|bytes| (key, bytes)))
            })
            .buffered(CONCURRENT_DOCUMENTS)
    }

    /// The document at a key. A server that gave it an `ETag` is asked whether it
    /// is still the same. Of a file that cannot be told so exactly.
    async fn document(&self, key: &str, known: &Known) -> Result<Option<Bytes>, ExternalError> {
        let limit = limits::DOCUMENT_BYTES as u64;
        let is_file = matches!(self.root, Location::Local(_));
        let before = known.document(key).filter(|_| !is_file);
        let read = async {
            let object = self.storage.object(&self.at(key)?)?;
            let e_tag = before.as_ref().map(|seen| seen.e_tag.as_str());
            object.newest(e_tag, limit).await
        };
        match (read.await, before) {
            (Ok(Newest::Same), Some(before)) => Ok(Some(before.bytes)),
            (Ok(Newest::Same), None) => Ok(None),
            (Ok(Newest::Another(bytes, e_tag)), _) => {
                let seen = e_tag.filter(|_| !is_file).map(|e_tag| Seen {
                    e_tag,
                    bytes: bytes.clone(),
                });
                known.keep_document(key, seen);
                Ok(Some(bytes))
            }
            (Err(error), _) if error.is_missing() => {
                known.keep_document(key, None);
                Ok(None)
            }
            (Err(source), _) => Err(ExternalError::Fetch {
                key: key.to_owned(),
                source,
            }),
        }
    }

    fn at(&self, key: &str) -> Result<Location, FetchError> {
        let root = self.root.clone();
        let at = key.split('/').fold(root, |at, part| at.child(part));
        if self.is_confined
            && let (Location::Local(path), Location::Local(root)) = (&at, &self.root)
            // What is not there is told by who reads it.
            && path.canonicalize().is_ok_and(|real| !real.starts_with(root))
        {
            let led = std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                "a link leads out of the store",
            );
            return Err(FetchError::Unreadable(Box::new(led)));
        }
        Ok(at)
    }

    /// Bytes at a key; `None` if there is nothing.
    async fn read(
        &self,
        key: &str,
        bytes: Bytewise,
        limit: u64,
    ) -> Result<Option<Bytes>, ExternalError> {
        let read = async {
            let object = self.storage.object(&self.at(key)?)?;
            match bytes {
                Bytewise::All => object.all(limit).await,
                Bytewise::Last(bytes) => object.last(bytes).await.map(|part| part.bytes),
                Bytewise::Range(range) => object.range(range).await.map(|part| part.bytes),
            }
        };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(source) => Err(ExternalError::Fetch {
                key: key.to_owned(),
                source,
            }),
        }
    }
}

/// Names what documents say: changes when and only when they do.
fn version_of(documents: &[(String, Bytes)]) -> String {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for (key, document) in documents {
        hasher.update(key.as_bytes());
        hasher.update(&(document.len() as u64).to_le_bytes());
        hasher.update(document);
    }
    format!("{:032x}", hasher.digest128())
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_names_the_documents() {
        let documents = |text: &'static str| vec![("zarr.json".to_owned(), text.as_bytes().into())];
        assert_eq!(version_of(&documents("{}")), version_of(&documents("{}")));
        assert_ne!(version_of(&documents("{}")), version_of(&documents("{} ")));
    }
}
