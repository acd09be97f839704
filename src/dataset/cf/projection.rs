//! Grid mappings that are described by parameters alone, as PROJ strings.
//!
//! Source: CF 1.11, appendix F, and the names that PROJ has for its parameters.

use std::fmt::Write as _;

use super::value::{number, numbers};
use crate::dataset::Attributes;

/// A PROJ string of the grid mapping that attributes describe; the name of the
/// mapping if it is one that is not known here.
///
/// # Errors
/// If `grid_mapping_name` is absent (the empty text) or not known.
pub fn proj_string(attributes: &Attributes) -> Result<String, String> {
    let name = attributes
        .get("grid_mapping_name")
        .and_then(|value| value.as_str())
        .unwrap_or_default();
    let projection = match name {
        "latitude_longitude" => "longlat",
        "transverse_mercator" => "tmerc",
        "polar_stereographic" | "stereographic" => "stere",
        "lambert_azimuthal_equal_area" => "laea",
        "lambert_conformal_conic" => "lcc",
        "albers_conical_equal_area" => "aea",
        "azimuthal_equidistant" => "aeqd",
        "lambert_cylindrical_equal_area" => "cea",
        "mercator" => "merc",
        "orthographic" => "ortho",
        "sinusoidal" => "sinu",
        other => return Err(other.to_owned()),
    };
    let of = |name: &str| {
        let value = attributes.get(name).and_then(number);
        value.filter(|v| v.is_finite())
    };
    let mut parameters = origin(name, attributes, of);
    let meridians = [
        "longitude_of_central_meridian",
        "longitude_of_projection_origin",
        "straight_vertical_longitude_from_pole",
    ];
    parameters.extend([
        ("lon_0", meridians.into_iter().find_map(of)),
        ("x_0", of("false_easting")),
        ("y_0", of("false_northing")),
        (
            "pm",
            of("longitude_of_prime_meridian").filter(|pm| *pm != 0.0),
        ),
    ]);
    parameters.extend(ellipsoid(of));
    let mut text = format!("+proj={projection}");
    let told = parameters
        .iter()
        .any(|(key, value)| matches!(*key, "R" | "a") && value.is_some());
    for (key, value) in parameters {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = write!(text, " +{key}={value}");
        }
    }
    if !told {
        text.push_str(" +datum=WGS84");
    }
    if name != "latitude_longitude" {
        text.push_str(" +units=m");
    }
    text.push_str(" +no_defs +type=crs");
    Ok(text)
}

type Parameters = Vec<(&'static str, Option<f64>)>;

/// Latitudes and scale of a mapping.
fn origin(name: &str, attributes: &Attributes, of: impl Fn(&str) -> Option<f64>) -> Parameters {
    let parallels = attributes.get("standard_parallel").and_then(numbers);
    let parallels = parallels.unwrap_or_default();
    let (first, second) = (parallels.first().copied(), parallels.get(1).copied());
    let latitude = of("latitude_of_projection_origin");
    let scale = of("scale_factor_at_projection_origin");
    match name {
        "polar_stereographic" => {
            let south = latitude.or(first).is_some_and(|latitude| latitude < 0.0);
            vec![
                ("lat_0", Some(if south { -90.0 } else { 90.0 })),
                ("lat_ts", first),
                ("k_0", scale.filter(|_| first.is_none())),
            ]
        }
        "mercator" | "lambert_cylindrical_equal_area" => vec![("lat_ts", first), ("k_0", scale)],
        _ => vec![
            ("lat_0", latitude),
            ("lat_1", first),
            ("lat_2", second),
            ("k_0", of("scale_factor_at_central_meridian").or(scale)),
        ],
    }
}

/// Size and form of the Earth.
fn ellipsoid(of: impl Fn(&str) -> Option<f64>) -> Parameters {
    // An inverse flattening of 0 is a sphere's.
    let inverse_flattening = of("inverse_flattening").filter(|rf| *rf != 0.0);
    match (
        of("semi_major_axis"),
        inverse_flattening,
        of("semi_minor_axis"),
    ) {
        (Some(a), Some(rf), _) => vec![("a", Some(a)), ("rf", Some(rf))],
        (Some(a), None, Some(b)) => vec![("a", Some(a)), ("b", Some(b))],
        (Some(a), None, None) => vec![("R", Some(a))],
        (None, _, _) => vec![("R", of("earth_radius"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(attributes: &Value) -> Result<String, String> {
        proj_string(attributes.as_object().unwrap())
    }

    #[test]
    fn parameters_become_those_of_proj() {
        // NSIDC's polar stereographic north, EPSG:3413 in CF's words.
        let north = json!({"grid_mapping_name": "polar_stereographic", "standard_parallel": 70.0,
            "latitude_of_projection_origin": 90.0, "straight_vertical_longitude_from_pole": -45.0,
            "false_easting": 0.0, "false_northing": 0.0,
            "semi_major_axis": 6_378_137.0, "inverse_flattening": 298.257_223_563});
        assert_eq!(
            of(&north).unwrap(),
            "+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +x_0=0 +y_0=0 +a=6378137 +rf=298.257223563 +units=m +no_defs +type=crs"
        );
        // Two parallels on a sphere, as weather models have it.
        let conic = json!({"grid_mapping_name": "lambert_conformal_conic", "standard_parallel": [38.5, 38.5],
            "latitude_of_projection_origin": 38.5, "longitude_of_central_meridian": 262.5, "earth_radius": 6_371_229.0});
        assert_eq!(
            of(&conic).unwrap(),
            "+proj=lcc +lat_0=38.5 +lat_1=38.5 +lat_2=38.5 +lon_0=262.5 +R=6371229 +units=m +no_defs +type=crs"
        );
        let degrees = json!({"grid_mapping_name": "latitude_longitude"});
        assert_eq!(
            of(&degrees).unwrap(),
            "+proj=longlat +datum=WGS84 +no_defs +type=crs"
        );
    }

    #[test]
    fn an_unknown_mapping_gives_its_name() {
        let rotated = json!({"grid_mapping_name": "rotated_latitude_longitude"});
        assert_eq!(of(&rotated), Err("rotated_latitude_longitude".to_owned()));
        assert_eq!(of(&json!({})), Err(String::new()));
    }
}
