//! `TiTiler`'s routes for a data set of somebody else, by its name and by `url`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cubetiler::{
    config::{Config, Scope, TokenConfig, TokenHash},
    http::Access,
};
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    fixture::{Local, Server},
    round_trip::decode,
    support::{cubetiler, succeed},
    titiler_cube::{self, COLS, ROWS, ndvi, reflectance},
};

/// A folder with the store, and a server that may be asked for it as `named` and by `url`.
struct Open {
    folder: TempDir,
    server: Server,
}

impl Open {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // What is named and what a url names are two stores of one content.
        titiler_cube::write(&folder.path().join("open/cube.zarr"));
        titiler_cube::write(&folder.path().join("named.zarr"));
        let mut config = listing(&[&folder.path().join("open")]);
        config
            .cubes
            .insert("named".to_owned(), folder.path().join("named.zarr"));
        let server = Server::of(&config, Access::Off).await;
        Self { folder, server }
    }

    fn store(&self) -> String {
        self.folder
            .path()
            .join("open/cube.zarr")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// An address below `/zarr`.
    fn by_url(&self, path: &str, query: &str) -> String {
        format!("/zarr/{path}?url={}&{query}", self.store())
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        let address = format!("{}{path}", self.server.url);
        let sent = self.server.client.post(address).body(body.to_string());
        sent.send().await.unwrap()
    }
}

fn listing(places: &[&Path]) -> Config {
    let mut config = Config::default();
    config.cache.check_seconds = 0;
    let texts = places
        .iter()
        .map(|place| place.to_str().unwrap().to_owned());
    config.server.zarr_urls = texts.collect();
    config
}

async fn read(answer: Response) -> (StatusCode, Value) {
    let status = answer.status();
    let body = answer.bytes().await.unwrap();
    let document = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, document)
}

async fn found(server: &Server, path: &str) -> Value {
    let (status, document) = read(server.get(path).await).await;
    assert_eq!(status, StatusCode::OK, "{path}: {document}");
    document
}

/// The status and the sentence of an error.
async fn refused(server: &Server, path: &str) -> (u16, String) {
    let (status, document) = read(server.get(path).await).await;
    let detail = &document["detail"];
    let text = detail
        .as_str()
        .map_or_else(|| detail.to_string(), str::to_owned);
    (status.as_u16(), text)
}

fn near(a: &Value, b: f32) {
    let a = a.as_f64().unwrap();
    assert!((a - f64::from(b)).abs() < 1e-5, "{a} {b}");
}

/// A square of degrees as a feature.
fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    json!({"type": "Feature", "id": 7, "properties": {"name": "a square"}, "geometry": {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }})
}

#[tokio::test]
async fn without_a_list_no_store_may_be_named_and_the_setting_is() {
    let local = Local::new();
    let server = Server::start(local.create("cube").into(), Access::Off, "").await;
    for path in [
        "info",
        "tiles/WebMercatorQuad/0/0/0",
        "dataset/keys",
        "point/5,50",
    ] {
        let (status, text) = refused(&server, &format!("/zarr/{path}?url=/etc&variable=a")).await;
        assert_eq!(status, 403, "{path}");
        assert!(text.contains("`server.zarr_urls`"), "{text}");
    }
}

#[tokio::test]
async fn only_what_is_below_a_listed_place_may_be_named() {
    let open = Open::new().await;
    let root = open.folder.path();
    titiler_cube::write(&root.join("closed/cube.zarr"));
    titiler_cube::write(&root.join("open-not/cube.zarr"));
    std::os::unix::fs::symlink(root.join("closed"), root.join("open/way")).unwrap();
    let told = |path: &str| format!("/zarr/dataset/keys?url={}", root.join(path).display());
    assert_eq!(
        found(&open.server, &told("open/cube.zarr")).await,
        json!(["ndvi", "reflectance", "scaled"])
    );
    for (path, status) in [
        ("closed/cube.zarr", 403),
        ("open-not/cube.zarr", 403),
        ("open/way/cube.zarr", 403),
        ("open/../closed/cube.zarr", 400),
        ("open/%2e%2e/closed/cube.zarr", 400),
        ("open/none.zarr", 404),
    ] {
        let (found, text) = refused(&open.server, &told(path)).await;
        assert_eq!(found, status, "{path}: {text}");
        if status == 403 {
            assert!(text.contains("`server.zarr_urls`"), "{text}");
        }
    }
    for url in [
        "https://example.org/a",
        "s3://maps/a",
        "file:///etc",
        "cube.zarr",
    ] {
        let (status, _) = refused(&open.server, &format!("/zarr/dataset/keys?url={url}")).await;
        assert!(matches!(status, 400 | 403), "{url} {status}");
    }
}

