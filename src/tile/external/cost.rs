//! What a tile of somebody else's data takes, and so how it is made.

use super::{Band, place::Mapping};
use crate::{
    raster::Resampling,
    tile::{TileError, cost::Cost, target::Target},
};

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

/// What a tile takes, and how it is made within `most` bytes. Beside its samples a band
/// takes `planes` bytes a pixel, of what is computed of them and of a file.
///
/// # Errors
/// [`TileError::TooMuch`] if it cannot be made within them. A statistic of what pixels
/// cover is never summed: that would be a mean by its name.
pub(super) fn cost(
    bands: &[Band],
    target: &Target,
    resampling: Resampling,
    most: u64,
    planes: u64,
) -> Result<(Cost, Way), TileError> {
    let pixels = (target.grid.shape.rows * target.grid.shape.cols) as u64;
    let of_band = |band: &Band| {
        let sample = band.array.stored().size() as u64;
        let window = match band.mapping.as_ref() {
            // Its positions, two doubles a pixel, are there as well.
            Mapping::Projected { window, .. } => window.len() as u64 * sample + pixels * 16,
            Mapping::Separable { .. } | Mapping::Nothing => 0,
        };
        let units = (band.units.len() as u64).saturating_mul(band.array.unit_bytes());
        (units + window)
            .saturating_add(pixels * (2 * sample + planes))
            .saturating_add(band.mapping.bytes_at_hand(resampling))
    };
    let whole = bands
        .iter()
        .fold(0_u64, |all, band| all.saturating_add(of_band(band)));
    let cost = Cost::of_samples(whole, pixels);
    let is_separable = |band: &Band| matches!(band.mapping.as_ref(), Mapping::Separable { .. });
    let may_be_summed = resampling.may_be_a_mean() && bands.iter().all(is_separable);
    if cost.bytes() <= most || !may_be_summed {
        cost.check(most, target)?;
        return Ok((cost, Way::AtOnce));
    }
    let summed = bands.iter().fold(0_u64, |all, band| {
        let units = band.units.len() as u64;
        all.saturating_add(units.saturating_mul(band.array.unit_bytes()))
    });
    Cost::of_samples(summed, pixels).check(MOST_SUMMED, target)?;
    let sums = bands
        .iter()
        .map(|band| band.units.len() as u64 * PART + pixels * SUM);
    let results = bands
        .iter()
        .map(|band| pixels * (2 * band.array.stored().size() as u64 + planes));
    let rest = sums.max().unwrap_or(0) + results.sum::<u64>();
    // As it is stored, decoded, as samples, and what of that the allocator keeps.
    let units = bands.iter().map(|band| 3 * band.array.unit_bytes());
    let unit = units.max().unwrap_or(0);
    let room = most.saturating_sub(Cost::of_samples(rest, pixels).bytes());
    let parts = (room / unit.max(1)).clamp(1, MOST_PARTS);
    let cost = Cost::of_samples(rest.saturating_add(parts * unit), pixels);
    cost.check(most, target)?;
    let parts = usize::try_from(parts).unwrap_or(1);
    Ok((cost, Way::Streamed { parts }))
}
