//! Cubes as a Web Map Service with times, of a cube or of all.
//!
//! Sources: OGC 06-042 (WMS 1.3.0), OGC 01-068r3 (WMS 1.1.1), and OGC 05-078r4 (SLD profile)
//! for the legend. What a query has beside their keys is the style of tiles.

mod capabilities;
mod exception;
mod map;

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use self::{
    capabilities::{Capabilities, layer},
    exception::Form,
    map::{Map, asked},
};
use super::{
    exception::Exception,
    feature_info::{self, InfoFormat, middle},
    keys::Keys,
    known,
    styles::Style,
};
use crate::http::{
    ApiError, AppState,
    access::Caller,
    query::TileQuery,
    shown::{Addresses, Shown},
};

/// The keys of all operations, and those that clients send and that change nothing here.
const KEYS: [&str; 36] = [
    "SERVICE",
    "REQUEST",
    "VERSION",
    "WMTVER",
    "UPDATESEQUENCE",
    "FORMAT",
    "EXCEPTIONS",
    "LAYERS",
    "STYLES",
    "CRS",
    "SRS",
    "BBOX",
    "WIDTH",
    "HEIGHT",
    "TRANSPARENT",
    "BGCOLOR",
    "TIME",
    "QUERY_LAYERS",
    "INFO_FORMAT",
    "FEATURE_COUNT",
    "I",
    "J",
    "X",
    "Y",
    "LAYER",
    "STYLE",
    "SLD_VERSION",
    "RULE",
    "SCALE",
    "LANGUAGE",
    "DPI",
    "MAP_RESOLUTION",
    "FORMAT_OPTIONS",
    "TILED",
    "ANGLE",
    "_",
];

/// The versions, which differ in names and in the order of coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V111,
    V130,
}

impl Version {
    /// What a client gets: the newest that is not newer than what it asks for, or else
    /// the oldest.
    fn of(keys: &Keys) -> Self {
        let wanted = keys.get("VERSION").or_else(|| keys.get("WMTVER"));
        let is_old = wanted.is_some_and(|wanted| {
            let number = |part: &str| part.parse::<u32>().unwrap_or(u32::MAX);
            wanted.split('.').map(number).lt([1, 3])
        });
        if is_old { Self::V111 } else { Self::V130 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::V111 => "1.1.1",
            Self::V130 => "1.3.0",
        }
    }

    /// The key of the reference system.
    fn crs(self) -> &'static str {
        match self {
            Self::V111 => "SRS",
            Self::V130 => "CRS",
        }
    }
}

/// The Web Map Service of a cube: `GetCapabilities`, `GetMap`, `GetFeatureInfo` and
/// `GetLegendGraphic` of versions 1.3.0 and 1.1.1. What else the query has is the style of
/// the picture, as of tiles. Errors are a `ServiceExceptionReport`.
#[utoipa::path(
    get, path = "/cubes/{cube}/wms", tag = "ogc",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("SERVICE" = Option<String>, Query, description = "WMS; keys are in any case"),
        ("REQUEST" = String, Query, description = "GetCapabilities, GetMap, GetFeatureInfo or GetLegendGraphic"),
        ("VERSION" = Option<String>, Query, description = "1.3.0 or 1.1.1"),
        ("LAYERS" = Option<String>, Query, description = "Name of the cube"),
        ("STYLES" = Option<String>, Query, description = "default, another of the capabilities, or the name of a colormap"),
        ("CRS" = Option<String>, Query, description = "As EPSG:3857; SRS in 1.1.1"),
        ("BBOX" = Option<String>, Query, description = "Four numbers in the order of axes of the system, from the lower corner to the upper; in 1.1.1 x before y"),
        ("WIDTH" = Option<u32>, Query, description = "Pixels, to 4096"),
        ("HEIGHT" = Option<u32>, Query, description = "Pixels, to 4096"),
        ("FORMAT" = Option<String>, Query, description = "image/png, image/jpeg, image/webp or image/tiff"),
        ("TRANSPARENT" = Option<String>, Query, description = "TRUE or FALSE (default)"),
        ("BGCOLOR" = Option<String>, Query, description = "As 0xFFFFFF, the default"),
        ("TIME" = Option<String>, Query, description = "A time step, or an interval: of its steps the newest"),
        ("EXCEPTIONS" = Option<String>, Query, description = "XML (default) or BLANK"),
        ("QUERY_LAYERS" = Option<String>, Query, description = "Name of the cube"),
        ("INFO_FORMAT" = Option<String>, Query, description = "application/json, application/geo+json or text/plain"),
        ("I" = Option<u32>, Query, description = "Column of a pixel; X in 1.1.1"),
        ("J" = Option<u32>, Query, description = "Row of a pixel; Y in 1.1.1"),
    ),
    responses(
        (status = 200, description = "What was asked for"),
        (status = 307, description = "To the legend"),
        (status = 400, description = "A key is wrong or missing", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too much to hold", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
        (status = 501, description = "There is no such operation", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
    )
)]
pub(in crate::http) async fn of_cube(
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
    answer(&state, Some(&cube), query, caller, &headers).await
}

