//! Cubes in a bucket: what is served from a distance, and how often it is asked.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
};
use cubetiler::{catalog::Catalog, config::Config, http::Access, storage::S3Config};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use crate::{
    fixture::Server,
    freshness::{half, tile_at},
};

/// What a round trip to an object store takes. Requests that are sent together
/// arrive within it.
const ROUND_TRIP: Duration = Duration::from_millis(30);

/// The requests that a store got, in order of arrival: what each asked for, how
/// many had been answered before, and at which place among the answers its own
/// was.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Logged>>);

#[derive(Debug, Default)]
struct Logged {
    entries: Vec<Entry>,
    answers: usize,
    /// Entries that were looked at.
    taken: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    path: String,
    answered_before: usize,
    answered: usize,
}

impl Log {
    fn arrive(&self, path: &str) -> usize {
        let mut log = self.0.lock().unwrap();
        let entry = Entry {
            path: path.to_owned(),
            answered_before: log.answers,
            answered: usize::MAX,
        };
        log.entries.push(entry);
        log.entries.len() - 1
    }

    fn answer(&self, entry: usize) {
        let mut log = self.0.lock().unwrap();
        log.entries[entry].answered = log.answers;
        log.answers += 1;
    }

    /// What came since this was asked before.
    fn take(&self) -> Vec<Entry> {
        let mut log = self.0.lock().unwrap();
        let all = log.entries.len();
        let since = std::mem::replace(&mut log.taken, all);
        log.entries[since..].to_vec()
    }
}

/// The longest chain of requests of which each came after the one before it had
/// been answered: what a client waits for, in round trips.
fn rounds(log: &[Entry]) -> usize {
    let mut depth = vec![0; log.len()];
    for (n, entry) in log.iter().enumerate() {
        let earlier = (0..n).filter(|m| log[*m].answered < entry.answered_before);
        depth[n] = 1 + earlier.map(|m| depth[m]).max().unwrap_or(0);
    }
    depth.into_iter().max().unwrap_or(0)
}

/// Serves a folder as an S3 bucket, as far as reading goes, slowly. The address
/// is that of the server; the path begins with the bucket's name.
async fn bucket(folder: &Path) -> (String, Log) {
    let log = Log::default();
    let logged = log.clone();
    let slow = middleware::from_fn(move |request: Request, next: Next| {
        let log = logged.clone();
        async move {
            let range = request.headers().get("range");
            let range = range.and_then(|range| range.to_str().ok()).unwrap_or("all");
            let entry = log.arrive(&format!("{} {range}", request.uri().path()));
            tokio::time::sleep(ROUND_TRIP).await;
            let response = next.run(request).await;
            log.answer(entry);
            response
        }
    });
    let app = Router::new()
        .fallback_service(ServeDir::new(folder))
        .layer(slow);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, log)
}

const ADDRESS: &str = "s3://cubes/cube";

fn settings(endpoint: &str) -> S3Config {
    S3Config {
        region: "eu-central-1".to_owned(),
        endpoint: endpoint.to_owned(),
        anonymous: true,
    }
}

/// A server of one cube, `formula`, that lies in a bucket.
async fn serve(endpoint: &str) -> Server {
    let mut config = Config::default();
    config.cubes.insert("formula".to_owned(), ADDRESS.into());
    config.s3 = settings(endpoint);
    // A look for other commits would be one more request.
    config.cache.check_seconds = 3600;
    Server::of(&config, Access::Off).await
}

/// A folder with the bucket `cubes`, and in it a cube of noise, whose chunks are
/// too large to lie in a manifest.
async fn drawn() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cubes = folder.path().join("cubes");
    std::fs::create_dir(&cubes).unwrap();
    half(&cubes).await;
    folder
}

/// A tile in the cube's first inner chunk, and one in that beside it to the
/// southeast.
fn northwest() -> String {
    tile_at(12, 5.1, 44.9)
}

fn southeast() -> String {
    tile_at(12, 5.5, 44.5)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_from_a_bucket_is_one_round_trip_away_when_its_chunks_are_not_known_yet() {
    let folder = drawn().await;
    let (endpoint, log) = bucket(folder.path()).await;
    let server = serve(&endpoint).await;
    let path = |tile: &str, style: &str| {
        let variables = "variable=a&variable=count&variable=a";
        format!("/cubes/formula/tiles/WebMercatorQuad/{tile}.png?{variables}&rescale={style}")
    };
    log.take();

    let first = server.get(&path(&northwest(), "0,3000")).await;
    assert_eq!(first.status(), 200, "{:?}", first.text().await);
    let cold = log.take();
    // Where coverage is, coverage, where the variables' shards are, their indexes,
    // and their inner chunks.
    assert!(rounds(&cold) <= 5, "{} in {cold:#?}", rounds(&cold));

    let second = server.get(&path(&southeast(), "0,3000")).await;
    assert_eq!(second.status(), 200, "{:?}", second.text().await);
    let chunks = log.take();
    assert_eq!(rounds(&chunks), 1, "{chunks:#?}");
    assert_eq!(
        chunks.len(),
        2,
        "an inner chunk of each variable: {chunks:#?}"
    );
    let mut asked: Vec<&str> = chunks.iter().map(|entry| entry.path.as_str()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), chunks.len(), "nothing twice: {chunks:#?}");

    let restyled = server.get(&path(&southeast(), "0,2000")).await;
    assert_eq!(restyled.status(), 200);
    assert_eq!(log.take().len(), 0, "all of it is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_in_a_bucket_shows_what_it_shows_on_a_disk_and_is_not_built_there() {
    let folder = drawn().await;
    let (endpoint, _log) = bucket(folder.path()).await;
    let far = serve(&endpoint).await;
    let near = Server::start(folder.path().join("cubes/cube"), Access::Off, "").await;
    let tile = southeast();
    let path = format!("/cubes/formula/tiles/WebMercatorQuad/{tile}.png?variable=a");
    let (a, b) = (far.get(&path).await, near.get(&path).await);
    assert_eq!(a.headers()["etag"], b.headers()["etag"]);
    assert_eq!(a.bytes().await.unwrap(), b.bytes().await.unwrap());

    let catalog = Catalog::new(Duration::from_secs(1), settings(&endpoint));
    let entry = catalog.open("formula", ADDRESS.into()).await.unwrap();
    let refused = entry.repo().lock("a test").unwrap_err().to_string();
    assert!(refused.contains("local disk"), "{refused}");
}
