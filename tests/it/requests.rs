//! What a build asks of the servers that the images lie on.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{HeaderMap, Response, StatusCode, Uri, header},
};
use cubetiler::{
    crs,
    cube::{Cube, Recipe},
    demo::cog::{Blocks, CogWriter, Downsampling, GeoReference, Image},
    grid::{Epsg, Level},
};
use serde_json::json;

use crate::{
    blocks,
    support::{cubetiler, succeed},
};

const SCENES: usize = 5;
/// A scene is two by two tiles: a small one of those that a chunk at 30 m
/// needs of an image of 41 km at 20 m in tiles of 1024.
const SIDE: u32 = 512;
const TILE: u32 = 256;
/// Where scenes and cubes have their middle.
const MIDDLE: (f64, f64) = (9.0, 44.0);

/// The most that an image's directories may take.
const MOST_HEADER: usize = 64 << 10;

/// Files by path, and the ranges that were asked of each.
#[derive(Default)]
struct Server {
    files: BTreeMap<String, Vec<u8>>,
    asked: Mutex<BTreeMap<String, Vec<Range<usize>>>>,
}

impl Server {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let Some(file) = self.files.get(path) else {
            return answer(StatusCode::NOT_FOUND, None, Vec::new());
        };
        let range = headers.get(header::RANGE).and_then(|range| {
            let (start, end) = range
                .to_str()
                .ok()?
                .strip_prefix("bytes=")?
                .split_once('-')?;
            let end = end.parse::<usize>().map_or(file.len(), |last| last + 1);
            Some(start.parse().ok()?..end.min(file.len()))
        });
        let sent = range.clone().unwrap_or(0..file.len());
        let mut asked = self.asked.lock().unwrap();
        asked.entry(path.to_owned()).or_default().push(sent.clone());
        let bytes = file[sent.clone()].to_vec();
        if range.is_none() {
            return answer(StatusCode::OK, None, bytes);
        }
        let part = format!("bytes {}-{}/{}", sent.start, sent.end - 1, file.len());
        answer(StatusCode::PARTIAL_CONTENT, Some(part), bytes)
    }

    /// What was asked of the images since the last call.
    fn images_asked(&self) -> Vec<Vec<Range<usize>>> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let images = asked.into_iter().filter(|(path, _)| is_image(path));
        images.map(|(_, ranges)| ranges).collect()
    }
}

fn is_image(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "tif")
}

fn answer(status: StatusCode, part: Option<String>, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    if let Some(part) = part {
        response = response.header(header::CONTENT_RANGE, part);
    }
    response.body(Body::from(bytes)).unwrap()
}

fn place() -> GeoReference {
    let (x, y) = crs::project(MIDDLE.0, MIDDLE.1, Epsg::WGS84, Epsg(32632)).unwrap();
    let half = f64::from(SIDE) * 10.0;
    GeoReference {
        epsg: 32632,
        origin_x: (x - half).round(),
        origin_y: (y + half).round(),
        cell_size: 20.0,
    }
}

/// Samples that deflate makes no smaller.
fn noise(seed: u32) -> Vec<u16> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    (0..SIDE * SIDE)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 16) as u16 | 1
        })
        .collect()
}

/// Scenes and the catalogue that lists them.
fn server() -> Server {
    let writer = CogWriter {
        blocks: Blocks::Tiles(TILE),
        level: 1,
        predictor: true,
        overviews: Some(Downsampling::Nearest),
        ..CogWriter::default()
    };
    let mut server = Server::default();
    let mut items = Vec::new();
    for scene in 0..SCENES {
        for (n, band) in ["red", "green"].into_iter().enumerate() {
            let samples = noise(u32::try_from(10 * scene + n).unwrap() + 1);
            let image = Image {
                width: SIDE,
                height: SIDE,
                samples: &samples,
                nodata: Some(0),
                geo_reference: place(),
            };
            let path = format!("/{scene}/{band}.tif");
            server.files.insert(path, writer.write(&image).unwrap());
        }
        let classes: Vec<u8> = noise(77)
            .into_iter()
            .map(|n| 4 + (n >> 8 & 1) as u8)
            .collect();
        let image = Image {
            width: SIDE,
            height: SIDE,
            samples: &classes,
            nodata: Some(0),
            geo_reference: place(),
        };
        let path = format!("/{scene}/scl.tif");
        server.files.insert(path, writer.write(&image).unwrap());
        let (west, south, east, north) = (8.9, 43.9, 9.1, 44.1);
        let asset = |name: &str| json!({ "href": format!("{scene}/{name}.tif") });
        items.push(json!({
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": format!("scene-{scene}"),
            "collection": "sentinel-2-l2a",
            "bbox": [west, south, east, north],
            "geometry": { "type": "Polygon", "coordinates":
                [[[west, south], [east, south], [east, north], [west, north], [west, south]]] },
            "properties": {
                "datetime": format!("2023-08-{:02}T10:00:00Z", 2 + 5 * scene),
                "platform": "sentinel-2a",
                "earthsearch:boa_offset_applied": true,
            },
            "links": [],
            "assets": { "red": asset("red"), "green": asset("green"), "scl": asset("scl") },
        }));
    }
    let items = json!({ "type": "FeatureCollection", "features": items });
    let items = items.to_string().into_bytes();
    server.files.insert("/items.json".to_owned(), items);
    server
}

