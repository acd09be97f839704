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
    cubes::{SetPlace, Wishes, check},
    limits::Limits,
    links::{self, base_url},
    query::TileQuery,
    shown::{Addresses, Shown},
    tile_matrix_sets, viewer,
};
use crate::{
    grid::{Epsg, TileMatrixSet},
    tile,
};

/// The tile sets of a cube: one for each tile matrix set whose reference system is for
/// where the cube is. The query is the style of the tiles, as for TileJSON.
#[utoipa::path(
    get, path = "/cubes/{cube}/tiles", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("crs" = Option<String>, Query, description = "The system of the bounding box, as EPSG:3857; degrees without"),
    ),
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
    let (_, mut about) = Wishes::of(about)?;
    let system = about.take_system()?;
    let mut found = Tileset::of(&state, &about, caller, &headers).await?;
    found.system = system.unwrap_or(Epsg::WGS84);
    let sets: Vec<Value> = (found.shown.sets())
        .map(|set| found.document(set, &found.links(set)))
        .collect();
    Ok(fresh(json!({"tilesets": sets})))
}

/// A tile set of a cube: templates of addresses, and which tiles there are.
#[utoipa::path(
    get, path = "/cubes/{cube}/tiles/{tileMatrixSetId}", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
    ),
    responses(
        (status = 200, description = "The tile set"),
        (status = 400, description = "Tiles of this query would be refused"),
        (status = 404, description = "No such cube, or it is nowhere in the set"),
    )
)]
pub(super) async fn one(
    State(state): State<Arc<AppState>>,
    Path(place): Path<SetPlace>,
    about: About,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let set = tile_matrix_sets::named(&place.tile_matrix_set_id, StatusCode::BAD_REQUEST)?;
    let (wishes, about) = Wishes::of(about)?;
    let found = Tileset::of(&state, &about, caller, &headers).await?;
    let mut told = found.whole(set, &found.links(set))?;
    wishes.in_limits(&mut told);
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
    let named = tile_matrix_sets::named(set, StatusCode::BAD_REQUEST)?;
    if named != TileMatrixSet::WebMercatorQuad {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("the map page shows WebMercatorQuad, not {set}"),
        ));
    }
    let whole = about.query.clone();
    // Those are of the document that the page reads.
    let (_, about) = Wishes::of(about)?;
    let query = about.tile_query()?;
    let coloring = query.coloring()?;
    let base = base_url(&headers, &state.server);
    if about.is_by_url() {
        let tiles = about.linked(&caller, &whole);
        let document = format!("{base}{}/{set}/tilejson.json{tiles}", about.root);
        return Ok(viewer::of_tiles(&base, &document));
    }
    let mut time = None;
    if let Served::Cube(cube) = &about.served {
        let stored = state.tiles.catalog().get(cube)?.current().await;
        check(&stored, &query, coloring.as_ref())?;
        if !query.sel.is_empty() {
            let step = stored.cube.select_time(&query.sel);
            let step = step.map_err(tile::TileError::from)?;
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

/// What is told of the tile sets of a cube or data set.
pub(super) struct Tileset {
    pub(super) shown: Shown,
    pub(super) to: Addresses,
    /// The style of its tiles, and what names it if no address does.
    pub(super) query: String,
    /// Below which path the tiles are.
    root: String,
    /// That of the bounding box.
    system: Epsg,
}

impl Tileset {
    pub(super) async fn of(
        state: &AppState,
        about: &About,
        caller: Caller,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            shown: Shown::about(state, about, &about.tile_query()?).await?,
            to: Addresses::new(state, caller, headers),
            query: about.naming(&about.query),
            root: about.root.clone(),
            system: Epsg::WGS84,
        })
    }

    fn links(&self, set: TileMatrixSet) -> Vec<Value> {
        let (root, id) = (&self.root, set.id());
        let own = format!("{root}/tiles/{id}");
        let to = |path: &str| self.to.with(path, &self.query);
        // Braces stand as they are, so that a client can fill them.
        let template = |place: &str| to(&format!("{own}/{place}.png"));
        let mut links = vec![
            json!({"rel": "self", "type": "application/json", "href": to(&own)}),
            json!({"rel": "item", "templated": true, "type": "image/png", "href": template("{tileMatrix}/{tileCol}/{tileRow}")}),
            json!({"rel": "tile", "templated": true, "type": "image/png", "href": template("{z}/{x}/{y}")}),
            tile_matrix_sets::definition(&self.to.base, set),
        ];
        if set == TileMatrixSet::WebMercatorQuad {
            let page = to(&format!("{root}/{id}/map.html"));
            links.push(json!({"rel": "data", "type": "text/html", "href": page}));
        }
        links
    }

    /// What a list tells of a tile set, with links of a protocol.
    pub(super) fn document(&self, set: TileMatrixSet, links: &[Value]) -> Value {
        let own = tile::bounds_in(self.system, self.shown.bounds);
        let (bounds, system) = match own.filter(|_| self.system != Epsg::WGS84) {
            Some(own) => (own, links::crs_address(self.system)),
            None => (self.shown.bounds, tile_matrix_sets::CRS84.to_owned()),
        };
        let [west, south, east, north] = bounds.to_array();
        let mut told = json!({
            "title": self.shown.title(),
            "dataType": "map",
            "crs": tile_matrix_sets::crs_address(set),
            "tileMatrixSetId": set.id(),
            "links": links,
            "boundingBox": {
                "lowerLeft": [west, south],
                "upperRight": [east, north],
                "crs": system,
            },
        });
        if let Some(address) = tile_matrix_sets::registered(set) {
            told["tileMatrixSetURI"] = json!(address);
        }
        told
    }

    /// All that is told of a tile set: also which tiles there are.
    pub(super) fn whole(&self, set: TileMatrixSet, links: &[Value]) -> Result<Value, ApiError> {
        let zooms = self.shown.zooms(set);
        let (_, last) = zooms.ok_or_else(|| no_place(self.shown.name(), set))?;
        let limits = Limits::of(set, self.shown.bounds, last);
        let mut told = self.document(set, links);
        told["tileMatrixSetLimits"] = limits.iter().map(Limits::document).collect();
        if let Some(credit) = self.shown.credit() {
            told["attribution"] = json!(credit);
        }
        Ok(told)
    }
}

/// That a cube is nowhere in a set.
pub(super) fn no_place(cube: &str, set: TileMatrixSet) -> ApiError {
    let detail = format!("`{cube}` is nowhere in {}", set.id());
    ApiError::new(StatusCode::NOT_FOUND, detail)
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
