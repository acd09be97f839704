//! `TiTiler`'s dialect: what its clients ask for beside tiles.

use std::process::Command;

use cubetiler::{config::Config, grid::TileAddress, http::Access};
use reqwest::{Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    fixture::{
        CELL, Local, NORTH, SEAM, SIDE, Server, WEST, expected_count, expected_red, is_near_seam,
    },
    reference::script,
    round_trip::decode,
    support::{cubetiler, python, succeed},
};

/// A tile that holds nearly all of the cube.
const TILE: &str = "/cubes/formula/tiles/WebMercatorQuad/9/264/187";

async fn served(local: &Local) -> Server {
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    Server::start(store.into(), Access::Off, "").await
}

pub(crate) async fn found(server: &Server, path: &str) -> Response {
    let answer = server.get(path).await;
    if answer.status() == StatusCode::OK {
        return answer;
    }
    let (status, told) = (answer.status(), answer.text().await.unwrap());
    panic!("{path}: {status} {told}");
}

pub(crate) async fn document(server: &Server, path: &str) -> Value {
    found(server, path).await.json().await.unwrap()
}

/// The pixels of a picture, red, green, blue and alpha, and its width.
pub(crate) async fn pixels(server: &Server, path: &str) -> (Vec<[u8; 4]>, usize) {
    let file = found(server, path).await.bytes().await.unwrap();
    let width = u32::from_be_bytes(file[16..20].try_into().unwrap());
    let (samples, _) = decode(&file);
    let pixels = samples.chunks(4).map(|pixel| pixel.try_into().unwrap());
    (pixels.collect(), width as usize)
}

/// The samples of an array of numpy's, and its shape as it is written.
async fn array(server: &Server, path: &str) -> (Vec<u16>, String) {
    let answer = found(server, path).await;
    assert_eq!(answer.headers()["content-type"], "application/x-binary");
    let file = answer.bytes().await.unwrap();
    let header = std::str::from_utf8(&file[10..128]).unwrap();
    let shape = header.split_once("'shape': ").unwrap().1;
    let shape = shape.split_once(')').unwrap().0.to_owned() + ")";
    let samples = file[128..].chunks(2);
    let samples = samples.map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    (samples.collect(), shape)
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(',').map(|n| n.parse().unwrap()).collect()
}

fn near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in std::iter::zip(found, expected) {
        assert!((a - b).abs() < 1e-9, "{found:?} {expected:?}");
    }
}

/// The longitude of a column of cells.
fn longitude(col: usize) -> f64 {
    WEST + (f64::from(u32::try_from(col).unwrap()) + 0.5) * CELL
}

#[tokio::test]
async fn colormaps_and_tile_matrix_sets_are_told_in_titilers_form() {
    let local = Local::new();
    let server = Server::start(local.create("cube").into(), Access::Off, "").await;
    let listed = document(&server, "/colorMaps").await;
    let all = listed["colormaps"].as_array().unwrap();
    let viridis = all.iter().find(|map| map["id"] == "viridis").unwrap();
    let address = viridis["links"][0]["href"].as_str().unwrap();
    let map: Value = server
        .client
        .get(address)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(map.as_object().unwrap().len(), 256);
    assert_eq!(
        (&map["0"], &map["255"]),
        (&json!([68, 1, 84, 255]), &json!([253, 231, 36, 255]))
    );
    let (strip, width) = pixels(&server, "/colorMaps/viridis?f=png").await;
    assert_eq!((strip.len(), width), (256 * 20, 256));
    assert_eq!(
        (strip[0], strip[255]),
        ([68, 1, 84, 255], [253, 231, 36, 255])
    );
    let (strip, width) = pixels(
        &server,
        "/colorMaps/viridis?f=png&orientation=vertical&width=3&height=100",
    )
    .await;
    assert_eq!((strip.len(), width), (300, 3));
    assert_eq!(
        (strip[2], strip[299]),
        ([68, 1, 84, 255], [253, 231, 36, 255])
    );
    let jpeg = found(&server, "/colorMaps/viridis?f=jpg").await;
    assert_eq!(jpeg.headers()["content-type"], "image/jpeg");

    let sets = document(&server, "/tileMatrixSets").await;
    let address = sets["tileMatrixSets"][0]["links"][0]["href"]
        .as_str()
        .unwrap();
    let set: Value = server
        .client
        .get(address)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(set["id"], "WebMercatorQuad");
    assert_eq!(set["tileMatrices"][3]["matrixWidth"], 8);
}

