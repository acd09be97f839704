//! A flat map of the coast, on which the landscape is drawn.

/// East and north of the map's origin, in kilometres.
pub type Km = (f64, f64);

const ORIGIN: (f64, f64) = (6.15, 43.2);
/// Kilometres in a degree of longitude and of latitude at the origin.
const DEGREE: Km = (81.25, 111.1);

/// A rectangle of longitudes and latitudes, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Western edge.
    pub west: f64,
    /// Southern edge.
    pub south: f64,
    /// Eastern edge.
    pub east: f64,
    /// Northern edge.
    pub north: f64,
}

/// From longitude and latitude onto the map. Equirectangular: true at the origin, a percent off at its corners,
/// which nobody can tell in an invented landscape.
#[must_use]
pub fn plane(lon: f64, lat: f64) -> Km {
    ((lon - ORIGIN.0) * DEGREE.0, (lat - ORIGIN.1) * DEGREE.1)
}

/// From the map to longitude and latitude.
#[must_use]
pub fn position((x, y): Km) -> (f64, f64) {
    (ORIGIN.0 + x / DEGREE.0, ORIGIN.1 + y / DEGREE.1)
}
