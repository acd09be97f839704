//! Why a cube is not there, or cannot be opened or made.

use std::{path::PathBuf, sync::Arc};

use crate::{compute::Busy, external::ExternalError, zarr::ZarrError};

/// No cube of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no cube `{name}`{hint}")]
pub struct UnknownCube {
    pub(super) name: String,
    pub(super) hint: String,
}

/// Why a cube cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A name that cannot stand in a URL.
    #[error(
        "`{0}` is no name for a cube: use letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    Name(String),
    /// The name is taken.
    #[error("there are two cubes called `{0}`")]
    Twice(String),
    /// The store is no cube, or cannot be read.
    #[error("cannot open the cube `{name}` at {}", path.display())]
    Open {
        /// Its name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<ZarrError>,
    },
    /// The store is neither a cube nor anything that tiles can be made of.
    #[error(
        "cannot open `{name}` at {address}: it is no cube of CubeTiler's ({}), and as a data set of somebody else it cannot be opened ({})",
        with_causes(.cube.as_ref()), with_causes(.external.as_ref())
    )]
    Neither {
        /// Its name.
        name: String,
        /// Where it should be.
        address: String,
        /// Why it is no cube.
        cube: Box<ZarrError>,
        /// Why it is no data set.
        external: Box<ExternalError>,
    },
    /// The remote store is nothing that tiles can be made of.
    #[error("cannot open the data set `{name}` at {address}")]
    Remote {
        /// Its name.
        name: String,
        /// Where it should be.
        address: String,
        /// What is wrong.
        #[source]
        source: Box<ExternalError>,
    },
}

/// Why no cube is made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is no folder for it.
    #[error("no cubes are made here: `server.cubes_dir` is not set")]
    Off,
    /// The name is none.
    #[error(
        "`{0}` is no name for a new cube: use at most 64 of a-z, 0-9, `-` and `_`, and begin with a letter or digit"
    )]
    Name(String),
    /// The name is taken.
    #[error("there is a cube `{0}` already")]
    Taken(String),
    /// There are enough of them.
    #[error("there are {0} cubes already, and no more are made")]
    Full(usize),
    /// The folder cannot be used.
    #[error("cannot make a cube in {} (`server.cubes_dir`)", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the new cube")]
    Write(#[from] ZarrError),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] CatalogError),
}

/// An error and its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Why what a request names by its address is not served.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// It is a cube of ours.
    #[error(
        "`url` names the cube `{0}` of this server: leave it out, and ask below /cubes/{0} instead"
    )]
    Own(String),
    /// Too many are being opened.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// It may not be named, or cannot be opened.
    #[error(transparent)]
    External(#[from] ExternalError),
    /// Another request that opened it failed.
    #[error(transparent)]
    Shared(Arc<GuestError>),
}
