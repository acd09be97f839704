//! The values behind a pixel of a tile.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{
    grid::{TileAddress, tile_matrix},
    http::{ApiError, AppState, error::NO_STORE, query::TileQuery},
    tile::TileError,
};

/// Pixels along a side of the tiles of a matrix.
pub(super) const SIDE: u32 = 256;

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

    /// How an address ends for it.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::GeoJson => "geojson",
            Self::Text => "txt",
        }
    }
}

/// A pixel of a tile, counted from the north west.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixel {
    pub(super) tile: TileAddress,
    pub(super) col: u32,
    pub(super) row: u32,
}

impl Pixel {
    /// Longitude and latitude of its middle.
    fn middle(self) -> (f64, f64) {
        let at = self.tile.grid(SIDE as usize).transform;
        (
            tile_matrix::mercator_to_longitude(at.x(f64::from(self.col) + 0.5)),
            tile_matrix::mercator_to_latitude(at.y(f64::from(self.row) + 0.5)),
        )
    }
}

/// Tells the values of the cell in the middle of a pixel: those of the variables that
/// the query names, or of all. Beside the cube there are none, which is no error.
pub(super) async fn answer(
    state: &AppState,
    cube: &str,
    pixel: Pixel,
    query: &TileQuery,
    format: InfoFormat,
) -> Result<Response, ApiError> {
    let named = (query.expression.as_ref())
        .map_or(&query.variables[..], |expression| expression.variables());
    let (longitude, latitude) = pixel.middle();
    let found = state
        .tiles
        .point(cube, (longitude, latitude), named, &query.sel)
        .await;
    let values = match found {
        Ok(found) => {
            let time = found.stored.cube.times().days(found.time).start;
            let mut told = vec![("time".to_owned(), json!(time))];
            let values = found.values.iter().map(|value| json!(value));
            told.extend(std::iter::zip(found.names, values));
            told
        }
        Err(TileError::NotThere { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let text = match format {
        InfoFormat::Text => as_text(&values),
        InfoFormat::Json | InfoFormat::GeoJson => {
            as_geojson([longitude, latitude], values).to_string()
        }
    };
    let told = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_LENGTH, text.len().to_string()),
    ];
    Ok((told, [(header::CACHE_CONTROL, NO_STORE)], text).into_response())
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

    /// As morecantile 7.1.0 has it: the corner of `tms.bounds(Tile(1, 1, 1))` is where
    /// the equator and Greenwich meet.
    #[test]
    fn a_pixel_is_asked_in_its_middle() {
        let pixel = Pixel {
            tile: TileAddress::new(1, 1, 1).unwrap(),
            col: 0,
            row: 0,
        };
        let (longitude, latitude) = pixel.middle();
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
