//! A scripted HTTP server for tests, on a free port of this machine.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use serde_json::Value;

use super::{Cog, CogSample, Decoder, SceneSource, SourceConfig, SourceError};
use crate::grid::Window;
use crate::raster::Patch;

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    /// `Null` if there is none.
    pub(super) body: Value,
    /// How many requests came before it.
    pub(super) number: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers all requests by `answer`, until the test's runtime ends.
    pub(super) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&Seen) -> Response<Body> + Clone + Send + Sync + 'static,
    {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let log = Arc::clone(&seen);
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let request = {
                let mut log = log.lock().unwrap();
                let request = Seen {
                    method,
                    path: uri.to_string(),
                    headers,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                    number: log.len(),
                };
                log.push(request.clone());
                request
            };
            std::future::ready(answer(&request))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("this is a {code}")));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

pub(super) fn json(value: &Value) -> Response<Body> {
    Response::new(Body::from(value.to_string()))
}

/// What an object store answers to a request for a range.
pub(super) fn range_of(bytes: &[u8], request: &Seen) -> Response<Body> {
    let range = request.headers[header::RANGE].to_str().unwrap();
    let (start, end) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .unwrap();
    let start: usize = start.parse().unwrap();
    let end = bytes.len().min(end.parse::<usize>().unwrap() + 1);
    if start >= end {
        return status(416);
    }
    Response::builder()
        .status(StatusCode::PARTIAL_CONTENT)
        .header(
            header::CONTENT_RANGE,
            format!("bytes {start}-{}/{}", end - 1, bytes.len()),
        )
        .body(Body::from(bytes[start..end].to_vec()))
        .unwrap()
}

/// Reads and decodes a window.
pub(super) async fn read<T: CogSample>(
    source: &SceneSource,
    cog: &Cog,
    level: usize,
    window: Window,
) -> Result<Patch<T>, SourceError> {
    let plan = cog
        .plan(level, window, |_| true)
        .map_err(|error| SourceError::image("reading", cog, error))?;
    let fetched = source.fetch(cog, plan).await?;
    fetched
        .decode(&mut Decoder::default())
        .map_err(|error| SourceError::image("decoding", cog, error))
}

/// Settings under which nothing takes long.
pub(super) fn impatient() -> SourceConfig {
    SourceConfig {
        retry_base_millis: 1,
        retry_longest_millis: 2,
        max_attempts: 3,
        ..SourceConfig::default()
    }
}

/// The folder of real data, which is not part of the repository. A test that
/// needs it ends early where it is not there.
#[expect(clippy::print_stderr, reason = "tells why a test is skipped")]
pub(super) fn test_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let found = [
        std::env::var_os("CUBETILER_TEST_DATA").map(PathBuf::from),
        Some(beside),
    ]
    .into_iter()
    .flatten()
    .find_map(|folder| folder.canonicalize().ok());
    if found.is_none() {
        eprintln!("skipped: there is no folder of test data");
    }
    found
}
