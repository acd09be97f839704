//! The values behind a map: at a point, over time, in a rectangle.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    ApiError, AppState, access::Caller, coverage::made_of, error::NO_STORE, links, pictures,
    query::ValuesQuery,
};
use crate::{
    build::BuildRequest,
    config::Scope,
    raster::Statistics,
    tile::{Area, AreaRequest},
};

/// Cells along a side of a rectangle without a `max_size`, as `TiTiler` has it, and
/// at most.
pub(super) const MAX_SIZE: usize = 1024;
pub(super) const LARGEST_SIZE: usize = 4096;

/// The values of a point, all variables or those that are named, and what the chunk
/// around it is made of.
#[utoipa::path(
    get, path = "/cubes/{cube}/point/{lonlat}", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("lonlat" = String, Path, description = "longitude,latitude in degrees"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
    ),
    responses(
        (status = 200, description = "The values"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the point is outside"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn point(
    State(state): State<Arc<AppState>>,
    Path((cube, place)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    caller: Caller,
) -> Result<Response, ApiError> {
    let query = ValuesQuery::parse(query.as_deref(), &["variable", "sel"])?;
    own(&state, &cube, "no values")?;
    let at = lonlat(&place)?;
    let found = state
        .tiles
        .point(&cube, at, &query.variables, &query.sel)
        .await?;
    let may_see_errors = caller.can(Scope::Fill, &cube);
    let provenance = if found.cell.provenance == 0 {
        Value::Null
    } else {
        made_of(&found.stored, found.time, found.chunk, may_see_errors).await?
    };
    let told = json!({
        "coordinates": [at.0, at.1],
        "band_names": found.names,
        "values": found.values,
        "time": found.stored.cube.times().days(found.time).start,
        "chunk": [found.time, found.chunk.row, found.chunk.col],
        "state": found.cell.state.name(),
        "provenance": provenance,
        "revision": found.stored.snapshot.revision().to_string(),
    });
    Ok(fresh(told))
}

/// The values of a point at all time steps.
#[utoipa::path(
    get, path = "/cubes/{cube}/timeseries/{lonlat}", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("lonlat" = String, Path, description = "longitude,latitude in degrees"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
    ),
    responses(
        (status = 200, description = "For each time step a value for each variable"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the point is outside"),
        (status = 413, description = "Too many values"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn series(
    State(state): State<Arc<AppState>>,
    Path((cube, place)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = ValuesQuery::parse(query.as_deref(), &["variable"])?;
    own(&state, &cube, "no values")?;
    let at = lonlat(&place)?;
    let found = state.tiles.series(&cube, at, &query.variables).await?;
    Ok(fresh(json!({
        "coordinates": [at.0, at.1],
        "band_names": found.names,
        "times": found.times,
        "values": found.values,
    })))
}

/// What the values of a rectangle are like, in the form of `TiTiler`: those of the
/// finest level at which it has at most `max_size` cells a side.
#[utoipa::path(
    get, path = "/cubes/{cube}/statistics", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("bbox" = Option<String>, Query, description = "west,south,east,north in degrees; the whole cube without"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("expression" = Option<String>, Query, description = "As for tiles, in place of variables"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
        ("p" = Option<Vec<f64>>, Query, description = "Percentiles, 0 to 100; 2 and 98 without"),
        ("max_size" = Option<usize>, Query, description = "Cells along a side at most; 1024 without"),
    ),
    responses(
        (status = 200, description = "For each variable its numbers"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn statistics(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let known = ["bbox", "variable", "expression", "sel", "p", "max_size"];
    let query = ValuesQuery::parse(query.as_deref(), &known)?;
    let bbox = query.bbox.as_deref().unwrap_or("-180,-90,180,90");
    let area = area(&state, &cube, bbox, &query).await?;
    let percentiles = if query.percentiles.is_empty() {
        vec![2.0, 98.0]
    } else {
        query.percentiles
    };
    let found = state.tiles.statistics(area, percentiles.clone()).await?;
    let told: Map<String, Value> = (found.into_iter())
        .map(|(name, numbers)| (name, numbers_of(&numbers, &percentiles)))
        .collect();
    Ok(fresh(Value::Object(told)))
}

/// The values of a rectangle as a `GeoTIFF` in the cube's own system, not resampled:
/// those of the finest level at which it has at most `max_size` cells a side. With another
/// ending a picture of it, or its samples for numpy, to which the query of tiles applies.
#[utoipa::path(
    get, path = "/cubes/{cube}/bbox/{bounds}", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("bounds" = String, Path, description = "west,south,east,north in degrees, and .tif, or .png, .jpg, .webp or .npy"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("expression" = Option<String>, Query, description = "As for tiles, in place of variables"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
        ("max_size" = Option<usize>, Query, description = "Cells along a side at most; 1024 without"),
        ("coord_crs" = Option<String>, Query, description = "The system of the rectangle, as EPSG:3857"),
        ("dst_crs" = Option<String>, Query, description = "The system of a picture, or of a file that is resampled for it"),
    ),
    responses(
        (status = 200, description = "A file", content_type = "image/tiff; application=geotiff"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn bbox(
    State(state): State<Arc<AppState>>,
    Path((cube, place)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let has_system = query
        .as_deref()
        .is_some_and(|query| query.contains("_crs="));
    let bbox = match place.rsplit_once('.') {
        // In its own system it is not resampled.
        Some((bbox, "tif" | "tiff")) if !has_system => bbox,
        Some((bbox, ending)) if ending.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let query = query.as_deref();
            return pictures::rectangle(&state, &cube, (bbox, ending), query, &headers).await;
        }
        Some(_) | None => {
            return Err(bad(format!(
                "`{place}` has to end with .png, .jpg, .webp, .tif or .npy"
            )));
        }
    };
    let known = ["variable", "expression", "sel", "max_size"];
    let query = ValuesQuery::parse(query.as_deref(), &known)?;
    let area = area(&state, &cube, bbox, &query).await?;
    let told = [
        (
            header::CONTENT_DISPOSITION.as_str(),
            format!("attachment; filename=\"{cube}-{}.tif\"", area.time()),
        ),
        ("content-bbox", links::bbox(area.bounds())),
        ("content-crs", links::crs(area.crs())),
        ("x-cube-revision", area.revision()),
        ("x-cube-time", area.time().to_string()),
    ];
    let file = state.tiles.geotiff(area).await?;
    let kind = HeaderValue::from_static("image/tiff; application=geotiff");
    let first = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let told = axum::response::AppendHeaders(told);
    Ok((first, told, file).into_response())
}

async fn area(
    state: &AppState,
    cube: &str,
    bbox: &str,
    query: &ValuesQuery,
) -> Result<Area, ApiError> {
    own(state, cube, "no values")?;
    let bounds = BuildRequest::parse_bounds(bbox).map_err(|error| bad(error.to_string()))?;
    let max_size = query.max_size.unwrap_or(MAX_SIZE);
    if !(1..=LARGEST_SIZE).contains(&max_size) {
        return Err(bad(format!(
            "`max_size={max_size}`: 1 to {LARGEST_SIZE} cells along a side"
        )));
    }
    let request = AreaRequest {
        bounds,
        variables: query.variables.clone(),
        expression: query.expression.clone(),
        sel: query.sel.clone(),
        max_size,
    };
    Ok(state.tiles.area(cube, request).await?)
}

/// Refuses data sets of others, of which there are tiles but not this.
pub(super) fn own(state: &AppState, cube: &str, but: &str) -> Result<(), ApiError> {
    if state.tiles.catalog().external(cube).is_some() {
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("`{cube}` is a data set of somebody else, of which there are tiles but {but}"),
        ));
    }
    Ok(())
}

fn lonlat(text: &str) -> Result<(f64, f64), ApiError> {
    let numbers: Vec<f64> = text.split(',').flat_map(|n| n.trim().parse()).collect();
    match (numbers.as_slice(), text.split(',').count()) {
        ([longitude, latitude], 2) if longitude.abs() <= 180.0 && latitude.abs() <= 90.0 => {
            Ok((*longitude, *latitude))
        }
        _ => Err(bad(format!(
            "`{text}` is no point: write longitude,latitude in degrees, as in 11.58,48.14"
        ))),
    }
}

fn numbers_of(numbers: &Statistics, percentiles: &[f64]) -> Value {
    let mut told = json!({
        "min": numbers.min,
        "max": numbers.max,
        "mean": numbers.mean,
        "count": numbers.valid,
        "sum": numbers.sum,
        "std": numbers.std,
        "median": numbers.median,
        "majority": numbers.majority,
        "minority": numbers.minority,
        "unique": numbers.unique,
        "histogram": [json!(numbers.counts), json!(numbers.edges)],
        "valid_percent": numbers.valid_percent(),
        "masked_pixels": numbers.masked,
        "valid_pixels": numbers.valid,
    });
    for (percentile, value) in std::iter::zip(percentiles, &numbers.percentiles) {
        told[format!("percentile_{percentile}")] = json!(value);
    }
    told
}

/// An answer that changes with the next commit.
fn fresh(told: Value) -> Response {
    ([(header::CACHE_CONTROL, NO_STORE)], Json(told)).into_response()
}

fn bad(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}
