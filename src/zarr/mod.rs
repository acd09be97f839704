//! Chunks of Zarr arrays: encoding and decoding, the template of an empty
//! cube, windows of variables, cells of coverage. The only user of `zarrs`.

mod codec;
mod coverage;
mod read;
mod stored;
mod template;
mod write;

pub use codec::{Codec, CodecError, ShardIndex};
pub use coverage::{
    CellBlock, block_of, encode_provenance, read_block, read_cell, read_provenance,
};
pub use read::{HeldChunks, Reader};
pub use stored::StoredCube;
pub use template::{create, create_at, extend};
pub use write::{NewChunk, encode_chunk, patch_cells, read_chunk};

use crate::{cube::metadata::MetadataError, repo::RepoError};

/// Why a cube could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ZarrError {
    /// The repository failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The metadata is not a cube's.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// An array's document cannot be understood, or a chunk is damaged.
    #[error("cannot decode {what}")]
    Codec {
        /// Which array or chunk.
        what: String,
        /// What is wrong with it.
        #[source]
        source: CodecError,
    },
    /// The cube's reference system cannot be used.
    #[error(transparent)]
    Crs(#[from] crate::crs::CrsError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] crate::compute::ComputeError),
    /// Another request for the same chunk failed.
    #[error("{0}")]
    Shared(std::sync::Arc<ZarrError>),
}

pub(crate) fn damaged(what: impl Into<String>) -> impl FnOnce(CodecError) -> ZarrError {
    let what = what.into();
    move |source| ZarrError::Codec { what, source }
}
