//! Where the metadata documents of a store are that has no consolidated ones:
//! groups are looked into, and folders of chunks are not.

use std::{fs, path::Path, path::PathBuf};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    ExternalError,
    known::Known,
    store::{Keys, join},
};
use crate::{
    dataset::{DatasetError, limits},
    storage::{Bucket, FetchError},
};

/// Folders that are listed at once.
const CONCURRENT_LISTINGS: usize = 16;

/// Keys of all metadata documents of a local store, in order. Folders of chunks
/// are not looked into.
pub(super) fn document_keys(root: &Path) -> Result<Vec<String>, ExternalError> {
    let mut keys = Vec::new();
    let mut open: Vec<(PathBuf, String, usize)> = vec![(root.to_owned(), String::new(), 0)];
    let mut visited: u64 = 0;
    while let Some((folder, path, depth)) = open.pop() {
        visited += 1;
        if visited > 3 * limits::NODES as u64 {
            return Err(ExternalError::Dataset(DatasetError::TooLarge {
                what: format!("the number of folders of {}", root.display()),
                found: visited,
                limit: 3 * limits::NODES as u64,
            }));
        }
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
                    .is_some_and(|text| is_v3_array(&text)));
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

fn is_v3_array(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok_and(|document| document["node_type"] == "array")
}

/// All metadata documents of a store in a bucket, in order of their keys, from
/// those of its root on. Each group is listed once, without what is below its
/// folders; a folder without a document is no group.
pub(super) async fn documents_in_bucket(
    keys: &Keys,
    place: &Bucket,
    root: Vec<(String, Bytes)>,
    known: &Known,
) -> Result<Vec<(String, Bytes)>, ExternalError> {
    let is_v3 = root.iter().any(|(key, _)| key == "zarr.json");
    if root.iter().any(|(_, text)| is_v3 && is_v3_array(text)) {
        return Ok(root);
    }
    let own: &[&str] = if is_v3 {
        &["zarr.json"]
    } else {
        &[".zarray", ".zattrs", ".zgroup"]
    };
    let mut found = root;
    let mut nodes = 0;
    let mut groups = vec![String::new()];
    // One level more than is allowed: too deep is an error, and told when the
    // documents are put together.
    for _level in 0..=limits::DEPTH {
        let folders: Vec<Vec<String>> = stream::iter(groups)
            .map(|path| async move { folders(keys, place, &path).await })
            .buffered(CONCURRENT_LISTINGS)
            .try_collect()
            .await?;
        let folders: Vec<String> = folders.into_iter().flatten().collect();
        nodes += folders.len();
        if nodes > limits::NODES {
            return Err(too_many(place, nodes));
        }
        let asked = folders
            .iter()
            .flat_map(|path| own.iter().map(|name| join(path, name)))
            .collect();
        let documents = keys.documents(asked, known).await?;
        groups = documents
            .iter()
            .filter_map(|(key, text)| {
                let (path, name) = key.rsplit_once('/')?;
                let is_group = name == ".zgroup" || name == "zarr.json" && !is_v3_array(text);
                is_group.then(|| path.to_owned())
            })
            .collect();
        found.extend(documents);
        if groups.is_empty() {
            break;
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Paths of the folders in the group at a path.
async fn folders(keys: &Keys, place: &Bucket, path: &str) -> Result<Vec<String>, ExternalError> {
    let place = if path.is_empty() {
        place.clone()
    } else {
        place.below(path)
    };
    let listed = keys.storage.list(&place, 3 * limits::NODES).await;
    let listing = listed.map_err(|source| {
        if let FetchError::TooMany { limit } = source {
            return too_many(&place, limit + 1);
        }
        ExternalError::List {
            place: place.to_string(),
            source,
        }
    })?;
    Ok(listing
        .folders
        .iter()
        .map(|name| join(path, name))
        .collect())
}

fn too_many(place: &Bucket, found: usize) -> ExternalError {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    ExternalError::Dataset(DatasetError::TooLarge {
        what: format!("the number of names in {place}"),
        found: count(found),
        limit: count(limits::NODES),
    })
}

/// Whether what lies at a place in a bucket is an Icechunk repository of either
/// spec version.
pub(super) async fn is_repository_in_bucket(
    keys: &Keys,
    place: &Bucket,
) -> Result<bool, ExternalError> {
    let listed = keys.storage.list(place, 3 * limits::NODES).await;
    let listing = listed.map_err(|source| ExternalError::List {
        place: place.to_string(),
        source,
    })?;
    let has = |name: &str| listing.folders.contains(name);
    Ok(has("snapshots") && (has("refs") || listing.objects.contains("repo")))
}

/// Whether a folder looks like an Icechunk repository of either spec version.
pub(super) fn is_repository(path: &Path) -> bool {
    path.join("snapshots").is_dir() && (path.join("refs").is_dir() || path.join("repo").exists())
}
