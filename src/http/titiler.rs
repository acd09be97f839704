//! The routes that there are twice: of a cube or data set by its name, and of a data set that
//! a request names by `url`, as `TiTiler` has them.

use std::sync::Arc;

use axum::{
    middleware,
    routing::{MethodRouter, get, post},
};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

use super::{
    AppState, about, cubes, dataset, error, info, pictures, polygons, statistics, tiles, tilesets,
    values,
};

/// What there is of a cube and, in the same way, of a data set that a request names by
/// `url`.
pub(super) fn of_readers() -> OpenApiRouter<Arc<AppState>> {
    let both = [
        routes!(cubes::tilejson),
        routes!(values::point),
        routes!(values::series),
        routes!(values::bbox),
        routes!(statistics::statistics),
        routes!(info::info),
        routes!(info::feature),
        routes!(info::bounds),
        routes!(pictures::preview),
        routes!(pictures::preview_of_size),
        routes!(pictures::rectangle_of_size),
        routes!(tilesets::list),
        routes!(tilesets::one),
        routes!(tilesets::map),
        routes!(tiles::tile),
        routes!(dataset::keys),
        routes!(dataset::dict),
        routes!(dataset::dimensions),
        routes!(dataset::coordinate),
        routes!(dataset::page),
        routes!(dataset::validate),
    ];
    let router = with_extensions(OpenApiRouter::new(), "preview", &get(pictures::preview));
    both.into_iter().fold(router, both_ways)
}

/// The same of what is sent, whose bodies may hold polygons.
pub(super) fn of_polygons() -> OpenApiRouter<Arc<AppState>> {
    let both = [
        routes!(statistics::of_polygons),
        routes!(polygons::feature),
        routes!(polygons::feature_of_size),
    ];
    let router = with_extensions(OpenApiRouter::new(), "feature", &post(polygons::feature));
    both.into_iter().fold(router, both_ways)
}

/// The same route of cubes, and of data sets that a request names, with each extension.
fn with_extensions(
    router: OpenApiRouter<Arc<AppState>>,
    name: &str,
    route: &MethodRouter<Arc<AppState>>,
) -> OpenApiRouter<Arc<AppState>> {
    (pictures::EXTENSIONS.iter()).fold(router, |router, extension| {
        let by_name = format!("/cubes/{{cube}}/{name}.{extension}");
        let by_url = format!("/zarr/{name}.{extension}");
        (router.route(&by_name, route.clone())).route(&by_url, titilers(route.clone()))
    })
}

/// A route that is `TiTiler`'s.
fn titilers(route: MethodRouter<Arc<AppState>>) -> MethodRouter<Arc<AppState>> {
    route.layer(middleware::map_response(error::as_titiler))
}

fn both_ways(
    router: OpenApiRouter<Arc<AppState>>,
    (schemas, paths, route): UtoipaMethodRouter<Arc<AppState>>,
) -> OpenApiRouter<Arc<AppState>> {
    let by_url = (
        schemas.clone(),
        about::by_url(paths.clone()),
        titilers(route.clone()),
    );
    router.routes((schemas, paths, route)).routes(by_url)
}
