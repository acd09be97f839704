//! Pyramids, in the spellings that there are.

use serde_json::{Value, json};

use super::{NONE, Store, extent, line, only};
use crate::{
    dataset::{Crs, Variable},
    grid::Epsg,
};

/// Levels of `t(lat, lon)` in groups of these names with a factor each.
fn pyramid(root: &Value, levels: &[(&str, u32)]) -> Store {
    levels
        .iter()
        .fold(Store::default().group("", root), |store, (name, factor)| {
            let step = f64::from(*factor);
            let (rows, cols) = (96 / factor, 192 / factor);
            let dims = [("lat", rows as usize), ("lon", cols as usize)];
            store
                .coordinate(
                    &format!("{name}/lat"),
                    &line(48.0 - step / 2.0, -step, rows),
                    &NONE,
                )
                .coordinate(
                    &format!("{name}/lon"),
                    &line(step / 2.0 - 96.0, step, cols),
                    &NONE,
                )
                .array(&format!("{name}/t"), "int16", &dims, &NONE)
        })
}

fn level_paths(variable: &Variable) -> Vec<&str> {
    variable
        .levels
        .iter()
        .map(|level| level.path.as_str())
        .collect()
}

#[test]
fn levels_are_ordered_by_their_cells_whatever_their_names() {
    // ndpyramid counts from the coarsest.
    let ndpyramid =
        json!({"multiscales": [{"datasets": [{"path": "0"}, {"path": "1"}, {"path": "2"}]}]});
    let variable = only(pyramid(&ndpyramid, &[("0", 4), ("1", 2), ("2", 1)]));
    assert_eq!(level_paths(&variable), ["2/t", "1/t", "0/t"]);
    let geozarr = json!({"multiscales": {"layout": [{"asset": "r10m"}, {"asset": "r20m", "derived_from": "r10m"}]}});
    assert_eq!(
        level_paths(&only(pyramid(&geozarr, &[("r10m", 1), ("r20m", 2)]))),
        ["r10m/t", "r20m/t"]
    );
    assert_eq!(
        level_paths(&only(pyramid(&NONE, &[("0.zarr", 1), ("1.zarr", 2)]))),
        ["0.zarr/t", "1.zarr/t"]
    );
    let bounds: Vec<_> = variable
        .levels
        .iter()
        .map(|level| level.grid.bounds())
        .collect();
    assert!(bounds.iter().all(|b| *b == bounds[0]), "{bounds:?}");
}

#[test]
fn what_only_looks_like_an_overview_is_left_out() {
    let store = pyramid(&NONE, &[("0", 1), ("1", 2)]);
    let elsewhere = store
        .coordinate("2/lat", &line(40.0, -4.0, 8), &NONE)
        .coordinate("2/lon", &line(0.0, 4.0, 8), &NONE)
        .array("2/t", "int16", &[("lat", 8), ("lon", 8)], &NONE);
    let dataset = elsewhere.open("").unwrap();
    assert_eq!(level_paths(&dataset.variables[0]), ["0/t", "1/t"]);
    assert!(
        dataset.refused[0]
            .reason
            .to_string()
            .contains("multiscales"),
        "{:?}",
        dataset.refused
    );
    let declared = json!({"multiscales": [{"datasets": [{"path": "0"}, {"path": "1"}]}]});
    let twice = pyramid(&declared, &[("0", 2), ("1", 2)]).open("").unwrap();
    assert_eq!(level_paths(&twice.variables[0]), ["0/t"]);
    assert!(
        twice.refused[0].reason.to_string().contains("larger"),
        "{:?}",
        twice.refused
    );
}

#[test]
fn the_layout_places_levels_and_ndpyramid_names_their_system() {
    let layout = json!({"proj:code": "EPSG:32633", "multiscales": {"layout": [
        {"asset": "0", "spatial:transform": [10, 0, 0, 0, -10, 640], "spatial:shape": [64, 64]},
        {"asset": "1", "spatial:transform": [20, 0, 0, 0, -20, 640]}]}});
    let store = Store::default()
        .group("", &layout)
        .array("0/t", "int16", &[("y", 64), ("x", 64)], &NONE)
        .array("1/t", "int16", &[("y", 32), ("x", 32)], &NONE);
    let variable = only(store);
    assert_eq!(
        variable.levels[1].grid.bounds(),
        extent([0.0, 0.0, 640.0, 640.0])
    );
    assert_eq!(
        variable.crs,
        Crs::Epsg(Epsg(32633)),
        "of the pyramid's group"
    );
    let datasets = json!({"multiscales": [{"datasets": [{"path": "0", "crs": "EPSG:3857"}]}]});
    let store = Store::default()
        .group("", &datasets)
        .coordinate("0/x", &line(-5.0, 10.0, 8), &NONE)
        .coordinate("0/y", &line(5.0, -10.0, 8), &NONE)
        .array("0/t", "int16", &[("y", 8), ("x", 8)], &NONE);
    assert_eq!(only(store).crs, Crs::Epsg(Epsg::WEB_MERCATOR));
}

#[test]
fn arrays_can_be_levels_of_one_variable_themselves() {
    let layout = json!({"proj:code": "EPSG:32633", "spatial:dimensions": ["y", "x"], "multiscales": {"layout": [
        {"asset": "0", "spatial:transform": [10, 0, 0, 0, -10, 640]},
        {"asset": "1", "spatial:transform": [20, 0, 0, 0, -20, 640]}]}});
    let store = Store::default()
        .group("", &NONE)
        .group("ndvi", &layout)
        .array("ndvi/0", "int16", &[("y", 64), ("x", 64)], &NONE)
        .array("ndvi/1", "int16", &[("y", 32), ("x", 32)], &NONE);
    let variable = store.open("ndvi").unwrap().variables.remove(0);
    assert_eq!(variable.name, "ndvi");
    assert_eq!(level_paths(&variable), ["ndvi/0", "ndvi/1"]);
}
