use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, header};
use tokio::io::AsyncWriteExt as _;

use super::cog::testing::{TILE, image, pixel, tiff};
use super::testing::{Seen, Server, impatient, range_of, read, status, test_data};
use super::*;
use crate::grid::Window;

fn source(config: SourceConfig) -> SceneSource {
    SceneSource::new(config, Compute::new(1))
        .unwrap()
        .of_catalogue("http://127.0.0.1")
}

fn href(server: &Server, path: &str) -> AssetHref {
    AssetHref::parse(&format!("{}{path}", server.url)).unwrap()
}

/// An image of 6 x 6 tiles of 512 bytes, which begin at byte 8.
fn tiles_6_by_6() -> Vec<u8> {
    tiff(&[image(6 * TILE, 6 * TILE)])
}

/// The byte ranges asked for, after those of the first requests.
fn ranges(server: &Server, after: usize) -> Vec<String> {
    server.seen()[after..]
        .iter()
        .map(|seen| seen.headers[header::RANGE].to_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn only_the_tiles_of_a_window_are_fetched_and_neighbours_at_once() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| range_of(&bytes, request)).await;
    let source = source(SourceConfig {
        range_gap_bytes: 0,
        ..impatient()
    });
    let cog = source.open(&href(&server, "/a.tif")).await.unwrap();
    assert_eq!(server.seen().len(), 1, "one request for all directories");

    // Columns 2 to 4 of rows 1 and 2 of the tiles.
    let window = Window {
        row: TILE + 3,
        col: 2 * TILE + 1,
        rows: TILE,
        cols: 2 * TILE + 2,
    };
    let patch = read::<u16>(&source, &cog, 0, window).await.unwrap();
    assert_eq!(patch.raster.data[0], pixel(window.row, window.col));
    let tile = |row: usize, col: usize| 8 + 512 * (row * 6 + col);
    let mut asked = ranges(&server, 1);
    asked.sort();
    assert_eq!(
        asked,
        [
            format!("bytes={}-{}", tile(1, 2), tile(1, 5) - 1),
            format!("bytes={}-{}", tile(2, 2), tile(2, 5) - 1),
        ]
    );
}

#[tokio::test]
async fn tiles_that_are_not_far_apart_are_fetched_at_once() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| range_of(&bytes, request)).await;
    let source = source(impatient());
    let cog = source.open(&href(&server, "/a.tif")).await.unwrap();
    let window = Window {
        row: 0,
        col: 0,
        rows: 6 * TILE,
        cols: 1,
    };
    read::<u16>(&source, &cog, 0, window).await.unwrap();
    assert_eq!(
        ranges(&server, 1),
        [format!("bytes=8-{}", 8 + 512 * 31 - 1)]
    );
}

#[tokio::test]
async fn many_who_open_one_image_make_one_request() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| range_of(&bytes, request)).await;
    let source = source(impatient());
    let href = href(&server, "/a.tif");
    let opened = futures::future::join_all((0..20).map(|_| source.open(&href))).await;
    assert!(opened.iter().all(Result::is_ok));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_address_of_an_image_is_asked_for_as_it_is_written() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| range_of(&bytes, request)).await;
    let source = source(impatient());
    let path = "/a%20b//c+d.tif?sig=x%2Fy%3D&se=2024";
    source.open(&href(&server, path)).await.unwrap();
    assert_eq!(server.seen()[0].path, path);
}

