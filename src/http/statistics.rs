//! What values are like, of a rectangle and of polygons.

use std::{cmp::Ordering, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    ApiError, AppState,
    about::{About, Served},
    external_info, pictures, polygons,
    query::ValuesQuery,
    values::{area, area_of, bad, fresh, numbered},
};
use crate::{
    build::BuildRequest,
    grid::{Bounds, Epsg},
    raster::{Bars, Statistics, Told},
    render::{FileFormat, SampleFormat, Touches},
    tile::{Counting, Cutout, Look, PictureRequest},
};

/// What the values of a rectangle are like, in the form of `TiTiler`: those of the
/// finest level at which it has at most `max_size` cells a side.
#[utoipa::path(
    get, path = "/cubes/{cube}/statistics", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("bbox" = Option<String>, Query, description = "west,south,east,north in degrees; the whole cube without"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("expression" = Option<String>, Query, description = "As for tiles, in place of variables"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
        ("reduce" = Option<String>, Query, description = "As for tiles: what the time steps become that sel selects"),
        ("algorithm" = Option<String>, Query, description = "As for tiles: what is computed of the values"),
        ("algorithm_params" = Option<String>, Query, description = "Its parameters as JSON"),
        ("p" = Option<Vec<f64>>, Query, description = "Percentiles, 0 to 100; 2 and 98 without"),
        ("bidx" = Option<Vec<usize>>, Query, description = "Bands of a data set's dimension, or variables of those that are named of a cube, from 1; repeat it"),
        ("nodata" = Option<f64>, Query, description = "A value of a data set that is none"),
        ("histogram_bins" = Option<usize>, Query, description = "Bars of the histogram, 10 without"),
        ("histogram_range" = Option<String>, Query, description = "min,max of the histogram; that of the values without"),
        ("categorical" = Option<bool>, Query, description = "Whether the histogram is of single values"),
        ("c" = Option<Vec<f64>>, Query, description = "Of these, if it is; repeat it"),
        ("max_size" = Option<usize>, Query, description = "Cells along a side at most; 1024 without"),
        ("width" = Option<usize>, Query, description = "Pixels across instead"),
        ("height" = Option<usize>, Query, description = "Pixels down instead"),
        ("resampling" = Option<String>, Query, description = "As for tiles"),
        ("dst_crs" = Option<String>, Query, description = "The system of the pixels that are counted"),
    ),
    responses(
        (status = 200, description = "For each variable its numbers"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or the rectangle is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn statistics(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let query = ValuesQuery::parse(Some(&about.query), &OF_RECTANGLE)?;
    about.needs_variable(!query.variables.is_empty() || query.expression.is_some())?;
    let percentiles = percentiles(&query);
    let told: Map<String, Value> = match &about.served {
        Served::Cube(cube) if is_of_picture(&query) => {
            let mut request = part_of(&query, bounds(&query)?, None)?;
            request.look.variables = variables(&state, cube, &query).await?;
            let counting = counting(&query)?;
            let found = state.tiles.picture_statistics(cube, &request, counting);
            by_shares(found.await?, &percentiles, false)
        }
        Served::Cube(cube) => {
            let bbox = query.bbox.as_deref().unwrap_or("-180,-90,180,90");
            let area = area(&state, cube, bbox, &query).await?;
            if is_counted(&query) {
                let found = state.tiles.statistics_in(area, None, counting(&query)?);
                return Ok(fresh(by_shares(found.await?, &percentiles, false).into()));
            }
            let found = state.tiles.statistics(area, percentiles.clone()).await?;
            let numbers = found.into_iter();
            numbers
                .map(|(name, numbers)| (name, numbers_of(&numbers, &percentiles)))
                .collect()
        }
        Served::External(entry) => {
            let request = part_of(&query, bounds(&query)?, None)?;
            let counting = counting(&query)?;
            let found = state.tiles.external_statistics(entry, &request, counting);
            by_shares(found.await?, &percentiles, true)
        }
    };
    Ok(fresh(Value::Object(told)))
}

/// The parameters of statistics of a rectangle.
const OF_RECTANGLE: [&str; 21] = [
    "bbox",
    "variable",
    "expression",
    "sel",
    "sel_method",
    "p",
    "max_size",
    "bidx",
    "nodata",
    "resampling",
    "reproject",
    "dst_crs",
    "width",
    "height",
    "reduce",
    "algorithm",
    "algorithm_params",
    "histogram_bins",
    "histogram_range",
    "categorical",
    "c",
];

/// The same of polygons, in the form of `TiTiler`: each pixel counts by how much of it a
/// polygon covers.
#[utoipa::path(
    post, path = "/cubes/{cube}/statistics", tag = "values",
    params(
        ("cube" = String, Path, description = "Name of the cube"),
        ("variable" = Option<Vec<String>>, Query, description = "Variables; repeat it"),
        ("expression" = Option<String>, Query, description = "As for tiles, in place of variables"),
        ("sel" = Option<Vec<String>>, Query, description = "time=VALUE or time=METHOD::VALUE"),
        ("bidx" = Option<Vec<usize>>, Query, description = "Bands of a data set's dimension, or variables of those that are named of a cube, from 1; repeat it"),
        ("nodata" = Option<f64>, Query, description = "A value of a data set that is none"),
        ("reduce" = Option<String>, Query, description = "As for tiles: what the time steps become that sel selects"),
        ("algorithm" = Option<String>, Query, description = "As for tiles: what is computed of the values"),
        ("algorithm_params" = Option<String>, Query, description = "Its parameters as JSON"),
        ("p" = Option<Vec<f64>>, Query, description = "Percentiles, 0 to 100; 2 and 98 without"),
        ("histogram_bins" = Option<usize>, Query, description = "Bars of the histogram, 10 without"),
        ("histogram_range" = Option<String>, Query, description = "min,max of the histogram; that of the values without"),
        ("categorical" = Option<bool>, Query, description = "Whether the histogram is of single values"),
        ("c" = Option<Vec<f64>>, Query, description = "Of these, if it is; repeat it"),
        ("coord_crs" = Option<String>, Query, description = "The system of the polygons, as EPSG:3857"),
        ("cover_scale" = Option<usize>, Query, description = "Parts of a pixel along a side, 10 without: those that a polygon touches count"),
        ("max_size" = Option<usize>, Query, description = "Cells along a side at most; 1024 without"),
        ("width" = Option<usize>, Query, description = "Pixels across instead"),
        ("height" = Option<usize>, Query, description = "Pixels down instead"),
        ("resampling" = Option<String>, Query, description = "As for tiles"),
        ("dst_crs" = Option<String>, Query, description = "The system of the pixels that are counted"),
    ),
    request_body(content = serde_json::Value, content_type = "application/json", description = "A GeoJSON feature, or a collection of up to 100, with a polygon or several each, in degrees or in coord_crs"),
    responses(
        (status = 200, description = "The same, with the numbers as `statistics` of the properties", content_type = "application/geo+json"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "No such cube, or a polygon is outside"),
        (status = 413, description = "Too much to hold"),
        (status = 422, description = "The body is no such feature"),
        (status = 502, description = "The store failed"),
        (status = 503, description = "Too much is being made"),
    )
)]
pub(super) async fn of_polygons(
    State(state): State<Arc<AppState>>,
    about: About,
    body: Bytes,
) -> Result<Response, ApiError> {
    let query = ValuesQuery::parse(Some(&about.query), &OF_POLYGONS)?;
    about.needs_variable(!query.variables.is_empty() || query.expression.is_some())?;
    let mut document = polygons::parse(&body)?;
    let percentiles = percentiles(&query);
    for feature in polygons::features(&mut document)? {
        let cutout = polygons::cutout(feature, query.coord_crs)?;
        let bounds = cutout.bounds();
        let counting = counting(&query)?;
        let (found, is_of_bands) = match &about.served {
            Served::Cube(cube) if is_of_picture(&query) => {
                let mut request = part_of(&query, Some(bounds), Some(Arc::new(cutout)))?;
                request.look.variables = variables(&state, cube, &query).await?;
                let found = state.tiles.picture_statistics(cube, &request, counting);
                (found.await?, false)
            }
            Served::Cube(cube) => {
                let area = area_of(&state, cube, bounds, &query).await?;
                let found = state.tiles.statistics_in(area, Some(cutout), counting);
                (found.await?, false)
            }
            Served::External(entry) => {
                let request = part_of(&query, Some(bounds), Some(Arc::new(cutout)))?;
                let found = state.tiles.external_statistics(entry, &request, counting);
                (found.await?, true)
            }
        };
        if !feature["properties"].is_object() {
            feature["properties"] = json!({});
        }
        feature["properties"]["statistics"] = by_shares(found, &percentiles, is_of_bands).into();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/geo+json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Json(document)).into_response())
}

