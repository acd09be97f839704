//! Cubes as geographic programs ask for them: WMTS, OGC API, STAC and plain Zarr.

use std::process::Command;

use cubetiler::{
    config::{Config, Scope, TokenConfig, TokenHash},
    http::Access,
};
use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{
    fixture::{Local, Server},
    reference::script,
    support::{cubetiler, python, succeed},
};

/// A tile with the west of the cube in it: zoom, column, row.
const TILE: [&str; 3] = ["11", "1057", "751"];

const STYLE: &str = "variable=red&rescale=0,3000&colormap_name=viridis";

/// All keys of a tile but its time.
const GET_TILE: &str = "Service=WMTS&request=GetTile&VERSION=1.0.0&layer=formula&STYLE=default\
                        &Format=image/png&TileMatrixSet=WebMercatorQuad&TILEMATRIX=11&tilecol=1057\
                        &TileRow=751";

async fn served(local: &Local) -> (Server, String) {
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let server = Server::start(store.clone().into(), Access::Off, "").await;
    (server, store)
}

async fn json_of(server: &Server, path: &str) -> Value {
    let answer = server.get(path).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The link of a relation, as a path.
fn path_of(server: &Server, document: &Value, rel: &str) -> String {
    let links = document["links"].as_array().unwrap();
    let link = links.iter().find(|link| link["rel"] == rel);
    let href = link.unwrap_or_else(|| panic!("no {rel} in {document}"))["href"].as_str();
    href.unwrap().strip_prefix(&server.url).unwrap().to_owned()
}

async fn asked(server: &Server, path: &str, name: header::HeaderName, value: &str) -> Response {
    let request = server.client.get(format!("{}{path}", server.url));
    request.header(name, value).send().await.unwrap()
}

fn assert_xml(answer: &Response) {
    let kind = &answer.headers()[header::CONTENT_TYPE];
    assert_eq!(kind, "application/xml");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one client after the other")]
async fn a_tile_by_keys_and_values_is_the_tile_and_its_errors_are_exceptions() {
    let local = Local::new();
    let (server, _store) = served(&local).await;
    let [zoom, col, row] = TILE;
    let plain = format!("/cubes/formula/tiles/WebMercatorQuad/{zoom}/{col}/{row}.png?{STYLE}");
    let plain = server.get(&plain).await;
    assert_eq!(plain.status(), 200);
    let told = plain.headers().clone();
    let bytes = plain.bytes().await.unwrap();
    for (service, time) in [
        ("/wmts", ""),
        ("/wmts", "&TIME="),
        ("/cubes/formula/wmts", "&time=2023-08-01T00:00:00Z"),
        ("/cubes/formula/wmts", "&Time=%7Btime%7D"),
        ("/cubes/formula/wmts", "&TIME={Time}"),
    ] {
        let path = format!("{service}?{GET_TILE}{time}&{STYLE}");
        let tile = server.get(&path).await;
        assert_eq!(tile.status(), 200, "{path}");
        for name in ["etag", "cache-control", "content-type", "x-cube-revision"] {
            assert_eq!(tile.headers()[name], told[name], "{path}");
        }
        assert_eq!(tile.bytes().await.unwrap(), bytes, "{path}");
    }
    let known = told["etag"].to_str().unwrap();
    let path = format!("/wmts?{GET_TILE}&{STYLE}");
    let again = asked(&server, &path, header::IF_NONE_MATCH, known).await;
    assert_eq!(again.status(), 304);

    let changed = |from: &str, to: &str| GET_TILE.replace(from, to);
    for (query, status, code, part) in [
        (String::new(), 400, "MissingParameterValue", "SERVICE"),
        (
            "SERVICE=WMS".to_owned(),
            400,
            "InvalidParameterValue",
            "WMTS",
        ),
        (
            "SERVICE=WMTS&REQUEST=GetMap".to_owned(),
            501,
            "OperationNotSupported",
            "GetFeatureInfo",
        ),
        (
            "SERVICE=WMTS&REQUEST=GetCapabilities&ACCEPTVERSIONS=2.0.0".to_owned(),
            400,
            "VersionNegotiationFailed",
            "1.0.0",
        ),
        (
            changed("layer=formula", "layer=formla"),
            400,
            "InvalidParameterValue",
            "`LAYER=formla`",
        ),
        (
            changed("&layer=formula", ""),
            400,
            "MissingParameterValue",
            "LAYER",
        ),
        (
            changed("image/png", "image/gif"),
            400,
            "InvalidParameterValue",
            "image/webp",
        ),
        (changed("1057", "2"), 400, "TileOutOfRange", "outside"),
        (
            changed("1057", "99999"),
            400,
            "TileOutOfRange",
            "this zoom has 2048 columns",
        ),
        (
            format!("{GET_TILE}&TIME=1999-01-01"),
            400,
            "InvalidParameterValue",
            "there is no time step",
        ),
        (
            format!("{GET_TILE}&varable=red"),
            400,
            "InvalidParameterValue",
            "did you mean `variable`?",
        ),
        (
            format!("{GET_TILE}&tilesize=100000"),
            413,
            "NoApplicableCode",
            "pixels along a side",
        ),
        (
            format!("{}&I=256&J=0", changed("GetTile", "GetFeatureInfo")),
            400,
            "PointIJOutOfRange",
            "0 to 255",
        ),
    ] {
        for service in ["/wmts", "/cubes/formula/wmts"] {
            let answer = server.get(&format!("{service}?{query}")).await;
            assert_eq!(answer.status(), status, "{query}");
            assert_xml(&answer);
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
            let text = answer.text().await.unwrap();
            let expected = format!("exceptionCode=\"{code}\"");
            assert!(
                text.contains(&expected) && text.contains(part),
                "{query}: {text}"
            );
        }
    }
    let nowhere = server.get("/cubes/nowhere/wmts?SERVICE=WMTS").await;
    assert_eq!(nowhere.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn gdal_reads_the_layers_of_the_server_and_a_pixel_tells_the_values_of_the_cube() {
    let local = Local::new();
    let (server, _store) = served(&local).await;
    let [zoom, col, row] = TILE;
    let place = format!("{zoom}/{col}/{row}");
    let tile = server
        .get(&format!("/cubes/formula/tiles/WebMercatorQuad/{place}.png"))
        .await;
    std::fs::write(local.path("tile.png"), tile.bytes().await.unwrap()).unwrap();
    let by_keys = "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities";
    for path in ["/WMTSCapabilities.xml", by_keys] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200);
        assert_xml(&answer);
        let text = answer.text().await.unwrap();
        let address = format!("<ows:Get xlink:href=\"{}/wmts?\">", server.url);
        assert_eq!(text.matches(&address).count(), 3, "{text}");
        if let Some(python) = python() {
            let mut read = Command::new(python);
            read.arg(script("wmts.py")).args([
                &format!("{}{path}", server.url),
                "formula",
                &local.path("tile.png"),
            ]);
            read.args(TILE).current_dir(local.folder.path());
            tokio::task::block_in_place(|| succeed(&mut read));
        }
    }
    let styled = server.get(&format!("/WMTSCapabilities.xml?{STYLE}")).await;
    assert_eq!(styled.status(), 400, "a style is of one cube");

    let base = format!("/cubes/formula/featureinfo/WebMercatorQuad/{place}");
    let told = json_of(&server, &format!("{base}/240/100.json?sel=time={{time}}")).await;
    let feature = &told["features"][0];
    let [lon, lat] = [0, 1].map(|n| feature["geometry"]["coordinates"][n].as_f64().unwrap());
    let point = json_of(&server, &format!("/cubes/formula/point/{lon},{lat}")).await;
    assert_eq!(point["band_names"], json!(["red", "green", "count"]));
    let expected = json!({
        "time": "2023-08-01",
        "red": point["values"][0], "green": point["values"][1], "count": point["values"][2],
    });
    assert_eq!(feature["properties"], expected);
    assert!(expected["red"].is_u64(), "{expected}");
    let red = &expected["red"];
    let text = format!("time: 2023-08-01\nred: {red}\n");
    let plain = server
        .get(&format!("{base}/240/100.txt?variable=red"))
        .await;
    assert_eq!(plain.text().await.unwrap(), text);
    let info = GET_TILE.replace("GetTile", "GetFeatureInfo");
    let info = format!("/wmts?{info}&i=240&j=100&InfoFormat=text/plain&variable=red");
    let answer = server.get(&info).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/plain");
    assert_eq!(answer.text().await.unwrap(), text);
    // In the tile and beside the cube.
    let beside = json_of(&server, &format!("{base}/0/100.geojson")).await;
    assert_eq!(beside["features"], json!([]));
    for (path, part) in [
        (format!("{base}/256/0.json"), "0 to 255"),
        (format!("{base}/0/0.html"), ".geojson"),
        (
            format!("{base}/0/0.json?variable=rad"),
            "did you mean `red`?",
        ),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), 400, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(part), "{text}");
    }
}

