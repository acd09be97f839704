//! Why a store cannot be opened or read.

use std::{path::PathBuf, sync::Arc};

use crate::{
    compute::ComputeError,
    crs::CrsError,
    dataset::DatasetError,
    repo::RepoError,
    storage::{FetchError, LocationError},
    zarr::CodecError,
};

/// Why a store cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// The address names no place.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A folder cannot be listed.
    #[error("cannot list {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// A folder of a bucket cannot be listed.
    #[error("cannot list {place}")]
    List {
        /// The folder.
        place: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// There is nothing at a place in a bucket that could be served.
    #[error(
        "there is neither a Zarr group nor an Icechunk repository at {0}: check the bucket and the prefix"
    )]
    Nothing(String),
    /// Bytes did not come.
    #[error("cannot read `{key}` of the store")]
    Fetch {
        /// Key of the store.
        key: String,
        /// Why.
        #[source]
        source: FetchError,
    },
    /// The Icechunk repository failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The store makes no data set, or a request does not fit it.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A remote store whose groups would have to be listed.
    #[error(
        "the store at {0} cannot be listed over http: its metadata has to be consolidated, which zarr.consolidate_metadata does"
    )]
    NotConsolidated(String),
    /// The reference system is unknown to PROJ.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// A chunk or document cannot be decoded.
    #[error("cannot decode {what}")]
    Codec {
        /// Which.
        what: String,
        /// What is wrong with it.
        #[source]
        source: CodecError,
    },
    /// A chunk does not hold as many elements as it should.
    #[error("{what} decodes to {found} bytes, not {expected}")]
    Length {
        /// Which chunk.
        what: String,
        /// As decoded.
        found: usize,
        /// As its shape and type say.
        expected: usize,
    },
    /// A chunk is larger than what a tile may take.
    #[error(
        "a chunk of `{array}` has {bytes} bytes when it is decoded, and {limit} is the limit; store it in smaller chunks or raise `cache.memory_mib`"
    )]
    ChunkTooLarge {
        /// Path of the array.
        array: String,
        /// Bytes of one.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Requests may not name stores.
    #[error(
        "`url` is off here: the setting `server.zarr_urls` lists the places that it may name, and is empty"
    )]
    Closed,
    /// A store that requests may not name.
    #[error(
        "`{0}` is below none of the places that the setting `server.zarr_urls` lists, of which alone `url` may name stores"
    )]
    NotListed(String),
    /// An address that could mean another place than it seems to.
    #[error("`url={url}`: {reason}")]
    Unclear {
        /// As asked for.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is nothing at a place that may be named.
    #[error("there is nothing at {0}")]
    Absent(String),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// Another request for the same chunk failed.
    #[error("{0}")]
    Shared(Arc<ExternalError>),
}