/// The parameters of statistics of polygons.
const OF_POLYGONS: [&str; 22] = [
    "coord_crs",
    "variable",
    "expression",
    "sel",
    "sel_method",
    "p",
    "max_size",
    "bidx",
    "nodata",
    "resampling",
    "reproject",
    "dst_crs",
    "width",
    "height",
    "reduce",
    "algorithm",
    "algorithm_params",
    "histogram_bins",
    "histogram_range",
    "categorical",
    "c",
    "cover_scale",
];

/// Whether values are those of a picture: computed with, beyond an expression, or resampled.
fn is_of_picture(query: &ValuesQuery) -> bool {
    query.extras.over_time.is_some()
        || query.extras.algorithm.is_some()
        || query.resampling.is_some()
        || query.dst_crs.is_some()
        || query.width.is_some()
        || query.height.is_some()
        || query.nodata.is_some()
        || !query.bidx.is_empty()
}

/// The variables of a cube that a query means: without a name, all.
async fn variables(
    state: &AppState,
    cube: &str,
    query: &ValuesQuery,
) -> Result<Vec<String>, ApiError> {
    if query.expression.is_some() || !query.variables.is_empty() {
        return Ok(query.variables.clone());
    }
    let stored = state.tiles.catalog().get(cube)?.current().await;
    Ok(stored.cube.variables().map(str::to_owned).collect())
}

