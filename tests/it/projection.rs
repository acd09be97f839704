//! Positions against pyproj, whose PROJ is another build of another version.

use std::process::Command;

use cubetiler::{
    crs,
    grid::{Epsg, GeoTransform, Grid, Shape},
};

use crate::{
    reference::script,
    support::{python, succeed},
};

/// A system, the north-western corner and the cell size of a grid of 100 x 100
/// pixels in it, and the system to project to.
const GRIDS: &[(u32, (f64, f64), f64, u32)] = &[
    (4326, (15.9, 45.9), 1.0 / 3600.0, 32633),
    (4326, (-179.95, 52.0), 0.001, 32601),
    (4326, (179.85, -17.0), 0.001, 32760),
    (4326, (4.5, 60.0), 0.001, 32631),
    (4326, (4.5, 60.0), 0.001, 32632),
    (4326, (8.5, 78.0), 0.002, 32631),
    (4326, (11.5, 78.0), 0.002, 32633),
    (4326, (21.0, 78.0), 0.002, 32635),
    (4326, (33.0, 78.0), 0.002, 32637),
    (4326, (15.0, 84.0), 0.0005, 32633),
    (4326, (-70.0, -79.9), 0.001, 32719),
    (4326, (10.0, 52.0), 0.01, 3035),
    (4326, (16.0, 45.8), 0.05, 3857),
    (32631, (300_000.0, 6_650_000.0), 10.0, 4326),
    (32631, (700_000.0, 6_650_000.0), 60.0, 32632),
    (3035, (4_321_000.0, 3_210_000.0), 100.0, 32632),
    (3857, (1_780_000.0, 5_750_000.0), 5000.0, 4326),
];

#[test]
fn positions_agree_with_pyproj_within_a_millimetre() {
    let Some(python) = python() else {
        return;
    };
    let mut table = Vec::new();
    for &(from, (west, north), cell, to) in GRIDS {
        let grid = Grid {
            crs: Epsg(from),
            transform: GeoTransform {
                origin_x: west,
                origin_y: north,
                cell_width: cell,
                cell_height: -cell,
            },
            shape: Shape {
                rows: 100,
                cols: 100,
            },
        };
        let place = crs::positions(&grid, grid.shape.window(), grid.crs).unwrap();
        let found = crs::positions(&grid, grid.shape.window(), Epsg(to)).unwrap();
        for n in 0..place.x.len() {
            let row = [place.x[n], place.y[n], found.x[n], found.y[n]];
            table.extend([f64::from(from), f64::from(to)]);
            table.extend(row);
        }
    }
    let bytes: Vec<u8> = table.into_iter().flat_map(f64::to_le_bytes).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("positions.f64");
    std::fs::write(&file, bytes).unwrap();
    succeed(
        Command::new(python)
            .args([&script("projection.py"), file.to_str().unwrap()])
            .args(["--tolerance", "0.001"]),
    );
}
