//! The demo: a synthetic archive of cloud optimized `GeoTIFF`s and the STAC API that offers it, all offline.
//!
//! From the ground up: `noise`, `grid` and `plane` are the tools; `relief`, `parcels` and `gazetteer` make the
//! `landscape`, `clouds` hang over it, and `scenery` is what a satellite sees of both. `frame` and [`utm`] say where
//! its pixels lie, [`acquisition`] when they were taken. [`archive`] writes them, through [`cog`] (of `tiff` and
//! `overview`) and `items`; [`stac`] serves the result. Tests put any other [`imagery`] in the place of the scenery.

pub mod acquisition;
pub mod archive;
mod clouds;
pub mod cog;
pub mod frame;
mod gazetteer;
mod grid;
pub mod imagery;
mod items;
mod landscape;
mod noise;
mod overview;
mod parcels;
pub mod plane;
mod relief;
mod scenery;
mod spectrum;
pub mod stac;
mod tiff;
pub mod utm;
