//! Cubes as a Web Map Tile Service, with a time dimension: of a cube or of all, by
//! templates of addresses and by keys and values.
//!
//! Source: OGC 07-057r7 (WMTS 1.0.0). The dimension is called `time` and lists its
//! instants to the second, as QGIS wants it.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    FORMATS, SET,
    capabilities::{Capabilities, Layer},
    ending,
    exception::Exception,
    feature_info::{self, InfoFormat, Pixel, SIDE},
    keys::{Keys, with, without_time},
    shown::{Addresses, Shown},
};
use crate::{
    grid::TileAddress,
    http::{
        ApiError, AppState, access::Caller, cubes::check, query::TileQuery, tile_matrix_sets, tiles,
    },
};

/// The one version.
const VERSION: &str = "1.0.0";

/// The keys of all operations. What else a query has is the style of tiles.
const KEYS: [&str; 18] = [
    "SERVICE",
    "REQUEST",
    "VERSION",
    "ACCEPTVERSIONS",
    "ACCEPTFORMATS",
    "SECTIONS",
    "UPDATESEQUENCE",
    "LAYER",
    "STYLE",
    "FORMAT",
    "TILEMATRIXSET",
    "TILEMATRIX",
    "TILEROW",
    "TILECOL",
    "TIME",
    "I",
    "J",
    "INFOFORMAT",
];

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
    capabilities_of(&state, &cube, &query.unwrap_or_default(), &to).await
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
    capabilities_of_all(&state, &query.unwrap_or_default(), caller, &headers).await
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
        ("TILEMATRIXSET" = Option<String>, Query, description = "WebMercatorQuad"),
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
    if let Err(error) = state.tiles.catalog().get(&cube) {
        // No service is at such an address.
        return ApiError::from(error).into_response();
    }
    let query = query.unwrap_or_default();
    let answer = operation(&state, Some(&cube), &query, caller, &headers).await;
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
    let answer = operation(&state, None, &query, caller, &headers).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

/// The values behind a pixel of a tile of 256 x 256 pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/featureinfo/{tileMatrixSetId}/{z}/{x}/{y}/{i}/{j}", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
        ("z" = u8, Path, description = "Zoom"),
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
    tile_matrix_sets::named(&set, StatusCode::BAD_REQUEST)?;
    let (row, ending) = row.split_once('.').unwrap_or((&row, "json"));
    let format = (InfoFormat::ALL.into_iter())
        .find(|format| format.ending() == ending)
        .ok_or_else(|| bad(format!("`.{ending}`: write .json, .geojson or .txt")))?;
    let number = |text: &str| {
        let number: Option<u32> = text.parse().ok();
        number.ok_or_else(|| bad(format!("`{text}` is no whole number from 0")))
    };
    let tile = TileAddress::new(
        number(&zoom)?.into(),
        number(&tile_col)?.into(),
        number(&tile_row)?.into(),
    )?;
    let (col, row) = (number(&col)?, number(row)?);
    if col.max(row) >= SIDE {
        return Err(bad(format!("a tile has pixels from 0 to {}", SIDE - 1)));
    }
    let query = TileQuery::parse(&query.unwrap_or_default())?;
    let pixel = Pixel { tile, col, row };
    feature_info::answer(&state, &cube, pixel, &query, format).await
}

async fn capabilities_of(
    state: &AppState,
    cube: &str,
    query: &str,
    to: &Addresses,
) -> Result<Response, ApiError> {
    let style = without_time(query);
    // Checked here, so that a typo shows before a thousand tiles fail.
    let parsed = TileQuery::parse(&style)?;
    let coloring = parsed.coloring()?;
    let shown = Shown::named(state, cube).await?;
    check(&shown.stored, &parsed, coloring.as_ref())?;
    let path = format!("/cubes/{cube}");
    Ok(told(&Capabilities {
        title: &shown.title(),
        address: to.with(&format!("{path}/WMTSCapabilities.xml"), &style),
        keys_and_values: to.open_ended(&format!("{path}/wmts"), &style),
        layers: vec![layer(&shown, to, &style)],
    }))
}

