//! What a data set or the full resolution of a cube holds, in the forms of `TiTiler`.

mod held;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::held::Held;
use super::{
    ApiError, AppState,
    about::About,
    error::NO_STORE,
    external_info::{attributes, in_nanoseconds},
    viewer::escaped,
};
use crate::{
    dataset::{Axis, AxisValues, DataType, Dataset, Values},
    external::Coordinate,
};

/// Attributes of times that xarray takes away when it decodes them.
const OF_TIMES: [&str; 2] = ["units", "calendar"];

/// Values of a coordinate that are told.
const MOST_VALUES: u64 = 100_000;

/// The names of its variables.
#[utoipa::path(
    get, path = "/cubes/{cube}/dataset/keys", tag = "datasets",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "A list"), (status = 404, description = "No such cube"), (status = 502, description = "The store failed"))
)]
pub(super) async fn keys(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let held = Held::of(&state, &about).await?;
    let variables = held.dataset().variables.iter();
    Ok(told(
        variables.map(|variable| json!(variable.name)).collect(),
    ))
}

/// Its dimensions, coordinates and variables, as `xarray.Dataset.to_dict` has them.
#[utoipa::path(
    get, path = "/cubes/{cube}/dataset/dict", tag = "datasets",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The document"), (status = 404, description = "No such cube"), (status = 502, description = "The store failed"))
)]
pub(super) async fn dict(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    Ok(told(document(&Held::of(&state, &about).await?)))
}

/// The lengths of its dimensions.
#[utoipa::path(
    get, path = "/cubes/{cube}/dataset/dimensions", tag = "datasets",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "By name"), (status = 404, description = "No such cube"), (status = 502, description = "The store failed"))
)]
pub(super) async fn dimensions(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let held = Held::of(&state, &about).await?;
    Ok(told(lengths(held.dataset())))
}

/// A coordinate with its values.
#[utoipa::path(
    get, path = "/cubes/{cube}/dataset/coordinates/{name}", tag = "datasets",
    params(("name" = String, Path, description = "Name of the dimension"), ("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The values as `data`"), (status = 404, description = "No such cube, or none of this name"), (status = 413, description = "It has too many values"), (status = 502, description = "The store failed"))
)]
pub(super) async fn coordinate(
    State(state): State<Arc<AppState>>,
    Path(place): Path<CoordinatePlace>,
    about: About,
) -> Result<Response, ApiError> {
    let held = Held::of(&state, &about).await?;
    let (name, all) = (&place.name, &held.contents().coordinates);
    let coordinate = all.get(name).ok_or_else(|| {
        let names: Vec<&str> = all.keys().map(String::as_str).collect();
        let text = format!(
            "there is no coordinate `{name}`; there are {}",
            names.join(", ")
        );
        ApiError::new(StatusCode::NOT_FOUND, text)
    })?;
    if coordinate.len > MOST_VALUES {
        return Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "`{name}` has {} values, and {MOST_VALUES} is the limit",
                coordinate.len
            ),
        ));
    }
    let axis = axis(held.dataset(), name);
    let mut found = described(name, coordinate, axis);
    found["name"] = json!(name);
    found["data"] = values(held.dataset(), name, coordinate, axis);
    Ok(told(found))
}

/// The name in the address.
#[derive(Debug, Deserialize)]
pub(super) struct CoordinatePlace {
    name: String,
}

/// What it holds, as a page.
#[utoipa::path(
    get, path = "/cubes/{cube}/dataset/", tag = "datasets",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses((status = 200, description = "The page", content_type = "text/html"), (status = 404, description = "No such cube"), (status = 502, description = "The store failed"))
)]
pub(super) async fn page(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let document = document(&Held::of(&state, &about).await?);
    let mut html =
        String::from("<!doctype html>\n<meta charset=\"utf-8\">\n<title>Data set</title>\n");
    for (title, part) in [
        ("Dimensions", "dims"),
        ("Coordinates", "coords"),
        ("Variables", "data_vars"),
        ("Attributes", "attrs"),
    ] {
        html.extend(["<h2>", title, "</h2>\n<table>\n"]);
        for (name, value) in document[part].as_object().into_iter().flatten() {
            let (name, value) = (escaped(name), escaped(&value.to_string()));
            html.extend([
                "<tr><th>",
                &name,
                "</th><td><code>",
                &value,
                "</code></td></tr>\n",
            ]);
        }
        html += "</table>\n";
    }
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    Ok((headers, Html(html)).into_response())
}

