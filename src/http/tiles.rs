//! Tiles.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use serde::Deserialize;

use super::{
    ApiError, AppState,
    about::{About, Served},
    pictures,
    query::TileQuery,
    rendered::{self, Asked, Prepared},
    tile_matrix_sets,
};
use crate::{
    build::Seen,
    grid::{TileAddress, TileMatrixSet},
    tile::{self, TileRequest},
};

/// A map tile.
///
/// `y` may be followed by `@2x` (to `@4x`) and by `.png`, `.jpg`, `.jpeg` or `.webp`, or,
/// for samples, by `.tif` (GeoTIFF) or `.npy` (numpy, with a mask as the last
/// band). Without a format the answer is JPEG where every pixel is opaque, else PNG.
#[utoipa::path(
    get,
    path = "/cubes/{cube}/tiles/{tileMatrixSetId}/{z}/{x}/{y}",
    tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
        ("z" = i8, Path, description = "Zoom"),
        ("x" = u32, Path, description = "Column, from the west"),
        ("y" = String, Path, description = "Row, from the north, [@{scale}x][.{format}]"),
        ("variable" = Option<Vec<String>>, Query, description = "One variable, or three for red, green and blue; repeat it"),
        ("expression" = Option<String>, Query, description = "Arithmetic over variables in place of them, as (nir-red)/(nir+red); needs rescale"),
        ("variables" = Option<String>, Query, description = "The same with commas"),
        ("sel" = Option<Vec<String>>, Query, description = "time=2023-08-01 or time=nearest::2023-08-01, with reduce also time=2023-01/2023-06; the newest time step if there is none"),
        ("bidx" = Option<Vec<usize>>, Query, description = "Bands of a data set's dimension, or variables of those that are named of a cube, from 1; repeat it"),
        ("rescale" = Option<Vec<String>>, Query, description = "min,max for all variables, or one for each; auto for the 2nd to the 98th percentile of the coarsest level, told in X-Cube-Rescale"),
        ("reduce" = Option<String>, Query, description = "median, mean, max, min or difference (the last less the first) of the time steps of an interval, sel=time=2024-01/2024-06, or of all"),
        ("algorithm" = Option<String>, Query, description = "What is computed before it is shown: one of /algorithms"),
        ("algorithm_params" = Option<String>, Query, description = "Its parameters as JSON, {\"azimuth\":315}"),
        ("color_formula" = Option<String>, Query, description = "Of three variables: gamma RGB 1.2, sigmoidal RGB 6 0.5, saturation 1.1; the first two of one as well: gamma R 2"),
        ("below" = Option<String>, Query, description = "Colour of a single variable's values below the range: red, ff0000, 255,0,0,128"),
        ("above" = Option<String>, Query, description = "Colour of those above it"),
        ("nodata_color" = Option<String>, Query, description = "Colour of what is no data"),
        ("return_mask" = Option<bool>, Query, description = "false: black where there is no data, and files for numpy without the mask"),
        ("buffer" = Option<f64>, Query, description = "Pixels more on each side, whole or with .5"),
        ("padding" = Option<u16>, Query, description = "Accepted and without effect: kernels always see beyond a tile"),
        ("colormap_name" = Option<String>, Query, description = "Colours of a single variable"),
        ("colormap" = Option<String>, Query, description = "The same as JSON: {\"1\":\"#ff0000\",…} colours these values and [[[0,10],[255,0,0,255]],…] half-open intervals, with rescale the levels 0 to 255; the rest is transparent. All 256 levels are a table"),
        ("resampling" = Option<String>, Query, description = "nearest (default), bilinear, cubic, cubic_spline or lanczos, or of the cells that a pixel covers average, mode, max, min, med, q1, q3, sum or rms; `reproject` is the same"),
        ("nodata" = Option<f64>, Query, description = "The value that is transparent"),
        ("tilesize" = Option<u32>, Query, description = "Pixels along a side, by default those of the set: 256, but for CDB1GlobalGrid"),
        ("revision" = Option<String>, Query, description = "The cube's revision: makes a whole tile immutable"),
    ),
    responses(
        (status = 200, description = "The tile; transparent where there is nothing", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
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
    Path(place): Path<TilePlace>,
    about: About,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let set = tile_matrix_sets::named(&place.tile_matrix_set_id, StatusCode::BAD_REQUEST)?;
    let place = (set, [&*place.z, &*place.x, &*place.y]);
    of(&state, &about, place, &headers).await
}

/// What the address says of a tile.
#[derive(Debug, Deserialize)]
pub(super) struct TilePlace {
    #[serde(rename = "tileMatrixSetId")]
    tile_matrix_set_id: String,
    z: String,
    x: String,
    y: String,
}

/// A map tile, by the short address that people type.
#[utoipa::path(
    get,
    path = "/cubes/{cube}/{z}/{x}/{y}",
    tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("z" = i8, Path, description = "Zoom"),
        ("x" = u32, Path, description = "Column, from the west"),
        ("y" = String, Path, description = "Row, from the north, [@{scale}x][.{format}]"),
    ),
    responses(
        (status = 200, description = "As the long address answers", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 304, description = "The client has it"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the tile is outside of it"),
        (status = 413, description = "The tile would read too much"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too many tiles are being made"),
    )
)]
pub(super) async fn short(
    State(state): State<Arc<AppState>>,
    Path((cube, z, x, y)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let place = (TileMatrixSet::WebMercatorQuad, [&*z, &*x, &*y]);
    answer(&state, &cube, place, query.as_deref(), &headers).await
}

/// A tile of what has a name.
pub(super) async fn answer(
    state: &AppState,
    cube: &str,
    place: (TileMatrixSet, [&str; 3]),
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    of(state, &About::named(state, cube, query), place, headers).await
}

/// The one way to tiles, of all protocols: in a set at zoom, column, and row with scale
/// and format.
async fn of(
    state: &AppState,
    about: &About,
    place: (TileMatrixSet, [&str; 3]),
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let query = about.tile_query()?;
    let request = request(place, &query, state.server.max_tile_size)?;
    let mut seen = None;
    let prepared = match &about.served {
        Served::External(entry) => {
            let tile = state.tiles.prepare_external(entry, &request).await?;
            Prepared::External(Box::new(tile))
        }
        Served::Cube(cube) => {
            let tile = state.tiles.prepare(cube, &request).await?;
            if !tile.is_complete() {
                seen = looked_at(state, cube, &tile).await;
            }
            Prepared::Cube(Box::new(tile))
        }
    };
    let grid = match &prepared {
        Prepared::Cube(tile) => *tile.grid(),
        Prepared::External(tile) => *tile.grid(),
    };
    let asked = Asked {
        headers,
        revision: query.revision.as_deref(),
        grid: &grid,
        seen,
        begun,
    };
    rendered::answer(state, prepared, asked).await
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

fn request(
    (set, [z, x, y]): (TileMatrixSet, [&str; 3]),
    query: &TileQuery,
    max_size: usize,
) -> Result<TileRequest, ApiError> {
    let (y, format) = match y.split_once('.') {
        None => (y, None),
        Some((y, name)) => (y, Some(pictures::format_of(name)?)),
    };
    let (y, scale) = match y.split_once('@') {
        None => (y, 1),
        Some((y, text)) => {
            let scale = text.strip_suffix('x').and_then(|n| n.parse().ok());
            let scale = scale.filter(|scale| (1..=4).contains(scale));
            let scale = scale.ok_or_else(|| {
                let told = format!("`@{text}` is no scale: @1x to @4x");
                ApiError::wrong(("path", "scale"), text, told)
            })?;
            (y, scale)
        }
    };
    let address = address(set, [z, x, y])?;
    let size = query.tile_size.unwrap_or_else(|| default_size(address));
    let size = size.saturating_mul(scale);
    let size = size.saturating_mul(query.tile_scale.unwrap_or(1));
    if size == 0 || size > max_size {
        let told = format!("a tile has 1 to {max_size} pixels along a side here, not {size}");
        return Err(if size == 0 {
            ApiError::wrong(("query", "tilesize"), "0", told)
        } else {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, told)
        });
    }
    let buffer = query.extras.buffer.unwrap_or(0);
    if size + buffer > max_size {
        let told = format!("a tile and its buffer have at most {max_size} pixels along a side");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, told));
    }
    Ok(TileRequest {
        address,
        size,
        buffer,
        look: query.look(format)?,
    })
}

/// The tile at a zoom, column and row, as they were written.
pub(super) fn address(set: TileMatrixSet, [z, x, y]: [&str; 3]) -> Result<TileAddress, ApiError> {
    let bad = |name, text: &str, from: &str| {
        let detail = format!("{name} is `{text}`, which is no whole number{from}");
        ApiError::wrong(("path", name), text, detail)
    };
    let number =
        |name, text: &str| (text.parse::<u64>()).map_err(|_no_number| bad(name, text, " from 0"));
    let zoom = (z.parse::<i64>()).map_err(|_no_number| bad("z", z, ""))?;
    Ok(TileAddress::of(
        set,
        zoom,
        number("x", x)?,
        number("y", y)?,
    )?)
}

/// Pixels along a side of a tile, unless a request says otherwise.
pub(super) fn default_size(tile: TileAddress) -> usize {
    let matrix = tile.set().matrix(tile.zoom().into());
    matrix.map_or(256, |matrix| matrix.tile as usize)
}
