//! A user's own area, as `GeoJSON` (RFC 7946).

use geo::{BoundingRect as _, Intersects as _, MultiPolygon, Polygon, Rect, coord};
use geojson::GeoJson;

/// The most corners of all polygons together: every box is held against all
/// of those that it is near to.
const MOST_CORNERS: usize = 200_000;

/// Why a document is no area.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// It is not `GeoJSON`.
    #[error("it is not GeoJSON: {0}")]
    Syntax(String),
    /// It has no polygon.
    #[error("it has no Polygon or MultiPolygon")]
    Empty,
    /// It is too detailed.
    #[error("its polygons have {0} corners, more than {MOST_CORNERS}: simplify them")]
    TooDetailed(usize),
    /// A corner is not on the globe.
    #[error("({x}, {y}) is no longitude and latitude in degrees")]
    Elsewhere {
        /// The first number of the position.
        x: f64,
        /// The second.
        y: f64,
    },
}

/// Polygons in longitude and latitude, ready to be asked about boxes.
#[derive(Clone, Debug)]
pub struct Region {
    polygons: Vec<(Rect, Polygon)>,
}

impl Region {
    /// The polygons of a `GeoJSON` object of any kind. Points and lines have no
    /// area and are passed over.
    ///
    /// # Errors
    /// If it is none, has no polygon or too many corners, or a corner is not
    /// on the globe.
    pub fn from_geojson(document: &serde_json::Value) -> Result<Self, RegionError> {
        let syntax = |error: geojson::Error| RegionError::Syntax(error.to_string());
        let document = document.to_string().parse::<GeoJson>().map_err(syntax)?;
        let all = geo::GeometryCollection::<f64>::try_from(&document).map_err(syntax)?;
        let mut polygons = Vec::new();
        collect(all.into_iter(), &mut polygons);
        let corners = || polygons.iter().flat_map(|(_, polygon)| corners(polygon));
        let count = corners().count();
        if count > MOST_CORNERS {
            return Err(RegionError::TooDetailed(count));
        }
        let outside = corners().find(|(x, y)| !(x.abs() <= 180.0 && y.abs() <= 90.0));
        if let Some((x, y)) = outside {
            return Err(RegionError::Elsewhere { x, y });
        }
        if polygons.is_empty() {
            return Err(RegionError::Empty);
        }
        Ok(Self { polygons })
    }

    /// Whether any of it touches a box in degrees that does not cross the
    /// antimeridian, edges included.
    #[must_use]
    pub fn intersects(&self, west: f64, south: f64, east: f64, north: f64) -> bool {
        let place = Rect::new(coord! { x: west, y: south }, coord! { x: east, y: north });
        self.polygons
            .iter()
            .any(|(around, polygon)| around.intersects(&place) && polygon.intersects(&place))
    }
}

fn collect(geometries: impl Iterator<Item = geo::Geometry>, polygons: &mut Vec<(Rect, Polygon)>) {
    let mut add = |polygon: Polygon| {
        polygons.extend(polygon.bounding_rect().map(|around| (around, polygon)));
    };
    let mut nested = Vec::new();
    for geometry in geometries {
        if let geo::Geometry::Polygon(polygon) = geometry {
            add(polygon);
        } else if let geo::Geometry::MultiPolygon(MultiPolygon(parts)) = geometry {
            parts.into_iter().for_each(&mut add);
        } else if let geo::Geometry::GeometryCollection(collection) = geometry {
            nested.extend(collection);
        }
    }
    if !nested.is_empty() {
        collect(nested.into_iter(), polygons);
    }
}

fn corners(polygon: &Polygon) -> impl Iterator<Item = (f64, f64)> {
    std::iter::once(polygon.exterior())
        .chain(polygon.interiors())
        .flat_map(|ring| ring.coords().map(|corner| (corner.x, corner.y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A square from 10 to 20 with a hole from 14 to 16.
    fn square() -> serde_json::Value {
        json!({"type": "Polygon", "coordinates": [
            [[10, 10], [20, 10], [20, 20], [10, 20], [10, 10]],
            [[14, 14], [14, 16], [16, 16], [16, 14], [14, 14]],
        ]})
    }

    #[test]
    fn a_box_is_in_a_region_if_they_have_a_point_in_common() {
        let region = Region::from_geojson(&square()).unwrap();
        for (place, expected) in [
            ([11.0, 11.0, 12.0, 12.0], true),
            ([0.0, 0.0, 30.0, 30.0], true),
            ([5.0, 15.0, 10.0, 16.0], true),
            ([5.0, 15.0, 9.9, 16.0], false),
            ([14.5, 14.5, 15.5, 15.5], false),
            ([14.5, 14.5, 16.5, 15.5], true),
        ] {
            let [west, south, east, north] = place;
            assert_eq!(
                region.intersects(west, south, east, north),
                expected,
                "{place:?}"
            );
        }
    }

    #[test]
    fn the_polygons_of_every_kind_of_document_count() {
        let feature = json!({"type": "Feature", "properties": {}, "geometry": square()});
        let far = json!({"type": "MultiPolygon", "coordinates": [
            [[[50, 0], [51, 0], [51, 1], [50, 0]]],
        ]});
        let point = json!({"type": "Point", "coordinates": [0, 0]});
        let collection = json!({"type": "GeometryCollection", "geometries": [far, point]});
        let other = json!({"type": "Feature", "properties": {}, "geometry": collection});
        let all = json!({"type": "FeatureCollection", "features": [feature, other]});
        let region = Region::from_geojson(&all).unwrap();
        assert!(region.intersects(11.0, 11.0, 12.0, 12.0));
        assert!(region.intersects(50.5, 0.0, 52.0, 0.2));
        assert!(!region.intersects(-1.0, -1.0, 1.0, 1.0));
    }

    #[test]
    fn what_is_no_area_is_refused_with_its_reason() {
        let error = |document| Region::from_geojson(&document).unwrap_err().to_string();
        assert!(error(json!({"type": "Polygone"})).contains("not GeoJSON"));
        let point = json!({"type": "Point", "coordinates": [0, 0]});
        assert!(error(point).contains("no Polygon"));
        let metres = json!({"type": "Polygon", "coordinates": [
            [[500_000, 0], [500_010, 0], [500_010, 10], [500_000, 0]],
        ]});
        assert!(error(metres).contains("(500000, 0)"));
    }
}