/// The Web Map Service of all cubes that the caller may read, as that of a cube.
#[utoipa::path(
    get, path = "/wms", tag = "ogc",
    responses(
        (status = 200, description = "What was asked for"),
        (status = 307, description = "To the legend"),
        (status = 400, description = "A key is wrong or missing", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
        (status = 413, description = "Too much to hold", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
        (status = 501, description = "There is no such operation", content(("text/xml"), ("application/vnd.ogc.se_xml"))),
    )
)]
pub(in crate::http) async fn of_server(
    State(state): State<Arc<AppState>>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    answer(&state, None, query, caller, &headers).await
}

async fn answer(
    state: &AppState,
    cube: Option<&str>,
    query: Option<String>,
    caller: Caller,
    headers: &HeaderMap,
) -> Response {
    let keys = match Keys::taken_out(&query.unwrap_or_default(), &KEYS) {
        Ok(keys) => keys,
        Err(twice) => return exception::answer(state, &twice.into(), &Form::XML).await,
    };
    let form = Form::of(&keys);
    let made = operation(state, cube, &keys, caller, headers).await;
    match made {
        Ok(answer) => answer,
        Err(error) => exception::answer(state, &error, &form).await,
    }
}

/// What is asked for, of the cube in the address or of any.
async fn operation(
    state: &AppState,
    cube: Option<&str>,
    keys: &Keys,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let service = keys.get("SERVICE").unwrap_or("WMS");
    if !service.eq_ignore_ascii_case("WMS") {
        return Err(Exception::invalid("SERVICE", service, "this is a WMS"));
    }
    let request = keys
        .get("REQUEST")
        .ok_or_else(|| Exception::missing("REQUEST"))?;
    match request.to_ascii_lowercase().as_str() {
        "getcapabilities" | "capabilities" => {
            capabilities(state, cube, keys, caller, headers).await
        }
        "getmap" | "map" => {
            let map = asked(state, cube, keys, &caller).await?;
            get_map(state, map, headers).await
        }
        "getfeatureinfo" | "feature_info" => {
            let map = asked(state, cube, keys, &caller).await?;
            get_feature_info(state, map, keys).await
        }
        "getlegendgraphic" => legend(state, cube, keys, caller, headers).await,
        _ => {
            let detail = format!(
                "`REQUEST={request}`: there are GetCapabilities, GetMap, GetFeatureInfo and \
                 GetLegendGraphic"
            );
            Err(Exception::new("OperationNotSupported", "REQUEST", detail)
                .with_status(StatusCode::NOT_IMPLEMENTED))
        }
    }
}

