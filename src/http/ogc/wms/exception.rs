//! Errors in the forms that clients of a Web Map Service ask for.
//!
//! Sources: OGC 06-042, clause 6.11 and annex E.2; OGC 01-068r3, annex A.3.

use crate::http::ogc::escaped;
use std::fmt::Write as _;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

use super::{Version, map};
use crate::{
    grid::Shape,
    http::{
        AppState,
        error::NO_STORE,
        ogc::{exception::Exception, keys::Keys},
    },
    render::ImageFormat,
};

/// How an error is told.
pub(super) struct Form {
    version: Version,
    /// In its place a picture of this size and format without a thing on it.
    blank: Option<(Shape, ImageFormat, Option<[u8; 3]>)>,
}

impl Form {
    pub(super) const XML: Self = Self {
        version: Version::V130,
        blank: None,
    };

    /// What a request asks for; XML, if it cannot be had.
    pub(super) fn of(keys: &Keys) -> Self {
        let form = keys.get("EXCEPTIONS").unwrap_or("XML").to_ascii_uppercase();
        let wants_blank = form == "BLANK" || form == "APPLICATION/VND.OGC.SE_BLANK";
        let blank = || {
            let shape = map::shape_of(keys).ok()?;
            let format = map::image_format_of(keys).ok()??;
            let background = map::background_of(keys, format).ok()?;
            Some((shape, format, background))
        };
        Self {
            version: Version::of(keys),
            blank: wants_blank.then(blank).flatten(),
        }
    }
}

pub(super) async fn answer(state: &AppState, error: &Exception, form: &Form) -> Response {
    if let Some((shape, format, background)) = form.blank {
        return map::blank(state, shape, format, background)
            .await
            .unwrap_or_else(|error| report(&error.into(), form.version));
    }
    report(error, form.version)
}

fn report(exception: &Exception, version: Version) -> Response {
    let mut attributes = format!(" code=\"{}\"", exception.code());
    if let (Some(key), Version::V130) = (exception.locator(), version) {
        let _infallible = write!(attributes, " locator=\"{key}\"");
    }
    let error = exception.error();
    let detail = escaped(error.detail());
    let (head, root) = match version {
        Version::V111 => (
            "<!DOCTYPE ServiceExceptionReport SYSTEM \
             \"http://schemas.opengis.net/wms/1.1.1/exception_1_1_1.dtd\">\n",
            "version=\"1.1.1\"",
        ),
        Version::V130 => (
            "",
            "version=\"1.3.0\" xmlns=\"http://www.opengis.net/ogc\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"http://www.opengis.net/ogc \
             http://schemas.opengis.net/wms/1.3.0/exceptions_1_3_0.xsd\"",
        ),
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{head}<ServiceExceptionReport {root}>\n  \
         <ServiceException{attributes}>{detail}</ServiceException>\n</ServiceExceptionReport>\n"
    );
    let kind = version.exception_type();
    let mut response = (error.status(), [(header::CONTENT_TYPE, kind)], text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if let Some(seconds) = error.seconds() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