/// Asks for the served state by its name.
async fn at_its_revision_it_never_changes(server: &Server, etag: &str, root: &Value) {
    let revision = json_of(server, "/cubes/formula").await["revision"].clone();
    let fixed = format!(
        "/cubes/formula/revisions/{}/zarr",
        revision.as_str().unwrap()
    );
    for (key, etag) in [("0/red/c/0/0/0", Some(etag)), ("zarr.json", None)] {
        let answer = server.get(&format!("{fixed}/{key}")).await;
        assert_eq!(answer.status(), 200);
        let caching = &answer.headers()[header::CACHE_CONTROL];
        assert_eq!(caching, "public, max-age=31536000, immutable");
        assert!(etag.is_none_or(|etag| answer.headers()[header::ETAG] == etag));
    }
    assert_eq!(&json_of(server, &fixed).await, root);
    for path in [
        format!("{fixed}/0/red/c/0/0/9"),
        "/cubes/formula/revisions/main/zarr/zarr.json".to_owned(),
        "/cubes/formula/revisions/1CECHNKREP0F1RSTCMT0/zarr/0/red/zarr.json".to_owned(),
        "/cubes/formula/revisions/VVVVVVVVVVVVVVVVVVVG/zarr/zarr.json".to_owned(),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_is_a_zarr_store_over_http_that_xarray_reads_as_from_icechunk() {
    let local = Local::new();
    let (server, store) = served(&local).await;
    let zarr = "/cubes/formula/zarr";
    let root = json_of(&server, &format!("{zarr}/zarr.json")).await;
    assert_eq!(root["node_type"], "group");
    let inner = &root["consolidated_metadata"]["metadata"];
    assert_eq!(inner["0/red"]["node_type"], "array");
    let red = json_of(&server, &format!("{zarr}/0/red/zarr.json")).await;
    assert_eq!(red, inner["0/red"]);
    let level = json_of(&server, &format!("{zarr}/0/zarr.json")).await;
    let inner = &level["consolidated_metadata"]["metadata"];
    assert_eq!((&inner["red"], &inner["0/red"]), (&red, &Value::Null));

    let path = format!("{zarr}/0/red/c/0/0/0");
    let whole = server.get(&path).await;
    assert_eq!(whole.status(), 200);
    let told = whole.headers().clone();
    assert_eq!(told[header::ACCEPT_RANGES], "bytes");
    assert_eq!(told["access-control-allow-origin"], "*");
    let bytes = whole.bytes().await.unwrap();
    let length = bytes.len();
    assert_eq!(told[header::CONTENT_LENGTH], length.to_string());
    for (range, part) in [
        ("bytes=0-15".to_owned(), 0..16),
        ("bytes=-68".to_owned(), length - 68..length),
        (
            format!("bytes={}-{}", length - 4, length + 9),
            length - 4..length,
        ),
    ] {
        let answer = asked(&server, &path, header::RANGE, &range).await;
        assert_eq!(answer.status(), 206, "{range}");
        let is = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!(answer.headers()[header::CONTENT_RANGE], is);
        assert_eq!(answer.bytes().await.unwrap(), bytes[part]);
    }
    let beyond = asked(&server, &path, header::RANGE, &format!("bytes={length}-")).await;
    assert_eq!(beyond.status(), 416);
    let size = format!("bytes */{length}");
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], size);
    let gzip = asked(&server, &path, header::ACCEPT_ENCODING, "gzip").await;
    assert_eq!(gzip.headers().get(header::CONTENT_ENCODING), None);
    let etag = told[header::ETAG].to_str().unwrap();
    let again = asked(&server, &path, header::IF_NONE_MATCH, etag).await;
    assert_eq!(again.status(), 304);
    let other = server.get(&format!("{zarr}/0/red/c/0/0/1")).await;
    assert_ne!(other.headers()[header::ETAG], etag);
    let head = server.client.head(format!("{}{path}", server.url));
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()[header::CONTENT_LENGTH], length.to_string());

    for key in [
        "0/red/c/0/0/9",
        "0/red/c/0/0",
        "0/red/c/0/0/0/0",
        "0/red/c/0/0/00",
        "0/rad/c/0/0/0",
        "0/c/0",
        "9/zarr.json",
        "..%2f0/zarr.json",
        "0/red",
        "refs/main",
    ] {
        let answer = server.get(&format!("{zarr}/{key}")).await;
        assert_eq!(answer.status(), 404, "{key}");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
    let put = server.client.put(format!("{}{path}", server.url));
    assert_eq!(put.send().await.unwrap().status(), 405);

    at_its_revision_it_never_changes(&server, etag, &root).await;

    let levels = json_of(&server, "/cubes/formula").await["levels"]
        .as_array()
        .unwrap()
        .len();
    if let Some(python) = python() {
        let mut client = Command::new(python);
        client.arg(script("over_http.py")).args([
            &format!("{}{zarr}", server.url),
            &store,
            &levels.to_string(),
        ]);
        tokio::task::block_in_place(|| succeed(&mut client));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_the_links_of_ogc_api_comes_to_the_tiles_of_a_cube() {
    let local = Local::new();
    let (server, _store) = served(&local).await;
    let page = asked(&server, "/", header::ACCEPT, "text/html,*/*").await;
    let kind = page.headers()[header::CONTENT_TYPE].to_str().unwrap();
    assert!(kind.starts_with("text/html"), "{kind}");
    let landing = asked(&server, "/", header::ACCEPT, "application/json").await;
    let landing: Value = landing.json().await.unwrap();
    assert_eq!(landing, json_of(&server, "/?f=json").await);
    let conformance = path_of(&server, &landing, "conformance");
    let conformance = json_of(&server, &conformance).await;
    let classes = conformance["conformsTo"].as_array().unwrap();
    assert!(
        classes
            .iter()
            .any(|class| class.as_str().unwrap().ends_with("tiles-1/1.0/conf/core"))
    );

    let collections = json_of(&server, &path_of(&server, &landing, "data")).await;
    let collection = &collections["collections"][0];
    let own = json_of(&server, &path_of(&server, collection, "self")).await;
    assert_eq!(&own, collection);
    assert_eq!(own["id"], "formula");
    assert_eq!(
        own["extent"]["temporal"]["interval"],
        json!([["2023-08-01T00:00:00Z", "2023-09-01T00:00:00Z"]])
    );
    let rel = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map";
    let tilesets = json_of(&server, &path_of(&server, &own, rel)).await;
    let path = path_of(&server, &tilesets["tilesets"][0], "self");
    let tileset = json_of(&server, &format!("{path}?{STYLE}")).await;
    // The deepest zoom that the tile set has.
    let [zoom, col, row] = ["9", "264", "187"];
    let limits = tileset["tileMatrixSetLimits"].as_array().unwrap();
    let limits = limits
        .iter()
        .find(|limits| limits["tileMatrix"] == zoom)
        .unwrap();
    let between = |least: &str, most: &str, at: &str| {
        let at: u64 = at.parse().unwrap();
        limits[least].as_u64().unwrap() <= at && at <= limits[most].as_u64().unwrap()
    };
    assert!(between("minTileRow", "maxTileRow", row), "{limits}");
    assert!(between("minTileCol", "maxTileCol", col), "{limits}");
    let links = tileset["links"].as_array().unwrap();
    let item = links
        .iter()
        .find(|link| link["type"] == "image/png")
        .unwrap();
    assert_eq!(
        (&item["rel"], &item["templated"]),
        (&json!("item"), &json!(true))
    );
    let template = item["href"]
        .as_str()
        .unwrap()
        .strip_prefix(&server.url)
        .unwrap();
    let tile = template
        .replace("{tileMatrix}", zoom)
        .replace("{tileRow}", row)
        .replace("{tileCol}", col);
    let plain = format!("/cubes/formula/tiles/WebMercatorQuad/{zoom}/{col}/{row}.png?{STYLE}");
    let plain = server.get(&plain).await;
    let (etag, bytes) = (
        plain.headers()["etag"].clone(),
        plain.bytes().await.unwrap(),
    );
    for datetime in [
        "",
        "&datetime=2023-08-10T12:00:00Z",
        "&datetime=../2023-12-31",
    ] {
        let answer = server.get(&format!("{tile}{datetime}")).await;
        assert_eq!(answer.status(), 200, "{tile}{datetime}");
        assert_eq!(answer.headers()["etag"], etag);
        assert_eq!(answer.bytes().await.unwrap(), bytes);
    }
    // The tiles of the whole server are those of its first collection, or of a named one.
    let rel = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map";
    let dataset = path_of(&server, &landing, rel);
    assert_eq!(dataset, "/map/tiles");
    let listed = json_of(&server, &dataset).await;
    let set = json_of(&server, &path_of(&server, &listed["tilesets"][0], "self")).await;
    assert_eq!(set["tileMatrixSetLimits"], tileset["tileMatrixSetLimits"]);
    for (query, status) in [
        ("", 200),
        ("&collections=formula", 200),
        ("&collections=nowhere", 404),
        ("&collections=formula,formula", 400),
    ] {
        let path = format!("/map/tiles/WebMercatorQuad/{zoom}/{row}/{col}?{STYLE}&f=png{query}");
        let answer = server.get(&path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(
            status != 200 || answer.bytes().await.unwrap() == bytes,
            "{path}"
        );
    }
    // What depends on what a client accepts is not kept for another.
    let named = format!("{tile}&f=png").replace("&f=png&f=png", "&f=png");
    let open = named.replace("&f=png", "").replace("f=png&", "");
    let varies = |answer: &Response| {
        let all = answer.headers().get_all(header::VARY).iter();
        all.filter_map(|value| value.to_str().ok())
            .any(|value| value.eq_ignore_ascii_case("accept"))
    };
    for (kind, told) in [("image/webp", "image/webp"), ("image/jpeg", "image/jpeg")] {
        let answer = asked(&server, &open, header::ACCEPT, kind).await;
        assert_eq!(answer.headers()[header::CONTENT_TYPE], told, "{open}");
        assert!(varies(&answer), "{:?}", answer.headers());
        let fixed = asked(&server, &named, header::ACCEPT, kind).await;
        assert_eq!(fixed.headers()[header::CONTENT_TYPE], "image/png");
        assert!(!varies(&fixed), "{:?}", fixed.headers());
    }
    for (path, status) in [
        (format!("{tile}&datetime=1999-01-01"), 400),
        (format!("{tile}&f=gif"), 400),
        (tile.replace(row, "1"), 404),
        ("/collections/nowhere".to_owned(), 404),
        (format!("{path}?varable=red"), 400),
    ] {
        assert_eq!(server.get(&path).await.status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_is_a_stac_collection_of_dimensions_variables_and_links() {
    let local = Local::new();
    let store = local.create("cube");
    let server = Server::start(store.into(), Access::Off, "").await;
    let root = json_of(&server, "/stac").await;
    assert_eq!(
        (&root["type"], &root["id"]),
        (&json!("Catalog"), &json!("cubetiler"))
    );
    let all = json_of(&server, &path_of(&server, &root, "data")).await;
    let own = json_of(&server, &path_of(&server, &root, "child")).await;
    assert_eq!(all["collections"], json!([own]));
    assert_eq!(
        (&own["type"], &own["id"]),
        (&json!("Collection"), &json!("formula"))
    );
    assert_eq!(own["cube:dimensions"]["latitude"]["axis"], "y");
    assert_eq!(
        own["cube:dimensions"]["time"]["values"],
        json!(["2023-08-01T00:00:00Z"])
    );
    for rel in [
        "tilejson",
        "wmts",
        "describedby",
        "alternate",
        "root",
        "parent",
        "self",
    ] {
        let path = path_of(&server, &own, rel);
        assert_eq!(server.get(&path).await.status(), 200, "{rel}: {path}");
    }
    let zarr = own["assets"]["zarr"]["href"].as_str().unwrap();
    let document = server.client.get(format!("{zarr}/0/zarr.json"));
    assert_eq!(document.send().await.unwrap().status(), 200);
    if let Some(python) = python() {
        let file = local.path("collection.json");
        std::fs::write(&file, own.to_string()).unwrap();
        succeed(Command::new(python).args([&script("stac.py"), &file, zarr]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_show_the_cubes_of_a_token_alone_and_carry_it_on() {
    let local = Local::new();
    let mut config = Config::default();
    for name in ["alps", "coast"] {
        config
            .cubes
            .insert(name.to_owned(), local.create(name).into());
    }
    let told = TokenConfig {
        hash: TokenHash::of("secret"),
        scopes: vec![Scope::Read],
        cubes: Some(vec!["alps".to_owned()]),
    };
    config.tokens.insert("reader".to_owned(), told);
    config.server.protect_reading = true;
    config.server.state_dir = local.path("state").into();
    let server = Server::of(&config, Access::Off).await;
    for path in [
        "/WMTSCapabilities.xml?",
        "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&",
        "/collections?",
        "/stac?",
        "/stac/collections?",
    ] {
        assert_eq!(server.get(path).await.status(), 401, "{path}");
        let answer = server.get(&format!("{path}access_token=secret")).await;
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("alps") && !text.contains("coast"), "{text}");
        assert!(text.contains("access_token=secret"), "{text}");
    }
    let tile = GET_TILE.replace("layer=formula", "layer=coast");
    let answer = server
        .get(&format!("/wmts?{tile}&access_token=secret"))
        .await;
    assert_eq!(answer.status(), 400);
    for (path, status) in [
        ("/cubes/alps/zarr/zarr.json", 200),
        ("/cubes/coast/zarr/zarr.json", 403),
        ("/collections/coast", 403),
        ("/collections/coast/map/tiles", 403),
        ("/stac/collections/coast", 403),
        ("/cubes/coast/wmts", 403),
    ] {
        let answer = server.get(&format!("{path}?access_token=secret")).await;
        assert_eq!(answer.status(), status, "{path}");
    }
    for path in ["/?f=json", "/conformance"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn links_lead_to_where_the_server_is_seen_behind_a_proxy() {
    let local = Local::new();
    let mut config = Config::default();
    config
        .cubes
        .insert("formula".to_owned(), local.create("cube").into());
    config.server.state_dir = local.path("state").into();
    config.server.public_url = "https://maps.example.org/cubes".to_owned();
    let server = Server::of(&config, Access::Off).await;
    for path in [
        "/?f=json",
        "/collections",
        "/collections/formula/map/tiles/WebMercatorQuad",
        "/stac/collections/formula",
        "/WMTSCapabilities.xml",
    ] {
        let text = server.get(path).await.text().await.unwrap();
        assert!(text.contains("https://maps.example.org/cubes/"), "{text}");
        assert!(!text.contains("127.0.0.1"), "{text}");
    }
}
