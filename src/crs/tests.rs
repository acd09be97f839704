use std::cell::Cell;

use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    demo::utm::Zone,
    grid::{GeoTransform, Shape},
};

fn grid() -> Grid {
    Grid {
        crs: Epsg::WGS84,
        transform: GeoTransform {
            origin_x: 15.0,
            origin_y: 46.95,
            cell_width: 0.01,
            cell_height: -0.01,
        },
        shape: Shape {
            rows: 100,
            cols: 100,
        },
    }
}

/// Against the demo's own transverse Mercator, which is not PROJ's code.
#[test]
fn utm_agrees_with_an_independent_projection_and_longitude_comes_first() {
    for (lon, lat) in [
        (15.98, 45.81),
        (6.0, 43.1),
        (-179.9, -79.0),
        (179.9, 83.0),
        (4.5, 60.0),
    ] {
        let zone = Zone::containing(lon, lat);
        let found = project(lon, lat, Epsg::WGS84, Epsg(u32::from(zone.epsg()))).unwrap();
        let expected = zone.forward(lon, lat);
        let off = (found.0 - expected.0).hypot(found.1 - expected.1);
        assert!(off < 0.001, "{lon} {lat}: {found:?} {expected:?}");
        let back = project(found.0, found.1, Epsg(u32::from(zone.epsg())), Epsg::WGS84).unwrap();
        assert!((back.0 - lon).abs() < 1e-9 && (back.1 - lat).abs() < 1e-9);
    }
}

#[test]
fn a_cell_at_a_point_has_its_size_there() {
    let (x, y) = project(15.5, 46.0, Epsg::WGS84, Epsg(32633)).unwrap();
    let (width, height) = cell_size_at(&grid(), x, y, Epsg(32633)).unwrap();
    assert!((width - 774.0).abs() < 2.0, "{width}");
    assert!((height - 1111.0).abs() < 2.0, "{height}");
}

#[test]
fn an_unknown_system_is_named() {
    let error = project(0.0, 0.0, Epsg::WGS84, Epsg(99_999)).unwrap_err();
    assert!(error.to_string().contains("EPSG:99999"), "{error}");
}

/// Where the projections that matter are awkward: a system, a point in it and
/// the system that it is put in.
const PLACES: &[(Epsg, (f64, f64), Epsg)] = &[
    (Epsg::WGS84, (16.0, 45.8), Epsg(32633)),
    (Epsg::WGS84, (-179.6, 52.0), Epsg(32601)),
    (Epsg::WGS84, (179.6, -17.0), Epsg(32760)),
    // The wide zone of south-western Norway and its narrow neighbour.
    (Epsg::WGS84, (4.5, 60.0), Epsg(32631)),
    (Epsg::WGS84, (4.5, 60.0), Epsg(32632)),
    // Svalbard has four zones.
    (Epsg::WGS84, (8.5, 78.0), Epsg(32631)),
    (Epsg::WGS84, (9.5, 78.0), Epsg(32633)),
    (Epsg::WGS84, (21.5, 78.0), Epsg(32635)),
    (Epsg::WGS84, (33.5, 78.0), Epsg(32637)),
    (Epsg::WGS84, (15.0, 83.9), Epsg(32633)),
    (Epsg::WGS84, (-70.0, -79.9), Epsg(32719)),
    (Epsg::WGS84, (0.1, 0.1), Epsg(32731)),
    (Epsg::WGS84, (10.0, 52.0), Epsg(3035)),
    (Epsg::WGS84, (-25.0, 66.0), Epsg(3035)),
    (Epsg::WGS84, (16.0, 45.8), Epsg::WEB_MERCATOR),
    (Epsg::WGS84, (16.0, 84.0), Epsg::WEB_MERCATOR),
    (Epsg::WGS84, (0.5, -89.5), Epsg(3031)),
    (Epsg(32631), (300_000.0, 6_650_000.0), Epsg::WGS84),
    (Epsg(32631), (700_000.0, 6_650_000.0), Epsg(32632)),
    (Epsg(32601), (200_000.0, 7_000_000.0), Epsg::WGS84),
    (Epsg(32733), (500_000.0, 1_150_000.0), Epsg(32734)),
    (Epsg(32633), (500_000.0, 9_300_000.0), Epsg(32635)),
    (Epsg(3035), (4_321_000.0, 3_210_000.0), Epsg(32632)),
    (Epsg::WEB_MERCATOR, (1_780_000.0, 5_750_000.0), Epsg(32633)),
    (Epsg::WEB_MERCATOR, (20_037_000.0, 5_750_000.0), Epsg::WGS84),
];

