//! The answer with a picture or a file of samples: what is told of it in headers, and
//! nothing else to a client that has it already.

use std::{convert::Infallible, time::Instant};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{ApiError, AppState, error::NO_STORE, links};
use crate::{
    grid::Grid,
    telemetry,
    tile::{self, PreparedExternal},
};

/// What is complete, of a named revision, never changes.
pub(super) const IMMUTABLE: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture before its pixels are read.
pub(super) enum Prepared {
    Cube(Box<tile::Prepared>),
    External(Box<PreparedExternal>),
}

/// What an answer depends on beside the picture.
pub(super) struct Asked<'a> {
    pub(super) headers: &'a HeaderMap,
    /// The revision that the address names.
    pub(super) revision: Option<&'a str>,
    /// Where the pixels are.
    pub(super) grid: &'a Grid,
    /// What was begun by looking at holes, and after how many seconds it is worth
    /// to look again.
    pub(super) seen: Option<(&'static str, u64)>,
    pub(super) begun: Instant,
}

/// What is told of a picture in headers.
struct Facts {
    revision: String,
    time: Option<String>,
    selection: Option<String>,
    coverage: Option<String>,
    /// Display ranges that were found.
    rescale: Option<String>,
    /// None where the picture is not complete.
    etag: Option<String>,
}

impl Prepared {
    fn facts(&self) -> Facts {
        match self {
            Self::Cube(tile) => Facts {
                revision: tile.revision(),
                time: Some(tile.time()),
                selection: None,
                coverage: Some(format!("{:.4}", tile.coverage())),
                rescale: tile.ranges().map(ranges),
                etag: tile.is_complete().then(|| tile.etag()),
            },
            // What somebody else has built is as complete as it gets.
            Self::External(tile) => Facts {
                revision: tile.revision().to_owned(),
                time: tile.time().map(str::to_owned),
                selection: tile.selection().map(str::to_owned),
                coverage: None,
                rescale: tile.ranges().map(ranges),
                etag: Some(tile.etag()),
            },
        }
    }
}

/// Makes the picture, unless the client has it.
pub(super) async fn answer(
    state: &AppState,
    prepared: Prepared,
    asked: Asked<'_>,
) -> Result<Response, ApiError> {
    let facts = prepared.facts();
    let is_versioned = asked.revision == Some(&facts.revision);
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
        ("x-cube-rescale", facts.rescale),
        ("content-bbox", Some(links::bbox(asked.grid.bounds()))),
        ("content-crs", Some(links::crs(asked.grid.crs))),
        (header::ETAG.as_str(), facts.etag.clone()),
    ];
    for (name, value) in named {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            told.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some((what, seconds)) = asked.seen {
        told.insert("x-cube-fill", HeaderValue::from_static(what));
        told.insert(header::RETRY_AFTER, seconds.into());
    }
    if facts
        .etag
        .is_some_and(|etag| is_known(asked.headers, &etag))
    {
        metrics::counter!(telemetry::TILES, "outcome" => "not_modified").increment(1);
        return Ok(not_modified(told));
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
    metrics::histogram!(telemetry::TILE_SECONDS).record(asked.begun.elapsed().as_secs_f64());
    Ok((told, tile.bytes).into_response())
}

/// Display ranges as `rescale` has them, with a semicolon between those of variables.
fn ranges(found: &[[f64; 2]]) -> String {
    let texts: Vec<String> = found
        .iter()
        .map(|[min, max]| format!("{min},{max}"))
        .collect();
    texts.join(";")
}

/// What is whole may be kept, and must be asked about: it changes when its
/// chunks do.
fn revalidate(seconds: u64) -> HeaderValue {
    let text = format!("public, max-age={seconds}, must-revalidate");
    HeaderValue::from_str(&text).unwrap_or(NO_STORE)
}

/// The answer to a client that has it.
pub(super) fn not_modified(told: HeaderMap) -> Response {
    // Of unknown length: an empty one would be told as that of what the client has.
    let nothing = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    (StatusCode::NOT_MODIFIED, told, nothing).into_response()
}

/// Whether a client has what an `ETag` names.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}
