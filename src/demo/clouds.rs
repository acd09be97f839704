//! The sky of a date: cumulus or a front, with veils, and the shadows they throw.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "indices into a grid of about a million cells, and opacities between 0 and 1"
)]

use super::{
    acquisition::Acquisition,
    grid::Grid,
    noise::{fbm, smoothstep},
    plane::{Bounds, Km, plane},
};

/// Cell size of the sky in kilometres. Clouds have soft edges, so it may be coarser than the pixels.
const STEP: f64 = 0.15;
/// Sky beyond the bounds, in kilometres: for the corners of UTM frames, and for clouds whose shadow falls inside.
const MARGIN: f64 = 10.0;
/// Height of the cloud base over the ground, in kilometres.
const CUMULUS_BASE: f64 = 1.5;
const FRONT_BASE: f64 = 2.6;
/// Thickness, in units of the noise, from which a cloud hides the ground.
const OPAQUE: f64 = 0.55;
/// The most a veil of cirrus hides.
const VEIL: f64 = 0.34;

/// The clouds of one date.
#[derive(Debug)]
pub(super) struct Sky {
    thickness: Grid,
    veil: Grid,
    /// Direction of the sun on the map, length 1.
    sunward: Km,
    /// Kilometres from a cloud to its shadow.
    throw: f64,
}

/// The sky over a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overhead {
    /// How much of the ground a cloud hides, 0 to 1.
    pub(super) cloud: f32,
    /// Reflectance of the cloud times 10 000.
    pub(super) brightness: f32,
    /// How much of the ground a veil of cirrus hides, 0 to about a third.
    pub(super) veil: f32,
    /// How much of the direct sun a cloud takes from the ground, 0 to 1.
    pub(super) shadow: f32,
}

impl Sky {
    /// The sky over `bounds` on the date of `acquisition`. `shore`, the signed distance from the coast in
    /// kilometres, lets cumulus grow over land.
    pub(super) fn new(
        bounds: Bounds,
        acquisition: &Acquisition,
        shore: impl Fn(Km) -> f64,
    ) -> Self {
        let (west, south) = plane(bounds.west, bounds.south);
        let (east, north) = plane(bounds.east, bounds.north);
        let cells = |from: f64, to: f64| ((to - from + 2.0 * MARGIN) / STEP).ceil() as usize;
        let origin = (west - MARGIN, south - MARGIN);
        let shape = (cells(west, east), cells(south, north));
        let weather = acquisition.weather;
        let seed = acquisition.absolute_orbit;

        let raw = Grid::from_fn(origin, STEP, shape, |at| {
            if weather.front {
                front(seed, at)
            } else {
                cumulus(seed, at, shore(at))
            }
        });
        let clear = raw.quantile(1.0 - weather.cover);
        let thickness = raw.map(|_, value| (f64::from(value) - clear).max(0.0));
        let veil = Grid::from_fn(
            origin,
            STEP * 4.0,
            (shape.0 / 4 + 1, shape.1 / 4 + 1),
            |at| {
                if weather.front {
                    VEIL * veil(seed, at)
                } else {
                    0.0
                }
            },
        );

        let middle = (
            f64::midpoint(bounds.west, bounds.east),
            f64::midpoint(bounds.south, bounds.north),
        );
        let (azimuth, elevation) = acquisition.sun(middle.0, middle.1);
        let base = if weather.front {
            FRONT_BASE
        } else {
            CUMULUS_BASE
        };
        let (sin, cos) = azimuth.to_radians().sin_cos();
        Self {
            thickness,
            veil,
            sunward: (sin, cos),
            throw: base / elevation.to_radians().tan(),
        }
    }

    /// What hangs over a place on the flat map.
    pub(super) fn overhead(&self, at: Km) -> Overhead {
        let towards = |km: f64| (at.0 + km * self.sunward.0, at.1 + km * self.sunward.1);
        let here = self.thickness.at(at);
        let cloud = opacity(here);
        // The side that faces the sun is lit, the other one lies in the cloud's own shade.
        let facing = here - self.thickness.at(towards(0.45));
        let brightness =
            3600.0 + 4200.0 * smoothstep(0.05, 1.0, here) + 3200.0 * facing.clamp(-0.7, 0.7);
        Overhead {
            cloud: cloud as f32,
            brightness: brightness.clamp(1900.0, 9800.0) as f32,
            veil: self.veil.at(at) as f32,
            shadow: opacity(self.thickness.at(towards(self.throw))) as f32,
        }
    }
}

