//! Where documents and images lie, and how their bytes are read: local files
//! and http(s) addresses. Nothing here retries; [`FetchError`] tells whether
//! trying again makes sense.

mod error;
mod local;
mod location;

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService,
};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, RetryConfig};
use reqwest::Url;

pub use self::error::{FetchError, HttpStatus, SignatureError};
pub use self::local::read_local;
pub use self::location::{Location, LocationError};

/// How servers are talked to.
#[derive(Clone, Copy, Debug)]
pub struct HttpSettings {
    /// How long a server may be silent, and a connection may take.
    pub silence: Duration,
    /// How many redirects are followed, to http(s) addresses only.
    pub redirects: usize,
}

/// What is added to the query of every request for an object. It may change
/// while the object is read, is no part of its address, and is never shown.
pub trait Signature: std::fmt::Debug + Send + Sync {
    /// The query as of now, without a leading `?`.
    fn query(&self) -> BoxFuture<'static, Result<Arc<str>, SignatureError>>;
}

/// Reads from any [`Location`]. Clones share one pool of connections.
#[derive(Clone, Debug)]
pub struct Storage {
    client: reqwest::Client,
}

/// The beginning of a refusal that is kept to be shown.
const SHOWN_BODY: usize = 300;

impl Storage {
    /// # Errors
    /// If the TLS library cannot be set up.
    pub fn new(settings: HttpSettings) -> Result<Self, FetchError> {
        let redirects = settings.redirects;
        let policy = reqwest::redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > redirects {
                attempt.error(format!("more than {redirects} redirects"))
            } else if matches!(attempt.url().scheme(), "http" | "https") {
                attempt.follow()
            } else {
                attempt.error("a redirect to an address that is not http(s)")
            }
        });
        let client = reqwest::Client::builder()
            .user_agent(concat!("cubetiler/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.silence)
            .read_timeout(settings.silence)
            .redirect(policy)
            .build()?;
        Ok(Self { client })
    }

    /// One that finds a host at an address of this machine.
    #[cfg(test)]
    pub(crate) fn finding(host: &str, address: std::net::SocketAddr) -> Self {
        let client = reqwest::Client::builder().resolve(host, address);
        Self {
            client: client.build().unwrap(),
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
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return collect(parts(response), limit).await;
        }
        let headers = response.headers().clone();
        let mut body = BytesMut::new();
        let mut parts = std::pin::pin!(parts(response));
        while let Some(Ok(part)) = parts.next().await {
            body.extend_from_slice(&part);
            if body.len() > 4 * SHOWN_BODY {
                break;
            }
        }
        let text = String::from_utf8_lossy(&body);
        let mut shown: String = text.trim().chars().take(SHOWN_BODY).collect();
        if shown.len() < text.trim().len() {
            shown.push('…');
        }
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
            }),
            Location::Http(url) => {
                // The whole address is the store's and the path within it is
                // empty, so that a query (a signature) is sent and no segment
                // is encoded anew. All stores share one client, so one costs
                // nothing.
                let store = HttpBuilder::new()
                    .with_url(url.as_str())
                    .with_http_connector(CheckedClient {
                        client: self.client.clone(),
                        signature,
                    })
                    .with_retry(RetryConfig {
                        max_retries: 0,
                        ..RetryConfig::default()
                    })
                    .build()?;
                Ok(Object {
                    store: Arc::new(store),
                    path: Path::default(),
                })
            }
        }
    }
}

/// A file or a remote object. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

/// Bytes of an object.
#[derive(Clone, Debug)]
pub struct Part {
    /// The bytes, fewer than asked for if the object ends before.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub size: u64,
}

impl Object {
    /// Reads a byte range that begins within the object.
    pub async fn range(&self, range: Range<u64>) -> Result<Part, FetchError> {
        self.part(GetRange::Bounded(range)).await
    }

    /// Reads the last bytes of the object.
    pub async fn last(&self, bytes: u64) -> Result<Part, FetchError> {
        self.part(GetRange::Suffix(bytes)).await
    }

    async fn part(&self, range: GetRange) -> Result<Part, FetchError> {
        let options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&self.path, options).await?;
        let size = result.meta.size;
        let length = result.range.end - result.range.start;
        let bytes = match result.payload {
            GetResultPayload::Stream(stream) => {
                collect(stream.map(|part| part.map_err(FetchError::from)), length).await?
            }
            GetResultPayload::File(..) => result.bytes().await?,
        };
        if (bytes.len() as u64) < length {
            return Err(FetchError::Connection("the answer breaks off".into()));
        }
        Ok(Part { bytes, size })
    }

    /// Reads the whole object if it has at most `limit` bytes.
    pub async fn all(&self, limit: u64) -> Result<Bytes, FetchError> {
        let result = self
            .store
            .get_opts(&self.path, GetOptions::default())
            .await?;
        if result.meta.size > limit {
            return Err(FetchError::TooLarge { limit });
        }
        match result.payload {
            GetResultPayload::Stream(stream) => {
                collect(stream.map(|part| part.map_err(FetchError::from)), limit).await
            }
            GetResultPayload::File(..) => Ok(result.bytes().await?),
        }
    }
}

/// The parts of an answer's body as they come.
fn parts(response: reqwest::Response) -> impl Stream<Item = Result<Bytes, FetchError>> {
    futures::stream::try_unfold(response, |mut response| async move {
        Ok(response.chunk().await?.map(|part| (part, response)))
    })
}

/// Joins the parts of an answer, whatever length it claims to have.
async fn collect(
    parts: impl Stream<Item = Result<Bytes, FetchError>>,
    limit: u64,
) -> Result<Bytes, FetchError> {
    let mut parts = std::pin::pin!(parts);
    let mut bytes = BytesMut::new();
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part?);
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { limit });
        }
    }
    Ok(bytes.freeze())
}

/// The shared client as a store's. It signs requests, unseen by the store, which
/// tells addresses in its errors. It turns a refusal into an [`HttpStatus`]
/// in the chain of causes, since the store's own error keeps the status and
/// the wish of the server in private.
#[derive(Clone, Debug)]
struct CheckedClient {
    client: reqwest::Client,
    signature: Option<Arc<dyn Signature>>,
}

impl CheckedClient {
    async fn sign(&self, mut request: HttpRequest) -> Result<HttpRequest, HttpError> {
        let unusable = HttpErrorKind::Unknown;
        if let Some(signature) = &self.signature {
            let query = signature
                .query()
                .await
                .map_err(|error| HttpError::new(unusable, error))?;
            let uri = request.uri();
            let joint = if uri.query().is_some() { '&' } else { '?' };
            *request.uri_mut() = format!("{uri}{joint}{query}")
                .parse()
                .map_err(|error| HttpError::new(unusable, error))?;
        }
        Ok(request)
    }
}

impl HttpConnector for CheckedClient {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for CheckedClient {
    // Written out as `#[async_trait]` would.
    fn call<'a, 'f>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let request = self.sign(request).await?;
            let response = HttpService::call(&self.client, request).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let refusal = HttpStatus::new(status.as_u16(), response.headers(), String::new());
            Err(HttpError::new(HttpErrorKind::Unknown, refusal))
        })
    }
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
