//! The colormaps that have a name, as `TiTiler` tells of them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    ApiError, AppState,
    links::base_url,
    query::{QueryError, number, once, unknown},
};
use crate::render::{Colormap, ImageFormat, Orientation, encode, strip};

/// Pixels along and across a strip, as `TiTiler` has it, and at most.
const LONG: u32 = 256;
const ACROSS: u32 = 20;
const LARGEST: u32 = 1024;

/// What changes with another version of the program at most.
pub(super) const HOURLY: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The names of all colormaps.
#[utoipa::path(get, path = "/colorMaps", tag = "colors", responses((status = 200, description = "Their names and links")))]
pub(super) async fn list(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let base = base_url(&headers, &state.server);
    let one = |name: String| {
        json!({
            "links": [{
                "href": format!("{base}/colorMaps/{name}"),
                "rel": "item",
                "type": "application/json",
                "title": format!("Definition of {name} ColorMap"),
            }],
            "id": name,
        })
    };
    let all: Vec<Value> = Colormap::names().into_iter().map(one).collect();
    (
        [(header::CACHE_CONTROL, HOURLY)],
        Json(json!({"colormaps": all})),
    )
        .into_response()
}

/// The colours of a colormap for each level, or a strip of them for a legend.
#[utoipa::path(
    get, path = "/colorMaps/{colorMapId}", tag = "colors",
    params(
        ("colorMapId" = String, Path, description = "Name, as viridis or viridis_r"),
        ("f" = Option<String>, Query, description = "json (default), or png, jpg or webp for a picture"),
        ("orientation" = Option<String>, Query, description = "horizontal (default, from left to right) or vertical (downwards)"),
        ("width" = Option<u32>, Query, description = "Pixels; 256, or across 20"),
        ("height" = Option<u32>, Query, description = "Pixels; 20, or along 256"),
    ),
    responses(
        (status = 200, description = "Red, green, blue and alpha of the levels 0 to 255"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "There is no such colormap"),
    )
)]
pub(super) async fn one(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let map = Colormap::named(&name)
        .map_err(|error| ApiError::new(StatusCode::NOT_FOUND, error.to_string()))?;
    let Some(asked) = Strip::parse(query.as_deref().unwrap_or_default())? else {
        let colors = map.colors().iter().enumerate();
        let colors: Map<String, Value> = colors
            .map(|(level, color)| (level.to_string(), json!(color)))
            .collect();
        return Ok(([(header::CACHE_CONTROL, HOURLY)], Json(colors)).into_response());
    };
    let picture = strip(&map, asked.width, asked.height, asked.orientation);
    // Its size was checked.
    let failed = |error: &dyn std::error::Error| {
        tracing::error!(error = %error, "a strip of colours cannot be made");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the picture cannot be made",
        )
    };
    let picture = picture.map_err(|error| failed(&error))?;
    let file = encode(&picture, asked.format).map_err(|error| failed(&error))?;
    let kind = HeaderValue::from_static(asked.format.content_type());
    let told = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HOURLY),
    ];
    Ok((told, file).into_response())
}

/// Which picture of a colormap is asked for.
#[derive(Debug, PartialEq)]
struct Strip {
    format: ImageFormat,
    width: u32,
    height: u32,
    orientation: Orientation,
}

impl Strip {
    /// None where no picture is asked for.
    fn parse(query: &str) -> Result<Option<Self>, QueryError> {
        let (mut format, mut orientation) = (None, None);
        let (mut width, mut height) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                // `TiTiler` 1 has the longer name.
                "f" | "format" => once(&mut format, "f", file(&value)?)?,
                "orientation" => once(&mut orientation, "orientation", direction(&value)?)?,
                "width" => once(&mut width, "width", side("width", &value)?)?,
                "height" => once(&mut height, "height", side("height", &value)?)?,
                name => return Err(unknown(name, &["f", "orientation", "width", "height"])),
            }
        }
        let orientation = orientation.unwrap_or(Orientation::Horizontal);
        let (wide, high) = match orientation {
            Orientation::Horizontal => (LONG, ACROSS),
            Orientation::Vertical => (ACROSS, LONG),
        };
        Ok(format.flatten().map(|format| Self {
            format,
            width: width.unwrap_or(wide),
            height: height.unwrap_or(high),
            orientation,
        }))
    }
}

/// A picture's format; none for JSON.
fn file(text: &str) -> Result<Option<ImageFormat>, QueryError> {
    if text == "json" {
        return Ok(None);
    }
    let format = text.parse().map_err(|_no_format| QueryError::Value {
        name: "f",
        value: text.to_owned(),
        expected: "json, or png, jpg or webp for a picture".to_owned(),
    });
    format.map(Some)
}

fn direction(text: &str) -> Result<Orientation, QueryError> {
    match text {
        "horizontal" => Ok(Orientation::Horizontal),
        "vertical" => Ok(Orientation::Vertical),
        _ => Err(QueryError::Value {
            name: "orientation",
            value: text.to_owned(),
            expected: "horizontal or vertical".to_owned(),
        }),
    }
}

fn side(name: &'static str, text: &str) -> Result<u32, QueryError> {
    let side: u32 = number(name, text)?;
    if (1..=LARGEST).contains(&side) {
        return Ok(side);
    }
    Err(QueryError::Value {
        name,
        value: text.to_owned(),
        expected: format!("1 to {LARGEST} pixels"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_asked_for_by_its_format_and_lies_unless_it_is_to_stand() {
        let size = |query: &str| {
            let strip = Strip::parse(query).unwrap().unwrap();
            (strip.width, strip.height)
        };
        assert_eq!(Strip::parse(""), Ok(None));
        assert_eq!(Strip::parse("f=json&width=9"), Ok(None));
        assert_eq!(size("f=png"), (256, 20));
        assert_eq!(size("f=png&orientation=vertical"), (20, 256));
        assert_eq!(size("f=webp&orientation=vertical&width=30"), (30, 256));
    }

    #[test]
    fn what_cannot_be_a_strip_says_what_could() {
        for (query, told) in [
            ("f=gif", "json, or png"),
            ("f=png&width=0", "1 to 1024"),
            ("f=png&height=5000", "1 to 1024"),
            ("f=png&orientation=up", "horizontal or vertical"),
            ("f=png&hieght=5", "did you mean `height`?"),
        ] {
            let error = Strip::parse(query).unwrap_err().to_string();
            assert!(error.contains(told), "{query}: {error}");
        }
    }
}
