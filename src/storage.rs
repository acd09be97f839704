//! Where documents and images lie, and how their bytes are read: local files
//! and http(s) addresses. Nothing here retries; [`FetchError`] tells whether
//! trying again makes sense.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore, RetryConfig};
use reqwest::Url;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A place that a document or an image is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An absolute path of the local file system.
    Local(PathBuf),
    /// An `http` or `https` address.
    Http(Url),
}

/// Why a text names no place that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Not an address, and not an absolute path.
    #[error("`{href}` is neither an absolute path nor an address: {reason}")]
    Malformed {
        /// The text.
        href: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An `s3://` address.
    #[error(
        "`{href}`: s3:// is not supported yet; a public object also has an https address, as {https}"
    )]
    S3 {
        /// The text.
        href: String,
        /// The address of the same object if its bucket is public.
        https: String,
    },
    /// Another scheme.
    #[error(
        "`{href}`: {scheme}: is not supported, only http(s) addresses and local files are read"
    )]
    Scheme {
        /// The text.
        href: String,
        /// Its scheme.
        scheme: String,
    },
    /// A local file, named by a document from elsewhere.
    #[error(
        "`{href}` is a local file, but {base} which names it is not: \
         a remote catalogue may not have local files read"
    )]
    LocalFromRemote {
        /// The text.
        href: String,
        /// The document that names it.
        base: String,
    },
}

impl Location {
    /// Reads an absolute path, a `file://` or an http(s) address.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| malformed(text, &error))?;
            return Self::from_url(url, text);
        }
        let path = PathBuf::from(text);
        if path.is_absolute() {
            Ok(Self::Local(path))
        } else {
            Err(malformed(text, &"the path is relative"))
        }
    }

    /// The place that `href` names in the document at this location. A remote
    /// document may only name remote places.
    pub fn join(&self, href: &str) -> Result<Self, LocationError> {
        let base = match self {
            Self::Local(path) => Url::from_file_path(path)
                .map_err(|()| malformed(&path.display().to_string(), &"the path is relative"))?,
            Self::Http(url) => url.clone(),
        };
        let url = base.join(href).map_err(|error| malformed(href, &error))?;
        let joined = Self::from_url(url, href)?;
        match (self, &joined) {
            (Self::Http(_), Self::Local(_)) => Err(LocationError::LocalFromRemote {
                href: href.to_owned(),
                base: self.to_string(),
            }),
            (Self::Local(_), _) | (_, Self::Http(_)) => Ok(joined),
        }
    }

    /// The place one path segment below this one, as `{api}/search`.
    #[must_use]
    pub fn child(&self, segment: &str) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.join(segment)),
            Self::Http(url) => {
                let mut url = url.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push(segment);
                }
                Self::Http(url)
            }
        }
    }

    fn from_url(url: Url, href: &str) -> Result<Self, LocationError> {
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => url
                .to_file_path()
                .map(Self::Local)
                .map_err(|()| malformed(href, &"the file address has a host")),
            "s3" => Err(LocationError::S3 {
                href: href.to_owned(),
                https: format!(
                    "https://{}.s3.amazonaws.com{}",
                    url.host_str().unwrap_or_default(),
                    url.path()
                ),
            }),
            scheme => Err(LocationError::Scheme {
                href: href.to_owned(),
                scheme: scheme.to_owned(),
            }),
        }
    }
}

fn malformed(href: &str, reason: &dyn fmt::Display) -> LocationError {
    LocationError::Malformed {
        href: href.to_owned(),
        reason: reason.to_string(),
    }
}

impl fmt::Display for Location {
    /// Without user information and query, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Http(url) => {
                let mut shown = url.clone();
                // Both only fail for addresses without a host, which http(s) ones have.
                let _ = shown.set_username("");
                let _ = shown.set_password(None);
                shown.set_query(None);
                shown.set_fragment(None);
                f.write_str(shown.as_str())?;
                if url.query().is_some() {
                    f.write_str("?…")?;
                }
                Ok(())
            }
        }
    }
}

/// A server's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpStatus {
    /// The status code.
    pub status: u16,
    /// How long the server asks to wait before the next try.
    pub retry_after: Option<Duration>,
    /// The beginning of the answer, if it was read.
    pub body: String,
}

impl HttpStatus {
    fn new(status: u16, headers: &HeaderMap, body: String) -> Self {
        Self {
            status,
            retry_after: retry_after(headers, Utc::now()),
            body,
        }
    }
}

impl fmt::Display for HttpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        if !self.body.is_empty() {
            write!(f, ": {}", self.body)?;
        }
        Ok(())
    }
}

impl std::error::Error for HttpStatus {}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or(Duration::ZERO))
}

