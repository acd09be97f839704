//! Checks that the assets which npm delivers are there before they are embedded.
//!
//! Leaflet (the map page) and the world atlas (the outlines of land) are parts of the
//! program but not of the repository; `package-lock.json` pins their versions.

use std::path::Path;

const ASSETS: [&str; 2] = [
    "node_modules/leaflet/dist/leaflet.js",
    "node_modules/world-atlas/land-10m.json",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for asset in ASSETS {
        println!("cargo::rerun-if-changed={asset}");
        if !Path::new(asset).is_file() {
            println!("cargo::error={asset} is missing: run `make setup` (npm ci) first");
        }
    }
}
