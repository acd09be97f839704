//! The demo: a synthetic archive of cloud optimized `GeoTIFF`s and the STAC API that offers it, all offline.

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
mod parcels;
pub mod plane;
mod relief;
mod scenery;
mod spectrum;
pub mod stac;
mod tiff;
pub mod utm;
