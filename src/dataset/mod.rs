//! Other people's Zarr stores.
mod axis;
pub mod cf;
pub mod codec;
mod crs;
mod documents;
mod dtype;
mod error;
pub mod limits;
mod node;

pub use axis::{Axis, AxisValues, Values};
pub use crs::{Crs, CrsSource};
pub use documents::{Documents, GROUP_DOCUMENTS};
pub use dtype::DataType;
pub use error::DatasetError;
pub use node::{Array, Attributes, Format, Group};
