//! What can go wrong between a recipe's source and its samples.

use std::sync::Arc;

use super::cog::{Cog, CogError};
use crate::compute::ComputeError;
use crate::storage::{FetchError, LocationError};

/// Why scenes cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[source] FetchError),
    /// A link or an asset leads nowhere that is read.
    #[error("{what}: {source}")]
    Location {
        /// Whose address it is.
        what: String,
        /// What is wrong with it.
        source: LocationError,
    },
    /// A catalogue document does not come.
    #[error("{step} {location}: {source} (attempts: {attempts})")]
    Request {
        /// What was tried.
        step: &'static str,
        /// Whose answer was awaited.
        location: String,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: FetchError,
    },
    /// A catalogue document is not what it should be.
    #[error("{location} {reason}")]
    Document {
        /// Where it came from.
        location: String,
        /// What is wrong, as the rest of a sentence.
        reason: String,
    },
    /// The pages of a search do not come to an end.
    #[error("the search of {location} does not come to an end: {reason}")]
    Paging {
        /// Where the page came from.
        location: String,
        /// How that was noticed.
        reason: String,
    },
    /// A search or a crawl finds more than is allowed.
    #[error("{location} has more than {limit} {what}; {advice}")]
    TooMany {
        /// The catalogue.
        location: String,
        /// What it has too many of.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// What to do.
        advice: &'static str,
    },
    /// The `query` of the source is not understood.
    #[error("the source's query: {0}")]
    Query(String),
    /// None of the items has an asset of this name.
    #[error("no item that was found has an asset `{asset}`{suggestion}")]
    NoAsset {
        /// The name in the recipe.
        asset: String,
        /// `: did you mean ..?`, or nothing.
        suggestion: String,
    },
    /// A mask is asked for without an asset, and none is known.
    #[error(
        "`source.mask` names no asset, and what masks the items of {collection} is not known: \
         name it, or the `source.profile` of the archive"
    )]
    NoMask {
        /// The collection of the first item.
        collection: String,
    },
    /// An image cannot be opened or read.
    #[error("{step} {href}: {source}")]
    Image {
        /// What was tried.
        step: &'static str,
        /// The image, whose path usually holds item and asset.
        href: String,
        /// What is wrong.
        source: Arc<CogError>,
    },
    /// The program is shutting down, or a computation panicked.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

impl SourceError {
    /// A step that failed on an opened image.
    #[must_use]
    pub fn image(step: &'static str, cog: &Cog, source: CogError) -> Self {
        Self::Image {
            step,
            href: cog.href().to_string(),
            source: Arc::new(source),
        }
    }

    /// Whether the same may succeed a little later, though all attempts have
    /// been made.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request { source, .. } => source.is_transient(),
            // A damaged tile may have been damaged on its way.
            Self::Image { source, .. } => {
                source.is_transient() || matches!(**source, CogError::Tile { .. })
            }
            Self::Client(_)
            | Self::Location { .. }
            | Self::Document { .. }
            | Self::Paging { .. }
            | Self::TooMany { .. }
            | Self::Query(_)
            | Self::NoAsset { .. }
            | Self::NoMask { .. }
            | Self::Compute(_) => false,
        }
    }
}
