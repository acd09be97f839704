//! `CubeTiler` serves map tiles from a Zarr data cube and builds the cube it
//! serves. Two flows share one core and meet in one message:
//!
//! - **Tile flow**: HTTP request → tile address → selection of variables, time,
//!   level and window → chunk reads → resampling → style → picture.
//! - **Build flow**: request → plan of missing chunks → STAC search → windowed
//!   scene reads → warp → mask → composite → chunk → overviews → one commit.
//!
//! The build flow publishes a new revision of the cube to the tile flow.
//! Nothing else crosses. `ARCHITECTURE.md` tells who may use whom.

pub mod app;
pub mod build;
pub mod cache;
pub mod catalog;
pub mod cli;
pub mod compute;
pub mod config;
pub mod crs;
pub mod cube;
pub mod dataset;
pub mod demo;
pub mod export;
pub mod external;
pub mod grid;
pub mod http;
pub mod land;
pub mod raster;
pub mod render;
pub mod repo;
pub mod source;
pub mod storage;
pub mod suggest;
pub mod telemetry;
pub mod tile;
pub mod zarr;
