//! OGC API: the landing page, what is conformed to, and cubes as collections.
//!
//! Sources: OGC API Common 1 (19-072) and 2 (20-024), OGC API Tiles 1 (20-057).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
};
use serde_json::{Value, json};

use crate::grid::Epsg;
use crate::http::{
    ApiError, AppState,
    access::Caller,
    links::crs_address,
    shown::{self, Addresses, Shown},
    tile_matrix_sets::CRS84,
};

/// What of the standards the answers follow.
const CONFORMS_TO: [&str; 11] = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/jpeg",
];

/// The relation of a collection to its map tiles.
const TILESETS_MAP: &str = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map";

/// Whether a client that asks for `/` wants JSON and not the map page.
pub(in crate::http) fn wants_json(query: &str, headers: &HeaderMap) -> bool {
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "f");
    if let Some((_, format)) = named {
        return format == "json";
    }
    let accepted = headers.get(header::ACCEPT);
    let accepted = accepted.and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|kinds| kinds.contains("application/json") && !kinds.contains("html"))
}

/// The landing page as JSON. It tells of no cube.
pub(in crate::http) fn landing(base: &str) -> Value {
    let link = |rel: &str, kind: &str, path: &str| json!({"rel": rel, "type": kind, "href": format!("{base}{path}")});
    let json = "application/json";
    json!({
        "title": "CubeTiler",
        "description": "Map tiles from Zarr data cubes",
        "links": [
            link("self", json, "/?f=json"),
            link("alternate", "text/html", "/"),
            link("service-desc", "application/vnd.oai.openapi+json;version=3.1", "/openapi.json"),
            link("service-doc", "text/html", "/docs/"),
            link("conformance", json, "/conformance"),
            link("data", json, "/collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/data", json, "/collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/conformance", json, "/conformance"),
            link(TILESETS_MAP, json, "/map/tiles"),
            link("wmts", "application/xml", "/WMTSCapabilities.xml"),
            link("wms", "text/xml", "/wms?SERVICE=WMS&REQUEST=GetCapabilities"),
            link("stac", json, "/stac"),
        ],
    })
}

/// Which classes of OGC API the answers conform to.
#[utoipa::path(get, path = "/conformance", tag = "ogc", responses((status = 200, description = "Their addresses")))]
pub(in crate::http) async fn conformance() -> Json<Value> {
    Json(json!({"conformsTo": CONFORMS_TO}))
}

/// The cubes that the caller may read as collections of OGC API.
#[utoipa::path(get, path = "/collections", tag = "ogc", responses((status = 200, description = "Collections")))]
pub(in crate::http) async fn collections(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
) -> Json<Value> {
    let (all, to) = shown::all_described(&state, caller, &headers, told_of).await;
    Json(json!({
        "links": [{"rel": "self", "type": "application/json", "href": to.to("/collections")}],
        "collections": all,
    }))
}

/// A cube as a collection of OGC API.
#[utoipa::path(
    get, path = "/collections/{cube}", tag = "ogc",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The collection"), (status = 404, description = "No such cube"))
)]
pub(in crate::http) async fn collection(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    shown::described(&state, &cube, caller, &headers, told_of).await
}

fn told_of(shown: &Shown, to: &Addresses) -> Value {
    let name = shown.name();
    let link = |rel: &str, kind: &str, path: String| json!({"rel": rel, "type": kind, "href": to.to(&path)});
    let json = "application/json";
    json!({
        "id": name,
        "title": shown.title(),
        "attribution": shown.credit(),
        "dataType": "map",
        "extent": {
            "spatial": {"bbox": [shown.bounds.to_array()], "crs": CRS84},
            "temporal": {"interval": [shown.interval()]},
        },
        "crs": [CRS84, crs_address(Epsg::WEB_MERCATOR)],
        "links": [
            link("self", json, format!("/collections/{name}")),
            link(TILESETS_MAP, json, format!("/collections/{name}/map/tiles")),
            link("alternate", json, format!("/stac/collections/{name}")),
            link("describedby", json, format!("/cubes/{name}")),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_map_page_and_a_program_that_asks_for_json_gets_json() {
        for (query, accept, is) in [
            ("", None, false),
            ("", Some("*/*"), false),
            ("", Some("application/json"), true),
            ("", Some("text/html,application/json;q=0.9"), false),
            ("f=json", Some("text/html"), true),
            ("f=html", Some("application/json"), false),
        ] {
            let accept = accept.map(|kinds: &str| (header::ACCEPT, kinds.parse().unwrap()));
            let headers = HeaderMap::from_iter(accept);
            assert_eq!(wants_json(query, &headers), is, "{query} {headers:?}");
        }
    }
}
