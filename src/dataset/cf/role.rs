//! What a dimension is for: x, y, time or something else.
//!
//! Source: CF 1.11, chapter 4: `axis`, `standard_name` and `units` of the
//! coordinate variable tell; names are looked at where they are silent.

use crate::dataset::Array;

/// What a dimension is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Columns.
    X {
        /// Whether it is surely a longitude in degrees.
        longitude: bool,
    },
    /// Rows.
    Y {
        /// Whether it is surely a latitude in degrees.
        latitude: bool,
    },
    /// Time.
    Time,
    /// Height, band, ensemble member or whatever else.
    Other,
}

impl Role {
    /// Whether it is [`Role::X`].
    #[must_use]
    pub fn is_x(self) -> bool {
        matches!(self, Self::X { .. })
    }

    /// Whether it is [`Role::Y`].
    #[must_use]
    pub fn is_y(self) -> bool {
        matches!(self, Self::Y { .. })
    }

    /// The role that a coordinate variable's attributes tell.
    #[must_use]
    pub fn by_attributes(coordinate: &Array) -> Option<Self> {
        let text = |name: &str| coordinate.text(name).unwrap_or_default().trim();
        let units = text("units");
        let by_name = match text("standard_name") {
            "longitude" => Some(Self::X { longitude: true }),
            "latitude" => Some(Self::Y { latitude: true }),
            "projection_x_coordinate" | "grid_longitude" => Some(Self::X { longitude: false }),
            "projection_y_coordinate" | "grid_latitude" => Some(Self::Y { latitude: false }),
            "time" | "forecast_reference_time" => Some(Self::Time),
            _ => None,
        };
        let by_units = || match units {
            "degrees_east" | "degree_east" | "degree_E" | "degrees_E" | "degreeE" | "degreesE" => {
                Some(Self::X { longitude: true })
            }
            "degrees_north" | "degree_north" | "degree_N" | "degrees_N" | "degreeN"
            | "degreesN" => Some(Self::Y { latitude: true }),
            _ if units.contains(" since ") => Some(Self::Time),
            _ => None,
        };
        let by_axis = || match text("axis") {
            "X" | "x" => Some(Self::X { longitude: false }),
            "Y" | "y" => Some(Self::Y { latitude: false }),
            "T" | "t" => Some(Self::Time),
            "Z" | "z" => Some(Self::Other),
            _ => None,
        };
        by_name.or_else(by_units).or_else(by_axis)
    }

    /// The role that a dimension's name suggests. A name like `lon` does not
    /// make it a longitude: values and a reference system have to agree.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "x" | "lon" | "lng" | "long" | "longitude" | "longitudes" | "easting" | "rlon"
            | "xc" | "nav_lon" => Some(Self::X { longitude: false }),
            "y" | "lat" | "latitude" | "latitudes" | "northing" | "rlat" | "yc" | "nav_lat" => {
                Some(Self::Y { latitude: false })
            }
            "time" | "valid_time" => Some(Self::Time),
            _ => None,
        }
    }

    /// Whether a name is that of a longitude or latitude.
    #[must_use]
    pub fn is_named_geographic(name: &str) -> bool {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "lon" | "lng" | "long" | "longitude" | "longitudes" | "lat" | "latitude" | "latitudes"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn role(attributes: &Value) -> Option<Role> {
        let document = json!({"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "<f8",
            "fill_value": null, "attributes": attributes});
        Role::by_attributes(&Array::parse("a", document, None).unwrap())
    }

    #[test]
    fn attributes_tell_the_role_and_whether_it_is_in_degrees() {
        for (attributes, expected) in [
            (
                json!({"units": "degrees_east"}),
                Some(Role::X { longitude: true }),
            ),
            (
                json!({"standard_name": "latitude", "units": "degrees"}),
                Some(Role::Y { latitude: true }),
            ),
            (
                json!({"axis": "X", "units": "degrees_east"}),
                Some(Role::X { longitude: true }),
            ),
            (
                json!({"axis": "X", "units": "m"}),
                Some(Role::X { longitude: false }),
            ),
            (
                json!({"standard_name": "projection_y_coordinate"}),
                Some(Role::Y { latitude: false }),
            ),
            (
                json!({"standard_name": "grid_longitude", "units": "degrees"}),
                Some(Role::X { longitude: false }),
            ),
            (json!({"units": "days since 1970-01-01"}), Some(Role::Time)),
            (json!({"axis": "Z", "units": "m"}), Some(Role::Other)),
            (json!({"units": "K"}), None),
        ] {
            assert_eq!(role(&attributes), expected, "{attributes}");
        }
    }

    #[test]
    fn names_are_known_in_any_case_and_prove_no_degrees() {
        assert_eq!(
            Role::by_name("Longitude"),
            Some(Role::X { longitude: false })
        );
        assert_eq!(Role::by_name("Y"), Some(Role::Y { latitude: false }));
        assert_eq!(Role::by_name("band"), None);
        assert!(Role::is_named_geographic("Lat") && !Role::is_named_geographic("x"));
    }
}
