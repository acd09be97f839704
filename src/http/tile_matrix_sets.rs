//! The tile matrix sets that tiles are served in.
//!
//! Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4), clause 7 and annex D.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    ApiError, AppState,
    colormaps::HOURLY,
    links::{self, base_url},
};
use crate::{grid::TileMatrixSet, suggest};

/// WGS 84 with the longitude first.
pub(super) const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// The tile matrix sets that tiles are served in.
#[utoipa::path(get, path = "/tileMatrixSets", tag = "tiles", responses((status = 200, description = "Their names and links")))]
pub(super) async fn list(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let base = base_url(&headers, &state.server);
    let all: Vec<Value> = (TileMatrixSet::ALL.iter())
        .map(|set| json!({"id": set.id(), "links": [definition(&base, *set)]}))
        .collect();
    let told = Json(json!({"tileMatrixSets": all}));
    ([(header::CACHE_CONTROL, HOURLY)], told).into_response()
}

/// A tile matrix set by its definition.
#[utoipa::path(
    get, path = "/tileMatrixSets/{tileMatrixSetId}", tag = "tiles",
    params(("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them")),
    responses(
        (status = 200, description = "As OGC 17-083r4 writes it"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn one(Path(id): Path<String>) -> Result<Response, ApiError> {
    let set = named(&id, StatusCode::NOT_FOUND)?;
    let told = [
        (header::CACHE_CONTROL, HOURLY),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    Ok((told, set.document()).into_response())
}

/// The set of a name, or what there is.
pub(super) fn named(id: &str, status: StatusCode) -> Result<TileMatrixSet, ApiError> {
    TileMatrixSet::named(id).ok_or_else(|| {
        let names = TileMatrixSet::ALL.map(TileMatrixSet::id);
        let hint = suggest::hint(id, names);
        let names = names.join(", ");
        let told = format!("there is no tile matrix set `{id}`{hint}; there are {names}");
        ApiError::wrong(("path", "tileMatrixSetId"), id, told).with_status(status)
    })
}

/// The link to the definition of a set.
pub(super) fn definition(base: &str, set: TileMatrixSet) -> Value {
    let id = set.id();
    json!({
        "href": format!("{base}/tileMatrixSets/{id}"),
        "rel": "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme",
        "type": "application/json",
        "title": format!("Definition of {id} tileMatrixSet"),
    })
}

/// The address that names the reference system of a set.
pub(super) fn crs_address(set: TileMatrixSet) -> String {
    if set == TileMatrixSet::WorldCRS84Quad {
        CRS84.to_owned()
    } else {
        links::crs_address(set.crs())
    }
}

/// The address under which OGC has registered a set, if it has.
pub(super) fn registered(set: TileMatrixSet) -> Option<String> {
    let is_theirs = !matches!(
        set,
        TileMatrixSet::LINZAntarticaMapTilegrid | TileMatrixSet::NZTM2000Quad
    );
    let id = set.id();
    is_theirs.then(|| format!("http://www.opengis.net/def/tilematrixset/OGC/1.0/{id}"))
}
