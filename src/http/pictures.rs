//! Pictures of a cube or data set and of rectangles of it, in its own system or another.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Deserialize;

use super::{
    ApiError, AppState,
    about::{About, Served},
    rendered::{Asked, Prepared, answer},
    values::{LARGEST_SIZE, MAX_SIZE},
};
use crate::{
    build::BuildRequest,
    grid::{Bounds, Epsg, Shape},
    render::FileFormat,
    tile::{Cutout, PictureRequest, PictureSize},
};

/// The extensions of pictures whose address ends with a word.
pub(super) const EXTENSIONS: [&str; 8] =
    ["png", "pngraw", "jpg", "jpeg", "webp", "tif", "tiff", "npy"];

/// The whole cube as a picture or file of samples in its own system.
#[utoipa::path(
    get, path = "/cubes/{cube}/preview", tag = "tiles",
    description = "`/preview` may be followed by `.png`, `.jpg`, `.webp`, `.tif` or `.npy`. The query is that of tiles, without `tilesize`, `buffer`, `padding` and `revision`.",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("max_size" = Option<usize>, Query, description = "Pixels along the longer side at most; 1024 without"),
        ("dst_crs" = Option<String>, Query, description = "The system of the picture; the cube's own without"),
    ),
    responses(
        (status = 200, description = "The picture, and in Content-Bbox and Content-Crs where it is", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too much to hold"),
    )
)]
pub(super) async fn preview(
    State(state): State<Arc<AppState>>,
    uri: Uri,
    about: About,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let format = last.split_once('.').map(|(_, extension)| extension);
    let what = What {
        format: format.map(format_of).transpose()?,
        ..What::default()
    };
    picture(&state, &about, what, &headers).await
}

/// The same with so many pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/preview/{size}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("size" = String, Path, description = "{width}x{height}.{format}"),
    ),
    responses(
        (status = 200, description = "The picture", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube"),
        (status = 413, description = "Too much to hold"),
    )
)]
pub(super) async fn preview_of_size(
    State(state): State<Arc<AppState>>,
    Path(place): Path<PicturePlace>,
    about: About,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (size, format) = size_of(&place.size)?;
    let what = What {
        size: Some(size),
        format: Some(format),
        ..What::default()
    };
    picture(&state, &about, what, &headers).await
}

/// A rectangle, which grows to whole cells unless `dst_crs` names a system, with so many
/// pixels.
#[utoipa::path(
    get, path = "/cubes/{cube}/bbox/{bounds}/{size}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("bounds" = String, Path, description = "west,south,east,north in degrees or in coord_crs"),
        ("size" = String, Path, description = "{width}x{height}.{format}"),
        ("coord_crs" = Option<String>, Query, description = "The system of the rectangle, as EPSG:3857"),
        ("dst_crs" = Option<String>, Query, description = "The system of the picture; the cube's own without"),
    ),
    responses(
        (status = 200, description = "The picture", content(("image/png"), ("image/jpeg"), ("image/jpg"), ("image/webp"), ("image/tiff; application=geotiff"), ("application/x-binary"))),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
    )
)]
pub(super) async fn rectangle_of_size(
    State(state): State<Arc<AppState>>,
    Path(place): Path<PicturePlace>,
    about: About,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (size, format) = size_of(&place.size)?;
    let what = What {
        bounds: Some(Rectangle::Written(place.bounds)),
        size: Some(size),
        format: Some(format),
        cutout: None,
    };
    picture(&state, &about, what, &headers).await
}

/// A rectangle, which grows to whole cells.
pub(super) async fn rectangle(
    state: &AppState,
    about: &About,
    (bounds, extension): (&str, &str),
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let what = What {
        bounds: Some(Rectangle::Written(bounds.to_owned())),
        format: Some(format_of(extension)?),
        ..What::default()
    };
    picture(state, about, what, headers).await
}

/// What the address says of a picture.
#[derive(Debug, Deserialize)]
pub(super) struct PicturePlace {
    #[serde(default)]
    bounds: String,
    size: String,
}

/// The rectangle of a picture.
pub(super) enum Rectangle {
    /// As the address has it.
    Written(String),
    /// In degrees.
    Known(Bounds),
}

/// What is asked for beside the query.
#[derive(Default)]
pub(super) struct What {
    pub(super) bounds: Option<Rectangle>,
    pub(super) size: Option<Shape>,
    pub(super) format: Option<FileFormat>,
    pub(super) cutout: Option<Arc<Cutout>>,
}

