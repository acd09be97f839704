//! Cubes in other reference systems than EPSG:4326.

use std::{path::Path, process::Command};

use cubetiler::{
    config::Config,
    crs::{geographic_bounds, project, projected_bounds, wkt},
    cube::System,
    demo::{
        acquisition::Acquisition,
        archive::{ArchiveOptions, generate_with},
        imagery::{Formula, Place, Scl},
        plane,
        utm::Zone,
    },
    grid::{
        Bounds, Epsg, Level, TileAddress,
        tile_matrix::{mercator_to_latitude, mercator_to_longitude},
    },
    http::Access,
    repo::Repo,
    zarr::{StoredCube, read_chunk},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    fixture::Server,
    round_trip::decode,
    support::{cubetiler, python, succeed},
};

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

#[test]
fn everything_within_the_limits_of_a_system_has_a_place_on_the_globe() {
    let codes = [4326, 3857, 3035, 32601, 32633, 32660, 32701, 32733, 32760];
    for name in codes.map(|code| format!("EPSG:{code}")) {
        let system = System::named(&name).unwrap();
        let parts = geographic_bounds(system.epsg(), system.limits()).unwrap();
        assert!(!parts.is_empty(), "{name}");
    }
}

/// Where the grids of these tests have their middle, in the archive.
const MIDDLE: (f64, f64) = (6.0, 43.1);

/// Red grows to the east and green to the north, by this much a degree.
const SLOPE: f64 = 8000.0;

fn red(longitude: f64) -> f64 {
    2000.0 + (longitude - MIDDLE.0) * SLOPE
}

fn green(latitude: f64) -> f64 {
    2000.0 + (latitude - MIDDLE.1) * SLOPE
}

/// The most that a sample is off because the scene's pixel that was nearest,
/// 240 m wide, has its centre elsewhere: 170 m at 43 degrees.
const NEAREST: f64 = 170.0 / 81_000.0 * SLOPE;

fn ramps(folder: &Path) -> String {
    let bounds = plane::Bounds {
        west: 5.85,
        south: 42.95,
        east: 6.15,
        north: 43.25,
    };
    archive_in(folder, bounds, |(longitude, latitude)| {
        [red(longitude), green(latitude)]
    })
}

/// The items of an archive of a rectangle, whose red and green are of longitude and latitude.
fn archive_in(
    folder: &Path,
    bounds: plane::Bounds,
    bands: impl Fn((f64, f64)) -> [f64; 2] + Copy + Send + Sync,
) -> String {
    let options = ArchiveOptions {
        imagery: "ramps".to_owned(),
        bounds,
        cell_size: 240.0,
        overlap: 4.0,
        tile_size: 32,
        acquisitions: vec![Acquisition::on("2023-08-02".parse().unwrap())],
    };
    let imagery = || {
        Formula(move |_: &Acquisition, place: Place| {
            let number = |value: f64| format!("{value:.0}").parse::<u16>().unwrap();
            let [red, green] = bands(place.geographic).map(number);
            ([red, green, 600, 3000], Scl::Vegetation)
        })
    };
    let archive = generate_with(&folder.join("archive"), &options, imagery, |_, _| {}).unwrap();
    let items = archive.directory.join("items.json");
    items.to_str().unwrap().to_owned()
}

/// A cube of 50 x 50 cells of 280 m around [`MIDDLE`].
struct Small {
    folder: TempDir,
    system: Epsg,
    store: String,
}

const SIDE: usize = 50;
const CELL: f64 = 280.0;
const CHUNK: usize = 32;

impl Small {
    fn create(code: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let items = ramps(folder.path());
        let system = Epsg(code);
        let (x, y) = project(MIDDLE.0, MIDDLE.1, Epsg::WGS84, system).unwrap();
        let half = 25.0 * CELL;
        let (west, south) = ((x - half).round(), (y - half).round());
        let (east, north) = (west + 2.0 * half, south + 2.0 * half);
        let recipe = format!(
            r#"
            [grid]
            crs = "{system}"
            bounds = [{west}, {south}, {east}, {north}]
            resolution = {CELL}
            chunk = {CHUNK}
            inner_chunk = 16
            [time]
            start = "2023-08-01"
            end = "2023-08-31"
            [source]
            stac = "{items}"
            bands = ["red", "green"]
            mask = {{ asset = "scl" }}
            [composite]
            resampling = "nearest"
            "#
        );
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (recipe_path, store) = (path("recipe.toml"), path("cube"));
        std::fs::write(&recipe_path, recipe).unwrap();
        succeed(&mut cubetiler(&["create", &recipe_path, &store]));
        Self {
            folder,
            system,
            store,
        }
    }

