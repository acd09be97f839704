//! The geometric median.

use super::{
    block::{Block, LANES, Lanes},
    linear::Symmetric,
};
use crate::raster::Sample as _;

/// Pixels that are iterated on side by side. One that is done makes room for
/// the next, so that none waits for its neighbours.
const SLOTS: usize = 8;
type Slots = [f32; SLOTS];

/// A pixel is done when a step is shorter than this, in the unit of the
/// samples. The error is far less: of Newton's steps each is about as long as
/// the square of the one before, in units of the spread of the observations.
const TOLERANCE: f64 = 0.1;
/// A pixel that is not done after so many steps is left where it is, as with
/// geomad in odc-stats. Six are usual.
const MAX_ITERATIONS: u32 = 1000;
/// How much greater, as a share, a sum of distances may be by rounding alone.
const NOISE: f64 = 4e-6;

/// The geometric median: the point with the least sum of Euclidean distances
/// to the observations, over the bands (Roberts et al., "High-dimensional pixel
/// composites from Earth observation time series", IEEE Transactions on
/// Geoscience and Remote Sensing 55, 2017).
///
/// Found by Newton's method, after one step of Weiszfeld's from the mean: far
/// from the median, Newton's are often too long. One that makes the sum greater
/// is taken back for Weiszfeld's, which never does. At an observation, where
/// the sum has a kink, Vardi and Zhang ("The multivariate L1-median and
/// associated data depth", PNAS 97, 2000) tell whether it is itself the
/// median, and the step otherwise. A pixel starts from nothing but its own
/// sorted observations: neither their order nor its neighbours matter.
pub(super) struct Geomedian {
    /// Of each observation in turn, the samples of each band; 0 where a pixel
    /// has no further observation.
    samples: Vec<Slots>,
    centres: Vec<Slots>,
    searches: [Search; SLOTS],
    sums: Sums,
    newton: Symmetric,
}

/// Where the search for the median of a pixel stands.
#[derive(Clone)]
struct Search {
    /// The pixel; `None` if there is none to search.
    lane: Option<usize>,
    observations: usize,
    iterations: u32,
    /// The centre before the last step.
    before: Vec<f64>,
    /// Its sum of distances; infinite if any step from it is right.
    distance: f64,
    /// Weiszfeld's step from it.
    weiszfeld: Vec<f64>,
    /// Whether the search was already sent to an observation.
    tried: bool,
}

impl Geomedian {
    /// A reducer of blocks of so many bands and at most so many observations.
    pub(super) fn new(bands: usize, observations: usize) -> Self {
        let search = Search {
            lane: None,
            observations: 0,
            iterations: 0,
            before: vec![0.0; bands],
            distance: f64::INFINITY,
            weiszfeld: vec![0.0; bands],
            tried: false,
        };
        Self {
            samples: vec![[0.0; SLOTS]; bands * observations],
            centres: vec![[0.0; SLOTS]; bands],
            searches: std::array::from_fn(|_| search.clone()),
            sums: Sums::new(bands),
            newton: Symmetric::new(bands),
        }
    }

    pub(super) fn reduce(&mut self, block: &mut Block, out: &mut [Lanes]) {
        block.sort_spectra(out.len());
        let mut lanes = 0..LANES;
        loop {
            for slot in 0..SLOTS {
                while self.searches[slot].lane.is_none()
                    && let Some(lane) = lanes.next()
                {
                    self.begin(slot, block, lane, out);
                }
            }
            let searches = self.searches.iter().filter(|s| s.lane.is_some());
            let Some(observations) = searches.map(|s| s.observations).max() else {
                return;
            };
            let samples = &self.samples[..observations * out.len()];
            self.sums.add_up(samples, &self.centres);
            for slot in 0..SLOTS {
                if let Some(lane) = self.searches[slot].lane
                    && self.step(slot)
                {
                    for (out, centre) in std::iter::zip(&mut *out, &self.centres) {
                        out[lane] = u16::from_f64(f64::from(centre[slot])).max(1);
                    }
                    self.searches[slot].lane = None;
                }
            }
        }
    }

