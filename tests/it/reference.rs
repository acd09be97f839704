//! Against other people's software: GDAL's warper, numpy's median, xarray,
//! rioxarray, icechunk and geozarr-toolkit.

use std::{path::Path, process::Command};

use crate::support::{cubetiler, python, real_data, succeed};

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

fn script(name: &str) -> String {
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

/// Builds real Sentinel-2 scenes and the reference, and compares them.
fn compare(resampling: &str, threshold: &str) {
    let (Some(python), Some(data)) = (python(), real_data("sentinel2-zagreb")) else {
        return;
    };
    let items = data.join("items.json").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = build(folder.path(), &items, resampling);
    let reference = folder.path().join("reference.npz");
    let reference = reference.to_str().unwrap();
    succeed(
        Command::new(&python)
            .args([&script("zagreb.py"), items.to_str().unwrap(), reference])
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
    succeed(
        Command::new(&python)
            .args([&script("compare.py"), &store, reference])
            .args(["--threshold", threshold]),
    );
}

#[test]
fn the_nearest_median_of_real_scenes_is_that_of_gdal_and_numpy_to_the_pixel() {
    compare("nearest", "1.0");
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