async fn capabilities_of_all(
    state: &AppState,
    query: &str,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    if !query.is_empty() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("`{query}`: a style is of one cube; ask /cubes/{{cube}}/WMTSCapabilities.xml"),
        ));
    }
    let shown = Shown::all(state, &caller).await;
    let to = Addresses::new(state, caller, headers);
    Ok(told(&Capabilities {
        title: "CubeTiler",
        address: to.to("/WMTSCapabilities.xml"),
        keys_and_values: to.open_ended("/wmts", ""),
        layers: shown.iter().map(|shown| layer(shown, &to, "")).collect(),
    }))
}

fn layer(shown: &Shown, to: &Addresses, style: &str) -> Layer {
    let cube = shown.name();
    // The placeholder is for the client, and stays as it is.
    let query = format!(
        "sel=time={{time}}{}{style}",
        if style.is_empty() { "" } else { "&" }
    );
    let template =
        |what: &str, place: &str| to.with(&format!("/cubes/{cube}/{what}/{SET}/{place}"), &query);
    let place = "{TileMatrix}/{TileCol}/{TileRow}";
    let tile = |(media_type, ending)| (media_type, template("tiles", &format!("{place}.{ending}")));
    let info = |format: InfoFormat| {
        let place = format!("{place}/{{I}}/{{J}}.{}", format.ending());
        (format.media_type(), template("featureinfo", &place))
    };
    Layer {
        name: cube.to_owned(),
        title: shown.title(),
        credit: shown.credit().map(str::to_owned),
        bounds: shown.bounds(),
        times: shown.instants(),
        most_zoom: shown.most_zoom(),
        tiles: FORMATS.map(tile).into(),
        infos: InfoFormat::ALL.map(info).into(),
    }
}

fn told(capabilities: &Capabilities<'_>) -> Response {
    let told = [
        (header::CONTENT_TYPE, "application/xml"),
        // New time steps show.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (told, capabilities.to_xml()).into_response()
}

/// What is asked for by keys and values, of the cube in the address or of any.
async fn operation(
    state: &AppState,
    cube: Option<&str>,
    query: &str,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let keys = Keys::taken_out(query, &KEYS)?;
    match keys.get("SERVICE") {
        None => return Err(Exception::missing("SERVICE")),
        Some(name) if name.eq_ignore_ascii_case("WMTS") => {}
        Some(name) => return Err(Exception::invalid("SERVICE", name, "this is a WMTS")),
    }
    let request = keys
        .get("REQUEST")
        .ok_or_else(|| Exception::missing("REQUEST"))?;
    match request.to_ascii_lowercase().as_str() {
        "getcapabilities" => {
            let wanted = keys.get("ACCEPTVERSIONS").unwrap_or(VERSION);
            if !wanted.split(',').any(|version| version == VERSION) {
                let detail = format!("`{wanted}`: there is {VERSION}");
                let code = "VersionNegotiationFailed";
                return Err(Exception::new(code, "ACCEPTVERSIONS", detail));
            }
            Ok(match cube {
                Some(cube) => {
                    let to = Addresses::new(state, caller, headers);
                    capabilities_of(state, cube, &keys.rest, &to).await?
                }
                None => capabilities_of_all(state, &keys.rest, caller, headers).await?,
            })
        }
        "gettile" => {
            let cube = layer_of(state, cube, &keys, &caller)?;
            get_tile(state, cube, &keys, headers).await
        }
        "getfeatureinfo" => {
            let cube = layer_of(state, cube, &keys, &caller)?;
            get_feature_info(state, cube, &keys).await
        }
        _ => {
            let detail = format!(
                "`REQUEST={request}`: there are GetCapabilities, GetTile and GetFeatureInfo"
            );
            Err(Exception::new("OperationNotSupported", "REQUEST", detail)
                .with_status(StatusCode::NOT_IMPLEMENTED))
        }
    }
}

/// The layer that is asked for, which is one that the caller may read.
fn layer_of<'a>(
    state: &AppState,
    cube: Option<&str>,
    keys: &'a Keys,
    caller: &Caller,
) -> Result<&'a str, Exception> {
    if let Some(version) = keys.get("VERSION").filter(|version| *version != VERSION) {
        return Err(Exception::invalid("VERSION", version, "there is 1.0.0"));
    }
    let name = keys
        .get("LAYER")
        .ok_or_else(|| Exception::missing("LAYER"))?;
    let is_there = cube.is_none_or(|cube| cube == name)
        && state.guard.shows(caller, name)
        && state.tiles.catalog().get(name).is_ok();
    if !is_there {
        return Err(Exception::invalid(
            "LAYER",
            name,
            "the capabilities list the layers",
        ));
    }
    if let Some(style) = keys.get("STYLE").filter(|style| *style != "default") {
        let right = "there is `default`; parameters of tiles change it";
        return Err(Exception::invalid("STYLE", style, right));
    }
    Ok(name)
}