#[tokio::test]
async fn a_link_out_of_a_store_is_not_followed() {
    let open = Open::new().await;
    for (n, store) in [
        PathBuf::from(open.store()),
        open.folder.path().join("named.zarr"),
    ]
    .iter()
    .enumerate()
    {
        let (chunk, secret) = (
            store.join("ndvi/c/0/0/0"),
            open.folder.path().join(format!("secret{n}")),
        );
        fs::rename(&chunk, &secret).unwrap();
        std::os::unix::fs::symlink(&secret, &chunk).unwrap();
    }
    let query = "variable=ndvi&sel=time=2024-01-01";
    // What the configuration names is the operator's own, and its links are too.
    found(&open.server, &format!("/cubes/named/point/5,50?{query}")).await;
    let (status, _) = refused(&open.server, &open.by_url("point/5,50", query)).await;
    assert_eq!(status, 502);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_only_the_listed_host_is_asked() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = other.local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _read = client.read(&mut request).await.unwrap();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/zarr/a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let mut config = Config::default();
    config.server.zarr_urls = vec![format!("http://{address}/zarr")];
    let server = Server::of(&config, Access::Off).await;
    let path = format!("/zarr/dataset/keys?url=http://{address}/zarr/a.zarr");
    let (status, text) = refused(&server, &path).await;
    assert_eq!(status, 502, "{text}");
    let asked = futures::FutureExt::now_or_never(other.accept());
    assert!(asked.is_none(), "the other server was asked");
}

#[tokio::test]
async fn a_cube_of_this_server_is_asked_for_by_its_name() {
    let local = Local::new();
    let store = local.create("cube");
    let mut config = listing(&[local.folder.path()]);
    config.server.state_dir = local.path("state").into();
    config.cubes.insert("alps".to_owned(), store.clone().into());
    let server = Server::of(&config, Access::Off).await;
    let (status, text) = refused(&server, &format!("/zarr/info?url={store}&variable=red")).await;
    assert_eq!(status, 400);
    assert!(text.contains("/cubes/alps"), "{text}");
}

#[tokio::test]
async fn a_token_for_some_cubes_may_name_no_store() {
    let open = Open::new().await;
    let mut config = listing(&[open.folder.path()]);
    config.server.protect_reading = true;
    for (name, cubes) in [("some", Some(vec!["named".to_owned()])), ("all", None)] {
        let token = TokenConfig {
            hash: TokenHash::of(name),
            scopes: vec![Scope::Read],
            cubes,
        };
        config.tokens.insert(name.to_owned(), token);
    }
    config.cubes.insert("named".to_owned(), open.store().into());
    let server = Server::of(&config, Access::Off).await;
    let path = open.by_url("info", "variable=ndvi");
    assert_eq!(refused(&server, &path).await.0, 401);
    let (status, text) = refused(&server, &format!("{path}&access_token=some")).await;
    assert_eq!(status, 403);
    assert!(text.contains("named"), "{text}");
    found(&server, &format!("{path}&access_token=all")).await;
    // What links on carries the token.
    let path = open.by_url(
        "WebMercatorQuad/tilejson.json",
        "variable=ndvi&access_token=all",
    );
    let told = found(&server, &path).await;
    assert!(
        told["tiles"][0]
            .as_str()
            .unwrap()
            .contains("access_token=all")
    );
}

