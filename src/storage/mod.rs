//! Where documents, images and stores lie, and how their bytes are read: local
//! files, http(s) addresses and buckets. Nothing here retries, but for buckets,
//! which ask for it when they are busy; [`FetchError`] tells whether trying
//! again makes sense.

mod bucket;
mod client;
mod cloud;
mod error;
mod hosts;
mod local;
mod location;
mod object;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use object_store::RetryConfig;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use reqwest::Url;
use reqwest::redirect::{Action, Attempt, Policy};

use self::client::CheckedClient;
use self::cloud::Buckets;
use self::hosts::Resolver;
use self::object::collect;

pub use self::bucket::{Bucket, BucketSettings, Environment, Provider, S3Config};
pub use self::cloud::Listing;
pub use self::error::{FetchError, HttpStatus, SignatureError};
pub use self::hosts::{HostError, Hosts};
pub use self::local::read_local;
pub use self::location::{Location, LocationError};
pub use self::object::{Newest, Object, Part};

/// How servers are talked to.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// How long a server may be silent, and a connection may take.
    pub silence: Duration,
    /// How many redirects are followed, to http(s) addresses only.
    pub redirects: usize,
    /// Which hosts are connected to.
    pub hosts: Hosts,
}

/// What is added to the query of every request for an object. It may change
/// while the object is read, is no part of its address, and is never shown.
pub trait Signature: std::fmt::Debug + Send + Sync {
    /// The query as of now, without a leading `?`.
    fn query(&self) -> BoxFuture<'static, Result<Arc<str>, SignatureError>>;
}

/// Reads from any [`Location`]. Clones share their pools of connections.
#[derive(Clone, Debug)]
pub struct Storage {
    client: reqwest::Client,
    /// That for no host that was named.
    base: reqwest::Client,
    settings: Arc<HttpSettings>,
    hosts: Hosts,
    /// Those for hosts that the user named. Only what is in a configuration or a
    /// recipe is named, so there are few.
    clients: Arc<Mutex<HashMap<Arc<str>, reqwest::Client>>>,
    buckets: Buckets,
}

/// Bytes of a refusal that are read, to be shown.
const MOST_REFUSAL: usize = 1200;

impl Storage {
    /// # Errors
    /// If the TLS library cannot be set up.
    pub fn new(settings: HttpSettings) -> Result<Self, FetchError> {
        let hosts = settings.hosts.clone();
        // Buckets are named by the user alone, and their servers and those of their
        // credentials often have addresses that are not public.
        let buckets = builder(&settings).build()?;
        let base = guarded(&settings, &hosts).build()?;
        Ok(Self {
            client: base.clone(),
            base,
            buckets: Buckets::new(BucketSettings::default(), buckets),
            settings: Arc::new(settings),
            hosts,
            clients: Arc::default(),
        })
    }

    /// The same, which also connects to the host of an address that the user gave,
    /// whatever address it has, and to no host that was named before. Those of the
    /// same host share a pool of connections.
    #[must_use]
    pub fn naming(&self, address: &str) -> Self {
        let hosts = self.hosts.naming(address);
        let Some(host) = hosts.named() else {
            return self.unnamed();
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match clients.get(host) {
            Some(client) => client.clone(),
            None => match guarded(&self.settings, &hosts).build() {
                Ok(client) => clients.entry(Arc::clone(host)).or_insert(client).clone(),
                Err(error) => {
                    // One could be set up before. What it may not read is told then.
                    tracing::error!(%error, "a client of {host} cannot be set up");
                    return self.unnamed();
                }
            },
        };
        drop(clients);
        Self {
            client,
            hosts,
            ..self.clone()
        }
    }

    fn unnamed(&self) -> Self {
        Self {
            client: self.base.clone(),
            hosts: self.hosts.naming(""),
            ..self.clone()
        }
    }

    /// The host that was named.
    #[must_use]
    pub fn named_host(&self) -> Option<&Arc<str>> {
        self.hosts.named()
    }

    /// The same, which finds buckets by these settings.
    #[must_use]
    pub fn with_buckets(self, settings: BucketSettings) -> Self {
        Self {
            buckets: self.buckets.with(settings),
            ..self
        }
    }

    /// How buckets are reached.
    #[must_use]
    pub fn bucket_settings(&self) -> &BucketSettings {
        self.buckets.settings()
    }

    /// What lies directly below a place in a bucket; more than `limit` names are
    /// an error.
    pub async fn list(&self, place: &Bucket, limit: usize) -> Result<Listing, FetchError> {
        self.buckets.connect(place)?.list(place.key(), limit).await
    }

    /// One that finds a host at an address of this machine, and also connects to
    /// that address.
    #[cfg(test)]
    pub(crate) fn finding(host: &str, address: std::net::SocketAddr) -> Self {
        let settings = HttpSettings {
            silence: Duration::from_secs(5),
            redirects: 1,
            hosts: Hosts::default(),
        };
        let hosts = settings.hosts.naming(&format!("http://{address}"));
        let client = guarded(&settings, &hosts).resolve(host, address);
        Self {
            client: client.build().unwrap(),
            hosts,
            ..Self::new(settings).unwrap()
        }
    }

    /// A request to be completed and given to [`Storage::send`].
    pub fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads at most `limit` bytes of the answer.
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        limit: u64,
    ) -> Result<Bytes, FetchError> {
        let (client, request) = request.build_split();
        let request = request?;
        self.hosts.check(request.url())?;
        let response = client.execute(request).await?;
        let status = response.status();
        if status.is_success() {
            return collect(parts(response), limit).await;
        }
        let headers = response.headers().clone();
        let mut body = BytesMut::new();
        let mut parts = std::pin::pin!(parts(response));
        while let Some(Ok(part)) = parts.next().await {
            body.extend_from_slice(&part);
            if body.len() > MOST_REFUSAL {
                break;
            }
        }
        let shown = error::shortened(&String::from_utf8_lossy(&body));
        Err(FetchError::Status(HttpStatus::new(
            status.as_u16(),
            &headers,
            shown,
        )))
    }

