//! The values behind a map: at a point, over time, in a rectangle.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, AppState,
    about::{About, Served},
    access::Caller,
    coverage::made_of,
    error::NO_STORE,
    external_info, links, pictures,
    query::ValuesQuery,
};
use crate::{
    build::BuildRequest,
    catalog::ExternalEntry,
    config::Scope,
    grid::{Bounds, Epsg},
    tile::{self, Area, AreaRequest, ExternalPoint},
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
        ("lonlat" = String, Path, description = "longitude,latitude in degrees, or x,y of coord_crs"),
        ("coord_crs" = Option<String>, Query, description = "The system of the point, as EPSG:3857"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
    ),
    responses(
        (status = 200, description = "The values"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the point is outside"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn point(
    State(state): State<Arc<AppState>>,
    Path(place): Path<PointPlace>,
    about: About,
    caller: Caller,
) -> Result<Response, ApiError> {
    let known = [
        "variable",
        "sel",
        "sel_method",
        "bidx",
        "nodata",
        "coord_crs",
        // A point is of one cell, whatever is said of others.
        "reproject",
        "resampling",
    ];
    let query = ValuesQuery::parse(Some(&about.query), &known)?;
    let at = place_in(&place.lonlat, query.coord_crs)?;
    let cube = match &about.served {
        Served::External(entry) => {
            about.needs_variable(!query.variables.is_empty())?;
            return values_of(&state, entry, at, &query).await;
        }
        Served::Cube(_) if !query.bidx.is_empty() || query.nodata.is_some() => {
            return Err(bad(
                "`bidx` and `nodata` are for points of data sets of others: name variables of a \
                 cube"
                    .to_owned(),
            ));
        }
        Served::Cube(cube) => cube,
    };
    let system = query.coord_crs.unwrap_or(Epsg::WGS84);
    let degrees = tile::in_degrees(&[at.into()], system)?;
    let Some([longitude, latitude]) = degrees.and_then(|found| found.first().copied()) else {
        let told = format!("`{}` is nowhere on the globe in `coord_crs`", place.lonlat);
        return Err(ApiError::new(StatusCode::NOT_FOUND, told));
    };
    let point = state
        .tiles
        .point(cube, (longitude, latitude), &query.variables, &query.sel);
    let found = point.await?;
    let may_see_errors = caller.can(Scope::Fill, cube);
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

/// The place in the address.
#[derive(Debug, Deserialize)]
pub(super) struct PointPlace {
    lonlat: String,
}

/// The values of a data set at a point, as `TiTiler` tells them.
async fn values_of(
    state: &AppState,
    entry: &ExternalEntry,
    at: (f64, f64),
    query: &ValuesQuery,
) -> Result<Response, ApiError> {
    let system = query.coord_crs.unwrap_or(Epsg::WGS84);
    let named = query.variables.iter().map(|name| Some(name.as_str()));
    let named = named.chain(query.variables.is_empty().then_some(None));
    let chosen = (&query.sel[..], &query.bidx[..]);
    let (mut values, mut described, mut revision) = (Vec::new(), Vec::new(), None);
    for variable in named {
        let of_one =
            (state.tiles).external_point(entry, (at, system), variable, chosen, query.nodata);
        let found = of_one.await?;
        values.extend(found.values);
        let labels = found.labels.iter();
        described.extend(labels.map(|label| external_info::in_nanoseconds(label)));
        revision = Some(found.revision);
    }
    Ok(fresh(json!({
        "coordinates": [at.0, at.1],
        "band_names": numbered(values.len()),
        "values": values,
        "band_descriptions": described,
        "revision": revision.as_deref(),
    })))
}

/// `b1`, `b2` and so on.
pub(super) fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("b{n}")).collect()
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
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn series(
    State(state): State<Arc<AppState>>,
    Path(place): Path<PointPlace>,
    about: About,
) -> Result<Response, ApiError> {
    let query = ValuesQuery::parse(Some(&about.query), &["variable", "sel", "sel_method"])?;
    let at = lonlat(&place.lonlat)?;
    let cube = match &about.served {
        Served::External(entry) => {
            about.needs_variable(!query.variables.is_empty())?;
            return series_of(&state, entry, at, &query).await;
        }
        Served::Cube(_) if !query.sel.is_empty() => {
            return Err(bad(
                "the series of a cube is of all time steps: leave out `sel`".to_owned(),
            ));
        }
        Served::Cube(cube) => cube,
    };
    let found = state.tiles.series(cube, at, &query.variables).await?;
    Ok(fresh(json!({
        "coordinates": [at.0, at.1],
        "band_names": found.names,
        "times": found.times,
        "values": found.values,
    })))
}

/// The series of variables of a data set, along the one dimension that `sel` leaves.
async fn series_of(
    state: &AppState,
    entry: &ExternalEntry,
    at: (f64, f64),
    query: &ValuesQuery,
) -> Result<Response, ApiError> {
    let mut found: Vec<ExternalPoint> = Vec::new();
    let names: Vec<Option<&str>> = if query.variables.is_empty() {
        vec![None]
    } else {
        query
            .variables
            .iter()
            .map(|name| Some(name.as_str()))
            .collect()
    };
    for name in &names {
        let chosen = (&query.sel[..], &[][..]);
        let of_one = state
            .tiles
            .external_point(entry, (at, Epsg::WGS84), *name, chosen, None);
        found.push(of_one.await?);
    }
    let steps = &found[0].labels;
    if found.iter().any(|other| other.labels != *steps) {
        return Err(bad(
            "these variables are of other time steps: ask for one at a time".to_owned(),
        ));
    }
    let values: Vec<Vec<Option<f64>>> = (0..steps.len())
        .map(|step| found.iter().map(|of_one| of_one.values[step]).collect())
        .collect();
    let external = entry.source().served();
    let names = names
        .iter()
        .map(|name| name.unwrap_or(&external.dataset.variables[0].name));
    Ok(fresh(json!({
        "coordinates": [at.0, at.1],
        "band_names": names.collect::<Vec<_>>(),
        "times": steps,
        "values": values,
    })))
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
        (status = 200, description = "A file", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn bbox(
    State(state): State<Arc<AppState>>,
    Path(place): Path<RectanglePlace>,
    about: About,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = place.bounds;
    // In its own system a file is not resampled.
    let has_system = about.query.contains("_crs=");
    let (bbox, cube) = match (place.rsplit_once('.'), &about.served) {
        (Some((bbox, "tif" | "tiff")), Served::Cube(cube)) if !has_system => (bbox, cube),
        (Some((bbox, ending)), _) if ending.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            return pictures::rectangle(&state, &about, (bbox, ending), &headers).await;
        }
        (Some(_) | None, _) => {
            return Err(bad(format!(
                "`{place}` has to end with .png, .jpg, .webp, .tif or .npy"
            )));
        }
    };
    let known = ["variable", "expression", "sel", "sel_method", "max_size"];
    let query = ValuesQuery::parse(Some(&about.query), &known)?;
    let area = area(&state, cube, bbox, &query).await?;
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

/// The rectangle in the address, and an ending.
#[derive(Debug, Deserialize)]
pub(super) struct RectanglePlace {
    bounds: String,
}

pub(super) async fn area(
    state: &AppState,
    cube: &str,
    bbox: &str,
    query: &ValuesQuery,
) -> Result<Area, ApiError> {
    let bounds = BuildRequest::parse_bounds(bbox).map_err(|error| bad(error.to_string()))?;
    area_of(state, cube, bounds, query).await
}

/// The values of a cube in a rectangle in degrees.
pub(super) async fn area_of(
    state: &AppState,
    cube: &str,
    bounds: Bounds,
    query: &ValuesQuery,
) -> Result<Area, ApiError> {
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

/// A point of a system; of degrees it is checked that it is on the globe.
fn place_in(text: &str, system: Option<Epsg>) -> Result<(f64, f64), ApiError> {
    match system {
        None | Some(Epsg::WGS84) => lonlat(text),
        Some(_) => {
            let point = pair(text).filter(|(x, y)| x.is_finite() && y.is_finite());
            point.ok_or_else(|| {
                let told = format!("`{text}` is no point: write x,y of `coord_crs`");
                ApiError::wrong(("path", "lonlat"), text, told)
            })
        }
    }
}

fn pair(text: &str) -> Option<(f64, f64)> {
    let (x, y) = text.split_once(',')?;
    Some((x.trim().parse().ok()?, y.trim().parse().ok()?))
}

fn lonlat(text: &str) -> Result<(f64, f64), ApiError> {
    let on_globe =
        |(longitude, latitude): &(f64, f64)| longitude.abs() <= 180.0 && latitude.abs() <= 90.0;
    pair(text).filter(on_globe).ok_or_else(|| {
        let told =
            format!("`{text}` is no point: write longitude,latitude in degrees, as in 11.58,48.14");
        ApiError::wrong(("path", "lonlat"), text, told)
    })
}

/// An answer that changes with the next commit.
pub(super) fn fresh(told: Value) -> Response {
    ([(header::CACHE_CONTROL, NO_STORE)], Json(told)).into_response()
}

pub(super) fn bad(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}
