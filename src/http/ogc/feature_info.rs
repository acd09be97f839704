//! The values behind a pixel of a tile.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{
    catalog::ExternalEntry,
    grid::{Epsg, Grid},
    http::{ApiError, AppState, error::NO_STORE, query::TileQuery},
    raster::Expression,
    tile::{self, TileError},
};

/// The forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InfoFormat {
    /// `GeoJSON`, under the name of JSON.
    Json,
    GeoJson,
    Text,
}

impl InfoFormat {
    /// In the order of the capabilities.
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::GeoJson, Self::Text];

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::GeoJson => "application/geo+json",
            Self::Text => "text/plain",
        }
    }

    /// That of a media type.
    pub(super) fn named(media_type: &str) -> Option<Self> {
        (Self::ALL.into_iter()).find(|format| format.media_type() == media_type)
    }

    /// How an address ends for it.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::GeoJson => "geojson",
            Self::Text => "txt",
        }
    }
}

/// Longitude and latitude of the middle of a pixel, counted from the corner in the north
/// west; none where that is not on the globe.
pub(super) fn middle(grid: &Grid, col: u32, row: u32) -> Option<(f64, f64)> {
    tile::lonlat_at(grid, f64::from(col) + 0.5, f64::from(row) + 0.5)
}

/// Tells the values of the cell at a place: those of the variables that the query names, or
/// of all. Beside the cube there are none, which is no error.
pub(super) async fn answer(
    state: &AppState,
    cube: &str,
    place: Option<(f64, f64)>,
    query: &TileQuery,
    format: InfoFormat,
) -> Result<Response, ApiError> {
    let named = match &query.expression {
        None => query.variables.clone(),
        Some(expression) => variables_of(state, cube, expression).await?,
    };
    let values = match place {
        Some(place) => values_at(state, cube, place, (&named, &query.sel)).await?,
        None => Vec::new(),
    };
    let text = match format {
        InfoFormat::Text => as_text(&values),
        InfoFormat::Json | InfoFormat::GeoJson => {
            as_geojson(place.unwrap_or_default().into(), values).to_string()
        }
    };
    let told = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_LENGTH, text.len().to_string()),
    ];
    Ok((told, [(header::CACHE_CONTROL, NO_STORE)], text).into_response())
}

/// The variables of an expression, and of the indices in it.
async fn variables_of(
    state: &AppState,
    cube: &str,
    expression: &Expression,
) -> Result<Vec<String>, ApiError> {
    let catalog = state.tiles.catalog();
    let expression = if let Some(entry) = catalog.external(cube) {
        let external = entry.source().current().await;
        expression.with_indices(|name| external.dataset.variable(name).is_ok())
    } else {
        let stored = catalog.get(cube)?.current().await;
        tile::with_indices(expression, &stored.cube)
    };
    Ok(expression.variables().to_vec())
}

async fn values_at(
    state: &AppState,
    cube: &str,
    place: (f64, f64),
    (variables, sel): (&[String], &[String]),
) -> Result<Vec<(String, Value)>, ApiError> {
    if let Some(entry) = state.tiles.catalog().external(cube) {
        return others_values_at(state, &entry, place, (variables, sel)).await;
    }
    let found = match state.tiles.point(cube, place, variables, sel).await {
        Ok(found) => found,
        Err(TileError::NotThere { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let time = found.stored.cube.times().days(found.time).start;
    let mut told = vec![("time".to_owned(), json!(time))];
    let values = found.values.iter().map(|value| json!(value));
    told.extend(std::iter::zip(found.names, values));
    Ok(told)
}

/// Of a data set of somebody else those of the first variable if none is named, and of
/// several times the newest.
async fn others_values_at(
    state: &AppState,
    entry: &ExternalEntry,
    place: (f64, f64),
    (variables, sel): (&[String], &[String]),
) -> Result<Vec<(String, Value)>, ApiError> {
    let first = [entry.source().current().await.dataset.variables[0]
        .name
        .clone()];
    let variables = if variables.is_empty() {
        &first
    } else {
        variables
    };
    let mut told = Vec::new();
    for name in variables {
        let place = (place, Epsg::WGS84);
        let found = (state.tiles).external_point(entry, place, Some(name), (sel, &[]), None);
        let found = match found.await {
            Ok(found) => found,
            Err(TileError::NotThere { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        if let (true, Some(label)) = (told.is_empty(), found.labels.last()) {
            told.push(("time".to_owned(), json!(label)));
        }
        told.push((name.clone(), json!(found.values.last())));
    }
    Ok(told)
}

fn as_text(values: &[(String, Value)]) -> String {
    let line = |(name, value): &(String, Value)| match value.as_str() {
        Some(text) => format!("{name}: {text}\n"),
        None if value.is_null() => format!("{name}: no data\n"),
        None => format!("{name}: {value}\n"),
    };
    values.iter().map(line).collect()
}

fn as_geojson(place: [f64; 2], values: Vec<(String, Value)>) -> Value {
    let feature = |values: Vec<(String, Value)>| {
        json!({
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": place},
            "properties": values.into_iter().collect::<Map<_, _>>(),
        })
    };
    let features: Vec<Value> = (!values.is_empty())
        .then(|| feature(values))
        .into_iter()
        .collect();
    json!({"type": "FeatureCollection", "features": features})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::TileAddress;

    /// As morecantile 7.1.0 has it: the corner of `tms.bounds(Tile(1, 1, 1))` is where
    /// the equator and Greenwich meet.
    #[test]
    fn a_pixel_is_asked_in_its_middle() {
        let tile = TileAddress::new(1, 1, 1).unwrap();
        let (longitude, latitude) = middle(&tile.grid(256), 0, 0).unwrap();
        let half = 90.0 / 256.0;
        assert!((longitude - half).abs() < 1e-9, "{longitude}");
        assert!(
            latitude < 0.0 && (latitude + half).abs() < 1e-3,
            "{latitude}"
        );
    }

    #[test]
    fn what_has_no_data_says_so_and_beside_the_cube_there_is_nothing() {
        let values = vec![
            ("time".to_owned(), json!("2023-08-01")),
            ("red".to_owned(), json!(1200)),
            ("nir".to_owned(), Value::Null),
        ];
        let text = as_text(&values);
        assert_eq!(text, "time: 2023-08-01\nred: 1200\nnir: no data\n");
        let told = as_geojson([1.0, 2.0], values);
        assert_eq!(told["features"][0]["properties"]["red"], 1200);
        assert_eq!(as_geojson([1.0, 2.0], Vec::new())["features"], json!([]));
    }
}
