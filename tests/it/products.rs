//! Cubes from other archives than Earth Search: their own assets, types, bits
//! and scales. Scenes lie on the cube's own lattice, so that what each cell
//! must hold follows from the scenes' formulas and the products' handbooks by
//! plain arithmetic.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use cubetiler::{
    build::{BuildConfig, BuildRequest},
    catalog::{Catalog, Entry},
    cube::Recipe,
    demo::cog::{Blocks, CogWriter, Downsampling, GeoReference, Image, Sample},
    grid::{ChunkIndex, Level},
    source::SourceConfig,
    zarr::read_provenance,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use crate::{
    support::{cubetiler, succeed},
    workshop::{self, builder, cells, create, values},
};

/// The north west corner of the cubes, in UTM zone 33.
const WEST: f64 = 510_000.0;
const NORTH: f64 = 5_000_040.0;
const EPSG: u16 = 32633;

/// Longitudes and latitudes around all scenes.
const AROUND: [f64; 4] = [14.9, 44.8, 15.6, 45.5];

/// Cells of a side: four chunks.
const SIDE: i32 = 64;
const CHUNK: i32 = 32;

/// The part of a cube's lattice that an image covers: rows and columns count
/// from the cube's corner, in the image's own cells.
#[derive(Clone, Copy)]
struct Frame {
    cell: f64,
    row: i32,
    col: i32,
    rows: i32,
    cols: i32,
    tile: u32,
}

/// Files and the items that tell of them.
struct Archive {
    folder: TempDir,
    items: Vec<Value>,
}

impl Archive {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            items: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes an image whose samples follow from their row and column.
    fn image<T: Sample>(
        &self,
        name: &str,
        frame: Frame,
        nodata: Option<T>,
        sample: impl Fn(i32, i32) -> T,
    ) {
        let Frame { row, col, .. } = frame;
        let samples: Vec<T> = (row..row + frame.rows)
            .flat_map(|row| (col..col + frame.cols).map(move |col| (row, col)))
            .map(|(row, col)| sample(row, col))
            .collect();
        let image = Image {
            width: frame.cols.unsigned_abs(),
            height: frame.rows.unsigned_abs(),
            samples: &samples,
            nodata,
            geo_reference: GeoReference {
                epsg: EPSG,
                origin_x: WEST + f64::from(col) * frame.cell,
                origin_y: NORTH - f64::from(row) * frame.cell,
                cell_size: frame.cell,
            },
        };
        let writer = CogWriter {
            blocks: Blocks::Tiles(frame.tile),
            level: 1,
            overviews: Some(Downsampling::Nearest),
            ..CogWriter::default()
        };
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, writer.write(&image).unwrap()).unwrap();
    }

    /// Adds an item with the fields that all products share.
    fn item(&mut self, id: &str, collection: &str, properties: &Value, assets: &Value) {
        let [west, south, east, north] = AROUND;
        self.items.push(json!({
            "type": "Feature", "stac_version": "1.0.0", "id": id, "collection": collection,
            "bbox": AROUND, "links": [],
            "geometry": {"type": "Polygon", "coordinates":
                [[[west, south], [east, south], [east, north], [west, north], [west, south]]]},
            "properties": properties, "assets": assets,
        }));
    }

    fn collection(&self) -> Value {
        json!({"type": "FeatureCollection", "features": self.items})
    }

    /// Builds a cube from the archive behind a server of files.
    async fn build(&self, cell: f64, month: &str, source: &str) -> Arc<Entry> {
        std::fs::write(self.path("items.json"), self.collection().to_string()).unwrap();
        let url = serve(Router::new().fallback_service(ServeDir::new(self.folder.path()))).await;
        let recipe = recipe(&format!("{url}/items.json"), cell, month, source);
        let entry = create(&self.path("cube"), Recipe::from_toml(&recipe).unwrap()).await;
        let builder = builder(2, SourceConfig::default(), BuildConfig::default());
        let report = workshop::build(&entry, &builder, &BuildRequest::default()).await;
        assert_eq!(report.failures, []);
        entry
    }
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn recipe(stac: &str, cell: f64, month: &str, source: &str) -> String {
    let size = f64::from(SIDE) * cell;
    format!(
        r#"
        [grid]
        crs = "EPSG:{EPSG}"
        bounds = [{WEST}, {}, {}, {NORTH}]
        resolution = {cell}
        chunk = {CHUNK}
        inner_chunk = 16
        skip = "none"
        [time]
        start = "{month}-01"
        end = "{month}-28"
        [source]
        stac = "{stac}"
        mask = {{}}
        {source}
        "#,
        NORTH - size,
        WEST + size,
    )
}

