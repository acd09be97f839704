use serde_json::Value;

use super::*;
use crate::grid::Shape;

/// What titiler.core makes of samples by a formula (`tests/reference/algorithms.py`).
fn recorded() -> Value {
    serde_json::from_str(include_str!("titiler.json")).unwrap()
}

fn raster(values: &[f32]) -> Raster<f32> {
    Raster {
        shape: Shape {
            rows: 1,
            cols: values.len(),
        },
        data: values.to_vec(),
    }
}

/// The formula, and the hole of each band.
fn band(n: usize, shape: Shape, is_masked: bool) -> Raster<f32> {
    let places = (0..shape.rows).flat_map(|row| (0..shape.cols).map(move |col| (row, col)));
    let data = places.map(|(row, col)| {
        if is_masked && (row, col) == (n + 1, 2 * n + 1) {
            return f32::NAN;
        }
        let height = (row * row * (7 + n) + col * col * 3 + row * col * (11 - n)) % 211 + 40 * n;
        f32::from(u16::try_from(height).unwrap())
    });
    Raster {
        data: data.collect(),
        shape,
    }
}

#[test]
fn values_are_those_that_titiler_computes() {
    let recorded = recorded();
    let side = |name: &str| usize::try_from(recorded[name].as_u64().unwrap()).unwrap();
    let shape = Shape {
        rows: side("rows"),
        cols: side("cols"),
    };
    for case in recorded["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let parameters = case["parameters"].to_string();
        let algorithm = Algorithm::parse(name, Some(&parameters)).unwrap();
        let bands = usize::try_from(case["bands"].as_u64().unwrap()).unwrap();
        let is_masked = case["masked"].as_bool().unwrap();
        let rasters = (0..bands).map(|n| band(n, shape, is_masked)).collect();
        let found = algorithm.apply(rasters, [30.0, -30.0]);
        let expected = case["values"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name} {parameters}");
        assert_eq!(algorithm.outputs(bands), Ok(found.len()));
        for (found, expected) in std::iter::zip(&found, expected) {
            let expected = expected.as_array().unwrap();
            assert_eq!(found.data.len(), expected.len(), "{name} {parameters}");
            for (n, (found, expected)) in std::iter::zip(&found.data, expected).enumerate() {
                let is_same = match expected.as_f64() {
                    None => found.is_nan(),
                    Some(value) => (f64::from(*found) - value).abs() <= 1e-5 * value.abs().max(1.0),
                };
                assert!(is_same, "{name} {parameters} {n}: {found} {expected}");
            }
        }
    }
}

#[test]
fn every_algorithm_has_a_name_and_its_parameters_are_optional() {
    for name in Algorithm::NAMES {
        assert!(Algorithm::parse(name, None).is_ok(), "{name}");
        assert!(Algorithm::parse(name, Some("{}")).is_ok(), "{name}");
    }
}

#[test]
fn a_pixel_beside_a_hole_has_no_slope() {
    let slope = Algorithm::parse("slope", Some(r#"{"buffer":0}"#)).unwrap();
    let mut flat = Raster::filled(Shape { rows: 3, cols: 5 }, 10.0);
    flat.data[7] = f32::NAN;
    let found = slope.apply(vec![flat], [1.0, 1.0]).remove(0);
    let holes: Vec<usize> = (0..15).filter(|n| found.data[*n].is_nan()).collect();
    assert_eq!(holes, [2, 6, 7, 8, 12]);
    assert!(found.data[0].abs() < 1e-6);
}

#[test]
fn a_luma_does_not_overflow_the_type_of_the_samples() {
    let gray = Algorithm::parse("grayscale", None).unwrap();
    let bands = || {
        vec![
            raster(&[3000.0, 0.0]),
            raster(&[2000.0, 0.0]),
            raster(&[1000.0, f32::NAN]),
        ]
    };
    let found = gray.apply(bands(), [1.0, 1.0]).remove(0);
    assert!((found.data[0] - (897.0 + 1174.0 + 114.0)).abs() < 1e-3);
    assert!(found.data[1].is_nan());
    let bitonal = Algorithm::parse("bitonal", None).unwrap();
    let found = bitonal.apply(bands(), [1.0, 1.0]).remove(0);
    assert!((found.data[0] - 255.0).abs() < 1e-3 && found.data[1].is_nan());
    let found = bitonal.apply(vec![raster(&[127.0, 128.0])], [1.0, 1.0]);
    assert_eq!(found[0].data, [0.0, 255.0]);
}

#[test]
fn what_is_no_algorithm_says_what_would_be() {
    for (name, parameters, told) in [
        ("hillshde", "{}", "there are hillshade, slope"),
        ("hillshade", "[1]", "no JSON object"),
        (
            "hillshade",
            r#"{"azimuth":400}"#,
            "a whole number from 0 to 360",
        ),
        (
            "hillshade",
            r#"{"azimuth":1.5}"#,
            "a whole number from 0 to 360",
        ),
        (
            "hillshade",
            r#"{"azimut":40}"#,
            "azimuth, angle_altitude, buffer",
        ),
        ("slope", r#"{"z_exaggeration":"a"}"#, "a number from"),
        ("cast", r#"{"to":1}"#, "it takes none"),
        ("terrainrgb", r#"{"interval":0}"#, "from 0.000001 to 1"),
        ("contours", r#"{"minz":5,"maxz":5}"#, "from 6 to 99999"),
    ] {
        let error = Algorithm::parse(name, Some(parameters)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(told), "{name} {parameters}: {error}");
    }
    let index = Algorithm::parse("normalizedIndex", None).unwrap();
    let error = index.outputs(3).unwrap_err().to_string();
    assert!(error.contains("for 2 variables"), "{error}");
}
