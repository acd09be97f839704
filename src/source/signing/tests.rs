use axum::body::Body;
use axum::http::Response;
use serde_json::json;

use super::*;
use crate::compute::Compute;
use crate::source::cog::testing::{TILE, image, tiff};
use crate::source::testing::{Seen, Server, impatient, json as page, range_of, read, status};
use crate::source::{BandSpec, Profile, Scene, SceneSource, SourceConfig, SourceError, SourceSpec};

const HOST: &str = "account.blob.core.windows.net";
const SECRET: &str = "sv=1&sig=top%2Fsecret%3D";

fn location(text: &str) -> Location {
    Location::parse(text).unwrap()
}

/// An answer with a token that is good for so many seconds.
fn token(seconds: i64) -> Response<Body> {
    let expiry = Utc::now() + chrono::TimeDelta::seconds(seconds);
    page(&json!({"msft:expiry": expiry.to_rfc3339(), "token": SECRET}))
}

/// A catalogue, its token endpoint and its blob storage in one server. `tokens`
/// answers the requests for tokens by how many came before.
struct Archive {
    server: Server,
    source: SceneSource,
}

impl Archive {
    async fn new<F>(tokens: F) -> Self
    where
        F: Fn(usize) -> Response<Body> + Clone + Send + Sync + 'static,
    {
        let bytes = tiff(&[image(6 * TILE, 6 * TILE)]);
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let server = Server::start(move |request| match request.path.split('?').next() {
            Some("/sas/account/box") => {
                tokens(asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
            }
            Some("/items") => {
                let host = request.headers["host"].to_str().unwrap();
                let port = host.rsplit_once(':').unwrap().1;
                let href = |n: usize| format!("http://{HOST}:{port}/box/{n}.tif");
                let item = |n: usize| {
                    json!({
                        "id": format!("item {n}"), "collection": "sentinel-2-l2a",
                        "bbox": [15.0, 45.0, 16.0, 46.0],
                        "properties": {"datetime": "2023-08-15T09:58:11Z"},
                        "assets": {"B04": {"href": href(n)}},
                    })
                };
                page(&json!({
                    "type": "FeatureCollection",
                    "features": [item(0), item(1), item(2)],
                }))
            }
            _ if is_signed(request) => range_of(&bytes, request),
            _ => status(403),
        })
        .await;
        let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let config = SourceConfig {
            planetary_computer_sas: format!("{}/sas/", server.url),
            ..impatient()
        };
        let mut source = SceneSource::new(config, Compute::new(1)).unwrap();
        source.storage = Storage::finding(HOST, address);
        Self { server, source }
    }

    async fn scenes(&self, profile: Profile) -> Vec<Scene> {
        let spec = SourceSpec {
            stac: format!("{}/items", self.server.url),
            collection: None,
            query: None,
            profile: Some(profile),
            bands: vec![BandSpec {
                name: "red".to_owned(),
                asset: Some("B04".to_owned()),
                ..BandSpec::default()
            }],
            mask: None,
        };
        let bounds = crate::grid::Bounds {
            west: 15.0,
            south: 45.0,
            east: 16.0,
            north: 46.0,
        };
        let day = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let (start, end) = (day("2023-08-01T00:00:00Z"), day("2023-09-01T00:00:00Z"));
        self.source.search(&spec, bounds, start, end).await.unwrap()
    }

    async fn open(&self, scene: &Scene) -> Result<(), SourceError> {
        self.source.open(&scene.bands[0].asset).await.map(|_| ())
    }

    fn asked_for_tokens(&self) -> usize {
        let is_token = |seen: &&Seen| seen.path.starts_with("/sas/");
        self.server.seen().iter().filter(is_token).count()
    }
}

fn is_signed(request: &Seen) -> bool {
    let query = request.path.split_once('?').map(|(_, query)| query);
    query == Some(SECRET)
}

#[test]
fn a_container_is_told_by_the_address_of_an_image() {
    let of = |text: &str| Container::of(&location(text)).map(|c| c.to_string());
    assert_eq!(
        of("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/33/T/B04.tif").as_deref(),
        Some("sentinel2l2a01/sentinel2-l2")
    );
    for other in [
        "/data/box/a.tif",
        "https://example.com/box/a.tif",
        "https://blob.core.windows.net/box/a.tif",
        "https://account.blob.core.windows.net.example.com/box/a.tif",
        "https://a.b.blob.core.windows.net/box/a.tif",
        "https://account.blob.core.windows.net/",
        "https://account.blob.core.windows.net/box/a.tif?sv=1&sig=own",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}

#[tokio::test]
async fn images_are_read_with_one_token_for_all_of_their_container() {
    let archive = Archive::new(|_| token(3600)).await;
    let scenes = archive.scenes(Profile::PlanetaryComputer).await;
    assert_eq!(scenes.len(), 3);
    let opened = futures::future::join_all(scenes.iter().map(|scene| archive.open(scene))).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(archive.asked_for_tokens(), 1);
    // Neither the scene nor what was opened knows of it.
    let cog = archive.source.open(&scenes[0].bands[0].asset).await;
    let known = format!("{:?} {scenes:?} {:?}", cog.unwrap(), archive.source);
    assert!(!known.contains("secret"), "{known}");
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_replaced_while_an_image_is_read() {
    for (seconds, tokens) in [(59, 3), (90, 1), (-5, 3)] {
        let archive = Archive::new(move |_| token(seconds)).await;
        let scenes = archive.scenes(Profile::PlanetaryComputer).await;
        for scene in &scenes {
            archive.open(scene).await.unwrap();
        }
        assert_eq!(archive.asked_for_tokens(), tokens, "{seconds}");
    }
    let archive = Archive::new(|_| token(30)).await;
    let scenes = archive.scenes(Profile::PlanetaryComputer).await;
    let cog = archive
        .source
        .open(&scenes[0].bands[0].asset)
        .await
        .unwrap();
    let window = crate::grid::Window {
        row: 0,
        col: 0,
        rows: TILE,
        cols: TILE,
    };
    let read = read::<u16>(&archive.source, &cog, 0, window).await;
    assert!(read.is_ok());
    assert_eq!(archive.asked_for_tokens(), 2);
}

#[tokio::test]
async fn a_token_that_does_not_come_at_once_is_asked_for_again() {
    let archive = Archive::new(|before| match before {
        0 => status(503),
        1 => status(429),
        _ => token(3600),
    })
    .await;
    let scenes = archive.scenes(Profile::PlanetaryComputer).await;
    archive.open(&scenes[0]).await.unwrap();
    assert_eq!(archive.asked_for_tokens(), 3);
}

#[tokio::test]
async fn a_token_that_never_comes_is_told_as_such() {
    for (answer, requests, transient, reason) in [
        (500, 3, true, "the server answered 500"),
        (404, 1, false, "the server answered 404"),
        (200, 1, false, "has no `token`"),
    ] {
        let archive = Archive::new(move |_| match answer {
            200 => page(&json!({"token": "sig=secret", "msft:expiry": "soon"})),
            code => status(code),
        })
        .await;
        let scenes = archive.scenes(Profile::PlanetaryComputer).await;
        let error = archive.open(&scenes[0]).await.unwrap_err();
        assert_eq!(archive.asked_for_tokens(), requests);
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(text.contains("no signature for account/box"), "{text}");
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn only_images_of_the_planetary_computer_are_signed() {
    let archive = Archive::new(|_| token(3600)).await;
    let scenes = archive.scenes(Profile::EarthSearch).await;
    let error = archive.open(&scenes[0]).await.unwrap_err().to_string();
    assert!(error.contains("the server answered 403"), "{error}");
    assert_eq!(archive.asked_for_tokens(), 0);
}

#[tokio::test]
async fn a_refused_or_broken_connection_does_not_tell_the_token() {
    let archive = Archive::new(|_| token(3600)).await;
    let image = location(&format!("http://{HOST}:1/box/a.tif?se=2024"));
    archive.source.signer.admit(&image);
    let error = archive.source.open(&image).await.unwrap_err();
    assert!(error.is_transient());
    let text = format!("{error} {error:?}");
    assert!(text.contains(HOST), "{text}");
    assert!(
        !text.contains("secret") && !text.contains("se=2024"),
        "{text}"
    );
}
