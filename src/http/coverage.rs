//! What was built, chunk by chunk.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, AppState, access::Caller, error::NO_STORE, jobs::wrong_query};
use crate::{
    build::{Area, BuildRequest, PlanError, chunk_bounds},
    catalog::Entry,
    config::Scope,
    cube::{Cell, State as ChunkState},
    grid::{Bounds, ChunkIndex, Level, Window},
    render::{Picture, encode, picture::Pixels},
    zarr::{StoredCube, read_provenance},
};

/// Chunks that one answer tells of, and of those with what they are made of:
/// each of these is a read.
const LISTED: usize = 10_000;
const DETAILED: usize = 256;

/// The colour of each state, in the order of [`ChunkState::ALL`]: those of Okabe
/// and Ito, which the colour-blind can tell apart, and nothing for what was never
/// built.
const COLORS: [[u8; 4]; 7] = [
    [0, 0, 0, 0],
    [86, 180, 233, 160],
    [240, 228, 66, 200],
    [204, 121, 167, 200],
    [0, 158, 115, 200],
    [230, 159, 0, 200],
    [213, 94, 0, 230],
];

/// Which chunks are told of.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Which {
    /// A time step, as `2023-08-01` or `nearest::2023-08-10`; the newest without.
    time: Option<String>,
    /// `west,south,east,north` in degrees; all of the cube without.
    bbox: Option<String>,
}

/// The chunks of a time step as `GeoJSON`: state, and of up to 256 chunks what
/// they are made of. Why a chunk failed is told to who may have it filled.
#[utoipa::path(
    get, path = "/cubes/{cube}/coverage", tag = "cubes",
    params(("cube" = String, Path, description = "Name of the cube"), Which),
    responses(
        (status = 200, description = "A FeatureCollection", content_type = "application/geo+json"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too many chunks: name a smaller bbox, or take the picture"),
    )
)]
pub(super) async fn features(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    caller: Caller,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(which) = which.map_err(|rejection| wrong_query(&rejection))?;
    let entry = state.tiles.catalog().get(&cube)?;
    let stored = entry.current().await;
    let time = step(&stored, which.time.as_deref())?;
    let chunks = chunks(&stored, time, which.bbox.as_deref())?;
    let cells = cells(&state, &entry, &stored, time, &chunks).await?;
    let is_detailed = cells.len() <= DETAILED;
    let may_see_errors = caller.can(Scope::Fill, &cube);
    let mut features = Vec::with_capacity(cells.len());
    for (chunk, cell) in cells {
        let mut properties = json!({
            "chunk": [time, chunk.row, chunk.col],
            "state": cell.state.name(),
        });
        if is_detailed && cell.provenance != 0 {
            let made_of = made_of(&stored, time, chunk, may_see_errors).await?;
            properties["provenance"] = made_of;
        }
        let geometry = geometry(&stored, chunk)?;
        features.push(json!({
            "type": "Feature", "geometry": geometry, "properties": properties,
        }));
    }
    let document = json!({
        "type": "FeatureCollection",
        "time": stored.cube.times().days(time).start,
        "revision": stored.snapshot.revision().to_string(),
        "detailed": is_detailed,
        "features": features,
    });
    let kind = [(header::CONTENT_TYPE, "application/geo+json")];
    Ok((
        kind,
        [(header::CACHE_CONTROL, NO_STORE)],
        document.to_string(),
    )
        .into_response())
}

/// The states of all chunks of a time step as a picture: a pixel is a chunk, the
/// first row the northernmost. Its palette is that of the header
/// `X-Coverage-Palette`.
#[utoipa::path(
    get, path = "/cubes/{cube}/coverage.png", tag = "cubes",
    params(("cube" = String, Path, description = "Name of the cube"), Which),
    responses(
        (status = 200, description = "A picture", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn image(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(which) = which.map_err(|rejection| wrong_query(&rejection))?;
    if which.bbox.is_some() {
        let text = "the picture is always of the whole grid: leave out `bbox`";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, text));
    }
    let entry = state.tiles.catalog().get(&cube)?;
    let stored = entry.current().await;
    let time = step(&stored, which.time.as_deref())?;
    let grid = stored.cube.pyramid().chunks(Level(0));
    let window = grid.shape.window();
    let reader = state.tiles.reader();
    let cells = reader.cells(entry.number(), &stored, Level(0), time, window);
    let cells = cells.await?;
    let pixels = Pixels::Indexed {
        palette: COLORS.to_vec(),
        indices: cells.iter().map(|(_, cell)| code(cell.state)).collect(),
    };
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let failed = |error: &(dyn std::error::Error + 'static)| {
        tracing::error!(error, "the coverage cannot be drawn");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the coverage cannot be drawn",
        )
    };
    let picture = Picture::new(size(grid.cols()), size(grid.rows()), pixels);
    let picture = picture.map_err(|error| failed(&error))?;
    let file = encode(&picture, crate::render::ImageFormat::Png).map_err(|error| failed(&error))?;
    let palette: Vec<String> = std::iter::zip(ChunkState::ALL, COLORS)
        .map(|(state, [r, g, b, a])| format!("{}=#{r:02x}{g:02x}{b:02x}{a:02x}", state.name()))
        .collect();
    let told = [
        ("content-type", "image/png".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-cube-revision", stored.snapshot.revision().to_string()),
        (
            "x-cube-time",
            stored.cube.times().days(time).start.to_string(),
        ),
        ("x-coverage-palette", palette.join(" ")),
    ];
    Ok((told, file).into_response())
}