#[tokio::test]
async fn a_passing_failure_of_a_store_is_tried_again() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| match request.number {
        0 => status(503),
        1 => status(429),
        _ => range_of(&bytes, request),
    })
    .await;
    let source = source(impatient());
    source.open(&href(&server, "/a.tif")).await.unwrap();
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_lasting_failure_is_told_with_its_status_and_tells_whether_it_may_pass() {
    for (code, attempts, transient) in [(404, 1, false), (403, 1, false), (500, 3, true)] {
        let server = Server::start(move |_| status(code)).await;
        let source = source(impatient());
        let error = source
            .open(&href(&server, "/a.tif?sig=secret"))
            .await
            .unwrap_err();
        assert_eq!(server.seen().len(), attempts);
        assert_eq!(error.is_transient(), transient);
        let text = error.to_string();
        assert!(
            text.contains(&format!("the server answered {code}")),
            "{text}"
        );
        assert!(
            text.contains("/a.tif?…") && !text.contains("secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_refused() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |_| Response::new(Body::from(bytes.clone()))).await;
    let source = source(impatient());
    let error = source.open(&href(&server, "/a.tif")).await.unwrap_err();
    assert!(
        error.to_string().contains("Range request not supported"),
        "{error}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_within_a_bound() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request| {
        let location = match request.path.as_str() {
            "/moved.tif" => "/a.tif",
            "/round.tif" => "/round.tif",
            "/local.tif" => "file:///etc/passwd",
            _ => return range_of(&bytes, request),
        };
        let mut response = status(302);
        response
            .headers_mut()
            .insert(header::LOCATION, location.parse().unwrap());
        response
    })
    .await;
    let source = source(impatient());
    source.open(&href(&server, "/moved.tif")).await.unwrap();
    let before = server.seen().len();
    assert!(source.open(&href(&server, "/round.tif")).await.is_err());
    let redirects = SourceConfig::default().max_redirects;
    assert_eq!(server.seen().len() - before, redirects + 1);
    assert!(source.open(&href(&server, "/local.tif")).await.is_err());
}

#[tokio::test]
async fn a_redirect_into_the_network_is_refused_with_the_reason() {
    let server = Server::start(move |request: &Seen| {
        let (host, port) = request.headers[header::HOST]
            .to_str()
            .unwrap()
            .split_once(':')
            .unwrap();
        assert_eq!(host, "127.0.0.1", "nobody came by another name");
        let to = match request.path.as_str() {
            "/metadata.tif" => "http://169.254.169.254/latest/meta-data/".to_owned(),
            "/other.tif" => format!("http://127.0.0.2:{port}/a.tif"),
            // The same server by a name that nobody gave.
            "/name.tif" => format!("http://localhost:{port}/a.tif"),
            _ => return status(404),
        };
        let mut response = status(302);
        response
            .headers_mut()
            .insert(header::LOCATION, to.parse().unwrap());
        response
    })
    .await;
    let source = source(impatient());
    for (path, host) in [
        ("/metadata.tif", "169.254.169.254"),
        ("/other.tif", "127.0.0.2"),
        ("/name.tif", "localhost"),
    ] {
        let error = source.open(&href(&server, path)).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("{host} has the address"))
                && text.contains("source.allowed_hosts"),
            "{text}"
        );
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn what_one_catalogue_may_have_read_another_may_not() {
    let bytes = tiles_6_by_6();
    let server = Server::start(move |request: &Seen| range_of(&bytes, request)).await;
    let image = href(&server, "/a.tif");
    let source = source(impatient());
    source.open(&image).await.unwrap();
    let before = server.seen().len();
    for other in [
        "https://example.org/v1",
        "http://localhost",
        "/data/items.json",
    ] {
        let text = source
            .of_catalogue(other)
            .open(&image)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("127.0.0.1") && text.contains("allowed_hosts"),
            "{text}"
        );
    }
    assert_eq!(server.seen().len(), before);
    let allowed = SourceConfig {
        allowed_hosts: vec!["127.0.0.1".to_owned()],
        ..impatient()
    };
    let allowed = SceneSource::new(allowed, Compute::new(1)).unwrap();
    allowed.open(&image).await.unwrap();
    let listed = SourceConfig {
        allowed_hosts: vec!["example.org".to_owned()],
        ..impatient()
    };
    let listed = SceneSource::new(listed, Compute::new(1)).unwrap();
    let text = listed.open(&image).await.unwrap_err().to_string();
    assert!(text.contains("127.0.0.1 is not among"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.tif", listener.local_addr().unwrap());
    let connections = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let promise = "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-99/100\r\n\
                           content-length: 100\r\n\r\nII*";
            stream.write_all(promise.as_bytes()).await.unwrap();
        }
    });
    let source = source(impatient());
    let error = source
        .open(&AssetHref::parse(&url).unwrap())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 3);
}