/// A grid around a point, which is at pixel (500, 500).
fn grid_at((x, y): (f64, f64), crs: Epsg, cell: f64) -> Grid {
    Grid {
        crs,
        transform: GeoTransform {
            origin_x: x - 500.0 * cell,
            origin_y: y + 500.0 * cell,
            cell_width: cell,
            cell_height: -cell,
        },
        shape: Shape {
            rows: 1000,
            cols: 1000,
        },
    }
}

/// A cell size of a system between the smallest and the largest that a cube
/// or an image has: 0 to 1.
fn cell_size(system: Epsg, size: f64) -> f64 {
    let (smallest, largest): (f64, f64) = if system == Epsg::WGS84 {
        (1e-5, 0.05)
    } else {
        (10.0, 5000.0)
    };
    smallest * (largest / smallest).powf(size)
}

/// Where PROJ puts a pixel, or infinity.
fn truth(grid: &Grid, row: f64, col: f64, to: Epsg) -> (f64, f64) {
    let at = &grid.transform;
    project(at.x(col + 0.5), at.y(row + 0.5), grid.crs, to)
        .unwrap_or((f64::INFINITY, f64::INFINITY))
}

/// The largest distance of positions to those of PROJ, in pixels.
fn error(grid: &Grid, window: Window, to: Epsg) -> f64 {
    let found = positions(grid, window, to).unwrap();
    let mut largest = 0.0_f64;
    for (n, (x, y)) in std::iter::zip(found.x, found.y).enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a small grid")]
        let (row, col) = (
            (window.row + n / window.cols) as f64,
            (window.col + n % window.cols) as f64,
        );
        let distance = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
        let expected = truth(grid, row, col, to);
        if (x, y) == expected {
            continue;
        }
        // Beside a jump a neighbour is far away, but the other one is not.
        let size = [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)]
            .map(|(down, right)| distance(expected, truth(grid, row + down, col + right, to)))
            .into_iter()
            .fold(f64::INFINITY, f64::min);
        largest = largest.max(distance((x, y), expected) / size);
        assert!(!largest.is_nan(), "{row} {col}: {x} {y}, not {expected:?}");
    }
    largest
}

/// A window around the middle of a grid of 1000 x 1000 pixels.
fn windows() -> impl Strategy<Value = Window> {
    (440_usize..500, 440_usize..500, 1_usize..80, 1_usize..80).prop_map(|(row, col, rows, cols)| {
        Window {
            row,
            col,
            rows,
            cols,
        }
    })
}

fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(f64::to_bits).collect()
}

proptest! {
    #[test]
    fn a_part_of_a_window_has_the_same_positions_to_the_bit(
        place in select(PLACES), size in 0.0..1.0, window in windows(), other in windows(),
    ) {
        let (from, point, to) = place;
        let grid = grid_at(point, from, cell_size(from, size));
        let part = window.intersection(&other);
        prop_assume!(part.is_some());
        let part = part.unwrap();
        let whole = positions(&grid, window, to).unwrap();
        let found = positions(&grid, part, to).unwrap();
        let cut = |values: &[f64]| {
            bits((part.row..part.row_end()).flat_map(|row| {
                let start = (row - window.row) * window.cols + part.col - window.col;
                values[start..start + part.cols].to_vec()
            }))
        };
        prop_assert_eq!(cut(&whole.x), bits(found.x));
        prop_assert_eq!(cut(&whole.y), bits(found.y));
    }

    #[test]
    fn positions_are_where_proj_says_within_a_millionth_of_a_pixel(
        place in select(PLACES), size in 0.0..1.0, window in windows(),
    ) {
        let (from, point, to) = place;
        let grid = grid_at(point, from, cell_size(from, size));
        let error = error(&grid, window, to);
        prop_assert!(error < 1e-6, "{place:?} {window:?}: {error}");
    }
}

