//! Deterministic noise on the plane: gradient noise and its sums, and Voronoi cells.
//!
//! Gradient noise after Perlin, "Improving Noise" (2002), with hashed instead of tabulated gradients; cells after
//! Worley, "A Cellular Texture Basis Function" (1996).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "lattice coordinates are far inside 32 bits, and hashes are bits rather than numbers"
)]

/// Mixes a lattice point and a seed into 32 well distributed bits (the finalizer of `MurmurHash3`).
pub(super) fn hash(seed: u32, column: i32, row: i32) -> u32 {
    let mut bits = seed
        ^ (column as u32).wrapping_mul(0x9E37_79B1)
        ^ (row as u32).wrapping_mul(0x85EB_CA77).rotate_left(15);
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85EB_CA6B);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xC2B2_AE35);
    bits ^ (bits >> 16)
}

/// A hash as a number in 0..1. `stream` draws independent numbers from one hash.
pub(super) fn unit(hash_bits: u32, stream: u32) -> f64 {
    f64::from(hash(stream, hash_bits as i32, 0)) / 4_294_967_296.0
}

/// Gradient noise in about -1..1 with features one unit across.
pub(super) fn gradient(seed: u32, x: f64, y: f64) -> f64 {
    let (left, bottom) = (x.floor(), y.floor());
    let (column, row) = (left as i32, bottom as i32);
    let (fx, fy) = (x - left, y - bottom);
    let corner = |dx: i32, dy: i32| {
        let bits = hash(seed, column + dx, row + dy);
        let (x, y) = (fx - f64::from(dx), fy - f64::from(dy));
        // Eight directions: the diagonals and, longer, the axes.
        match bits >> 29 {
            0 => x + y,
            1 => x - y,
            2 => y - x,
            3 => -x - y,
            4 => 1.4 * x,
            5 => -1.4 * x,
            6 => 1.4 * y,
            _ => -1.4 * y,
        }
    };
    let (u, v) = (fade(fx), fade(fy));
    let low = lerp(corner(0, 0), corner(1, 0), u);
    let high = lerp(corner(0, 1), corner(1, 1), u);
    lerp(low, high, v)
}

/// Octaves of gradient noise, each half as large and half as wide, in about -1..1.
pub(super) fn fbm(seed: u32, x: f64, y: f64, octaves: u32) -> f64 {
    let (mut sum, mut reach, mut amplitude, mut frequency) = (0.0, 0.0, 1.0, 1.0);
    for octave in 0..octaves {
        // Turning the lattice between octaves hides its axes; the shift keeps the origin from lining up.
        let shift = f64::from(octave) * 17.3;
        let (turned_x, turned_y) = match octave % 2 {
            0 => (x, y),
            _ => (0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y),
        };
        sum += amplitude
            * gradient(
                seed.wrapping_add(octave),
                turned_x * frequency + shift,
                turned_y * frequency,
            );
        reach += amplitude;
        amplitude *= 0.5;
        frequency *= 2.0;
    }
    // A sum of octaves rarely nears its reach; the factor spreads it over -1..1.
    1.4 * sum / reach
}

/// The Voronoi cell a point falls into, for sites jittered on the unit lattice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// The cell's own random bits.
    pub(super) bits: u32,
    /// The cell's site.
    pub(super) site: (f64, f64),
    /// How much farther the second nearest site is than the nearest: 0 on the border.
    pub(super) border: f64,
}

/// Finds the Voronoi cell of a point.
pub(super) fn cell(seed: u32, x: f64, y: f64) -> Cell {
    let (column, row) = (x.floor() as i32, y.floor() as i32);
    let (mut nearest, mut second) = (f64::INFINITY, f64::INFINITY);
    let mut found = Cell {
        bits: 0,
        site: (x, y),
        border: 0.0,
    };
    for dy in -1..=1 {
        for dx in -1..=1 {
            let bits = hash(seed, column + dx, row + dy);
            let site = (
                f64::from(column + dx) + 0.5 + 0.8 * (f64::from(bits & 0xFFFF) / 65_535.0 - 0.5),
                f64::from(row + dy) + 0.5 + 0.8 * (f64::from(bits >> 16) / 65_535.0 - 0.5),
            );
            let distance = (site.0 - x).hypot(site.1 - y);
            if distance < nearest {
                (second, nearest) = (nearest, distance);
                found = Cell {
                    bits: hash(seed ^ 0x5EED, column + dx, row + dy),
                    site,
                    border: 0.0,
                };
            } else if distance < second {
                second = distance;
            }
        }
    }
    Cell {
        border: second - nearest,
        ..found
    }
}

/// Linear interpolation from `a` at 0 to `b` at 1.
pub(super) fn lerp(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f64, high: f64, value: f64) -> f64 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn fade(t: f64) -> f64 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a few thousand samples"
)]
mod tests {
    use super::*;

    fn samples(noise: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        (0..4000)
            .map(|i| noise(f64::from(i % 80) * 0.37, f64::from(i / 80) * 0.41))
            .collect()
    }

    #[test]
    fn noise_is_centred_on_zero_and_fills_its_range() {
        for values in [
            samples(|x, y| gradient(3, x, y)),
            samples(|x, y| fbm(3, x, y, 5)),
        ] {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!(mean.abs() < 0.06, "mean {mean}");
            let (low, high) = values.iter().fold((0.0_f64, 0.0_f64), |(low, high), &v| {
                (low.min(v), high.max(v))
            });
            assert!(
                (-1.5..-0.5).contains(&low) && (0.5..1.5).contains(&high),
                "{low}..{high}"
            );
        }
    }

    #[test]
    fn noise_has_no_seams_at_lattice_lines() {
        for k in -5..5 {
            let (x, y) = (f64::from(k), 0.3 + f64::from(k));
            assert!((gradient(9, x - 1e-7, y) - gradient(9, x + 1e-7, y)).abs() < 1e-5);
        }
    }

    #[test]
    fn a_point_at_a_site_lies_in_that_sites_cell() {
        let here = cell(1, 12.3, -7.8);
        let there = cell(1, here.site.0, here.site.1);
        assert_eq!(here.bits, there.bits);
        assert!(there.border > 0.0);
    }
}
