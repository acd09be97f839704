//! Where the globe's coordinates are odd: at the antimeridian and near a pole.
//! No cell is left out and none is counted twice.

use std::path::Path;

use cubetiler::{
    build::{BuildConfig, BuildRequest},
    cube::Recipe,
    demo::{
        cog::{Downsampling, GeoReference},
        utm::Zone,
    },
    grid::Level,
    source::SourceConfig,
};
use serde_json::{Value, json};

use crate::{
    random_archive::write,
    workshop::{self, builder, create},
};

/// Metres of a scene's cells.
const CELL: f64 = 200.0;

/// A value that says where on the globe it is, continuous over the antimeridian.
fn value_at(lon: f64, lat: f64) -> f64 {
    let around = lon.to_radians().sin() * 4000.0;
    20_000.0 + around * 2.0 + (lat * 100.0 - (lat * 100.0 / 500.0).floor() * 500.0)
}

/// A scene in the zone of `meridian`, around a place; its item says where it is by `extent`.
fn scene(
    folder: &Path,
    name: &str,
    meridian: f64,
    (lon, lat): (f64, f64),
    cells: u32,
    extent: &Value,
) -> Value {
    let zone = Zone::containing(meridian, lat);
    // Longitudes are counted from the zone's own side of the antimeridian.
    let near = lon + 360.0 * ((zone.central_meridian() - lon) / 360.0).round();
    let (x, y) = zone.forward(near, lat);
    let snap = |metres: f64| (metres / CELL).floor() * CELL;
    let half = f64::from(cells / 2) * CELL;
    let (origin_x, origin_y) = (snap(x) - half, snap(y) + half);
    let reference = GeoReference {
        epsg: zone.epsg(),
        origin_x,
        origin_y,
        cell_size: CELL,
    };
    let samples: Vec<u16> = (0..cells)
        .flat_map(|row| (0..cells).map(move |col| (f64::from(row) + 0.5, f64::from(col) + 0.5)))
        .map(|(row, col)| {
            let (lon, lat) = zone.inverse(origin_x + col * CELL, origin_y - row * CELL);
            format!("{:.0}", value_at(lon, lat)).parse().unwrap()
        })
        .collect();
    let size = (cells, cells);
    write(
        folder,
        name,
        "red",
        reference,
        size,
        &samples,
        Downsampling::Average,
    );
    let mut item = json!({
        "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": null, "links": [],
        "properties": {"datetime": "2023-08-02T10:00:00Z", "s2:datatake_id": "GS2A_ONE"},
        "assets": {"red": {"href": format!("{name}-red.tif")}},
    });
    for (key, value) in extent.as_object().unwrap() {
        item[key] = value.clone();
    }
    item
}

/// Builds a cube of 40 x 40 cells; its values and counts.
async fn build(
    folder: &Path,
    name: &str,
    items: &[Value],
    (west, south): (f64, f64),
    cell: f64,
) -> [Vec<u16>; 2] {
    let path = folder.join("items.json");
    let text = json!({"type": "FeatureCollection", "features": items}).to_string();
    std::fs::write(&path, text).unwrap();
    let side = 40.0 * cell;
    let recipe = Recipe::from_toml(&format!(
        r#"
        [grid]
        bounds = [{west}, {south}, {}, {}]
        resolution = {cell}
        chunk = 16
        inner_chunk = 8
        skip = "none"
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "{}"
        bands = ["red"]
        [composite]
        resampling = "nearest"
        "#,
        west + side,
        south + side,
        path.display()
    ))
    .unwrap();
    let entry = create(&folder.join(name), recipe).await;
    let builder = builder(2, SourceConfig::default(), BuildConfig::default());
    let report = workshop::build(&entry, &builder, &BuildRequest::default()).await;
    assert_eq!(report.failures, []);
    workshop::values(&entry, Level(0)).await.try_into().unwrap()
}

/// Every cell was seen once, and shows its place.
fn check(
    values: &[u16],
    counts: &[u16],
    (west, south): (f64, f64),
    cell: f64,
    tolerance: f64,
    case: &str,
) {
    assert!(
        counts.iter().all(|count| *count == 1),
        "{case}: a gap, or something twice"
    );
    for (n, value) in values.iter().enumerate() {
        let at = |n: usize| f64::from(u32::try_from(n).unwrap()) + 0.5;
        let (lon, lat) = (west + at(n % 40) * cell, south + (40.0 - at(n / 40)) * cell);
        let expected = value_at(lon, lat);
        let off = (f64::from(*value) - expected).abs();
        assert!(
            off <= tolerance,
            "{case}: {value} instead of {expected} at {lon} {lat}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cubes_that_end_at_the_antimeridian_are_filled_from_both_sides_of_it() {
    let folder = tempfile::tempdir().unwrap();
    // One reaches over from the west, one from the east, and they say so in
    // each of the ways that catalogues do.
    let ring = |west: f64, east: f64| {
        json!([[
            [west, 9.8],
            [east, 9.8],
            [east, 10.3],
            [west, 10.3],
            [west, 9.8]
        ]])
    };
    let extents = [
        json!({"bbox": [179.7, 9.8, -179.7, 10.3]}),
        json!({"bbox": [-180.0, 9.8, 180.0, 10.3], "geometry": {"type": "MultiPolygon",
            "coordinates": [ring(179.7, 180.0), ring(-180.0, -179.7)]}}),
        json!({"bbox": [-180.3, 9.8, -179.7, 10.3]}),
    ];
    for (n, extent) in extents.iter().enumerate() {
        let items = [
            scene(
                folder.path(),
                &format!("west{n}"),
                177.0,
                (179.93, 10.05),
                150,
                extent,
            ),
            scene(
                folder.path(),
                &format!("east{n}"),
                -177.0,
                (-179.93, 10.05),
                150,
                extent,
            ),
        ];
        for west in [179.9, -180.0] {
            let name = format!("cube{n}{west}");
            let [values, counts] = build(folder.path(), &name, &items, (west, 10.0), 0.0025).await;
            // A cell is 1.4 pixels, over which the value changes by less than 3.
            check(&values, &counts, (west, 10.0), 0.0025, 3.0, &name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn far_north_the_scenes_of_three_zones_are_one_observation() {
    let folder = tempfile::tempdir().unwrap();
    for south in [72.5, 80.0, 83.8] {
        let around = json!({"bbox": [0.0, south - 1.0, 40.0, f64::min(south + 1.0, 84.5)]});
        let places = [(9.0, 14.2), (15.0, 15.0), (21.0, 15.8)];
        let items = places.map(|(meridian, lon)| {
            let name = format!("zone{meridian}-{south}");
            scene(
                folder.path(),
                &name,
                meridian,
                (lon, south + 0.05),
                130,
                &around,
            )
        });
        let west = 14.95;
        let name = format!("cube{south}");
        let [values, counts] = build(folder.path(), &name, &items, (west, south), 0.0025).await;
        check(&values, &counts, (west, south), 0.0025, 3.0, &name);
    }
}