#[test]
fn positions_on_both_sides_of_the_antimeridian_and_of_the_worlds_end_are_exact() {
    let window = Window {
        row: 470,
        col: 470,
        rows: 60,
        cols: 60,
    };
    for (from, point, cell, to) in [
        (Epsg::WGS84, (180.0, 10.0), 0.001, Epsg::WEB_MERCATOR),
        (Epsg::WGS84, (180.0, 66.0), 0.01, Epsg(32660)),
        (Epsg(32601), (190_000.0, 7_000_000.0), 3000.0, Epsg::WGS84),
        (Epsg(3413), (0.0, 0.0), 1000.0, Epsg::WGS84),
        // Half of the rows are beyond the pole.
        (Epsg::WGS84, (20.0, 90.0), 0.001, Epsg(32633)),
        (Epsg::WGS84, (20.0, 90.0), 0.001, Epsg::WEB_MERCATOR),
    ] {
        let error = error(&grid_at(point, from, cell), window, to);
        assert!(error < 1e-6, "{from} {to}: {error}");
    }
}

#[test]
fn a_window_at_the_corner_of_a_grid_has_nodes_outside_it() {
    let window = Window {
        row: 0,
        col: 0,
        rows: 20,
        cols: 3,
    };
    let error = error(
        &grid_at((16.0, 45.8), Epsg::WGS84, 0.001),
        window,
        Epsg(32633),
    );
    assert!(error < 1e-6, "{error}");
}

#[test]
fn a_smooth_projection_is_asked_for_one_point_in_eighty() {
    let grid = grid_at((16.0, 45.8), Epsg::WGS84, 0.0003);
    let asked = Cell::new(0);
    let window = grid.shape.window();
    with_projector(grid.crs, Epsg(32633), |projector| {
        positions::interpolated(&grid.transform, window, |points| {
            asked.set(asked.get() + points.len());
            convert_each(projector, grid.crs, points);
        });
        Ok(())
    })
    .unwrap();
    assert!(asked.get() < window.len() / 80, "{}", asked.get());
}

/// The two directions cancel each other out in the centre of every cell.
#[test]
fn an_error_that_the_centre_of_a_cell_does_not_show_is_found() {
    let grid = grid_at((0.0, 0.0), Epsg::WGS84, 1.0);
    let saddle = |point: &mut (f64, f64)| {
        let (x, y) = (point.0 / 100.0, point.1 / 100.0);
        *point = (point.0 + x.powi(4) - y.powi(4), point.1);
    };
    let window = grid.shape.window();
    let found = positions::interpolated(&grid.transform, window, |points| {
        points.iter_mut().for_each(saddle);
    });
    let mut expected = positions::of_pixels(&grid.transform, window);
    for (x, y) in std::iter::zip(&mut expected.x, &expected.y) {
        let mut point = (*x, *y);
        saddle(&mut point);
        *x = point.0;
    }
    for (found, expected) in std::iter::zip(found.x, expected.x) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn an_empty_window_has_no_positions() {
    let window = Window {
        row: 3,
        col: 3,
        rows: 0,
        cols: 5,
    };
    let found = positions(&grid(), window, Epsg(32633)).unwrap();
    assert!(found.x.is_empty() && found.y.is_empty());
}

#[test]
fn a_definition_is_used_like_a_code() {
    let text = "+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs";
    let defined = define(text).unwrap();
    assert_eq!(define(text).unwrap(), defined, "the same for the same text");
    let (x, y) = project(15.5, 46.0, Epsg::WGS84, defined).unwrap();
    let (by_code_x, by_code_y) = project(15.5, 46.0, Epsg::WGS84, Epsg(32633)).unwrap();
    assert!((x - by_code_x).abs() < 1e-6 && (y - by_code_y).abs() < 1e-6);
    let (longitude, latitude) = project(x, y, defined, Epsg::WGS84).unwrap();
    assert!((longitude - 15.5).abs() < 1e-9 && (latitude - 46.0).abs() < 1e-9);
    assert_eq!(name(defined), text);
    assert_eq!(name(Epsg(32633)), "EPSG:32633");
}

#[test]
fn nonsense_is_no_system() {
    let message = define("+proj=nothing").unwrap_err().to_string();
    assert!(message.contains("+proj=nothing"), "{message}");
}