async fn serve(server: &Arc<Server>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Arc::clone(server);
    let handler =
        move |uri: Uri, headers: HeaderMap| std::future::ready(server.answer(uri.path(), &headers));
    let app = axum::Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A cube of 240 x 240 cells of about 22 x 31 m in the middle of the scenes.
fn recipe(url: &str, chunk: usize) -> String {
    const CELL: f64 = 0.000_28;
    let half = 120.0 * CELL;
    let [west, south, east, north] = [
        MIDDLE.0 - half,
        MIDDLE.1 - half,
        MIDDLE.0 + half,
        MIDDLE.1 + half,
    ];
    format!(
        r#"
        title = "Noise"
        [grid]
        bounds = [{west}, {south}, {east}, {north}]
        resolution = {CELL}
        chunk = {chunk}
        inner_chunk = 60
        skip = "none"
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "{url}/items.json"
        bands = ["red", "green"]
        mask = {{ asset = "scl" }}
        "#
    )
}

/// Builds all chunks of a cube in one job.
fn build(folder: &Path, recipe: &str) {
    let path = folder.join("recipe.toml");
    std::fs::write(&path, recipe).unwrap();
    let store = folder.join("cube");
    let store = store.to_str().unwrap();
    succeed(&mut cubetiler(&["create", path.to_str().unwrap(), store]));
    succeed(&mut cubetiler(&["build", store]));
}

/// Bytes of the tiles that the chunks of a cube need, tile by tile and chunk
/// by chunk.
fn needed(server: &Server, recipe: &str) -> usize {
    let cube = Cube::new(Recipe::from_toml(recipe).unwrap()).unwrap();
    let grid = cube.pyramid().base();
    let chunks = cube.pyramid().chunks(Level(0));
    let images = server.files.iter().filter(|(path, _)| is_image(path));
    let mut bytes = 0;
    for (_, file) in images {
        let full = blocks::levels(file).swap_remove(0);
        for chunk in chunks.chunks_of(grid.shape.window()) {
            let tiles = full.needed(full.width, &place(), grid, chunks.window(chunk));
            bytes += tiles
                .unwrap()
                .iter()
                .map(ExactSizeIterator::len)
                .sum::<usize>();
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_asks_an_image_for_its_directories_and_once_for_its_tiles() {
    let server = Arc::new(server());
    let url = serve(&server).await;
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), &recipe(&url, 240));
    let mut requests: Vec<usize> = server.images_asked().iter().map(Vec::len).collect();
    assert_eq!(requests.len(), 3 * SCENES, "every image is asked for");
    requests.sort_unstable();
    assert!(requests[requests.len() / 2] <= 2, "{requests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbouring_chunks_read_directories_once_and_little_but_the_tiles_that_they_need() {
    let server = Arc::new(server());
    let url = serve(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(&url, 120);
    build(folder.path(), &recipe);
    let mut header_bytes = 0;
    let mut bytes = 0;
    for ranges in server.images_asked() {
        let headers: Vec<_> = ranges.iter().filter(|range| range.start == 0).collect();
        let [header] = headers[..] else {
            panic!("directories are read once: {ranges:?}");
        };
        assert!(header.len() <= MOST_HEADER, "{header:?}");
        header_bytes += header.len();
        bytes += ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
    }
    let needed = needed(&server, &recipe);
    assert!(
        (bytes - header_bytes) * 10 <= needed * 11,
        "{bytes} bytes, {header_bytes} of them for directories; {needed} are needed"
    );
}
