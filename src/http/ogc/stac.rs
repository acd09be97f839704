//! Cubes as STAC collections, with the extension for data cubes.
//!
//! Sources: STAC 1.1.0, STAC API 1.0.0 (core and collections), and the extensions
//! datacube 2.2.0, web-map-links 1.1.0 and xarray-assets 1.0.0.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use serde_json::{Map, Value, json};

use super::{
    SET,
    shown::{Addresses, Shown},
};
use crate::http::{ApiError, AppState, access::Caller};

const VERSION: &str = "1.1.0";

const CONFORMS_TO: [&str; 2] = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
];

const EXTENSIONS: [&str; 3] = [
    "https://stac-extensions.github.io/datacube/v2.2.0/schema.json",
    "https://stac-extensions.github.io/web-map-links/v1.1.0/schema.json",
    "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json",
];

/// The media type of a Zarr store of version 3.
const ZARR: &str = "application/vnd.zarr; version=3";

/// The catalogue of the cubes that the caller may read.
#[utoipa::path(get, path = "/stac", tag = "stac", responses((status = 200, description = "A STAC catalogue")))]
pub(in crate::http) async fn catalogue(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
) -> Json<Value> {
    let shown = Shown::all(&state, &caller).await;
    let to = Addresses::new(&state, caller, &headers);
    let json = "application/json";
    let mut links = vec![
        link("self", json, to.to("/stac")),
        link("root", json, to.to("/stac")),
        link("data", json, to.to("/stac/collections")),
        link("conformance", json, to.to("/conformance")),
        link(
            "service-desc",
            "application/vnd.oai.openapi+json;version=3.1",
            to.to("/openapi.json"),
        ),
        link("service-doc", "text/html", to.to("/docs/")),
    ];
    links.extend(shown.iter().map(|shown| {
        let mut child = link("child", json, address(shown, &to));
        child["title"] = json!(shown.title());
        child
    }));
    Json(json!({
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "cubetiler",
        "title": "CubeTiler",
        "description": "Data cubes with map tiles",
        "conformsTo": CONFORMS_TO,
        "links": links,
    }))
}

/// The cubes that the caller may read as STAC collections.
#[utoipa::path(get, path = "/stac/collections", tag = "stac", responses((status = 200, description = "Collections")))]
pub(in crate::http) async fn collections(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
) -> Json<Value> {
    let shown = Shown::all(&state, &caller).await;
    let to = Addresses::new(&state, caller, &headers);
    let all: Vec<Value> = shown.iter().map(|shown| described(shown, &to)).collect();
    let json = "application/json";
    Json(json!({
        "collections": all,
        "links": [
            link("self", json, to.to("/stac/collections")),
            link("root", json, to.to("/stac")),
        ],
    }))
}

/// A cube as a STAC collection: dimensions, variables, and where its tiles and its Zarr
/// are.
#[utoipa::path(
    get, path = "/stac/collections/{cube}", tag = "stac",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The collection"), (status = 404, description = "No such cube"))
)]
pub(in crate::http) async fn collection(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let shown = Shown::named(&state, &cube).await?;
    let to = Addresses::new(&state, caller, &headers);
    Ok(Json(described(&shown, &to)))
}

fn described(shown: &Shown, to: &Addresses) -> Value {
    let (name, title) = (shown.name(), shown.title());
    let recipe = shown.stored.cube.recipe();
    let bands = shown.stored.cube.bands().collect::<Vec<_>>().join(", ");
    let mut told = json!({
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": EXTENSIONS,
        "id": name,
        "title": title,
        "description": format!("{title}: composites of {bands}, one each {}", recipe.time.period),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [shown.bounds().to_array()]},
            "temporal": {"interval": [shown.interval()]},
        },
        "cube:dimensions": dimensions(shown),
        "cube:variables": variables(shown),
        "links": links(shown, to),
        "assets": {
            "zarr": {
                // Readers append the names of objects, so a token has no place here.
                "href": format!("{}/cubes/{name}/zarr", to.base),
                "type": ZARR,
                "roles": ["data"],
                "title": "Zarr store; group 0 is the full resolution",
                "xarray:open_kwargs": {"engine": "zarr", "group": "0", "consolidated": true},
            },
        },
    });
    if let Some(credit) = shown.credit() {
        told["attribution"] = json!(credit);
    }
    told
}

fn dimensions(shown: &Shown) -> Value {
    let cube = &shown.stored.cube;
    let base = cube.pyramid().base();
    let (bounds, at) = (base.bounds(), base.transform);
    let [y, x] = cube.system().axes();
    let axis = |axis: &str, extent: [f64; 2], step: f64| {
        json!({
            "type": "spatial", "axis": axis, "extent": extent, "step": step,
            "reference_system": cube.system().epsg().0,
        })
    };
    let mut all = Map::new();
    all.insert(
        "time".to_owned(),
        json!({
            "type": "temporal",
            "extent": shown.interval(),
            "values": shown.instants(),
            "step": cube.recipe().time.period,
        }),
    );
    let (south_north, west_east) = ([bounds.south, bounds.north], [bounds.west, bounds.east]);
    all.insert(y.name.to_owned(), axis("y", south_north, at.cell_height));
    all.insert(x.name.to_owned(), axis("x", west_east, at.cell_width));
    Value::Object(all)
}

fn variables(shown: &Shown) -> Value {
    let cube = &shown.stored.cube;
    let [y, x] = cube.system().axes();
    let variable = |name: &str| {
        let told = json!({"type": "data", "dimensions": ["time", y.name, x.name]});
        (name.to_owned(), told)
    };
    Value::Object(cube.variables().map(variable).collect())
}

fn links(shown: &Shown, to: &Addresses) -> Vec<Value> {
    let name = shown.name();
    let json = "application/json";
    let tiles = format!("/cubes/{name}/tiles/{SET}/{{z}}/{{x}}/{{y}}.png");
    let tilejson = format!("/cubes/{name}/{SET}/tilejson.json");
    let capabilities = to.to(&format!("/cubes/{name}/WMTSCapabilities.xml"));
    let mut wmts = link("wmts", "image/png", capabilities);
    wmts["wmts:layer"] = json!([name]);
    vec![
        link("self", json, address(shown, to)),
        link("root", json, to.to("/stac")),
        link("parent", json, to.to("/stac")),
        link("xyz", "image/png", to.to(&tiles)),
        wmts,
        link("tilejson", json, to.to(&tilejson)),
        link("alternate", json, to.to(&format!("/collections/{name}"))),
        link("describedby", json, to.to(&format!("/cubes/{name}"))),
    ]
}

fn address(shown: &Shown, to: &Addresses) -> String {
    to.to(&format!("/stac/collections/{}", shown.name()))
}

fn link(rel: &str, kind: &str, href: String) -> Value {
    let mut told = json!({"rel": rel, "type": kind});
    told["href"] = Value::String(href);
    told
}
