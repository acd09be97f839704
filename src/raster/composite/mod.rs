//! A stack of observations reduced to one picture.

mod block;
mod choice;
mod geomedian;
mod linear;
mod mean;
mod quantile;
mod reducer;
mod sort;

use std::ops::Range;

use self::{
    block::{Block, LANES, Lanes},
    choice::Medoid,
    geomedian::Geomedian,
    quantile::Quantile,
};
use super::Raster;
use crate::grid::Shape;

pub use reducer::{Percentile, PercentileError, Reducer};

/// Observations of one window: for each, every band on the same grid. A pixel
/// of an observation is valid in all bands or in none (0 in all).
#[derive(Clone, Debug)]
pub struct Stack {
    shape: Shape,
    bands: usize,
    observations: Vec<Vec<Raster<u16>>>,
}

/// What a stack was reduced to.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// One raster a band; 0 where no observation is valid.
    pub bands: Vec<Raster<u16>>,
    /// Number of valid observations of each pixel.
    pub count: Raster<u16>,
}

impl Stack {
    /// An empty stack of `bands` bands.
    #[must_use]
    pub fn new(shape: Shape, bands: usize) -> Self {
        Self {
            shape,
            bands,
            observations: Vec::new(),
        }
    }

    /// Rows and columns of what is reduced.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds an observation: one raster a band, in the order of the bands.
    ///
    /// # Panics
    /// If the number of bands or their shape is not the stack's, or if the
    /// stack has 65535 observations, which is as far as a composite counts.
    pub fn push(&mut self, observation: Vec<Raster<u16>>) {
        assert_eq!(observation.len(), self.bands, "one raster a band");
        assert!(
            observation.iter().all(|band| band.shape == self.shape),
            "all rasters of a stack have its shape"
        );
        assert!(
            self.observations.len() < usize::from(u16::MAX),
            "a stack has at most 65535 observations"
        );
        self.observations.push(observation);
    }

    /// One value of each pixel and band from the valid observations, in some
    /// rows: a composite of that many rows. Neither the order of the
    /// observations nor which rows are reduced together matters, so the rows
    /// can be shared out among threads.
    ///
    /// # Panics
    /// If there are no such rows, or if the reducer names a band that the
    /// stack does not have.
    #[must_use]
    pub fn reduce(&self, reducer: &Reducer, rows: Range<usize>) -> Composite {
        match *reducer {
            Reducer::Median => self.quantile(Percentile::MEDIAN, rows),
            Reducer::Percentile(percentile) => self.quantile(percentile, rows),
            Reducer::Mean => self.reduce_blocks(rows, |block, out| mean::reduce(block, out)),
            Reducer::Medoid => {
                let mut medoid = Medoid::default();
                self.reduce_blocks(rows, |block, out| medoid.reduce(block, out))
            }
            // Of one band it is the median.
            Reducer::Geomedian if self.bands == 1 => self.quantile(Percentile::MEDIAN, rows),
            Reducer::Geomedian => {
                let mut geomedian = Geomedian::new(self.bands, self.observations.len());
                self.reduce_blocks(rows, |block, out| geomedian.reduce(block, out))
            }
            Reducer::Greatest(bands) => {
                self.reduce_blocks(rows, |block, out| choice::greatest(block, bands, out))
            }
            // (a - b) / (a + b) is the least where (b - a) / (a + b) is the greatest.
            Reducer::Least([a, b]) => {
                self.reduce_blocks(rows, |block, out| choice::greatest(block, [b, a], out))
            }
        }
    }

    fn quantile(&self, percentile: Percentile, rows: Range<usize>) -> Composite {
        let quantile = Quantile::new(percentile, self.observations.len());
        self.reduce_blocks(rows, |block, out| quantile.reduce(block, out))
    }

