//! Why bytes do not come, and whether they may come later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::client::HttpError;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::HostError;

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
    pub(super) fn new(status: u16, headers: &HeaderMap, body: String) -> Self {
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

/// Why a request could not be signed. Shared, since many requests wait for one
/// signature.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no signature for {place}: {source}")]
pub struct SignatureError {
    /// What the signature is for.
    pub place: String,
    /// Why there is none.
    pub source: Arc<FetchError>,
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
    /// The request needs a signature, and there is none.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The host is not connected to.
    #[error(transparent)]
    Host(#[from] HostError),
    /// More names in a folder of a bucket than are looked at.
    #[error("more than {limit} names lie there, the most that is looked at")]
    TooMany {
        /// The most names looked at.
        limit: usize,
    },
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
            Self::Signature(error) => error.source.is_transient(),
            Self::Unreadable(_) | Self::Host(_) | Self::TooMany { .. } | Self::TooLarge { .. } => {
                false
            }
        }
    }

    /// Whether the server does not allow it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Status(refusal) if matches!(refusal.status, 401 | 403))
    }

    /// Whether it is no failure: the object is the one that was known.
    pub(super) fn is_unmodified(&self) -> bool {
        match self {
            Self::Status(refusal) => refusal.status == 304,
            Self::Unreadable(error) => error
                .downcast_ref::<object_store::Error>()
                .is_some_and(|error| matches!(error, object_store::Error::NotModified { .. })),
            Self::Connection(_)
            | Self::Signature(_)
            | Self::Host(_)
            | Self::TooMany { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// Whether there is nothing at the place, as the file system or the server
    /// says.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Status(refusal) => matches!(refusal.status, 404 | 410),
            Self::Unreadable(error) => error
                .downcast_ref::<object_store::Error>()
                .is_some_and(|error| matches!(error, object_store::Error::NotFound { .. })),
            Self::Connection(_)
            | Self::Signature(_)
            | Self::Host(_)
            | Self::TooMany { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// How long the server asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            Self::Signature(error) => error.source.retry_after(),
            Self::Connection(_)
            | Self::Unreadable(_)
            | Self::Host(_)
            | Self::TooMany { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The address is told by whoever made the request, without its secrets.
        let error = error.without_url();
        if let Some(refused) = host_error(&error) {
            return Self::Host(refused);
        }
        if error.is_redirect() || error.is_builder() {
            Self::Unreadable(Box::new(error))
        } else {
            Self::Connection(Box::new(error))
        }
    }
}

/// The reason that [`super::hosts`] gave, from under those of the client.
fn host_error(error: &(dyn std::error::Error + 'static)) -> Option<HostError> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<HostError>().cloned())
}

impl From<object_store::Error> for FetchError {
    fn from(error: object_store::Error) -> Self {
        let is_bucket_gone = matches!(error, object_store::Error::NotFound { .. })
            && ["NoSuchBucket", "ContainerNotFound"]
                .iter()
                .any(|code| answer_of(&error).contains(code));
        if is_bucket_gone {
            // Not one that may be missing, as a chunk.
            return Self::Unreadable("there is no such bucket".into());
        }
        let refused = if matches!(error, object_store::Error::PermissionDenied { .. }) {
            Some(403)
        } else if matches!(error, object_store::Error::Unauthenticated { .. }) {
            Some(401)
        } else {
            None
        };
        if let Some(status) = refused {
            return Self::Status(HttpStatus {
                status,
                retry_after: None,
                body: answer_of(&error),
            });
        }
        if let Some(refused) = host_error(&error) {
            return Self::Host(refused);
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut from_http = None;
        while let Some(current) = cause {
            if let Some(refusal) = current.downcast_ref::<HttpStatus>() {
                return Self::Status(refusal.clone());
            }
            if let Some(unsigned) = current.downcast_ref::<SignatureError>() {
                return Self::Signature(unsigned.clone());
            }
            if let Some(inner) = current.downcast_ref::<reqwest::Error>()
                && (inner.is_redirect() || inner.is_builder())
            {
                return Self::Unreadable(Box::new(error));
            }
            if current.is::<HttpError>() {
                from_http = Some(current);
            }
            cause = current.source();
        }
        match from_http {
            // What is around it tells the address with its secrets.
            Some(from_http) => Self::Connection(reasons(from_http).into()),
            None => Self::Unreadable(Box::new(error)),
        }
    }
}

/// What a bucket said when it refused. The store's error begins with what it
/// makes of it, "Server returned non-2xx status code: 403 Forbidden: ".
fn answer_of(error: &(dyn std::error::Error + 'static)) -> String {
    let last = std::iter::successors(Some(error), |error| error.source()).last();
    let text = last.map(ToString::to_string).unwrap_or_default();
    let answer = text.splitn(3, ": ").nth(2).unwrap_or_default();
    shortened(answer)
}

/// The beginning of an answer, to be shown.
pub(super) fn shortened(text: &str) -> String {
    /// The beginning of a refusal that is kept to be shown.
    const SHOWN: usize = 300;
    let text = text.trim();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// An error with its causes, in one line.
fn reasons(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(reason) = cause {
        let reason_text = reason.to_string();
        if !text.ends_with(&reason_text) {
            text = format!("{text}: {reason_text}");
        }
        cause = reason.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
