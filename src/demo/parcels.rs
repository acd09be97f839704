//! The patchwork of fields: where one ends, and what grows in it.

#![expect(
    clippy::cast_possible_truncation,
    reason = "strips and fields are counted in a region of a few hundred kilometres"
)]

use super::{
    noise::{cell, fbm, hash, lerp, unit},
    plane::Km,
    spectrum::Season,
};

/// Kilometres across a group of fields that share a direction.
const GROUP: f64 = 1.7;
const GROUP_SEED: u32 = 41;
const BEND_SEED: u32 = 43;

/// A field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parcel {
    /// The field's own random bits.
    pub(super) bits: u32,
    /// Its middle.
    pub(super) middle: Km,
    /// Kilometres to its border.
    pub(super) border: f64,
}

/// The field a place lies in. Groups of fields are Voronoi cells; inside, fields stand in strips, like bricks.
pub(super) fn parcel(at: Km) -> Parcel {
    let bend = |seed| 0.06 * fbm(seed, at.0 / 0.9, at.1 / 0.9, 2);
    let (x, y) = (at.0 + bend(BEND_SEED), at.1 + bend(BEND_SEED + 7));
    let group = cell(GROUP_SEED, x / GROUP, y / GROUP);
    let site = (group.site.0 * GROUP, group.site.1 * GROUP);
    let (sin, cos) = (unit(group.bits, 1) * std::f64::consts::PI).sin_cos();
    let (dx, dy) = (x - site.0, y - site.1);
    let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);

    let depth = lerp(0.13, 0.30, unit(group.bits, 2));
    let strip = (across / depth).floor();
    let strip_bits = hash(group.bits, strip as i32, 0);
    let width = depth * lerp(1.2, 2.6, unit(strip_bits, 3));
    let shift = width * unit(strip_bits, 4);
    let field = ((along + shift) / width).floor();
    let in_strip = across - strip * depth;
    let in_field = along + shift - field * width;
    let middle_along = (field + 0.5) * width - shift;
    let middle_across = (strip + 0.5) * depth;
    Parcel {
        bits: hash(strip_bits, field as i32, 1),
        middle: (
            site.0 + middle_along * cos - middle_across * sin,
            site.1 + middle_along * sin + middle_across * cos,
        ),
        border: in_strip
            .min(depth - in_strip)
            .min(in_field)
            .min(width - in_field)
            .min(group.border * GROUP / 2.0),
    }
}

/// What grows in a field: reflectance at the beginning of August and at the end of September. `fertile`, about -1 to
/// 1, says whether the country around is good land, where grain and maize displace vines.
pub(super) fn crop(bits: u32, fertile: f64) -> Season {
    let mut crop = match (unit(bits, 5) + 0.35 * fertile).clamp(0.0, 1.0) {
        // Olives and orchards.
        share if share < 0.12 => Season::new([800, 810, 560, 2150], [790, 800, 550, 2150]),
        // Vines on red soil.
        share if share < 0.26 => Season::new([1180, 920, 610, 2300], [1240, 930, 620, 2050]),
        // Vines, the most of it: green rows on stony soil, yellowing.
        share if share < 0.62 => Season::new([860, 880, 560, 2500], [990, 930, 590, 2200]),
        // Fallow and dry grass.
        share if share < 0.74 => Season::new([1330, 1170, 780, 2300], [1180, 1100, 730, 2350]),
        // Stubble, later ploughed.
        share if share < 0.88 => Season::new([1680, 1440, 970, 2600], [1330, 1060, 760, 1900]),
        // Irrigated: maize and meadows, part of it mown.
        _ => Season::new([470, 740, 390, 3700], [690, 860, 470, 2900]),
    };
    crop.scale(lerp(0.92, 1.28, unit(bits, 6)));
    crop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_one_piece_around_its_middle() {
        let mut whole = 0;
        for step in 0_u32..200 {
            let here = parcel((f64::from(step) * 0.31, f64::from(step) * 0.17));
            // Bends and group borders cut some fields, so that their middle lies outside.
            whole += u32::from(parcel(here.middle).bits == here.bits);
            assert!(here.border >= 0.0);
        }
        assert!(whole > 100, "{whole} of 200 fields contain their middle");
    }

    #[test]
    fn neighbouring_fields_differ() {
        let bits: std::collections::BTreeSet<u32> = (0_u32..100)
            .map(|step| parcel((f64::from(step) * 0.1, 3.0)).bits)
            .collect();
        assert!(bits.len() > 20, "{} fields in 10 km", bits.len());
    }
}
