//! Tiles.

use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{ApiError, AppState, error::NO_STORE, query::TileQuery, tile_matrix_sets};
use crate::{
    build::Seen,
    grid::TileAddress,
    raster::Resampling,
    render::ImageFormat,
    telemetry,
    tile::{self, PreparedExternal, TileRequest},
};

/// A whole tile of a named revision never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Why a data set of somebody else has no picture of an expression.
pub(super) const ONLY_CUBES: &str = "`expression` is for cubes; name variables of a data set";

/// Pixels along a side of a tile, unless a request says otherwise.
const TILE_SIZE: usize = 256;

/// A map tile.
///
/// `y` may be followed by `@2x` (to `@4x`) and by `.png`, `.jpg`, `.jpeg` or `.webp`.
/// Without a format the answer is JPEG where every pixel is opaque, else PNG.
#[utoipa::path(
    get,
    path = "/cubes/{cube}/tiles/{tileMatrixSetId}/{z}/{x}/{y}",
    tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
        ("z" = u8, Path, description = "Zoom"),
        ("x" = u32, Path, description = "Column, from the west"),
        ("y" = String, Path, description = "Row, from the north, [@{scale}x][.{format}]"),
        ("variable" = Option<Vec<String>>, Query, description = "One variable, or three for red, green and blue; repeat it"),
        ("expression" = Option<String>, Query, description = "Arithmetic over a cube's variables in place of them, as (nir-red)/(nir+red); needs rescale"),
        ("variables" = Option<String>, Query, description = "The same with commas"),
        ("sel" = Option<Vec<String>>, Query, description = "time=2023-08-01 or time=nearest::2023-08-01; the newest time step if there is none"),
        ("bidx" = Option<Vec<usize>>, Query, description = "Bands of a data set's dimension, from 1; repeat it"),
        ("rescale" = Option<Vec<String>>, Query, description = "min,max for all variables, or one for each"),
        ("colormap_name" = Option<String>, Query, description = "Colours of a single variable"),
        ("colormap" = Option<String>, Query, description = "The same as JSON: {\"1\":\"#ff0000\",…} colours these values and [[[0,10],[255,0,0,255]],…] half-open intervals, with rescale the levels 0 to 255; the rest is transparent. All 256 levels are a table"),
        ("resampling" = Option<String>, Query, description = "nearest (default), bilinear, cubic or average"),
        ("nodata" = Option<u16>, Query, description = "The value that is transparent"),
        ("tilesize" = Option<u32>, Query, description = "Pixels along a side, 256 by default"),
        ("revision" = Option<String>, Query, description = "The cube's revision: makes a whole tile immutable"),
    ),
    responses(
        (status = 200, description = "The tile; transparent where there is nothing", content_type = "image/png"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the tile is outside of it"),
        (status = 413, description = "The tile would read too much"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too many tiles are being made"),
    )
)]
pub(super) async fn tile(
    State(state): State<Arc<AppState>>,
    Path((cube, set, z, x, y)): Path<(String, String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    tile_matrix_sets::named(&set, StatusCode::BAD_REQUEST)?;
    answer(&state, &cube, [&z, &x, &y], query.as_deref(), &headers).await
}

/// A map tile, by the short address that people type.
#[utoipa::path(
    get,
    path = "/cubes/{cube}/{z}/{x}/{y}",
    tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("z" = u8, Path, description = "Zoom"),
        ("x" = u32, Path, description = "Column, from the west"),
        ("y" = String, Path, description = "Row, from the north, [@{scale}x][.{format}]"),
    ),
    responses((status = 200, description = "As the long address answers", content_type = "image/png"))
)]
pub(super) async fn short(
    State(state): State<Arc<AppState>>,
    Path((cube, z, x, y)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&state, &cube, [&z, &x, &y], query.as_deref(), &headers).await
}

async fn answer(
    state: &AppState,
    cube: &str,
    place: [&str; 3],
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let query = TileQuery::parse(query.unwrap_or_default())?;
    let request = request(place, &query, state.server.max_tile_size)?;
    let mut seen = None;
    let prepared = match state.tiles.catalog().external(cube) {
        Some(_) if request.expression.is_some() => {
            return Err(ApiError::new(StatusCode::BAD_REQUEST, ONLY_CUBES));
        }
        Some(entry) => {
            let tile = state.tiles.prepare_external(&entry, &request).await?;
            Prepared::External(Box::new(tile))
        }
        None if request.bidx.is_empty() => {
            let tile = state.tiles.prepare(cube, &request).await?;
            if !tile.is_complete() {
                seen = looked_at(state, cube, &tile).await;
            }
            Prepared::Cube(Box::new(tile))
        }
        None => {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "`bidx` is for data sets with a dimension of bands; name variables of a cube",
            ));
        }
    };
    let facts = prepared.facts();
    let is_versioned = query.revision.as_deref() == Some(&facts.revision);
    let caching = match (&facts.etag, is_versioned) {
        (None, _) => NO_STORE,
        (Some(_), false) => revalidate(state.server.tile_seconds),
        (Some(_), true) => IMMUTABLE,
    };
    let mut told = HeaderMap::new();
    told.insert(header::CACHE_CONTROL, caching);
    let named = [
        ("x-cube-time", facts.time),
        ("x-cube-selection", facts.selection),
        ("x-cube-revision", Some(facts.revision)),
        ("x-cube-coverage", facts.coverage),
        (header::ETAG.as_str(), facts.etag.clone()),
    ];
    for (name, value) in named {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            told.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some((what, seconds)) = seen {
        told.insert("x-cube-fill", HeaderValue::from_static(what));
        told.insert(header::RETRY_AFTER, seconds.into());
    }
    if facts.etag.is_some_and(|etag| is_known(headers, &etag)) {
        metrics::counter!(telemetry::TILES, "outcome" => "not_modified").increment(1);
        // Of unknown length: an empty one would be told as that of the tile.
        let nothing = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
        return Ok((StatusCode::NOT_MODIFIED, told, nothing).into_response());
    }
    let tile = match prepared {
        Prepared::Cube(tile) => state.tiles.render(*tile).await?,
        Prepared::External(tile) => state.tiles.render_external(*tile).await?,
    };
    told.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(tile.format.content_type()),
    );
    let outcome = if tile.is_kept { "kept" } else { "rendered" };
    metrics::counter!(telemetry::TILES, "outcome" => outcome).increment(1);
    metrics::histogram!(telemetry::TILE_SECONDS).record(begun.elapsed().as_secs_f64());
    Ok((told, tile.bytes).into_response())
}