#[tokio::test]
async fn what_is_missing_is_told_as_titiler_tells_it() {
    let open = Open::new().await;
    let (status, told) = read(open.server.get("/zarr/info?variable=ndvi").await).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let missing = |name: &str| json!([{"type": "missing", "loc": ["query", name], "msg": "Field required", "input": null}]);
    assert_eq!(told["detail"], missing("url"));
    assert_eq!(
        (&told["status"], &told["type"]),
        (&json!(422), &json!("about:blank"))
    );
    for path in [
        "info",
        "info.geojson",
        "bounds",
        "point/5,50",
        "statistics",
        "preview.png",
        "bbox/0,45,5,50.png",
        "tiles",
        "tiles/WebMercatorQuad",
        "tiles/WebMercatorQuad/5/16/10.png",
        "WebMercatorQuad/tilejson.json",
        "WebMercatorQuad/map.html",
    ] {
        let (status, told) = read(open.server.get(&open.by_url(path, "")).await).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(told["detail"], missing("variable"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_as_titiler_tells_it_and_by_a_name_in_a_sentence() {
    let open = Open::new().await;
    let tile = "tiles/WebMercatorQuad/5/16/10.png";
    for (path, query, place, given) in [
        (tile, "rescale=a,b", ["query", "rescale"], "a,b"),
        (
            tile,
            "colormap_name=viridus",
            ["query", "colormap_name"],
            "viridus",
        ),
        (tile, "reproject=best", ["query", "reproject"], "best"),
        (tile, "nodata=none", ["query", "nodata"], "none"),
        (
            "tiles/Nope/5/16/10.png",
            "",
            ["path", "tileMatrixSetId"],
            "Nope",
        ),
        (
            "tiles/WebMercatorQuad/5/16/10.bmp",
            "",
            ["path", "format"],
            "bmp",
        ),
        (
            "tiles/WebMercatorQuad/five/16/10.png",
            "",
            ["path", "z"],
            "five",
        ),
        (
            "tiles/WebMercatorQuad/5/16/ten.png",
            "",
            ["path", "y"],
            "ten",
        ),
        ("preview.png", "max_size=big", ["query", "max_size"], "big"),
        ("bbox/0,45,5,50.bmp", "", ["path", "format"], "bmp"),
        (
            "statistics",
            "histogram_bins=0",
            ["query", "histogram_bins"],
            "0",
        ),
        (tile, "sel=band", ["query", "sel"], "band"),
        (tile, "sel=time=best::2024", ["query", "sel"], "best"),
        (tile, "algorithm=nope", ["query", "algorithm"], "nope"),
        (tile, "tilesize=0", ["query", "tilesize"], "0"),
        ("point/a,b", "", ["path", "lonlat"], "a,b"),
        ("bbox/a,b,c,d.png", "", ["path", "bounds"], "a,b,c,d"),
        ("preview/axb.png", "", ["path", "size"], "axb.png"),
        (
            "WebMercatorQuad/tilejson.json",
            "tile_format=bmp",
            ["query", "tile_format"],
            "bmp",
        ),
        (
            "WebMercatorQuad/tilejson.json",
            "return_mask=perhaps",
            ["query", "return_mask"],
            "perhaps",
        ),
    ] {
        let query = format!("variable=ndvi&sel=time=2024-01-11&{query}");
        let (status, told) = read(open.server.get(&open.by_url(path, &query)).await).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{path} {query}: {told}"
        );
        let listed = &told["detail"][0];
        assert_eq!(
            (&listed["loc"], &listed["input"]),
            (&json!(place), &json!(given)),
            "{path}"
        );
        assert_eq!(
            (&listed["type"], &told["status"]),
            (&json!("value_error"), &json!(422))
        );
        let by_name = format!("/cubes/named/{path}?{query}");
        let (status, told) = read(open.server.get(&by_name).await).await;
        assert_eq!(
            (status, &told["detail"]),
            (StatusCode::BAD_REQUEST, &listed["msg"]),
            "{path}"
        );
    }
    // What is understood and not there is not of that kind.
    let wrong = open.by_url(tile, "variable=nope");
    assert_eq!(refused(&open.server, &wrong).await.0, 400);
}

#[tokio::test]
async fn longitudes_beyond_180_are_asked_for_as_those_that_they_are() {
    let open = Open::new().await;
    let folder = open.folder.path();
    // The same from 130 to 100 degrees west, written from 230 to 260.
    let store = folder.join("open/far.zarr");
    titiler_cube::write(&store);
    let longitudes = (0..COLS).flat_map(|col| (titiler_cube::longitude(col) + 240.0).to_le_bytes());
    fs::write(store.join("lon/c/0"), longitudes.collect::<Vec<u8>>()).unwrap();
    let far = |path: &str, query: &str| format!("/zarr/{path}?url={}&{query}", store.display());
    let query = "variable=ndvi&sel=time=2024-01-11";
    let file = async |path: &str| {
        let answer = open.server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let bbox = answer.headers()["content-bbox"]
            .to_str()
            .unwrap()
            .to_owned();
        (bbox, answer.bytes().await.unwrap())
    };
    let (_, expected) = file(&open.by_url("bbox/-5,45,0,50.npy", query)).await;
    for west in [-125, 235] {
        let path = far(&format!("bbox/{west},45,{},50.npy", west + 5), query);
        let (bbox, found) = file(&path).await;
        let told: f64 = bbox.split(',').next().unwrap().parse().unwrap();
        assert!((told - f64::from(west)).abs() < 1e-6, "{bbox}");
        assert_eq!(found, expected, "{west}");
    }
    for path in ["bbox/-180,-90,180,90.npy", "preview.npy"] {
        let (_, expected) = file(&open.by_url(path, query)).await;
        let (bbox, found) = file(&far(path, query)).await;
        assert!(bbox.starts_with("-130"), "{bbox}");
        assert_eq!(found, expected, "{path}");
    }
    let auto = far("preview.png", &format!("{query}&rescale=auto"));
    assert_eq!(open.server.get(&auto).await.status(), StatusCode::OK);
    let bounds = found(&open.server, &far("info", "variable=ndvi")).await["bounds"].clone();
    assert!(
        (bounds[0].as_f64().unwrap() + 130.0).abs() < 1e-6,
        "{bounds}"
    );
    let numbers = async |path: &str, west: f64| {
        let (status, told) = read(open.post(path, &square(west, 45.0, 1.0)).await).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told["properties"]["statistics"]["b1"]["mean"]
            .as_f64()
            .unwrap()
    };
    let here = numbers(&open.by_url("statistics", query), -5.0).await;
    let there = numbers(&far("statistics", query), -125.0).await;
    assert!((here - there).abs() < 1e-9, "{here} {there}");
    let mean = async |path: String| found(&open.server, &path).await["b1"]["mean"].clone();
    let there = mean(far("statistics", &format!("{query}&bbox=-125,45,-120,50"))).await;
    let here = mean(open.by_url("statistics", &format!("{query}&bbox=-5,45,0,50"))).await;
    assert_eq!(here, there);
}

#[tokio::test]
async fn a_picture_is_in_the_system_of_its_rectangle_and_as_high_as_its_width_asks_for() {
    let open = Open::new().await;
    let query = "variable=ndvi&sel=time=2024-01-11&rescale=-1,1";
    let path = open.by_url(
        "bbox/0,5621521,556597,6446275.png",
        &format!("{query}&coord_crs=EPSG:3857"),
    );
    let answer = open.server.get(&path).await;
    assert_eq!(
        answer.headers()["content-crs"],
        "<http://www.opengis.net/def/crs/EPSG/0/3857>"
    );
    for (size, expected) in [("width=20", "(2, 40, 20)"), ("height=20", "(2, 20, 10)")] {
        // 5 degrees by 10.
        let path = open.by_url("bbox/0,45,5,55.npy", &format!("{query}&{size}"));
        let file = open.server.get(&path).await.bytes().await.unwrap();
        let header = std::str::from_utf8(&file[10..128]).unwrap();
        assert!(header.contains(expected), "{size}: {header}");
    }
    // Of both words for it the one is as good as the other, and `reproject` wins.
    let both = open.by_url(
        "bbox/0,45,5,55.npy",
        &format!("{query}&width=7&resampling=nearest&reproject=bilinear"),
    );
    let one = open.by_url(
        "bbox/0,45,5,55.npy",
        &format!("{query}&width=7&reproject=bilinear"),
    );
    assert_eq!(
        floats(&open.server, &both).await,
        floats(&open.server, &one).await
    );
    // Documents tell where it is in another system too, and tile sets the zooms that are wished.
    let feature = open.by_url("info.geojson", "variable=ndvi&crs=EPSG:3857");
    let place = found(&open.server, &feature).await["geometry"]["coordinates"][0][0].clone();
    assert!(
        (place[0].as_f64().unwrap() + 1_113_194.9).abs() < 1.0,
        "{place}"
    );
    let sets = found(
        &open.server,
        &open.by_url("tiles", "variable=ndvi&crs=EPSG:3857&f=json"),
    )
    .await;
    let told = &sets["tilesets"][0]["boundingBox"];
    assert_eq!(told["crs"], "http://www.opengis.net/def/crs/EPSG/0/3857");
    assert!(
        (told["lowerLeft"][0].as_f64().unwrap() + 1_113_194.9).abs() < 1.0,
        "{told}"
    );
    let path = open.by_url("tiles/WebMercatorQuad", "variable=ndvi&minzoom=2&maxzoom=3");
    let limits = found(&open.server, &path).await["tileMatrixSetLimits"].clone();
    let zooms: Vec<&Value> = limits
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["tileMatrix"])
        .collect();
    assert_eq!(zooms, ["2", "3"]);
    // Polygons in another system.
    let mercator = json!({"type": "Feature", "properties": {}, "geometry": {
        "type": "Polygon",
        "coordinates": [[[0.0, 5_621_521.5], [111_319.49, 5_621_521.5], [111_319.49, 5_780_349.2], [0.0, 5_780_349.2], [0.0, 5_621_521.5]]],
    }});
    let path = open.by_url(
        "statistics",
        "variable=ndvi&sel=time=2024-01-11&coord_crs=EPSG:3857",
    );
    let (status, told) = read(open.post(&path, &mercator).await).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let found = told["properties"]["statistics"]["b1"]["mean"]
        .as_f64()
        .unwrap();
    let path = open.by_url("statistics", "variable=ndvi&sel=time=2024-01-11");
    let (_, told) = read(open.post(&path, &square(0.0, 45.0, 1.0)).await).await;
    let expected = told["properties"]["statistics"]["b1"]["mean"]
        .as_f64()
        .unwrap();
    assert!((found - expected).abs() < 1e-3, "{found} {expected}");
}

#[tokio::test]
async fn more_than_may_be_held_is_refused_before_its_places_are_looked_for() {
    let open = Open::new().await;
    let bands: Vec<String> = (1..=4).map(|band| format!("b{band}")).collect();
    let query = format!(
        "variable=reflectance&sel=time=2024-01-01&expression={}&rescale=0,1&dst_crs=EPSG:3035",
        bands.join("%2B")
    );
    let path = open.by_url("preview/4096x4096.png", &query);
    let (status, told) = refused(&open.server, &path).await;
    assert_eq!(status, 413, "{told}");
    let small = open.by_url("preview/64x64.png", &query);
    assert_eq!(open.server.get(&small).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn times_that_are_left_as_they_are_stored_are_selected_by_their_numbers() {
    let open = Open::new().await;
    let path = "tiles/WebMercatorQuad/5/16/10.npy";
    let decoded = open.by_url(path, "variable=ndvi&sel=time=2024-01-21");
    let raw = open.by_url(path, "variable=ndvi&sel=time=20&decode_times=false");
    let values = async |path: &str| {
        let answer = open.server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        (
            answer.headers()["x-cube-time"].clone(),
            answer.bytes().await.unwrap(),
        )
    };
    let (date, expected) = values(&decoded).await;
    let (number, own) = values(&raw).await;
    assert_eq!(
        (date.to_str().unwrap(), number.to_str().unwrap()),
        ("2024-01-21T00:00:00", "20")
    );
    assert_eq!(expected, own);
    // The newest of them is the greatest, and its map asks for numbers too.
    let newest = open.by_url(
        "tiles/WebMercatorQuad/5/16/10.png",
        "variable=ndvi&decode_times=False&rescale=-1,1",
    );
    assert_eq!(values(&newest).await.0, "30");
    let map = open.by_url(
        "WebMercatorQuad/tilejson.json",
        "variable=ndvi&decode_times=false",
    );
    let map = found(&open.server, &map).await;
    let tile = map["tiles"][0].as_str().unwrap();
    assert!(tile.contains("decode_times=false"), "{tile}");
    let wrong = open.by_url(path, "variable=ndvi&sel=time=2024-01-21&decode_times=false");
    let (status, told) = refused(&open.server, &wrong).await;
    assert!(status == 400 && told.contains("is no number"), "{told}");
}

#[tokio::test]
async fn without_a_mask_files_have_none_and_pictures_are_black_where_there_is_no_data() {
    let open = Open::new().await;
    let query = "variable=ndvi&sel=time=2024-01-11";
    // Its north is beyond the data.
    let path = |ending: &str, more: &str| {
        open.by_url(
            &format!("tiles/WebMercatorQuad/5/16/9.{ending}"),
            &format!("{query}{more}"),
        )
    };
    let with = floats(&open.server, &path("npy", "&return_mask=true")).await;
    let without = floats(&open.server, &path("npy", "&return_mask=false")).await;
    assert_eq!((with.len(), without.len()), (2 * 256 * 256, 256 * 256));
    let bits =
        |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
    assert_eq!(bits(&without), bits(&with[..without.len()]));
    let picture = async |more: &str| {
        let answer = open.server.get(&path("png", more)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{more}");
        decode(&answer.bytes().await.unwrap())
    };
    let style = "&rescale=-1,1&colormap_name=viridis";
    let (shown, channels) = picture(style).await;
    let (black, opaque) = picture(&format!("{style}&return_mask=false")).await;
    assert_eq!(channels, 4);
    let mut holes = 0;
    for (shown, black) in std::iter::zip(shown.chunks(4), black.chunks(opaque)) {
        let expected = if shown[3] == 0 { &[0; 3] } else { &shown[..3] };
        assert_eq!(&black[..3], expected);
        assert!(black.get(3).is_none_or(|alpha| *alpha == 255));
        holes += usize::from(shown[3] == 0);
    }
    assert!((100..65_000).contains(&holes), "{holes}");
    // Without an ending it is a JPEG, since it is opaque.
    let open_ended = open.by_url(
        "tiles/WebMercatorQuad/5/16/9",
        &format!("{query}{style}&return_mask=false"),
    );
    let answer = open.server.get(&open_ended).await;
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let raw = open.server.get(&path("pngraw", style)).await;
    assert_eq!(raw.headers()["content-type"], "image/png");
    assert_eq!(decode(&raw.bytes().await.unwrap()), (shown, channels));
}

#[tokio::test]
async fn a_data_set_answers_the_same_by_its_name_and_by_url() {
    let open = Open::new().await;
    let server = &open.server;
    let query = "variable=ndvi&sel=time=2024-01-11";
    for path in [
        "info",
        "info.geojson",
        "bounds",
        "point/5,50",
        "statistics",
        "timeseries/5,50",
        "dataset/keys",
        "dataset/dict",
        "dataset/dimensions",
        "dataset/coordinates/time",
        "dataset/coordinates/band",
        "validate",
    ] {
        let query = if path == "timeseries/5,50" {
            "variable=ndvi"
        } else {
            query
        };
        let by_name = found(server, &format!("/cubes/named/{path}?{query}")).await;
        assert_eq!(
            by_name,
            found(server, &open.by_url(path, query)).await,
            "{path}"
        );
    }
    for path in [
        "preview.png",
        "preview/30x20.tif",
        "bbox/0,45,5,50.png",
        "bbox/0,45,5,50.npy",
        "bbox/0,45,5,50/100x80.tif",
        "tiles/WebMercatorQuad/5/16/10.png",
        "tiles/WebMercatorQuad/5/16/10@2x.npy",
    ] {
        let query = format!("{query}&rescale=-1,1");
        let file = async |path: &str| {
            let answer = server.get(path).await;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let bytes = answer.bytes().await.unwrap();
            assert_eq!(
                status,
                StatusCode::OK,
                "{path} {}",
                String::from_utf8_lossy(&bytes)
            );
            let told = ["content-type", "content-bbox", "content-crs", "etag"];
            (bytes, told.map(|name| headers[name].clone()))
        };
        let by_name = file(&format!("/cubes/named/{path}?{query}")).await;
        assert_eq!(by_name, file(&open.by_url(path, &query)).await, "{path}");
    }
}

#[tokio::test]
async fn the_values_of_a_point_are_those_of_the_store() {
    let open = Open::new().await;
    let server = &open.server;
    // 5.05 E 50.05 N is the middle of a cell.
    let cell = (99, 150);
    let told = found(server, &open.by_url("point/5.05,50.05", "variable=ndvi")).await;
    for time in 0..4 {
        near(&told["values"][time], ndvi(time, cell.0, cell.1));
    }
    let query = "variable=reflectance&sel=time=nearest::2024-01-19&bidx=4&bidx=1";
    let told = found(server, &open.by_url("point/5.05,50.05", query)).await;
    assert_eq!(told["band_descriptions"], json!(["B08", "B02"]));
    near(&told["values"][0], reflectance([2, 3, cell.0, cell.1]));
    near(&told["values"][1], reflectance([2, 0, cell.0, cell.1]));
    // 2.0 forms, and another system.
    let older = "variable=reflectance&sel=time=2024-01-19&sel_method=nearest&bidx=4&bidx=1";
    let same = found(server, &open.by_url("point/5.05,50.05", older)).await;
    assert_eq!(same["values"], told["values"]);
    let (x, y) = (562_163.4, 6_455_117.0);
    let query = "variable=ndvi&sel=time=2024-01-11&coord_crs=EPSG:3857";
    let told = found(server, &open.by_url(&format!("point/{x},{y}"), query)).await;
    near(&told["values"][0], ndvi(1, cell.0, cell.1));
    for (path, query, status) in [
        ("point/50,50", "variable=ndvi", 404),
        ("point/5,50", "variable=reflectance", 400),
        ("point/5,50", "variable=ndvi&bidx=5", 400),
        ("point/5,50", "variable=ndvi&sel=time=2024-01-12", 400),
        ("point/5,50", "variable=nope", 400),
        ("point/5,50", "variable=ndvi&coord_crs=EPSG:99999", 400),
        ("point/5,50", "variable=ndvi&coord_crs=nonsense", 422),
        ("point/a,b", "variable=ndvi", 422),
    ] {
        let (found, text) = refused(server, &open.by_url(path, query)).await;
        assert_eq!(found, status, "{path}?{query}: {text}");
    }
}

/// Single floats of a file of numpy, without its mask.
async fn floats(server: &Server, path: &str) -> Vec<f32> {
    let answer = server.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let bytes = answer.bytes().await.unwrap();
    let values = bytes[128..]
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    values.collect()
}

#[tokio::test]
async fn files_hold_the_values_of_all_bands_and_what_is_computed_of_them() {
    let open = Open::new().await;
    let query = "variable=reflectance&sel=time=2024-01-01";
    let all = floats(&open.server, &open.by_url("preview.npy", query)).await;
    assert_eq!(all.len(), 5 * ROWS * COLS);
    for (band, row, col) in [(0, 0, 0), (3, 100, 7), (1, 199, 299), (2, 20, 20)] {
        let (found, stored) = (
            all[(band * ROWS + row) * COLS + col],
            reflectance([0, band, row, col]),
        );
        assert!(found.to_bits() == stored.to_bits() || found.is_nan() && stored.is_nan());
    }
    assert_eq!(
        (all[4 * ROWS * COLS], all[5 * ROWS * COLS - 1]),
        (0.0, 255.0)
    );
    let query = format!("{query}&expression=(b4-b3)/(b4%2Bb3)");
    let computed = floats(&open.server, &open.by_url("preview.npy", &query)).await;
    let own = computed[50 * COLS + 60];
    assert!((own - ndvi(0, 50, 60)).abs() < 1e-6, "{own}");
    let query = "expression=ndvi*2&sel=time=2024-01-01&rescale=-1,1&colormap_name=viridis";
    let path = open.by_url("tiles/WebMercatorQuad/5/16/10.png", query);
    assert_eq!(open.server.get(&path).await.status(), StatusCode::OK);
    let without = open.by_url("tiles/WebMercatorQuad/5/16/10.png", "expression=scaled*2");
    assert_eq!(refused(&open.server, &without).await.0, 400);
}

#[tokio::test]
async fn a_nearest_tile_holds_the_cells_under_the_middles_of_its_pixels() {
    /// Parts of a cell: what is so near to a border may be in either.
    const BORDER: f64 = 1e-6;
    let open = Open::new().await;
    let query = "variable=ndvi&sel=time=2024-01-11";
    let path = open.by_url("tiles/WebMercatorQuad/5/16/10.npy", query);
    let values = floats(&open.server, &path).await;
    let mut compared = 0;
    for (pixel, value) in values[..256 * 256].iter().enumerate() {
        let [row, col] = [pixel / 256, pixel % 256].map(|n| f64::from(u32::try_from(n).unwrap()));
        let whole = f64::from(32 * 256);
        let longitude = (16.0 * 256.0 + col + 0.5) / whole * 360.0 - 180.0;
        let northing = std::f64::consts::PI * (1.0 - 2.0 * (10.0 * 256.0 + row + 0.5) / whole);
        let latitude = northing.sinh().atan().to_degrees();
        let (row, col) = ((60.0 - latitude) / 0.1, (longitude + 10.0) / 0.1);
        if [row, col].iter().any(|at| (at - at.round()).abs() < BORDER) {
            continue;
        }
        compared += 1;
        if row < 0.0 || col >= 300.0 {
            assert!(value.is_nan(), "{row} {col}");
            continue;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be within the grid"
        )]
        let stored = ndvi(1, row as usize, col as usize);
        assert_eq!(value.to_bits(), stored.to_bits(), "{row} {col}");
    }
    assert!(compared > 65_000, "{compared}");
}

#[tokio::test]
async fn a_store_that_grows_is_told_so_at_once() {
    let open = Open::new().await;
    let path = open.by_url("info", "variable=ndvi");
    assert_eq!(found(&open.server, &path).await["count"], 4);
    let document = PathBuf::from(open.store()).join("ndvi/zarr.json");
    let mut array: Value = serde_json::from_slice(&fs::read(&document).unwrap()).unwrap();
    array["attributes"]["valid_min"] = json!(-1);
    array["attributes"]["valid_max"] = json!(1);
    fs::write(&document, array.to_string()).unwrap();
    // A store is looked at again once as much time has passed as the last look took.
    let mut told = Value::Null;
    for _ in 0..10_000 {
        told = found(&open.server, &path).await["minmax"][3].clone();
        if !told.is_null() {
            break;
        }
    }
    assert_eq!(told, json!([-1, 1]));
}

#[tokio::test]
async fn coordinates_and_dimensions_are_told_with_their_values() {
    let open = Open::new().await;
    let server = &open.server;
    let told = found(server, &open.by_url("dataset/dimensions", "")).await;
    assert_eq!(told, json!({"band": 4, "lat": 200, "lon": 300, "time": 4}));
    let told = found(server, &open.by_url("dataset/coordinates/time", "")).await;
    assert_eq!(told["data"][3], "2024-01-31T00:00:00.000000000");
    let told = found(server, &open.by_url("dataset/coordinates/band", "")).await;
    assert_eq!(told["data"], json!(["B02", "B03", "B04", "B08"]));
    let told = found(server, &open.by_url("dataset/coordinates/lat", "")).await;
    assert_eq!(told["data"].as_array().unwrap().len(), ROWS);
    let (status, text) = refused(server, &open.by_url("dataset/coordinates/depth", "")).await;
    assert_eq!(status, 404);
    assert!(text.contains("lat"), "{text}");
    let page = server
        .get(&open.by_url("dataset/", ""))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("reflectance"), "{page}");
    let map = server
        .get(&open.by_url("WebMercatorQuad/map.html", "variable=ndvi"))
        .await;
    let map = map.text().await.unwrap();
    assert!(
        map.contains("/zarr/WebMercatorQuad/tilejson.json?url="),
        "{map}"
    );
}

#[tokio::test]
async fn a_polygon_has_the_numbers_of_what_it_covers() {
    let open = Open::new().await;
    let path = open.by_url("statistics", "variable=ndvi&sel=time=2024-01-11&p=50");
    // Half of the outer cells of three by three.
    let (west, south) = (longitude_of_cell(100) + 0.05, 50.05);
    let answer = open.post(&path, &square(west, south, 0.2)).await;
    assert_eq!(answer.headers()["content-type"], "application/geo+json");
    let (status, told) = read(answer).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(
        (&told["id"], &told["properties"]["name"]),
        (&json!(7), &json!("a square"))
    );
    let numbers = &told["properties"]["statistics"]["b1"];
    assert_eq!(numbers["description"], "ndvi");
    assert_eq!(numbers["valid_pixels"], 9);
    let count = numbers["count"].as_f64().unwrap();
    // Parts that are touched count.
    assert!((4.0..5.0).contains(&count), "{count}");
    assert!(numbers["percentile_50"].is_number() && numbers["percentile_2"].is_null());
    let collection = json!({"type": "FeatureCollection", "features": [square(0.0, 45.0, 1.0), square(-9.9, 59.0, 0.5)]});
    let (_, told) = read(open.post(&path, &collection).await).await;
    let of = |n: usize| told["features"][n]["properties"]["statistics"]["b1"].clone();
    assert_eq!(of(0)["count"], 100.0);
    assert_eq!(
        (&of(1)["count"], &of(1)["mean"]),
        (&json!(0.0), &Value::Null),
        "in the hole"
    );
    for (body, status) in [
        (square(60.0, 45.0, 1.0), 404),
        (json!({"type": "Point"}), 422),
        (
            json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}),
            422,
        ),
    ] {
        let (found, told) = read(open.post(&path, &body).await).await;
        assert_eq!(found.as_u16(), status, "{told}");
    }
    let fine = format!("{path}&cover_scale=1000");
    let (status, _) = read(open.post(&fine, &square(0.0, 45.0, 10.0)).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

fn longitude_of_cell(col: usize) -> f64 {
    titiler_cube::longitude(col) - 0.05
}

#[tokio::test]
async fn a_picture_of_a_feature_is_transparent_outside_of_it() {
    let open = Open::new().await;
    let triangle = json!({"type": "Feature", "properties": {}, "geometry": {
        "type": "Polygon", "coordinates": [[[0.0, 45.0], [5.0, 45.0], [0.0, 50.0], [0.0, 45.0]]],
    }});
    for path in [
        open.by_url("feature.npy", "variable=ndvi&sel=time=2024-01-11"),
        "/cubes/named/feature.npy?variable=ndvi&sel=time=2024-01-11".to_owned(),
    ] {
        let answer = open.post(&path, &triangle).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let bytes = answer.bytes().await.unwrap();
        let values: Vec<f32> = (bytes[128..].chunks_exact(4))
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        assert_eq!(values.len(), 2 * 50 * 50);
        assert!(values[49 * 50].is_finite() && values[49].is_nan());
    }
    for path in ["feature", "feature.png", "feature/64x32.webp"] {
        let path = open.by_url(path, "variable=ndvi&sel=time=2024-01-11&rescale=-1,1");
        let answer = open.post(&path, &triangle).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("image/")
        );
    }
}

#[tokio::test]
async fn polygons_of_a_cube_have_numbers_and_pictures_too() {
    let local = Local::new();
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let server = Server::start(store.into(), Access::Off, "").await;
    let body = square(5.92, 43.1, 0.03).to_string();
    let post = async |path: &str| {
        let address = format!("{}/cubes/formula/{path}", server.url);
        server
            .client
            .post(address)
            .body(body.clone())
            .send()
            .await
            .unwrap()
    };
    let (status, told) = read(post("statistics?variable=red&variable=green").await).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let numbers = &told["properties"]["statistics"];
    near(&numbers["red"]["mean"], 1200.0);
    assert_eq!(numbers["red"]["unique"], 1);
    assert_eq!(numbers["green"]["max"], 800.0);
    let count = numbers["red"]["count"].as_f64().unwrap();
    assert!((100.0..110.0).contains(&count), "{count}");
    let (_, told) = read(post("statistics?variable=red&categorical=true").await).await;
    assert_eq!(
        told["properties"]["statistics"]["red"]["histogram"][1],
        json!([1200.0])
    );
    let picture = post("feature.png?variable=red&rescale=0,3000").await;
    assert_eq!(picture.status(), StatusCode::OK);
    let corners = [[5.92, 43.1], [5.95, 43.1], [5.95, 43.13], [5.92, 43.1]];
    let triangle = json!({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [corners]}});
    // What is computed of samples around a polygon has its outline too.
    let outline = async |query: &str| {
        let address = format!(
            "{}/cubes/formula/feature/60x60.png?variable=red&{query}",
            server.url
        );
        let picture = server.client.post(address).body(triangle.to_string());
        let picture = picture.send().await.unwrap();
        assert_eq!(picture.status(), StatusCode::OK, "{query}");
        let (pixels, samples) = decode(&picture.bytes().await.unwrap());
        let alpha = pixels.chunks(samples).map(|pixel| pixel[samples - 1] > 0);
        alpha.collect::<Vec<_>>()
    };
    let plain = outline("rescale=0,3000").await;
    assert!(plain.contains(&true) && plain.contains(&false));
    assert_eq!(outline("algorithm=hillshade").await, plain);
    let turned = post("feature.png?variable=red&rescale=0,3000&dst_crs=EPSG:3857").await;
    assert_eq!(turned.status(), StatusCode::OK);
    let system = turned.headers()["content-crs"].to_str().unwrap();
    assert!(system.ends_with("/3857>"), "{system}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_polygons_and_expressions_beyond_reason_is_refused() {
    let open = Open::new().await;
    let several = "variable=ndvi&variable=scaled&sel=time=2024-01-11&expression=ndvi*2&rescale=0,1";
    let path = open.by_url("tiles/WebMercatorQuad/5/16/10.png", several);
    let (status, text) = refused(&open.server, &path).await;
    assert_eq!(status, 400, "{text}");
    let (status, text) = refused(
        &open.server,
        &open.by_url(
            "statistics",
            "variable=ndvi&sel=time=2024-01-11&categorical=true",
        ),
    )
    .await;
    assert_eq!(status, 413, "{text}");
    assert!(text.contains("`categorical`"), "{text}");
    // A zigzag whose edges all rows meet.
    let mut ring: Vec<[f64; 2]> = (0..19_000_i32)
        .map(|n| {
            [
                -9.0 + f64::from(n) * 1e-3,
                if n % 2 == 0 { 41.0 } else { 59.0 },
            ]
        })
        .collect();
    ring.push(ring[0]);
    let zigzag = json!({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}});
    let path = open.by_url(
        "statistics",
        "variable=ndvi&sel=time=2024-01-11&cover_scale=100",
    );
    let (status, told) = read(open.post(&path, &zigzag).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{told}");
    let path = open.by_url(
        "feature.png",
        "variable=ndvi&sel=time=2024-01-11&rescale=0,1&nodata_color=red",
    );
    let (status, told) = read(open.post(&path, &square(0.0, 45.0, 1.0)).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{told}");
}

/// All routes of the `OpenAPI` document, with something for each parameter.
async fn routes(server: &Server) -> Vec<(Method, String)> {
    let document = found(server, "/openapi.json").await;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete"] {
            if item[method].is_object() {
                let filled: Vec<&str> = path
                    .split('/')
                    .map(|part| if part.starts_with('{') { "x" } else { part })
                    .collect();
                all.push((method.to_uppercase().parse().unwrap(), filled.join("/")));
            }
        }
    }
    all
}

#[tokio::test]
async fn every_route_answers_other_pages_errors_too_and_head_where_it_answers_get() {
    let open = Open::new().await;
    let routes = routes(&open.server).await;
    assert!(routes.len() > 60, "{}", routes.len());
    let send = async |method: Method, path: &str| -> (StatusCode, HeaderMap) {
        let sent = open
            .server
            .client
            .request(method, format!("{}{path}", open.server.url));
        let answer = sent
            .header("origin", "https://example.org")
            .send()
            .await
            .unwrap();
        (answer.status(), answer.headers().clone())
    };
    for (method, path) in routes {
        let (status, headers) = send(method.clone(), &path).await;
        assert_eq!(
            headers["access-control-allow-origin"], "*",
            "{method} {path}"
        );
        assert!(
            status != StatusCode::INTERNAL_SERVER_ERROR,
            "{method} {path}"
        );
        if method == Method::GET {
            let (own, headers) = send(Method::HEAD, &path).await;
            assert_eq!(own, status, "HEAD {path}");
            assert_eq!(headers["access-control-allow-origin"], "*", "HEAD {path}");
        }
        let asked = open
            .server
            .client
            .request(Method::OPTIONS, format!("{}{path}", open.server.url));
        let asked = asked
            .header("origin", "https://example.org")
            .header("access-control-request-method", method.as_str())
            .header(
                "access-control-request-headers",
                "authorization, content-type",
            );
        let allowed = asked.send().await.unwrap();
        assert_eq!(allowed.status(), StatusCode::OK, "OPTIONS {path}");
        let headers = allowed.headers();
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        let methods = headers["access-control-allow-methods"].to_str().unwrap();
        assert!(
            methods == "*" || methods.contains(method.as_str()),
            "{path} {methods}"
        );
    }
}
