//! The map tiles of a cube in the form of OGC API Tiles 1 (20-057): addresses have the
//! row before the column.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    FORMATS, SET, ending,
    keys::{Keys, Twice, with},
    shown::{Addresses, Shown},
};
use crate::{
    grid::tile_matrix::tiles_touched,
    http::{
        ApiError, AppState, access::Caller, cubes::check, query::TileQuery, tile_matrix_sets, tiles,
    },
    tile::TileError,
};

/// Keys that are not those of tiles.
const KEYS: [&str; 2] = ["f", "datetime"];

const CRS: &str = "http://www.opengis.net/def/crs/EPSG/0/3857";

const SET_URI: &str = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad";

/// The relation of a tile set to its tile matrix set.
const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";

/// The tile sets of a cube: there is one.
#[utoipa::path(
    get, path = "/collections/{cube}/map/tiles", tag = "ogc",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "Tile sets"), (status = 404, description = "No such cube"))
)]
pub(in crate::http) async fn list(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let shown = Shown::named(&state, &cube).await?;
    let to = Addresses::new(&state, caller, &headers);
    let path = format!("/collections/{cube}/map/tiles");
    let own = to.to(&format!("{path}/{SET}"));
    let mut set = summary(&shown);
    set["links"] = json!([link("self", "application/json", &own), tiling_scheme(&to)]);
    Ok(Json(json!({
        "links": [link("self", "application/json", &to.to(&path))],
        "tilesets": [set],
    })))
}

/// A tile set: where its tiles are, at which zooms there are which, and templates of
/// their addresses. The query is the style of the tiles, as for TileJSON.
#[utoipa::path(
    get, path = "/collections/{cube}/map/tiles/{tileMatrixSetId}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
    ),
    responses(
        (status = 200, description = "Metadata of the tile set"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
    )
)]
pub(in crate::http) async fn one(
    State(state): State<Arc<AppState>>,
    Path((cube, set)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    tile_matrix_sets::named(&set, StatusCode::BAD_REQUEST)?;
    let keys = keys(&query.unwrap_or_default())?;
    let parsed = TileQuery::parse(&keys.rest)?;
    let coloring = parsed.coloring()?;
    let shown = Shown::named(&state, &cube).await?;
    check(&shown.stored, &parsed, coloring.as_ref())?;
    let to = Addresses::new(&state, caller, &headers);
    let path = format!("/collections/{cube}/map/tiles/{SET}");
    let mut links = vec![
        link("self", "application/json", &to.with(&path, &keys.rest)),
        tiling_scheme(&to),
    ];
    for (media_type, ending) in FORMATS {
        let query = with(&keys.rest, "f", ending);
        let place = "{tileMatrix}/{tileRow}/{tileCol}";
        let mut item = link(
            "item",
            media_type,
            &to.with(&format!("{path}/{place}"), &query),
        );
        item["templated"] = json!(true);
        links.push(item);
    }
    let bounds = shown.bounds();
    let limits: Vec<Value> = (0..=shown.most_zoom())
        .map(|zoom| {
            let [cols, rows] = tiles_touched(bounds, zoom);
            json!({
                "tileMatrix": zoom.to_string(),
                "minTileRow": rows.start(), "maxTileRow": rows.end(),
                "minTileCol": cols.start(), "maxTileCol": cols.end(),
            })
        })
        .collect();
    let mut told = summary(&shown);
    told["links"] = json!(links);
    told["attribution"] = json!(shown.credit());
    told["tileMatrixSetLimits"] = json!(limits);
    told["boundingBox"] = json!({
        "lowerLeft": [bounds.west, bounds.south],
        "upperRight": [bounds.east, bounds.north],
        "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    });
    Ok(Json(told))
}

/// A map tile of a cube: as `/cubes/{cube}/tiles` gives it, with the row before the
/// column.
#[utoipa::path(
    get, path = "/collections/{cube}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
        ("tileMatrix" = u8, Path, description = "Zoom"),
        ("tileRow" = u32, Path, description = "Row, from the north"),
        ("tileCol" = u32, Path, description = "Column, from the west"),
        ("f" = Option<String>, Query, description = "png, jpg, jpeg, webp or a media type; without, what `Accept` names"),
        ("datetime" = Option<String>, Query, description = "A time or an interval: of its time steps the newest"),
    ),
    responses(
        (status = 200, description = "The tile; other parameters and answers are those of `/cubes/{cube}/tiles`", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the tile is outside of it"),
    )
)]
pub(in crate::http) async fn tile(
    State(state): State<Arc<AppState>>,
    Path((cube, set, zoom, row, col)): Path<(String, String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tile_matrix_sets::named(&set, StatusCode::BAD_REQUEST)?;
    let keys = keys(&query.unwrap_or_default())?;
    let query = match keys.get("datetime") {
        None => keys.rest.clone(),
        Some(datetime) => {
            let stored = state.tiles.catalog().get(&cube)?.served();
            let step = stored.cube.step_during(datetime);
            let step = step.map_err(TileError::Select)?;
            let day = stored.cube.times().days(step).start;
            with(&keys.rest, "sel", &format!("time={day}"))
        }
    };
    let row = match format(keys.get("f"), &headers) {
        None => row,
        Some(ending) => format!("{row}.{ending}"),
    };
    tiles::answer(&state, &cube, [&zoom, &col, &row], Some(&query), &headers).await
}

fn keys(query: &str) -> Result<Keys, ApiError> {
    let keys = Keys::taken_out(query, &KEYS);
    keys.map_err(|Twice(key)| {
        ApiError::new(StatusCode::BAD_REQUEST, format!("`{key}` is given twice"))
    })
}

/// How the address of a tile ends for a format by name, or for the first that a client
/// accepts. A name that is none is left to be refused with those that there are.
fn format(named: Option<&str>, headers: &HeaderMap) -> Option<String> {
    if let Some(name) = named {
        return Some(ending(name).unwrap_or(name).to_owned());
    }
    let accepted = headers.get(header::ACCEPT)?.to_str().ok()?;
    let kinds = accepted.split(',').map(|kind| kind.split(';').next());
    let found = kinds.flatten().find_map(|kind| ending(kind.trim()));
    // A browser that shows pictures names many: it takes what is smallest.
    found
        .filter(|_| !accepted.contains("*/*"))
        .map(str::to_owned)
}

/// What a list tells of the tile set.
fn summary(shown: &Shown) -> Value {
    json!({
        "title": shown.title(),
        "dataType": "map",
        "crs": CRS,
        "tileMatrixSetId": SET,
        "tileMatrixSetURI": SET_URI,
    })
}

fn tiling_scheme(to: &Addresses) -> Value {
    let own = to.to(&format!("/tileMatrixSets/{SET}"));
    link(TILING_SCHEME, "application/json", &own)
}

fn link(rel: &str, kind: &str, href: &str) -> Value {
    json!({"rel": rel, "type": kind, "href": href})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_name_or_by_what_is_accepted() {
        for (named, accept, expected) in [
            (Some("png"), "image/webp", Some("png")),
            (Some("image/jpeg"), "", Some("jpg")),
            (Some("gif"), "", Some("gif")),
            (None, "image/webp;q=0.9,image/png", Some("webp")),
            (None, "image/avif,image/webp,*/*;q=0.8", None),
            (None, "application/json", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(format(named, &headers).as_deref(), expected, "{accept}");
        }
    }
}
