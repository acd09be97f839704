//! The demo: a synthetic archive of Cloud Optimized GeoTIFFs and the STAC API that offers it, all offline.

pub mod cog;
