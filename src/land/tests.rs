//! Known places, every answer against a plain computation, and shapely's answers.

use std::{
    f64::consts::{PI, TAU},
    path::Path,
    sync::LazyLock,
};

use proptest::prelude::*;

use super::{
    Land,
    topojson::{Atlas, read},
};

static ATLAS: LazyLock<Atlas> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("node_modules/world-atlas/land-10m.json");
    read(&std::fs::read_to_string(path).unwrap()).unwrap()
});

fn land_in(west: f64, south: f64, east: f64, north: f64) -> bool {
    Land::global().intersects(west, south, east, north)
}

#[test]
fn capitals_are_on_land() {
    for (name, longitude, latitude) in [
        ("Lisbon", -9.14, 38.74),
        ("Lima", -77.03, -12.05),
        ("Wellington", 174.77, -41.31),
        ("Nairobi", 36.82, -1.29),
        ("Reykjavik", -21.90, 64.12),
        ("Suva", 178.44, -18.12),
    ] {
        assert!(Land::global().contains(longitude, latitude), "{name}");
        assert!(
            land_in(longitude, latitude, longitude, latitude),
            "{name} as a box without extent"
        );
    }
}

#[test]
fn open_oceans_have_no_land() {
    for (name, west, south, east, north) in [
        ("North Atlantic", -45.0, 30.0, -35.0, 35.0),
        ("South Pacific", -130.0, -50.0, -110.0, -40.0),
        ("Bay of Bengal", 86.0, 10.0, 90.0, 14.0),
        ("North Pole", -180.0, 85.0, 180.0, 90.0),
        ("Gulf of Guinea", -3.0, -3.0, -0.1, 3.0),
    ] {
        assert!(!land_in(west, south, east, north), "{name}");
    }
}

#[test]
fn a_small_island_is_found_in_a_wide_box() {
    // Easter Island, 24 km long, 2,000 km from anywhere.
    assert!(land_in(-119.0, -37.0, -99.0, -17.0));
    assert!(!land_in(-119.0, -37.0, -109.6, -17.0));
}

#[test]
fn the_caspian_sea_is_not_land_but_its_shore_is() {
    assert!(!Land::global().contains(51.0, 40.0));
    assert!(!land_in(50.9, 39.5, 51.5, 40.5));
    assert!(land_in(49.0, 39.5, 51.5, 40.5));
}

#[test]
fn lakes_count_as_land() {
    assert!(Land::global().contains(33.0, -1.0), "Lake Victoria");
}

#[test]
fn antarctica_is_land_from_85_south_to_the_pole_at_every_longitude() {
    for tenth in -1800..=1800 {
        let longitude = f64::from(tenth) / 10.0;
        for latitude in [-90.0, -89.9, -87.5, -85.3] {
            assert!(
                Land::global().contains(longitude, latitude),
                "{longitude} {latitude}"
            );
        }
        assert!(land_in(longitude, -90.0, longitude + 0.05, -89.9));
        assert!(land_in(longitude, -86.0, longitude + 0.05, -85.5));
    }
    assert!(!land_in(-180.0, -60.0, -60.0, -57.0), "the Southern Ocean");
}

#[test]
fn land_on_both_sides_of_the_antimeridian_is_found() {
    // Wrangel Island and Chukotka lie on it; Fiji's Taveuni does too.
    for (longitude, latitude) in [(179.9, 71.2), (-179.9, 71.2), (180.0, 68.5), (-180.0, 68.5)] {
        assert!(
            Land::global().contains(longitude, latitude),
            "{longitude} {latitude}"
        );
    }
    assert!(land_in(179.9, -17.0, 180.1, -16.7));
    assert!(!land_in(179.0, 60.0, -179.0, 61.0), "the Bering Sea");
}

#[test]
fn a_box_beyond_180_degrees_continues_round_the_world() {
    // Western Alaska, as the east end of a box that starts in Asia's seas.
    assert!(land_in(179.0, 60.0, 200.0, 63.0));
    assert!(land_in(179.0, 60.0, -160.0, 63.0));
    assert!(land_in(-181.0, 60.0, -160.0, 63.0));
    assert!(land_in(539.0, 60.0, 560.0, 63.0));
    // The same, ended before land comes.
    assert!(!land_in(181.0, 58.0, 186.0, 59.0));
    assert!(!land_in(-179.0, 58.0, -174.0, 59.0));
}

#[test]
fn a_box_round_the_world_sees_all_of_its_parallels() {
    assert!(land_in(-180.0, -90.0, 180.0, 90.0));
    assert!(land_in(-500.0, 10.0, 500.0, 11.0));
    assert!(!land_in(-180.0, -60.4, 180.0, -59.6));
}

