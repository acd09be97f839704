//! What cubes there are, and what each is.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, AppState,
    about::About,
    access::Caller,
    external_info, externals,
    links::base_url,
    query::{TileQuery, number, once},
    shown::{Kind, Shown},
    tile_matrix_sets, tilesets,
};
use crate::{
    catalog::Entry,
    config::ServerConfig,
    cube::{NODATA, State as ChunkState},
    grid::{
        Level,
        tile_matrix::{MAX_ZOOM, zoom_for_cell_width},
    },
    render::{Coloring, Colormap, FileFormat},
    tile::TileError,
    zarr::{StoredCube, ZarrError},
};

/// Counting the states of more chunks than this would take too long for an
/// answer.
const COUNTED_CHUNKS: usize = 200_000;

/// The cubes that the caller may see, and who may fill them and who may read:
/// `admin` is off, open (to everybody) or token, `reading` is open or token.
#[utoipa::path(get, path = "/cubes", tag = "cubes", responses((status = 200, description = "Their names and links")))]
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
) -> Json<Value> {
    let base = base_url(&headers, &state.server);
    let cube = |entry: &Arc<Entry>| {
        let name = entry.name();
        json!({
            "id": name,
            "title": title(entry, &entry.served()),
            "links": [{"rel": "self", "type": "application/json", "href": format!("{base}/cubes/{name}")}],
        })
    };
    let (catalog, guard) = (state.tiles.catalog(), &state.guard);
    let (mut own, mut others) = (catalog.entries(), catalog.externals());
    own.retain(|entry| guard.shows(&caller, entry.name()));
    others.retain(|entry| guard.shows(&caller, entry.name()));
    let others = others.iter().map(|entry| externals::line(entry, &base));
    let cubes: Vec<Value> = own.iter().map(cube).chain(others).collect();
    Json(json!({
        "cubes": cubes,
        "admin": guard.admin_name(),
        "reading": guard.reading_name(),
        "base_map": base_map(&state.server),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

fn base_map(server: &ServerConfig) -> Option<Value> {
    let url = Some(&server.base_map).filter(|url| !url.is_empty())?;
    Some(json!({"url": url, "attribution": server.base_map_attribution}))
}

/// One cube: where, when, what, and how much of it was built.
#[utoipa::path(
    get, path = "/cubes/{cube}", tag = "cubes",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The cube"), (status = 404, description = "There is none"))
)]
pub(super) async fn one(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let base = base_url(&headers, &state.server);
    if let Some(entry) = state.tiles.catalog().external(&cube) {
        let external = entry.source().current().await;
        return externals::document(&entry, &external, &base).map(Json);
    }
    let entry = state.tiles.catalog().get(&cube)?;
    let stored = entry.current().await;
    let (minzoom, maxzoom) = zooms(&stored);
    let pyramid = stored.cube.pyramid();
    let recipe = stored.cube.recipe();
    let levels: Vec<Value> = pyramid
        .levels()
        .map(|level| {
            let grid = pyramid.grid(level);
            json!({
                "level": level.0,
                "cell_size": [grid.transform.cell_width, -grid.transform.cell_height],
                "shape": [grid.shape.rows, grid.shape.cols],
            })
        })
        .collect();
    let variables: Vec<Value> = stored
        .cube
        .variables()
        .map(|name| json!({"name": name, "data_type": "uint16", "nodata": NODATA}))
        .collect();
    Ok(Json(json!({
        "id": cube,
        "title": title(&entry, &stored),
        "attribution": recipe.attribution,
        "crs": pyramid.base().crs.to_string(),
        "units": stored.cube.system().units(),
        "extent": pyramid.base().bounds().to_array(),
        "bounds": stored.footprint.bounds().to_array(),
        "center": center(&stored),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "variables": variables,
        "times": stored.cube.times().starts(),
        "period": recipe.time.period,
        "revision": stored.snapshot.revision().to_string(),
        "style": recipe.style,
        "colormaps": Colormap::names(),
        "levels": levels,
        "chunk": pyramid.chunk(),
        "fillable": state.guard.is_on(),
        "storage": state.jobs.room(&entry).map(|(bytes, quota)| {
            json!({"bytes": bytes, "quota_bytes": quota})
        }),
        "coverage": coverage(&state, &entry, &stored).await?,
        "links": [
            {"rel": "self", "type": "application/json", "href": format!("{base}/cubes/{cube}")},
            {"rel": "tilejson", "type": "application/json", "href": format!("{base}/cubes/{cube}/WebMercatorQuad/tilejson.json")},
            {"rel": "wmts", "type": "application/xml", "href": format!("{base}/cubes/{cube}/WMTSCapabilities.xml")},
            {"rel": "wms", "type": "text/xml", "href": format!("{base}/cubes/{cube}/wms?SERVICE=WMS&REQUEST=GetCapabilities")},
            {"rel": "stac", "type": "application/json", "href": format!("{base}/stac/collections/{cube}")},
            {"rel": "zarr", "type": "application/vnd.zarr; version=3", "href": format!("{base}/cubes/{cube}/zarr")},
            {"rel": "tiles", "templated": true, "type": "image/png", "href": format!("{base}/cubes/{cube}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png")},
            {"rel": "coverage", "type": "application/geo+json", "href": format!("{base}/cubes/{cube}/coverage")},
            {"rel": "coverage", "type": "image/png", "href": format!("{base}/cubes/{cube}/coverage.png")},
        ],
    })))
}

/// The cube's tiles in the form that map clients read: `TileJSON` 3.0.0. The
/// query is that of tiles and becomes part of their address.
#[utoipa::path(
    get, path = "/cubes/{cube}/{tileMatrixSetId}/tilejson.json", tag = "tiles",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("tileMatrixSetId" = String, Path, description = "As WebMercatorQuad; /tileMatrixSets lists them"),
    ),
    responses(
        (status = 200, description = "The document"),
        (status = 400, description = "Tiles of this query would be refused"),
        (status = 404, description = "No such cube, or it is nowhere in the set"),
    )
)]
pub(super) async fn tilejson(
    State(state): State<Arc<AppState>>,
    Path(place): Path<SetPlace>,
    about: About,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let set = tile_matrix_sets::named(&place.tile_matrix_set_id, StatusCode::BAD_REQUEST)?;
    let (wishes, about) = Wishes::of(about)?;
    // Checked here, so that a typo shows before a thousand tiles fail.
    let parsed = about.tile_query()?;
    let shown = Shown::about(&state, &about, &parsed).await?;
    let zooms = shown.zooms(set);
    let (minzoom, maxzoom) = zooms.ok_or_else(|| tilesets::no_place(about.name(), set))?;
    // Tiles of half the size of what the map shows, as `TiTiler` has them.
    let size = match about.is_by_url() && parsed.tile_size.is_none() {
        true if about.query.is_empty() => "tilesize=512",
        true => "&tilesize=512",
        false => "",
    };
    let query = about.linked(&caller, &format!("{}{size}", about.query));
    // A format is the server's to choose, unless it is asked for.
    let ending = match &wishes.format {
        Some(format) => format!(".{format}"),
        None if about.is_by_url() => String::new(),
        None => ".png".to_owned(),
    };
    let (base, root, id) = (base_url(&headers, &state.server), &about.root, set.id());
    // The schema knows no zooms below 0 and above 30.
    let maxzoom = maxzoom.max(0);
    // At which the whole is seen. There are tiles of all zooms: a client shows a small cube
    // from afar too.
    let whole = f64::from(minzoom.max(0)) + 1.0;
    let mut told = json!({
        "tilejson": "3.0.0",
        "name": shown.title(),
        "version": "1.0.0",
        "scheme": "xyz",
        "tiles": [format!("{base}{root}/tiles/{id}/{{z}}/{{x}}/{{y}}{ending}{query}")],
        "minzoom": 0,
        "maxzoom": maxzoom,
        "bounds": shown.bounds.to_array(),
        "center": [shown.middle.0, shown.middle.1, whole.min(f64::from(maxzoom))],
        "attribution": shown.credit().unwrap_or_default(),
        // The schema asks for it, of raster tiles too.
        "vector_layers": [],
        "data_type": shown.data_type,
    });
    if let Kind::External(_, external) = &shown.kind {
        told["raster_layers"] = json!({});
        external_info::add_bands(&mut told, external, &parsed);
    }
    wishes.in_document(told).map(Json)
}