/// Two bands of a pixel in reflectance times 10 000, at least 1.
type Observation = [u16; 2];

/// A valid number: below 1 it would be missing.
fn valid(number: i32) -> u16 {
    u16::try_from(number.max(1)).unwrap()
}

/// The median of each band, of an even number the mean of the middle two, half
/// up; and how many there are.
fn composite(observations: &[Observation]) -> [u16; 3] {
    let median = |band: usize| {
        let mut values: Vec<u16> = observations.iter().map(|bands| bands[band]).collect();
        values.sort_unstable();
        let middle = values.len() / 2;
        match values.len() {
            0 => 0,
            odd if odd % 2 == 1 => values[middle],
            _ => (values[middle - 1] + values[middle]).div_ceil(2),
        }
    };
    let count = u16::try_from(observations.len()).unwrap();
    [median(0), median(1), count]
}

/// Compares every cell with what its observations make, and the states of the
/// chunks. Gives the counts that there are.
async fn check(
    entry: &Entry,
    observations: impl Fn(i32, i32) -> Vec<Observation>,
    states: [&str; 4],
) -> BTreeSet<u16> {
    let found: Vec<&str> = (cells(entry, Level(0)).await.iter())
        .map(|(_, cell)| cell.state.name())
        .collect();
    assert_eq!(found, states);
    let variables = values(entry, Level(0)).await;
    let places = (0..SIDE).flat_map(|row| (0..SIDE).map(move |col| (row, col)));
    let mut counts = BTreeSet::new();
    for (n, (row, col)) in places.enumerate() {
        let expected = composite(&observations(row, col));
        let built: Vec<u16> = variables.iter().map(|values| values[n]).collect();
        assert_eq!(built, expected, "row {row}, column {col}");
        counts.insert(expected[2]);
    }
    counts
}

/// The records of the scenes behind the chunk in the north west, by id.
async fn scenes(entry: &Entry) -> BTreeMap<String, Value> {
    let stored = entry.served();
    let chunk = ChunkIndex { row: 0, col: 0 };
    let text = read_provenance(&stored.snapshot, &stored, 0, chunk).await;
    let record: Value = serde_json::from_str(&text.unwrap().unwrap()).unwrap();
    let scenes = record["scenes"].as_array().unwrap().iter();
    scenes
        .map(|scene| (scene["id"].as_str().unwrap().to_owned(), scene.clone()))
        .collect()
}

/// What a record says of how a band's numbers were changed.
fn scaling(scene: &Value, band: &str) -> (f64, f64, String) {
    let band = &scene["bands"][band];
    let number = |key: &str| band[key].as_f64().unwrap();
    let rule = band["rule"].as_str().unwrap().to_owned();
    (number("gain"), number("offset"), rule)
}

/// Takes of HLS in August 2023: the half, its near infrared, and the day. On
/// the 7th both halves saw the place, half an hour apart.
const HLS: [(&str, &str, i32); 5] = [
    ("S30", "B8A", 2),
    ("S30", "B8A", 7),
    ("L30", "B05", 7),
    ("L30", "B05", 10),
    ("S30", "B8A", 12),
];

const HLS_MISSING: i16 = -9999;

/// HLS User Guide 2.0: samples of Fmask, and whether their pixels are
/// kept. Bit 1 is cloud, 2 adjacent, 3 shadow; the others do not tell of
/// clouds, and 255 is fill.
const FMASK: [(u8, bool); 10] = [
    (0, true),
    (0b0000_0010, false),
    (0b1100_0000, true),
    (0b0000_0100, false),
    (0b0010_0000, true),
    (0b0000_1000, false),
    (0b0001_0000, true),
    (0b1100_0010, false),
    (0b0000_0001, true),
    (255, false),
];

/// Chunks in the south are all fill in the west and all cloud in the east.
fn fmask(n: i32, row: i32, col: i32) -> (u8, bool) {
    match (row < CHUNK, col < CHUNK) {
        (false, true) => (255, false),
        (false, false) => (0b0100_0010, false),
        (true, _) => pick(
            &FMASK,
            row.div_euclid(3) + col.div_euclid(5) + 7 * n + n / 2,
        ),
    }
}