/// Why bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server refused.
    #[error("{0}")]
    Status(HttpStatus),
    /// No answer, or one that broke off.
    #[error("the connection failed: {0}")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer that is of no use, or a local file that cannot be read.
    #[error("{0}")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More bytes than are taken.
    #[error("it has more than {limit} bytes, the most that is read")]
    TooLarge {
        /// The most bytes taken.
        limit: u64,
    },
}

impl FetchError {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status(refusal) => {
                matches!(refusal.status, 408 | 425 | 429) || refusal.status >= 500
            }
            Self::Connection(_) => true,
            Self::Unreadable(_) | Self::TooLarge { .. } => false,
        }
    }

    /// How long the server asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            Self::Connection(_) | Self::Unreadable(_) | Self::TooLarge { .. } => None,
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The address is told by whoever made the request, without its secrets.
        let error = error.without_url();
        if error.is_redirect() || error.is_builder() {
            Self::Unreadable(Box::new(error))
        } else {
            Self::Connection(Box::new(error))
        }
    }
}

impl From<object_store::Error> for FetchError {
    fn from(error: object_store::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut from_http = false;
        while let Some(current) = cause {
            if let Some(refusal) = current.downcast_ref::<HttpStatus>() {
                return Self::Status(refusal.clone());
            }
            if let Some(inner) = current.downcast_ref::<reqwest::Error>()
                && (inner.is_redirect() || inner.is_builder())
            {
                return Self::Unreadable(Box::new(error));
            }
            from_http |= current.is::<HttpError>();
            cause = current.source();
        }
        if from_http {
            Self::Connection(Box::new(error))
        } else {
            Self::Unreadable(Box::new(error))
        }
    }
}

/// How servers are talked to.
#[derive(Clone, Copy, Debug)]
pub struct HttpSettings {
    /// How long a server may be silent, and a connection may take.
    pub silence: Duration,
    /// How many redirects are followed, to http(s) addresses only.
    pub redirects: usize,
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
                    .with_http_connector(CheckedClient(self.client.clone()))
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
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
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

/// The shared client as a store's. It turns a refusal into an [`HttpStatus`]
/// in the chain of causes, since the store's own error keeps the status and
/// the wish of the server in private.
#[derive(Clone, Debug)]
struct CheckedClient(reqwest::Client);

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
            let response = HttpService::call(&self.0, request).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let refusal = HttpStatus::new(status.as_u16(), response.headers(), String::new());
            Err(HttpError::new(
                object_store::client::HttpErrorKind::Unknown,
                refusal,
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(text: &str) -> Location {
        Location::parse(text).unwrap()
    }

    #[test]
    fn an_href_is_resolved_against_its_document() {
        let items = Location::parse("/data/s2/items.json").unwrap();
        assert_eq!(
            items.join("S2A/B04.tif").unwrap(),
            Location::Local("/data/s2/S2A/B04.tif".into())
        );
        assert_eq!(
            items.join("../up%20one.tif").unwrap(),
            Location::Local("/data/up one.tif".into())
        );
        assert_eq!(
            items.join("https://example.com/a.tif?sig=1").unwrap(),
            http("https://example.com/a.tif?sig=1")
        );
        assert_eq!(
            http("https://example.com/c/item.json")
                .join("./B04.tif")
                .unwrap(),
            http("https://example.com/c/B04.tif")
        );
    }

    #[test]
    fn a_remote_document_cannot_name_a_local_file() {
        let remote = http("https://example.com/item.json");
        let error = remote.join("file:///etc/passwd").unwrap_err();
        assert!(matches!(error, LocationError::LocalFromRemote { .. }));
        // A path is the server's, not ours.
        assert_eq!(
            remote.join("/etc/passwd").unwrap(),
            http("https://example.com/etc/passwd")
        );
    }

    #[test]
    fn an_s3_address_is_refused_with_the_one_to_use() {
        let error = Location::parse("s3://sentinel-cogs/33/T/B04.tif").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("https://sentinel-cogs.s3.amazonaws.com/33/T/B04.tif")
        );
        let error = Location::parse("gs://bucket/a.tif").unwrap_err();
        assert!(error.to_string().contains("gs: is not supported"));
        assert!(Location::parse("items.json").is_err());
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let shown = http("https://me:pass@example.com/B04.tif?sig=secret").to_string();
        assert_eq!(shown, "https://example.com/B04.tif?…");
    }

    #[test]
    fn a_wish_to_wait_is_read_as_seconds_or_as_a_date() {
        let now = DateTime::parse_from_rfc3339("2024-01-01T00:00:00Z")
            .unwrap()
            .to_utc();
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Mon, 01 Jan 2024 00:00:20 GMT"),
            Some(Duration::from_secs(20))
        );
        assert_eq!(wait("Sun, 31 Dec 2023 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }

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
