//! The mean.

use super::block::{Block, LANES, Lanes};

/// The mean of the valid samples of each band, rounded half up.
pub(super) fn reduce(block: &Block, out: &mut [Lanes]) {
    for (band, out) in out.iter_mut().enumerate() {
        // At most 65535 samples of at most 65535: no overflow, rounded or not.
        let mut sums = [0_u32; LANES];
        for samples in block.band(band) {
            for (sum, sample) in std::iter::zip(&mut sums, samples) {
                *sum += u32::from(*sample);
            }
        }
        for ((out, sum), count) in out.iter_mut().zip(sums).zip(*block.counts()) {
            let count = u32::from(count);
            if let Some(mean) = (sum + count / 2).checked_div(count) {
                // A mean of u16 values is at most u16::MAX.
                *out = u16::try_from(mean).unwrap_or(u16::MAX);
            }
        }
    }
}
