//! The map tiles of a cube in the form of OGC API Tiles 1 (20-057): addresses have the
//! row before the column.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    FORMATS, ending,
    keys::{Keys, Twice, is_of_steps, joined, with},
    time::sel_during,
};
use crate::http::{
    ApiError, AppState,
    about::About,
    access::Caller,
    tile_matrix_sets::{self, definition},
    tiles,
    tilesets::Tileset,
};

/// Keys that are not those of tiles.
const KEYS: [&str; 2] = ["f", "datetime"];

/// The tile sets of a cube: one for each tile matrix set whose reference system is for
/// where the cube is.
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
    let place = Place::of_collection(&cube);
    listed(&state, &place, caller, &headers).await
}

/// Where the tile sets of a cube are.
pub(super) struct Place {
    pub(super) cube: String,
    pub(super) path: String,
    /// What names the cube in queries, if the path does not.
    pub(super) naming: String,
}

impl Place {
    fn of_collection(cube: &str) -> Self {
        Self {
            cube: cube.to_owned(),
            path: format!("/collections/{cube}/map/tiles"),
            naming: String::new(),
        }
    }
}

pub(super) async fn listed(
    state: &AppState,
    place: &Place,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let about = About::named(state, &place.cube, None);
    let found = Tileset::of(state, &about, caller, headers).await?;
    let (path, naming) = (&place.path, &place.naming);
    let sets: Vec<Value> = (found.shown.sets())
        .map(|set| {
            let own = found.to.with(&format!("{path}/{}", set.id()), naming);
            let links = [
                link("self", "application/json", &own),
                definition(&found.to.base, set),
            ];
            found.document(set, &links)
        })
        .collect();
    Ok(Json(json!({
        "links": [link("self", "application/json", &found.to.with(path, naming))],
        "tilesets": sets,
    })))
}

/// A tile set: where its tiles are, at which zooms there are which, and templates of
/// their addresses. The query is the style of the tiles, as for TileJSON.
#[utoipa::path(
    get, path = "/collections/{cube}/map/tiles/{tileMatrixSetId}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
    ),
    responses(
        (status = 200, description = "Metadata of the tile set"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or it is nowhere in the set"),
    )
)]
pub(in crate::http) async fn one(
    State(state): State<Arc<AppState>>,
    Path((cube, set)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let keys = keys(&query.unwrap_or_default(), &KEYS)?;
    let place = Place::of_collection(&cube);
    described(&state, (&place, &set), &keys, caller, &headers).await
}

pub(super) async fn described(
    state: &AppState,
    (place, set): (&Place, &str),
    keys: &Keys,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let set = tile_matrix_sets::named(set, StatusCode::BAD_REQUEST)?;
    let about = About::named(state, &place.cube, Some(&keys.rest));
    let found = Tileset::of(state, &about, caller, headers).await?;
    let path = format!("{}/{}", place.path, set.id());
    let query = joined(&place.naming, &keys.rest);
    let mut links = vec![
        link("self", "application/json", &found.to.with(&path, &query)),
        definition(&found.to.base, set),
    ];
    for (media_type, ending) in FORMATS {
        let tile = format!("{path}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}");
        let href = found.to.with(&tile, &with(&query, "f", ending));
        let mut item = link("item", media_type, &href);
        item["templated"] = json!(true);
        links.push(item);
    }
    found.whole(set, &links).map(Json)
}

/// A map tile of a cube: as `/cubes/{cube}/tiles` gives it, with the row before the
/// column.
#[utoipa::path(
    get, path = "/collections/{cube}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("tileMatrix" = i8, Path, description = "Zoom"),
        ("tileRow" = u32, Path, description = "Row, from the north"),
        ("tileCol" = u32, Path, description = "Column, from the west"),
        ("f" = Option<String>, Query, description = "png, jpg, jpeg, webp or a media type; without, what `Accept` names"),
        ("datetime" = Option<String>, Query, description = "A time or an interval: of its time steps the newest"),
    ),
    responses(
        (status = 200, description = "The tile; other parameters and answers are those of `/cubes/{cube}/tiles`", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
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
    let keys = keys(&query.unwrap_or_default(), &KEYS)?;
    tile_of(
        &state,
        &cube,
        [&*set, &*zoom, &*row, &*col],
        &keys,
        &headers,
    )
    .await
}

pub(super) async fn tile_of(
    state: &AppState,
    cube: &str,
    [set, zoom, row, col]: [&str; 4],
    keys: &Keys,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let set = tile_matrix_sets::named(set, StatusCode::BAD_REQUEST)?;
    let query = match keys.get("datetime") {
        None => keys.rest.clone(),
        Some(_) if is_of_steps(&keys.rest) => {
            let told =
                "`datetime` names a time step, and `reduce` is of several: name them by `sel`";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, told));
        }
        Some(datetime) => with(&keys.rest, "sel", &sel_during(state, cube, datetime)?),
    };
    let row = match format(keys.get("f"), headers) {
        None => row.to_owned(),
        Some(ending) => format!("{row}.{ending}"),
    };
    let place = (set, [zoom, col, &*row]);
    let mut answer = tiles::answer(state, cube, place, Some(&query), headers).await?;
    if keys.get("f").is_none() {
        let accept = HeaderValue::from_static("accept");
        answer.headers_mut().append(header::VARY, accept);
    }
    Ok(answer)
}

pub(super) fn keys(query: &str, known: &[&'static str]) -> Result<Keys, ApiError> {
    let keys = Keys::taken_out(query, known);
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
