//! The Universal Transverse Mercator projection on WGS 84, both ways.
//!
//! Krüger's series to the fourth order in the third flattening, as in Karney, "Transverse Mercator with an
//! accuracy of a few nanometers" (Journal of Geodesy 85, 2011), equations 7 to 22 and 35 to 36. Inside a zone and
//! a few degrees around it the truncation is below a micrometre. The archive uses this instead of PROJ so that
//! placing its pixels and reading them back are two independent computations.

const EQUATORIAL_RADIUS: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
const SCALE: f64 = 0.9996;
const FALSE_EASTING: f64 = 500_000.0;
const FALSE_NORTHING_SOUTH: f64 = 10_000_000.0;
/// The third flattening, in which the series run.
const N: f64 = FLATTENING / (2.0 - FLATTENING);

/// Forward coefficients, α1 to α4.
const ALPHA: [f64; 4] = [
    N * (1.0 / 2.0 + N * (-2.0 / 3.0 + N * (5.0 / 16.0 + N * (41.0 / 180.0)))),
    N * N * (13.0 / 48.0 + N * (-3.0 / 5.0 + N * (557.0 / 1440.0))),
    N * N * N * (61.0 / 240.0 + N * (-103.0 / 140.0)),
    N * N * N * N * (49_561.0 / 161_280.0),
];

/// Inverse coefficients, β1 to β4.
const BETA: [f64; 4] = [
    N * (1.0 / 2.0 + N * (-2.0 / 3.0 + N * (37.0 / 96.0 + N * (-1.0 / 360.0)))),
    N * N * (1.0 / 48.0 + N * (1.0 / 15.0 + N * (-437.0 / 1440.0))),
    N * N * N * (17.0 / 480.0 + N * (-37.0 / 840.0)),
    N * N * N * N * (4397.0 / 161_280.0),
];

/// A zone of the northern or southern hemisphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    number: u8,
    south: bool,
}

impl Zone {
    /// The zone whose 6° strip a position lies in. Norway's and Svalbard's exceptions are not applied.
    #[must_use]
    pub fn containing(lon: f64, lat: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a longitude on the globe gives 1 to 60"
        )]
        let number = (((lon + 180.0) / 6.0).floor().clamp(0.0, 59.0) as u8) + 1;
        Self {
            number,
            south: lat < 0.0,
        }
    }

    /// 1 to 60.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }

    /// EPSG code of the CRS: 326zz in the north, 327zz in the south.
    #[must_use]
    pub fn epsg(self) -> u16 {
        u16::from(self.number) + if self.south { 32_700 } else { 32_600 }
    }

    /// Longitude of the zone's central meridian, in degrees.
    #[must_use]
    pub fn central_meridian(self) -> f64 {
        f64::from(self.number) * 6.0 - 183.0
    }

    /// Easting and northing in metres of a position in degrees.
    #[must_use]
    pub fn forward(self, lon: f64, lat: f64) -> (f64, f64) {
        let lambda = (lon - self.central_meridian()).to_radians();
        let tau = conformal(lat.to_radians().tan());
        let xi = tau.atan2(lambda.cos());
        let eta = (lambda.sin() / tau.hypot(lambda.cos())).asinh();
        let (d_xi, d_eta) = series(&ALPHA, xi, eta);
        let scale = SCALE * rectifying_radius();
        (
            FALSE_EASTING + scale * (eta + d_eta),
            self.false_northing() + scale * (xi + d_xi),
        )
    }

    /// Longitude and latitude in degrees of an easting and northing in metres.
    #[must_use]
    pub fn inverse(self, x: f64, y: f64) -> (f64, f64) {
        let scale = SCALE * rectifying_radius();
        let xi = (y - self.false_northing()) / scale;
        let eta = (x - FALSE_EASTING) / scale;
        let (d_xi, d_eta) = series(&BETA, xi, eta);
        let (xi, eta) = (xi - d_xi, eta - d_eta);
        let lambda = eta.sinh().atan2(xi.cos());
        let tau = geographic(xi.sin() / eta.sinh().hypot(xi.cos()));
        (
            self.central_meridian() + lambda.to_degrees(),
            tau.atan().to_degrees(),
        )
    }

    const fn false_northing(self) -> f64 {
        if self.south {
            FALSE_NORTHING_SOUTH
        } else {
            0.0
        }
    }
}

