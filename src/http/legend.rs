//! Legends: which colour of a tile is which value.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    ApiError, AppState,
    query::{QueryError, TileQuery, number, once},
    rendered::{is_known, not_modified},
};
use crate::{
    render::{
        ImageFormat, Legend, encode,
        legend::{SIDES, Told},
    },
    tile::Styled,
};

/// A legend as PNG.
#[utoipa::path(
    get, path = "/cubes/{cube}/legend.png", tag = "tiles",
    description = "The query is that of tiles. A ramp has its display range, a `colormap` of values or a variable of classes their names.",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("width" = Option<u32>, Query, description = "Pixels, 40 to 2048"),
        ("height" = Option<u32>, Query, description = "Pixels, 40 to 2048"),
    ),
    responses(
        (status = 200, description = "The legend", content_type = "image/png"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "A parameter is wrong, or three variables are shown"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn png(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&state, &cube, query.as_deref(), &headers).await?;
    asked.answer("png", |legend, width, height| {
        let picture = legend.picture(width, height);
        let file = encode(&picture, ImageFormat::Png).map_err(|error| {
            tracing::error!(%error, "a legend cannot be made");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the legend cannot be made",
            )
        })?;
        let kind = HeaderValue::from_static(ImageFormat::Png.content_type());
        Ok(([(header::CONTENT_TYPE, kind)], file).into_response())
    })
}

/// A legend as SVG.
#[utoipa::path(
    get, path = "/cubes/{cube}/legend.svg", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("width" = Option<u32>, Query, description = "Pixels, 40 to 2048"),
        ("height" = Option<u32>, Query, description = "Pixels, 40 to 2048"),
    ),
    responses(
        (status = 200, description = "The legend", content_type = "image/svg+xml"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "A parameter is wrong, or three variables are shown"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn svg(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&state, &cube, query.as_deref(), &headers).await?;
    asked.answer("svg", |legend, width, height| {
        let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
        Ok((kind, legend.svg(width, height)).into_response())
    })
}

/// A legend as data.
#[utoipa::path(
    get, path = "/cubes/{cube}/legend.json", tag = "tiles",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses(
        (status = 200, description = "Title, units, and a ramp's range, ticks and colours or the classes", content_type = "application/json"),
        (status = 304, description = "The client has it"),
        (status = 400, description = "A parameter is wrong, or three variables are shown"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn data(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&state, &cube, query.as_deref(), &headers).await?;
    asked.answer("json", |legend, _, _| {
        Ok(Json(legend.json()).into_response())
    })
}

/// What is asked for.
struct Asked<'a> {
    legend: Legend,
    width: u32,
    height: u32,
    /// All that the legend depends on.
    canonical: String,
    headers: &'a HeaderMap,
}

impl<'a> Asked<'a> {
    async fn of(
        state: &AppState,
        cube: &str,
        query: Option<&str>,
        headers: &'a HeaderMap,
    ) -> Result<Self, ApiError> {
        let (size, rest) = size(query.unwrap_or_default())?;
        let look = TileQuery::parse(&rest)?.look(None)?;
        let (styled, told) = if let Some(entry) = state.tiles.catalog().external(cube) {
            state.tiles.style_of_external(&entry, &look).await?
        } else {
            let styled = state.tiles.style(cube, &look).await?;
            let told = Told {
                title: styled.names.join(", "),
                range: [u16::MIN, u16::MAX].map(f64::from),
                ..Told::default()
            };
            (styled, told)
        };
        let Styled {
            style, revision, ..
        } = styled;
        let canonical = format!("{revision} {} {told:?} {size:?}", style.canonical());
        let legend = Legend::of(&style, told).map_err(|error| bad(error.to_string()))?;
        let (width, height) = legend.size();
        Ok(Self {
            width: size.width.unwrap_or(width),
            height: size.height.unwrap_or(height),
            legend,
            canonical,
            headers,
        })
    }

    /// Makes the file, unless the client has it.
    fn answer(
        self,
        form: &str,
        make: impl FnOnce(&Legend, u32, u32) -> Result<Response, ApiError>,
    ) -> Result<Response, ApiError> {
        let text = format!("{form} {}", self.canonical);
        let etag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
        let mut told = HeaderMap::new();
        // Ranges may change with the next commit.
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            told.insert(header::ETAG, etag);
        }
        if is_known(self.headers, &etag) {
            return Ok(not_modified(told));
        }
        let mut answer = make(&self.legend, self.width, self.height)?;
        answer.headers_mut().extend(told);
        Ok(answer)
    }
}

/// Pixels that are asked for.
#[derive(Clone, Copy, Debug)]
struct Size {
    width: Option<u32>,
    height: Option<u32>,
}

/// The size that a query asks for, and what else it asks for.
fn size(query: &str) -> Result<(Size, String), QueryError> {
    let (mut width, mut height) = (None, None);
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "width" => once(&mut width, "width", side("width", &value)?)?,
            "height" => once(&mut height, "height", side("height", &value)?)?,
            _ => {
                rest.append_pair(&name, &value);
            }
        }
    }
    Ok((Size { width, height }, rest.finish()))
}

fn side(name: &'static str, text: &str) -> Result<u32, QueryError> {
    let side: u32 = number(name, text)?;
    if SIDES.contains(&side) {
        return Ok(side);
    }
    Err(QueryError::Value {
        name,
        value: text.to_owned(),
        expected: format!("{} to {} pixels", SIDES.start(), SIDES.end()),
    })
}

fn bad(detail: String) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, detail)
}
