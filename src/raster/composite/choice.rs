//! Rules that choose one of the observations and take all bands from it. Of
//! those that a rule finds equal, the one with the lesser samples is taken,
//! the first band that differs deciding: so their order does not matter.

use super::block::{Block, LANES, Lanes};

/// The observation whose normalised difference (a - b) / (a + b) of two bands
/// is the greatest. With a the near infrared and b the red this is the
/// maximum-NDVI composite (Holben, "Characteristics of maximum-value composite
/// images from temporal AVHRR data", Int. J. Remote Sensing 7, 1986).
///
/// The normalised difference rises with a / b, so that two of them are
/// compared without dividing, and exactly: a1 / b1 > a2 / b2 if a1 b2 > a2 b1.
pub(super) fn greatest(block: &Block, [a, b]: [usize; 2], out: &mut [Lanes]) {
    let mut best = [0_usize; LANES];
    // Any valid sample is greater than 0 / 1, and what is not valid is not.
    let (mut best_a, mut best_b) = ([0_u16; LANES], [1_u16; LANES]);
    for (n, (a, b)) in std::iter::zip(block.band(a), block.band(b)).enumerate() {
        for lane in 0..LANES {
            let (a, b) = (a[lane], b[lane]);
            let ratio = u32::from(a) * u32::from(best_b[lane]);
            let best_ratio = u32::from(best_a[lane]) * u32::from(b);
            let is_tie = ratio == best_ratio && a != 0;
            if ratio > best_ratio || is_tie && precedes(block, n, best[lane], lane) {
                (best[lane], best_a[lane], best_b[lane]) = (n, a, b);
            }
        }
    }
    take(block, &best, out);
}

/// Distances are rounded to a 65536th, by adding and taking away a number
/// whose last place that is, 3 x 2^35. Sums of them are exact, in any order.
const ROUND: f64 = 103_079_215_104.0;

/// Pixels that are worked on side by side: the distances between all their
/// observations stay near the processor.
const WIDTH: usize = 16;

/// The medoid: the observation with the least sum of Euclidean distances to
/// all the others, over the bands (Flood, "Seasonal composite Landsat TM/ETM+
/// images using the medoid", Remote Sensing 5, 2013).
#[derive(Default)]
pub(super) struct Medoid {
    /// Of each observation in turn, the samples of each band.
    samples: Vec<[f64; WIDTH]>,
    /// The sum of distances of each observation.
    totals: Vec<[f64; WIDTH]>,
}

impl Medoid {
    pub(super) fn reduce(&mut self, block: &Block, out: &mut [Lanes]) {
        let mut best = [0; LANES];
        for (n, best) in best.as_chunks_mut().0.iter_mut().enumerate() {
            self.choose(block, out.len(), n * WIDTH, best);
        }
        take(block, &best, out);
    }

    /// Chooses for a few pixels, from this one on.
    fn choose(&mut self, block: &Block, bands: usize, from: usize, best: &mut [usize; WIDTH]) {
        let observations = block.observations();
        self.samples.clear();
        for n in 0..observations {
            let samples = |band| std::array::from_fn(|l| f64::from(block.band(band)[n][from + l]));
            self.samples.extend((0..bands).map(samples));
        }
        self.totals.clear();
        self.totals.resize(observations, [0.0; WIDTH]);
        for i in 0..observations {
            let (here, further) = self.samples[i * bands..].split_at(bands);
            for (j, there) in (i + 1..).zip(further.chunks_exact(bands)) {
                let distances = distances(here, there);
                for (total, distance) in std::iter::zip(&mut self.totals[i], &distances) {
                    *total += distance;
                }
                for (total, distance) in std::iter::zip(&mut self.totals[j], &distances) {
                    *total += distance;
                }
            }
        }
        let mut least = [f64::INFINITY; WIDTH];
        for (n, totals) in self.totals.iter().enumerate() {
            for lane in 0..WIDTH {
                let total = totals[lane];
                let is_valid = self.samples[n * bands][lane] > 0.0;
                let is_tie = total.total_cmp(&least[lane]).is_eq();
                if is_valid
                    && (total < least[lane]
                        || is_tie && precedes(block, n, best[lane], from + lane))
                {
                    (best[lane], least[lane]) = (n, total);
                }
            }
        }
    }
}

/// The distance between two observations at each pixel, 0 where one of them is
/// not valid.
fn distances(here: &[[f64; WIDTH]], there: &[[f64; WIDTH]]) -> [f64; WIDTH] {
    let mut squares = [0.0; WIDTH];
    for (a, b) in std::iter::zip(here, there) {
        squares = std::array::from_fn(|l| squares[l] + (a[l] - b[l]) * (a[l] - b[l]));
    }
    let rounded = squares.map(|square| (f64::sqrt(square) + ROUND) - ROUND);
    std::array::from_fn(|l| {
        let is_valid = |samples: &[[f64; WIDTH]]| samples[0][l] > 0.0;
        if is_valid(here) && is_valid(there) {
            rounded[l]
        } else {
            0.0
        }
    })
}

/// Whether an observation has lesser samples than another at a pixel.
fn precedes(block: &Block, observation: usize, other: usize, lane: usize) -> bool {
    block
        .spectrum(observation, lane)
        .lt(block.spectrum(other, lane))
}

/// Takes at each pixel all bands from its observation. What is chosen where no
/// observation is valid is 0.
fn take(block: &Block, chosen: &[usize; LANES], out: &mut [Lanes]) {
    for (band, out) in out.iter_mut().enumerate() {
        let samples = block.band(band);
        for lane in 0..LANES {
            out[lane] = samples[chosen[lane]][lane];
        }
    }
}
