//! Pixels from numbers: rescale, colormap, mask and image file.

pub mod classes;
pub mod coloring;
pub mod colormap;
pub mod encode;
pub mod format;
pub mod geotiff;
mod levels;
pub mod npy;
pub mod painter;
mod palette;
pub mod picture;
pub mod pixel;
pub mod strip;
pub mod style;

pub use coloring::{Coloring, ColoringError};
pub use colormap::Colormap;
pub use encode::{ImageFormat, encode};
pub use format::{FileFormat, SampleFormat};
pub use npy::npy;
pub use painter::Painter;
pub use picture::{Picture, Pixels};
pub use pixel::{Packing, Pixel};
pub use strip::{Orientation, strip};
pub use style::{Style, StyleError};