#[test]
fn a_box_that_only_touches_the_coast_has_land() {
    let [x, y] = ATLAS.outlines[5][0];
    let [west, south] = degrees([f64::from(x), f64::from(y)]);
    assert!(land_in(west, south, west, south));
}

#[test]
fn a_text_that_is_no_atlas_is_refused_with_a_reason() {
    let error = read("{}").unwrap_err().to_string();
    assert!(error.contains("quantised TopoJSON"), "{error}");
    let narrow = r#"{"objects": {"land": {"geometries": []}}, "arcs": [],
        "transform": {"scale": [1, 1], "translate": [0, 0]}}"#;
    let error = read(narrow).unwrap_err().to_string();
    assert!(error.contains("from 0, not 360 from -180"), "{error}");
    let no_arc = r#"{"objects": {"land": {"geometries": [{"type": "Polygon", "arcs": [[-8]]}]}},
        "arcs": [], "transform": {"scale": [1, 1], "translate": [-180, -90]}}"#;
    let error = read(no_arc).unwrap_err().to_string();
    assert_eq!(error, "the land atlas has no arc -8");
}

/// An atlas with one polygon on a grid of whole degrees; rings are longitudes and
/// latitudes counted from 180 W, 90 S.
fn one_polygon(rings: &[&[[i32; 2]]]) -> Land {
    let steps = |ring: &&[[i32; 2]]| -> Vec<[i32; 2]> {
        let mut before = [0, 0];
        let step = |&[x, y]: &[i32; 2]| {
            let [from_x, from_y] = std::mem::replace(&mut before, [x, y]);
            [x - from_x, y - from_y]
        };
        ring.iter().map(step).collect()
    };
    let arcs: Vec<_> = rings.iter().map(steps).collect();
    let numbers: Vec<_> = (0..rings.len()).map(|ring| [ring]).collect();
    let topology = serde_json::json!({
        "objects": { "land": { "geometries": [{ "type": "Polygon", "arcs": numbers }] } },
        "arcs": arcs,
        "transform": { "scale": [1, 1], "translate": [-180, -90] },
    });
    Land::read(&topology.to_string()).unwrap()
}

#[test]
fn a_hole_beyond_the_antimeridian_stays_with_its_polygon() {
    let land = one_polygon(&[
        &[[350, 90], [350, 110], [10, 110], [10, 90], [350, 90]],
        &[[2, 95], [2, 105], [6, 105], [6, 95], [2, 95]],
    ]);
    for longitude in [171.0, 179.9, 180.0, -180.0, -178.5, -173.0] {
        assert!(land.contains(longitude, 10.0), "{longitude}");
    }
    assert!(!land.contains(-176.0, 10.0));
    assert!(!land.intersects(-177.0, 8.0, -175.0, 12.0));
    assert!(land.intersects(-177.0, 8.0, -173.0, 12.0));
    assert!(land.intersects(179.5, 9.0, 180.5, 11.0));
    assert!(!land.contains(169.0, 10.0) && !land.contains(-169.0, 10.0));
}

#[test]
fn an_outline_round_the_world_encloses_the_south_pole_wherever_it_starts() {
    for start in [0, 100, 359] {
        let mut ring: Vec<[i32; 2]> = (0..=4)
            .map(|step| [(start + 90 * step) % 360, 20])
            .collect();
        let land = one_polygon(&[&ring]);
        ring.reverse();
        let backwards = one_polygon(&[&ring]);
        for longitude in [-180.0, -90.5, 0.0, 99.5, 180.0] {
            assert!(land.contains(longitude, -80.0), "{start}: {longitude}");
            assert!(backwards.contains(longitude, -80.0), "{start}: {longitude}");
            assert!(!land.contains(longitude, -60.0), "{start}: {longitude}");
        }
        assert!(land.intersects(-180.0, -89.0, -179.0, -88.0));
        assert!(!land.intersects(-180.0, -69.0, 180.0, 90.0));
    }
}

#[test]
fn the_answers_are_those_of_shapely() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/land.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut boxes, mut on_land, mut different) = (0, 0, Vec::new());
    for line in text.lines().skip(1) {
        let fields: Vec<f64> = line.split(',').map(|f| f.parse().unwrap()).collect();
        let [west, south, east, north, land] = fields.try_into().unwrap();
        boxes += 1;
        on_land += u32::from(land > 0.0);
        if land_in(west, south, east, north) != (land > 0.0) {
            different.push(line);
        }
    }
    assert!(boxes > 300 && on_land > 100 && boxes - on_land > 100);
    assert!(
        different.is_empty(),
        "{} of {boxes} boxes differ: {different:#?}",
        different.len()
    );
}