/// The tile matrix set in the address.
#[derive(Debug, Deserialize)]
pub(super) struct SetPlace {
    #[serde(rename = "tileMatrixSetId")]
    pub(super) tile_matrix_set_id: String,
}

/// What `TiTiler` lets a query say of the document alone.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    minzoom: Option<i8>,
    maxzoom: Option<i8>,
    /// As it is written.
    format: Option<String>,
}

impl Wishes {
    const NAMES: [&str; 4] = ["minzoom", "maxzoom", "tile_format", "f"];

    /// Takes them out of a query.
    pub(super) fn of(mut about: About) -> Result<(Self, About), ApiError> {
        let (mut wishes, mut form) = (Self::default(), None);
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let mut names = about.query.split('&').map(name);
        // What has none of them stays as it is written.
        if !names.any(|name| Self::NAMES.contains(&name.as_str())) {
            return Ok((wishes, about));
        }
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(about.query.as_bytes()) {
            match name.as_ref() {
                "minzoom" => once(&mut wishes.minzoom, "minzoom", zoom("minzoom", &value)?)?,
                "maxzoom" => once(&mut wishes.maxzoom, "maxzoom", zoom("maxzoom", &value)?)?,
                // All of them are JSON.
                "f" => once(&mut form, "f", value.into_owned())?,
                "tile_format" => {
                    value.parse::<FileFormat>().map_err(|error| {
                        ApiError::wrong(("query", "tile_format"), &value, error.to_string())
                    })?;
                    once(&mut wishes.format, "tile_format", value.into_owned())?;
                }
                _ => {
                    rest.append_pair(&name, &value);
                }
            }
        }
        about.query = rest.finish();
        Ok((wishes, about))
    }