fn pick<T: Copy>(of: &[T], n: i32) -> T {
    let length = i32::try_from(of.len()).unwrap();
    of[usize::try_from(n.rem_euclid(length)).unwrap()]
}

fn small(number: i32) -> i16 {
    i16::try_from(number).unwrap()
}

/// Red reaches below zero.
fn hls_red(n: i32, row: i32, col: i32) -> i16 {
    small(60 * n - 190 + (7 * row + 3 * col).rem_euclid(200))
}

/// The near infrared lacks some pixels.
fn hls_nir(n: i32, row: i32, col: i32) -> i16 {
    if (row + 2 * col + n).rem_euclid(11) == 0 {
        return HLS_MISSING;
    }
    small(2000 - 30 * n + (row * col).rem_euclid(500))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_of_both_halves_of_hls_has_the_median_of_their_clear_pixels() {
    let mut archive = Archive::new();
    // The corner of four tiles is within the cube.
    let frame = Frame {
        cell: 30.0,
        row: -490,
        col: -470,
        rows: 560,
        cols: 540,
        tile: 512,
    };
    for (n, (half, nir, day)) in (0..).zip(HLS) {
        let minute = if half == "S30" { 58 } else { 28 };
        let id = format!("HLS.{half}.T33TWL.2023{:03}T09{minute}01.v2.0", 212 + day);
        let name = |band: &str| format!("{id}.{band}.tif");
        let missing = Some(HLS_MISSING);
        archive.image(&name("B04"), frame, missing, |row, col| {
            hls_red(n, row, col)
        });
        archive.image(&name(nir), frame, missing, |row, col| hls_nir(n, row, col));
        archive.image(&name("Fmask"), frame, Some(255), |row, col| {
            fmask(n, row, col).0
        });
        let time = format!("2023-08-{day:02}T09:{minute}:01.000Z");
        let asset = |band: &str| json!({"href": name(band), "title": name(band)});
        archive.item(
            &id,
            &format!("HLS{half}_2.0"),
            &json!({"datetime": time, "start_datetime": time, "end_datetime": time,
                "eo:cloud_cover": 40}),
            &json!({"B04": asset("B04"), nir: asset(nir), "Fmask": asset("Fmask")}),
        );
    }
    let entry = archive
        .build(30.0, "2023-08", r#"bands = ["red", "nir"]"#)
        .await;
    let seen = |row, col| -> Vec<Observation> {
        (0..)
            .zip(HLS)
            .filter(|(n, _)| fmask(*n, row, col).1 && hls_nir(*n, row, col) != HLS_MISSING)
            .map(|(n, _)| [hls_red(n, row, col), hls_nir(n, row, col)])
            .map(|bands| bands.map(|number| valid(number.into())))
            .collect()
    };
    let counts = check(&entry, seen, ["done", "done", "no_scenes", "all_masked"]).await;
    assert!(counts.len() >= 4, "{counts:?}");
    let dark = values(&entry, Level(0)).await[0]
        .iter()
        .filter(|v| **v == 1)
        .count();
    assert!(dark > 20, "{dark} cells are below zero in the median");
    let scenes = scenes(&entry).await;
    assert_eq!(scenes.len(), HLS.len(), "{scenes:?}");
    for scene in scenes.values() {
        for band in ["red", "nir"] {
            assert_eq!(scaling(scene, band), (1.0, 0.0, "HLS".to_owned()));
        }
    }
}

/// USGS LSDS-1328: samples of `QA_PIXEL`, and whether their pixels are
/// kept. Fill is bit 0, then margins of clouds, cirrus, cloud and shadow; snow,
/// water and middle confidences are no clouds.
const QA_PIXEL: [(u16, bool); 9] = [
    (21824, true),  // clear land
    (21826, false), // margin of a cloud
    (21952, true),  // water
    (22280, false), // cloud
    (30048, true),  // snow
    (23888, false), // shadow
    (22080, true),  // cloud with middle confidence
    (54596, false), // cirrus
    (1, false),     // fill
];

/// Days of August 2023, and which Landsat passed.
const LANDSAT: [(i32, i32); 4] = [(3, 8), (11, 9), (19, 8), (27, 9)];

/// The rows of a path: their numbers, and which rows of the lattice they have.
const ROWS: [(&str, i32, i32); 2] = [("028", -20, 60), ("029", 24, 60)];

/// The clouds of two scenes differ also where both saw the ground.
fn qa_pixel(n: i32, scene: i32, row: i32, col: i32) -> (u16, bool) {
    pick(
        &QA_PIXEL,
        row.div_euclid(4) + col.div_euclid(3) + 2 * n + 4 * scene,
    )
}

/// Odd numbers, of which none becomes half a reflectance of the cube.
fn landsat_bands(n: i32, row: i32, col: i32) -> [u16; 2] {
    let red = 7001 + 2 * (37 * row + 11 * col + 101 * n).rem_euclid(900);
    let nir = if (row + col + n).rem_euclid(17) == 0 {
        0xffff
    } else {
        14_001 + 2 * (row * col + 40 * n).rem_euclid(2000)
    };
    [red, nir].map(|number| u16::try_from(number).unwrap())
}

/// 0.0000275 times the number less 0.2, in ten thousandths.
fn landsat_reflectance(number: u16) -> u16 {
    valid((275 * i32::from(number) - 2_000_000 + 500).div_euclid(1000))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenes_of_a_path_of_landsat_are_one_observation_in_reflectance() {
    let mut archive = Archive::new();
    for (n, (day, satellite)) in (0..).zip(LANDSAT) {
        for (scene, (wrs_row, row, rows)) in (0..).zip(ROWS) {
            let frame = Frame {
                cell: 30.0,
                row,
                col: -10,
                rows,
                cols: 90,
                tile: 32,
            };
            let id = format!("LC{satellite:02}_L2SP_190{wrs_row}_202308{day:02}_02_T1");
            let name = |band: &str| format!("{id}_{band}.TIF");
            for (band, key) in ["SR_B4", "SR_B5"].into_iter().enumerate() {
                archive.image(&name(key), frame, Some(0), |row, col| {
                    let is_fill = qa_pixel(n, scene, row, col).0 == 1;
                    let numbers = landsat_bands(n, row, col);
                    if is_fill { 0 } else { numbers[band] }
                });
            }
            archive.image(&name("QA_PIXEL"), frame, Some(1), |row, col| {
                qa_pixel(n, scene, row, col).0
            });
            let asset = |key: &str| {
                json!({"href": name(key), "raster:bands": [{"scale": 2.75e-05, "nodata": 0,
                    "offset": -0.2, "data_type": "uint16", "spatial_resolution": 30}]})
            };
            archive.item(
                &id,
                "landsat-c2-l2",
                &json!({
                    "datetime": format!("2023-08-{day:02}T09:52:{:02}.530560Z", 10 + 24 * scene),
                    "platform": format!("landsat-{satellite}"), "instruments": ["oli", "tirs"],
                    "landsat:wrs_path": "190", "landsat:wrs_row": wrs_row,
                    "landsat:correction": "L2SP", "created": "2023-09-10T09:24:29.698352Z",
                }),
                &json!({"red": asset("SR_B4"), "nir08": asset("SR_B5"),
                    "qa_pixel": {"href": name("QA_PIXEL")}}),
            );
        }
    }
    let entry = archive
        .build(
            30.0,
            "2023-08",
            "collection = 'landsat-c2-l2'\nbands = ['red', 'nir']",
        )
        .await;
    let saw = |n: i32, row: i32, col: i32| {
        (0..).zip(ROWS).any(|(scene, (_, first, rows))| {
            (first..first + rows).contains(&row) && qa_pixel(n, scene, row, col).1
        })
    };
    let seen = |row, col| -> Vec<Observation> {
        (0..)
            .zip(LANDSAT)
            .filter(|(n, _)| saw(*n, row, col))
            .map(|(n, _)| landsat_bands(n, row, col).map(landsat_reflectance))
            .collect()
    };
    let counts = check(&entry, seen, ["done"; 4]).await;
    assert!(counts.len() >= 4, "{counts:?}");
    let variables = values(&entry, Level(0)).await;
    assert!(variables[0].contains(&1), "no pixel is dark");
    let scenes = scenes(&entry).await;
    assert_eq!(scenes.len(), ROWS.len() * LANDSAT.len(), "{scenes:?}");
    let overpasses: BTreeSet<&str> = scenes
        .values()
        .map(|scene| scene["overpass"].as_str().unwrap())
        .collect();
    assert_eq!(overpasses.len(), LANDSAT.len(), "{overpasses:?}");
    for scene in scenes.values() {
        for band in ["red", "nir"] {
            let expected = (0.275, -2000.0, "Landsat Collection 2".to_owned());
            assert_eq!(scaling(scene, band), expected);
        }
    }
}

/// Takes of Sentinel-2 in January 2022, when the numbers got their offset: the
/// day, the processing baseline, and what was added to reflectance.
const SENTINEL: [(i32, &str, i32); 4] = [
    (5, "03.01", 0),
    (15, "03.01", 0),
    (25, "04.00", 1000),
    (30, "04.00", 1000),
];

/// Sentinel-2 Products Specification Document: classes, and whether their
/// pixels show the ground.
const SCL: [(u8, bool); 12] = [
    (0, false),
    (4, true),
    (2, true),
    (5, true),
    (1, false),
    (3, false),
    (6, true),
    (7, true),
    (8, false),
    (9, false),
    (11, true),
    (10, false),
];

/// In pixels of 20 m.
fn scl(n: i32, row: i32, col: i32) -> (u8, bool) {
    pick(
        &SCL,
        row.div_euclid(2) * (n + 1) + col.div_euclid(3) * (n + 2),
    )
}

/// Reflectance of red and near infrared, below zero in places.
fn sentinel_reflectance(n: i32, row: i32, col: i32) -> [i32; 2] {
    [
        (13 * row + 5 * col + 4 * n).rem_euclid(600) - 30,
        2500 + (row * col - 25 * n).rem_euclid(700),
    ]
}

/// The catalogue, the signing endpoint and the blob storage of the Planetary
/// Computer, for a client that has this as its proxy.
struct PlanetaryComputer {
    archive: Archive,
    /// The signatures that were given, by account and container.
    tokens: Mutex<BTreeMap<String, Vec<String>>>,
    refused: Mutex<Vec<Uri>>,
}

impl PlanetaryComputer {
    /// A signature is no good after so many newer ones.
    const NEWER: usize = 32;

    async fn answer(&self, request: Request) -> Response {
        let uri = request.uri().clone();
        let (host, path) = (uri.host().unwrap_or_default(), uri.path());
        if host == "planetarycomputer.microsoft.com" {
            return match path.strip_prefix("/api/sas/v1/token/") {
                Some(container) => self.token(container).into_response(),
                None => Json(self.archive.collection()).into_response(),
            };
        }
        let account = host.strip_suffix(".blob.core.windows.net").unwrap();
        if !self.is_signed(account, &uri) {
            self.refused.lock().unwrap().push(uri);
            return StatusCode::FORBIDDEN.into_response();
        }
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("/{account}{path}").parse().unwrap();
        let request = Request::from_parts(parts, body);
        let mut files = ServeDir::new(self.archive.folder.path());
        files.try_call(request).await.unwrap().map(Body::new)
    }

    /// A signature that is good for half a minute.
    fn token(&self, container: &str) -> Json<Value> {
        let mut tokens = self.tokens.lock().unwrap();
        let given = tokens.entry(container.to_owned()).or_default();
        let sig = container.replace('/', "%2F");
        given.push(format!(
            "sv=2021-06-08&sr=c&sp=rl&sig={sig}{}%3D",
            given.len()
        ));
        let expiry = chrono::Utc::now() + chrono::TimeDelta::seconds(30);
        Json(json!({"msft:expiry": expiry.to_rfc3339(), "token": given.last()}))
    }

    fn is_signed(&self, account: &str, uri: &Uri) -> bool {
        let name = uri.path().split('/').nth(1).unwrap_or_default();
        let tokens = self.tokens.lock().unwrap();
        let given = tokens.get(&format!("{account}/{name}"));
        let mut newest = given.into_iter().flat_map(|given| given.iter().rev());
        newest
            .by_ref()
            .take(Self::NEWER)
            .any(|token| uri.query() == Some(token))
    }
}

fn planetary_computer() -> PlanetaryComputer {
    let mut archive = Archive::new();
    let frame = |cell: f64, margin: i32, side: i32| Frame {
        cell,
        row: -margin,
        col: -margin,
        rows: side,
        cols: side,
        tile: 64,
    };
    let (fine, coarse) = (frame(10.0, 20, 120), frame(20.0, 10, 60));
    for (n, (day, baseline, added)) in (0..).zip(SENTINEL) {
        let id = format!("S2A_MSIL2A_202201{day:02}T100401_R122_T33TWL_20220201T000000");
        // Two containers, each with signatures of its own.
        let account = format!("sentinel2l2a{:02}", 1 + n % 2);
        let name = |band: &str| {
            format!("sentinel2-l2/33/T/WL/2022/01/{day:02}/{id}.SAFE/T33TWL_{band}.tif")
        };
        let path = |band: &str| format!("{account}/{}", name(band));
        for (band, key) in ["B04", "B08"].into_iter().enumerate() {
            archive.image(&path(key), fine, Some(0), |row, col| {
                valid(sentinel_reflectance(n, row, col)[band] + added)
            });
        }
        archive.image(&path("SCL"), coarse, Some(0), |row, col| scl(n, row, col).0);
        let asset = |band: &str| {
            let href = format!("http://{account}.blob.core.windows.net/{}", name(band));
            json!({"href": href, "roles": ["data"],
                "type": "image/tiff; application=geotiff; profile=cloud-optimized"})
        };
        archive.item(
            &id,
            "sentinel-2-l2a",
            &json!({
                "datetime": format!("2022-01-{day:02}T10:04:01.024000Z"),
                "platform": "Sentinel-2A", "constellation": "Sentinel 2", "s2:mgrs_tile": "33TWL",
                "s2:datatake_id": format!("GS2A_202201{day:02}T100401_034000_N{baseline}"),
                "s2:processing_baseline": baseline,
                "s2:generation_time": "2022-02-01T00:00:00.000Z",
            }),
            &json!({"B04": asset("B04"), "B08": asset("B08"), "SCL": asset("SCL")}),
        );
    }
    PlanetaryComputer {
        archive,
        tokens: Mutex::default(),
        refused: Mutex::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_of_the_planetary_computer_is_built_through_signatures_that_expire() {
    let planetary = Arc::new(planetary_computer());
    let answering = Arc::clone(&planetary);
    let proxy = serve(Router::new().fallback(move |request: Request| {
        let planetary = Arc::clone(&answering);
        async move { planetary.answer(request).await }
    }))
    .await;
    let host = "http://planetarycomputer.microsoft.com";
    let text = recipe(
        &format!("{host}/api/stac/v1/items.json"),
        10.0,
        "2022-01",
        "collection = 'sentinel-2-l2a'\nbands = ['red', 'nir']",
    );
    // Until the last day of the month.
    let text = text.replace("2022-01-28", "2022-01-31");
    let path = |name: &str| planetary.archive.path(name).to_str().unwrap().to_owned();
    let (recipe_path, store) = (path("recipe.toml"), path("cube"));
    std::fs::write(&recipe_path, text).unwrap();
    succeed(&mut cubetiler(&["create", &recipe_path, &store]));
    let mut command = cubetiler(&["build", &store]);
    for name in [
        "HTTP_PROXY",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let output = succeed(command.env("http_proxy", proxy).env(
        "CUBETILER_SOURCE__PLANETARY_COMPUTER_SAS",
        format!("{host}/api/sas/v1/token"),
    ));
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("sig="));

    let refused = std::mem::take(&mut *planetary.refused.lock().unwrap());
    assert_eq!(refused, [""; 0], "not signed, or not any more");
    let tokens = std::mem::take(&mut *planetary.tokens.lock().unwrap());
    let containers: Vec<&String> = tokens.keys().collect();
    let expected = ["sentinel2l2a01/sentinel2-l2", "sentinel2l2a02/sentinel2-l2"];
    assert_eq!(containers, expected);
    let images = 3 * SENTINEL.len();
    let given: usize = tokens.values().map(Vec::len).sum();
    assert!(given > images, "{given} signatures for {images} images");

    let entry = Catalog::default().open("cube", store.into()).await.unwrap();
    let seen = |row: i32, col: i32| -> Vec<Observation> {
        (0..)
            .zip(SENTINEL)
            .filter(|(n, _)| scl(*n, row / 2, col / 2).1)
            .map(|(n, _)| sentinel_reflectance(n, row, col).map(valid))
            .collect()
    };
    let counts = check(&entry, seen, ["done"; 4]).await;
    assert!(counts.len() >= 3, "{counts:?}");
    assert!(
        values(&entry, Level(0)).await[0].contains(&1),
        "no dark pixel"
    );
    let scenes = scenes(&entry).await;
    for (day, baseline, added) in SENTINEL {
        let take = format!("S2A_MSIL2A_202201{day:02}");
        let (_, scene) = scenes.iter().find(|(id, _)| id.starts_with(&take)).unwrap();
        assert_eq!(scene["baseline"], baseline);
        let rule = match added {
            0 => "baseline before 04.00",
            _ => "baseline 04.00 or later",
        };
        let expected = (1.0, f64::from(-added), rule.to_owned());
        assert_eq!(scaling(scene, "red"), expected, "{take}");
    }
}
