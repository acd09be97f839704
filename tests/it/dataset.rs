//! Other people's Zarr stores, and what xarray and rioxarray make of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cubetiler::{
    dataset::{
        AxisValues, Crs, CrsSource, Dataset, DatasetError, Documents, Draft, Values, Variable,
    },
    grid::Bounds,
};
use serde_json::Value;

use crate::{
    reference::script,
    support::{python, real_data, succeed},
};

/// All metadata documents of a store, as a client that lists it finds them.
fn documents(store: &Path) -> Documents {
    let mut documents = Documents::default();
    let mut open = vec![store.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let key = path.strip_prefix(store).unwrap().to_str().unwrap();
                if key.ends_with("zarr.json") || key.contains(".z") {
                    documents.insert(key, &fs::read(&path).unwrap()).unwrap();
                }
            }
        }
    }
    documents
}

/// What the reference says of groups of stores.
fn described(python: &Path, groups: &[(PathBuf, &str)]) -> Vec<Value> {
    let pairs = groups
        .iter()
        .flat_map(|(store, group)| [store.as_os_str(), group.as_ref()]);
    let output = succeed(
        Command::new(python)
            .args(["-W", "ignore", &script("dataset.py"), "describe"])
            .args(pairs),
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The data set of a group, with the coordinates that the reference has read.
fn open(store: &Path, group: &str, described: &Value) -> Result<Dataset, DatasetError> {
    let root = documents(store).tree()?;
    let draft = Draft::new(&root, group)?;
    let mut values = BTreeMap::new();
    for array in draft.coordinates()? {
        let read = described["coordinates"][&array.path].as_array().unwrap();
        let read = if read.iter().all(Value::is_i64) {
            Values::Integers(read.iter().map(|v| v.as_i64().unwrap()).collect())
        } else if read.iter().any(Value::is_string) {
            Values::Texts(
                read.iter()
                    .map(|v| v.as_str().unwrap().to_owned())
                    .collect(),
            )
        } else {
            Values::Numbers(
                read.iter()
                    .map(|v| v.as_f64().unwrap_or(f64::NAN))
                    .collect(),
            )
        };
        values.insert(array.path.clone(), read);
    }
    draft.finish(&values)
}

/// Compares a variable with what the reference says of it.
fn compare(python: &Path, variable: &Variable, expected: &Value) {
    let name = &variable.name;
    assert_eq!(
        Value::from(variable.dimensions.clone()),
        expected["dims"],
        "{name}"
    );
    let level = &variable.levels[0];
    assert_eq!(
        Value::from(level.shape.clone()),
        expected["shape"],
        "{name}"
    );
    assert_eq!(
        level.packing.decoded.to_string(),
        expected["dtype"],
        "{name}"
    );

    let grid = level.grid;
    let t = grid.transform;
    let own = [
        t.cell_width,
        0.0,
        t.origin_x,
        0.0,
        t.cell_height,
        t.origin_y,
    ];
    let theirs: Vec<f64> = expected["transform"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect();
    // Where longitudes go on at the other end, rioxarray divides the whole by
    // the number of cells and gets no cell size.
    if grid.turn.is_none() || (theirs[0] - own[0]).abs() < 0.01 * own[0] {
        for (n, (own, theirs)) in own.into_iter().zip(theirs).enumerate() {
            // Theirs have the rounding of float32 coordinates.
            let tolerance = 1e-4
                * if n < 3 {
                    t.cell_width.abs()
                } else {
                    t.cell_height.abs()
                };
            assert!(
                (own - theirs).abs() <= tolerance,
                "{name}, {n}: {own} {theirs}"
            );
        }
    }

    match (
        &variable.crs,
        expected["epsg"].as_u64(),
        expected["wkt"].as_str(),
    ) {
        (Crs::Epsg(code), Some(epsg), _) => assert_eq!(u64::from(code.0), epsg, "{name}"),
        (Crs::Crs84, None, None) => {
            let nobody = [CrsSource::Coordinates, CrsSource::Assumed];
            assert!(nobody.contains(&variable.crs_source), "{name}");
        }
        (own, _, Some(wkt)) => {
            let [x, y] = [t.x(3.0), t.y(5.0)].map(|v| v.to_string());
            let own = own.to_string();
            succeed(Command::new(python).args([&script("dataset.py"), "same", &own, wkt, &x, &y]));
        }
        other => panic!("{name}: {other:?}"),
    }

    for (dimension, times) in expected["times"].as_object().unwrap() {
        let axis = variable
            .axes
            .iter()
            .find(|axis| axis.name == *dimension)
            .unwrap();
        assert!(
            matches!(axis.values, AxisValues::Times(_)),
            "{name}: {axis:?}"
        );
        let own: Vec<Value> = (0..axis.len).map(|n| axis.label(n)[..19].into()).collect();
        assert_eq!(Value::from(own), *times, "{name}");
    }

    for pair in expected["pairs"].as_array().unwrap() {
        let number = |value: &Value| {
            value
                .as_f64()
                .or(value.as_bool().map(|b| f64::from(u8::from(b))))
        };
        let text = |value: &Value| {
            number(value).or_else(|| match value.as_str() {
                Some("True") => Some(1.0),
                Some("False") => Some(0.0),
                _ => None,
            })
        };
        let (stored, theirs) = (text(&pair[0]).unwrap_or(f64::NAN), text(&pair[1]));
        let own = level.packing.decode(stored);
        let agree = match (own, theirs) {
            (Some(own), Some(theirs)) => (own - theirs).abs() <= 1e-6 * theirs.abs().max(1.0),
            (None, None) => true,
            // xarray does not look at the range of valid values.
            (None, Some(_)) => level.packing.valid.is_some(),
            (Some(_), None) => false,
        };
        assert!(agree, "{name}: {stored} is {own:?}, for xarray {theirs:?}");
    }
}

/// Opens groups and compares all that the reference finds in them.
fn agree(python: &Path, groups: &[(PathBuf, &str)]) -> Vec<Dataset> {
    let described = described(python, groups);
    let both = groups.iter().zip(described);
    both.map(|((store, group), described)| {
        let dataset = open(store, group, &described)
            .unwrap_or_else(|error| panic!("{}: {error}", store.display()));
        let expected = described["variables"].as_object().unwrap();
        assert!(!expected.is_empty(), "{}", store.display());
        for (name, expected) in expected {
            compare(python, dataset.variable(name).unwrap(), expected);
        }
        dataset
    })
    .collect()
}

fn level_paths(variable: &Variable) -> Vec<&str> {
    let levels = variable.levels.iter();
    levels.map(|level| level.path.as_str()).collect()
}

#[test]
fn foreign_stores_are_understood_as_xarray_understands_them() {
    let (Some(python), Some(data)) = (python(), real_data("foreign-zarr")) else {
        return;
    };
    let groups = [
        (data.join("eraint_uvz_v2_int16.zarr"), ""),
        (data.join("oisst_reduced_v3_int16_lon360.zarr"), ""),
        (data.join("ncep_wind_v3_float32_lon360.zarr"), ""),
        (data.join("dataset_3d.zarr"), ""),
        (data.join("zarr_5d.zarr"), ""),
        (data.join("pyramid.zarr"), "0"),
        (data.join("pyramid.zarr"), "2"),
    ];
    let turns: Vec<_> = agree(&python, &groups)
        .iter()
        .map(|dataset| dataset.variables[0].levels[0].grid.turn)
        .collect();
    let closed = [Some(480), Some(180), Some(144)];
    assert_eq!(turns[..3], closed, "the globe from -180 and from 0");
    // 35 steps of 10 degrees, and 2000 of 0.17.
    assert_eq!(turns[3..], [None; 4]);
}

#[test]
fn groups_0_1_2_of_one_extent_are_a_pyramid() {
    let (Some(python), Some(data)) = (python(), real_data("foreign-zarr")) else {
        return;
    };
    let store = data.join("pyramid.zarr");
    let described = described(&python, &[(store.clone(), "0")]);
    let dataset = open(&store, "", &described[0]).unwrap();
    assert_eq!(
        level_paths(&dataset.variables[0]),
        ["0/dataset", "1/dataset", "2/dataset"]
    );
}

#[test]
fn coordinates_that_are_no_place_on_earth_are_refused() {
    let (Some(python), Some(data)) = (python(), real_data("foreign-zarr")) else {
        return;
    };
    let store = data.join("zarr_invalid_coord.zarr");
    let described = described(&python, &[(store.clone(), "")]);
    let message = open(&store, "", &described[0]).unwrap_err().to_string();
    assert!(message.contains("90 degrees"), "{message}");
}

#[test]
fn stores_that_xarray_writes_are_understood() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    succeed(
        Command::new(&python)
            .args(["-W", "ignore", &script("dataset.py"), "write"])
            .arg(folder.path()),
    );
    let groups = [
        ("utm_v3_sharded.zarr", ""),
        ("laea_v2.zarr", ""),
        ("polar_v3_cf.zarr", ""),
        ("rolled_v2.zarr", ""),
        ("times_v3.zarr", ""),
        ("datetime64_v2.zarr", ""),
        ("ndpyramid_v3.zarr", "3"),
    ]
    .map(|(store, group)| (folder.path().join(store), group));
    let opened = agree(&python, &groups);

    let bands = &opened[0].variables[0];
    assert_eq!(bands.levels[0].chunk, [2, 64, 96]);
    let inner = bands.levels[0].inner_chunk.as_deref();
    assert_eq!(inner, Some(&[1, 16, 32][..]));
    let chosen = bands.select(&["band=B08".to_owned()], &[]).unwrap();
    assert_eq!(chosen.indices(0), [1]);

    let rolled = &opened[3].variables[0].levels[0].grid;
    assert_eq!(rolled.turn, Some(720));
    let world = Bounds {
        west: 0.0,
        south: -90.0,
        east: 360.0,
        north: 90.0,
    };
    assert_eq!(rolled.bounds(), world, "going on beyond 180");

    let newest = opened[4].variables[0].select(&[], &[]).unwrap();
    assert_eq!(newest.axes[0].labels, ["2021-01-01T00:00:00"]);

    let (store, _) = &groups[6];
    let described = described(&python, &[(store.clone(), "0")]);
    let pyramid = &open(store, "", &described[0]).unwrap().variables[0];
    assert_eq!(level_paths(pyramid), ["3/v", "2/v", "1/v", "0/v"]);
    for level in &pyramid.levels {
        let west = level.grid.bounds().west;
        assert!((west + 20_037_508.342_789_2).abs() < 1e-3, "{west}");
    }
}
