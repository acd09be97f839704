//! The map page and what it is made of, built into the binary.

use axum::{
    extract::{OriginalUri, Path},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use rust_embed::RustEmbed;

use super::ApiError;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Page;

/// Leaflet as its package on npm has it.
#[derive(RustEmbed)]
#[folder = "node_modules/leaflet/dist/"]
#[include = "leaflet.js"]
#[include = "leaflet.css"]
#[include = "images/*"]
struct Leaflet;

/// Nothing from anywhere else. Leaflet sets a `data:` image on tiles it drops.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
);

/// The page's links are relative, so its address has to end with a slash.
pub(super) async fn page(OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        return Redirect::permanent(&format!("{last}/")).into_response();
    }
    let mut response = file::<Page>("index.html").into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

pub(super) async fn asset(Path(path): Path<String>) -> Response {
    match path.strip_prefix("leaflet/") {
        Some(path) => file::<Leaflet>(path),
        None => file::<Page>(&path),
    }
    .into_response()
}

fn file<E: RustEmbed>(path: &str) -> Result<Response, ApiError> {
    let file = E::get(path)
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, format!("there is no file {path}")))?;
    let kind = file.metadata.mimetype().to_owned();
    // Revalidated, so that a new version of the program shows at once.
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    Ok((headers, file.data.into_owned()).into_response())
}
