//! Pictures of a cube and of rectangles of it, in its own system or another.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{
    ApiError, AppState,
    query::TileQuery,
    rendered::{Asked, Prepared, answer},
    values::{LARGEST_SIZE, MAX_SIZE, own},
};
use crate::{
    build::BuildRequest,
    grid::{Bounds, Epsg, Shape},
    render::FileFormat,
    tile::{PictureRequest, PictureSize},
};

/// The extensions of [`preview`].
pub(super) const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "tif", "tiff", "npy"];

/// The whole cube as a picture or file of samples in its own system.
#[utoipa::path(
    get, path = "/cubes/{cube}/preview", tag = "tiles",
    description = "`/preview` may be followed by `.png`, `.jpg`, `.webp`, `.tif` or `.npy`. The query is that of tiles, without `bidx`, `tilesize` and `revision`.",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("max_size" = Option<usize>, Query, description = "Pixels along the longer side at most; 1024 without"),
        ("dst_crs" = Option<String>, Query, description = "The system of the picture; the cube's own without"),
    ),
    responses(
        (status = 200, description = "The picture, and in Content-Bbox and Content-Crs where it is", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too much to hold"),
        (status = 501, description = "A data set of somebody else"),
    )
)]
pub(super) async fn preview(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let format = last.split_once('.').map(|(_, extension)| extension);
    let what = What {
        bounds: None,
        size: None,
        format: format.map(format_of).transpose()?,
    };
    picture(&state, &cube, what, query.as_deref(), &headers).await
}

/// The same with so many pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/preview/{size}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("size" = String, Path, description = "{width}x{height}.{format}"),
    ),
    responses(
        (status = 200, description = "The picture", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too much to hold"),
        (status = 501, description = "A data set of somebody else"),
    )
)]
pub(super) async fn preview_of_size(
    State(state): State<Arc<AppState>>,
    Path((cube, size)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (size, format) = size_of(&size)?;
    let what = What {
        bounds: None,
        size: Some(size),
        format: Some(format),
    };
    picture(&state, &cube, what, query.as_deref(), &headers).await
}

/// A rectangle, which grows to whole cells unless `dst_crs` names a system, with so many
/// pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/bbox/{bounds}/{size}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("bounds" = String, Path, description = "west,south,east,north in degrees"),
        ("size" = String, Path, description = "{width}x{height}.{format}"),
        ("coord_crs" = Option<String>, Query, description = "The system of the rectangle, as EPSG:3857"),
        ("dst_crs" = Option<String>, Query, description = "The system of the picture; the cube's own without"),
    ),
    responses(
        (status = 200, description = "The picture", content_type = "image/png"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 501, description = "A data set of somebody else"),
    )
)]
pub(super) async fn rectangle_of_size(
    State(state): State<Arc<AppState>>,
    Path((cube, bounds, size)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (size, format) = size_of(&size)?;
    let what = What {
        bounds: Some(bounds),
        size: Some(size),
        format: Some(format),
    };
    picture(&state, &cube, what, query.as_deref(), &headers).await
}

/// A rectangle, which grows to whole cells.
pub(super) async fn rectangle(
    state: &AppState,
    cube: &str,
    (bounds, extension): (&str, &str),
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let what = What {
        bounds: Some(bounds.to_owned()),
        size: None,
        format: Some(format_of(extension)?),
    };
    picture(state, cube, what, query, headers).await
}

/// What an address says of a picture.
struct What {
    /// As it was written.
    bounds: Option<String>,
    size: Option<Shape>,
    format: Option<FileFormat>,
}

async fn picture(
    state: &AppState,
    cube: &str,
    what: What,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let query = TileQuery::of_picture(query.unwrap_or_default())?;
    own(state, cube, "no pictures of rectangles")?;
    let size = match (what.size, query.max_size.unwrap_or(MAX_SIZE)) {
        (Some(shape), _) => PictureSize::Exactly(shape),
        (None, most @ 1..=LARGEST_SIZE) => PictureSize::AtMost(most),
        (None, most) => {
            return Err(bad(format!(
                "`max_size={most}`: 1 to {LARGEST_SIZE} pixels along the longer side"
            )));
        }
    };
    let coords = query.coord_crs.unwrap_or(Epsg::WGS84);
    let bounds = what.bounds.map(|text| bounds_of(&text, coords));
    let request = PictureRequest {
        bounds: bounds.transpose()?,
        coords,
        crs: query.dst_crs,
        size,
        look: query.look(what.format)?,
    };
    let prepared = state.tiles.prepare_picture(cube, &request).await?;
    let grid = *prepared.grid();
    let asked = Asked {
        headers,
        revision: None,
        grid: &grid,
        seen: None,
        begun,
    };
    answer(state, Prepared::Cube(Box::new(prepared)), asked).await
}

fn bounds_of(text: &str, coords: Epsg) -> Result<Bounds, ApiError> {
    if coords == Epsg::WGS84 {
        return BuildRequest::parse_bounds(text).map_err(|error| bad(error.to_string()));
    }
    let numbers = text.split(',').map(|number| number.trim().parse::<f64>());
    let numbers: Vec<f64> = numbers.map(|number| number.unwrap_or(f64::NAN)).collect();
    match numbers[..] {
        [west, south, east, north]
            if numbers.iter().all(|n| n.is_finite()) && west < east && south < north =>
        {
            Ok(Bounds {
                west,
                south,
                east,
                north,
            })
        }
        _ => Err(bad(format!(
            "`{text}` is no rectangle: write west,south,east,north in {coords}"
        ))),
    }
}

fn format_of(extension: &str) -> Result<FileFormat, ApiError> {
    let format = extension.parse::<FileFormat>();
    format.map_err(|error| bad(error.to_string()))
}

/// `{width}x{height}.{format}`.
fn size_of(text: &str) -> Result<(Shape, FileFormat), ApiError> {
    let parts = text.split_once('.').and_then(|(size, extension)| {
        let (width, height) = size.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?, extension))
    });
    let Some((cols, rows, extension)) = parts else {
        return Err(bad(format!(
            "`{text}` is no size: write {{width}}x{{height}}.{{format}}, as in 600x400.png"
        )));
    };
    let is_side = |side: &usize| (1..=LARGEST_SIZE).contains(side);
    if ![cols, rows].iter().all(is_side) {
        return Err(bad(format!(
            "`{text}`: a picture has 1 to {LARGEST_SIZE} pixels along a side"
        )));
    }
    Ok((Shape { rows, cols }, format_of(extension)?))
}

fn bad(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}