    /// Starts the search for the median of a pixel, unless it has at most two
    /// observations: then all points between them have the same sum, and the
    /// one in the middle is taken.
    fn begin(&mut self, slot: usize, block: &Block, lane: usize, out: &mut [Lanes]) {
        let count = usize::from(block.counts()[lane]);
        let valid = |band: usize| &block.band(band)[block.observations() - count..];
        if count <= 2 {
            for (band, out) in out.iter_mut().enumerate() {
                if let [first, .., last] | [first @ last] = valid(band) {
                    let sum = u32::from(first[lane]) + u32::from(last[lane]);
                    out[lane] = u16::try_from(sum.div_ceil(2)).unwrap_or(u16::MAX);
                }
            }
            return;
        }
        let search = &mut self.searches[slot];
        let left_over = search.observations.saturating_sub(count);
        for (band, centre) in self.centres.iter_mut().enumerate() {
            let (mut sum, mut number) = (0.0, 0.0);
            let mut places = self.samples[band..].iter_mut().step_by(out.len());
            // In this order: the other would take a place too many.
            for (samples, place) in std::iter::zip(valid(band), &mut places) {
                place[slot] = f32::from(samples[lane]);
                sum += f64::from(samples[lane]);
                number += 1.0;
            }
            for place in places.take(left_over) {
                place[slot] = 0.0;
            }
            centre[slot] = f32::from_f64(sum / number);
        }
        search.lane = Some(lane);
        search.observations = count;
        search.iterations = 0;
        search.distance = f64::INFINITY;
        search.tried = false;
    }

    /// Moves the centre of a pixel; true if it is at the median then.
    fn step(&mut self, slot: usize) -> bool {
        let (search, sums) = (&mut self.searches[slot], &self.sums);
        search.iterations += 1;
        let pull = |band: usize| f64::from(sums.pull[band][slot]);
        let bands = self.centres.len();
        let force = (0..bands).map(|b| pull(b) * pull(b)).sum::<f64>().sqrt();
        let here = f64::from(sums.here[slot]);
        if force <= here || search.iterations > MAX_ITERATIONS {
            return true;
        }
        let distance = f64::from(sums.distance[slot]);
        if distance > search.distance * (1.0 + NOISE) {
            for (band, centre) in self.centres.iter_mut().enumerate() {
                centre[slot] = f32::from_f64(search.before[band] + search.weiszfeld[band]);
            }
            search.distance = f64::INFINITY;
            return false;
        }
        let weight = f64::from(sums.weight[slot]);
        let samples = &self.samples[..search.observations * bands];
        // One observation pulls more than all others: it may be the median,
        // which steps come ever nearer to, but do not reach.
        if here == 0.0
            && !search.tried
            && f64::from(sums.greatest[slot]) > 0.5 * weight
            && let Some(nearest) = nearest(samples, &self.centres, slot)
        {
            for (centre, sample) in std::iter::zip(&mut self.centres, nearest) {
                centre[slot] = sample[slot];
            }
            (search.tried, search.distance) = (true, f64::INFINITY);
            return false;
        }
        for (band, centre) in self.centres.iter().enumerate() {
            search.before[band] = f64::from(centre[slot]);
            search.weiszfeld[band] = (1.0 - here / force) * pull(band) / weight;
        }
        search.distance = distance;
        let newton = if here == 0.0 && search.iterations > 1 {
            let tensor = sums.tensor.iter().map(|entry| f64::from(entry[slot]));
            self.newton.solve(weight, tensor, (0..bands).map(pull))
        } else {
            None
        };
        let step = newton.unwrap_or(&search.weiszfeld);
        for ((centre, before), step) in self.centres.iter_mut().zip(&search.before).zip(step) {
            centre[slot] = f32::from_f64(before + step);
        }
        step.iter().map(|s| s * s).sum::<f64>() < TOLERANCE * TOLERANCE
    }
}

