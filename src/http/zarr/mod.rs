//! Cubes as Zarr stores: the documents and chunks of the served state, as they are
//! stored. Who reads them needs no Icechunk.

mod key;
mod range;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use serde_json::Value;

use self::{
    key::Key,
    range::{Asked, asked},
};
use super::{
    ApiError, AppState,
    error::NO_STORE,
    rendered::{IMMUTABLE, is_known, not_modified},
};
use crate::{
    cube::consolidated,
    repo::{Bytewise, Read as _, RepoError, Snapshot},
    zarr::ZarrError,
};

/// A chunk is read and sent in pieces of so many bytes: a client that reads slowly
/// holds no more.
const PIECE: u64 = 1 << 20;

/// Asked about each time: the next commit may change it.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// An object of the cube's Zarr store, as it is stored: `zarr.json` of a group or an
/// array, or a chunk, which is a shard. `zarr.json` of a group has the consolidated
/// metadata of all that is in it, so that nothing has to be listed. A chunk that is not
/// there holds the fill value.
#[utoipa::path(
    get, path = "/cubes/{cube}/zarr/{*key}", tag = "zarr",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("key" = String, Path, description = "As `zarr.json`, `0/red/zarr.json` or `0/red/c/0/1/2`"),
        ("Range" = Option<String>, Header, description = "A single range of a chunk's bytes"),
    ),
    responses(
        (status = 200, description = "The object", content(("application/octet-stream"), ("application/json"))),
        (status = 206, description = "A range of it"),
        (status = 304, description = "The client has it"),
        (status = 404, description = "No such cube, or no such object"),
        (status = 416, description = "The range is beyond the object"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
    )
)]
pub(super) async fn object(
    State(state): State<Arc<AppState>>,
    Path((cube, key)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = served(&state, &cube).await?;
    object_of(snapshot, &key, &method, &headers).await
}

async fn object_of(
    snapshot: Snapshot,
    key: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    match Key::parse(key) {
        Some(Key::Document(path)) => document(&snapshot, path, key, headers).await,
        Some(Key::Chunk { array, index }) => {
            let place = (array.to_owned(), index);
            let wants_body = method != Method::HEAD;
            chunk(snapshot, place, key, headers, wants_body).await
        }
        None => Err(nothing(key)),
    }
}

/// The document of the store's root. This is the address that readers of Zarr are given,
/// to which they append keys.
#[utoipa::path(
    get, path = "/cubes/{cube}/zarr", tag = "zarr",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses(
        (status = 200, description = "`zarr.json` of the root, with all metadata"),
        (status = 304, description = "The client has it"),
        (status = 404, description = "No such cube"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
    )
)]
pub(super) async fn root(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = served(&state, &cube).await?;
    document(&snapshot, "", "zarr.json", &headers).await
}

/// The same at a revision, which never changes.
#[utoipa::path(
    get, path = "/cubes/{cube}/revisions/{revision}/zarr/{*key}", tag = "zarr",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("revision" = String, Path, description = "A state in the cube's history, as `revision` of `/cubes/{cube}`"),
        ("key" = String, Path, description = "As `zarr.json`, `0/red/zarr.json` or `0/red/c/0/1/2`"),
        ("Range" = Option<String>, Header, description = "A single range of a chunk's bytes"),
    ),
    responses(
        (status = 200, description = "The object", content(("application/octet-stream"), ("application/json"))),
        (status = 206, description = "A range of it"),
        (status = 304, description = "The client has it"),
        (status = 404, description = "No such cube, revision or object"),
        (status = 416, description = "The range is beyond the object"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
    )
)]
pub(super) async fn object_at(
    State(state): State<Arc<AppState>>,
    Path((cube, revision, key)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = fixed(&state, &cube, &revision).await?;
    let answer = object_of(snapshot, &key, &method, &headers).await?;
    Ok(forever(answer))
}

/// The document of the root of the store at a revision.
#[utoipa::path(
    get, path = "/cubes/{cube}/revisions/{revision}/zarr", tag = "zarr",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("revision" = String, Path, description = "A state in the cube's history"),
    ),
    responses(
        (status = 200, description = "`zarr.json` of the root, with all metadata"),
        (status = 304, description = "The client has it"),
        (status = 404, description = "No such cube or revision"),
        (status = 501, description = "A data set of somebody else"),
        (status = 502, description = "The store failed"),
    )
)]
pub(super) async fn root_at(
    State(state): State<Arc<AppState>>,
    Path((cube, revision)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = fixed(&state, &cube, &revision).await?;
    document(&snapshot, "", "zarr.json", &headers)
        .await
        .map(forever)
}

/// A state of the cube's history.
async fn fixed(state: &AppState, cube: &str, revision: &str) -> Result<Snapshot, ApiError> {
    let newest = served(state, cube).await?;
    if newest.revision().to_string() == revision {
        return Ok(newest);
    }
    let entry = state.tiles.catalog().get(cube)?;
    let found = entry.repo().state(revision).await;
    found.map_err(|error| {
        if matches!(error, RepoError::NotInHistory(_)) {
            return ApiError::new(StatusCode::NOT_FOUND, error.to_string());
        }
        ZarrError::from(error).into()
    })
}

/// What is of a fixed state may be kept, but for the answer to a wrong range, which a cache
/// could take for that of the whole.
fn forever(mut answer: Response) -> Response {
    let caching = if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        NO_STORE
    } else {
        IMMUTABLE
    };
    answer.headers_mut().insert(header::CACHE_CONTROL, caching);
    answer
}

