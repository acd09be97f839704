//! An archive behind a bad line.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use cubetiler::{
    build::{BuildConfig, BuildRequest, Report},
    catalog::Entry,
    cube::Recipe,
    grid::Level,
    source::SourceConfig,
};
use futures::{StreamExt as _, stream};
use tokio::net::TcpListener;

use crate::{
    fixture::{Api, Local, recipe},
    workshop::{self, builder, cells},
};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// An answer of this status, with a wish to wait.
    Status(u16),
    /// The connection breaks before the answer.
    Reset,
    /// The answer's headers come, and then nothing.
    Stall,
    /// The answer's body breaks off.
    Truncated,
}

const FAULTS: [Fault; 6] = [
    Fault::Status(500),
    Fault::Status(503),
    Fault::Status(429),
    Fault::Reset,
    Fault::Stall,
    Fault::Truncated,
];

/// Passes requests on to an archive, with a fault in some of them.
#[derive(Clone)]
struct Line {
    archive: String,
    url: String,
    client: reqwest::Client,
    /// One request in so many goes wrong; none, if 0.
    one_in: u64,
    /// Requests for paths that end so always fail.
    broken: Option<&'static str>,
    requests: Arc<AtomicU64>,
    faults: Arc<AtomicU64>,
}

impl Line {
    async fn start(archive: &str, one_in: u64, broken: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = Self {
            archive: archive.trim_end_matches('/').to_owned(),
            url: format!("http://{}", listener.local_addr().unwrap()),
            client: reqwest::Client::new(),
            one_in,
            broken,
            requests: Arc::default(),
            faults: Arc::default(),
        };
        let passing = line.clone();
        let app = Router::new().fallback(move |request: Request| {
            let line = passing.clone();
            async move { line.pass(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        line
    }

    /// Faults come evenly spread and each kind in turn.
    fn fault(&self) -> Option<Fault> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        if self.one_in == 0 || number % self.one_in != self.one_in / 2 {
            return None;
        }
        let fault = self.faults.fetch_add(1, Ordering::SeqCst);
        let kinds = u64::try_from(FAULTS.len()).unwrap();
        Some(FAULTS[usize::try_from(fault % kinds).unwrap()])
    }

    async fn pass(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        if self.broken.is_some_and(|end| path.ends_with(end)) {
            return (axum::http::StatusCode::FORBIDDEN, "no").into_response();
        }
        let fault = self.fault();
        match fault {
            Some(Fault::Status(status)) => {
                let status = axum::http::StatusCode::from_u16(status).unwrap();
                return (status, [("retry-after", "0")], "a fault").into_response();
            }
            Some(Fault::Reset) => return broken_off(Bytes::new(), None),
            Some(Fault::Stall | Fault::Truncated) | None => {}
        }
        let (parts, body) = request.into_parts();
        let place = parts
            .uri
            .path_and_query()
            .map_or("/", |place| place.as_str());
        let mut headers = parts.headers;
        headers.remove("host");
        let answer = self
            .client
            .request(parts.method, format!("{}{place}", self.archive))
            .headers(headers)
            .body(to_bytes(body, usize::MAX).await.unwrap())
            .send()
            .await
            .unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut bytes = answer.bytes().await.unwrap();
        let is_json = headers
            .get("content-type")
            .is_some_and(|kind| kind.to_str().unwrap().contains("json"));
        if is_json {
            // Links lead back over this line.
            let text = std::str::from_utf8(&bytes).unwrap();
            bytes = text.replace(&self.archive, &self.url).into();
        }
        let mut response = match fault {
            Some(Fault::Stall) => {
                let first = stream::once(async { Ok::<_, Infallible>(Bytes::new()) });
                let body = Body::from_stream(first.chain(stream::pending()));
                ([("content-length", bytes.len())], body).into_response()
            }
            Some(Fault::Truncated) => {
                let length = bytes.len();
                broken_off(bytes.slice(..length / 2), Some(length))
            }
            Some(Fault::Status(_) | Fault::Reset) | None => Body::from(bytes).into_response(),
        };
        *response.status_mut() = status;
        for name in ["content-type", "content-range", "etag", "last-modified"] {
            if let Some(value) = headers.get(name) {
                response
                    .headers_mut()
                    .insert(axum::http::HeaderName::from_static(name), value.clone());
            }
        }
        response
    }
}

/// An answer whose connection breaks after some bytes.
fn broken_off(bytes: Bytes, length: Option<usize>) -> Response {
    let parts = stream::iter([Ok(bytes), Err(std::io::Error::other("a fault"))]);
    let mut response = Body::from_stream(parts).into_response();
    if let Some(length) = length {
        response
            .headers_mut()
            .insert("content-length", length.into());
    }
    response
}

async fn create(local: &Local, name: &str, stac: &str) -> Arc<Entry> {
    let path = local.folder.path().join(name);
    workshop::create(&path, Recipe::from_toml(&recipe(stac)).unwrap()).await
}

async fn build(entry: &Entry) -> Report {
    let config = SourceConfig {
        retry_base_millis: 1,
        retry_longest_millis: 5,
        request_timeout_millis: 300,
        header_cache_bytes: 0,
        ..SourceConfig::default()
    };
    let builder = builder(2, config, BuildConfig::default());
    workshop::build(entry, &builder, &BuildRequest::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_over_a_bad_line_ends_with_the_bytes_of_a_good_one() {
    let local = Local::new();
    let api = Api::start(local.archive.clone()).await;
    let good = Line::start(&api.url, 0, None).await;
    let expected = create(&local, "good", &good.url).await;
    assert_eq!(build(&expected).await.failures, []);

    // One request in twenty: 5 %.
    let bad = Line::start(&api.url, 20, None).await;
    let cube = create(&local, "bad", &bad.url).await;
    let report = build(&cube).await;
    assert_eq!(report.failures, []);
    let faults = bad.faults.load(Ordering::SeqCst);
    assert!(faults >= 6, "only {faults} faults: each kind was to come");
    assert!(bad.requests.load(Ordering::SeqCst) > good.requests.load(Ordering::SeqCst));
    assert_eq!(
        cells(&cube, Level(0)).await,
        cells(&expected, Level(0)).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_failed_by_name_and_built_when_it_can_be() {
    let local = Local::new();
    let api = Api::start(local.archive.clone()).await;
    let bad = Line::start(&api.url, 0, Some("B04.tif")).await;
    let cube = create(&local, "cube", &bad.url).await;
    let report = build(&cube).await;
    assert_eq!(report.failures.len(), report.planned.build);
    for failure in &report.failures {
        for part in ["item ", "red", "opening", "403"] {
            assert!(failure.error.contains(part), "{part}: {}", failure.error);
        }
    }
    let states = cells(&cube, Level(0)).await;
    assert!(
        states
            .iter()
            .all(|(_, cell)| cell.state.name() == "failed" && cell.stamp == 0)
    );
}
