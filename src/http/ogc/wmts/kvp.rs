//! The operations of a Web Map Tile Service by keys and values.

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    layers::{capabilities_of, capabilities_of_all},
    side_of,
};
use crate::{
    grid::{TileAddress, TileMatrixSet},
    http::{
        ApiError, AppState,
        access::Caller,
        ogc::{
            ending,
            exception::Exception,
            feature_info::{self, InfoFormat, middle},
            keys::{Keys, is_of_steps, with},
            known,
            styles::{DEFAULT, Style, split},
            time::{is_placeholder, sel_at},
        },
        query::TileQuery,
        shown::{Addresses, Shown},
        tiles,
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

/// What is asked for by keys and values, of the cube in the address or of any.
pub(super) async fn operation(
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
            let (cube, style) = layer_of(state, cube, &keys, &caller).await?;
            get_tile(state, (&cube, &style), &keys, headers).await
        }
        "getfeatureinfo" => {
            let (cube, style) = layer_of(state, cube, &keys, &caller).await?;
            get_feature_info(state, (&cube, &style), &keys).await
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

/// The cube and the style of the layer that is asked for, which is one that the caller
/// may read.
async fn layer_of(
    state: &AppState,
    cube: Option<&str>,
    keys: &Keys,
    caller: &Caller,
) -> Result<(String, Style), Exception> {
    if let Some(version) = keys.get("VERSION").filter(|version| *version != VERSION) {
        return Err(Exception::invalid("VERSION", version, "there is 1.0.0"));
    }
    let wanted = keys
        .get("LAYER")
        .ok_or_else(|| Exception::missing("LAYER"))?;
    let unknown = || Exception::invalid("LAYER", wanted, "the capabilities list the layers");
    let (name, style) = split(wanted);
    let is_its = cube.is_none_or(|cube| cube == name) && state.guard.shows(caller, name);
    if !is_its || known(state, name).is_err() {
        return Err(unknown());
    }
    let shown = Shown::named(state, name).await?;
    let style = Style::named(&shown, style).ok_or_else(unknown)?;
    let style = match keys.get("STYLE").filter(|style| *style != DEFAULT) {
        None => style,
        Some(named) => Style::named(&shown, named).ok_or_else(|| {
            let right = "the capabilities list the styles; parameters of tiles change them";
            Exception::invalid("STYLE", named, right)
        })?,
    };
    Ok((name.to_owned(), style))
}

/// The tile, by the one way there is to tiles.
async fn get_tile(
    state: &AppState,
    (cube, style): (&str, &Style),
    keys: &Keys,
    headers: &HeaderMap,
) -> Result<Response, Exception> {
    let format = keys.get("FORMAT").unwrap_or("image/png");
    let ending = ending(format).ok_or_else(|| {
        Exception::invalid("FORMAT", format, "image/png, image/jpeg or image/webp")
    })?;
    let (set, [zoom, row, col]) = place(keys)?;
    let row = format!("{row}.{ending}");
    let query = query_of(state, cube, style, keys);
    let place = (set, [zoom, col, &*row]);
    let tile = tiles::answer(state, cube, place, Some(&query), headers);
    Ok(tile.await?)
}

async fn get_feature_info(
    state: &AppState,
    (cube, style): (&str, &Style),
    keys: &Keys,
) -> Result<Response, Exception> {
    let wanted = keys.get("INFOFORMAT").unwrap_or("application/json");
    let format = InfoFormat::named(wanted).ok_or_else(|| {
        let right = "application/json, application/geo+json or text/plain";
        Exception::invalid("INFOFORMAT", wanted, right)
    })?;
    let (set, [zoom, row, col]) = place(keys)?;
    let out = |key| Exception::new("TileOutOfRange", key, "there is no such tile".to_owned());
    let number = |key, text: &str| text.parse::<u64>().map_err(|_no_number| out(key));
    let zoom = zoom
        .parse::<i64>()
        .map_err(|_no_number| out("TILEMATRIX"))?;
    let (col, row) = (number("TILECOL", col)?, number("TILEROW", row)?);
    let tile = TileAddress::of(set, zoom, col, row).map_err(ApiError::from)?;
    let side = side_of(tile);
    let pixel = |key| {
        let text = keys.get(key).ok_or_else(|| Exception::missing(key))?;
        let number: Option<u32> = text.parse().ok();
        number.filter(|number| *number < side).ok_or_else(|| {
            let detail = format!("`{key}={text}`: a tile has pixels from 0 to {}", side - 1);
            Exception::new("PointIJOutOfRange", key, detail)
        })
    };
    let place = middle(&tile.grid(side as usize), pixel("I")?, pixel("J")?);
    let query = query_of(state, cube, style, keys);
    let query = TileQuery::parse(&query).map_err(ApiError::from)?;
    Ok(feature_info::answer(state, cube, place, &query, format).await?)
}

/// The set, and zoom, row and column as they were written.
fn place(keys: &Keys) -> Result<(TileMatrixSet, [&str; 3]), Exception> {
    let needed = |key| keys.get(key).ok_or_else(|| Exception::missing(key));
    let name = needed("TILEMATRIXSET")?;
    let set = TileMatrixSet::named(name).ok_or_else(|| {
        Exception::invalid("TILEMATRIXSET", name, "the capabilities list the sets")
    })?;
    let place = [
        needed("TILEMATRIX")?,
        needed("TILEROW")?,
        needed("TILECOL")?,
    ];
    Ok((set, place))
}

/// The query of a tile: its style, and its time if there is one.
fn query_of(state: &AppState, cube: &str, style: &Style, keys: &Keys) -> String {
    let query = style.with(&keys.rest);
    // What is of several steps says itself which.
    let is_one = |time: &&str| !is_placeholder(time) && !is_of_steps(&query);
    match keys.get("TIME").filter(is_one) {
        None => query,
        Some(time) => with(&query, "sel", &sel_at(state, cube, time)),
    }
}
