//! Tiles of other people's Zarr stores, and what xarray and rio-tiler make of
//! the same pixels.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use cubetiler::{app::App, config::Config, http::Access, raster::Resampling};
use serde_json::{Value, json};

use crate::{
    fixture::Server,
    reference::script,
    support::{python, real_data, succeed},
};

/// A server of stores by name.
async fn serve(stores: &[(&str, &str)]) -> Server {
    serve_within(stores, Config::default()).await
}

async fn serve_within(stores: &[(&str, &str)], mut config: Config) -> Server {
    config.cache.check_seconds = 0;
    for (name, store) in stores {
        config.cubes.insert((*name).to_owned(), store.into());
    }
    Server::of(&config, Access::Off).await
}

async fn refusal(store: &Path) -> String {
    let mut config = Config::default();
    config.cubes.insert("it".to_owned(), store.to_owned());
    App::new(&config, Access::Off)
        .await
        .unwrap_err()
        .to_string()
}

/// A tile to compare with the reference.
struct Case {
    store: String,
    branch: Option<&'static str>,
    /// The group that the reference looks at; the root is what is served.
    level: &'static str,
    variable: &'static str,
    isel: Value,
    sel: &'static str,
    tile: [u32; 3],
    rescale: [f64; 2],
}

impl Case {
    fn new(store: &Path, variable: &'static str, tile: [u32; 3], rescale: [f64; 2]) -> Self {
        Self {
            store: store.to_str().unwrap().to_owned(),
            branch: None,
            level: "",
            variable,
            isel: json!({}),
            sel: "",
            tile,
            rescale,
        }
    }

    fn selecting(mut self, sel: &'static str, isel: Value) -> Self {
        (self.sel, self.isel) = (sel, isel);
        self
    }

    fn address(&self) -> String {
        let branch = self.branch.map_or(String::new(), |name| format!("@{name}"));
        format!("{}{branch}", self.store)
    }
}

