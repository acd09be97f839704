//! The tile sets of a cube, as OGC API Tiles (20-057) and `TiTiler` list them, and the
//! way to the map page for who comes from there.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};

use super::{
    ApiError, AppState,
    about::{About, Served},
    access::Caller,
    cubes::{SetPlace, check, title, zooms},
    externals,
    links::base_url,
    query::TileQuery,
    tile_matrix_sets, viewer,
};
use crate::grid::{Bounds, TileMatrixSet, tile_matrix::tiles_touched};

/// The tile sets of a cube: one for each tile matrix set. The query is the style of the
/// tiles, as for TileJSON.
#[utoipa::path(
    get, path = "/cubes/{cube}/tiles", tag = "tiles",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses(
        (status = 200, description = "Their links"),
        (status = 400, description = "Tiles of this query would be refused"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    about: About,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = Tileset::of(&state, about, &caller, &headers).await?;
    let sets: Vec<Value> = TileMatrixSet::NAMES.map(|set| found.document(set)).into();
    Ok(fresh(json!({"tilesets": sets})))
}

/// A tile set of a cube: templates of addresses, and which tiles there are.
#[utoipa::path(
    get, path = "/cubes/{cube}/tiles/{tileMatrixSetId}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
    ),
    responses(
        (status = 200, description = "The tile set"),
        (status = 400, description = "Tiles of this query would be refused"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn one(
    State(state): State<Arc<AppState>>,
    Path(place): Path<SetPlace>,
    about: About,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let set = &place.tile_matrix_set_id;
    tile_matrix_sets::named(set, StatusCode::BAD_REQUEST)?;
    let found = Tileset::of(&state, about, &caller, &headers).await?;
    let mut told = found.document(set);
    told["tileMatrixSetLimits"] = found.limits();
    Ok(fresh(told))
}

/// The map page with a cube as the query has it: its variables or expression, range,
/// colormap and time.
#[utoipa::path(
    get, path = "/cubes/{cube}/{tileMatrixSetId}/map.html", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "WebMercatorQuad"),
    ),
    responses(
        (status = 200, description = "A map of a data set that `url` names", content_type = "text/html"),
        (status = 307, description = "To the map page"),
        (status = 400, description = "Tiles of this query would be refused"),
        (status = 404, description = "No such cube"),
    )
)]
pub(super) async fn map(
    State(state): State<Arc<AppState>>,
    Path(place): Path<SetPlace>,
    about: About,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let set = &place.tile_matrix_set_id;
    tile_matrix_sets::named(set, StatusCode::BAD_REQUEST)?;
    let query = about.tile_query()?;
    let coloring = query.coloring()?;
    let base = base_url(&headers, &state.server);
    if about.is_by_url() {
        let tiles = about.linked(&caller, &about.query);
        let document = format!("{base}{}/{set}/tilejson.json{tiles}", about.root);
        return Ok(viewer::of_tiles(&base, &document));
    }
    let mut time = None;
    if let Served::Cube(cube) = &about.served {
        let stored = state.tiles.catalog().get(cube)?.current().await;
        check(&stored, &query, coloring.as_ref())?;
        if !query.sel.is_empty() {
            let step = stored.cube.select_time(&query.sel);
            let step = step.map_err(crate::tile::TileError::from)?;
            time = Some(stored.cube.times().days(step).start.to_string());
        }
    }
    let hash = hash(about.name(), &query, time.as_deref());
    Ok(Redirect::temporary(&format!("{base}/#{hash}")).into_response())
}

/// What the map page reads behind the `#`.
fn hash(cube: &str, query: &TileQuery, time: Option<&str>) -> String {
    let ranges: Vec<String> = (query.rescale.iter())
        .map(|[min, max]| format!("{min},{max}"))
        .collect();
    let fields = [
        ("cube", cube.to_owned()),
        ("time", time.unwrap_or_default().to_owned()),
        ("bands", query.variables.join(",")),
        (
            "expression",
            (query.expression.as_ref()).map_or_else(String::new, ToString::to_string),
        ),
        ("colormap", query.colormap_name.clone().unwrap_or_default()),
        ("rescale", ranges.join(";")),
    ];
    let said = fields.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(said)
        .finish()
}

