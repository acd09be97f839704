//! Where on the globe an item is: rectangles of longitude and latitude that
//! do not cross the antimeridian.

use serde_json::Value;

use crate::grid::Bounds;

/// Cuts a rectangle at the antimeridian. `west` > `east` means that it
/// crosses it, and so do longitudes beyond ±180.
pub(super) fn split(bounds: Bounds) -> Vec<Bounds> {
    let mut bounds = bounds;
    if bounds.east < bounds.west {
        bounds.east += 360.0;
    }
    if bounds.east - bounds.west >= 360.0 {
        return vec![Bounds {
            west: -180.0,
            east: 180.0,
            ..bounds
        }];
    }
    // Into -180..180 by its western edge.
    let turns = ((bounds.west + 180.0) / 360.0).floor() * 360.0;
    bounds.west -= turns;
    bounds.east -= turns;
    if bounds.east <= 180.0 {
        return vec![bounds];
    }
    vec![
        Bounds {
            east: 180.0,
            ..bounds
        },
        Bounds {
            west: -180.0,
            east: bounds.east - 360.0,
            ..bounds
        },
    ]
}

/// The rectangles that an item lies in, from its `bbox` or else its geometry.
pub(super) fn footprint(bbox: Option<&[f64]>, geometry: Option<&Value>) -> Vec<Bounds> {
    let mut positions = Vec::new();
    if let Some(geometry) = geometry {
        collect_positions(
            geometry.get("coordinates").unwrap_or(geometry),
            &mut positions,
        );
    }
    let envelope = match *bbox.unwrap_or_default() {
        [west, south, east, north] | [west, south, _, east, north, _] => Some(Bounds {
            west,
            south,
            east,
            north,
        }),
        _ => around(positions.iter().copied()),
    };
    let Some(bounds) = envelope else {
        return Vec::new();
    };
    // A scene that seems wider than half the world crosses the antimeridian,
    // if its longitudes are close together when counted the other way round.
    if bounds.east - bounds.west > 180.0 {
        let eastward = positions
            .iter()
            .map(|[x, y]| [if *x < 0.0 { x + 360.0 } else { *x }, *y]);
        if let Some(other) = around(eastward)
            && other.east > other.west
            && other.east - other.west < 180.0
        {
            return split(other);
        }
    }
    split(bounds)
}

fn collect_positions(coordinates: &Value, positions: &mut Vec<[f64; 2]>) {
    let Some(values) = coordinates.as_array() else {
        return;
    };
    match (
        values.first().and_then(Value::as_f64),
        values.get(1).and_then(Value::as_f64),
    ) {
        (Some(x), Some(y)) => positions.push([x, y]),
        (Some(_), None) | (None, _) => {
            for value in values {
                collect_positions(value, positions);
            }
        }
    }
}

fn around(positions: impl Iterator<Item = [f64; 2]>) -> Option<Bounds> {
    positions.fold(None, |bounds: Option<Bounds>, [x, y]| {
        Some(bounds.map_or(
            Bounds {
                west: x,
                south: y,
                east: x,
                north: y,
            },
            |b| Bounds {
                west: b.west.min(x),
                south: b.south.min(y),
                east: b.east.max(x),
                north: b.north.max(y),
            },
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bounds(west: f64, south: f64, east: f64, north: f64) -> Bounds {
        Bounds {
            west,
            south,
            east,
            north,
        }
    }

    #[test]
    fn a_rectangle_is_cut_at_the_antimeridian_however_it_is_written() {
        let halves = [
            bounds(179.0, 1.0, 180.0, 2.0),
            bounds(-180.0, 1.0, -178.0, 2.0),
        ];
        assert_eq!(split(bounds(179.0, 1.0, -178.0, 2.0)), halves);
        assert_eq!(split(bounds(179.0, 1.0, 182.0, 2.0)), halves);
        assert_eq!(split(bounds(-181.0, 1.0, -178.0, 2.0)), halves);
        let plain = bounds(15.0, 45.0, 16.5, 46.0);
        assert_eq!(split(plain), [plain]);
        let east = bounds(178.0, 1.0, 180.0, 2.0);
        assert_eq!(split(east), [east]);
        let world = bounds(-180.0, -90.0, 180.0, 90.0);
        assert_eq!(split(world), [world]);
    }

    #[test]
    fn an_item_is_where_its_bbox_says_or_else_its_geometry() {
        let polygon = json!({"type": "Polygon", "coordinates": [[
            [15.0, 45.0], [16.0, 45.0], [16.0, 46.0], [15.0, 46.0], [15.0, 45.0],
        ]]});
        let square = bounds(15.0, 45.0, 16.0, 46.0);
        assert_eq!(footprint(None, Some(&polygon)), [square]);
        assert_eq!(
            footprint(Some(&[15.0, 45.0, 0.0, 16.0, 46.0, 100.0]), None),
            [square]
        );
        assert_eq!(footprint(None, None), []);
        assert_eq!(footprint(Some(&[1.0]), Some(&Value::Null)), []);
    }

    #[test]
    fn a_bbox_around_the_world_is_corrected_by_a_geometry_at_the_antimeridian() {
        // MGRS tile 01WCP, as a MultiPolygon cut at the antimeridian.
        let cut = json!({"type": "MultiPolygon", "coordinates": [
            [[[180.0, 66.7], [178.5, 66.6], [178.7, 65.7], [180.0, 65.7], [180.0, 66.7]]],
            [[[-180.0, 65.7], [-179.1, 65.7], [-179.0, 66.7], [-180.0, 66.7], [-180.0, 65.7]]],
        ]});
        assert_eq!(
            footprint(Some(&[-180.0, 65.7, 180.0, 66.7]), Some(&cut)),
            [
                bounds(178.5, 65.7, 180.0, 66.7),
                bounds(-180.0, 65.7, -179.0, 66.7)
            ]
        );
        // A mosaic of the world stays one.
        let world = json!({"type": "Polygon", "coordinates": [[
            [-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0], [-180.0, -90.0],
        ]]});
        let whole = bounds(-180.0, -90.0, 180.0, 90.0);
        assert_eq!(footprint(Some(&whole.to_array()), Some(&world)), [whole]);
    }
}
