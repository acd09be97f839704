//! The algorithms that have a name, as `TiTiler` tells of them.

use std::sync::{Arc, LazyLock};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{ApiError, AppState, colormaps::HOURLY, links::base_url};
use crate::render::{Algorithm, AlgorithmError};

/// What `TiTiler` 2.4.0 tells of each.
static DOCUMENTS: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("algorithms.json")).unwrap_or_default());

/// The names of all algorithms.
#[utoipa::path(get, path = "/algorithms", tag = "colors", responses((status = 200, description = "Their names and links")))]
pub(super) async fn list(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let base = base_url(&headers, &state.server);
    let one = |name: &&str| {
        json!({
            "id": name,
            "links": [{
                "href": format!("{base}/algorithms/{name}"),
                "rel": "item",
                "type": "application/json",
                "title": format!("Definition of {name} Algorithm"),
            }],
        })
    };
    let all: Vec<Value> = Algorithm::NAMES.iter().map(one).collect();
    (
        [(header::CACHE_CONTROL, HOURLY)],
        Json(json!({"algorithms": all})),
    )
        .into_response()
}

/// What an algorithm takes and makes.
#[utoipa::path(
    get, path = "/algorithms/{algorithmId}", tag = "colors",
    params(("algorithmId" = String, Path, description = "Name, as hillshade")),
    responses(
        (status = 200, description = "Title, description, inputs, outputs and parameters"),
        (status = 404, description = "There is no such algorithm"),
    )
)]
pub(super) async fn one(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = DOCUMENTS.get(&name);
    let found = found.ok_or_else(|| {
        let error = AlgorithmError::Unknown { name };
        ApiError::new(StatusCode::NOT_FOUND, error.to_string())
    })?;
    Ok(([(header::CACHE_CONTROL, HOURLY)], Json(found)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_told_of_with_the_parameters_that_it_takes() {
        assert_eq!(DOCUMENTS.len(), Algorithm::NAMES.len());
        for name in Algorithm::NAMES {
            let parameters = DOCUMENTS[name]["parameters"].as_object().unwrap();
            let defaults: Map<String, Value> = (parameters.iter())
                .map(|(name, told)| (name.clone(), told["default"].clone()))
                .collect();
            let defaults = Value::Object(defaults).to_string();
            let told = Algorithm::parse(name, Some(&defaults));
            assert_eq!(told, Algorithm::parse(name, None), "{name}");
        }
    }
}
