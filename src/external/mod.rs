//! Other people's Zarr stores, opened and read: local folders, http(s)
//! addresses and local Icechunk repositories that hold no cube of ours.
//!
//! [`Source`] is an address that is asked from time to time whether its
//! metadata changed, [`External`] one state of it, and [`ChunkReader`] reads
//! the chunks of its variables through a cache.

mod address;
mod error;
mod open;
mod read;
mod samples;
mod source;
mod store;

pub use address::Address;
pub use error::ExternalError;
pub use open::{External, Placed};
pub use read::{ChunkReader, OpenArray, Plane, Unit};
pub use samples::{Element, Kind, Samples, Stored};
pub use source::Source;