/// The samples of the observation of a pixel that is nearest to its centre.
fn nearest<'a>(samples: &'a [Slots], centres: &[Slots], slot: usize) -> Option<&'a [Slots]> {
    let distance = |observation: &[Slots]| -> f32 {
        let offsets = std::iter::zip(observation, centres).map(|(x, c)| x[slot] - c[slot]);
        offsets.map(|offset| offset * offset).sum()
    };
    samples
        .chunks_exact(centres.len())
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Sums over the observations of each pixel that are not at its centre. With x
/// an observation seen from the centre, and d its distance:
struct Sums {
    /// d
    distance: Slots,
    /// 1 / d
    weight: Slots,
    /// The greatest 1 / d.
    greatest: Slots,
    /// x / d, of each band: whither the sum of distances falls, and how
    /// steeply.
    pull: Vec<Slots>,
    /// x x' / d^3, the lower triangle row by row. With `weight` on the
    /// diagonal, less this, the pull changes over distance.
    tensor: Vec<Slots>,
    /// The number of observations at the centre.
    here: Slots,
    /// x, of each band, while they are added up.
    offset: Vec<Slots>,
}

impl Sums {
    fn new(bands: usize) -> Self {
        let zero = [0.0; SLOTS];
        Self {
            distance: zero,
            weight: zero,
            greatest: zero,
            pull: vec![zero; bands],
            tensor: vec![zero; bands * (bands + 1) / 2],
            here: zero,
            offset: vec![zero; bands],
        }
    }

    fn add_up(&mut self, samples: &[Slots], centres: &[Slots]) {
        let zero = [0.0; SLOTS];
        let (mut distance, mut weight, mut greatest, mut here) = (zero, zero, zero, zero);
        self.pull.fill(zero);
        self.tensor.fill(zero);
        for observation in samples.chunks_exact(centres.len()) {
            let mut square = zero;
            for ((offset, x), centre) in self.offset.iter_mut().zip(observation).zip(centres) {
                *offset = each(|n| x[n] - centre[n]);
                square = each(|n| square[n] + offset[n] * offset[n]);
            }
            // Samples are whole numbers: this is 1 where they are valid, else 0.
            let valid = observation[0].map(|sample| if sample < 1.0 { sample } else { 1.0 });
            let root = square.map(f32::sqrt);
            let quotient = each(|n| valid[n] / root[n]);
            let inverse = each(|n| if square[n] > 0.0 { quotient[n] } else { 0.0 });
            let cube = inverse.map(|inverse| inverse * inverse * inverse);
            distance = each(|n| distance[n] + valid[n] * root[n]);
            weight = each(|n| weight[n] + inverse[n]);
            greatest = each(|n| {
                if inverse[n] > greatest[n] {
                    inverse[n]
                } else {
                    greatest[n]
                }
            });
            here = each(|n| here[n] + if square[n] > 0.0 { 0.0 } else { valid[n] });
            let mut entries = self.tensor.iter_mut();
            for (row, (offset, pull)) in std::iter::zip(&self.offset, &mut self.pull).enumerate() {
                *pull = each(|n| pull[n] + inverse[n] * offset[n]);
                let scaled = each(|n| cube[n] * offset[n]);
                // In this order: the other would take an entry too many.
                for (other, entry) in std::iter::zip(&self.offset[..=row], &mut entries) {
                    *entry = each(|n| entry[n] + scaled[n] * other[n]);
                }
            }
        }
        (self.distance, self.weight) = (distance, weight);
        (self.greatest, self.here) = (greatest, here);
    }
}

/// A value for each slot, by vector instructions.
#[inline]
fn each(value: impl FnMut(usize) -> f32) -> Slots {
    std::array::from_fn(value)
}