/// What is told of the tile sets of a cube.
struct Tileset {
    base: String,
    /// Below which path the tiles are.
    root: String,
    title: String,
    /// With its `?`.
    query: String,
    /// In degrees.
    bounds: Bounds,
    most_zoom: u8,
}

impl Tileset {
    async fn of(
        state: &AppState,
        about: About,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        // Checked here, so that a typo shows before a thousand tiles fail.
        let parsed = about.tile_query()?;
        let coloring = parsed.coloring()?;
        let (title, bounds, most_zoom) = match &about.served {
            Served::External(entry) => {
                let external = entry.source().current().await;
                let extent = externals::extent(&external, &parsed)?;
                let title = externals::title(entry, &external);
                (title, extent.bounds, extent.maxzoom)
            }
            Served::Cube(cube) => {
                let entry = state.tiles.catalog().get(cube)?;
                let stored = entry.current().await;
                check(&stored, &parsed, coloring.as_ref())?;
                let bounds = stored.footprint.bounds();
                (title(&entry, &stored), bounds, zooms(&stored).1)
            }
        };
        Ok(Self {
            base: base_url(headers, &state.server),
            query: about.linked(caller, &about.query),
            root: about.root,
            title,
            bounds,
            most_zoom,
        })
    }

    fn document(&self, set: &str) -> Value {
        let Self {
            base, root, query, ..
        } = self;
        let [west, south, east, north] = self.bounds.to_array();
        let own = format!("{base}{root}/tiles/{set}");
        json!({
            "title": self.title,
            "dataType": "map",
            "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
            "tileMatrixSetURI": format!("http://www.opengis.net/def/tilematrixset/OGC/1.0/{set}"),
            "links": [
                {"rel": "self", "type": "application/json", "href": format!("{own}{query}")},
                // Braces stand as they are, so that a client can fill them.
                {"rel": "item", "templated": true, "type": "image/png", "href": format!("{own}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}.png{query}")},
                {"rel": "tile", "templated": true, "type": "image/png", "href": format!("{own}/{{z}}/{{x}}/{{y}}.png{query}")},
                tile_matrix_sets::definition(base, set),
                {"rel": "data", "type": "text/html", "href": format!("{base}{root}/{set}/map.html{query}")},
            ],
            "boundingBox": {
                "lowerLeft": [west, south],
                "upperRight": [east, north],
                "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            },
        })
    }

    fn limits(&self) -> Value {
        let limits = |zoom: u8| {
            let [cols, rows] = tiles_touched(self.bounds, zoom);
            json!({
                "tileMatrix": zoom.to_string(),
                "minTileRow": rows.start(),
                "maxTileRow": rows.end(),
                "minTileCol": cols.start(),
                "maxTileCol": cols.end(),
            })
        };
        (0..=self.most_zoom).map(limits).collect()
    }
}

/// Bounds and titles may change with the next commit.
fn fresh(told: Value) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], Json(told)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_pages_hash_has_what_the_query_says_and_no_more() {
        let query = TileQuery::parse(
            "variable=red&variable=nir&variable=green&rescale=0,3000&rescale=0,0.5&rescale=-1,1\
             &resampling=cubic",
        );
        assert_eq!(
            hash("alps", &query.unwrap(), Some("2023-08-01")),
            "cube=alps&time=2023-08-01&bands=red%2Cnir%2Cgreen&rescale=0%2C3000%3B0%2C0.5%3B-1%2C1"
        );
        let query = TileQuery::parse("expression=red%2B1&colormap_name=magma&rescale=0,9");
        assert_eq!(
            hash("a b", &query.unwrap(), None),
            "cube=a+b&expression=red%2B1&colormap=magma&rescale=0%2C9"
        );
    }
}