async fn capabilities(
    state: &AppState,
    cube: Option<&str>,
    keys: &Keys,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let (title, path, shown) = match cube {
        Some(cube) => {
            let query = TileQuery::parse(&keys.rest).map_err(ApiError::from)?;
            let shown = Shown::of(state, cube, &query).await?;
            (shown.title(), format!("/cubes/{cube}/wms"), vec![shown])
        }
        None if keys.rest.is_empty() => {
            let shown = Shown::all(state, &caller).await;
            ("CubeTiler".to_owned(), "/wms".to_owned(), shown)
        }
        None => {
            let detail = format!(
                "`{}`: a style is of one cube; ask /cubes/{{cube}}/wms",
                keys.rest
            );
            return Err(ApiError::new(StatusCode::BAD_REQUEST, detail).into());
        }
    };
    let to = Addresses::new(state, caller, headers);
    let version = Version::of(keys);
    let capabilities = Capabilities {
        version,
        title: &title,
        address: to.open_ended(&path, &keys.rest),
        layers: (shown.iter())
            .map(|shown| layer(shown, &to, &keys.rest))
            .collect::<Result<_, _>>()
            .map_err(ApiError::from)?,
    };
    let told = [
        (header::CONTENT_TYPE, version.capabilities_type()),
        // New time steps show.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((told, capabilities.to_xml()).into_response())
}

async fn get_map(state: &AppState, map: Map, headers: &HeaderMap) -> Result<Response, Exception> {
    let begun = Instant::now();
    Ok(map::picture(state, &map, headers, begun).await?)
}

async fn get_feature_info(state: &AppState, map: Map, keys: &Keys) -> Result<Response, Exception> {
    let wanted = keys.get("INFO_FORMAT").unwrap_or("text/plain");
    let format = InfoFormat::named(wanted).ok_or_else(|| {
        let right = "application/json, application/geo+json or text/plain";
        let detail = format!("`INFO_FORMAT={wanted}`: {right}");
        Exception::new("InvalidFormat", "INFO_FORMAT", detail)
    })?;
    let (across, down) = match Version::of(keys) {
        Version::V111 => ("X", "Y"),
        Version::V130 => ("I", "J"),
    };
    let pixel = |key, end: usize| {
        let text = keys.get(key).ok_or_else(|| Exception::missing(key))?;
        let number: Option<u32> = text.parse().ok();
        number.filter(|n| (*n as usize) < end).ok_or_else(|| {
            let detail = format!("`{key}={text}`: the map has pixels from 0 to {}", end - 1);
            Exception::new("InvalidPoint", key, detail)
        })
    };
    let shape = map.grid.shape;
    let place = middle(
        &map.grid,
        pixel(across, shape.cols)?,
        pixel(down, shape.rows)?,
    );
    let query = TileQuery::parse(&map.query).map_err(ApiError::from)?;
    Ok(feature_info::answer(state, &map.cube, place, &query, format).await?)
}

/// The way to the picture of a legend.
async fn legend(
    state: &AppState,
    cube: Option<&str>,
    keys: &Keys,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let wanted = keys
        .get("LAYER")
        .or_else(|| keys.get("LAYERS"))
        .ok_or_else(|| Exception::missing("LAYER"))?;
    let (shown, style) = map::layer_of(state, cube, wanted, keys.get("STYLE"), &caller).await?;
    let ending = match keys.get("FORMAT").unwrap_or("image/png") {
        "image/png" => "png",
        "image/svg+xml" => "svg",
        other => {
            let detail = format!("`FORMAT={other}`: image/png or image/svg+xml");
            return Err(Exception::new("InvalidFormat", "FORMAT", detail));
        }
    };
    let style = Style::default_with(&style.with(&keys.rest));
    if !style.has_legend(&shown) {
        let detail = "three bands are colours themselves: this style has no legend".to_owned();
        return Err(Exception::new("StyleNotDefined", "STYLE", detail));
    }
    let to = Addresses::new(state, caller, headers);
    let path = format!("/cubes/{}/legend.{ending}", shown.name());
    Ok(Redirect::temporary(&to.with(&path, &style.query)).into_response())
}