#[tokio::test]
async fn a_colormap_that_is_written_out_colours_values_intervals_or_levels() {
    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 128];
    const NONE: [u8; 4] = [0; 4];
    let local = Local::new();
    let server = served(&local).await;
    let all: Vec<String> = (0..256)
        .map(|level| format!("%22{level}%22:[{level},7,9,255]"))
        .collect();
    let table = format!("colormap=%7B{}%7D&rescale=0,2400", all.join(","));
    // 1200 west of the seam, 1150 east of it.
    for (query, west, east) in [
        (
            "colormap=%7B%221200%22:%22%23ff0000%22,%221150%22:[0,0,255,128]%7D",
            RED,
            BLUE,
        ),
        ("colormap=%7B%221200%22:%22%23f00%22%7D", RED, NONE),
        ("colormap=[[[1000,1200],[255,0,0]]]", NONE, RED),
        (
            "colormap=[[[1000,1201],[255,0,0]],[[1200,1201],%22%230000ff80%22]]",
            BLUE,
            RED,
        ),
        // 127 and 122 of the levels.
        (
            "rescale=0,2400&colormap=%7B%22127%22:%22%23f00%22%7D",
            RED,
            NONE,
        ),
        (&table, [127, 7, 9, 255], [122, 7, 9, 255]),
        (
            "colormap=%7B%221200%22:%22%23f00%22%7D&colormap_name=gray&rescale=0,2400",
            // As matplotlib rounds 127 and 122 of its grays.
            [127, 127, 127, 255],
            [121, 121, 121, 255],
        ),
    ] {
        let (shown, width) = pixels(
            &server,
            &format!("/cubes/formula/preview.png?variable=red&{query}"),
        )
        .await;
        assert_eq!((shown.len(), width), (SIDE * SIDE, SIDE), "{query}");
        for (n, pixel) in shown.iter().enumerate() {
            let lon = longitude(n % SIDE);
            if !is_near_seam(lon) {
                let expected = if lon < SEAM { west } else { east };
                assert_eq!(*pixel, expected, "{query} {n}");
            }
        }
        let tile = format!("{TILE}.png?variable=red&{query}");
        let (shown, _) = pixels(&server, &tile).await;
        let some = |color: [u8; 4]| shown.contains(&color);
        assert!(some(west) && some(east) && some(NONE), "{tile}");
    }
    // Of an expression too, which then needs no range: 0.2 and 0.179.
    let (shown, _) = pixels(
        &server,
        &format!(
            "{TILE}.png?expression=(red-green)/(red%2Bgreen)&colormap=[[[0.19,0.21],[255,0,0]]]"
        ),
    )
    .await;
    let reds = shown.iter().filter(|pixel| **pixel == RED).count();
    let rest = shown.iter().filter(|pixel| **pixel == NONE).count();
    assert!(reds > 500 && reds + rest == shown.len(), "{reds} {rest}");
    let etag = async |query: &str| {
        let answer = found(
            &server,
            &format!("{TILE}.png?variable=red&colormap={query}"),
        )
        .await;
        answer.headers()["etag"].clone()
    };
    let one = etag("%7B%221200%22:%22%23f00%22%7D").await;
    assert_eq!(one, etag("%7B%221200.0%22:[255,0,0]%7D").await);
    assert_ne!(one, etag("%7B%221200%22:%22%23f10%22%7D").await);
    assert_ne!(one, etag("[[[1200,1201],[255,0,0]]]").await);
}

