//! Why bytes do not come, and whether they may come later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::client::HttpError;
use reqwest::header::{HeaderMap, RETRY_AFTER};

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
            Self::Unreadable(_) | Self::TooLarge { .. } => false,
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
            Self::Connection(_) | Self::Signature(_) | Self::TooLarge { .. } => false,
        }
    }

    /// How long the server asks to wait before the next try.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(refusal) => refusal.retry_after,
            Self::Signature(error) => error.source.retry_after(),
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
