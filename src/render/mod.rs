//! Pixels from numbers: rescale, colormap, mask and image file.

pub mod colormap;
pub mod encode;
pub mod picture;
pub mod style;

pub use colormap::Colormap;
pub use encode::{ImageFormat, encode};
pub use picture::Picture;
pub use style::{Style, StyleError};
