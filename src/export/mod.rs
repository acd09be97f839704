//! A state of a cube as a plain Zarr store in a directory, for programs that do not
//! read Icechunk. Nothing is decoded: chunks are in a cube's shards as they are in a
//! store without shards.

mod layout;

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    pin::pin,
};

use bytes::Bytes;
use futures::TryStreamExt as _;
use serde_json::{Map, Value, json};

use self::layout::Layout;
use crate::{
    cube::{
        consolidated,
        metadata::{self, MetadataError},
    },
    repo::{Bytewise, Read as _, RepoError, Snapshot},
    zarr::{Codec, CodecError},
};

/// Shards that are in memory at once.
const CONCURRENT_SHARDS: usize = 4;

/// The attribute of the root that says which state of the cube was written.
const REVISION_KEY: &str = "cubetiler:revision";

/// What kind of plain store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Zarr v3 with shards: all that the cube has, in as many files as the cube has.
    Sharded,
    /// Zarr v3 with a file a chunk, without the record of what was built.
    Unsharded,
    /// Zarr v2 with a file a chunk, without the record of what was built.
    Zarr2,
}

/// Why a cube could not be written as a plain store.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something is there.
    #[error("{} exists already: name a directory that does not exist", .0.display())]
    Exists(PathBuf),
    /// Another export, or one that was killed.
    #[error(
        "{} is there: another export writes to it, or one was killed and it can be deleted",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// A path without a last part.
    #[error("{} names no directory to be made", .0.display())]
    NoName(PathBuf),
    /// The file system refused.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// An array that the profile has no form for.
    #[error("the array `{path}` cannot be written like this: its {what}")]
    Array {
        /// Path of the array.
        path: String,
        /// What is the matter.
        what: String,
    },
    /// A document that is no JSON.
    #[error("the metadata of `{path}` is damaged")]
    Document {
        /// Path of the group or array.
        path: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A shard that cannot be split.
    #[error("chunk {index:?} of `{path}` is damaged")]
    Shard {
        /// Path of the array.
        path: String,
        /// Which chunk.
        index: Vec<usize>,
        /// What is wrong.
        #[source]
        source: CodecError,
    },
    /// It is no cube.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The cube could not be read.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files with chunks or shards.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl Written {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The array that is written.
    pub array: &'a str,
    /// Which of the arrays it is, from 0.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// What was written of all of them.
    pub written: Written,
}

