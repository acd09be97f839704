//! Keys of a store to bytes.

use std::{fs, path::Path, path::PathBuf};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Address, ExternalError};
use crate::{
    compute::Compute,
    dataset::{Array, DatasetError, Documents, Format, GROUP_DOCUMENTS, limits},
    repo::{Bytewise, Read as _, Repo, Snapshot},
    storage::{Location, Storage},
};

/// The branch that is served unless another is named.
const DEFAULT_BRANCH: &str = "main";

/// Documents read at once.
const CONCURRENT_DOCUMENTS: usize = 16;

/// Where the documents and chunks of a store are.
#[derive(Clone, Debug)]
pub(super) enum Store {
    /// Files or remote objects, a key each.
    Keys { storage: Storage, root: Location },
    /// A state of an Icechunk repository.
    Repo(Snapshot),
}

/// What there is to know about a store before it is understood.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) documents: Documents,
    /// Changes when the metadata do.
    pub(super) version: String,
}

impl Store {
    /// Reads all metadata documents.
    pub(super) async fn open(
        address: &Address,
        storage: &Storage,
        compute: &Compute,
    ) -> Result<Opened, ExternalError> {
        match &address.location {
            Location::Local(path) if is_repository(path) => {
                let repo = Repo::open(path).await?;
                let reference = address.reference.as_deref().unwrap_or(DEFAULT_BRANCH);
                let snapshot = repo.snapshot_at(reference).await?;
                let mut documents = Documents::default();
                for (path, document) in snapshot.documents().await? {
                    documents.insert(&join(&path, "zarr.json"), &document)?;
                }
                Ok(Opened {
                    version: snapshot.revision().to_string(),
                    store: Self::Repo(snapshot),
                    documents,
                })
            }
            location @ (Location::Local(_) | Location::Http(_)) => {
                let store = Self::Keys {
                    storage: storage.clone(),
                    root: location.clone(),
                };
                let mut found = store.group_documents("").await?;
                let mut documents = Documents::default();
                for (key, document) in &found {
                    documents.insert(key, document)?;
                }
                if !documents.is_consolidated() {
                    let Location::Local(path) = location else {
                        return Err(if found.is_empty() {
                            DatasetError::NotZarr.into()
                        } else {
                            ExternalError::NotConsolidated(location.to_string())
                        });
                    };
                    let path = path.clone();
                    let keys = compute.run(move || document_keys(&path)).await??;
                    found = store.read_all(keys).await?;
                    for (key, document) in &found {
                        documents.insert(key, document)?;
                    }
                }
                Ok(Opened {
                    version: version_of(&found),
                    store,
                    documents,
                })
            }
        }
    }

    /// The documents that a group may have, as far as there are any.
    async fn group_documents(&self, path: &str) -> Result<Vec<(String, Bytes)>, ExternalError> {
        self.read_all(GROUP_DOCUMENTS.map(|name| join(path, name)).to_vec())
            .await
    }