    /// The file or remote object at `location`, to read parts of. Nothing is
    /// opened or asked for yet.
    pub fn object(&self, location: &Location) -> Result<Object, FetchError> {
        self.open(location, None)
    }

    /// The same for a remote object whose requests are signed.
    pub fn signed_object(
        &self,
        location: &Location,
        signature: Arc<dyn Signature>,
    ) -> Result<Object, FetchError> {
        self.open(location, Some(signature))
    }

    fn open(
        &self,
        location: &Location,
        signature: Option<Arc<dyn Signature>>,
    ) -> Result<Object, FetchError> {
        match location {
            Location::Local(path) => Ok(Object {
                store: Arc::new(LocalFileSystem::new()),
                path: Path::from_absolute_path(path)
                    .map_err(|error| FetchError::Unreadable(Box::new(error)))?,
                knows_suffixes: true,
            }),
            Location::Bucket(place) => {
                let connection = self.buckets.connect(place)?;
                Ok(Object {
                    store: connection.objects,
                    // Not encoded anew: a key is written as it is.
                    path: Path::parse(place.key())
                        .map_err(|error| FetchError::Unreadable(Box::new(error)))?,
                    knows_suffixes: connection.knows_suffixes,
                })
            }
            Location::Http(url) => {
                self.hosts.check(url)?;
                // The whole address is the store's and the path within it is
                // empty, so that a query (a signature) is sent and no segment
                // is encoded anew. All stores share one client, so one costs
                // nothing.
                let store = HttpBuilder::new()
                    .with_url(url.as_str())
                    .with_http_connector(CheckedClient::new(self.client.clone(), signature))
                    .with_retry(RetryConfig {
                        max_retries: 0,
                        ..RetryConfig::default()
                    })
                    .build()?;
                Ok(Object {
                    store: Arc::new(store),
                    path: Path::default(),
                    knows_suffixes: true,
                })
            }
        }
    }
}

/// A client that follows redirects to wherever `hosts` allows.
fn guarded(settings: &HttpSettings, hosts: &Hosts) -> reqwest::ClientBuilder {
    let (most, allowed) = (settings.redirects, hosts.clone());
    let policy = Policy::custom(move |attempt| match allowed.check(attempt.url()) {
        Ok(()) => follow(attempt, most),
        Err(error) => attempt.error(error),
    });
    builder(settings)
        .redirect(policy)
        .dns_resolver(Arc::new(Resolver(hosts.clone())))
}

fn builder(settings: &HttpSettings) -> reqwest::ClientBuilder {
    let most = settings.redirects;
    reqwest::Client::builder()
        .user_agent(concat!("cubetiler/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.silence)
        .read_timeout(settings.silence)
        .redirect(Policy::custom(move |attempt| follow(attempt, most)))
}

fn follow(attempt: Attempt<'_>, most: usize) -> Action {
    if attempt.previous().len() > most {
        attempt.error(format!("more than {most} redirects"))
    } else if matches!(attempt.url().scheme(), "http" | "https") {
        attempt.follow()
    } else {
        attempt.error("a redirect to an address that is not http(s)")
    }
}

/// The parts of an answer's body as they come.
fn parts(response: reqwest::Response) -> impl Stream<Item = Result<Bytes, FetchError>> {
    futures::stream::try_unfold(response, |mut response| async move {
        Ok(response.chunk().await?.map(|part| (part, response)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_local_file_is_read_in_parts_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ten bytes");
        std::fs::write(&path, b"0123456789").unwrap();
        let storage = Storage::new(HttpSettings {
            silence: Duration::from_secs(1),
            redirects: 1,
            hosts: Hosts::default(),
        })
        .unwrap();
        let object = storage.object(&Location::Local(path)).unwrap();
        let part = object.range(2..5).await.unwrap();
        assert_eq!((&part.bytes[..], part.size), (&b"234"[..], 10));
        assert_eq!(&object.range(8..20).await.unwrap().bytes[..], b"89");
        assert_eq!(&object.all(10).await.unwrap()[..], b"0123456789");
        assert!(matches!(
            object.all(9).await,
            Err(FetchError::TooLarge { limit: 9 })
        ));
    }
}
