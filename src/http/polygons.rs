//! Polygons that a request sends, and pictures of what is in one.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    ApiError, AppState,
    about::About,
    pictures::{Rectangle, What, format_of, picture, size_of},
};
use crate::{
    grid::Epsg,
    tile::{self, Cutout, TileError},
};

/// Features of a collection at most.
const MOST_FEATURES: usize = 100;

/// A picture of what is in a polygon, or a file of its samples; what is outside is
/// transparent.
#[utoipa::path(
    post, path = "/cubes/{cube}/feature", tag = "tiles",
    description = "`/feature` may be followed by `.png`, `.jpg`, `.webp`, `.tif` or `.npy`. The query is that of pictures of rectangles.",
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body(content = serde_json::Value, content_type = "application/json", description = "A GeoJSON feature with a polygon or several, in degrees or in coord_crs"),
    responses(
        (status = 200, description = "The picture of the rectangle around it", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the polygon is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 422, description = "The body is no such feature"),
    )
)]
pub(super) async fn feature(
    State(state): State<Arc<AppState>>,
    uri: Uri,
    about: About,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let format = last.split_once('.').map(|(_, extension)| extension);
    let what = What {
        format: format.map(format_of).transpose()?,
        ..within(&body, &about)?
    };
    picture(&state, &about, what, &headers).await
}

/// The same with so many pixels.
#[utoipa::path(
    post, path = "/cubes/{cube}/feature/{size}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("size" = String, Path, description = "{width}x{height}.{format}"),
    ),
    request_body(content = serde_json::Value, content_type = "application/json", description = "A GeoJSON feature with a polygon or several, in degrees or in coord_crs"),
    responses(
        (status = 200, description = "The picture", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the polygon is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 422, description = "The body is no such feature"),
    )
)]
pub(super) async fn feature_of_size(
    State(state): State<Arc<AppState>>,
    Path(place): Path<SizePlace>,
    about: About,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (size, format) = size_of(&place.size)?;
    let what = What {
        size: Some(size),
        format: Some(format),
        ..within(&body, &about)?
    };
    picture(&state, &about, what, &headers).await
}

/// The size in the address.
#[derive(Debug, Deserialize)]
pub(super) struct SizePlace {
    size: String,
}

fn within(body: &[u8], about: &About) -> Result<What, ApiError> {
    let system = about.picture_query()?.coord_crs;
    let mut document = parse(body)?;
    let cutout = match features(&mut document)?.as_slice() {
        [feature] => cutout(feature, system)?,
        several => {
            return Err(wrong(format!(
                "a picture is of one feature, and these are {}",
                several.len()
            )));
        }
    };
    Ok(What {
        bounds: Some(Rectangle::Known(cutout.bounds())),
        cutout: Some(Arc::new(cutout)),
        ..What::default()
    })
}

/// A body as JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|error| wrong(format!("the body is no JSON: {error}")))
}

/// The features of a document: it is one, or a collection of them.
pub(super) fn features(document: &mut Value) -> Result<Vec<&mut Value>, ApiError> {
    let kind = document["type"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "Feature" => Ok(vec![document]),
        "FeatureCollection" => {
            let features = document["features"].as_array_mut();
            let features = features.ok_or_else(|| wrong("`features` is no list".to_owned()))?;
            if features.len() > MOST_FEATURES {
                return Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "these are {} features, and {MOST_FEATURES} is the limit",
                        features.len()
                    ),
                ));
            }
            Ok(features.iter_mut().collect())
        }
        _ => Err(wrong(
            "the body is no GeoJSON feature: its `type` has to be Feature or FeatureCollection"
                .to_owned(),
        )),
    }
}