    /// The documents at keys, in order of the keys, without those that are not
    /// there.
    async fn read_all(&self, keys: Vec<String>) -> Result<Vec<(String, Bytes)>, ExternalError> {
        let limit = limits::DOCUMENT_BYTES as u64;
        let read: Vec<_> = stream::iter(keys)
            .map(|key| async move {
                let bytes = self.read(&key, Bytewise::All, limit).await?;
                Ok::<_, ExternalError>(bytes.map(|bytes| (key, bytes)))
            })
            .buffered(CONCURRENT_DOCUMENTS)
            .try_collect()
            .await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Bytes at a key of a store of keys; `None` if there is nothing.
    async fn read(
        &self,
        key: &str,
        bytes: Bytewise,
        limit: u64,
    ) -> Result<Option<Bytes>, ExternalError> {
        let Self::Keys { storage, root } = self else {
            return Ok(None);
        };
        let location = key.split('/').fold(root.clone(), |at, part| at.child(part));
        let read = async {
            let object = storage.object(&location)?;
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
            Self::Keys { .. } => self.read(&keys.of(index), bytes, limit).await,
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

/// Whether a folder looks like an Icechunk repository of either spec version.
fn is_repository(path: &Path) -> bool {
    path.join("snapshots").is_dir() && (path.join("refs").is_dir() || path.join("repo").exists())
}

/// Keys of all metadata documents of a local store, in order. Folders of chunks
/// are not looked into.
fn document_keys(root: &Path) -> Result<Vec<String>, ExternalError> {
    let mut keys = Vec::new();
    let mut open: Vec<(PathBuf, String, usize)> = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, path, depth)) = open.pop() {
        let failed = |source| ExternalError::Folder {
            path: folder.clone(),
            source,
        };
        let own = ["zarr.json", ".zarray", ".zgroup", ".zattrs"];
        let there: Vec<&str> = own
            .into_iter()
            .filter(|name| folder.join(name).is_file())
            .collect();
        keys.extend(there.iter().map(|name| join(&path, name)));
        let is_array = there.contains(&".zarray")
            || (there.contains(&"zarr.json")
                && fs::read(folder.join("zarr.json"))
                    .ok()
                    .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
                    .is_some_and(|document| document["node_type"] == "array"));
        if is_array || depth >= limits::DEPTH || keys.len() > 3 * limits::NODES {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string()
                && entry.path().is_dir()
            {
                open.push((entry.path(), join(&path, &name), depth + 1));
            }
        }
    }
    keys.sort();
    Ok(keys)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

/// How the chunks of an array are called: the chunk key encodings `default` and
/// `v2` of Zarr v3, and `dimension_separator` of Zarr v2.
#[derive(Clone, Debug)]
pub(super) struct ChunkKeys {
    path: String,
    prefix: &'static str,
    separator: char,
}

impl ChunkKeys {
    pub(super) fn of_array(array: &Array) -> Self {
        let document = &array.document;
        let separator = |value: &serde_json::Value, or: char| {
            let text = value.as_str();
            text.and_then(|text| text.chars().next()).unwrap_or(or)
        };
        let encoding = &document["chunk_key_encoding"];
        let (prefix, separator) = match array.format {
            Format::V2 => ("", separator(&document["dimension_separator"], '.')),
            Format::V3 if encoding["name"] == "v2" => {
                ("", separator(&encoding["configuration"]["separator"], '.'))
            }
            Format::V3 => ("c", separator(&encoding["configuration"]["separator"], '/')),
        };
        Self {
            path: array.path.clone(),
            prefix,
            separator,
        }
    }

    fn of(&self, index: &[u64]) -> String {
        let numbers: Vec<String> = index.iter().map(u64::to_string).collect();
        let numbers = numbers.join(&self.separator.to_string());
        let name = match (self.prefix.is_empty(), numbers.is_empty()) {
            (true, true) => "0".to_owned(),
            (true, false) => numbers,
            (false, true) => self.prefix.to_owned(),
            (false, false) => format!("{}{}{numbers}", self.prefix, self.separator),
        };
        join(&self.path, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(encoding: &serde_json::Value) -> ChunkKeys {
        let document = json!({
            "zarr_format": 3, "node_type": "array", "shape": [4, 4], "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
            "chunk_key_encoding": encoding, "codecs": [{"name": "bytes"}], "fill_value": 0,
        });
        ChunkKeys::of_array(&Array::parse("a/b", document, None).unwrap())
    }

    #[test]
    fn chunks_are_called_as_the_encoding_says() {
        assert_eq!(keys(&json!({"name": "default"})).of(&[1, 0]), "a/b/c/1/0");
        let dots = json!({"name": "default", "configuration": {"separator": "."}});
        assert_eq!(keys(&dots).of(&[1, 0]), "a/b/c.1.0");
        assert_eq!(keys(&json!({"name": "v2"})).of(&[1, 0]), "a/b/1.0");
    }

    #[test]
    fn a_version_names_the_documents() {
        let documents = |text: &'static str| vec![("zarr.json".to_owned(), text.as_bytes().into())];
        assert_eq!(version_of(&documents("{}")), version_of(&documents("{}")));
        assert_ne!(version_of(&documents("{}")), version_of(&documents("{} ")));
    }
}