fn opacity(thickness: f64) -> f64 {
    smoothstep(0.0, OPAQUE, thickness)
}

/// Small clouds in loose groups, more of them over the warm land.
fn cumulus(seed: u32, at: Km, shore: f64) -> f64 {
    let groups = fbm(seed, at.0 / 24.0, at.1 / 17.0, 2);
    let land = smoothstep(-4.0, 5.0, shore);
    let gate = 1.1 * groups + 0.55 * land;
    // Heads of cloud: billows, from one to several kilometres.
    let heads = 1.0 - 1.6 * fbm(seed + 10, at.0 / 3.4, at.1 / 3.4, 2).abs();
    gate + 0.55 * heads + 0.9 * fbm(seed + 20, at.0 / 2.3, at.1 / 2.3, 5)
}

/// A band of cloud across the map, frayed on both sides.
fn front(seed: u32, at: Km) -> f64 {
    let (along, across) = across_front(seed, at);
    let swing = 16.0 * fbm(seed, along / 55.0, across / 55.0, 3);
    let band = 1.0 - (across + swing).abs() / 34.0;
    let texture = fbm(seed + 10, along / 13.0, across / 7.0, 6);
    1.7 * band + 1.5 * texture + 0.45 * fbm(seed + 30, at.0 / 1.4, at.1 / 1.4, 3)
}

/// Streaks of cirrus, densest ahead of the band.
fn veil(seed: u32, at: Km) -> f64 {
    let (along, across) = across_front(seed, at);
    let swing = 3.0 * fbm(seed + 40, at.0 / 14.0, at.1 / 14.0, 2);
    let streaks = fbm(seed + 50, (along + swing) / 38.0, (across + swing) / 3.6, 5);
    let ahead = smoothstep(-10.0, 26.0, across) * (1.0 - smoothstep(45.0, 75.0, across));
    smoothstep(-0.15, 0.95, streaks) * ahead
}

/// Position along and across the front, which runs from the south west to the north east.
fn across_front(seed: u32, (x, y): Km) -> Km {
    let turn = 35.0 + f64::from(seed % 29);
    let (sin, cos) = f64::to_radians(turn).sin_cos();
    let shift = f64::from(seed % 37) - 18.0;
    (x * sin + y * cos, x * cos - y * sin + shift)
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a few thousand samples"
)]
mod tests {
    use super::*;
    use crate::demo::acquisition::Weather;

    const BOUNDS: Bounds = Bounds {
        west: 6.0,
        south: 43.0,
        east: 6.4,
        north: 43.4,
    };

    fn sky(cover: f64, front: bool) -> Sky {
        let pass = Acquisition::on("2023-08-17".parse().unwrap());
        Sky::new(
            BOUNDS,
            &Acquisition {
                weather: Weather { cover, front },
                ..pass
            },
            |_| 10.0,
        )
    }

    fn share(sky: &Sky, chosen: impl Fn(Overhead) -> bool) -> f64 {
        let places = (0_u32..3600).map(|i| {
            plane(
                6.0 + 0.4 * f64::from(i % 60) / 60.0,
                43.0 + 0.4 * f64::from(i / 60) / 60.0,
            )
        });
        places.filter(|&at| chosen(sky.overhead(at))).count() as f64 / 3600.0
    }

    #[test]
    fn a_cloudless_sky_hides_nothing() {
        let sky = sky(0.0, false);
        assert!(
            share(&sky, |overhead| overhead.cloud > 0.0
                || overhead.shadow > 0.0)
            .abs()
                < 1e-9
        );
    }

    #[test]
    fn more_cover_hides_more() {
        let cloudy = |cover, front| share(&sky(cover, front), |overhead| overhead.cloud > 0.5);
        assert!(cloudy(0.1, false) < cloudy(0.6, false));
        assert!(cloudy(0.2, true) < cloudy(0.7, true));
    }

    #[test]
    fn a_shadow_lies_away_from_the_sun() {
        let sky = sky(0.3, false);
        // In the morning the sun is in the south east, so shadows lie north west of their clouds.
        assert!(sky.sunward.0 > 0.0 && sky.sunward.1 < 0.0);
        let shadow_at = plane(6.2, 43.2);
        let cloud_at = (
            shadow_at.0 + sky.throw * sky.sunward.0,
            shadow_at.1 + sky.throw * sky.sunward.1,
        );
        assert!((sky.overhead(shadow_at).shadow - sky.overhead(cloud_at).cloud).abs() < 1e-6);
    }
}