    /// Those of the tiles that are told of whose zooms are wished for.
    pub(super) fn in_limits(&self, told: &mut Value) {
        let (first, last) = (self.minzoom.unwrap_or(0), self.maxzoom.unwrap_or(i8::MAX));
        let is_in = |limits: &Value| {
            let zoom = limits["tileMatrix"]
                .as_str()
                .and_then(|zoom| zoom.parse().ok());
            zoom.is_none_or(|zoom: i8| (first..=last).contains(&zoom))
        };
        if let Some(all) = told["tileMatrixSetLimits"].as_array_mut() {
            all.retain(is_in);
        }
    }

    fn in_document(self, mut told: Value) -> Result<Value, ApiError> {
        let zooms = [("minzoom", self.minzoom), ("maxzoom", self.maxzoom)];
        for (name, zoom) in zooms {
            if let Some(zoom) = zoom {
                told[name] = json!(zoom);
            }
        }
        if told["minzoom"].as_u64() > told["maxzoom"].as_u64() {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                format!(
                    "`minzoom` is {} and `maxzoom` {}",
                    told["minzoom"], told["maxzoom"]
                ),
            ));
        }
        if self.minzoom.is_some() {
            told["center"][2] = told["minzoom"].clone();
        }
        Ok(told)
    }
}

fn zoom(name: &'static str, text: &str) -> Result<i8, ApiError> {
    let zoom: i8 = number(name, text)?;
    if !(0..=MAX_ZOOM).contains(&zoom) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("`{name}={zoom}`: zooms end at {MAX_ZOOM}"),
        ));
    }
    Ok(zoom)
}

/// Whether the cube has what a query names.
pub(super) fn check(
    stored: &StoredCube,
    query: &TileQuery,
    coloring: Option<&Coloring>,
) -> Result<(), TileError> {
    crate::tile::check(query.look_in(coloring.cloned(), None), stored)
}

pub(super) fn title(entry: &Entry, stored: &StoredCube) -> String {
    match stored.cube.recipe().title.as_str() {
        "" => entry.name().to_owned(),
        title => title.to_owned(),
    }
}

/// The zoom at which the whole cube is about one tile, and the first that is
/// not coarser than the cube.
pub(super) fn zooms(stored: &StoredCube) -> (i8, i8) {
    let footprint = &stored.footprint;
    zooms_for(footprint.extent(), footprint.cell_width)
}

/// The zoom at which the whole, of so many degrees, is about one tile, and the
/// first that is not coarser than cells of so many.
pub(super) fn zooms_for(extent: f64, cell_width: f64) -> (i8, i8) {
    let minzoom = zoom_for_cell_width(extent, 1.0).saturating_sub(1);
    let maxzoom = zoom_for_cell_width(cell_width, 256.0);
    (minzoom.min(maxzoom), maxzoom)
}

fn center(stored: &StoredCube) -> [f64; 3] {
    let (longitude, latitude) = stored.footprint.center();
    let zoom = f64::from(zooms(stored).0) + 1.0;
    [longitude, latitude, zoom]
}

/// Chunks by state for each time step; nothing if there are too many to count.
async fn coverage(
    state: &AppState,
    entry: &Entry,
    stored: &StoredCube,
) -> Result<Option<Value>, ZarrError> {
    let chunks = stored.cube.pyramid().chunks(Level(0));
    let times = stored.cube.times();
    if chunks.len().saturating_mul(times.len()) > COUNTED_CHUNKS {
        return Ok(None);
    }
    let mut steps = serde_json::Map::new();
    for (time, day) in times.starts().iter().enumerate() {
        let window = chunks.shape.window();
        let cells = state
            .tiles
            .reader()
            .cells(entry.number(), stored, Level(0), time, window)
            .await?;
        let mut counts: BTreeMap<&str, usize> = ChunkState::ALL
            .iter()
            .map(|state| (state.name(), 0))
            .collect();
        for (_, cell) in &cells {
            *counts.entry(cell.state.name()).or_default() += 1;
        }
        counts.insert("total", cells.len());
        steps.insert(day.to_string(), json!(counts));
    }
    Ok(Some(Value::Object(steps)))
}
