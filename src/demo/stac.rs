//! A STAC API over an archive, with the archive's files beside it, in this process.
//!
//! The API is stac-server with its memory back end. It filters by collection, id, box and time; it knows neither the
//! query nor the filter extension, and answers a search that names either with no items. Searches page by POST, the
//! collection's items by GET; a search by GET that needs a second page fails, since stac-server cannot encode it.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::Router;
use serde_json::{Value, json};
use stac::{Item, api::TransactionClient};
use stac_server::{Api, MemoryBackend, routes};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use super::{
    archive::Archive,
    items::{COLLECTION, SYNTHETIC},
};

const FILES: &str = "/files";

/// Why the API could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The collection or an item is not valid STAC.
    #[error("the archive's {what} is not valid STAC")]
    Stac {
        /// The document.
        what: String,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// The back end refused a document or the root URL.
    #[error("the STAC API refused the archive")]
    Api(#[from] stac_server::Error),
    /// The listener failed.
    #[error("the STAC API stopped serving")]
    Io(#[from] io::Error),
}

/// Serves the archive's STAC API at `/` and its files under `/files/` until `shutdown` completes. Hrefs point at the
/// listener's own address.
///
/// # Errors
/// If the archive's items are not STAC, or the listener fails.
pub async fn serve(
    archive: Archive,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let router = router(archive, &root_url(listener.local_addr()?)).await?;
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await?;
    Ok(())
}

/// The URL under which a listener on this machine is reached.
#[must_use]
pub fn root_url(address: SocketAddr) -> String {
    let host = if address.ip().is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        address.ip()
    };
    format!("http://{}", SocketAddr::new(host, address.port()))
}

async fn router(archive: Archive, root: &str) -> Result<Router, ServeError> {
    let mut backend = MemoryBackend::new();
    // The back end takes items of collections it knows only.
    backend
        .add_collection(parse("collection", collection(&archive.items))?)
        .await?;
    for mut item in archive.items {
        absolute(&mut item, root);
        let what = item["id"].as_str().unwrap_or("item").to_owned();
        backend.add_item(parse::<Item>(&what, item)?).await?;
    }
    let api = Api::new(backend, root)?
        .id("cubetiler-demo")
        .description(SYNTHETIC);
    Ok(routes::from_api(api).nest_service(FILES, ServeDir::new(archive.directory)))
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, document: Value) -> Result<T, ServeError> {
    serde_json::from_value(document).map_err(|source| ServeError::Stac {
        what: what.to_owned(),
        source,
    })
}

/// Turns hrefs relative to the archive into URLs.
fn absolute(item: &mut Value, root: &str) {
    let assets = item["assets"].as_object_mut().into_iter().flatten();
    for (_, asset) in assets {
        if let Some(href) = asset["href"].as_str() {
            asset["href"] = format!("{root}{FILES}/{href}").into();
        }
    }
}

/// The collection document, with the extent of these items.
fn collection(items: &[Value]) -> Value {
    let edge = |index: usize, outer: fn(f64, f64) -> f64| {
        items
            .iter()
            .filter_map(|item| item["bbox"][index].as_f64())
            .reduce(outer)
    };
    let bbox = [
        edge(0, f64::min),
        edge(1, f64::min),
        edge(2, f64::max),
        edge(3, f64::max),
    ];
    // Times of one format and zone sort as text.
    let times = || {
        items
            .iter()
            .filter_map(|item| item["properties"]["datetime"].as_str())
    };
    json!({
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": COLLECTION,
        "title": "Sentinel-2 Level-2A (synthetic)",
        "description": SYNTHETIC,
        "keywords": ["synthetic", "demo"],
        "license": "CC0-1.0",
        "providers": Vec::<Value>::from([json!({
            "name": "CubeTiler demo",
            "description": SYNTHETIC,
            "roles": ["producer", "processor", "host"],
        })]),
        "extent": {
            "spatial": { "bbox": [bbox.map(Option::unwrap_or_default)] },
            "temporal": { "interval": [[times().min(), times().max()]] },
        },
        "links": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{
        acquisition::Acquisition,
        archive::{ArchiveOptions, generate_with},
        imagery::{Formula, Scl},
        plane::Bounds,
    };
    use reqwest::{Client, RequestBuilder, StatusCode, header::RANGE};
    use std::collections::BTreeSet;
    use tokio::{sync::oneshot, task::JoinHandle};

    /// A served archive of two dates in two zones.
    struct Served {
        root: String,
        client: Client,
        stop: oneshot::Sender<()>,
        server: JoinHandle<Result<(), ServeError>>,
        _folder: tempfile::TempDir,
    }

    impl Served {
        async fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let options = ArchiveOptions {
                imagery: "flat 1".to_owned(),
                bounds: Bounds {
                    west: 5.98,
                    south: 43.05,
                    east: 6.02,
                    north: 43.1,
                },
                cell_size: 200.0,
                overlap: 1.0,
                tile_size: 16,
                acquisitions: ["2023-08-02", "2023-08-12"]
                    .map(|date| Acquisition::on(date.parse().unwrap()))
                    .to_vec(),
            };
            let flat = || Formula(|_: &Acquisition, _| ([1000; 4], Scl::Vegetation));
            let archive =
                generate_with(&folder.path().join("archive"), &options, flat, |_, _| {}).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let root = root_url(listener.local_addr().unwrap());
            let (stop, stopped) = oneshot::channel::<()>();
            let server = tokio::spawn(serve(archive, listener, async {
                stopped.await.ok();
            }));
            Self {
                root,
                client: Client::new(),
                stop,
                server,
                _folder: folder,
            }
        }

        async fn get(&self, path: &str) -> Value {
            let url = if path.starts_with("http") {
                path.to_owned()
            } else {
                format!("{}{path}", self.root)
            };
            answer(self.client.get(url)).await
        }

        async fn post(&self, url: &str, body: &Value) -> Value {
            answer(self.client.post(url).json(body)).await
        }

        async fn stop(self) {
            drop(self.client);
            self.stop.send(()).unwrap();
            self.server.await.unwrap().unwrap();
        }
    }

    async fn answer(request: RequestBuilder) -> Value {
        let response = request.send().await.unwrap();
        response.error_for_status().unwrap().json().await.unwrap()
    }

    fn next(page: &Value) -> Option<&Value> {
        page["links"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["rel"] == "next")
    }

    fn ids(page: &Value) -> Vec<String> {
        page["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_search_pages_through_all_items() {
        let served = Served::start().await;
        let search =
            json!({ "collections": [COLLECTION], "bbox": [5.99, 43.06, 6.01, 43.09], "limit": 3 });
        let first = served
            .post(&format!("{}/search", served.root), &search)
            .await;
        let link = next(&first).unwrap();
        let second = served
            .post(link["href"].as_str().unwrap(), &link["body"])
            .await;
        assert!(next(&second).is_none());
        let found: BTreeSet<String> = ids(&first).into_iter().chain(ids(&second)).collect();
        assert_eq!((ids(&first).len(), found.len()), (3, 4));
        served.stop().await;
    }

    #[tokio::test]
    async fn the_items_of_the_collection_page_by_get() {
        let served = Served::start().await;
        let first = served
            .get(&format!("/collections/{COLLECTION}/items?limit=3"))
            .await;
        let second = served
            .get(next(&first).unwrap()["href"].as_str().unwrap())
            .await;
        assert_eq!(ids(&second).len(), 1);
        assert!(!ids(&first).contains(&ids(&second)[0]));
        served.stop().await;
    }

    #[tokio::test]
    async fn a_search_by_time_and_place_finds_the_pictures_of_that_time_and_place() {
        let served = Served::start().await;
        let search = |bbox: [f64; 4]| {
            json!({
                "collections": [COLLECTION], "bbox": bbox, "datetime": "2023-08-12T00:00:00Z/2023-08-12T23:59:59Z",
            })
        };
        let url = format!("{}/search", served.root);
        let here = served.post(&url, &search([5.99, 43.06, 6.01, 43.09])).await;
        assert_eq!(
            ids(&here),
            ["S2A_31TGH_20230812_0_L2A", "S2A_32TKN_20230812_0_L2A"]
        );
        let elsewhere = served.post(&url, &search([7.0, 43.0, 7.1, 43.1])).await;
        assert!(ids(&elsewhere).is_empty());
        served.stop().await;
    }

    #[tokio::test]
    async fn a_range_of_an_asset_is_partial_content() {
        let served = Served::start().await;
        let items = served
            .get(&format!("/collections/{COLLECTION}/items?limit=1"))
            .await;
        let href = items["features"][0]["assets"]["red"]["href"]
            .as_str()
            .unwrap();
        let answer = served
            .client
            .get(href)
            .header(RANGE, "bytes=0-3")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.bytes().await.unwrap().as_ref(), b"II*\0");
        served.stop().await;
    }

    #[tokio::test]
    async fn the_collection_says_that_the_imagery_is_synthetic_and_where_and_when_it_lies() {
        let served = Served::start().await;
        let collection = served.get(&format!("/collections/{COLLECTION}")).await;
        assert!(
            collection["description"]
                .as_str()
                .unwrap()
                .contains("Synthetic")
        );
        let west = collection["extent"]["spatial"]["bbox"][0][0]
            .as_f64()
            .unwrap();
        assert!((5.9..5.98).contains(&west), "{west}");
        assert!(
            collection["extent"]["temporal"]["interval"][0][1]
                .as_str()
                .unwrap()
                .starts_with("2023-08-12")
        );
        served.stop().await;
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_the_loopback() {
        assert_eq!(
            root_url("0.0.0.0:8080".parse().unwrap()),
            "http://127.0.0.1:8080"
        );
        assert_eq!(root_url("[::1]:8080".parse().unwrap()), "http://[::1]:8080");
    }
}