#[tokio::test]
async fn info_tells_bands_or_time_steps_and_where_the_cube_is() {
    let local = Local::new();
    let server = Server::start(local.create("cube").into(), Access::Off, "").await;
    let told = document(&server, "/cubes/formula/info?variable=red&show_times=true").await;
    let east = WEST + CELL * 64.0;
    let south = NORTH - CELL * 64.0;
    let bounds: Vec<f64> = serde_json::from_value(told["bounds"].clone()).unwrap();
    near(&bounds, &[WEST, south, east, NORTH]);
    let step = "2023-08-01T00:00:00.000000000";
    let mut expected = json!({
        "bounds": bounds,
        "crs": "http://www.opengis.net/def/crs/EPSG/0/4326",
        "band_metadata": [["b1", {}]],
        "band_descriptions": [["b1", step]],
        "dtype": "uint16",
        "nodata_type": "Nodata",
        "nodata_value": 0,
        "name": "red",
        "count": 1,
        "width": 64,
        "height": 64,
        "dimensions": ["time", "y", "x"],
        "attrs": {},
        "times": [step],
    });
    assert_eq!(told, expected);
    let selected = "/cubes/formula/info?variable=red&sel=time=2023-08";
    expected["band_descriptions"] = json!([["b1", "red"]]);
    expected["dimensions"] = json!(["y", "x"]);
    expected.as_object_mut().unwrap().remove("times");
    assert_eq!(document(&server, selected).await, expected);
    let feature = found(&server, "/cubes/formula/info.geojson").await;
    assert_eq!(feature.headers()["content-type"], "application/geo+json");
    let feature: Value = feature.json().await.unwrap();
    assert_eq!(feature["properties"]["name"], "formula");
    let bands = json!([["b1", "red"], ["b2", "green"], ["b3", "count"]]);
    assert_eq!(feature["properties"]["band_descriptions"], bands);
    assert_eq!(feature["geometry"]["type"], "Polygon");
    let bbox: Vec<f64> = serde_json::from_value(feature["bbox"].clone()).unwrap();
    near(&bbox, &[WEST, south, east, NORTH]);
}

