//! CubeTiler.
