//! What a tile of somebody else's data takes, and so how it is made.

use super::{Band, place::Mapping, subject::Subject};
use crate::{
    raster::Resampling,
    render::FileFormat,
    tile::{
        Look, TileError, Tiles,
        cost::{Cost, STEPS_AT_ONCE},
        target::Target,
    },
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

impl Tiles {
    /// What a tile of these bands takes, and how it is made.
    ///
    /// # Errors
    /// If it is more than may be taken, with what would not be.
    pub(super) fn external_cost(
        &self,
        bands: &[Band],
        target: &Target,
        look: &Look,
        subject: &Subject<'_>,
    ) -> Result<(Cost, Way), TileError> {
        let planes = match look.format {
            // As single floats, and once more in the file.
            Some(FileFormat::Samples(_)) => 8,
            Some(FileFormat::Image(_)) | None if look.is_computed() => 4,
            Some(FileFormat::Image(_)) | None => 0,
        };
        let steps = subject.steps();
        let (mut cost, way) = cost(bands, target, look.resampling, (self.most, planes), steps)?;
        let pixels = target.pixels();
        let taken = subject.expression.as_ref().map_or(bands.len(), |_| 1);
        if let Some(over_time) = look.over_time {
            let held = |steps| taken * (1 + over_time.planes(steps));
            cost = cost.of_steps(steps, pixels, held, self.most)?;
        }
        if look.algorithm.is_some() {
            cost = cost.with_values(pixels, taken + subject.names().len(), self.most)?;
        }
        Ok((cost, way))
    }
}

/// What a tile takes of one time step, and how it is made within `most` bytes. Beside its
/// samples a band takes `planes` bytes a pixel, of what is computed of them and of a file.
/// So many `steps` are made in the same way, one after the other.
///
/// # Errors
/// [`TileError::TooMuch`] if it cannot be made within them. A statistic of what pixels
/// cover is never summed: that would be a mean by its name.
fn cost(
    bands: &[Band],
    target: &Target,
    resampling: Resampling,
    (most, planes): (u64, u64),
    steps: usize,
) -> Result<(Cost, Way), TileError> {
    let pixels = target.pixels() as u64;
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
    // Of several steps some are under way at once.
    let share = most / steps.clamp(1, STEPS_AT_ONCE) as u64;
    let is_separable = |band: &Band| matches!(band.mapping.as_ref(), Mapping::Separable { .. });
    let may_be_summed = resampling.may_be_a_mean() && bands.iter().all(is_separable);
    if cost.bytes() <= share || !may_be_summed {
        cost.check(most, target)?;
        return Ok((cost, Way::AtOnce));
    }
    match summed(bands, target, (share, planes)) {
        Ok((found, bytes)) => {
            check_steps(bytes, steps)?;
            Ok(found)
        }
        // Then steps are told of which there are too many.
        Err(_) if cost.bytes() <= most => Ok((cost, Way::AtOnce)),
        Err(error) => Err(error),
    }
}

/// Refuses so many steps if they are summed from more bytes than are read, where one is of
/// so many.
fn check_steps(bytes: u64, steps: usize) -> Result<(), TileError> {
    let fit = MOST_SUMMED / bytes.max(1);
    if steps as u64 <= fit.max(1) {
        return Ok(());
    }
    Err(TileError::TooMuch {
        bytes: bytes.saturating_mul(steps as u64),
        limit: MOST_SUMMED,
        advice: format!(
            "these are {steps} time steps; ask for at most {fit}, or for a higher zoom"
        ),
    })
}

/// What a tile takes of one time step if it is made of sums of some units at a time, within
/// `most` bytes, and how many bytes it is summed from.
fn summed(
    bands: &[Band],
    target: &Target,
    (most, planes): (u64, u64),
) -> Result<((Cost, Way), u64), TileError> {
    let pixels = target.pixels() as u64;
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
    Ok(((cost, Way::Streamed { parts }), summed))
}
