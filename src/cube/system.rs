//! The coordinate reference systems that a cube may be in: how recipes name
//! them, where they are of use, and how CF (1.11, appendix F) describes them.

use crate::grid::{Bounds, Epsg};

/// Half the side of Web Mercator's square world, in metres: pi times the
/// radius of its sphere.
const MERCATOR_HALF: f64 = 20_037_508.342_789_244;

/// How far from the central meridian, in metres, a UTM zone is of use: nine
/// degrees at the equator, where the scale is wrong by 1.2 %.
const UTM_REACH: f64 = 1_000_000.0;

/// How far from the equator, in metres, a UTM zone is of use: 85.5 degrees.
const UTM_RISE: f64 = 9_500_000.0;

const UTM_FALSE_EASTING: f64 = 500_000.0;
const UTM_FALSE_NORTHING_SOUTH: f64 = 10_000_000.0;

/// A coordinate reference system that a cube may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// EPSG:4326, WGS 84 longitude and latitude in degrees.
    Geographic,
    /// EPSG:3857, WGS 84 / Pseudo-Mercator, in metres.
    WebMercator,
    /// EPSG:32601 to 32660 and 32701 to 32760, WGS 84 / UTM, in metres.
    Utm {
        /// 1 to 60.
        zone: u8,
        /// Whether northings are counted from 10 000 km south of the equator.
        south: bool,
    },
    /// EPSG:3035, ETRS89-extended / LAEA Europe, in metres.
    LaeaEurope,
}

/// A spatial dimension and its coordinate variable, which has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The name of both.
    pub name: &'static str,
    pub(super) standard_name: &'static str,
    pub(super) units: &'static str,
    pub(super) letter: &'static str,
}

impl System {
    /// What [`System::named`] understands, for people.
    pub const NAMES: &str = "EPSG:4326, EPSG:3857, EPSG:3035, or a UTM zone, EPSG:32601 to EPSG:32660 in the north and EPSG:32701 to EPSG:32760 in the south";

    /// The system with a code as recipes write it, `EPSG:4326`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let code: u32 = text.strip_prefix("EPSG:")?.parse().ok()?;
        match code {
            4326 => Some(Self::Geographic),
            3857 => Some(Self::WebMercator),
            3035 => Some(Self::LaeaEurope),
            32_601..=32_660 | 32_701..=32_760 => Some(Self::Utm {
                zone: u8::try_from(code % 100).ok()?,
                south: code > 32_700,
            }),
            _ => None,
        }
    }

    /// The EPSG code.
    #[must_use]
    pub fn epsg(self) -> Epsg {
        match self {
            Self::Geographic => Epsg::WGS84,
            Self::WebMercator => Epsg::WEB_MERCATOR,
            Self::Utm { zone, south } => {
                Epsg(if south { 32_700 } else { 32_600 } + u32::from(zone))
            }
            Self::LaeaEurope => Epsg(3035),
        }
    }

    /// What its coordinates count, as one says: a number of these.
    #[must_use]
    pub fn units(self) -> &'static str {
        if self == Self::Geographic {
            "degrees"
        } else {
            "metres"
        }
    }

    /// The rectangle that a cube must lie in. Every point of it has a
    /// geographic counterpart, and none is a pole (but for degrees).
    #[must_use]
    pub fn limits(self) -> Bounds {
        let around = |x: f64, y: f64, dx: f64, dy: f64| Bounds {
            west: x - dx,
            south: y - dy,
            east: x + dx,
            north: y + dy,
        };
        match self {
            Self::Geographic => around(0.0, 0.0, 180.0, 90.0),
            Self::WebMercator => around(0.0, 0.0, MERCATOR_HALF, MERCATOR_HALF),
            Self::Utm { south, .. } => around(
                UTM_FALSE_EASTING,
                false_northing(south),
                UTM_REACH,
                UTM_RISE,
            ),
            // Europe with the Atlantic islands, Cyprus and Svalbard.
            Self::LaeaEurope => Bounds {
                west: 0.0,
                south: 0.0,
                east: 8_000_000.0,
                north: 7_000_000.0,
            },
        }
    }

    /// The dimensions of rows and of columns.
    #[must_use]
    pub fn axes(self) -> [Axis; 2] {
        let axis = |name, standard_name, units, letter| Axis {
            name,
            standard_name,
            units,
            letter,
        };
        if self == Self::Geographic {
            [
                axis("latitude", "latitude", "degrees_north", "Y"),
                axis("longitude", "longitude", "degrees_east", "X"),
            ]
        } else {
            [
                axis("y", "projection_y_coordinate", "metre", "Y"),
                axis("x", "projection_x_coordinate", "metre", "X"),
            ]
        }
    }

    /// The name of CF's grid mapping, and its parameters.
    pub(super) fn grid_mapping(self) -> (&'static str, Vec<(&'static str, f64)>) {
        let ellipsoid = |inverse_flattening| {
            vec![
                ("semi_major_axis", 6_378_137.0),
                ("inverse_flattening", inverse_flattening),
                ("longitude_of_prime_meridian", 0.0),
            ]
        };
        let wgs84 = || ellipsoid(298.257_223_563);
        let with = |mut shape: Vec<_>, projection: &[_]| {
            shape.extend_from_slice(projection);
            shape
        };
        match self {
            Self::Geographic => ("latitude_longitude", wgs84()),
            // CF has no name for this projection of the ellipsoid's latitudes
            // on a sphere. Mercator's on the sphere gives the same numbers.
            Self::WebMercator => (
                "mercator",
                vec![
                    ("earth_radius", 6_378_137.0),
                    ("longitude_of_prime_meridian", 0.0),
                    ("longitude_of_projection_origin", 0.0),
                    ("standard_parallel", 0.0),
                    ("false_easting", 0.0),
                    ("false_northing", 0.0),
                ],
            ),
            Self::Utm { zone, south } => {
                let projection = [
                    ("latitude_of_projection_origin", 0.0),
                    (
                        "longitude_of_central_meridian",
                        f64::from(zone) * 6.0 - 183.0,
                    ),
                    ("scale_factor_at_central_meridian", 0.9996),
                    ("false_easting", UTM_FALSE_EASTING),
                    ("false_northing", false_northing(south)),
                ];
                ("transverse_mercator", with(wgs84(), &projection))
            }
            Self::LaeaEurope => {
                let grs80 = ellipsoid(298.257_222_101);
                let projection = [
                    ("latitude_of_projection_origin", 52.0),
                    ("longitude_of_projection_origin", 10.0),
                    ("false_easting", 4_321_000.0),
                    ("false_northing", 3_210_000.0),
                ];
                ("lambert_azimuthal_equal_area", with(grs80, &projection))
            }
        }
    }
}

fn false_northing(south: bool) -> f64 {
    if south { UTM_FALSE_NORTHING_SOUTH } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_found_by_its_own_code_and_no_other_is() {
        let codes = (32_601..=32_660).chain(32_701..=32_760);
        for code in codes.chain([4326, 3857, 3035]) {
            let system = System::named(&format!("EPSG:{code}")).unwrap();
            assert_eq!(system.epsg(), Epsg(code));
        }
        for text in [
            "EPSG:32600",
            "EPSG:32661",
            "EPSG:25833",
            "4326",
            "epsg:4326",
            "",
        ] {
            assert_eq!(System::named(text), None, "{text}");
        }
    }
}