    /// Has blocks reduced that have observations. What is written for pixels
    /// that have none has to be 0, as it was before.
    fn reduce_blocks(
        &self,
        rows: Range<usize>,
        mut reduce: impl FnMut(&mut Block, &mut [Lanes]),
    ) -> Composite {
        let shape = Shape {
            rows: rows.len(),
            cols: self.shape.cols,
        };
        let mut composite = Composite {
            bands: vec![Raster::filled(shape, 0); self.bands],
            count: Raster::filled(shape, 0),
        };
        let first = rows.start * shape.cols;
        let mut block = Block::new(self.bands, self.observations.len());
        let mut out = vec![[0; LANES]; self.bands];
        for start in (0..shape.rows * shape.cols).step_by(LANES) {
            let end = (start + LANES).min(shape.rows * shape.cols);
            block.load(self, &(first + start..first + end));
            if block.observations() == 0 {
                continue;
            }
            out.fill([0; LANES]);
            reduce(&mut block, &mut out);
            for (band, out) in std::iter::zip(&mut composite.bands, &out) {
                band.data[start..end].copy_from_slice(&out[..end - start]);
            }
            composite.count.data[start..end].copy_from_slice(&block.counts()[..end - start]);
        }
        composite
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: [Reducer; 6] = [
        Reducer::Median,
        Reducer::Mean,
        Reducer::Medoid,
        Reducer::Geomedian,
        Reducer::Greatest([1, 0]),
        Reducer::Least([0, 1]),
    ];

    /// Observations with samples up to `most`, a third of them not valid. Few
    /// samples make ties.
    fn observations(
        shape: Shape,
        (bands, number): (usize, usize),
        most: u16,
        seed: u64,
    ) -> Vec<Vec<Raster<u16>>> {
        let mut state = seed | 1;
        let mut draw = |below: u16| {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u16::try_from((state >> 32) % u64::from(below)).unwrap()
        };
        let mut observation = || {
            let mut rasters = vec![Raster::filled(shape, 0); bands];
            for pixel in 0..shape.rows * shape.cols {
                if draw(3) > 0 {
                    for raster in &mut rasters {
                        raster.data[pixel] = 1 + draw(most);
                    }
                }
            }
            rasters
        };
        (0..number).map(|_| observation()).collect()
    }

    fn stack(shape: Shape, observations: Vec<Vec<Raster<u16>>>) -> Stack {
        let mut stack = Stack::new(shape, observations[0].len());
        for observation in observations {
            stack.push(observation);
        }
        stack
    }

    /// A stack of one pixel.
    fn pixel<const BANDS: usize>(spectra: &[[u16; BANDS]]) -> Stack {
        let shape = Shape { rows: 1, cols: 1 };
        let raster = |value| Raster::filled(shape, value);
        stack(
            shape,
            spectra.iter().map(|s| s.map(raster).to_vec()).collect(),
        )
    }

    fn reduced(stack: &Stack, reducer: &Reducer) -> Vec<u16> {
        let composite = reduce_all(stack, reducer);
        composite.bands.iter().map(|band| band.data[0]).collect()
    }

    fn reduce_all(stack: &Stack, reducer: &Reducer) -> Composite {
        stack.reduce(reducer, 0..stack.shape().rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn neither_order_nor_rows_nor_an_empty_observation_matter(
            (rows, cols) in (1_usize..5, 1_usize..200),
            (bands, number) in (2_usize..5, 1_usize..9),
            most in prop::sample::select(vec![2_u16, 30, 10_000, 65_535]),
            (seed, turn) in (any::<u64>(), any::<prop::sample::Index>()),
            cut in 0_usize..5,
        ) {
            let shape = Shape { rows, cols };
            let mut observations = observations(shape, (bands, number), most, seed);
            let one = stack(shape, observations.clone());
            observations.rotate_left(turn.index(number));
            observations.swap(0, number / 2);
            observations.insert(turn.index(number), vec![Raster::filled(shape, 0); bands]);
            let other = stack(shape, observations);
            let cut = cut.min(rows);
            let percentile = Percentile::try_from(23).unwrap();
            for rule in RULES.iter().chain([&Reducer::Percentile(percentile)]) {
                let whole = reduce_all(&one, rule);
                let parts = [0..cut, cut..rows].map(|rows| other.reduce(rule, rows));
                for (n, band) in whole.bands.iter().enumerate() {
                    let joined = [&parts[0].bands[n].data[..], &parts[1].bands[n].data].concat();
                    prop_assert_eq!(&band.data, &joined, "{:?}", rule);
                    let is_valid = |value: &u16| *value != 0;
                    prop_assert!(
                        band.data.iter().map(is_valid).eq(whole.count.data.iter().map(is_valid)),
                        "{rule:?}: 0 where there is no observation, and only there"
                    );
                }
                prop_assert_eq!(&whole.count.data, &[&parts[0].count.data[..], &parts[1].count.data].concat());
            }
        }

        #[test]
        fn the_median_is_that_of_the_sorted_values(mut values in prop::collection::vec(1_u16.., 1..90)) {
            let spectra: Vec<_> = values.iter().map(|value| [*value]).collect();
            let stack = pixel(&spectra);
            values.sort_unstable();
            let n = values.len();
            let sum = u32::from(values[(n - 1) / 2]) + u32::from(values[n / 2]);
            let median = u16::try_from(sum.div_ceil(2)).unwrap();
            prop_assert_eq!(reduced(&stack, &Reducer::Median), [median]);
            prop_assert_eq!(reduced(&stack, &Reducer::Geomedian), [median], "of one band");
        }

        /// Weiszfeld's steps never make the sum greater, so from the median, which
        /// is rounded to whole numbers, they lead no farther than rounding did. At
        /// an observation there are none; there, neighbours have greater sums.
        #[test]
        fn from_the_geometric_median_no_step_leads_to_a_lesser_sum_of_distances(
            spectra in prop::collection::vec(prop::array::uniform3(1_u16..10_000), 3..20),
        ) {
            let found = reduced(&pixel(&spectra), &Reducer::Geomedian);
            let at = [found[0], found[1], found[2]].map(f64::from);
            let distance = |s: &[u16; 3], at: [f64; 3]| {
                let square = std::iter::zip(*s, at).map(|(s, at)| (f64::from(s) - at).powi(2));
                square.sum::<f64>().sqrt()
            };
            if spectra.iter().any(|s| s[..] == found[..]) {
                let sum = |at| spectra.iter().map(|s| distance(s, at)).sum::<f64>();
                for (band, step) in [0, 1, 2].into_iter().flat_map(|b| [(b, -2.0), (b, 2.0)]) {
                    let mut beside = at;
                    beside[band] += step;
                    prop_assert!(sum(beside) > sum(at) - 1e-9, "{at:?} {beside:?}");
                }
                return Ok(());
            }
            let mut after = at;
            for _ in 0..1000 {
                let weights: Vec<f64> = spectra.iter().map(|s| 1.0 / distance(s, after)).collect();
                let all: f64 = weights.iter().sum();
                after = [0, 1, 2].map(|band| {
                    let values = spectra.iter().map(|s| f64::from(s[band]));
                    std::iter::zip(values, &weights).map(|(v, w)| v * w).sum::<f64>() / all
                });
            }
            for (at, after) in std::iter::zip(at, after) {
                prop_assert!((at - after).abs() < 0.7, "{at} {after}");
            }
        }
    }

    #[test]
    fn zeros_are_not_observations_and_the_count_says_how_many_are() {
        let shape = Shape { rows: 1, cols: 3 };
        let rows = [[5, 0, 0], [1, 4, 0], [9, 7, 0]];
        let raster = |data: [u16; 3]| Raster {
            shape,
            data: data.to_vec(),
        };
        let stack = stack(shape, rows.map(|row| vec![raster(row)]).to_vec());
        let composite = reduce_all(&stack, &Reducer::Median);
        assert_eq!(composite.bands[0].data, [5, 6, 0]);
        assert_eq!(composite.count.data, [3, 2, 0]);
    }

    #[test]
    fn an_empty_stack_is_all_nodata() {
        let stack = Stack::new(Shape { rows: 2, cols: 2 }, 2);
        for rule in &RULES {
            let composite = reduce_all(&stack, rule);
            assert_eq!(composite.bands.len(), 2);
            assert!(composite.bands.iter().all(|b| b.data == [0; 4]));
            assert_eq!(composite.count.data, [0; 4]);
        }
    }

    #[test]
    fn percentiles_lie_between_values_and_halves_round_up() {
        let stack = pixel(&[[30], [10], [20], [45]]);
        let at = |percent: u8| {
            let percentile = Percentile::try_from(percent).unwrap();
            reduced(&stack, &Reducer::Percentile(percentile))[0]
        };
        // At 25 of 100, three quarters of the way from the first to the second.
        assert_eq!([0, 25, 50, 75, 100].map(at), [10, 18, 25, 34, 45]);
    }

    #[test]
    fn the_greatest_samples_do_not_overflow() {
        let most = [u16::MAX; 3];
        let stack = pixel(&[most, most, [1, 1, 1], most]);
        for (rule, value) in [
            (Reducer::Median, u16::MAX),
            (Reducer::Mean, 49_152),
            (Reducer::Medoid, u16::MAX),
            (Reducer::Geomedian, u16::MAX),
            (Reducer::Greatest([0, 2]), 1),
        ] {
            assert_eq!(reduced(&stack, &rule), [value; 3], "{rule:?}");
        }
    }

    #[test]
    fn a_normalised_difference_chooses_a_whole_observation() {
        // (b - a) / (b + a): 1/3, 1/2, 1/2 and 0.
        let stack = pixel(&[[10, 20, 7], [10, 30, 9], [5, 15, 8], [4, 4, 4]]);
        let greatest = reduced(&stack, &Reducer::Greatest([1, 0]));
        assert_eq!(greatest, [5, 15, 8], "of equal ones the lesser");
        assert_eq!(reduced(&stack, &Reducer::Least([1, 0])), [4, 4, 4]);
    }

    #[test]
    fn the_medoid_is_an_observation_and_the_geometric_median_need_not_be() {
        let corners = [[100, 100], [100, 300], [300, 100], [300, 300]];
        assert_eq!(reduced(&pixel(&corners), &Reducer::Geomedian), [200, 200]);
        assert_eq!(reduced(&pixel(&corners), &Reducer::Medoid), [100, 100]);
        // An angle of more than 120 degrees holds the median of a triangle.
        let flat = [[100, 100], [300, 110], [500, 100]];
        assert_eq!(reduced(&pixel(&flat), &Reducer::Geomedian), [300, 110]);
        assert_eq!(reduced(&pixel(&flat[..2]), &Reducer::Geomedian), [200, 105]);
        assert_eq!(reduced(&pixel(&flat[..1]), &Reducer::Geomedian), [100, 100]);
    }
}