/// Says that somebody looks at a tile with holes. Where the cube is filled by
/// that, tells so, and when to come again in seconds.
async fn looked_at(
    state: &AppState,
    cube: &str,
    tile: &tile::Prepared,
) -> Option<(&'static str, u64)> {
    /// A chunk takes some seconds.
    const SOON: u64 = 3;
    let (step, chunks) = tile.unbuilt();
    let server = &state.server;
    if !(state.guard.is_on() && server.fill_on_view.iter().any(|name| name == cube)) {
        state.jobs.look_at(cube, step, &chunks);
        return None;
    }
    let limit = server.fill_on_view_chunks;
    let seen = state.jobs.fill_seen(cube, step, &chunks, limit).await;
    state.jobs.look_at(cube, step, &chunks);
    match seen {
        Ok(Seen::Filling) => Some(("filling", SOON)),
        Ok(Seen::Nothing) => None,
        Ok(Seen::Later(wait)) => Some(("later", wait.as_secs() + 1)),
        // The tile is as good as it was.
        Err(error) => {
            tracing::warn!(cube, %error, "a view cannot be filled");
            Some(("later", 60))
        }
    }
}

/// A tile before its pixels are read.
enum Prepared {
    Cube(Box<tile::Prepared>),
    External(Box<PreparedExternal>),
}

/// What is told of a tile in headers.
struct Facts {
    revision: String,
    time: Option<String>,
    selection: Option<String>,
    coverage: Option<String>,
    /// None where the tile is not complete.
    etag: Option<String>,
}

impl Prepared {
    fn facts(&self) -> Facts {
        match self {
            Self::Cube(tile) => Facts {
                revision: tile.revision(),
                time: Some(tile.time().to_string()),
                selection: None,
                coverage: Some(format!("{:.4}", tile.coverage())),
                etag: tile.is_complete().then(|| tile.etag()),
            },
            // What somebody else has built is as complete as it gets.
            Self::External(tile) => Facts {
                revision: tile.revision().to_owned(),
                time: tile.time().map(str::to_owned),
                selection: tile.selection().map(str::to_owned),
                coverage: None,
                etag: Some(tile.etag()),
            },
        }
    }
}

/// A whole tile may be kept, and must be asked about: it changes when its
/// chunks do.
fn revalidate(seconds: u64) -> HeaderValue {
    let text = format!("public, max-age={seconds}, must-revalidate");
    HeaderValue::from_str(&text).unwrap_or(NO_STORE)
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

fn request(
    [z, x, y]: [&str; 3],
    query: &TileQuery,
    max_size: usize,
) -> Result<TileRequest, ApiError> {
    let bad = |detail: String| ApiError::new(StatusCode::BAD_REQUEST, detail);
    let (y, format) = match y.split_once('.') {
        None => (y, None),
        Some((y, name)) => {
            let format: ImageFormat = name
                .parse()
                .map_err(|error: crate::render::encode::UnknownFormat| bad(error.to_string()))?;
            (y, Some(format))
        }
    };
    let (y, scale) = match y.split_once('@') {
        None => (y, 1),
        Some((y, text)) => {
            let scale = text.strip_suffix('x').and_then(|n| n.parse().ok());
            let scale = scale.filter(|scale| (1..=4).contains(scale));
            let scale = scale.ok_or_else(|| bad(format!("`@{text}` is no scale: @1x to @4x")))?;
            (y, scale)
        }
    };
    let number = |name: &str, text: &str| {
        text.parse::<u64>().map_err(|_no_number| {
            bad(format!(
                "{name} is `{text}`, which is no whole number from 0"
            ))
        })
    };
    let address = TileAddress::new(number("z", z)?, number("x", x)?, number("y", y)?)?;
    let size = query.tile_size.unwrap_or(TILE_SIZE).saturating_mul(scale);
    if size == 0 || size > max_size {
        let status = if size == 0 {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::PAYLOAD_TOO_LARGE
        };
        return Err(ApiError::new(
            status,
            format!("a tile has 1 to {max_size} pixels along a side here, not {size}"),
        ));
    }
    Ok(TileRequest {
        address,
        size,
        variables: query.variables.clone(),
        expression: query.expression.clone(),
        sel: query.sel.clone(),
        bidx: query.bidx.clone(),
        rescale: query.rescale.clone(),
        coloring: query.coloring()?,
        resampling: query.resampling.unwrap_or(Resampling::Nearest),
        nodata: query.nodata,
        format,
    })
}
