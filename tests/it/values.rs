//! The values behind a map: what the routes tell is what the cube holds.

use std::process::Command;

use cubetiler::http::Access;
use serde_json::Value;

use crate::{
    fixture::{Local, Server, expected_count, expected_red},
    reference::script,
    round_trip::decode,
    support::{cubetiler, python, succeed},
};

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

#[tokio::test]
async fn a_point_tells_all_values_its_scenes_and_its_series() {
    let local = Local::new();
    let (server, _store) = served(&local).await;
    let lon = 5.95;
    let point = json_of(&server, "/cubes/formula/point/5.95,43.1").await;
    assert_eq!(
        point["band_names"],
        serde_json::json!(["red", "green", "count"])
    );
    let expected = serde_json::json!([expected_red(lon), 800, expected_count(lon)]);
    assert_eq!(point["values"], expected);
    assert_eq!(point["state"], "done");
    let scenes = point["provenance"]["scenes"].as_array().unwrap();
    assert_eq!(scenes.len(), 10, "five dates in two zones");
    let red = json_of(&server, "/cubes/formula/point/5.95,43.1?variable=red").await;
    assert_eq!(red["values"], serde_json::json!([expected_red(lon)]));
    let series = json_of(&server, "/cubes/formula/timeseries/5.95,43.1").await;
    assert_eq!(series["times"], serde_json::json!(["2023-08-01"]));
    assert_eq!(series["values"], serde_json::json!([expected]));
}

#[tokio::test]
async fn where_there_was_no_scene_the_count_is_none_and_not_unknown() {
    let local = Local::new();
    let items = local.archive.directory.join("items.json");
    let recipe = crate::fixture::recipe(items.to_str().unwrap());
    let longer = recipe.replace("2023-08-31", "2023-10-31");
    std::fs::write(local.path("recipe.toml"), longer).unwrap();
    let store = local.create("cube");
    let months = ["--datetime", "2023-08-01/2023-09-30"];
    succeed(cubetiler(&["build", &store]).args(months));
    let server = Server::start(store.into(), Access::Off, "").await;
    let series = json_of(&server, "/cubes/formula/timeseries/5.95,43.1").await;
    let [_, september, october] = series["values"].as_array().unwrap().as_slice() else {
        panic!("{series}");
    };
    assert_eq!(*september, serde_json::json!([null, null, 0]));
    assert_eq!(*october, serde_json::json!([null, null, null]), "not built");
}

#[tokio::test]
async fn a_rectangle_is_told_as_gdal_xarray_and_numpy_read_it() {
    let local = Local::new();
    let (server, store) = served(&local).await;
    // A part with the seam and the edge between chunks in it.
    let bounds = ["5.95", "43.02", "6.07", "43.15"];
    let bbox = bounds.join(",");
    let answer = server
        .get(&format!(
            "/cubes/formula/bbox/{bbox}.tif?variable=red&variable=count"
        ))
        .await;
    assert_eq!(answer.status(), 200);
    let system = "<http://www.opengis.net/def/crs/EPSG/0/4326>";
    assert_eq!(answer.headers()["content-crs"], system);
    let file = local.path("part.tif");
    std::fs::write(&file, answer.bytes().await.unwrap()).unwrap();
    let told = json_of(
        &server,
        &format!("/cubes/formula/statistics?bbox={bbox}&variable=red"),
    )
    .await;
    let statistics = local.path("statistics.json");
    std::fs::write(&statistics, told.to_string()).unwrap();
    let Some(python) = python() else { return };
    succeed(
        Command::new(python)
            .args([&script("values.py"), &store, &file, &statistics])
            .args(bounds),
    );
}

