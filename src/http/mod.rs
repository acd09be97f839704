//! The surface: every route and every layer, in one place. The only module
//! that knows status codes.

mod about;
mod access;
mod algorithms;
mod colormaps;
mod connection;
mod coverage;
mod cubes;
mod dataset;
mod error;
mod external_info;
mod externals;
mod info;
mod jobs;
mod legend;
mod limits;
mod links;
mod looks;
mod ogc;
mod pictures;
mod polygons;
mod query;
mod rendered;
mod shown;
mod statistics;
mod systems;
mod tile_matrix_sets;
mod tiles;
mod tilesets;
mod titiler;
mod upkeep;
mod values;
mod viewer;
mod zarr;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate as _},
    },
    cors::{Any, CorsLayer},
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use utoipa::{
    OpenApi,
    openapi::{PathItem, RefOr, ResponseBuilder},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

pub use access::{Access, AuditError, Guard, Peer};
pub use connection::Connections;
pub use error::ApiError;

use crate::{
    build::Jobs,
    config::{Scope, ServerConfig},
    telemetry,
    tile::Tiles,
};

/// A request body has at most this many bytes: a fill is a few hundred.
const MAX_BODY: usize = 64 * 1024;

/// That of a new cube, whose recipe may hold the polygons of a country.
const MAX_RECIPE: usize = 1024 * 1024;

/// That of polygons.
const MAX_POLYGONS: usize = 2 * 1024 * 1024;

/// The media type of an `OpenAPI` document.
const OPENAPI: &str = "application/vnd.oai.openapi+json;version=3.1";

/// The media types of errors that are in a form already.
const OWN_ERRORS: [&str; 4] = [
    "application/problem+json",
    "application/xml",
    "text/xml",
    "application/vnd.ogc.se_xml",
];

/// What handlers share.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The tile flow.
    pub tiles: Tiles,
    /// The build flow.
    pub jobs: Jobs,
    /// Who may do what.
    pub guard: Arc<Guard>,
    /// How the server is offered.
    pub server: Arc<ServerConfig>,
    /// What was counted.
    pub metrics: PrometheusHandle,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "CubeTiler",
        description = "Map tiles from a Zarr data cube, and the builds that fill it. Where a token \
                       is needed, none and a wrong one are answered with 401, one without the scope \
                       or the cube with 403, and any after many wrong ones with 429."
    ),
    modifiers(&Security)
)]
struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        };
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        let in_address = ApiKey::Query(ApiKeyValue::new("access_token"));
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("admin", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("basic", http(HttpAuthScheme::Basic));
        components.add_security_scheme("access_token", SecurityScheme::ApiKey(in_address));
        // Of what does not say otherwise. Nothing at all is enough where everybody may
        // read.
        let one = |name: &str| SecurityRequirement::new(name, [] as [&str; 0]);
        api.security = Some(vec![
            SecurityRequirement::default(),
            one("bearer"),
            one("basic"),
            one("access_token"),
        ]);
    }
}

/// All routes but those of the page, in the groups of [`access`]. Each is in the group
/// of the least scope that it needs.
fn documented(state: &Arc<AppState>) -> OpenApiRouter<Arc<AppState>> {
    let admin = |scope| middleware::from_fn_with_state((Arc::clone(state), scope), access::admin);
    let reading = middleware::from_fn_with_state(Arc::clone(state), access::reading);
    let limit = RequestBodyLimitLayer::new;
    let made = OpenApiRouter::new().routes(routes!(upkeep::create));
    OpenApiRouter::with_openapi(Api::openapi())
        .merge(of_readers().route_layer(reading.clone()))
        .merge(of_fillers().route_layer(admin(Scope::Fill)))
        .merge(of_admins().route_layer(admin(Scope::Admin)))
        .layer(limit(MAX_BODY))
        .merge(
            titiler::of_polygons()
                .layer(limit(MAX_POLYGONS))
                .route_layer(reading.clone()),
        )
        .merge(
            made.layer(limit(MAX_RECIPE))
                .route_layer(admin(Scope::Admin)),
        )
        .routes(routes!(ogc::api::conformance))
        .routes(routes!(colormaps::list))
        .routes(routes!(colormaps::one))
        .routes(routes!(algorithms::list))
        .routes(routes!(algorithms::one))
        .routes(routes!(tile_matrix_sets::list))
        .routes(routes!(tile_matrix_sets::one))
        .routes(routes!(health))
        .routes(routes!(measured))
}

fn of_readers() -> OpenApiRouter<Arc<AppState>> {
    titiler::of_readers()
        .routes(routes!(cubes::list))
        .routes(routes!(cubes::one))
        .merge(of_programs())
        .routes(routes!(coverage::features))
        .routes(routes!(coverage::image))
        .routes(routes!(tiles::short))
        .routes(routes!(legend::png))
        .routes(routes!(legend::svg))
        .routes(routes!(legend::data))
}