    async fn opened(&self) -> StoredCube {
        let repo = Repo::open(self.store.as_ref()).await.unwrap();
        StoredCube::open(&repo).await.unwrap()
    }

    /// All cells of a band, row by row.
    async fn values(&self, band: &str) -> Vec<u16> {
        let stored = self.opened().await;
        let chunks = stored.cube.pyramid().chunks(Level(0));
        let mut all = vec![0; SIDE * SIDE];
        for index in chunks.chunks_of(chunks.shape.window()) {
            let chunk = read_chunk(&stored.snapshot, &stored, Level(0), band, 0, index);
            let Some(values) = chunk.await.unwrap() else {
                continue;
            };
            let window = chunks.window(index);
            for row in 0..window.rows {
                let at = (window.row + row) * SIDE + window.col;
                all[at..at + window.cols].copy_from_slice(&values.row(row)[..window.cols]);
            }
        }
        all
    }

    /// The events of a build.
    fn build(&self, arguments: &[&str]) -> Vec<Value> {
        let output = succeed(cubetiler(&["build", &self.store, "--json"]).args(arguments));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// As `f64`, which holds it exactly.
fn float(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

/// Longitude and latitude by the demo's own transverse Mercator where the
/// system is of that kind, so that PROJ is not asked about itself.
fn geographic(system: Epsg, x: f64, y: f64) -> (f64, f64) {
    if system.0 / 100 == 326 {
        let middle = f64::from(system.0 % 100) * 6.0 - 183.0;
        Zone::containing(middle, 43.0).inverse(x, y)
    } else {
        project(x, y, system, Epsg::WGS84).unwrap()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are checked to be in the grid"
)]
async fn check_values_and_tiles(code: u32) {
    let small = Small::create(code);
    let report = small.build(&[]).pop().unwrap();
    assert_eq!(report["report"]["states"]["done"], 4, "{report}");
    let (reds, greens) = (small.values("red").await, small.values("green").await);
    let grid = *small.opened().await.cube.pyramid().base();
    for cell in 0..SIDE * SIDE {
        let x = grid.transform.x(float(cell % SIDE) + 0.5);
        let y = grid.transform.y(float(cell / SIDE) + 0.5);
        let (longitude, latitude) = geographic(small.system, x, y);
        for (value, expected) in [
            (reds[cell], red(longitude)),
            (greens[cell], green(latitude)),
        ] {
            let off = (f64::from(value) - expected).abs();
            assert!(
                off <= NEAREST + 1.0,
                "EPSG:{code} cell {cell}: {value}, {expected}"
            );
        }
    }

    let server = Server::start(small.store.clone().into(), Access::Off, "").await;
    // Columns 528 and 529 meet at 5.976 degrees.
    let tiles = "/cubes/formula/tiles/WebMercatorQuad";
    let address = TileAddress::new(10, 529, 375).unwrap();
    let path = format!("{tiles}/10/529/375.png?variable=red&rescale=1000,3000");
    let answer = server.get(&path).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["cache-control"],
        "public, max-age=0, must-revalidate"
    );
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let (nearest, samples) = decode(&answer.bytes().await.unwrap());
    let answer = server.get(&format!("{path}&resampling=bilinear")).await;
    let (bilinear, _) = decode(&answer.bytes().await.unwrap());
    let target = address.grid(256).transform;
    let mut checked = 0;
    for n in 0..256 * 256 {
        let longitude = mercator_to_longitude(target.x(float(n % 256) + 0.5));
        let latitude = mercator_to_latitude(target.y(float(n / 256) + 0.5));
        let (x, y) = project(longitude, latitude, Epsg::WGS84, small.system).unwrap();
        let (col, row) = (grid.transform.col(x), grid.transform.row(y));
        let is_on_a_border = |at: f64| (at - at.round()).abs() < 1e-4;
        if is_on_a_border(col) || is_on_a_border(row) {
            continue;
        }
        let is_inside = |at: f64| (0.0..float(SIDE)).contains(&at);
        let pixel = |tile: &[u8]| (tile[n * samples], tile[(n + 1) * samples - 1]);
        let ((shown, alpha), (smooth, _)) = (pixel(&nearest), pixel(&bilinear));
        if !(is_inside(col) && is_inside(row)) {
            assert_eq!(alpha, 0, "EPSG:{code} pixel {n}");
            continue;
        }
        let value = reds[row as usize * SIDE + col as usize];
        let scaled = |value: f64| (value - 1000.0) * 255.0 / 2000.0;
        assert_eq!(alpha, 255, "EPSG:{code} pixel {n}");
        let off = f64::from(shown) - scaled(f64::from(value));
        assert!(off.abs() <= 1.0, "EPSG:{code} pixel {n}: {shown}, {value}");
        // Beyond the outermost centres there is nothing to be linear between.
        if (0.5..49.5).contains(&col) && (0.5..49.5).contains(&row) {
            let off = f64::from(smooth) - scaled(red(longitude));
            let most = scaled(1000.0 + NEAREST) + 1.0;
            assert!(off.abs() <= most, "EPSG:{code} pixel {n}: {smooth}");
        }
        checked += 1;
    }
    assert!(checked > 3000, "{checked} pixels were checked");

    let request = server.client.get(format!("{}{path}", server.url));
    let again = request.header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let preview = server.get("/cubes/formula/preview.npy?variable=red").await;
    let system = format!("<http://www.opengis.net/def/crs/EPSG/0/{code}>");
    assert_eq!(preview.headers()["content-crs"], system.as_str());
    let file = preview.bytes().await.unwrap();
    // One sample a cell, as it is stored.
    let found = file[128..]
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    assert!(
        found.take(reds.len()).eq(reds.iter().copied()),
        "EPSG:{code}"
    );
    let outside = server.get(&format!("{tiles}/10/500/375.png")).await;
    assert_eq!(outside.status(), 404);
    let world = server.get(&format!("{tiles}/0/0/0.png")).await;
    assert_eq!(world.status(), 200);

    let tilejson = "/cubes/formula/WebMercatorQuad/tilejson.json";
    let document: Value = server.get(tilejson).await.json().await.unwrap();
    let expected = [5.9, 43.03, 6.1, 43.17];
    for (found, expected) in std::iter::zip(document["bounds"].as_array().unwrap(), expected) {
        assert!(
            (found.as_f64().unwrap() - expected).abs() < 0.05,
            "{document}"
        );
    }

    if let Some(python) = python() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/interop.py");
        succeed(Command::new(python).args([script, &small.store]));
    }
    drop(small.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_in_utm_three_zones_from_its_own_shows_the_formulas_values() {
    check_values_and_tiles(32633).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_in_web_mercator_shows_the_formulas_values() {
    check_values_and_tiles(3857).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_in_the_european_grid_shows_the_formulas_values() {
    check_values_and_tiles(3035).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rectangle_in_the_own_system_is_of_the_cells_that_it_names() {
    let small = Small::create(32633);
    small.build(&[]);
    let grid = *small.opened().await.cube.pyramid().base();
    let plain = small.folder.path().join("plain");
    let plain = plain.to_str().unwrap();
    succeed(&mut cubetiler(&["export", &small.store, plain]));
    let mut config = Config::default();
    config.server.state_dir = small.folder.path().join("state");
    config
        .cubes
        .insert("cube".to_owned(), small.store.clone().into());
    config.cubes.insert("plain".to_owned(), plain.into());
    let server = Server::of(&config, Access::Off).await;
    // Cells 10 to 30 from the west and 5 to 20 from the north.
    let [west, east] = [10.0, 30.0].map(|col| grid.transform.x(col));
    let [north, south] = [5.0, 20.0].map(|row| grid.transform.y(row));
    let reds = small.values("red").await;
    for name in ["cube", "plain"] {
        let bounds = format!("{west},{south},{east},{north}");
        let path = format!("/cubes/{name}/bbox/{bounds}.npy?variable=red&coord_crs=EPSG:32633");
        let answer = server.get(&path).await;
        let told = answer.headers()["content-bbox"].to_str().unwrap();
        let told: Vec<f64> = told.split(',').map(|n| n.parse().unwrap()).collect();
        for (found, expected) in std::iter::zip(told, [west, south, east, north]) {
            assert!((found - expected).abs() < 1e-6, "{name} {bounds}");
        }
        let file = answer.bytes().await.unwrap();
        assert!(
            file[10..128].windows(11).any(|text| text == b"(2, 15, 20)"),
            "{name}"
        );
        let samples: Vec<f64> = if name == "cube" {
            let pairs = file[128..].chunks(2);
            pairs
                .map(|pair| f64::from(u16::from_le_bytes(pair.try_into().unwrap())))
                .collect()
        } else {
            let fours = file[128..].chunks(4);
            fours
                .map(|four| f64::from(f32::from_le_bytes(four.try_into().unwrap())))
                .collect()
        };
        let expected = (5..20).flat_map(|row| (10..30).map(move |col| (row, col)));
        for ((row, col), found) in std::iter::zip(expected, samples) {
            let stored = f64::from(reds[row * SIDE + col]);
            assert!(
                (found - stored).abs() < 1e-3,
                "{name} {row} {col}: {found} {stored}"
            );
        }
        // A point of that system is in the cell that it is in.
        let (x, y) = (grid.transform.x(10.5), grid.transform.y(5.5));
        let path = format!("/cubes/{name}/point/{x},{y}?variable=red&coord_crs=EPSG:32633");
        let told: Value = server.get(&path).await.json().await.unwrap();
        let stored = f64::from(reds[5 * SIDE + 10]);
        assert!(
            (told["values"][0].as_f64().unwrap() - stored).abs() < 1e-3,
            "{name} {told}"
        );
        for (point, status) in [("1e9,1e9", 404), ("0,x", 400)] {
            let path = format!("/cubes/{name}/point/{point}?variable=red&coord_crs=EPSG:32633");
            assert_eq!(server.get(&path).await.status(), status, "{name} {point}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rectangle_in_degrees_builds_the_chunks_that_it_touches() {
    let small = Small::create(32633);
    let grid = *small.opened().await.cube.pyramid().base();
    // A corner of the south-eastern chunk, which has 18 x 18 cells.
    let centre = (grid.transform.x(45.5), grid.transform.y(45.5));
    let (longitude, latitude) = geographic(small.system, centre.0, centre.1);
    let (west, east) = (longitude - 0.002, longitude + 0.002);
    let bbox = format!("{west},{},{east},{}", latitude - 0.002, latitude + 0.002);
    let events = small.build(&["--bbox", &bbox]);
    let built: Vec<&Value> = (events.iter())
        .filter(|event| event["event"] == "built")
        .map(|event| &event["chunk"])
        .collect();
    assert_eq!(built, [&serde_json::json!([0, 1, 1])]);

    // The tile over the whole has parts that were never built.
    let server = Server::start(small.store.clone().into(), Access::Off, "").await;
    let tile = "/cubes/formula/tiles/WebMercatorQuad/8/132/93.png";
    let answer = server.get(tile).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    small.build(&["--bbox", "-10,30,40,60"]);
    let values = small.values("red").await;
    assert!(values.iter().all(|value| *value != 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_across_the_antimeridian_has_tiles_on_both_of_its_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recipe, store) = (path("recipe.toml"), path("cube"));
    let text = r#"
        [grid]
        crs = "EPSG:32760"
        bounds = [700000, 8100000, 900000, 8250000]
        resolution = 500
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "items.json"
        bands = ["red"]
    "#;
    std::fs::write(&recipe, text).unwrap();
    succeed(&mut cubetiler(&["create", &recipe, &store]));
    let server = Server::start(store.into(), Access::Off, "").await;
    let document: Value = server.get("/cubes/formula").await.json().await.unwrap();
    let bounds: Vec<f64> = serde_json::from_value(document["bounds"].clone()).unwrap();
    assert_eq!(
        (bounds[0], bounds[2]),
        (-180.0, 180.0),
        "TileJSON does not wrap"
    );
    let longitude = document["center"][0].as_f64().unwrap();
    assert!((179.0..180.0).contains(&longitude), "{longitude}");
    // Fiji's row. What is far from the cube has nothing to wait for.
    for (col, caching) in [
        (63, "no-store"),
        (0, "no-store"),
        (30, "public, max-age=0, must-revalidate"),
    ] {
        let tile = format!("/cubes/formula/tiles/WebMercatorQuad/6/{col}/35.png");
        let answer = server.get(&tile).await;
        assert_eq!(answer.status(), 200, "{tile}");
        assert_eq!(answer.headers()["cache-control"], caching, "{tile}");
    }
    let north = "/cubes/formula/tiles/WebMercatorQuad/6/63/20.png";
    assert_eq!(server.get(north).await.status(), 404);
}

/// A square of 0.1 degrees from a longitude on, which may be beyond 180.
fn square_from(west: f64) -> Value {
    let (east, south, north) = (west + 0.1, -17.05, -16.95);
    json!({"type": "Feature", "properties": {}, "geometry": {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polygon_across_the_antimeridian_has_what_a_cube_in_metres_has_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = plane::Bounds {
        west: 179.8,
        south: -17.15,
        east: 179.99,
        north: -16.85,
    };
    let items = archive_in(folder.path(), bounds, |(longitude, latitude)| {
        [
            2000.0 + (longitude - 179.9) * SLOPE,
            2000.0 + (latitude + 17.0) * SLOPE,
        ]
    });
    let system = Epsg(32760);
    let (x, y) = project(180.0, -17.0, Epsg::WGS84, system).unwrap();
    let (west, south) = (x.round() - 14_000.0, y.round() - 14_000.0);
    let recipe = format!(
        r#"
        [grid]
        crs = "{system}"
        bounds = [{west}, {south}, {}, {}]
        resolution = {CELL}
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "{items}"
        bands = ["red", "green"]
        mask = {{ asset = "scl" }}
        "#,
        west + 28_000.0,
        south + 28_000.0,
    );
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("recipe.toml"), recipe).unwrap();
    succeed(&mut cubetiler(&[
        "create",
        &path("recipe.toml"),
        &path("cube"),
    ]));
    succeed(&mut cubetiler(&["build", &path("cube")]));
    let server = Server::start(path("cube").into(), Access::Off, "").await;
    let numbers = async |feature: &Value| -> Value {
        let url = format!("{}/cubes/formula/statistics?variable=red", server.url);
        let answer = server
            .client
            .post(url)
            .body(feature.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let told: Value = answer.json().await.unwrap();
        told["properties"]["statistics"]["red"].clone()
    };
    // What is east of the meridian was never built.
    let across = numbers(&square_from(179.93)).await;
    assert_eq!(numbers(&square_from(179.93 - 360.0)).await, across);
    let number = |told: &Value, name: &str| told[name].as_f64().unwrap();
    // Cells of 280 m: 38 x 39.6 in a square; of 0.06 of its 0.1 degrees there are values.
    let (valid, masked) = (
        number(&across, "valid_pixels"),
        number(&across, "masked_pixels"),
    );
    let (all, share) = (valid + masked, valid / (valid + masked));
    assert!(
        (1500.0..1650.0).contains(&all) && (0.55..0.65).contains(&share),
        "{across}"
    );
    let (min, mean, max) = (
        number(&across, "min"),
        number(&across, "mean"),
        number(&across, "max"),
    );
    for (found, longitude) in [(min, 179.93), (mean, 179.96), (max, 179.99)] {
        let expected = 2000.0 + (longitude - 179.9) * SLOPE;
        assert!(
            (found - expected).abs() < 60.0,
            "{longitude}: {found} {expected}"
        );
    }
    // A square beyond it has cells, and none has a value.
    for west in [180.01, -179.99] {
        let beyond = numbers(&square_from(west)).await;
        assert!(number(&beyond, "masked_pixels") > 1000.0, "{beyond}");
        assert!(number(&beyond, "valid_pixels") < 0.5, "{beyond}");
    }
}