/// Whether tiles can be made of each variable, and what a request has to say.
#[utoipa::path(
    get, path = "/cubes/{cube}/validate", tag = "datasets",
    params(("cube" = String, Path, description = "Name of the cube"), ("variables" = Option<Vec<String>>, Query, description = "Those alone; repeat it")),
    responses((status = 200, description = "By name of the variable"), (status = 404, description = "No such cube"), (status = 502, description = "The store failed"))
)]
pub(super) async fn validate(
    State(state): State<Arc<AppState>>,
    about: About,
) -> Result<Response, ApiError> {
    let held = Held::of(&state, &about).await?;
    let wanted: Vec<String> = form_urlencoded::parse(about.query.as_bytes())
        .filter(|(name, _)| name == "variables" || name == "variable")
        .map(|(_, value)| value.into_owned())
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut found = Map::new();
    for refused in &held.dataset().refused {
        if !refused.name.is_empty() && is_wanted(&refused.name) {
            let errors = [refused.reason.to_string()];
            found.insert(refused.name.clone(), verdict(&errors, &[]));
        }
    }
    for variable in &held.dataset().variables {
        if !is_wanted(&variable.name) {
            continue;
        }
        let errors = held.misplaced(variable);
        let open = variable.axes.iter().filter(|axis| axis.len > 1);
        let open: Vec<&str> = open.map(|axis| axis.name.as_str()).collect();
        let warnings = (open.len() > 1).then(|| {
            format!(
                "it has the dimensions {} beside y and x: a request has to name values of all but \
                 one by `sel`",
                open.join(", ")
            )
        });
        let told = verdict(errors.as_slice(), warnings.as_slice());
        found.insert(variable.name.clone(), told);
    }
    Ok(told(found.into()))
}

fn verdict(errors: &[String], warnings: &[String]) -> Value {
    json!({
        "compatible_with_titiler": errors.is_empty(),
        "errors": errors,
        "warnings": warnings,
    })
}

fn document(held: &Held) -> Value {
    let (dataset, contents) = (held.dataset(), held.contents());
    let coordinates = contents.coordinates.iter();
    let coordinates: Map<String, Value> = coordinates
        .map(|(name, coordinate)| {
            (
                name.clone(),
                described(name, coordinate, axis(dataset, name)),
            )
        })
        .collect();
    let variables = dataset.variables.iter();
    let variables: Map<String, Value> = variables
        .map(|variable| {
            let level = &variable.levels[0];
            let told = json!({
                "dims": variable.dimensions,
                "attrs": attributes(variable),
                "dtype": level.packing.decoded.to_string(),
                "shape": level.shape,
            });
            (variable.name.clone(), told)
        })
        .collect();
    json!({
        "coords": coordinates,
        "attrs": contents.attributes,
        "dims": lengths(dataset),
        "data_vars": variables,
    })
}

fn lengths(dataset: &Dataset) -> Value {
    let mut lengths = Map::new();
    for variable in &dataset.variables {
        for (name, len) in std::iter::zip(&variable.dimensions, &variable.levels[0].shape) {
            lengths.insert(name.clone(), json!(len));
        }
    }
    lengths.into()
}

/// The dimension of a name that is not x or y.
fn axis<'a>(dataset: &'a Dataset, name: &str) -> Option<&'a Axis> {
    let mut axes = (dataset.variables.iter()).flat_map(|variable| &variable.axes);
    axes.find(|axis| axis.name == name).map(AsRef::as_ref)
}

fn described(name: &str, coordinate: &Coordinate, axis: Option<&Axis>) -> Value {
    let times = axis.is_some_and(|axis| matches!(axis.values, AxisValues::Times(_)));
    let kind = match (&coordinate.data_type, &coordinate.values) {
        _ if times => "datetime64[ns]".to_owned(),
        (DataType::Text, Some(Values::Texts(texts))) => {
            let longest = texts.iter().map(|text| text.chars().count()).max();
            format!("<U{}", longest.unwrap_or(0))
        }
        (other, _) => other.to_string(),
    };
    let attributes = coordinate.attributes.iter();
    let attributes: Map<String, Value> = attributes
        .filter(|(key, _)| !key.starts_with('_'))
        .filter(|(key, _)| !(times && OF_TIMES.contains(&key.as_str())))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    json!({"dims": [name], "attrs": attributes, "dtype": kind, "shape": [coordinate.len]})
}

/// The values of a coordinate: times as texts, and centres of cells where no values had to
/// be read.
fn values(dataset: &Dataset, name: &str, coordinate: &Coordinate, axis: Option<&Axis>) -> Value {
    let is_dated = |axis: &&Axis| matches!(axis.values, AxisValues::Times(_));
    if let Some(axis) = axis.filter(is_dated) {
        return (0..axis.len)
            .map(|n| json!(in_nanoseconds(&axis.label(n))))
            .collect();
    }
    match &coordinate.values {
        Some(Values::Numbers(values)) => json!(values),
        Some(Values::Integers(values)) => json!(values),
        Some(Values::Texts(values)) => json!(values),
        Some(Values::Unreadable(_)) | None => centres(dataset, name),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "rows and columns are far below 2^52"
)]
fn centres(dataset: &Dataset, name: &str) -> Value {
    for variable in &dataset.variables {
        let grid = variable.levels[0].grid;
        let (shape, transform) = (grid.shape, grid.transform);
        if variable.dimensions[variable.x] == name {
            let centre = |col: usize| transform.x(col as f64 + 0.5);
            return (0..shape.cols).map(|col| json!(centre(col))).collect();
        }
        if variable.dimensions[variable.y] == name {
            let centre = |row: usize| transform.y(row as f64 + 0.5);
            return (0..shape.rows).map(|row| json!(centre(row))).collect();
        }
    }
    Value::Null
}

fn told(document: Value) -> Response {
    ([(header::CACHE_CONTROL, NO_STORE)], Json(document)).into_response()
}