/// The tile, by the one way there is to tiles.
async fn get_tile(
    state: &AppState,
    cube: &str,
    keys: &Keys,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let format = keys.get("FORMAT").unwrap_or("image/png");
    let ending = ending(format).ok_or_else(|| {
        Exception::invalid("FORMAT", format, "image/png, image/jpeg or image/webp")
    })?;
    let [zoom, row, col] = place(keys)?;
    let row = format!("{row}.{ending}");
    let query = query_of(keys);
    let tile = tiles::answer(state, cube, [zoom, col, &row], Some(&query), headers);
    Ok(tile.await?)
}

async fn get_feature_info(
    state: &AppState,
    cube: &str,
    keys: &Keys,
) -> Result<Response, Exception> {
    let wanted = keys.get("INFOFORMAT").unwrap_or("application/json");
    let format = (InfoFormat::ALL.into_iter()).find(|format| format.media_type() == wanted);
    let format = format.ok_or_else(|| {
        let right = "application/json, application/geo+json or text/plain";
        Exception::invalid("INFOFORMAT", wanted, right)
    })?;
    let [zoom, row, col] = place(keys)?;
    let out = |key| Exception::new("TileOutOfRange", key, "there is no such tile".to_owned());
    let number = |key, text: &str| text.parse::<u64>().map_err(|_no_number| out(key));
    let tile = TileAddress::new(
        number("TILEMATRIX", zoom)?,
        number("TILECOL", col)?,
        number("TILEROW", row)?,
    )
    .map_err(ApiError::from)?;
    let pixel = |key| {
        let text = keys.get(key).ok_or_else(|| Exception::missing(key))?;
        let number: Option<u32> = text.parse().ok();
        number.filter(|number| *number < SIDE).ok_or_else(|| {
            let detail = format!("`{key}={text}`: a tile has pixels from 0 to {}", SIDE - 1);
            Exception::new("PointIJOutOfRange", key, detail)
        })
    };
    let pixel = Pixel {
        tile,
        col: pixel("I")?,
        row: pixel("J")?,
    };
    let query = TileQuery::parse(&query_of(keys)).map_err(ApiError::from)?;
    Ok(feature_info::answer(state, cube, pixel, &query, format).await?)
}

/// Zoom, row and column, as they were written.
fn place(keys: &Keys) -> Result<[&str; 3], Exception> {
    let needed = |key| keys.get(key).ok_or_else(|| Exception::missing(key));
    let set = needed("TILEMATRIXSET")?;
    if set != SET {
        return Err(Exception::invalid(
            "TILEMATRIXSET",
            set,
            "there is WebMercatorQuad",
        ));
    }
    Ok([
        needed("TILEMATRIX")?,
        needed("TILEROW")?,
        needed("TILECOL")?,
    ])
}

/// The query of a tile: its style, and its time if there is one.
fn query_of(keys: &Keys) -> String {
    match keys.get("TIME") {
        None => keys.rest.clone(),
        Some(time) => with(&keys.rest, "sel", &format!("time={time}")),
    }
}
