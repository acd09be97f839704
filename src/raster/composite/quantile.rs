//! Medians and percentiles.

use super::{
    Percentile,
    block::{Block, Lanes},
    sort::merge_exchange,
};

/// Weights are hundredths.
const WHOLE: u32 = 100;

/// Between which of the sorted valid values a percentile lies.
#[derive(Clone, Copy)]
struct Rank {
    low: usize,
    high: usize,
    /// Hundredths of the way from `low` to `high`.
    weight: u32,
}

/// A percentile of blocks: of c sorted values the one at (c - 1) p / 100, in
/// proportion between two of them if that is no whole number (numpy's
/// "linear", number 7 of Hyndman and Fan, "Sample quantiles in statistical
/// packages", The American Statistician 50, 1996), rounded half up. Whole
/// numbers throughout, so exact.
pub(super) struct Quantile {
    /// By the number of valid observations.
    ranks: Vec<Rank>,
}

impl Quantile {
    /// A percentile of up to `most` observations.
    pub(super) fn new(percentile: Percentile, most: usize) -> Self {
        let percent = usize::from(percentile.get());
        let rank = |count: usize| {
            let last = count.saturating_sub(1);
            let hundredths = last * percent;
            let low = hundredths / 100;
            Rank {
                low,
                high: (low + 1).min(last),
                weight: u32::try_from(hundredths % 100).unwrap_or(0),
            }
        };
        Self {
            ranks: (0..=most).map(rank).collect(),
        }
    }

    pub(super) fn reduce(&self, block: &mut Block, out: &mut [Lanes]) {
        let counts = *block.counts();
        for (band, out) in out.iter_mut().enumerate() {
            let samples = block.band_mut(band);
            sort(samples);
            for (lane, (out, count)) in std::iter::zip(out, counts).enumerate() {
                let count = usize::from(count);
                if count == 0 {
                    continue;
                }
                // What is not valid is 0 and was sorted to the start.
                let valid = &samples[samples.len() - count..];
                let rank = self.ranks[count];
                let value = |at: usize| u32::from(valid[at][lane]);
                let sum = value(rank.low) * (WHOLE - rank.weight) + value(rank.high) * rank.weight;
                // Between two u16 values.
                *out = u16::try_from((sum + WHOLE / 2) / WHOLE).unwrap_or(u16::MAX);
            }
        }
    }
}

/// Sorts the samples of each pixel.
fn sort(samples: &mut [Lanes]) {
    merge_exchange(samples.len(), |i, j| {
        let (head, tail) = samples.split_at_mut(j);
        for (a, b) in std::iter::zip(&mut head[i], &mut tail[0]) {
            (*a, *b) = ((*a).min(*b), (*a).max(*b));
        }
    });
}