/// The radius of the circle as long as a meridian.
fn rectifying_radius() -> f64 {
    EQUATORIAL_RADIUS / (1.0 + N) * (1.0 + N * N * (1.0 / 4.0 + N * N / 64.0))
}

/// The correction both series have in common: Σ cⱼ sin 2jξ cosh 2jη and Σ cⱼ cos 2jξ sinh 2jη.
fn series(coefficients: &[f64; 4], xi: f64, eta: f64) -> (f64, f64) {
    let (mut d_xi, mut d_eta, mut double) = (0.0, 0.0, 0.0);
    for coefficient in coefficients {
        double += 2.0;
        let (sin, cos) = (double * xi).sin_cos();
        d_xi += coefficient * sin * (double * eta).cosh();
        d_eta += coefficient * cos * (double * eta).sinh();
    }
    (d_xi, d_eta)
}

/// Tangent of the conformal latitude from that of the geographic.
fn conformal(tau: f64) -> f64 {
    let eccentricity = (FLATTENING * (2.0 - FLATTENING)).sqrt();
    let sigma = (eccentricity * (eccentricity * tau / 1.0_f64.hypot(tau)).atanh()).sinh();
    tau * 1.0_f64.hypot(sigma) - sigma * 1.0_f64.hypot(tau)
}

/// The inverse of [`conformal`] by Newton's method, which gains more than four digits a step.
fn geographic(conformal_tau: f64) -> f64 {
    let flattened = 1.0 - FLATTENING * (2.0 - FLATTENING);
    let mut tau = conformal_tau / flattened;
    for _ in 0..3 {
        let reached = conformal(tau);
        tau += (conformal_tau - reached) / 1.0_f64.hypot(reached) * (1.0 + flattened * tau * tau)
            / (flattened * 1.0_f64.hypot(tau));
    }
    tau
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIMETRE: f64 = 0.001;

    const NORTH_31: Zone = zone(31, false);
    const NORTH_32: Zone = zone(32, false);
    const SOUTH_31: Zone = zone(31, true);

    const fn zone(number: u8, south: bool) -> Zone {
        Zone { number, south }
    }

    /// Computed by PROJ 9 through pyproj, always longitude first.
    const REFERENCE: [(Zone, f64, f64, f64, f64); 9] = [
        (NORTH_31, 5.4, 42.75, 696_415.865_18, 4_735_846.583_37),
        (NORTH_31, 6.0, 43.2, 743_737.625_46, 4_787_395.038_18),
        (NORTH_31, 6.9, 43.65, 814_522.975_66, 4_840_394.948_50),
        (NORTH_31, 3.0, 60.0, 500_000.0, 6_651_411.190_36),
        (NORTH_32, 5.4, 42.75, 205_367.629_01, 4_739_340.738_31),
        (NORTH_32, 6.0, 43.2, 256_262.374_54, 4_787_395.038_18),
        (NORTH_32, 9.0, 0.0, 500_000.0, 0.0),
        (NORTH_32, 3.0, 60.0, 165_640.332_11, 6_666_593.572_15),
        (SOUTH_31, 5.5, -33.0, 733_569.963_10, 6_345_936.665_07),
    ];

    #[test]
    fn the_forward_projection_agrees_with_proj() {
        for (zone, lon, lat, x, y) in REFERENCE {
            let (got_x, got_y) = zone.forward(lon, lat);
            assert!(
                (got_x - x).abs() < MILLIMETRE && (got_y - y).abs() < MILLIMETRE,
                "{lon} {lat}: {got_x} {got_y}"
            );
        }
    }

    #[test]
    fn the_inverse_returns_to_where_the_forward_projection_came_from() {
        for (zone, lon, lat, x, y) in REFERENCE {
            let (got_lon, got_lat) = zone.inverse(x, y);
            // 1e-8 degrees are a millimetre.
            assert!(
                (got_lon - lon).abs() < 1e-8 && (got_lat - lat).abs() < 1e-8,
                "{x} {y}: {got_lon} {got_lat}"
            );
        }
    }

    #[test]
    fn a_position_belongs_to_the_zone_of_its_strip() {
        assert_eq!(Zone::containing(5.999, 43.0), NORTH_31);
        assert_eq!(Zone::containing(6.0, 43.0), NORTH_32);
        assert_eq!(Zone::containing(180.0, -1.0).epsg(), 32_760);
        assert_eq!(Zone::containing(-180.0, 1.0).epsg(), 32_601);
    }
}
