//! Cubes in other reference systems than EPSG:4326.

use cubetiler::{
    crs::{geographic_bounds, project, projected_bounds, wkt},
    grid::{Bounds, Epsg},
};
use proptest::prelude::*;

/// A system, where rectangles of it begin, and how far from there they reach.
const SYSTEMS: [(Epsg, Bounds); 8] = [
    (
        Epsg(32633),
        bounds(-500_000.0, 0.0, 1_500_000.0, 9_300_000.0),
    ),
    (
        Epsg(32601),
        bounds(-500_000.0, 0.0, 1_500_000.0, 9_300_000.0),
    ),
    (
        Epsg(32660),
        bounds(-500_000.0, 0.0, 1_500_000.0, 9_300_000.0),
    ),
    (
        Epsg(32760),
        bounds(-500_000.0, 700_000.0, 1_500_000.0, 10_000_000.0),
    ),
    (
        Epsg(3035),
        bounds(900_000.0, 900_000.0, 7_400_000.0, 7_000_000.0),
    ),
    // The north pole is at 4 321 000, 7 353 000.
    (
        Epsg(3035),
        bounds(4_000_000.0, 7_000_000.0, 4_700_000.0, 7_700_000.0),
    ),
    (
        Epsg(3857),
        bounds(-20_037_508.34, -20_037_508.34, 20_037_508.34, 20_037_508.34),
    ),
    (Epsg(4326), bounds(-180.0, -90.0, 180.0, 90.0)),
];

const fn bounds(west: f64, south: f64, east: f64, north: f64) -> Bounds {
    Bounds {
        west,
        south,
        east,
        north,
    }
}

/// A point of a rectangle by two numbers from 0 to 1.
fn point(of: Bounds, across: f64, up: f64) -> (f64, f64) {
    // Rounding must not carry it out.
    (
        (of.west + (of.east - of.west) * across).clamp(of.west, of.east),
        (of.south + (of.north - of.south) * up).clamp(of.south, of.north),
    )
}

fn rectangle(of: Bounds, [a, b, c, d]: [f64; 4]) -> Bounds {
    let ((x0, y0), (x1, y1)) = (point(of, a, b), point(of, c, d));
    bounds(x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1))
}

fn holds(part: &Bounds, (x, y): (f64, f64)) -> bool {
    (part.west..=part.east).contains(&x) && (part.south..=part.north).contains(&y)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_point_of_a_rectangle_is_outside_of_its_geographic_bounds(
        system in 0..SYSTEMS.len(),
        corners in prop::array::uniform4(0.0..=1.0_f64),
        points in prop::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 40),
    ) {
        let (system, area) = SYSTEMS[system];
        let rectangle = rectangle(area, corners);
        let parts = geographic_bounds(system, rectangle).unwrap();
        prop_assert!(matches!(parts.len(), 1 | 2));
        for part in &parts {
            prop_assert!(-180.0 <= part.west && part.east <= 180.0 && part.west <= part.east);
            prop_assert!(-90.0 <= part.south && part.north <= 90.0);
        }
        let corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)];
        for (across, up) in points.into_iter().chain(corners) {
            let (x, y) = point(rectangle, across, up);
            let place = project(x, y, system, Epsg::WGS84).unwrap();
            prop_assert!(
                parts.iter().any(|part| holds(part, place)),
                "{system} {rectangle:?}: {place:?} is not in {parts:?}"
            );
        }
    }

    #[test]
    fn no_point_of_a_geographic_rectangle_is_outside_of_its_projected_bounds(
        system in 0..SYSTEMS.len(),
        corners in prop::array::uniform4(0.0..=1.0_f64),
        points in prop::collection::vec((0.0..=1.0_f64, 0.0..=1.0_f64), 40),
    ) {
        let (system, area) = SYSTEMS[system];
        for part in geographic_bounds(system, rectangle(area, corners)).unwrap() {
            let around = projected_bounds(system, part).unwrap();
            for (across, up) in &points {
                let (longitude, latitude) = point(part, *across, *up);
                let place = project(longitude, latitude, Epsg::WGS84, system).unwrap();
                prop_assert!(
                    holds(&around, place),
                    "{system} {part:?}: {place:?} is not in {around:?}"
                );
            }
        }
    }
}

#[test]
fn geographic_bounds_are_not_much_larger_than_the_rectangle() {
    // A chunk of 12 km near the edge of a zone, turned by its convergence.
    let chunk = bounds(700_000.0, 5_000_000.0, 712_000.0, 5_012_000.0);
    let parts = geographic_bounds(Epsg(32633), chunk).unwrap();
    let [part] = parts.as_slice() else {
        panic!("{parts:?}")
    };
    let corner = |x, y| project(x, y, Epsg(32633), Epsg::WGS84).unwrap();
    let west = corner(chunk.west, chunk.south)
        .0
        .min(corner(chunk.west, chunk.north).0);
    let east = corner(chunk.east, chunk.south)
        .0
        .max(corner(chunk.east, chunk.north).0);
    assert!(
        west - part.west < 1e-5 && part.east - east < 1e-5,
        "{part:?}"
    );
}

#[test]
fn a_rectangle_across_the_antimeridian_has_two_parts_and_one_at_it_has_one() {
    let (edge, _) = project(180.0, 10.0, Epsg::WGS84, Epsg(32660)).unwrap();
    let (_, y) = project(179.0, 10.0, Epsg::WGS84, Epsg(32660)).unwrap();
    let across = bounds(edge - 50_000.0, y, edge + 50_000.0, y + 1000.0);
    let parts = geographic_bounds(Epsg(32660), across).unwrap();
    assert_eq!(parts.len(), 2, "{parts:?}");
    assert_eq!((parts[0].east, parts[1].west), (180.0, -180.0));
    let half = 20_037_508.342_789_244;
    let world = bounds(-half, -half, half, half);
    assert_eq!(geographic_bounds(Epsg(3857), world).unwrap().len(), 1);
    let at_the_end = bounds(half - 1000.0, 0.0, half, 1000.0);
    assert_eq!(geographic_bounds(Epsg(3857), at_the_end).unwrap().len(), 1);
    let at_the_begin = bounds(-half, 0.0, 1000.0 - half, 1000.0);
    assert_eq!(
        geographic_bounds(Epsg(3857), at_the_begin).unwrap().len(),
        1
    );
}

#[test]
fn a_system_is_written_in_one_line_with_its_code() {
    for code in [4326, 3857, 3035, 32601, 32760] {
        let text = wkt(Epsg(code)).unwrap();
        assert!(!text.contains('\n') && !text.contains(",  "), "{text}");
        assert!(text.ends_with(&format!("ID[\"EPSG\",{code}]]")), "{text}");
    }
    assert!(
        wkt(Epsg(99_999))
            .unwrap_err()
            .to_string()
            .contains("EPSG:99999")
    );
}
