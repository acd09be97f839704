//! What somebody asks for, as it is sent and kept.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    build::{Area, BuildRequest, PlanError},
    grid::{ChunkIndex, TileAddress},
    land::Region,
};

/// A fill as it is asked for: of an area (at most one of `bbox`, `geometry`,
/// `tile` and `chunks`; the whole cube without) and an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobRequest {
    /// `[west, south, east, north]` in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bbox: Option<[f64; 4]>,
    /// A `GeoJSON` object with polygons, in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Value>,
    /// A tile of `WebMercatorQuad`: `z/x/y`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tile: Option<String>,
    /// Time step, chunk row and chunk column of each chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Vec<[usize; 3]>>,
    /// Days, both inclusive: `2023-08-01/2023-08-31`; all time steps if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datetime: Option<String>,
    /// Build also what is done.
    pub force: bool,
    /// Build also what failed before.
    pub retry_failed: bool,
    /// Build again what is complete, of the time steps that are not settled.
    pub refresh: bool,
    /// With `refresh`: the steps that end after this day are not settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<NaiveDate>,
}

impl JobRequest {
    /// Makes up its mind which steps are settled: those that end so many days
    /// before a day. A request that knows already keeps to it.
    pub(super) fn settle(&mut self, day: NaiveDate, days: u32) {
        if self.refresh && self.settled.is_none() {
            self.settled = Some(before(day, days));
        }
    }

    /// What is to be built.
    ///
    /// # Errors
    /// If a part of it means nothing.
    pub fn to_build(&self) -> Result<BuildRequest, PlanError> {
        let named = [
            self.bbox.is_some(),
            self.geometry.is_some(),
            self.tile.is_some(),
            self.chunks.is_some(),
        ];
        if named.iter().filter(|is_there| **is_there).count() > 1 {
            return Err(PlanError::Areas);
        }
        if self.force && self.refresh {
            return Err(PlanError::Again);
        }
        let area = if let Some(bounds) = self.bbox {
            Area::Bounds(BuildRequest::check_bounds(bounds)?)
        } else if let Some(document) = &self.geometry {
            Area::Region(Region::from_geojson(document).map_err(PlanError::Geometry)?)
        } else if let Some(tile) = &self.tile {
            Area::Bounds(address(tile)?.lonlat_bounds())
        } else if let Some(chunks) = &self.chunks {
            let chunk = |[time, row, col]: &[usize; 3]| {
                let chunk = ChunkIndex {
                    row: *row,
                    col: *col,
                };
                (*time, chunk)
            };
            Area::Chunks(chunks.iter().map(chunk).collect())
        } else {
            Area::Whole
        };
        Ok(BuildRequest {
            area,
            days: match &self.datetime {
                Some(text) => BuildRequest::parse_days(text)?,
                None => (None, None),
            },
            force: self.force,
            leave_failed: !self.retry_failed,
            refresh: self.settled.filter(|_| self.refresh),
        })
    }
}

/// So many days before a day, or the first day there is.
pub(super) fn before(day: NaiveDate, days: u32) -> NaiveDate {
    let span = Days::new(days.into());
    day.checked_sub_days(span).unwrap_or(NaiveDate::MIN)
}

fn address(text: &str) -> Result<TileAddress, PlanError> {
    let error = || PlanError::Tile(text.to_owned());
    let numbers: Vec<u64> = text.split('/').flat_map(str::parse).collect();
    match (numbers.as_slice(), text.split('/').count()) {
        ([zoom, col, row], 3) => TileAddress::new(*zoom, *col, *row).map_err(|_outside| error()),
        _ => Err(error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(document: Value) -> Result<BuildRequest, PlanError> {
        serde_json::from_value::<JobRequest>(document)
            .unwrap()
            .to_build()
    }

    #[test]
    fn an_area_is_named_in_one_way() {
        let tile = parsed(json!({"tile": "1/0/0"})).unwrap();
        let bbox = parsed(json!({"bbox": [-180.0, 0.0, 0.0, 85.051_128_779_806_6]})).unwrap();
        let (Area::Bounds(tile), Area::Bounds(bbox)) = (tile.area, bbox.area) else {
            panic!("both are rectangles");
        };
        assert!((tile.north - bbox.north).abs() < 1e-9);
        let both = parsed(json!({"tile": "1/0/0", "bbox": [0, 0, 1, 1]}));
        assert!(matches!(both, Err(PlanError::Areas)));
    }

    #[test]
    fn a_refresh_keeps_to_the_days_that_it_was_asked_on() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut request: JobRequest = serde_json::from_value(json!({"refresh": true})).unwrap();
        request.settle(day("2023-08-31"), 30);
        request.settle(day("2024-08-31"), 30);
        assert_eq!(request.to_build().unwrap().refresh, Some(day("2023-08-01")));
        assert_eq!(before(day("2023-08-31"), u32::MAX), NaiveDate::MIN);
        let mut other = JobRequest::default();
        other.settle(day("2023-08-31"), 30);
        assert_eq!(other.to_build().unwrap().refresh, None);
    }

    #[test]
    fn what_means_nothing_is_told() {
        for document in [
            json!({"tile": "1/0"}),
            json!({"tile": "1/2/0"}),
            json!({"tile": "a/b/c"}),
            json!({"geometry": {"type": "Point", "coordinates": [0, 0]}}),
            json!({"bbox": [1, 0, 0, 1]}),
            json!({"datetime": "soon"}),
            json!({"force": true, "refresh": true}),
        ] {
            assert!(parsed(document.clone()).is_err(), "{document}");
        }
    }
}
