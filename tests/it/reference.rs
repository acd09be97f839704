//! Against other people's software: GDAL's warper, numpy's median, xarray,
//! rioxarray, icechunk and geozarr-toolkit.

use std::{path::Path, process::Command};

use cubetiler::{
    grid::{
        TileAddress,
        tile_matrix::{mercator_to_latitude, mercator_to_longitude},
    },
    http::Access,
};

use crate::{
    fixture::Server,
    round_trip::decode,
    support::{cubetiler, python, real_data, succeed},
};

const RECIPE: &str = r#"
    title = "Zagreb"
    attribution = "Contains modified Copernicus Sentinel data 2023"
    [grid]
    bounds = [15.0, 45.06, 16.44, 46.95]
    resolution = 0.001
    [time]
    start = "2023-08-01"
    end = "2023-08-31"
    [source]
    stac = "STAC"
    bands = ["red", "green", "blue", "nir"]
    mask = { asset = "scl", profile = "scl-default" }
    [composite]
    resampling = "RESAMPLING"
    [style]
    variables = ["red", "green", "blue"]
    rescale = [[0, 3000]]
"#;

pub(crate) fn script(name: &str) -> String {
    format!("{}/tests/reference/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn build(folder: &Path, items: &Path, resampling: &str) -> String {
    let recipe = folder.join("recipe.toml");
    let text = RECIPE
        .replace("STAC", items.to_str().unwrap())
        .replace("RESAMPLING", resampling);
    std::fs::write(&recipe, text).unwrap();
    let store = folder.join("cube").to_str().unwrap().to_owned();
    succeed(&mut cubetiler(&[
        "create",
        recipe.to_str().unwrap(),
        &store,
    ]));
    succeed(&mut cubetiler(&["build", &store]));
    store
}

/// Computes the composite of the same scenes with GDAL and numpy.
fn reference(python: &Path, items: &Path, folder: &Path, resampling: &str) -> String {
    let reference = folder.join("reference.npz").to_str().unwrap().to_owned();
    succeed(
        Command::new(python)
            .args([&script("zagreb.py"), items.to_str().unwrap(), &reference])
            .args([
                "--bounds",
                "15.0",
                "45.06",
                "16.44",
                "46.95",
                "--resolution",
                "0.001",
            ])
            .args(["--start", "2023-08-01", "--end", "2023-08-31"])
            .args(["--resampling", resampling]),
    );
    reference
}

/// Builds real Sentinel-2 scenes and the reference, and compares them.
fn compare(resampling: &str, threshold: &str) {
    let (Some(python), Some(data)) = (python(), real_data("sentinel2-zagreb")) else {
        return;
    };
    let items = data.join("items.json").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = build(folder.path(), &items, resampling);
    let reference = reference(&python, &items, folder.path(), resampling);
    succeed(
        Command::new(&python)
            .args([&script("compare.py"), &store, &reference])
            .args(["--threshold", threshold]),
    );
}

#[test]
fn the_nearest_median_of_real_scenes_is_that_of_gdal_and_numpy_to_the_pixel() {
    compare("nearest", "1.0");
}

/// The reference's red, row by row, as numpy has it.
fn reference_red(python: &Path, reference: &str, folder: &Path) -> Vec<u16> {
    let raw = folder.join("red.raw");
    let code =
        "import numpy, sys; numpy.load(sys.argv[1])['red'].astype('<u2').tofile(sys.argv[2])";
    succeed(Command::new(python).args(["-c", code, reference, raw.to_str().unwrap()]));
    let bytes = std::fs::read(raw).unwrap();
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_over_zagreb_shows_the_median_of_gdal_and_numpy() {
    let (Some(python), Some(data)) = (python(), real_data("sentinel2-zagreb")) else {
        return;
    };
    let items = data.join("items.json").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = build(folder.path(), &items, "nearest");
    let reference = reference(&python, &items, folder.path(), "nearest");
    let red = reference_red(&python, &reference, folder.path());
    let server = Server::start(store.into(), Access::Off, "").await;
    // Zagreb is at 15.98 E, 45.81 N; the cells are finer than this zoom's pixels.
    let address = TileAddress::new(10, 557, 364).unwrap();
    let path = "/cubes/formula/tiles/WebMercatorQuad/10/557/364.png?variable=red&rescale=0,3000";
    let (pixels, samples) = decode(&server.get(path).await.bytes().await.unwrap());
    let transform = address.grid(256).transform;
    let mut compared = 0;
    for (n, pixel) in pixels.chunks(samples).enumerate() {
        let at = |n: usize| f64::from(u32::try_from(n).unwrap()) + 0.5;
        let row = (46.95 - mercator_to_latitude(transform.y(at(n / 256)))) / 0.001;
        let col = (mercator_to_longitude(transform.x(at(n % 256))) - 15.0) / 0.001;
        let is_on_a_border = |x: f64| (x - x.round()).abs() < 1e-6;
        if is_on_a_border(row) || is_on_a_border(col) {
            continue;
        }
        let cell = format!("{:.0} {:.0}", row.floor(), col.floor());
        let (row, col) = cell.split_once(' ').unwrap();
        let (row, col): (usize, usize) = (row.parse().unwrap(), col.parse().unwrap());
        let value = red[row * 1440 + col];
        let shown = u16::from(pixel[0]);
        // A byte is 3000/255 wide, and its fraction is cut.
        let expected = u32::from(value.min(3000)) * 255 / 3000;
        assert_eq!(
            pixel[samples - 1],
            if value == 0 { 0 } else { 255 },
            "{cell}"
        );
        assert!(
            value == 0
                || u32::from(shown).abs_diff(expected) <= u32::from(value.is_multiple_of(200)),
            "{cell}: {value} {shown}"
        );
        compared += 1;
    }
    assert!(compared > 65_000, "{compared} pixels were compared");
}

#[test]
fn the_bilinear_median_of_real_scenes_is_that_of_gdal_and_numpy() {
    compare("bilinear", "0.999");
}

#[test]
fn xarray_rioxarray_and_geozarr_accept_a_cube() {
    let (Some(python), Some(data)) = (python(), real_data("sentinel2-zagreb")) else {
        return;
    };
    let items = data.join("items.json").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = build(folder.path(), &items, "nearest");
    succeed(Command::new(python).args([&script("interop.py"), &store]));
}