/// The polygons of a feature, whose points are in degrees or in a system.
pub(super) fn cutout(feature: &Value, system: Option<Epsg>) -> Result<Cutout, ApiError> {
    let geometry = &feature["geometry"];
    let coordinates = geometry["coordinates"].clone();
    let not_so = |error: serde_json::Error| wrong(format!("the coordinates are none: {error}"));
    let rings: Vec<Vec<Point>> = match geometry["type"].as_str() {
        Some("Polygon") => serde_json::from_value(coordinates).map_err(not_so)?,
        Some("MultiPolygon") => {
            let polygons: Vec<Vec<Vec<Point>>> =
                serde_json::from_value(coordinates).map_err(not_so)?;
            polygons.into_iter().flatten().collect()
        }
        _ => {
            return Err(wrong(
                "the `geometry` of a feature has to be a Polygon or a MultiPolygon".to_owned(),
            ));
        }
    };
    let points = rings.iter().map(Vec::len).sum();
    Cutout::check_points(points).map_err(TileError::from)?;
    let system = system.unwrap_or(Epsg::WGS84);
    let degrees = |ring: Vec<Point>| {
        let ring: Vec<[f64; 2]> = ring.into_iter().map(|Point(place)| place).collect();
        let found = tile::in_degrees(&ring, system)?;
        found.ok_or_else(|| wrong("a point is nowhere on the globe in `coord_crs`".to_owned()))
    };
    let rings = rings.into_iter().map(degrees);
    let rings = rings.collect::<Result<_, ApiError>>()?;
    Ok(Cutout::new(rings).map_err(TileError::from)?)
}

/// A longitude and a latitude; a height behind them is left out.
#[derive(Deserialize)]
#[serde(try_from = "Vec<f64>")]
struct Point([f64; 2]);

impl TryFrom<Vec<f64>> for Point {
    type Error = &'static str;

    fn try_from(numbers: Vec<f64>) -> Result<Self, Self::Error> {
        match numbers.as_slice() {
            [x, y] | [x, y, _] => Ok(Self([*x, *y])),
            _ => Err("a point has a longitude and a latitude"),
        }
    }
}

fn wrong(detail: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn feature(kind: &str, coordinates: &Value) -> Value {
        json!({"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}})
    }

    #[test]
    fn polygons_are_found_in_features_and_collections() {
        let ring = json!([[5, 43], [6, 43, 100], [6, 44], [5, 43]]);
        let one = feature("Polygon", &json!([ring]));
        assert!(cutout(&one, None).is_ok());
        let several = feature("MultiPolygon", &json!([[ring], [ring]]));
        assert!(cutout(&several, None).is_ok());
        let mercator = json!([[[0, 0], [111_319.49, 0], [111_319.49, 100], [0, 0]]]);
        let mercator = feature("Polygon", &mercator);
        let bounds = cutout(&mercator, Some(Epsg::WEB_MERCATOR))
            .unwrap()
            .bounds();
        assert!((bounds.east - 1.0).abs() < 1e-6, "{bounds:?}");
        assert!(cutout(&mercator, None).is_err());
        let mut all = json!({"type": "FeatureCollection", "features": [one, several]});
        assert_eq!(features(&mut all).unwrap().len(), 2);
        let mut many = json!({"type": "FeatureCollection", "features": vec![one; 101]});
        let error = features(&mut many).unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn what_is_no_polygon_is_refused() {
        for wrong in [
            feature("Point", &json!([5, 43])),
            feature("Polygon", &json!([])),
            feature("Polygon", &json!([[[5, 43], [6, 43], [6, 44]]])),
            feature("Polygon", &json!([[["a", "b"]]])),
            feature("Polygon", &json!(null)),
            json!({"type": "Feature"}),
        ] {
            let status = cutout(&wrong, None).unwrap_err().status();
            assert!(status.is_client_error(), "{wrong}");
        }
        for wrong in [
            json!({}),
            json!(null),
            json!([]),
            json!({"type": "Polygon"}),
        ] {
            assert!(features(&mut wrong.clone()).is_err(), "{wrong}");
        }
    }
}