/// Grid units to degrees, which the program itself never needs.
fn degrees([x, y]: [f64; 2]) -> [f64; 2] {
    let [left, bottom] = ATLAS.grid.position(-180.0, -90.0);
    let [right, top] = ATLAS.grid.position(180.0, 90.0);
    [
        (x - left) / (right - left) * 360.0 - 180.0,
        (y - bottom) / (top - bottom) * 180.0 - 90.0,
    ]
}

/// All segments of all outlines in grid units.
fn segments() -> impl Iterator<Item = [[f64; 2]; 2]> {
    ATLAS
        .outlines
        .iter()
        .flat_map(|outline| outline.windows(2))
        .map(|ends| [ends[0], ends[1]].map(|end| end.map(f64::from)))
}

/// Whether the directions from the point to the vertices turn round in total, one
/// outline after the other.
fn plainly_inside([x, y]: [f64; 2]) -> bool {
    let turned = |outline: &Vec<[i32; 2]>| -> f64 {
        let directions = outline.iter().map(|vertex| {
            let [east, north] = vertex.map(f64::from);
            (north - y).atan2(east - x)
        });
        directions
            .clone()
            .zip(directions.skip(1))
            .map(|(from, to)| (to - from + PI).rem_euclid(TAU) - PI)
            .sum()
    };
    let around = |axis: usize, value: f64| {
        move |outline: &&Vec<[i32; 2]>| {
            let below = |vertex: &[i32; 2]| f64::from(vertex[axis]) < value;
            outline.iter().any(below) && !outline.iter().all(below)
        }
    };
    let total: f64 = ATLAS
        .outlines
        .iter()
        .filter(around(0, x))
        .filter(around(1, y))
        .map(turned)
        .sum();
    total.abs() > PI
}

/// Liang and Barsky's clipping: whether a part of the segment is in the box.
fn plainly_clipped([a, b]: [[f64; 2]; 2], low: [f64; 2], high: [f64; 2]) -> bool {
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for axis in 0..2 {
        let step = b[axis] - a[axis];
        if step == 0.0 {
            if a[axis] < low[axis] || a[axis] > high[axis] {
                return false;
            }
            continue;
        }
        let ends = [low[axis], high[axis]].map(|edge| (edge - a[axis]) / step);
        enter = enter.max(ends[0].min(ends[1]));
        leave = leave.min(ends[0].max(ends[1]));
    }
    enter <= leave
}

/// Centres near the corners of outlines as often as anywhere.
fn center() -> impl Strategy<Value = [f64; 2]> {
    let anywhere = [-180.0..180.0, -90.0..90.0_f64];
    let at_a_coast = any::<[prop::sample::Index; 2]>().prop_map(|[outline, vertex]| {
        let outline = outline.get(ATLAS.outlines.as_slice());
        degrees(vertex.get(outline.as_slice()).map(f64::from))
    });
    let offset = [-0.3..0.3, -0.3..0.3_f64];
    prop_oneof![
        anywhere,
        (at_a_coast, offset).prop_map(|([x, y], [dx, dy])| [x + dx, y + dy]),
    ]
}

proptest! {
    #[test]
    fn a_box_has_land_if_an_outline_enters_it_or_winds_round_it(
        [x, y] in center(),
        [width, height] in [-3.0..1.0, -3.0..1.0_f64].prop_map(|size| size.map(|s| 10_f64.powf(s))),
    ) {
        let (west, east) = ((x - width).max(-180.0), (x + width).min(180.0));
        let (south, north) = ((y - height).max(-90.0), (y + height).min(90.0));
        prop_assume!(west < east && south < north);
        let expected = [0.0, 360.0].into_iter().any(|turn| {
            let low = ATLAS.grid.position(west + turn, south);
            let high = ATLAS.grid.position(east + turn, north);
            let middle = [0, 1].map(|axis| f64::midpoint(low[axis], high[axis]));
            segments().any(|segment| plainly_clipped(segment, low, high)) || plainly_inside(middle)
        });
        prop_assert_eq!(land_in(west, south, east, north), expected);
    }

    #[test]
    fn a_point_is_land_if_outlines_wind_round_it([x, y] in center()) {
        prop_assume!((-180.0..180.0).contains(&x) && (-90.0..90.0).contains(&y));
        let expected = [x, x + 360.0]
            .into_iter()
            .any(|x| plainly_inside(ATLAS.grid.position(x, y)));
        prop_assert_eq!(Land::global().contains(x, y), expected);
    }

    #[test]
    fn any_box_is_answered(edges in any::<[f64; 4]>()) {
        let [west, south, east, north] = edges;
        let _ = land_in(west, south, east, north);
    }
}