/// Writes a state of a cube into a directory, which is made and is there only once all
/// of it is.
///
/// # Errors
/// If the directory exists, the state is no cube's, cannot be read or not be written.
/// Nothing is left then.
pub async fn export(
    snapshot: &Snapshot,
    profile: Profile,
    to: &Path,
    observe: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Written, ExportError> {
    let nodes = nodes(snapshot, profile).await?;
    let part = Part::begin(to)?;
    let written = write_arrays(snapshot, profile, &nodes, &part.0, observe).await?;
    // Last, so that a reader of a part finds no store.
    for (file, document) in documents(profile, &nodes)? {
        write(&part.0.join(file), document.to_string().as_bytes()).await?;
    }
    part.finish(to)?;
    Ok(written)
}

/// A group or an array by its path, "" for the root, and its `zarr.json`.
type Node = (String, Value);

async fn nodes(snapshot: &Snapshot, profile: Profile) -> Result<Vec<Node>, ExportError> {
    let mut nodes = Vec::new();
    for (path, document) in snapshot.documents().await? {
        let top = path.split('/').next().unwrap_or_default();
        if top == metadata::COVERAGE_GROUP && profile != Profile::Sharded {
            continue;
        }
        let document = serde_json::from_slice(&document);
        let mut document: Value = document.map_err(|source| ExportError::Document {
            path: path.clone(),
            source,
        })?;
        if path.is_empty() {
            let attributes = document["attributes"].as_object();
            metadata::cube_of(attributes.unwrap_or(&Map::new()))?;
            document["attributes"][REVISION_KEY] = json!(snapshot.revision().to_string());
        }
        nodes.push((path, document));
    }
    Ok(nodes)
}

fn is_array(document: &Value) -> bool {
    document["node_type"] == "array"
}

async fn write_arrays(
    snapshot: &Snapshot,
    profile: Profile,
    nodes: &[Node],
    root: &Path,
    observe: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Written, ExportError> {
    let arrays: Vec<&Node> = nodes.iter().filter(|node| is_array(&node.1)).collect();
    let mut written = Written::default();
    for (number, (array, document)) in arrays.iter().enumerate() {
        let layout = Layout::of(profile, array, document)?;
        let codec =
            Codec::of(document.to_string().as_bytes()).map_err(|source| ExportError::Array {
                path: array.clone(),
                what: source.to_string(),
            })?;
        let mut progress = Progress {
            array,
            number,
            count: arrays.len(),
            written,
        };
        observe(progress);
        let indexes = snapshot.stored_indexes(array).await?;
        let shards = indexes
            .map_err(ExportError::from)
            .map_ok(|index| write_chunk(snapshot, &layout, &codec, root, index))
            .try_buffer_unordered(CONCURRENT_SHARDS);
        let mut shards = pin!(shards);
        while let Some(files) = shards.try_next().await? {
            written.add(files);
            progress.written = written;
            observe(progress);
        }
    }
    Ok(written)
}

async fn write_chunk(
    snapshot: &Snapshot,
    layout: &Layout,
    codec: &Codec,
    root: &Path,
    index: Vec<usize>,
) -> Result<Written, ExportError> {
    let stored = snapshot.chunk(&layout.path, &index, Bytewise::All).await?;
    let stored = stored.unwrap_or_default();
    let wide: Vec<u64> = index.iter().map(|&at| at as u64).collect();
    let files = layout.files_of(&wide);
    let parts = if layout.splits {
        split(codec, &stored).map_err(|source| ExportError::Shard {
            path: layout.path.clone(),
            index,
            source,
        })?
    } else {
        vec![Some(stored)]
    };
    let mut written = Written::default();
    for (file, part) in files.into_iter().zip(parts) {
        let (Some(file), Some(part)) = (file, part) else {
            continue;
        };
        write(&root.join(file), &part).await?;
        written.add(Written {
            files: 1,
            bytes: part.len() as u64,
        });
    }
    Ok(written)
}

/// The inner chunks of a shard as they are stored, in the order of its index; none for
/// what is all fill value.
fn split(codec: &Codec, shard: &Bytes) -> Result<Vec<Option<Bytes>>, CodecError> {
    let tail = codec.index_len().unwrap_or_default();
    let tail = usize::try_from(tail).unwrap_or(usize::MAX);
    let index = codec.shard_index(&shard.slice(shard.len().saturating_sub(tail)..))?;
    (0..index.len())
        .map(|position| {
            let Some(range) = index.get(position) else {
                return Ok(None);
            };
            let end = usize::try_from(range.end)
                .ok()
                .filter(|&end| end <= shard.len());
            let start = usize::try_from(range.start).ok();
            match (start, end) {
                (Some(start), Some(end)) if start <= end => Ok(Some(shard.slice(start..end))),
                _ => Err(CodecError::Data(format!(
                    "its index says that inner chunk {position} is at {range:?} of {} bytes",
                    shard.len()
                ))),
            }
        })
        .collect()
}

/// The documents of a store, by their files.
fn documents(profile: Profile, nodes: &[Node]) -> Result<Vec<(PathBuf, Value)>, ExportError> {
    if profile == Profile::Zarr2 {
        return documents_v2(nodes);
    }
    let mut written = Vec::with_capacity(nodes.len());
    for (path, stored) in nodes {
        let document = if is_array(stored) {
            Layout::of(profile, path, stored)?.document(stored)
        } else {
            stored.clone()
        };
        written.push((path.as_str(), document));
    }
    let groups = written.iter().map(|(path, document)| {
        let mut document = document.clone();
        if !is_array(&document) {
            let all = written.iter().map(|(path, document)| (*path, document));
            document["consolidated_metadata"] = consolidated(path, all);
        }
        (Path::new(path).join("zarr.json"), document)
    });
    Ok(groups.collect())
}

fn documents_v2(nodes: &[Node]) -> Result<Vec<(PathBuf, Value)>, ExportError> {
    let mut written = Vec::new();
    for (path, stored) in nodes {
        let (name, [document, attributes]) = if is_array(stored) {
            let layout = Layout::of(Profile::Zarr2, path, stored)?;
            (".zarray", layout.documents_v2(stored)?)
        } else {
            let group = json!({"zarr_format": 2});
            (".zgroup", [group, stored["attributes"].clone()])
        };
        written.push((Path::new(path).join(name), document));
        written.push((Path::new(path).join(".zattrs"), attributes));
    }
    let groups = nodes.iter().filter(|(_, stored)| !is_array(stored));
    let consolidated: Vec<(PathBuf, Value)> = groups
        .map(|(group, _)| {
            let inner = written.iter().filter_map(|(file, document)| {
                let inner = file.strip_prefix(group).ok()?.to_str()?;
                Some((inner.to_owned(), document.clone()))
            });
            let metadata: Map<String, Value> = inner.collect();
            let document = json!({"zarr_consolidated_format": 1, "metadata": metadata});
            (Path::new(group).join(".zmetadata"), document)
        })
        .collect();
    written.extend(consolidated);
    Ok(written)
}

async fn write(file: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let failed = |source| ExportError::Write {
        path: file.to_owned(),
        source,
    };
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    }
    tokio::fs::write(file, bytes).await.map_err(failed)
}

/// The directory under another name, until all is in it. It is deleted if that does
/// not come to pass.
#[derive(Debug)]
struct Part(PathBuf);

impl Part {
    fn begin(to: &Path) -> Result<Self, ExportError> {
        if to.symlink_metadata().is_ok() {
            return Err(ExportError::Exists(to.to_owned()));
        }
        let name = to.file_name();
        let name = name.ok_or_else(|| ExportError::NoName(to.to_owned()))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".part");
        let path = to.with_file_name(hidden);
        match std::fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ExportError::Unfinished(path))
            }
            Err(source) => Err(ExportError::Write { path, source }),
        }
    }

    fn finish(self, to: &Path) -> Result<(), ExportError> {
        let renamed = std::fs::rename(&self.0, to);
        renamed.map_err(|source| ExportError::Write {
            path: to.to_owned(),
            source,
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Gone already where it has got its name.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