#[tokio::test]
async fn a_preview_and_a_rectangle_are_the_cubes_own_cells() {
    let local = Local::new();
    let server = served(&local).await;
    let variables = "variable=red&variable=count";
    let whole = format!("/cubes/formula/preview.npy?{variables}");
    let answer = found(&server, &whole).await;
    let system = "<http://www.opengis.net/def/crs/EPSG/0/4326>";
    assert_eq!(answer.headers()["content-crs"], system);
    let bbox = numbers(answer.headers()["content-bbox"].to_str().unwrap());
    near(&bbox, &[WEST, NORTH - 0.192, WEST + 0.192, NORTH]);
    let (samples, shape) = array(&server, &whole).await;
    assert_eq!(shape, "(3, 64, 64)");
    let plane = |n: usize| &samples[n * SIDE * SIDE..(n + 1) * SIDE * SIDE];
    for (n, (red, count)) in std::iter::zip(plane(0), plane(1)).enumerate() {
        let lon = longitude(n % SIDE);
        if !is_near_seam(lon) {
            assert_eq!(
                (*red, *count),
                (expected_red(lon), expected_count(lon)),
                "{n}"
            );
        }
        assert_eq!(plane(2)[n], 255);
    }

    // Columns 15 to 54 and rows 15 to 58.
    let part = "/cubes/formula/bbox/5.95,43.02,6.07,43.15";
    let answer = found(&server, &format!("{part}.npy?{variables}")).await;
    let bbox = numbers(answer.headers()["content-bbox"].to_str().unwrap());
    let (west, north) = (WEST + 15.0 * CELL, NORTH - 15.0 * CELL);
    near(
        &bbox,
        &[west, north - 44.0 * CELL, west + 40.0 * CELL, north],
    );
    let (cut, shape) = array(&server, &format!("{part}.npy?{variables}")).await;
    assert_eq!(shape, "(3, 44, 40)");
    for (n, red) in cut[..44 * 40].iter().enumerate() {
        let (row, col) = (15 + n / 40, 15 + n % 40);
        assert_eq!(*red, plane(0)[row * SIDE + col], "{n}");
    }
    let (_, shape) = array(&server, &format!("{part}.npy?{variables}&max_size=20")).await;
    assert_eq!(shape, "(3, 20, 19)");
    // A quarter of the cells a side is a level of its own.
    let (coarse, shape) = array(
        &server,
        &format!("/cubes/formula/preview/16x16.npy?{variables}"),
    )
    .await;
    assert_eq!(shape, "(3, 16, 16)");
    assert_eq!((coarse[0], coarse[15]), (1200, 1150));

    let style = "variable=red&rescale=0,2400";
    let picture = format!("{part}/30x10.png?{style}");
    let (shown, width) = pixels(&server, &picture).await;
    assert_eq!((shown.len(), width), (300, 30));
    assert_eq!(
        (shown[0], shown[29]),
        ([127, 127, 127, 255], [122, 122, 122, 255])
    );
    for (path, kind) in [
        ("preview", "image/jpeg"),
        ("preview.webp", "image/webp"),
        ("preview/20x20.jpg", "image/jpeg"),
        ("preview.tif", "image/tiff; application=geotiff"),
        ("bbox/5.95,43.02,6.07,43.15.png", "image/png"),
        (
            "bbox/5.95,43.02,6.07,43.15/9x9.tif",
            "image/tiff; application=geotiff",
        ),
    ] {
        let answer = found(&server, &format!("/cubes/formula/{path}?{style}")).await;
        assert_eq!(answer.headers()["content-type"], kind, "{path}");
    }
    let first = found(&server, &picture).await;
    let again = server.client.get(format!("{}{picture}", server.url));
    let again = again.header("if-none-match", &first.headers()["etag"]);
    assert_eq!(
        again.send().await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tiles_samples_are_what_gdal_and_numpy_read() {
    let local = Local::new();
    let server = served(&local).await;
    let address = TileAddress::new(9, 264, 187).unwrap();
    let expected = address.grid(1).bounds().to_array();
    let mut bbox = String::new();
    let mut files = Vec::new();
    for (n, query) in ["variable=red&variable=count", "expression=red/2"]
        .iter()
        .enumerate()
    {
        for ending in ["tif", "npy", "png"] {
            // Two variables make samples, and no picture.
            if ending == "png" && n == 0 {
                continue;
            }
            let path = format!("{TILE}.{ending}?{query}&rescale=0,1");
            let answer = found(&server, &path).await;
            let system = "<http://www.opengis.net/def/crs/EPSG/0/3857>";
            assert_eq!(answer.headers()["content-crs"], system);
            answer.headers()["content-bbox"]
                .to_str()
                .unwrap()
                .clone_into(&mut bbox);
            near(&numbers(&bbox), &expected);
            let file = local.path(&format!("{n}.{ending}"));
            std::fs::write(&file, answer.bytes().await.unwrap()).unwrap();
            files.push(file);
        }
    }
    let (samples, shape) = array(&server, &format!("{TILE}.npy?variable=red")).await;
    assert_eq!(shape, "(2, 256, 256)");
    let (values, mask) = samples.split_at(256 * 256);
    let valid = std::iter::zip(values, mask).filter(|(_, mask)| **mask == 255);
    let odd = valid
        .clone()
        .filter(|(value, _)| !(1150..=1200).contains(*value));
    assert_eq!(odd.count(), 0);
    assert!(valid.count() > 3000);
    let Some(python) = python() else { return };
    for (n, names) in [vec!["red", "count"], vec!["red/2"]].iter().enumerate() {
        let [tif, npy] = ["tif", "npy"].map(|ending| local.path(&format!("{n}.{ending}")));
        let mut read = Command::new(&python);
        read.args([&script("samples.py"), &tif, &npy, "3857", &bbox])
            .args(names);
        tokio::task::block_in_place(|| succeed(&mut read));
    }
}

#[tokio::test]
async fn tile_sets_have_addresses_that_a_client_can_fill_and_lead_to_the_map() {
    let local = Local::new();
    let server = served(&local).await;
    let style = "variable=red&rescale=0,3000";
    let listed = document(&server, &format!("/cubes/formula/tiles?{style}")).await;
    let links = listed["tilesets"][0]["links"].as_array().unwrap();
    let link = |rel: &str| {
        let found = links.iter().find(|link| link["rel"] == rel).unwrap();
        found["href"].as_str().unwrap().to_owned()
    };
    let get = async |address: String| server.client.get(address).send().await.unwrap();
    let set: Value = get(link("self")).await.json().await.unwrap();
    assert_eq!(set["links"], listed["tilesets"][0]["links"]);
    let limits = set["tileMatrixSetLimits"].as_array().unwrap();
    let at = limits
        .iter()
        .find(|limit| limit["tileMatrix"] == "9")
        .unwrap();
    assert_eq!(
        (&at["minTileCol"], &at["maxTileRow"]),
        (&json!(264), &json!(188))
    );
    let tile = found(&server, &format!("{TILE}.png?{style}")).await;
    for (rel, [zoom, col, row]) in [
        ("item", ["{tileMatrix}", "{tileCol}", "{tileRow}"]),
        ("tile", ["{z}", "{x}", "{y}"]),
    ] {
        let address = link(rel)
            .replace(zoom, "9")
            .replace(col, "264")
            .replace(row, "187");
        let same = get(address).await;
        assert_eq!(same.headers()["etag"], tile.headers()["etag"], "{rel}");
    }
    let scheme = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";
    assert_eq!(get(link(scheme)).await.status(), StatusCode::OK);
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let map = client.get(link("data") + "&sel=time=nearest::2023-08-20");
    let map = map.send().await.unwrap();
    assert_eq!(map.status(), StatusCode::TEMPORARY_REDIRECT);
    let expected = format!(
        "{}/#cube=formula&time=2023-08-01&bands=red&rescale=0%2C3000",
        server.url
    );
    assert_eq!(map.headers()["location"], expected.as_str());
}

#[tokio::test]
async fn what_titiler_would_answer_with_500_is_refused_with_what_could_be() {
    let local = Local::new();
    let server = Server::start(local.create("cube").into(), Access::Off, "").await;
    for (path, status, told) in [
        ("/colorMaps/virids", 404, "did you mean viridis"),
        ("/colorMaps/viridis?f=gif", 400, "json, or png"),
        ("/tileMatrixSets/UTM31", 404, "WebMercatorQuad"),
        (
            "/cubes/formula/info?variable=rad",
            400,
            "did you mean `red`?",
        ),
        (
            "/cubes/formula/info?sel=time=1999",
            400,
            "there is no time step",
        ),
        ("/cubes/formula/info?show_times=si", 400, "true or false"),
        (
            "/cubes/formula/preview?variable=red&bidx=2",
            400,
            "there is no band 2",
        ),
        ("/cubes/formula/preview.png?max_size=0", 400, "1 to 4096"),
        ("/cubes/formula/preview/5000x1.png", 400, "1 to 4096"),
        (
            "/cubes/formula/bbox/5.95,43,5.9501,43.19.png?width=4096&resampling=mode",
            413,
            "give both sides",
        ),
        (
            "/cubes/formula/preview/9.png",
            400,
            "{width}x{height}.{format}",
        ),
        ("/cubes/formula/preview/9x9.bmp", 400, "webp, tif or npy"),
        ("/cubes/formula/preview.png?colormap=%7Bbad", 400, "no JSON"),
        (
            "/cubes/formula/bbox/50,45,55,50.png",
            404,
            "outside the cube's bounds",
        ),
        ("/cubes/formula/bbox/50,45.png", 400, "is no rectangle"),
        ("/cubes/formula/tiles/Nope", 400, "WebMercatorQuad"),
        (
            "/cubes/formula/tiles?varable=red",
            400,
            "did you mean `variable`?",
        ),
        ("/cubes/formula/Nope/map.html", 400, "WebMercatorQuad"),
        ("/cubes/nope/info", 404, "nope"),
        ("/cubes/nope/preview.png", 404, "nope"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let problem: Value = answer.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{path}: {detail}");
    }
    // What was never built is transparent, and nobody may keep it.
    let preview = found(&server, "/cubes/formula/preview.png?variable=red").await;
    assert_eq!(preview.headers()["cache-control"], "no-store");
    assert!(!preview.headers().contains_key("etag"));
    let (samples, _) = array(&server, &format!("{TILE}.npy?variable=red")).await;
    assert!(samples.iter().all(|sample| *sample == 0));
}

#[tokio::test]
async fn a_data_set_of_somebody_else_has_tile_sets_values_and_pictures() {
    let local = Local::new();
    let store = local.folder.path().join("other.zarr");
    other(&store, json!({}));
    let mut config = Config::default();
    config.cubes.insert("other".to_owned(), store);
    let server = Server::of(&config, Access::Off).await;
    let sets = document(&server, "/cubes/other/tiles?variable=v").await;
    assert_eq!(
        sets["tilesets"][0]["boundingBox"]["upperRight"],
        json!([4.0, 50.0])
    );
    let tile = "/cubes/other/tiles/WebMercatorQuad/7/64/43";
    let shown = format!("{tile}.png?colormap=%7B%227%22:%22%23f00%22%7D");
    let (shown, _) = pixels(&server, &shown).await;
    assert!(shown.contains(&[255, 0, 0, 255]));
    let told = document(&server, "/cubes/other/info").await;
    assert_eq!(
        (&told["name"], &told["dtype"]),
        (&json!("v"), &json!("int16"))
    );
    assert_eq!(told["dimensions"], json!(["y", "x"]));
    let told = document(&server, "/cubes/other/point/0.5,46.5").await;
    assert_eq!(told["values"], json!([7.0]));
    let told = document(&server, "/cubes/other/statistics?bbox=0,45,2,48").await;
    assert_eq!(
        (&told["b1"]["mean"], &told["b1"]["count"]),
        (&json!(7.0), &json!(4.0))
    );
    for path in [
        "/cubes/other/preview.png",
        "/cubes/other/bbox/0,46,1,47.png?dst_crs=EPSG:3857",
        &format!("{tile}.npy"),
        &format!("{tile}.png?expression=v%2B1&rescale=0,10"),
    ] {
        found(&server, path).await;
    }
}

/// A Zarr store of four by four cells of one degree, all of them 7.
pub(crate) fn other(store: &std::path::Path, attributes: Value) {
    let write = |path: &str, document: Value| {
        let path = store.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, document.to_string()).unwrap();
    };
    let array = |shape: &[usize], kind: &str, fill: Value, names: &[&str], attributes: Value| {
        json!({
            "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": kind,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "fill_value": fill, "dimension_names": names, "attributes": attributes,
        })
    };
    write(
        "zarr.json",
        json!({"zarr_format": 3, "node_type": "group", "attributes": {}}),
    );
    // Without chunks a store holds the fill value.
    write(
        "v/zarr.json",
        array(&[4, 4], "int16", json!(7), &["lat", "lon"], attributes),
    );
    for (name, first, step, units) in [
        ("lat", 49.5, -1.0, "degrees_north"),
        ("lon", 0.5, 1.0, "degrees_east"),
    ] {
        let attributes = json!({"units": units});
        write(
            &format!("{name}/zarr.json"),
            array(&[4], "float64", json!("NaN"), &[name], attributes),
        );
        let values = (0..4).flat_map(|n| (first + step * f64::from(n)).to_le_bytes());
        std::fs::create_dir_all(store.join(name).join("c")).unwrap();
        std::fs::write(store.join(name).join("c/0"), values.collect::<Vec<u8>>()).unwrap();
    }
}

#[tokio::test]
async fn a_cube_tells_what_it_holds_as_titiler_does_of_a_store() {
    let local = Local::new();
    let server = served(&local).await;
    let told = async |path: &str| document(&server, &format!("/cubes/formula/{path}")).await;
    assert_eq!(told("dataset/keys").await, json!(["count", "green", "red"]));
    assert_eq!(
        told("dataset/dimensions").await,
        json!({"time": 1, "latitude": 64, "longitude": 64})
    );
    let dict = told("dataset/dict").await;
    assert_eq!(
        dict["data_vars"]["red"]["dims"],
        json!(["time", "latitude", "longitude"])
    );
    assert_eq!(dict["data_vars"]["red"]["shape"], json!([1, 64, 64]));
    assert_eq!(dict["coords"]["time"]["dtype"], "datetime64[ns]");
    let time = told("dataset/coordinates/time").await;
    assert_eq!(time["data"], json!(["2023-08-01T00:00:00.000000000"]));
    let latitudes = told("dataset/coordinates/latitude").await;
    let first = latitudes["data"][0].as_f64().unwrap();
    assert!((first - (NORTH - CELL / 2.0)).abs() < 1e-9, "{first}");
    assert_eq!(latitudes["data"].as_array().unwrap().len(), SIDE);
    let verdict = told("validate?variables=red").await;
    let fine = json!({"compatible_with_titiler": true, "errors": [], "warnings": []});
    assert_eq!(verdict, json!({ "red": fine }));
    let page = found(&server, "/cubes/formula/dataset/").await;
    assert!(page.text().await.unwrap().contains("<th>red</th>"));
    for path in ["formula/dataset/coordinates/depth", "nowhere/dataset/keys"] {
        assert_eq!(
            server.get(&format!("/cubes/{path}")).await.status(),
            404,
            "{path}"
        );
    }
}
