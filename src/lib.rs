//! CubeTiler.
pub mod land;
pub mod render;