/// What geographic programs read, of the group of readers.
fn of_programs() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(zarr::root))
        .routes(routes!(zarr::object))
        .routes(routes!(zarr::root_at))
        .routes(routes!(zarr::object_at))
        .routes(routes!(ogc::wmts::of_cube))
        .routes(routes!(ogc::wmts::of_server))
        .routes(routes!(ogc::wmts::kvp_of_cube))
        .routes(routes!(ogc::wmts::kvp_of_server))
        .routes(routes!(ogc::wmts::info))
        .routes(routes!(ogc::wms::of_cube))
        .routes(routes!(ogc::wms::of_server))
        .routes(routes!(ogc::api::collections))
        .routes(routes!(ogc::api::collection))
        .routes(routes!(ogc::tilesets::list))
        .routes(routes!(ogc::tilesets::one))
        .routes(routes!(ogc::tilesets::tile))
        .routes(routes!(ogc::dataset_tilesets::list))
        .routes(routes!(ogc::dataset_tilesets::one))
        .routes(routes!(ogc::dataset_tilesets::tile))
        .routes(routes!(ogc::stac::catalogue))
        .routes(routes!(ogc::stac::collections))
        .routes(routes!(ogc::stac::collection))
}

fn of_fillers() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(jobs::backfill))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::one, jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::events))
        .routes(routes!(jobs::timeline))
}

fn of_admins() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(jobs::history))
        .routes(routes!(jobs::rollback))
        .routes(routes!(upkeep::expire))
        .routes(routes!(upkeep::collect))
}

/// Everything the server answers.
pub fn router(state: &Arc<AppState>) -> Router {
    let (api, mut document) = documented(state).split_for_parts();
    // What takes the rest of an address is a parameter as any other there.
    let paths = std::mem::take(&mut document.paths.paths).into_iter();
    document.paths.paths = paths
        .map(|(path, item)| (path.replace("{*", "{"), in_time(item)))
        .collect();
    let prefix = state.server.root_path.clone();
    let timeout = Duration::from_secs(state.server.request_seconds);
    // Relative, so that the page works under any prefix.
    let swagger = SwaggerUi::new("/docs").config(SwaggerConfig::from("../openapi.json"));
    let document = Arc::new(document);
    let document = get(move || async move {
        let kind = [(header::CONTENT_TYPE, OPENAPI)];
        (kind, Json(document.as_ref().clone()))
    });
    let app = api
        .route("/openapi.json", document.clone())
        // TiTiler's addresses of the same.
        .route("/api", document)
        .route("/api.html", get(|| async { Redirect::permanent("docs/") }))
        .route("/", get(viewer::page))
        .route("/static/{*path}", get(viewer::asset))
        .merge(swagger)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(Arc::clone(state));
    let app = if prefix.is_empty() {
        app
    } else {
        // With the prefix for a proxy that keeps it, without for one that
        // takes it off.
        app.clone()
            .route(
                &format!("{prefix}/"),
                get(viewer::page).with_state(Arc::clone(state)),
            )
            .nest(&prefix, app)
    };
    app.layer(middleware::from_fn(count))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            timeout,
        ))
        .layer(CatchPanicLayer::new())
        .layer(middleware::map_response(explain))
        .layer(
            // Chunks are compressed already.
            CompressionLayer::new().compress_when(
                DefaultPredicate::new()
                    .and(NotForContentType::const_new("application/octet-stream")),
            ),
        )
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods(Any)
                // `*` does not stand for `Authorization`.
                .allow_headers([HeaderName::from_static("*"), header::AUTHORIZATION])
                .expose_headers(Any),
        )
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// Any answer may take too long.
fn in_time(mut item: PathItem) -> PathItem {
    let operations = [&mut item.get, &mut item.post, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        let late = ResponseBuilder::new()
            .description("It took too long")
            .build();
        let known = &mut operation.responses.responses;
        known.entry("504".to_owned()).or_insert(RefOr::T(late));
    }
    item
}

/// The matched route, never the URI, which has as many values as there are
/// tiles.
fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str);
    let id = request.headers().get("x-request-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), route, id)
}

async fn count(request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!(telemetry::REQUESTS, "method" => method, "route" => route, "status" => status)
        .increment(1);
    response
}

/// Puts into the form of all errors what the layers answer of themselves.
async fn explain(response: Response) -> Response {
    let status = response.status();
    let is_ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| OWN_ERRORS.contains(&kind));
    let sentence = match status {
        _ if is_ours => return response,
        StatusCode::GATEWAY_TIMEOUT => "the answer took too long",
        StatusCode::PAYLOAD_TOO_LARGE => "the request's body is too large",
        StatusCode::INTERNAL_SERVER_ERROR => "the server has a bug; its log tells more",
        _ => return response,
    };
    ApiError::new(status, sentence).into_response()
}

async fn no_route(uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at {}", uri.path()),
    )
}

async fn no_method() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this route does not know the method; /docs/ tells which it knows",
    )
}

/// Whether the server answers.
#[utoipa::path(get, path = "/healthz", tag = "server", responses((status = 200, description = "It does")))]
async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}

/// What was counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses((status = 200, description = "Text", content_type = "text/plain")))]
async fn measured(State(state): State<Arc<AppState>>) -> Response {
    state.metrics.render().into_response()
}