/// Compares the tiles of cases with the reference's pixels.
async fn agree(python: &Path, cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let addresses: Vec<(String, String)> = cases
        .iter()
        .enumerate()
        .map(|(n, case)| (format!("s{n}"), case.address()))
        .collect();
    let stores: Vec<(&str, &str)> = addresses
        .iter()
        .map(|(name, address)| (name.as_str(), address.as_str()))
        .collect();
    let server = serve(&stores).await;
    let mut documents = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        let ([z, x, y], [low, high]) = (case.tile, case.rescale);
        let path = format!(
            "/cubes/s{n}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?variable={}&rescale={low},{high}&{}",
            case.variable, case.sel
        );
        let response = server.get(&path).await;
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        let png = folder.path().join(format!("{n}.png"));
        fs::write(&png, bytes).unwrap();
        documents.push(json!({
            "store": case.store, "branch": case.branch, "group": case.level,
            "variable": case.variable, "isel": case.isel, "tile": case.tile,
            "rescale": case.rescale, "png": png,
        }));
    }
    let list = folder.path().join("cases.json");
    fs::write(&list, Value::from(documents).to_string()).unwrap();
    let output = succeed(
        Command::new(python)
            .args(["-W", "ignore", &script("tiles.py"), "compare"])
            .arg(&list),
    );
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    for (case, found) in cases.iter().zip(found) {
        let told = format!(
            "{} {} {:?}: {found}",
            case.address(),
            case.variable,
            case.tile
        );
        assert!(found["valid"].as_u64().unwrap() > 1000, "{told}");
        assert_eq!(found["differ"], 0, "{told}");
        assert_eq!(found["differ_rio"], 0, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_of_real_stores_are_xarrays_and_rio_tilers() {
    let (Some(python), Some(data)) = (python(), real_data("foreign-zarr")) else {
        return;
    };
    let era = data.join("eraint_uvz_v2_int16.zarr");
    let sst = data.join("oisst_reduced_v3_int16_lon360.zarr");
    let wind = data.join("ncep_wind_v3_float32_lon360.zarr");
    let cube = data.join("dataset_3d.zarr");
    let five = data.join("zarr_5d.zarr");
    let pyramid = data.join("pyramid.zarr");
    let first = "sel=month=1&sel=level=200";
    let isel = || json!({"month": 0, "level": 0});
    let newest = || json!({"time": -1, "zlev": 0});
    agree(
        &python,
        &[
            Case::new(&era, "z", [0, 0, 0], [0.0, 120_000.0]).selecting(first, isel()),
            Case::new(&era, "u", [3, 4, 2], [-30.0, 60.0]).selecting(first, isel()),
            Case::new(&sst, "sst", [0, 0, 0], [-2.0, 32.0]).selecting("", newest()),
            Case::new(&sst, "sst", [2, 1, 2], [-2.0, 32.0]).selecting("", newest()),
            Case::new(&sst, "sst", [3, 7, 4], [-2.0, 32.0]).selecting("", newest()),
            Case::new(&wind, "uwnd", [1, 0, 0], [-20.0, 20.0]).selecting("", json!({"time": -1})),
            Case::new(&wind, "uwnd", [4, 8, 7], [-20.0, 20.0]).selecting("", json!({"time": -1})),
            Case::new(&cube, "dataset", [0, 0, 0], [0.0, 1.0]).selecting("", json!({"time": -1})),
            Case::new(&five, "dataset", [0, 0, 0], [0.0, 5.0])
                .selecting("", json!({"time": -1, "z": 0, "universe": 0})),
            // The level is chosen for the size of its cells.
            Case {
                level: "2",
                ..Case::new(&pyramid, "dataset", [0, 0, 0], [0.0, 5.0])
            },
            Case {
                level: "0",
                ..Case::new(&pyramid, "dataset", [4, 8, 7], [0.0, 5.0])
            },
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_of_stores_that_xarray_writes_are_its_own() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    succeed(
        Command::new(&python)
            .args(["-W", "ignore", &script("dataset.py"), "write"])
            .arg(folder.path()),
    );
    let store = |name: &str| folder.path().join(name);
    let utm = store("utm_v3_sharded.zarr");
    agree(
        &python,
        &[
            Case::new(&utm, "reflectance", [15, 17749, 11650], [0.0, 110.0])
                .selecting("sel=band=B08", json!({"band": 1})),
            Case::new(&utm, "reflectance", [16, 35499, 23301], [0.0, 110.0])
                .selecting("bidx=1", json!({"band": 0})),
            Case::new(&store("laea_v2.zarr"), "v", [9, 265, 191], [0.0, 100.0]),
            Case::new(&store("polar_v3_cf.zarr"), "v", [4, 14, 4], [0.0, 100.0]),
            Case::new(&store("rolled_v2.zarr"), "v", [0, 0, 0], [0.0, 100.0]),
            Case::new(&store("rolled_v2.zarr"), "v", [5, 31, 12], [0.0, 100.0]),
            Case::new(&store("times_v3.zarr"), "v", [9, 249, 194], [0.0, 110.0])
                .selecting("", json!({"time": 3})),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_of_both_spec_versions_are_served_at_branch_tag_and_snapshot() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    succeed(
        Command::new(&python)
            .args(["-W", "ignore", &script("tiles.py"), "icechunk"])
            .arg(folder.path()),
    );
    let mut cases = Vec::new();
    for version in ["v1", "v2"] {
        for branch in ["main", "other"] {
            let mut case = Case::new(
                &folder.path().join(version),
                "field",
                [1, 1, 0],
                [0.0, 70.0],
            );
            case.branch = Some(branch);
            cases.push(case);
        }
    }
    agree(&python, &cases).await;

    let repository = folder.path().join("v2");
    let tagged = format!("{}@first", repository.display());
    let default = repository.to_str().unwrap();
    let server = serve(&[("tagged", &tagged), ("main", default)]).await;
    let revision = async |name: &str| {
        let document: Value = server
            .get(&format!("/cubes/{name}"))
            .await
            .json()
            .await
            .unwrap();
        document["revision"].as_str().unwrap().to_owned()
    };
    assert_ne!(revision("tagged").await, revision("main").await);
    let message = refusal(&folder.path().join("v2@nothing")).await;
    assert!(
        message.contains("nothing") && message.contains("first"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_served_is_refused_with_both_reasons() {
    let Some(repositories) = real_data("icechunk-repos") else {
        return;
    };
    // The configuration of the first names buckets in Azure.
    for name in ["test-repo-v1", "test-repo-v2", "split-repo-v2"] {
        let message = refusal(&repositories.join(name)).await;
        assert!(message.contains("no cube of CubeTiler's"), "{message}");
        assert!(message.contains("groups with rasters are"), "{message}");
        let inner = refusal(&repositories.join(format!("{name}#group1"))).await;
        assert!(inner.contains("dimensions"), "{inner}");
    }
    let Some(stores) = real_data("foreign-zarr") else {
        return;
    };
    let message = refusal(&stores.join("zarr_invalid_coord.zarr")).await;
    assert!(message.contains("90 degrees"), "{message}");
    let nowhere = refusal(&stores.join("nothing-here.zarr")).await;
    assert!(nowhere.contains("No such file"), "{nowhere}");
}

/// Level and opacity of the pixels of a gray tile, row by row.
async fn pixels(server: &Server, path: &str) -> Vec<[u8; 2]> {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    let bytes = response.bytes().await.unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes[..]));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let samples = info.color_type.samples();
    pixels
        .chunks_exact(samples)
        .map(|pixel| [pixel[0], pixel[samples - 1]])
        .collect()
}

/// The opaque pixels of a tile, row by row.
pub(crate) async fn opaque(server: &Server, path: &str) -> Vec<bool> {
    let pixels = pixels(server, path).await;
    pixels.iter().map(|[_, opacity]| *opacity > 0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_gap_at_either_meridian() {
    let Some(data) = real_data("foreign-zarr") else {
        return;
    };
    let wind = data.join("ncep_wind_v3_float32_lon360.zarr");
    let era = data.join("eraint_uvz_v2_int16.zarr");
    let server = serve(&[
        ("wind", wind.to_str().unwrap()),
        ("era", era.to_str().unwrap()),
    ])
    .await;
    for (name, query) in [("wind", "variable=uwnd"), ("era", "variable=z")] {
        for resampling in Resampling::ALL.map(Resampling::name) {
            // On both sides of Greenwich and of the antimeridian.
            for col in [0, 7, 8, 15] {
                let path = format!(
                    "/cubes/{name}/4/{col}/7.png?{query}&rescale=-1,1&resampling={resampling}"
                );
                let seen = opaque(&server, &path).await;
                assert!(seen.iter().all(|seen| *seen), "{path}");
            }
        }
    }
}

/// A store in Zarr v2 without compression: a ramp `v` of type uint8 without a
/// missing value, from 0 degrees east and 60 degrees north on.
pub(crate) fn write_plain(folder: &Path, chunk: usize, side: usize, cell: f64) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".zgroup", r#"{"zarr_format": 2}"#);
    let array = |shape: Value, chunks: Value, dtype: &str| {
        json!({
            "zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype,
            "compressor": null, "fill_value": null, "filters": null, "order": "C",
        })
    };
    let value = array(json!([side, side]), json!([chunk, chunk]), "|u1");
    write("v/.zarray", &value.to_string());
    write("v/.zattrs", r#"{"_ARRAY_DIMENSIONS": ["lat", "lon"]}"#);
    for (name, first, step) in [("lat", 60.0 - cell / 2.0, -cell), ("lon", cell / 2.0, cell)] {
        let coordinate = array(json!([side]), json!([side]), "<f8");
        write(&format!("{name}/.zarray"), &coordinate.to_string());
        write(
            &format!("{name}/.zattrs"),
            &json!({"_ARRAY_DIMENSIONS": [name]}).to_string(),
        );
        let values = (0..side).map(|n| first + step * f64::from(u32::try_from(n).unwrap()));
        let bytes: Vec<u8> = values.flat_map(f64::to_le_bytes).collect();
        fs::write(folder.join(name).join("0"), bytes).unwrap();
    }
    for (row, col) in (0..side / chunk).flat_map(|row| (0..side / chunk).map(move |col| (row, col)))
    {
        let cells = (0..chunk * chunk).map(|n| {
            let (row, col) = (row * chunk + n / chunk, col * chunk + n % chunk);
            u8::try_from((row + col) * 255 / (2 * side)).unwrap()
        });
        fs::write(
            folder.join(format!("v/{row}.{col}")),
            cells.collect::<Vec<u8>>(),
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_chunk_is_an_error_and_an_absent_one_is_fill_value() {
    let folder = tempfile::tempdir().unwrap();
    write_plain(folder.path(), 4, 8, 1.0);
    fs::write(folder.path().join("v/0.0"), b"short").unwrap();
    fs::remove_file(folder.path().join("v/1.1")).unwrap();
    let server = serve(&[("plain", folder.path().to_str().unwrap())]).await;
    // Zoom 7, about 2.8 degrees: the north-west quarter, then the south-east one.
    let damaged = server.get("/cubes/plain/7/64/37.png?variable=v").await;
    assert_eq!(damaged.status(), 502);
    let absent = server.get("/cubes/plain/7/66/40.png?variable=v").await;
    assert_eq!(absent.status(), 200);
    let seen = opaque(&server, "/cubes/plain/7/66/40.png?variable=v").await;
    assert!(seen.iter().any(|seen| *seen), "zero is a value here");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_around_a_grid_without_a_missing_value_is_transparent() {
    let folder = tempfile::tempdir().unwrap();
    write_plain(folder.path(), 4, 8, 1.0);
    let server = serve(&[("plain", folder.path().to_str().unwrap())]).await;
    for resampling in Resampling::ALL.map(Resampling::name) {
        let path = format!("/cubes/plain/3/4/2.png?resampling={resampling}");
        let seen = opaque(&server, &path).await;
        assert!(seen.contains(&true) && seen.contains(&false), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_what_there_is() {
    let Some(data) = real_data("foreign-zarr") else {
        return;
    };
    let sst = data.join("oisst_reduced_v3_int16_lon360.zarr");
    let wind = data.join("ncep_wind_v3_float32_lon360.zarr");
    let server = serve(&[
        ("sst", sst.to_str().unwrap()),
        ("wind", wind.to_str().unwrap()),
    ])
    .await;
    for (path, status, word) in [
        ("/cubes/sst/0/0/0.png?variable=sss", 400, "sst"),
        (
            "/cubes/sst/0/0/0.png?variable=sst&sel=time=1066",
            400,
            "nearest are",
        ),
        ("/cubes/sst/0/0/0.png?variable=sst&sel=tiem=1", 400, "time"),
        ("/cubes/sst/0/0/0.png?variable=sst&bidx=99", 400, "band"),
        (
            "/cubes/sst/WebMercatorQuad/tilejson.json?variable=sss",
            400,
            "sst",
        ),
        ("/cubes/sts/0/0/0.png", 404, "no cube `sts`"),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{path}: {problem}"
        );
    }
    let document: Value = server.get("/cubes/sst").await.json().await.unwrap();
    assert_eq!(document["variables"][3]["name"], "sst");
    assert_eq!(document["variables"][3]["dimensions"][0]["role"], "time");
    assert_eq!(document["bounds"][0], -180.0);
    let list: Value = server.get("/cubes").await.json().await.unwrap();
    assert_eq!(list["cubes"][0]["id"], "sst");
    let tile = server.get("/cubes/sst/0/0/0.png?variable=sst").await;
    let told = |name: &str| tile.headers()[name].to_str().unwrap().to_owned();
    assert!(
        told("x-cube-time").starts_with("1981"),
        "{}",
        told("x-cube-time")
    );
    let etag = told("etag");
    let again = server
        .client
        .get(format!("{}/cubes/sst/0/0/0.png?variable=sst", server.url))
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    let wind = server.get("/cubes/wind/0/0/0.png?variable=uwnd").await;
    let chosen = wind.headers()["x-cube-selection"].to_str().unwrap();
    assert!(chosen.contains("newest"), "{chosen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_metadata_is_seen_and_a_failed_look_keeps_what_was() {
    let folder = tempfile::tempdir().unwrap();
    write_plain(folder.path(), 4, 8, 1.0);
    let server = serve(&[("plain", folder.path().to_str().unwrap())]).await;
    let path = "/cubes/plain/3/4/2.png";
    let etag = async || server.get(path).await.headers()["etag"].clone();
    let before = etag().await;
    assert_eq!(etag().await, before);
    let attributes = folder.path().join("v/.zattrs");
    fs::write(
        &attributes,
        r#"{"_ARRAY_DIMENSIONS": ["lat", "lon"], "units": "K"}"#,
    )
    .unwrap();
    let after = changed(&before, &etag).await;
    fs::write(&attributes, "no JSON").unwrap();
    assert_eq!(etag().await, after);
    assert_eq!(server.get(path).await.status(), 200);
}

/// The `ETag` when it is another. A look may be some time away: after one that took long, as
/// on a machine that has other work, the next waits for twenty times as long.
pub(crate) async fn changed<T: PartialEq>(before: &T, now: &impl AsyncFn() -> T) -> T {
    let until = Instant::now() + Duration::from_mins(1);
    while Instant::now() < until {
        let found = now().await;
        if found != *before {
            return found;
        }
    }
    panic!("nothing changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_does_not_fit_into_memory_is_summed_chunk_by_chunk() {
    let folder = tempfile::tempdir().unwrap();
    write_plain(folder.path(), 24, 480, 0.125);
    let store = folder.path().to_str().unwrap();
    let ample = serve(&[("plain", store)]).await;
    let mut config = Config::default();
    // A quarter of it is for tiles in the making, and the 400 chunks take more.
    config.cache.memory_mib = 1;
    let tight = serve_within(&[("plain", store)], config).await;
    for resampling in ["nearest", "average"] {
        let path =
            format!("/cubes/plain/2/2/1.png?tilesize=32&rescale=0,255&resampling={resampling}");
        let etag = async |server: &Server| server.get(&path).await.headers()["etag"].clone();
        assert_ne!(
            etag(&ample).await,
            etag(&tight).await,
            "another way, another name"
        );
        let [whole, summed] = [pixels(&ample, &path).await, pixels(&tight, &path).await];
        for ([a, seen], [b, also_seen]) in whole.into_iter().zip(summed) {
            // Of fewer cells, and so near to it.
            let is_near = seen == 0 || a.abs_diff(b) <= 3;
            assert!(seen == also_seen && is_near, "{a} {b}, {resampling}");
        }
    }
    for method in Resampling::ALL {
        let path = format!(
            "/cubes/plain/2/2/1.png?tilesize=32&reproject={}",
            method.name()
        );
        assert_eq!(ample.get(&path).await.status(), 200, "{path}");
        // A mean is no median, and none is shown as one.
        let status = if method.may_be_a_mean() { 200 } else { 413 };
        assert_eq!(tight.get(&path).await.status(), status, "{path}");
    }
    // Interpolating takes as much, and is refused where it cannot be summed.
    let path = "/cubes/plain/2/2/1.png?tilesize=64";
    assert_eq!(tight.get(path).await.status(), 413);
}
