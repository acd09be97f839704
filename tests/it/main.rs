//! Everything that takes more than one module, over HTTP, the command line,
//! real data and a real browser. One binary, so that there is one link.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed step fails the test, and a skipped one says so"
)]

mod access;
mod admin;
mod any_grid;
mod blocks;
mod bounds;
mod browser;
mod bucket;
mod cli;
mod cloud;
mod dataset;
mod edges;
mod errors;
mod export;
mod external;
mod fake_cloud;
mod faults;
mod fixture;
mod freshness;
mod invariance;
mod jobs;
mod layers;
mod looks;
mod looks_of_others;
mod masks;
mod ogc;
mod products;
mod projection;
mod random_archive;
mod reducers;
mod reference;
mod requests;
mod resampling;
mod round_trip;
mod support;
mod tile_matrix_sets;
mod titiler;
mod titiler_corpus;
mod titiler_cube;
mod titiler_url;
mod upkeep;
mod values;
mod warp;
mod wms;
mod workshop;
