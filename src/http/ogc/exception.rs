//! Errors in the form that clients of WMTS read.
//!
//! Source: OGC 06-121r3 (OWS Common 1.1.0), clause 8, and OGC 07-057r7 (WMTS 1.0.0),
//! tables 24, 28 and 31 of codes and their statuses.

use super::escaped;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::keys::Twice;
use crate::http::{ApiError, error::NO_STORE};

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Exception {
    code: &'static str,
    /// The key that is wrong.
    locator: Option<&'static str>,
    error: ApiError,
}

impl Exception {
    pub(super) fn missing(key: &'static str) -> Self {
        let detail = format!("`{key}` is missing");
        Self::new("MissingParameterValue", key, detail)
    }

    pub(super) fn invalid(key: &'static str, value: &str, right: &str) -> Self {
        let detail = format!("`{key}={value}`: {right}");
        Self::new("InvalidParameterValue", key, detail)
    }

    /// An error of the client with a code of its own.
    pub(super) fn new(code: &'static str, locator: &'static str, detail: String) -> Self {
        Self {
            code,
            locator: Some(locator),
            error: ApiError::new(StatusCode::BAD_REQUEST, detail),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn locator(&self) -> Option<&'static str> {
        self.locator
    }

    pub(super) fn error(&self) -> &ApiError {
        &self.error
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self {
            error: self.error.with_status(status),
            ..self
        }
    }
}

impl From<Twice> for Exception {
    fn from(Twice(key): Twice) -> Self {
        Self::new(
            "InvalidParameterValue",
            key,
            format!("`{key}` is given twice"),
        )
    }
}

impl From<ApiError> for Exception {
    fn from(error: ApiError) -> Self {
        let (code, error) = match error.status() {
            StatusCode::BAD_REQUEST => ("InvalidParameterValue", error),
            // The layer was found: it is its tile that is not there.
            StatusCode::NOT_FOUND => ("TileOutOfRange", error.with_status(StatusCode::BAD_REQUEST)),
            _ => ("NoApplicableCode", error),
        };
        Self {
            code,
            locator: None,
            error,
        }
    }
}

impl IntoResponse for Exception {
    fn into_response(self) -> Response {
        let locator = self.locator.map_or_else(String::new, |key| {
            format!(" locator=\"{}\"", key.to_ascii_lowercase())
        });
        let (code, detail) = (self.code, escaped(self.error.detail()));
        let text = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/ows/1.1 http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd" version="1.1.0" xml:lang="en">
  <Exception exceptionCode="{code}"{locator}>
    <ExceptionText>{detail}</ExceptionText>
  </Exception>
</ExceptionReport>
"#
        );
        let mut response = (
            self.error.status(),
            [(header::CONTENT_TYPE, "application/xml")],
            text,
        )
            .into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = self.error.seconds() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
