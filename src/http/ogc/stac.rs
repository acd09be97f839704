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

use crate::{
    dataset::{Axis, AxisValues, Variable, cf::Role},
    http::{
        ApiError, AppState,
        access::Caller,
        shown::{self, Addresses, Kind, Shown, in_order},
        systems,
    },
    zarr::StoredCube,
};

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

/// Variables, and values of a dimension, of a data set of somebody else that are listed.
const DESCRIBED: usize = 500;

/// The media type of a Zarr store of version 3.
const ZARR: &str = "application/vnd.zarr; version=3";

/// The catalogue of the cubes that the caller may read.
#[utoipa::path(get, path = "/stac", tag = "stac", responses((status = 200, description = "A STAC catalogue")))]
pub(in crate::http) async fn catalogue(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
) -> Json<Value> {
    let child = |shown: &Shown, to: &Addresses| {
        let mut child = link("child", "application/json", address(shown, to));
        child["title"] = json!(shown.title());
        child
    };
    let (children, to) = shown::all_described(&state, caller, &headers, child).await;
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
    links.extend(children);
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
    let (all, to) = shown::all_described(&state, caller, &headers, told_of).await;
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
    shown::described(&state, &cube, caller, &headers, told_of).await
}

fn told_of(shown: &Shown, to: &Addresses) -> Value {
    let name = shown.name();
    let mut told = json!({
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": EXTENSIONS,
        "id": name,
        "title": shown.title(),
        "description": description(shown),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [shown.bounds.to_array()]},
            "temporal": {"interval": [shown.interval()]},
        },
        "cube:dimensions": dimensions(shown),
        "cube:variables": variables(shown),
        "links": links(shown, to),
        "assets": {},
    });
    if let Kind::Cube(_, stored) = &shown.kind {
        let revision = stored.snapshot.revision();
        told["assets"]["zarr"] = zarr(
            // Readers append the names of objects, so a token has no place here.
            &format!("{}/cubes/{name}/zarr", to.base),
            "Zarr store; group 0 is the full resolution",
        );
        told["assets"]["zarr_revision"] = zarr(
            &format!("{}/cubes/{name}/revisions/{revision}/zarr", to.base),
            "The same at this revision, which never changes",
        );
    }
    if let Some(credit) = shown.credit() {
        told["attribution"] = json!(credit);
    }
    told
}

fn zarr(href: &str, title: &str) -> Value {
    json!({
        "href": href,
        "type": ZARR,
        "roles": ["data"],
        "title": title,
        "xarray:open_kwargs": {"engine": "zarr", "group": "0", "consolidated": true},
    })
}

fn description(shown: &Shown) -> String {
    let title = shown.title();
    match &shown.kind {
        Kind::Cube(_, stored) => {
            let bands = stored.cube.bands().collect::<Vec<_>>().join(", ");
            let period = &stored.cube.recipe().time.period;
            format!("{title}: composites of {bands}, one each {period}")
        }
        Kind::External(_, external) => {
            let variables = external.dataset.variables.iter().take(DESCRIBED);
            let names: Vec<&str> = variables.map(|variable| &*variable.name).collect();
            format!("{title}: {}", names.join(", "))
        }
    }
}

fn dimensions(shown: &Shown) -> Value {
    match &shown.kind {
        Kind::Cube(_, stored) => dimensions_of(shown, stored),
        Kind::External(_, external) => {
            let axes = external.dataset.variables.iter().take(DESCRIBED);
            let axes = axes.flat_map(|variable| &variable.axes);
            let mut all: Map<String, Value> = axes
                .map(|axis| (axis.name.clone(), dimension(axis)))
                .collect();
            let bounds = shown.grid.bounds();
            let system = shown.grid.crs;
            let code = systems::has_code(system).then_some(system.0);
            for (name, axis, extent) in [
                ("y", "y", [bounds.south, bounds.north]),
                ("x", "x", [bounds.west, bounds.east]),
            ] {
                let mut told = json!({"type": "spatial", "axis": axis, "extent": extent});
                if let Some(code) = code {
                    told["reference_system"] = json!(code);
                }
                all.insert(name.to_owned(), told);
            }
            Value::Object(all)
        }
    }
}

fn dimension(axis: &Axis) -> Value {
    if axis.role == Role::Time && matches!(axis.values, AxisValues::Times(_)) {
        let all = in_order(axis);
        return json!({"type": "temporal", "extent": [all.first(), all.last()]});
    }
    let values: Vec<String> = (0..axis.len.min(DESCRIBED))
        .map(|n| axis.label(n))
        .collect();
    let mut told = json!({"type": "other", "values": values});
    if let Some(units) = &axis.units {
        told["unit"] = json!(units);
    }
    told
}

fn dimensions_of(shown: &Shown, stored: &StoredCube) -> Value {
    let cube = &stored.cube;
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
    match &shown.kind {
        Kind::Cube(_, stored) => {
            let [y, x] = stored.cube.system().axes();
            let told = json!({"type": "data", "dimensions": ["time", y.name, x.name]});
            let all = stored.cube.variables();
            all.map(|name| (name.to_owned(), told.clone())).collect()
        }
        Kind::External(_, external) => {
            let told = |variable: &Variable| {
                let axes = variable.axes.iter().map(|axis| &*axis.name);
                let dimensions: Vec<&str> = axes.chain(["y", "x"]).collect();
                let mut told = json!({"type": "data", "dimensions": dimensions});
                if let Some(unit) = &variable.units {
                    told["unit"] = json!(unit);
                }
                (variable.name.clone(), told)
            };
            let all = external.dataset.variables.iter();
            all.take(DESCRIBED).map(told).collect()
        }
    }
}

fn links(shown: &Shown, to: &Addresses) -> Vec<Value> {
    let name = shown.name();
    let json = "application/json";
    let tiles = format!("/cubes/{name}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png");
    let tilejson = format!("/cubes/{name}/WebMercatorQuad/tilejson.json");
    let capabilities = to.to(&format!("/cubes/{name}/WMTSCapabilities.xml"));
    let mut wmts = link("wmts", "image/png", capabilities);
    wmts["wmts:layer"] = json!([name]);
    let mut maps = link("wms", "image/png", to.to(&format!("/cubes/{name}/wms")));
    maps["wms:layers"] = json!([name]);
    vec![
        link("self", json, address(shown, to)),
        link("root", json, to.to("/stac")),
        link("parent", json, to.to("/stac")),
        link("xyz", "image/png", to.to(&tiles)),
        wmts,
        maps,
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
