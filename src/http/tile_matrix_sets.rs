//! The tile matrix sets that tiles are served in.
//!
//! Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4), clause 7 and annex D.1.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{ApiError, AppState, colormaps::HOURLY, links::base_url};
use crate::grid::{TileAddress, TileAddressError, TileMatrixSet, tile_matrix::MAX_ZOOM};

/// Metres of a pixel that a scale is of (17-083r4, 6.1.1).
const PIXEL: f64 = 0.000_28;

/// Pixels along a side of a tile.
const TILE: usize = 256;

/// The tile matrix sets that tiles are served in.
#[utoipa::path(get, path = "/tileMatrixSets", tag = "tiles", responses((status = 200, description = "Their names and links")))]
pub(super) async fn list(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let base = base_url(&headers, &state.server);
    let all: Vec<Value> = (TileMatrixSet::NAMES.iter())
        .map(|id| json!({"id": id, "links": [definition(&base, id)]}))
        .collect();
    let told = Json(json!({"tileMatrixSets": all}));
    ([(header::CACHE_CONTROL, HOURLY)], told).into_response()
}

/// A tile matrix set by its definition.
#[utoipa::path(
    get, path = "/tileMatrixSets/{tileMatrixSetId}", tag = "tiles",
    params(("tileMatrixSetId" = String, Path, description = "WebMercatorQuad")),
    responses(
        (status = 200, description = "As OGC 17-083r4 writes it"),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn one(Path(id): Path<String>) -> Result<Response, ApiError> {
    let set = named(&id, StatusCode::NOT_FOUND)?;
    let told = Json(document(set, &id)?);
    Ok(([(header::CACHE_CONTROL, HOURLY)], told).into_response())
}

/// The set of a name, or what there is.
pub(super) fn named(id: &str, status: StatusCode) -> Result<TileMatrixSet, ApiError> {
    TileMatrixSet::named(id).ok_or_else(|| {
        let names = TileMatrixSet::NAMES.join(", ");
        ApiError::new(
            status,
            format!("there is no tile matrix set `{id}`; there is {names}"),
        )
    })
}

/// The link to the definition of a set.
pub(super) fn definition(base: &str, id: &str) -> Value {
    json!({
        "href": format!("{base}/tileMatrixSets/{id}"),
        "rel": "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme",
        "type": "application/json",
        "title": format!("Definition of {id} tileMatrixSet"),
    })
}

fn document(set: TileMatrixSet, id: &str) -> Result<Value, TileAddressError> {
    let TileMatrixSet::WebMercatorQuad = set;
    let matrices: Vec<Value> = (0..=MAX_ZOOM).map(matrix).collect::<Result<_, _>>()?;
    Ok(json!({
        "id": id,
        "title": "Google Maps Compatible for the World",
        "uri": format!("http://www.opengis.net/def/tilematrixset/OGC/1.0/{id}"),
        "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": matrices,
    }))
}

fn matrix(zoom: u8) -> Result<Value, TileAddressError> {
    let first = TileAddress::new(zoom.into(), 0, 0)?.grid(TILE).transform;
    let side = 1_u32 << zoom;
    Ok(json!({
        "id": zoom.to_string(),
        "scaleDenominator": first.cell_width / PIXEL,
        "cellSize": first.cell_width,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [first.origin_x, first.origin_y],
        "tileWidth": TILE,
        "tileHeight": TILE,
        "matrixWidth": side,
        "matrixHeight": side,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrices_are_those_of_the_standard() {
        let told = document(TileMatrixSet::WebMercatorQuad, "WebMercatorQuad").unwrap();
        let matrices = told["tileMatrices"].as_array().unwrap();
        // Annex D.1: scale denominator and cell size of some zooms.
        for (zoom, scale, cell, side) in [
            (0, 559_082_264.028_717, 156_543.033_928_041, 1_u64),
            (10, 545_978.773_465_544, 152.874_056_570_353, 1024),
            (24, 33.323_899_747_652_9, 0.009_330_691_929_342_8, 1 << 24),
        ] {
            let matrix = &matrices[zoom];
            let near = |key: &str, expected: f64| {
                let found = matrix[key].as_f64().unwrap();
                assert!(
                    (found / expected - 1.0).abs() < 1e-9,
                    "{zoom} {key} {found}"
                );
            };
            near("scaleDenominator", scale);
            near("cellSize", cell);
            assert_eq!(matrix["matrixWidth"], side);
            let origin = matrix["pointOfOrigin"][1].as_f64().unwrap();
            assert!((origin - 20_037_508.342_789_2).abs() < 1e-6);
        }
    }
}
