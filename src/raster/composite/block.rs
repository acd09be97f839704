//! A few neighbouring pixels of a stack, side by side.

use std::ops::Range;

use super::{Stack, sort::merge_exchange};

/// Pixels of a block. Loops over them have this fixed length and no branch, so
/// that the compiler makes vector instructions of them; and so many samples of
/// a raster are read at once that memory keeps up.
pub(super) const LANES: usize = 256;

/// One sample of each pixel of a block.
pub(super) type Lanes = [u16; LANES];

/// All observations of the pixels of a block. Observations that see none of
/// them are left out: clouds are larger than a block, and what is left out
/// need not be sorted.
pub(super) struct Block {
    /// Of each band in turn, the observations; room for `capacity` of them.
    samples: Vec<Lanes>,
    capacity: usize,
    observations: usize,
    counts: Lanes,
}

impl Block {
    pub(super) fn new(bands: usize, capacity: usize) -> Self {
        Self {
            samples: vec![[0; LANES]; bands * capacity],
            capacity,
            observations: 0,
            counts: [0; LANES],
        }
    }

    /// Copies pixels, at most [`LANES`] of them. Those beyond them are 0.
    pub(super) fn load(&mut self, stack: &Stack, pixels: &Range<usize>) {
        self.observations = 0;
        self.counts = [0; LANES];
        for observation in &stack.observations {
            let Some(first) = observation.first() else {
                continue;
            };
            let lanes = lanes(&first.data[pixels.clone()]);
            if lanes.iter().fold(0, |any, sample| any | sample) == 0 {
                continue;
            }
            for (count, value) in std::iter::zip(&mut self.counts, lanes) {
                *count += u16::from(value != 0);
            }
            let places = self.samples[self.observations..].iter_mut();
            for (place, band) in std::iter::zip(places.step_by(self.capacity), observation) {
                *place = self::lanes(&band.data[pixels.clone()]);
            }
            self.observations += 1;
        }
    }

    /// Number of observations that see a pixel of the block.
    pub(super) fn observations(&self) -> usize {
        self.observations
    }

    /// Number of valid observations of each pixel.
    pub(super) fn counts(&self) -> &Lanes {
        &self.counts
    }

    /// The observations of a band, 0 where they are not valid.
    pub(super) fn band(&self, band: usize) -> &[Lanes] {
        let start = band * self.capacity;
        &self.samples[start..start + self.observations]
    }

    /// The observations of a band, to rearrange.
    pub(super) fn band_mut(&mut self, band: usize) -> &mut [Lanes] {
        let start = band * self.capacity;
        &mut self.samples[start..start + self.observations]
    }

    /// Sorts the observations of each pixel by their samples, the first band
    /// that differs deciding. What is not valid is at the start.
    pub(super) fn sort_spectra(&mut self, bands: usize) {
        let (samples, capacity) = (&mut self.samples, self.capacity);
        merge_exchange(self.observations, |i, j| {
            let mut is_greater = [0_u16; LANES];
            for band in (0..bands).rev().map(|band| band * capacity) {
                let (a, b) = (&samples[band + i], &samples[band + j]);
                for ((is_greater, a), b) in is_greater.iter_mut().zip(a).zip(b) {
                    let unequal = if a > b { u16::MAX } else { 0 };
                    *is_greater = if a == b { *is_greater } else { unequal };
                }
            }
            for band in (0..bands).map(|band| band * capacity) {
                let (head, tail) = samples.split_at_mut(band + j);
                let pairs = std::iter::zip(&mut head[band + i], &mut tail[0]);
                for ((a, b), is_greater) in pairs.zip(&is_greater) {
                    let swap = (*a ^ *b) & is_greater;
                    (*a, *b) = (*a ^ swap, *b ^ swap);
                }
            }
        });
    }

    /// The samples of an observation at a pixel, band by band.
    pub(super) fn spectrum(&self, observation: usize, lane: usize) -> impl Iterator<Item = u16> {
        self.samples[observation..]
            .iter()
            .step_by(self.capacity)
            .map(move |lanes| lanes[lane])
    }
}

fn lanes(samples: &[u16]) -> Lanes {
    if let Some(whole) = samples.first_chunk() {
        return *whole;
    }
    let mut lanes = [0; LANES];
    lanes[..samples.len()].copy_from_slice(samples);
    lanes
}