/// The place of a state in [`ChunkState::ALL`].
fn code(state: ChunkState) -> u8 {
    let at = ChunkState::ALL.iter().position(|other| *other == state);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn step(stored: &StoredCube, time: Option<&str>) -> Result<usize, ApiError> {
    let sel: Vec<String> = time.iter().map(|time| format!("time={time}")).collect();
    stored
        .cube
        .select_time(&sel)
        .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// The chunks of a rectangle, or all.
fn chunks(
    stored: &StoredCube,
    time: usize,
    bbox: Option<&str>,
) -> Result<Vec<ChunkIndex>, ApiError> {
    let day = stored.cube.times().days(time).start;
    let wrong = |error: PlanError| {
        let status = if matches!(error, PlanError::TooLarge { .. }) {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        ApiError::new(status, error.to_string())
    };
    let area = match bbox {
        Some(text) => Area::Bounds(BuildRequest::parse_bounds(text).map_err(wrong)?),
        None => Area::Whole,
    };
    let request = BuildRequest {
        area,
        days: (Some(day), Some(day)),
        ..BuildRequest::default()
    };
    let scope = request.scope(&stored.cube, LISTED).map_err(wrong)?;
    Ok(scope.0.into_iter().map(|(_, chunk)| chunk).collect())
}

async fn cells(
    state: &AppState,
    entry: &Entry,
    stored: &StoredCube,
    time: usize,
    chunks: &[ChunkIndex],
) -> Result<Vec<(ChunkIndex, Cell)>, ApiError> {
    let grid = stored.cube.pyramid().chunks(Level(0));
    let windows = chunks.iter().map(|chunk| grid.window(*chunk));
    let Some(window) = windows.reduce(around) else {
        return Ok(Vec::new());
    };
    let reader = state.tiles.reader();
    let mut cells = reader
        .cells(entry.number(), stored, Level(0), time, window)
        .await?;
    // Both are in order.
    cells.retain(|(chunk, _)| chunks.binary_search(chunk).is_ok());
    Ok(cells)
}

fn around(a: Window, b: Window) -> Window {
    let (row, col) = (a.row.min(b.row), a.col.min(b.col));
    Window {
        row,
        col,
        rows: a.row_end().max(b.row_end()) - row,
        cols: a.col_end().max(b.col_end()) - col,
    }
}

/// What a chunk is made of, as its build wrote it.
pub(super) async fn made_of(
    stored: &StoredCube,
    time: usize,
    chunk: ChunkIndex,
    may_see_errors: bool,
) -> Result<Value, ApiError> {
    let text = read_provenance(&stored.snapshot, stored, time, chunk).await?;
    let record = text.and_then(|text| serde_json::from_str(&text).ok());
    let mut record: Value = record.unwrap_or_default();
    if let Some(error) = record.get_mut("error").filter(|_| !may_see_errors) {
        *error = json!("send a token with the scope `fill` to read why");
    }
    Ok(record)
}

/// Where a chunk is, in degrees; in two parts across the antimeridian.
fn geometry(stored: &StoredCube, chunk: ChunkIndex) -> Result<Value, ApiError> {
    let places = chunk_bounds(&stored.cube, chunk, 0);
    let places = places.map_err(|error| ApiError::from(crate::tile::TileError::from(error)))?;
    let ring = |b: &Bounds| {
        json!([[
            [b.west, b.south],
            [b.east, b.south],
            [b.east, b.north],
            [b.west, b.north],
            [b.west, b.south],
        ]])
    };
    Ok(match &places[..] {
        [one] => json!({"type": "Polygon", "coordinates": ring(one)}),
        many => json!({
            "type": "MultiPolygon",
            "coordinates": many.iter().map(ring).collect::<Vec<_>>(),
        }),
    })
}