/// The rectangle of a query, if it has one.
fn bounds(query: &ValuesQuery) -> Result<Option<Bounds>, ApiError> {
    let bbox = query.bbox.as_deref().map(BuildRequest::parse_bounds);
    bbox.transpose().map_err(|error| bad(error.to_string()))
}

/// Whether a query asks for another histogram than the usual one.
fn is_counted(query: &ValuesQuery) -> bool {
    let ValuesQuery {
        histogram_bins,
        histogram_range,
        categorical,
        ..
    } = query;
    histogram_bins.is_some() || histogram_range.is_some() || *categorical == Some(true)
}

/// As they are asked for, or those that `TiTiler` tells.
fn percentiles(query: &ValuesQuery) -> Vec<f64> {
    if query.percentiles.is_empty() {
        vec![2.0, 98.0]
    } else {
        query.percentiles.clone()
    }
}

/// How the values of a data set or a polygon are counted.
fn counting(query: &ValuesQuery) -> Result<Counting, ApiError> {
    /// As `TiTiler` has them.
    const BARS: usize = 10;
    const SCALE: usize = 10;
    if query
        .histogram_range
        .is_some_and(|[low, high]| low.partial_cmp(&high) != Some(Ordering::Less))
    {
        return Err(bad(
            "`histogram_range`: write min,max, of which min is less".to_owned(),
        ));
    }
    let bars = if query.categorical == Some(true) {
        Bars::Categories(query.categories.clone())
    } else {
        let bars = query.histogram_bins.unwrap_or(BARS);
        Bars::Even(bars, query.histogram_range)
    };
    Ok(Counting {
        scale: query.cover_scale.unwrap_or(SCALE),
        told: Told {
            percentiles: percentiles(query),
            bars,
        },
    })
}

/// The picture that values are of.
fn part_of(
    query: &ValuesQuery,
    bounds: Option<Bounds>,
    cutout: Option<Arc<Cutout>>,
) -> Result<PictureRequest, ApiError> {
    let size = pictures::size_within(None, (query.width, query.height), query.max_size)?;
    Ok(PictureRequest {
        bounds,
        size,
        look: Look {
            variables: query.variables.clone(),
            expression: query.expression.clone(),
            sel: query.sel.clone(),
            bidx: query.bidx.clone(),
            rescale: Vec::new(),
            is_auto: false,
            over_time: query.extras.over_time,
            algorithm: query.extras.algorithm.clone(),
            touches: Touches::default(),
            background: None,
            coloring: None,
            resampling: query.resampling.unwrap_or_default(),
            nodata: query.nodata,
            // All bands, as those of a file.
            format: Some(FileFormat::Samples(SampleFormat::Npy)),
        },
        cutout,
        coords: Epsg::WGS84,
        crs: query.dst_crs,
    })
}

/// Numbers of values that count by shares: of each variable by its name, or of bands by
/// `b1`, `b2` and so on with what they are called.
fn by_shares(
    found: Vec<(String, Statistics)>,
    percentiles: &[f64],
    is_of_bands: bool,
) -> Map<String, Value> {
    let names = numbered(found.len());
    let all = std::iter::zip(names, found);
    all.map(|(number, (label, numbers))| {
        let mut told = numbers_of(&numbers, percentiles);
        told["count"] = json!(numbers.count);
        told["valid_percent"] = json!(numbers.covered_percent());
        told["description"] = json!(external_info::in_nanoseconds(&label));
        (if is_of_bands { number } else { label }, told)
    })
    .collect()
}

fn numbers_of(numbers: &Statistics, percentiles: &[f64]) -> Value {
    let mut told = json!({
        "min": numbers.min,
        "max": numbers.max,
        "mean": numbers.mean,
        "count": numbers.valid,
        "sum": numbers.sum,
        "std": numbers.std,
        "median": numbers.median,
        "majority": numbers.majority,
        "minority": numbers.minority,
        "unique": numbers.unique,
        "histogram": [json!(numbers.counts), json!(numbers.edges)],
        "valid_percent": numbers.valid_percent(),
        "masked_pixels": numbers.masked,
        "valid_pixels": numbers.valid,
    });
    for (percentile, value) in std::iter::zip(percentiles, &numbers.percentiles) {
        told[format!("percentile_{percentile}")] = json!(value);
    }
    told
}
