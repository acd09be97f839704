//! The map page and what it is made of, built into the binary.

use std::sync::Arc;

use axum::{
    Json,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use rust_embed::RustEmbed;

use super::{ApiError, AppState, links::base_url, ogc};

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

/// Nothing from anywhere else but the tiles of the base map, if there is one.
/// Leaflet sets a `data:` image on tiles it drops.
fn content_security_policy(base_map: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {base_map}; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
}

/// The map page, or the landing page of OGC API for who wants JSON. The page's links are
/// relative, so its address has to end with a slash.
pub(super) async fn page(
    State(state): State<Arc<AppState>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    if ogc::api::wants_json(uri.query().unwrap_or_default(), &headers) {
        let landing = ogc::api::landing(&base_url(&headers, &state.server));
        return ([(header::VARY, "accept")], Json(landing)).into_response();
    }
    if !path.ends_with('/') {
        let last = path.rsplit('/').next().unwrap_or_default();
        return Redirect::permanent(&format!("{last}/")).into_response();
    }
    let policy = content_security_policy(&state.server.base_map_host().unwrap_or_default());
    (
        [
            (header::CONTENT_SECURITY_POLICY, policy.as_str()),
            (header::VARY, "accept"),
        ],
        file::<Page>("index.html"),
    )
        .into_response()
}

/// A page with a map of the tiles that a TileJSON document tells of.
pub(super) fn of_tiles(base: &str, document: &str) -> Response {
    let [base, document] = [base, document].map(escaped);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>CubeTiler</title>\n\
         <link rel=\"stylesheet\" href=\"{base}/static/leaflet/leaflet.css\">\n\
         <link rel=\"stylesheet\" href=\"{base}/static/tilejson.css\">\n\
         <div id=\"map\" data-tilejson=\"{document}\"></div>\n\
         <script src=\"{base}/static/leaflet/leaflet.js\"></script>\n\
         <script type=\"module\" src=\"{base}/static/tilejson.js\"></script>\n</html>\n"
    );
    let policy = content_security_policy("");
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

/// A text as it stands in HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
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