/// The one way to pictures of rectangles.
pub(super) async fn picture(
    state: &AppState,
    about: &About,
    what: What,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let query = about.picture_query()?;
    let size = size_within(what.size, (query.width, query.height), query.max_size)?;
    let coords = query.coord_crs.unwrap_or(Epsg::WGS84);
    let (bounds, coords) = match what.bounds {
        Some(Rectangle::Known(bounds)) => (Some(bounds), Epsg::WGS84),
        Some(Rectangle::Written(text)) => (Some(bounds_of(&text, coords)?), coords),
        None => (None, coords),
    };
    let look = query.look(what.format)?;
    if what.cutout.is_some() && look.touches.nodata.is_some() {
        return Err(bad(
            "`nodata_color` is not for a picture of a polygon, which is transparent around it"
                .to_owned(),
        ));
    }
    let request = PictureRequest {
        bounds,
        coords,
        crs: match (query.dst_crs, &about.served) {
            // As for TiTiler, in the system that the rectangle is told in.
            (None, Served::External(_)) if bounds.is_some() => Some(coords),
            (system, _) => system,
        },
        size,
        look,
        cutout: what.cutout,
    };
    let (grid, prepared) = match &about.served {
        Served::Cube(cube) => {
            let picture = state.tiles.prepare_picture(cube, &request).await?;
            (*picture.grid(), Prepared::Cube(Box::new(picture)))
        }
        Served::External(entry) => {
            let picture = state.tiles.prepare_external_picture(entry, &request);
            let picture = picture.await?;
            (*picture.grid(), Prepared::External(Box::new(picture)))
        }
    };
    let asked = Asked {
        headers,
        revision: None,
        grid: &grid,
        seen: None,
        begun,
    };
    answer(state, prepared, asked).await
}

/// How many pixels there are: as the address says, or the sides in the query, of which one
/// follows from the other, or so many along the longer side at most.
pub(super) fn size_within(
    shape: Option<Shape>,
    sides: (Option<usize>, Option<usize>),
    max_size: Option<usize>,
) -> Result<PictureSize, ApiError> {
    match (shape, sides, max_size.unwrap_or(MAX_SIZE)) {
        (Some(shape), ..) => Ok(PictureSize::Exactly(shape)),
        (None, (Some(cols), Some(rows)), _) => Ok(PictureSize::Exactly(shape_of(cols, rows)?)),
        (None, (None, None), most @ 1..=LARGEST_SIZE) => Ok(PictureSize::AtMost(most)),
        (None, (None, None), most) => {
            let told =
                format!("`max_size={most}`: 1 to {LARGEST_SIZE} pixels along the longer side");
            Err(ApiError::wrong(
                ("query", "max_size"),
                &most.to_string(),
                told,
            ))
        }
        (None, (Some(cols), None), _) => Ok(PictureSize::Wide(shape_of(cols, 1)?.cols)),
        (None, (None, Some(rows)), _) => Ok(PictureSize::High(shape_of(1, rows)?.rows)),
    }
}

fn shape_of(cols: usize, rows: usize) -> Result<Shape, ApiError> {
    let is_side = |side: &usize| (1..=LARGEST_SIZE).contains(side);
    if ![cols, rows].iter().all(is_side) {
        return Err(bad(format!(
            "{cols}x{rows}: a picture has 1 to {LARGEST_SIZE} pixels along a side"
        )));
    }
    Ok(Shape { rows, cols })
}

fn bounds_of(text: &str, coords: Epsg) -> Result<Bounds, ApiError> {
    if coords == Epsg::WGS84 {
        let bounds = BuildRequest::parse_bounds(text);
        return bounds
            .map_err(|error| ApiError::wrong(("path", "bounds"), text, error.to_string()));
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
        _ => {
            let told = format!("`{text}` is no rectangle: write west,south,east,north in {coords}");
            Err(ApiError::wrong(("path", "bounds"), text, told))
        }
    }
}

pub(super) fn format_of(extension: &str) -> Result<FileFormat, ApiError> {
    let format = extension.parse::<FileFormat>();
    format.map_err(|error| ApiError::wrong(("path", "format"), extension, error.to_string()))
}

/// `{width}x{height}.{format}`.
pub(super) fn size_of(text: &str) -> Result<(Shape, FileFormat), ApiError> {
    let parts = text.split_once('.').and_then(|(size, extension)| {
        let (width, height) = size.split_once('x')?;
        Some((width.parse().ok()?, height.parse().ok()?, extension))
    });
    let Some((cols, rows, extension)) = parts else {
        let told = format!(
            "`{text}` is no size: write {{width}}x{{height}}.{{format}}, as in 600x400.png"
        );
        return Err(ApiError::wrong(("path", "size"), text, told));
    };
    Ok((shape_of(cols, rows)?, format_of(extension)?))
}

fn bad(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}
