//! What the values of a rectangle are like, as numpy and rio-tiler tell it.

use std::cmp::Ordering;

/// Bars of a histogram, as numpy's default has them.
const BARS: usize = 10;

/// Of the valid values of a rectangle. With none, all numbers are 0.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Statistics {
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their sum.
    pub sum: f64,
    /// The standard deviation of the population.
    pub std: f64,
    /// The value in the middle.
    pub median: f64,
    /// The value that comes most often; of several, the least.
    pub majority: f64,
    /// The value that comes least often; of several, the least.
    pub minority: f64,
    /// How many differ.
    pub unique: usize,
    /// Valid values.
    pub valid: usize,
    /// Values that are not valid.
    pub masked: usize,
    /// How many are in each bar, from the least to the greatest.
    pub counts: Vec<usize>,
    /// The borders of the bars, of which there is one more.
    pub edges: Vec<f64>,
    /// The values below which are the shares that were asked for.
    pub percentiles: Vec<f64>,
}

impl Statistics {
    /// Of values, NaN being none, with percentiles from 0 to 100. They lie between
    /// two values as `numpy.percentile` has them by default ("linear"), and bars
    /// are those of `numpy.histogram`.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rectangle has far fewer than 2^52 pixels"
    )]
    pub fn of(mut values: Vec<f32>, percentiles: &[f64]) -> Self {
        let all = values.len();
        values.retain(|value| !value.is_nan());
        values.sort_unstable_by(f32::total_cmp);
        let valid = values.len();
        let masked = all - valid;
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return Self {
                masked,
                counts: vec![0; BARS],
                edges: edges(0.0, 1.0),
                percentiles: vec![0.0; percentiles.len()],
                ..Self::default()
            };
        };
        let (min, max) = (f64::from(*first), f64::from(*last));
        let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
        let mean = sum / valid as f64;
        let squares: f64 = (values.iter())
            .map(|value| (f64::from(*value) - mean).powi(2))
            .sum();
        let (mut unique, mut common, mut rare) = (0, (0, min), (usize::MAX, min));
        for run in values.chunk_by(|a, b| a.partial_cmp(b).is_some_and(Ordering::is_eq)) {
            unique += 1;
            if run.len() > common.0 {
                common = (run.len(), f64::from(run[0]));
            }
            if run.len() < rare.0 {
                rare = (run.len(), f64::from(run[0]));
            }
        }
        // numpy widens a range without width by a half on each side.
        let (low, high) = if min < max {
            (min, max)
        } else {
            (min - 0.5, max + 0.5)
        };
        let edges = edges(low, high);
        Self {
            min,
            max,
            mean,
            sum,
            std: (squares / valid as f64).sqrt(),
            median: percentile(&values, 50.0),
            majority: common.1,
            minority: rare.1,
            unique,
            valid,
            masked,
            counts: counts(&values, &edges),
            edges,
            percentiles: percentiles
                .iter()
                .map(|p| percentile(&values, *p))
                .collect(),
        }
    }

    /// The share of values that are valid, in percent.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    pub fn valid_percent(&self) -> f64 {
        let all = self.valid + self.masked;
        if all == 0 {
            0.0
        } else {
            self.valid as f64 / all as f64 * 100.0
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn edges(low: f64, high: f64) -> Vec<f64> {
    let step = (high - low) / BARS as f64;
    let inner = (0..BARS).map(|n| low + n as f64 * step);
    inner.chain([high]).collect()
}

/// Bars are half-open, but for the last.
fn counts(sorted: &[f32], edges: &[f64]) -> Vec<usize> {
    let below = |edge: f64| sorted.partition_point(|value| f64::from(*value) < edge);
    let mut starts: Vec<usize> = edges[..BARS].iter().map(|edge| below(*edge)).collect();
    starts.push(sorted.len());
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among the values"
)]
fn percentile(sorted: &[f32], share: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * (share.clamp(0.0, 100.0) / 100.0);
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    let (a, b) = (f64::from(sorted[below]), f64::from(sorted[above]));
    a + (b - a) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_numpy() {
        // a = np.array([3, 1, 4, 1, 5, 9, 2, 6], 'f4'): np.mean, np.std, np.median,
        // np.percentile(a, [2, 98]), np.histogram(a).
        let values = vec![3.0, 1.0, 4.0, f32::NAN, 1.0, 5.0, 9.0, 2.0, 6.0];
        let got = Statistics::of(values, &[2.0, 98.0]);
        assert_eq!((got.valid, got.masked, got.unique), (8, 1, 7));
        let expected = [
            1.0,
            9.0,
            3.875,
            31.0,
            2.570_870_475_150_391_7,
            3.5,
            1.0,
            2.0,
        ];
        let numbers = [
            got.min,
            got.max,
            got.mean,
            got.sum,
            got.std,
            got.median,
            got.majority,
            got.minority,
        ];
        for (number, expected) in std::iter::zip(numbers, expected) {
            assert!((number - expected).abs() < 1e-12, "{number} {expected}");
        }
        assert!((got.percentiles[0] - 1.0).abs() < 1e-12);
        assert!((got.percentiles[1] - 8.58).abs() < 1e-12);
        assert_eq!(got.counts, [2, 1, 1, 1, 0, 1, 1, 0, 0, 1]);
        assert_eq!(got.edges.len(), 11);
        assert!((got.valid_percent() - 800.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn of_nothing_and_of_one_value_there_are_numbers_too() {
        let nothing = Statistics::of(vec![f32::NAN; 3], &[50.0]);
        assert_eq!((nothing.valid, nothing.masked), (0, 3));
        assert_eq!(nothing.percentiles, [0.0]);
        // np.histogram([7.0]).
        let one = Statistics::of(vec![7.0], &[2.0]);
        assert_eq!(one.counts, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!((one.percentiles[0], one.majority), (7.0, 7.0));
    }
}
