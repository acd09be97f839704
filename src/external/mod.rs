//! Other people's Zarr stores, opened and read: local folders, http(s) addresses,
//! buckets, and Icechunk repositories on the disk or in a bucket that hold no cube
//! of ours.
//!
//! [`Source`] is an address that is asked from time to time whether its
//! metadata changed, [`External`] one state of it, [`Gate`] says which a request may
//! name, and [`ChunkReader`] reads the chunks of its variables through a cache.

mod address;
mod chunk_keys;
mod error;
mod gate;
mod known;
mod open;
mod read;
mod samples;
mod source;
mod store;
mod walk;

pub use address::Address;
pub use error::ExternalError;
pub use gate::Gate;
pub use open::{Contents, Coordinate, External, Placed};
pub use read::{ChunkReader, OpenArray, Plane, Unit};
pub use samples::{Element, Kind, Samples, Stored};
pub use source::Source;
