//! `CubeTiler`.

pub mod demo;
