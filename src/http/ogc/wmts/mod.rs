//! Cubes as a Web Map Tile Service, with a time dimension: of a cube or of all, by
//! templates of addresses and by keys and values.
//!
//! Source: OGC 07-057r7 (WMTS 1.0.0). The dimension is called `time` and lists its
//! instants to the second, as QGIS wants it.

mod capabilities;
mod kvp;
mod layers;

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    feature_info::{self, InfoFormat, middle},
    keys::{Keys, Twice},
    known,
};
use crate::{
    grid::TileAddress,
    http::{
        ApiError, AppState, access::Caller, query::TileQuery, shown::Addresses, tile_matrix_sets,
        tiles,
    },
};

/// The cube as a layer of a Web Map Tile Service (WMTS 1.0.0).
///
/// The query is the style of its tiles, as for TileJSON. A time that is chosen by it
/// is left out: the layer has all of them.
#[utoipa::path(
    get, path = "/cubes/{cube}/WMTSCapabilities.xml", tag = "ogc",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses(
        (status = 200, description = "Capabilities", content_type = "application/xml"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "There is no such cube"),
    )
)]
pub(in crate::http) async fn of_cube(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let to = Addresses::new(&state, caller, &headers);
    let style = style_of(query.as_deref())?;
    layers::capabilities_of(&state, &cube, &style, &to).await
}

/// All cubes that the caller may read as layers of one Web Map Tile Service.
#[utoipa::path(
    get, path = "/WMTSCapabilities.xml", tag = "ogc",
    responses(
        (status = 200, description = "Capabilities", content_type = "application/xml"),
        (status = 400, description = "A style, which is of one cube"),
    )
)]
pub(in crate::http) async fn of_server(
    State(state): State<Arc<AppState>>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let style = style_of(query.as_deref())?;
    layers::capabilities_of_all(&state, &style, caller, &headers).await
}

/// The query without the keys of `GetCapabilities`, which clients append to the address of
/// a document too.
fn style_of(query: Option<&str>) -> Result<String, ApiError> {
    let keys = [
        "SERVICE",
        "REQUEST",
        "VERSION",
        "ACCEPTVERSIONS",
        "ACCEPTFORMATS",
        "SECTIONS",
        "UPDATESEQUENCE",
    ];
    let taken = Keys::taken_out(query.unwrap_or_default(), &keys);
    match taken {
        Ok(keys) => Ok(keys.rest),
        Err(Twice(key)) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("`{key}` is given twice"),
        )),
    }
}

/// The Web Map Tile Service of a cube by keys and values: `GetCapabilities`, `GetTile`
/// and `GetFeatureInfo`. What else the query has is the style of the tiles. Errors are
/// an `ExceptionReport`.
#[utoipa::path(
    get, path = "/cubes/{cube}/wmts", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("SERVICE" = String, Query, description = "WMTS; keys are in any case"),
        ("REQUEST" = String, Query, description = "GetCapabilities, GetTile or GetFeatureInfo"),
        ("LAYER" = Option<String>, Query, description = "Name of the cube"),
        ("FORMAT" = Option<String>, Query, description = "image/png (default), image/jpeg or image/webp"),
        ("TILEMATRIXSET" = Option<String>, Query, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("TILEMATRIX" = Option<String>, Query, description = "Zoom"),
        ("TILEROW" = Option<String>, Query, description = "Row, from the north"),
        ("TILECOL" = Option<String>, Query, description = "Column, from the west"),
        ("TIME" = Option<String>, Query, description = "A time step; the newest without"),
        ("I" = Option<String>, Query, description = "Column of a pixel"),
        ("J" = Option<String>, Query, description = "Row of a pixel"),
        ("INFOFORMAT" = Option<String>, Query, description = "application/json (default), application/geo+json or text/plain"),
    ),
    responses(
        (status = 200, description = "What was asked for"),
        (status = 400, description = "A key is wrong or missing, or the tile is outside", content_type = "application/xml"),
        (status = 404, description = "No such cube"),
        (status = 501, description = "There is no such operation", content_type = "application/xml"),
    )
)]
pub(in crate::http) async fn kvp_of_cube(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    if let Err(error) = known(&state, &cube) {
        // No service is at such an address.
        return error.into_response();
    }
    let query = query.unwrap_or_default();
    let answer = kvp::operation(&state, Some(&cube), &query, caller, &headers).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// The Web Map Tile Service of all cubes by keys and values, as that of a cube.
#[utoipa::path(
    get, path = "/wmts", tag = "ogc",
    responses(
        (status = 200, description = "What was asked for"),
        (status = 400, description = "A key is wrong or missing, or the tile is outside", content_type = "application/xml"),
        (status = 501, description = "There is no such operation", content_type = "application/xml"),
    )
)]
pub(in crate::http) async fn kvp_of_server(
    State(state): State<Arc<AppState>>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let answer = kvp::operation(&state, None, &query, caller, &headers).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// The values behind a pixel of a tile of 256 x 256 pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/featureinfo/{tileMatrixSetId}/{z}/{x}/{y}/{i}/{j}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("z" = i8, Path, description = "Zoom"),
        ("x" = u32, Path, description = "Column of the tile, from the west"),
        ("y" = u32, Path, description = "Row of the tile, from the north"),
        ("i" = u32, Path, description = "Column of the pixel"),
        ("j" = String, Path, description = "Row of the pixel, .json, .geojson or .txt"),
    ),
    responses(
        (status = 200, description = "A GeoJSON collection of one point, or of none beside the cube"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube or tile"),
    )
)]
pub(in crate::http) async fn info(
    State(state): State<Arc<AppState>>,
    Path(place): Path<(String, String, String, String, String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let bad = |detail: String| ApiError::new(StatusCode::BAD_REQUEST, detail);
    let (cube, set, zoom, tile_col, tile_row, col, row) = place;
    let set = tile_matrix_sets::named(&set, StatusCode::BAD_REQUEST)?;
    let (row, ending) = row.split_once('.').unwrap_or((&row, "json"));
    let format = (InfoFormat::ALL.into_iter())
        .find(|format| format.ending() == ending)
        .ok_or_else(|| bad(format!("`.{ending}`: write .json, .geojson or .txt")))?;
    let tile = tiles::address(set, [&zoom, &tile_col, &tile_row])?;
    let number = |text: &str| {
        let number: Option<u32> = text.parse().ok();
        number.ok_or_else(|| bad(format!("`{text}` is no whole number from 0")))
    };
    let (col, row) = (number(&col)?, number(row)?);
    let side = side_of(tile);
    if col.max(row) >= side {
        return Err(bad(format!("a tile has pixels from 0 to {}", side - 1)));
    }
    let query = TileQuery::parse(&query.unwrap_or_default())?;
    let place = middle(&tile.grid(side as usize), col, row);
    feature_info::answer(&state, &cube, place, &query, format).await
}

/// Pixels along a side of the tiles that a pixel is counted in.
fn side_of(tile: TileAddress) -> u32 {
    u32::try_from(tiles::default_size(tile)).unwrap_or(u32::MAX)
}
