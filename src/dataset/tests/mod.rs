//! Whole stores, from documents to data sets and selections.

mod levels;
mod select;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

use crate::grid::Epsg;

/// A store of version 3 that exists as metadata and values of coordinates.
#[derive(Default)]
struct Store {
    documents: Documents,
    values: BTreeMap<String, Values>,
}

impl Store {
    fn group(mut self, path: &str, attributes: &Value) -> Self {
        let document = json!({"zarr_format": 3, "node_type": "group", "attributes": attributes});
        self.insert(path, &document);
        self
    }

    fn insert(&mut self, path: &str, document: &Value) {
        let key = format!("{path}/zarr.json");
        self.documents
            .insert(&key, document.to_string().as_bytes())
            .unwrap();
    }

    fn array(
        mut self,
        path: &str,
        data_type: &str,
        dims: &[(&str, usize)],
        attributes: &Value,
    ) -> Self {
        let shape: Vec<usize> = dims.iter().map(|(_, len)| *len).collect();
        let names: Vec<&str> = dims.iter().map(|(name, _)| *name).collect();
        let document = json!({
            "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": vec![64; dims.len()]}},
            "fill_value": 0, "codecs": ["bytes"], "dimension_names": names, "attributes": attributes,
        });
        self.insert(path, &document);
        self
    }

    fn coordinate(mut self, path: &str, values: &[f64], attributes: &Value) -> Self {
        self.values
            .insert(path.to_owned(), Values::Numbers(values.to_vec()));
        let name = path.rsplit('/').next().unwrap();
        self.array(path, "float64", &[(name, values.len())], attributes)
    }

    fn open(self, path: &str) -> Result<Dataset, DatasetError> {
        let root = self.documents.tree()?;
        let draft = Draft::new(&root, path)?;
        let values = draft.coordinates()?.into_iter().map(|array| {
            (
                array.path.clone(),
                self.values
                    .get(&array.path)
                    .cloned()
                    .unwrap_or(Values::Unreadable("codec".to_owned())),
            )
        });
        let values: BTreeMap<_, _> = values.collect();
        draft.finish(&values)
    }
}

fn line(first: f64, step: f64, len: u32) -> Vec<f64> {
    (0..len).map(|n| first + f64::from(n) * step).collect()
}

fn extent([west, south, east, north]: [f64; 4]) -> Bounds {
    Bounds {
        west,
        south,
        east,
        north,
    }
}

const NONE: Value = Value::Null;

/// `t(lat, lon)` in degrees.
fn degrees(lat: &[f64], lon: &[f64]) -> Store {
    Store::default()
        .group("", &NONE)
        .coordinate("lat", lat, &NONE)
        .coordinate("lon", lon, &NONE)
        .array(
            "t",
            "float32",
            &[("lat", lat.len()), ("lon", lon.len())],
            &NONE,
        )
}

/// `t(y, x)` in whatever the attributes say.
fn metres(root: &Value, variable: &Value) -> Store {
    Store::default()
        .group("", root)
        .coordinate("x", &line(500_005.0, 10.0, 6), &NONE)
        .coordinate("y", &line(4_999_995.0, -10.0, 4), &NONE)
        .array("t", "uint16", &[("y", 4), ("x", 6)], variable)
}

fn only(store: Store) -> Variable {
    let mut dataset = store.open("").unwrap();
    assert_eq!(dataset.variables.len(), 1, "{:?}", dataset.refused);
    dataset.variables.remove(0)
}