async fn served(state: &AppState, cube: &str) -> Result<Snapshot, ApiError> {
    if state.tiles.catalog().external(cube).is_some() {
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            format!("`{cube}` is a data set of somebody else, whose store is not passed on"),
        ));
    }
    Ok(state.tiles.catalog().get(cube)?.current().await.snapshot)
}

/// Caches may not keep that either: the chunk may be built at any moment.
fn nothing(key: &str) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        format!("the cube's store has no object `{key}`"),
    )
}

fn failed(error: RepoError, key: &str) -> ApiError {
    if matches!(error, RepoError::NoNode(_) | RepoError::BadNode(_)) {
        nothing(key)
    } else {
        ZarrError::from(error).into()
    }
}

async fn document(
    snapshot: &Snapshot,
    path: &str,
    key: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let document = snapshot.node(path).await;
    let document = document.map_err(|error| failed(error, key))?;
    let etag = format!("\"{}\"", snapshot.revision());
    let told = HeaderMap::from_iter([
        (header::CACHE_CONTROL, REVALIDATED),
        // It may be compressed on its way.
        (header::ETAG, text(&format!("W/{etag}"))),
        (header::CONTENT_TYPE, text("application/json")),
    ]);
    if is_known(headers, &etag) {
        return Ok(not_modified(told));
    }
    let parsed: Result<Value, _> = serde_json::from_slice(&document);
    let document = match parsed {
        Ok(mut group) if group["node_type"] == "group" => {
            group["consolidated_metadata"] = all_metadata(snapshot, path).await?;
            group.to_string().into()
        }
        Ok(_) | Err(_) => document,
    };
    Ok((told, document).into_response())
}

async fn all_metadata(snapshot: &Snapshot, group: &str) -> Result<Value, ApiError> {
    let documents = snapshot.documents().await.map_err(ZarrError::from)?;
    let parsed = documents.iter().filter_map(|(path, document)| {
        let document: Value = serde_json::from_slice(document).ok()?;
        Some((path.as_str(), document))
    });
    let nodes: Vec<(&str, Value)> = parsed.collect();
    let nodes = nodes.iter().map(|(path, document)| (*path, document));
    Ok(consolidated(group, nodes))
}

async fn chunk(
    snapshot: Snapshot,
    (array, index): (String, Vec<usize>),
    key: &str,
    headers: &HeaderMap,
    wants_body: bool,
) -> Result<Response, ApiError> {
    let stored = snapshot.stored_chunk(&array, &index).await;
    let stored = stored.map_err(|error| failed(error, key))?;
    let stored = stored.ok_or_else(|| nothing(key))?;
    let etag = format!("\"{}\"", stored.tag);
    let mut told = HeaderMap::from_iter([
        (header::CACHE_CONTROL, REVALIDATED),
        (header::ETAG, text(&etag)),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ]);
    if is_known(headers, &etag) {
        return Ok(not_modified(told));
    }
    let whole = 0..stored.length;
    let (status, part) = match asked(headers, &etag, stored.length) {
        Asked::Whole => (StatusCode::OK, whole),
        Asked::Part(part) => {
            let range = format!("bytes {}-{}/{}", part.start, part.end - 1, stored.length);
            told.insert(header::CONTENT_RANGE, text(&range));
            (StatusCode::PARTIAL_CONTENT, part)
        }
        Asked::Beyond => {
            let range = format!("bytes */{}", stored.length);
            told.insert(header::CONTENT_RANGE, text(&range));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, told).into_response());
        }
    };
    told.insert(header::CONTENT_TYPE, text("application/octet-stream"));
    told.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
    if !wants_body {
        return Ok((status, told).into_response());
    }
    let read = move |at: u64| {
        let (snapshot, array, index) = (snapshot.clone(), array.clone(), index.clone());
        async move {
            let piece = Bytewise::Range(at..part.end.min(at + PIECE));
            let bytes = snapshot.chunk(&array, &index, piece).await?;
            Ok::<_, RepoError>(bytes.unwrap_or_default())
        }
    };
    // The first is read now: its failure can be told by a status. That of a later one
    // ends the connection, and the client sees that bytes are missing.
    let first = read(part.start).await.map_err(ZarrError::from)?;
    let starts = (part.start..part.end).step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
    let others = stream::iter(starts.skip(1)).then(read);
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(others));
    Ok((status, told, body).into_response())
}

/// A header of letters, digits and signs.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}
