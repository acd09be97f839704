//! Pixels from numbers: rescale, colormap, mask and image file.

pub mod colormap;
pub mod encode;
pub mod picture;