#[track_caller]
fn refused(store: Store, parts: &[&str]) {
    let message = store.open("").unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn pole_rows_are_kept_and_the_globe_is_closed_at_either_seam() {
    for first in [0.0, -180.0, -178.75, 20.0] {
        let variable = only(degrees(&line(90.0, -2.5, 73), &line(first, 2.5, 144)));
        let grid = variable.levels[0].grid;
        assert_eq!(grid.turn, Some(144), "from {first}");
        assert_eq!(
            grid.bounds(),
            extent([first - 1.25, -91.25, first + 358.75, 91.25])
        );
        assert_eq!(
            (&variable.crs, variable.crs_source),
            (&Crs::Crs84, CrsSource::Coordinates)
        );
    }
    let repeated = only(degrees(&line(-89.5, 1.0, 180), &line(-180.0, 1.0, 361)));
    assert_eq!(
        repeated.levels[0].grid.turn,
        Some(360),
        "one column is there twice"
    );
    assert!(
        repeated.levels[0].grid.transform.cell_height > 0.0,
        "rows run north"
    );
    let region = only(degrees(&line(50.0, -1.0, 9), &line(0.0, 1.0, 359)));
    assert_eq!(region.levels[0].grid.turn, None);
}

#[test]
fn reference_systems_have_their_precedence() {
    let utm = "EPSG:32633";
    let wkt = r#"PROJCRS["a",ID["EPSG",32634]]"#;
    let declared = json!([{"uuid": "f17cb550-5864-4468-aeb7-f3180cfb622f", "name": "whatever"}]);
    let mapping = json!({"spatial_ref": r#"PROJCS["b",AUTHORITY["EPSG","32635"]]"#});
    let with_mapping = |root: &Value, variable: &Value| {
        metres(root, variable).array("crs", "int64", &[], &mapping)
    };
    for (store, code, source) in [
        // Declared: before the grid mapping, and its WKT before its code.
        (
            with_mapping(
                &json!({"zarr_conventions": declared, "proj:code": utm}),
                &json!({"grid_mapping": "crs"}),
            ),
            32633,
            CrsSource::GeoZarr,
        ),
        (
            metres(
                &json!({"zarr_conventions": declared, "proj:code": utm, "proj:wkt2": wkt}),
                &NONE,
            ),
            32634,
            CrsSource::GeoZarr,
        ),
        // Not declared: after it.
        (
            with_mapping(
                &json!({"proj:code": utm}),
                &json!({"grid_mapping": "crs: x y"}),
            ),
            32635,
            CrsSource::GridMapping,
        ),
        (with_mapping(&NONE, &NONE), 32635, CrsSource::GridMapping),
        (
            metres(&json!({"proj:code": utm}), &NONE),
            32633,
            CrsSource::Attribute,
        ),
        (
            metres(
                &json!({"proj:code": "EPSG:3857"}),
                &json!({"proj:code": utm}),
            ),
            32633,
            CrsSource::Attribute,
        ),
        (
            metres(&json!({"crs": "EPSG:3035"}), &NONE),
            3035,
            CrsSource::Attribute,
        ),
        (
            metres(
                &NONE,
                &json!({"_CRS": {"url": "http://www.opengis.net/def/crs/EPSG/0/3857"}}),
            ),
            3857,
            CrsSource::Attribute,
        ),
    ] {
        let variable = only(store);
        assert_eq!(
            (variable.crs, variable.crs_source),
            (Crs::Epsg(Epsg(code)), source)
        );
    }
}

#[test]
fn without_a_word_only_degrees_are_assumed() {
    refused(
        metres(&NONE, &NONE),
        &["coordinate reference system of `t`", "proj:wkt2"],
    );
    let store = |units: &Value| {
        Store::default()
            .coordinate("x", &line(-170.0, 10.0, 35), units)
            .coordinate("y", &line(-80.0, 5.0, 33), units)
            .array("t", "int64", &[("y", 33), ("x", 35)], &NONE)
    };
    assert_eq!(only(store(&NONE)).crs_source, CrsSource::Assumed);
    refused(store(&json!({"units": "km"})), &["reference system"]);
    refused(
        metres(&json!({"proj:code": "EPSG:4326"}), &NONE),
        &["90 degrees"],
    );
    refused(
        metres(&json!({"proj:code": "FOO:1"}), &NONE),
        &["proj:code", "FOO:1", "EPSG or OGC"],
    );
    let rotated = json!({"grid_mapping_name": "rotated_latitude_longitude"});
    let store = metres(&NONE, &json!({"grid_mapping": "rot"})).array("rot", "int64", &[], &rotated);
    refused(store, &["rotated_latitude_longitude", "crs_wkt"]);
}

#[test]
fn kilometres_become_metres_and_parameters_a_system() {
    let km = json!({"units": "km", "standard_name": "projection_x_coordinate"});
    let variable = only(
        Store::default()
            .coordinate("xc", &line(-3850.0, 25.0, 8), &km)
            .coordinate("yc", &line(5850.0, -25.0, 6), &json!({"units": "km"}))
            .array("crs", "int64", &[], &json!({"grid_mapping_name": "polar_stereographic", "standard_parallel": 70, "latitude_of_projection_origin": 90, "straight_vertical_longitude_from_pole": -45}))
            .array("ice", "int16", &[("yc", 6), ("xc", 8)], &json!({"grid_mapping": "crs"})),
    );
    assert_eq!(
        variable.levels[0].grid.bounds(),
        extent([-3_862_500.0, 5_712_500.0, -3_662_500.0, 5_862_500.0])
    );
    assert!(
        matches!(&variable.crs, Crs::Definition(text) if text.starts_with("+proj=stere +lat_0=90 +lat_ts=70"))
    );
}

#[test]
fn a_transform_needs_no_coordinates_and_has_to_fit() {
    let array = |attributes: &Value| {
        Store::default()
            .group("", &json!({"proj:code": "EPSG:32633"}))
            .array("t", "uint16", &[("y", 4), ("x", 6)], attributes)
    };
    let spatial = |extra: &Value| {
        let mut attributes = json!({"spatial:dimensions": ["y", "x"], "spatial:transform": [10, 0, 500_000, 0, -10, 5_000_000]});
        attributes
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().cloned().unwrap_or_default());
        attributes
    };
    let bounds = |store| only(store).levels[0].grid.bounds();
    assert_eq!(
        bounds(array(&spatial(&NONE))),
        extent([500_000.0, 4_999_960.0, 500_060.0, 5_000_000.0])
    );
    assert_eq!(
        bounds(array(&spatial(&json!({"spatial:registration": "node"})))),
        extent([499_995.0, 4_999_965.0, 500_055.0, 5_000_005.0])
    );
    refused(
        array(&spatial(&json!({"spatial:shape": [6, 4]}))),
        &["spatial:shape", "4 rows and 6 columns"],
    );
    refused(
        array(&spatial(
            &json!({"spatial:transform": [10, 1, 0, 0, -10, 0]}),
        )),
        &["rotated", "`t`"],
    );
    refused(array(&NONE), &["dimension `x` of `t`", "spatial:transform"]);
    let unnamed = Store::default()
        .group("", &json!({"proj:code": "EPSG:32633"}))
        .array("t", "uint16", &[("row", 4), ("column", 6)], &json!({"spatial:dimensions": ["row", "column"], "spatial:transform": [10, 0, 0, 0, -10, 0]}));
    assert_eq!((only(unnamed).y, 0), (0, 0), "dimensions of any name");
    let gdal = array(&json!({"grid_mapping": "spatial_ref"}))
        .array("spatial_ref", "int64", &[], &json!({"crs_wkt": r#"PROJCS["b",AUTHORITY["EPSG","32635"]]"#, "GeoTransform": "500000 10 0 5000000 0 -10"}));
    assert_eq!(
        bounds(gdal),
        extent([500_000.0, 4_999_960.0, 500_060.0, 5_000_000.0])
    );
}

#[test]
fn what_is_not_regular_is_refused_by_name() {
    let mercator: Vec<f64> = (0..40)
        .map(|n| (f64::from(n) * 0.05).sinh().atan().to_degrees())
        .collect();
    refused(
        degrees(&mercator, &line(0.0, 1.0, 20)),
        &["not regular", "`lat`", "index 1"],
    );
    let curvilinear = Store::default()
        .array(
            "lat",
            "float64",
            &[("nj", 5), ("ni", 6)],
            &json!({"units": "degrees_north"}),
        )
        .array(
            "lon",
            "float64",
            &[("nj", 5), ("ni", 6)],
            &json!({"units": "degrees_east"}),
        )
        .array(
            "t",
            "float32",
            &[("time", 2), ("nj", 5), ("ni", 6)],
            &json!({"coordinates": "lat lon"}),
        );
    refused(curvilinear, &["curvilinear", "`t`", "`lat`"]);
    let bare = Store::default().array("t", "float32", &[("a", 5), ("b", 6)], &NONE);
    refused(bare, &["(a, b)", "y and x"]);
    refused(Store::default().group("", &NONE), &["holds no variable"]);
    refused(degrees(&[10.0], &line(0.0, 1.0, 20)), &["single value"]);
}

#[test]
fn a_variable_that_cannot_be_served_leaves_the_others_and_says_why() {
    let dataset = degrees(&line(0.0, 1.0, 9), &line(0.0, 1.0, 9))
        .array("names", "string", &[("lat", 9), ("lon", 9)], &NONE)
        .array("profile", "float32", &[("lat", 9), ("depth", 9)], &NONE)
        .array("lat_bnds", "float64", &[("lat", 9), ("bnds", 2)], &NONE)
        .open("")
        .unwrap();
    assert!(dataset.variable("t").is_ok());
    for (name, part) in [
        ("names", "string"),
        ("profile", "(lat, depth)"),
        ("tt", "there are t"),
    ] {
        let message = dataset.variable(name).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    let message = dataset.variable("prof").unwrap_err().to_string();
    assert!(message.contains("no variable `prof`"), "{message}");
}

#[test]
fn a_group_is_found_by_its_path_and_others_are_offered() {
    let store = || {
        Store::default()
            .group("", &NONE)
            .coordinate("a/lat", &line(0.0, 1.0, 9), &NONE)
            .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
            .array("a/b/t", "int8", &[("lat", 9), ("lon", 9)], &NONE)
    };
    let dataset = store().open("/a/b/").unwrap();
    assert_eq!(dataset.variables[0].levels[0].path, "a/b/t");
    assert_eq!(dataset.path, "a/b", "coordinates of outer groups hold");
    for path in ["", "a/c"] {
        let message = store().open(path).unwrap_err().to_string();
        assert!(message.contains("a/b"), "{message}");
    }
}

#[test]
fn a_coordinate_that_cannot_be_read_leaves_its_indices() {
    let store = Store::default()
        .array("universe", "fixed_length_utf32", &[("universe", 3)], &NONE)
        .coordinate("month", &[1.0, 7.0], &NONE)
        .coordinate("lat", &line(0.0, 1.0, 9), &NONE)
        .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
        .array(
            "t",
            "int8",
            &[("universe", 3), ("month", 2), ("lat", 9), ("lon", 9)],
            &NONE,
        );
    let variable = only(store);
    let sel = ["universe=2".to_owned(), "month=7".to_owned()];
    assert_eq!(variable.select(&sel, &[]).unwrap().indices(0), [2, 1]);
    assert!(variable.select(&["universe=3".to_owned()], &[]).is_err());
}

#[test]
fn a_coordinate_longer_than_the_limit_is_neither_asked_for_nor_used() {
    let long = usize::try_from(limits::COORDINATE_VALUES).unwrap() + 1;
    let mut documents = Store::default()
        .array("time", "int64", &[("time", long)], &NONE)
        .coordinate("lat", &line(0.0, 1.0, 9), &NONE)
        .coordinate("lon", &line(0.0, 1.0, 9), &NONE)
        .array(
            "t",
            "int8",
            &[("time", long), ("lat", 9), ("lon", 9)],
            &NONE,
        );
    let root = std::mem::take(&mut documents.documents).tree().unwrap();
    let draft = Draft::new(&root, "").unwrap();
    let asked: Vec<&str> = draft
        .coordinates()
        .unwrap()
        .iter()
        .map(|array| array.path.as_str())
        .collect();
    assert_eq!(asked, ["lat", "lon"]);
    let message = draft.finish(&documents.values).unwrap_err().to_string();
    assert!(
        message.contains("`time`") && message.contains("at most"),
        "{message}"
    );
}

#[test]
fn coordinates_that_are_too_long_together_are_refused() {
    let side = usize::try_from(limits::COORDINATE_VALUES).unwrap();
    let names = ["a", "b", "c", "d", "e"];
    let mut store = degrees(&line(0.0, 1.0, 9), &line(0.0, 1.0, 9));
    for name in names {
        store = store.array(name, "int64", &[(name, side)], &NONE);
    }
    let dims: Vec<(&str, usize)> = names
        .iter()
        .map(|name| (*name, side))
        .chain([("lat", 9), ("lon", 9)])
        .collect();
    refused(store.array("v", "int8", &dims, &NONE), &["together"]);
}

/// Any JSON, among it keys that Zarr documents have.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("zarr_format".to_owned()),
        Just("node_type".to_owned()),
        Just("shape".to_owned()),
        Just("chunks".to_owned()),
        Just("metadata".to_owned()),
        Just("consolidated_metadata".to_owned()),
        Just("attributes".to_owned()),
        Just("a/.zarray".to_owned()),
        "\\PC{0,5}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!("array")),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn documents_that_are_nonsense_never_panic(documents in proptest::collection::vec(any_json(), 1..5)) {
        let keys = ["zarr.json", "a/zarr.json", ".zmetadata", "a/.zarray", "a/.zattrs"];
        let mut read = Documents::default();
        for (key, document) in keys.into_iter().zip(documents) {
            let _read_or_refused = read.insert(key, document.to_string().as_bytes());
        }
        if let Ok(root) = read.tree() {
            let _served_or_refused = Draft::new(&root, "").and_then(|draft| draft.finish(&BTreeMap::new()));
        }
    }
}

#[test]
fn attributes_that_are_nonsense_never_panic() {
    for value in [
        json!(1),
        json!("x"),
        json!([]),
        json!([null]),
        json!({}),
        json!([[1], {"a": 2}]),
        json!(true),
    ] {
        let names = [
            "zarr_conventions",
            "multiscales",
            "proj:wkt2",
            "proj:projjson",
            "proj:code",
            "proj:epsg",
            "_CRS",
            "crs",
            "spatial:dimensions",
            "spatial:transform",
            "spatial:shape",
            "spatial:registration",
            "grid_mapping",
            "units",
            "calendar",
            "_FillValue",
            "missing_value",
            "valid_range",
            "valid_min",
            "scale_factor",
            "add_offset",
            "_Unsigned",
            "flag_values",
            "flag_meanings",
            "flag_colors",
            "coordinates",
            "bounds",
            "axis",
            "standard_name",
            "long_name",
        ];
        for name in names {
            let attributes = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
            let store = Store::default()
                .group("", &attributes)
                .coordinate("time", &[0.0, 1.0], &attributes)
                .coordinate("lat", &line(0.0, 1.0, 9), &attributes)
                .coordinate("lon", &line(0.0, 1.0, 9), &attributes)
                .array("crs", "int64", &[], &attributes)
                .array(
                    "t",
                    "int8",
                    &[("time", 2), ("lat", 9), ("lon", 9)],
                    &attributes,
                );
            let _served_or_refused = store.open("");
        }
    }
}