/// The real scenes over Zagreb, of baseline 05.09, with their offset subtracted.
async fn zagreb(source: &SceneSource, folder: &std::path::Path) -> Vec<Scene> {
    let asset = |name: &str| BandSpec {
        name: name.to_owned(),
        ..BandSpec::default()
    };
    let spec = SourceSpec {
        stac: folder
            .join("sentinel2-zagreb/items.json")
            .display()
            .to_string(),
        collection: Some("sentinel-2-l2a".to_owned()),
        query: None,
        profile: None,
        bands: vec![asset("red"), asset("nir")],
        mask: Some(MaskSpec { asset: None }),
    };
    let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    source
        .search(
            &spec,
            ZAGREB,
            time("2023-08-13T00:00:00Z"),
            time("2023-08-18T00:00:00Z"),
        )
        .await
        .unwrap()
}

const ZAGREB: Bounds = Bounds {
    west: 15.5,
    south: 45.8,
    east: 16.0,
    north: 46.2,
};

#[tokio::test]
async fn a_real_item_collection_has_its_scenes_by_overpass() {
    let Some(folder) = test_data() else {
        return;
    };
    let source = source(SourceConfig::default());
    let scenes = zagreb(&source, &folder).await;
    let items = std::fs::read_to_string(folder.join("sentinel2-zagreb/items.json")).unwrap();
    let items: serde_json::Value = serde_json::from_str(&items).unwrap();
    let stated = &items["features"][0]["assets"]["red"]["proj:transform"][0];
    assert_eq!(stated.as_f64(), Some(10.0));
    let found: Vec<(&str, &str)> = scenes
        .iter()
        .map(|scene| (scene.overpass.as_str(), scene.id.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("GS2A_20230815T095031_042547", "S2A_33TWL_20230815_0_L2A"),
            ("GS2A_20230815T095031_042547", "S2A_33TWM_20230815_0_L2A"),
            ("GS2B_20230813T095559_033610", "S2B_33TWL_20230813_0_L2A"),
            ("GS2B_20230813T095559_033610", "S2B_33TWM_20230813_0_L2A"),
        ]
    );
    for scene in &scenes {
        assert!(scene.overlaps(&ZAGREB));
        assert!(scene.bands.iter().all(|band| band.offset.abs() < 0.5));
        for image in scene.bands.iter().map(|b| &b.asset).chain(&scene.mask) {
            let cog = source.open(image).await.unwrap();
            // The items describe the originals of 10 and 20 m. The file knows.
            let transform = cog.levels()[0].transform;
            assert_eq!(
                (transform.cell_width, transform.cell_height),
                (120.0, -120.0)
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_offset_shows_in_the_pixels_of_real_scenes() {
    let Some(folder) = test_data() else {
        return;
    };
    let source = source(SourceConfig::default());
    for scene in zagreb(&source, &folder).await {
        let baseline = scene.processing_baseline.as_deref();
        for band in &scene.bands {
            let cog = source.open(&band.asset).await.unwrap();
            let shape = cog.levels()[0].shape;
            let window = Window {
                row: 0,
                col: 0,
                rows: shape.rows,
                cols: shape.cols,
            };
            let patch = read::<u16>(&source, &cog, 0, window).await.unwrap();
            let mut audit = Audit::default();
            audit.add(&patch.raster.data);
            let delivered: Vec<u16> = (patch.raster.data.iter())
                .map(|dn| if *dn == 0 { 0 } else { dn + 1000 })
                .collect();
            let mut audit_of_delivered = Audit::default();
            audit_of_delivered.add(&delivered);
            // What is right is never doubted.
            assert_eq!(audit.verdict(0.0, baseline), None, "{}", scene.id);
            assert_eq!(audit_of_delivered.verdict(-1000.0, baseline), None);
            // What is wrong is, in visible light: plants are bright beyond it.
            if band.asset == scene.bands[0].asset {
                assert_eq!(
                    audit.verdict(-1000.0, baseline),
                    Some(Suspicion::SubtractedTwice)
                );
                assert_eq!(
                    audit_of_delivered.verdict(0.0, baseline),
                    Some(Suspicion::NotSubtracted)
                );
            }
        }
    }
}
