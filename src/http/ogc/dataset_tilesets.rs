//! The map tiles of the whole server in the form of OGC API Tiles 1 (20-057, dataset
//! tilesets): those of one of its collections, which `collections` names.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::Value;

use super::{
    keys::{Keys, with},
    tilesets::{Place, described, keys, listed, tile_of},
};
use crate::http::{ApiError, AppState, access::Caller};

/// Keys that are not those of tiles.
const KEYS: [&str; 3] = ["f", "datetime", "collections"];

/// Where they are.
const PATH: &str = "/map/tiles";

/// The tile sets of a collection, by default of the first.
#[utoipa::path(
    get, path = "/map/tiles", tag = "ogc",
    params(("collections" = Option<String>, Query, description = "Name of a collection, by default the first cube or else data set")),
    responses(
        (status = 200, description = "Tile sets"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such collection"),
    )
)]
pub(in crate::http) async fn list(
    State(state): State<Arc<AppState>>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let keys = keys(&query.unwrap_or_default(), &KEYS)?;
    let place = place(&state, &caller, &keys)?;
    listed(&state, &place, caller, &headers).await
}

/// A tile set of a collection, by default of the first.
#[utoipa::path(
    get, path = "/map/tiles/{tileMatrixSetId}", tag = "ogc",
    params(
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("collections" = Option<String>, Query, description = "Name of a collection, by default the first cube or else data set"),
    ),
    responses(
        (status = 200, description = "Metadata of the tile set"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such collection, or it is nowhere in the set"),
    )
)]
pub(in crate::http) async fn one(
    State(state): State<Arc<AppState>>,
    Path(set): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let keys = keys(&query.unwrap_or_default(), &KEYS)?;
    let place = place(&state, &caller, &keys)?;
    described(&state, (&place, &set), &keys, caller, &headers).await
}

/// A map tile of a collection, by default of the first.
#[utoipa::path(
    get, path = "/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", tag = "ogc",
    params(
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("tileMatrix" = i8, Path, description = "Zoom"),
        ("tileRow" = u32, Path, description = "Row, from the north"),
        ("tileCol" = u32, Path, description = "Column, from the west"),
        ("collections" = Option<String>, Query, description = "Name of a collection, by default the first cube or else data set"),
        ("f" = Option<String>, Query, description = "png, jpg, jpeg, webp or a media type; without, what `Accept` names"),
        ("datetime" = Option<String>, Query, description = "A time or an interval: of its time steps the newest"),
    ),
    responses(
        (status = 200, description = "The tile; other parameters and answers are those of `/cubes/{cube}/tiles`", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such collection, or the tile is outside of it"),
    )
)]
pub(in crate::http) async fn tile(
    State(state): State<Arc<AppState>>,
    Path((set, zoom, row, col)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let keys = keys(&query.unwrap_or_default(), &KEYS)?;
    let cube = place(&state, &caller, &keys)?.cube;
    tile_of(
        &state,
        &cube,
        [&*set, &*zoom, &*row, &*col],
        &keys,
        &headers,
    )
    .await
}

/// The collection that a query names, if the caller may read it, or the first that it may.
fn place(state: &AppState, caller: &Caller, keys: &Keys) -> Result<Place, ApiError> {
    let catalog = state.tiles.catalog();
    let own = catalog
        .entries()
        .into_iter()
        .map(|entry| entry.name().to_owned());
    let others = catalog
        .externals()
        .into_iter()
        .map(|entry| entry.name().to_owned());
    let mut all = own
        .chain(others)
        .filter(|name| state.guard.shows(caller, name));
    let missing = |told: String| ApiError::new(StatusCode::NOT_FOUND, told);
    let cube = match keys.get("collections") {
        None => all
            .next()
            .ok_or_else(|| missing("there is no collection yet".to_owned()))?,
        Some(several) if several.contains(',') => {
            let told = format!("`collections={several}`: name one collection at a time");
            return Err(ApiError::new(StatusCode::BAD_REQUEST, told));
        }
        Some(name) => all
            .find(|known| known == name)
            .ok_or_else(|| missing(format!("there is no collection `{name}`")))?,
    };
    Ok(Place {
        naming: with("", "collections", &cube),
        path: PATH.to_owned(),
        cube,
    })
}
