//! The demo: a synthetic archive of Cloud Optimized GeoTIFFs and the STAC API that offers it, all offline.

pub mod acquisition;
pub mod archive;
pub mod clouds;
pub mod cog;
pub mod frame;
pub mod gazetteer;
pub mod grid;
pub mod imagery;
pub mod items;
pub mod landscape;
pub mod noise;
pub mod parcels;
pub mod plane;
pub mod relief;
pub mod scenery;
pub mod spectrum;
pub mod stac;
pub mod utm;
