//! What a cube is, in the form of `TiTiler`'s `/info`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    ApiError, AppState,
    about::{About, Served},
    error::NO_STORE,
    external_info, links,
    query::ValuesQuery,
};
use crate::{
    cube::NODATA,
    grid::Bounds,
    tile::{self, TileError},
    zarr::StoredCube,
};

/// The parameters of both forms.
const KNOWN: [&str; 6] = [
    "variable",
    "sel",
    "sel_method",
    "show_times",
    "bidx",
    "nodata",
];

/// What a cube or data set is, as `TiTiler` tells it: its bounds in its own system, and
/// its bands.
///
/// Bands of a cube are the variables; of a single variable without a time they are its time
/// steps. Those of a data set are the values of a dimension that `sel` does not name.
#[utoipa::path(
    get, path = "/cubes/{cube}/info", tag = "cubes",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it; all without"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
        ("show_times" = Option<bool>, Query, description = "Lists the time steps as `times`"),
    ),
    responses(
        (status = 200, description = "The document"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn info(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let (_, told) = found(&state, &about).await?;
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(told)).into_response())
}

/// The same as the properties of a `GeoJSON` feature.
#[utoipa::path(
    get, path = "/cubes/{cube}/info.geojson", tag = "cubes",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("variable" = Option<Vec<String>>, Query, description = "As for info"),
        ("sel" = Option<Vec<String>>, Query, description = "As for info"),
        ("crs" = Option<String>, Query, description = "The system of the geometry, as EPSG:3857; degrees without"),
    ),
    responses(
        (status = 200, description = "The feature", content_type = "application/geo+json"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn feature(
    State(state): State<Arc<AppState>>,
    mut about: About,
) -> Result<Response, ApiError> {
    let system = about.take_system()?;
    let (mut parts, told) = found(&state, &about).await?;
    if let Some(system) = system {
        let place = |part: &Bounds| tile::bounds_in(system, *part);
        let found: Option<Vec<Bounds>> = parts.iter().map(place).collect();
        parts = found.ok_or_else(|| {
            let told = format!("`crs`: a part of it has no place in {system}");
            ApiError::new(StatusCode::BAD_REQUEST, told)
        })?;
    }
    let all = parts.iter().copied().reduce(|a, b| a.union(&b));
    let told = Json(json!({
        "type": "Feature",
        "bbox": all.map(|all| bbox(&parts, all)),
        "geometry": geometry(&parts),
        "properties": told,
    }));
    let headers = [
        (header::CONTENT_TYPE, "application/geo+json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, told).into_response())
}

/// Where it is, in the form of `TiTiler`'s 1.x.
#[utoipa::path(
    get, path = "/cubes/{cube}/bounds", tag = "cubes",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("variable" = Option<Vec<String>>, Query, description = "As for info"),
        ("sel" = Option<Vec<String>>, Query, description = "As for info"),
    ),
    responses(
        (status = 200, description = "Its bounds in its own system"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn bounds(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let (_, told) = found(&state, &about).await?;
    let told = json!({"bounds": told["bounds"], "crs": told["crs"]});
    Ok(([(header::CACHE_CONTROL, NO_STORE)], Json(told)).into_response())
}

/// Where it is in degrees, and what is told of it.
async fn found(state: &AppState, about: &About) -> Result<(Vec<Bounds>, Value), ApiError> {
    let query = ValuesQuery::parse(Some(&about.query), &KNOWN)?;
    match &about.served {
        Served::Cube(_) if !query.bidx.is_empty() => {
            let told = "`bidx` is for data sets of others: all bands of a cube are told";
            Err(ApiError::new(StatusCode::BAD_REQUEST, told))
        }
        Served::Cube(cube) => {
            let stored = state.tiles.catalog().get(cube)?.current().await;
            let told = document(cube, &stored, &query).map_err(TileError::from)?;
            Ok((stored.footprint.parts.clone(), told))
        }
        Served::External(entry) => {
            about.needs_variable(!query.variables.is_empty())?;
            let external = entry.source().current().await;
            external_info::document(&external, &query)
        }
    }
}

fn document(
    cube: &str,
    stored: &StoredCube,
    query: &ValuesQuery,
) -> Result<Value, crate::cube::SelectError> {
    let base = stored.cube.pyramid().base();
    for name in &query.variables {
        stored.cube.variable(name)?;
    }
    stored.cube.select_time(&query.sel)?;
    let instants = || {
        let starts = stored.cube.times().starts().iter();
        starts.map(|day| format!("{day}T00:00:00.000000000"))
    };
    let (name, bands, leading) = match query.variables.as_slice() {
        [one] if query.sel.is_empty() => (one.as_str(), instants().collect(), Some("time")),
        [one] => (one.as_str(), vec![one.clone()], None),
        [] => {
            let all = stored.cube.variables().map(str::to_owned);
            (cube, all.collect::<Vec<String>>(), Some("band"))
        }
        several => (cube, several.to_vec(), Some("band")),
    };
    let dimensions: Vec<&str> = leading.into_iter().chain(["y", "x"]).collect();
    let numbered = || (1..=bands.len()).map(|n| format!("b{n}"));
    let described = numbered()
        .zip(&bands)
        .map(|(band, text)| json!([band, text]));
    let metadata = numbered().map(|band| json!([band, {}]));
    let mut told = json!({
        "bounds": base.bounds().to_array(),
        "crs": links::crs_address(base.crs),
        "band_metadata": metadata.collect::<Vec<Value>>(),
        "band_descriptions": described.collect::<Vec<Value>>(),
        "dtype": "uint16",
        "nodata_type": "Nodata",
        "nodata_value": NODATA,
        "name": name,
        "count": bands.len(),
        "width": base.shape.cols,
        "height": base.shape.rows,
        "dimensions": dimensions,
        "attrs": Map::new(),
    });
    if query.show_times == Some(true) && leading == Some("time") {
        told["times"] = instants().collect();
    }
    Ok(told)
}

/// West is greater than east across the antimeridian (RFC 7946, 5.2).
fn bbox(parts: &[Bounds], all: Bounds) -> [f64; 4] {
    match parts {
        [before, after] => [before.west, all.south, after.east, all.north],
        _ => all.to_array(),
    }
}

/// Cut at the antimeridian (RFC 7946, 3.1.9).
fn geometry(parts: &[Bounds]) -> Value {
    let ring = |part: &Bounds| {
        let [w, s, e, n] = part.to_array();
        json!([[[w, s], [e, s], [e, n], [w, n], [w, s]]])
    };
    match parts {
        [one] => json!({"type": "Polygon", "coordinates": ring(one)}),
        several => {
            let rings: Vec<Value> = several.iter().map(ring).collect();
            json!({"type": "MultiPolygon", "coordinates": rings})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn bounds(west: f64, east: f64) -> Bounds {
        Bounds {
            west,
            south: -20.0,
            east,
            north: -10.0,
        }
    }

    #[test]
    fn a_cube_across_the_antimeridian_is_two_polygons_and_one_box() {
        let parts = [bounds(175.0, 180.0), bounds(-180.0, -178.0)];
        let all = bounds(-180.0, 180.0);
        assert_eq!(
            json!(bbox(&parts, all)),
            json!([175.0, -20.0, -178.0, -10.0])
        );
        let told = geometry(&parts);
        assert_eq!(told["type"], "MultiPolygon");
        assert_eq!(told["coordinates"][1][0][1], json!([-178.0, -20.0]));
        let one = geometry(&parts[..1]);
        assert_eq!(
            (&one["type"], &one["coordinates"][0][4]),
            (&json!("Polygon"), &json!([175.0, -20.0]))
        );
        assert_eq!(
            json!(bbox(&parts[..1], parts[0])),
            json!([175.0, -20.0, 180.0, -10.0])
        );
    }
}