#[tokio::test]
async fn an_expression_is_computed_for_statistics_tiles_and_files() {
    let local = Local::new();
    let (server, _store) = served(&local).await;
    let query = "expression=(red-green)/(red%2Bgreen)";
    let told = json_of(
        &server,
        &format!("/cubes/formula/statistics?bbox=5.91,43.02,5.96,43.1&{query}"),
    )
    .await;
    // Red is 1200 and green 800 in this part.
    let numbers = &told["(red-green)/(red+green)"];
    assert!(
        (numbers["mean"].as_f64().unwrap() - 0.2).abs() < 1e-6,
        "{told}"
    );
    let tile = "/cubes/formula/tiles/WebMercatorQuad/10/528/375.png";
    let shown = server.get(&format!("{tile}?{query}&rescale=0,0.4")).await;
    assert_eq!(shown.status(), 200);
    let (pixels, samples) = decode(&shown.bytes().await.unwrap());
    let opaque = pixels.chunks(samples).filter(|pixel| pixel[3] > 0);
    // 0.2 is half of the range, of which the fraction is cut.
    let levels: Vec<u8> = opaque.map(|pixel| pixel[0]).collect();
    assert!(!levels.is_empty() && levels.iter().all(|level| (126..=127).contains(level)));
    let etag = |answer: &reqwest::Response| answer.headers()["etag"].clone();
    let one = server.get(&format!("{tile}?{query}&rescale=0,0.4")).await;
    let other = server
        .get(&format!("{tile}?expression=red-green&rescale=0,0.4"))
        .await;
    assert_ne!(etag(&one), etag(&other));
    let file = server
        .get(&format!(
            "/cubes/formula/bbox/5.91,43.02,5.96,43.1.tif?{query}"
        ))
        .await;
    assert_eq!(file.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn gdal_finds_a_cube_as_a_layer_with_times_and_reads_the_tiles_that_others_get() {
    const TILE: [&str; 3] = ["11", "1057", "751"];
    let local = Local::new();
    let (server, _store) = served(&local).await;
    // Commas part what GDAL is told.
    let style = "variable=red&rescale=0%2C3000&colormap_name=viridis";
    let address = format!("{}/cubes/formula/WMTSCapabilities.xml?{style}", server.url);
    let answer = server.client.get(&address).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/xml");
    let text = answer.text().await.unwrap();
    assert!(
        text.contains("<Default>2023-08-01T00:00:00Z</Default>"),
        "{text}"
    );
    let [zoom, col, row] = TILE;
    let tile = format!("/cubes/formula/tiles/WebMercatorQuad/{zoom}/{col}/{row}.png");
    let plain = server.get(&format!("{tile}?{style}")).await;
    assert_eq!(plain.status(), 200);
    let etag = plain.headers()["etag"].clone();
    std::fs::write(local.path("tile.png"), plain.bytes().await.unwrap()).unwrap();
    // With the time as it is listed, and as by a client that leaves the placeholder.
    for time in ["2023-08-01T00:00:00Z", "{time}", "%7Btime%7D"] {
        let answer = server.get(&format!("{tile}?sel=time={time}&{style}")).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["etag"]),
            (200, &etag),
            "{time}"
        );
    }
    if let Some(python) = python() {
        let mut read = Command::new(python);
        read.arg(script("wmts.py"))
            .args([&address, "formula", &local.path("tile.png")]);
        read.args(TILE).current_dir(local.folder.path());
        tokio::task::block_in_place(|| succeed(&mut read));
    }
    let typo = server
        .get("/cubes/formula/WMTSCapabilities.xml?varable=red")
        .await;
    assert_eq!(typo.status(), 400);
}

#[tokio::test]
async fn what_cannot_be_told_is_refused_with_what_could() {
    let local = Local::new();
    let store = local.create("cube");
    let server = Server::start(store.into(), Access::Off, "").await;
    for (path, status, told) in [
        ("point/99,43", 404, "outside the cube's bounds"),
        ("point/a,43", 400, "longitude,latitude"),
        ("point/5.95,43.1?variable=rad", 400, "did you mean `red`?"),
        (
            "point/5.95,43.1?sel=time=1999-01",
            400,
            "there is no time step",
        ),
        (
            "timeseries/5.95,43.1?vriable=red",
            400,
            "did you mean `variable`?",
        ),
        ("statistics?p=101", 400, "a percentile, 0 to 100"),
        (
            "statistics?bbox=50,50,60,60",
            404,
            "outside the cube's bounds",
        ),
        ("statistics?expression=red/", 400, "it ends where"),
        ("statistics?expression=red/rad", 400, "did you mean `red`?"),
        (
            "statistics?expression=red&variable=red",
            400,
            "leave out `variable`",
        ),
        ("bbox/5.95,43.02,6.07,43.15", 400, ".tif"),
        (
            "bbox/5.95,43.02,6.07,43.15.tif?max_size=0",
            400,
            "1 to 4096",
        ),
        (
            "WebMercatorQuad/tilejson.json?expression=rad*2&rescale=0,1",
            400,
            "did you mean `red`?",
        ),
        (
            "tiles/WebMercatorQuad/10/528/375?expression=red*2",
            400,
            "needs `rescale",
        ),
    ] {
        let answer = server.get(&format!("/cubes/formula/{path}")).await;
        assert_eq!(answer.status(), status, "{path}");
        let problem: Value = answer.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{path}: {detail}");
    }
    // What was never built has no values, and says so.
    let point = json_of(&server, "/cubes/formula/point/5.95,43.1").await;
    assert_eq!(point["state"], "absent");
    assert_eq!(point["values"], serde_json::json!([null, null, null]));
    assert_eq!(point["provenance"], Value::Null);
}
