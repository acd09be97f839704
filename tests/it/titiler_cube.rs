//! The store of which answers of `TiTiler` 2.4.0 were recorded, as xarray wrote it but for
//! the chunks, which are not compressed and whole time steps.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// Rows, columns, time steps and bands.
pub(crate) const ROWS: usize = 200;
pub(crate) const COLS: usize = 300;
const TIMES: usize = 4;
const BANDS: usize = 4;

/// Cells without data at the north-western corner.
const HOLE: usize = 20;

fn float(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

pub(crate) fn latitude(row: usize) -> f64 {
    (60.0 - 0.05) - float(row) * 0.1
}

pub(crate) fn longitude(col: usize) -> f64 {
    (-10.0 + 0.05) + float(col) * 0.1
}

/// The reflectance of a cell.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is stored in single floats"
)]
pub(crate) fn reflectance([time, band, row, col]: [usize; 4]) -> f32 {
    if row < HOLE && col < HOLE {
        return f32::NAN;
    }
    let wave =
        (longitude(col) * 12.0).to_radians().sin() * (latitude(row) * 9.0).to_radians().cos();
    (wave * 3000.0 + 4000.0 + 500.0 * float(time) + 200.0 * float(band)) as f32
}

/// The index of vegetation of a cell.
pub(crate) fn ndvi(time: usize, row: usize, col: usize) -> f32 {
    let [red, near] = [2, 3].map(|band| reflectance([time, band, row, col]));
    (near - red) / (near + red)
}

fn scaled(time: usize, row: usize, col: usize) -> i16 {
    let value = reflectance([time, 0, row, col]);
    if value.is_nan() {
        return -32768;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is stored in 16 bits")]
    let stored = ((f64::from(value) - 10.0) / 0.5).round() as i16;
    stored
}

/// Writes the store.
pub(crate) fn write(store: &Path) {
    fs::create_dir_all(store).unwrap();
    let group = json!({"zarr_format": 3, "node_type": "group", "attributes": {}});
    fs::write(store.join("zarr.json"), group.to_string()).unwrap();
    coordinates(store);
    variables(store);
}

fn variables(store: &Path) {
    let cells = || (0..ROWS).flat_map(|row| (0..COLS).map(move |col| (row, col)));
    let steps = |value: &dyn Fn(usize, usize, usize) -> Vec<u8>| -> Vec<(String, Vec<u8>)> {
        let step = |time: usize| {
            cells()
                .flat_map(|(row, col)| value(time, row, col))
                .collect()
        };
        (0..TIMES)
            .map(|time| (format!("c/{time}/0/0"), step(time)))
            .collect()
    };
    let missing = json!({"_FillValue": "AAAAAAAA+H8="});
    let shape = [TIMES, ROWS, COLS];
    let names = ["time", "lat", "lon"];
    let values = steps(&|time, row, col| ndvi(time, row, col).to_le_bytes().to_vec());
    let float = (&json!("float32"), &json!("NaN"));
    array(
        store,
        "ndvi",
        float,
        (&shape, &[1, ROWS, COLS]),
        &names,
        &missing,
        values,
    );
    let values = steps(&|time, row, col| scaled(time, row, col).to_le_bytes().to_vec());
    let packed = json!({"scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -32768});
    let short = (&json!("int16"), &json!(0));
    array(
        store,
        "scaled",
        short,
        (&shape, &[1, ROWS, COLS]),
        &names,
        &packed,
        values,
    );
    let step = |time: usize| {
        let bands =
            (0..BANDS).flat_map(|band| cells().map(move |(row, col)| [time, band, row, col]));
        bands
            .flat_map(|place| reflectance(place).to_le_bytes())
            .collect()
    };
    let values = (0..TIMES)
        .map(|time| (format!("c/{time}/0/0/0"), step(time)))
        .collect();
    let valid = json!({
        "valid_min": 0, "valid_max": 10000, "units": "1", "_FillValue": "AAAAAAAA+H8=",
    });
    let (shape, chunk) = ([TIMES, BANDS, ROWS, COLS], [1, BANDS, ROWS, COLS]);
    let names = ["time", "band", "lat", "lon"];
    array(
        store,
        "reflectance",
        float,
        (&shape, &chunk),
        &names,
        &valid,
        values,
    );
}

fn coordinates(store: &Path) {
    let none = json!({});
    let whole = |name: &str, kind: &Value, values: Vec<u8>, len: usize, attributes: &Value| {
        let chunks = vec![("c/0".to_owned(), values)];
        array(
            store,
            name,
            (kind, &json!(0)),
            (&[len], &[len]),
            &[name],
            attributes,
            chunks,
        );
    };
    let doubles = |values: Vec<f64>| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    whole(
        "lat",
        &json!("float64"),
        doubles((0..ROWS).map(latitude).collect()),
        ROWS,
        &none,
    );
    whole(
        "lon",
        &json!("float64"),
        doubles((0..COLS).map(longitude).collect()),
        COLS,
        &none,
    );
    let days = (0..4_i64).flat_map(|n| (10 * n).to_le_bytes()).collect();
    let since =
        json!({"units": "days since 2024-01-01 00:00:00", "calendar": "proleptic_gregorian"});
    whole("time", &json!("int64"), days, TIMES, &since);
    let names = ["B02", "B03", "B04", "B08"].iter();
    let letters = names
        .flat_map(|name| name.chars())
        .flat_map(|c| u32::from(c).to_le_bytes());
    let text = json!({"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}});
    let chunks = vec![("c/0".to_owned(), letters.collect())];
    array(
        store,
        "band",
        (&text, &json!("")),
        (&[BANDS], &[BANDS]),
        &["band"],
        &none,
        chunks,
    );
}

fn array(
    store: &Path,
    name: &str,
    (kind, fill): (&Value, &Value),
    (shape, chunk): (&[usize], &[usize]),
    dimensions: &[&str],
    attributes: &Value,
    chunks: Vec<(String, Vec<u8>)>,
) {
    let document = json!({
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": kind,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "fill_value": fill, "dimension_names": dimensions, "attributes": attributes,
    });
    let folder = store.join(name);
    for (key, bytes) in chunks {
        let path = folder.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::write(folder.join("zarr.json"), document.to_string()).unwrap();
}
