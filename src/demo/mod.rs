//! The demo: a synthetic archive of Cloud Optimized GeoTIFFs and the STAC API that offers it, all offline.

pub mod cog;
pub mod gazetteer;
pub mod grid;
pub mod landscape;
pub mod noise;
pub mod parcels;
pub mod plane;
pub mod relief;
pub mod spectrum;
pub mod utm;
