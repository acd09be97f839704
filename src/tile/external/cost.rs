//! What a tile of somebody else's data takes, and so how it is made.

use super::{
    Band,
    place::{Mapping, Target},
};
use crate::tile::{TileError, cost::Cost};

/// The most units in memory at once where they are summed.
const MOST_PARTS: u64 = 4;

/// The most decoded bytes that a tile is summed from, some ten seconds of work.
const MOST_SUMMED: u64 = 4 << 30;

/// Bytes that the sums of a unit take beside those of its pixels, and those of
/// a pixel.
const PART: u64 = 192;
const SUM: u64 = 64;

/// How the samples of a tile are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From all units under it.
    AtOnce,
    /// All units are too many to hold: from sums of some at a time.
    Streamed {
        /// How many.
        parts: usize,
    },
}

/// What a tile takes, and how it is made within `most` bytes.
pub(super) fn cost(bands: &[Band], target: &Target, most: u64) -> Result<(Cost, Way), TileError> {
    let shape = target.grid.shape;
    let pixels = (shape.rows * shape.cols) as u64;
    let check = |cost: Cost, most: u64| match target.address {
        Some(address) => cost.check(most, address),
        None if cost.bytes() <= most => Ok(()),
        None => Err(TileError::TooMuch {
            bytes: cost.bytes(),
            limit: most,
            advice: "ask for a smaller rectangle, for fewer pixels or for fewer bands".to_owned(),
        }),
    };
    let of_band = |band: &Band| {
        let sample = band.array.stored().size() as u64;
        let window = match band.mapping.as_ref() {
            // Its positions, two doubles a pixel, are there as well.
            Mapping::Projected { window, .. } => window.len() as u64 * sample + pixels * 16,
            Mapping::Separable { .. } | Mapping::Nothing => 0,
        };
        let units = (band.units.len() as u64).saturating_mul(band.array.unit_bytes());
        (units + window).saturating_add(2 * pixels * sample)
    };
    let whole = bands
        .iter()
        .fold(0_u64, |all, band| all.saturating_add(of_band(band)));
    let cost = Cost::of_pixels(whole, pixels);
    let is_separable = |band: &Band| matches!(band.mapping.as_ref(), Mapping::Separable { .. });
    if cost.bytes() <= most || !bands.iter().all(is_separable) {
        check(cost, most)?;
        return Ok((cost, Way::AtOnce));
    }
    let summed = bands.iter().fold(0_u64, |all, band| {
        let units = band.units.len() as u64;
        all.saturating_add(units.saturating_mul(band.array.unit_bytes()))
    });
    check(Cost::of_pixels(summed, pixels), MOST_SUMMED)?;
    let sums = bands
        .iter()
        .map(|band| band.units.len() as u64 * PART + pixels * SUM);
    let results = bands
        .iter()
        .map(|band| 2 * pixels * band.array.stored().size() as u64);
    let rest = sums.max().unwrap_or(0) + results.sum::<u64>();
    // As it is stored, decoded, as samples, and what of that the allocator keeps.
    let units = bands.iter().map(|band| 3 * band.array.unit_bytes());
    let unit = units.max().unwrap_or(0);
    let room = most.saturating_sub(Cost::of_pixels(rest, pixels).bytes());
    let parts = (room / unit.max(1)).clamp(1, MOST_PARTS);
    let cost = Cost::of_pixels(rest.saturating_add(parts * unit), pixels);
    check(cost, most)?;
    let parts = usize::try_from(parts).unwrap_or(1);
    Ok((cost, Way::Streamed { parts }))
}
