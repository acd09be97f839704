//! What the values of a rectangle are like, as numpy and rio-tiler tell it.

use std::cmp::Ordering;

/// Bars of a histogram, as numpy's default has them.
const BARS: usize = 10;

/// What is told of values that count by shares, beside the usual numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// From 0 to 100.
    pub percentiles: Vec<f64>,
    /// The histogram.
    pub bars: Bars,
}

/// The bars of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Bars {
    /// So many of one width, from the least value to the greatest or over a range.
    Even(usize, Option<[f64; 2]>),
    /// One for each value, or for each of these if there are any.
    Categories(Vec<f64>),
}

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
    /// How many there are by their shares.
    pub count: f64,
    /// Values of which any share counts.
    pub covered: usize,
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
                covered: masked,
                counts: vec![0; BARS],
                edges: edges(0.0, 1.0, BARS),
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
        let Runs {
            unique,
            common,
            rare,
        } = Runs::of(&values);
        let [low, high] = widened([min, max]);
        let edges = edges(low, high, BARS);
        Self {
            min,
            max,
            mean,
            sum,
            std: (squares / valid as f64).sqrt(),
            median: percentile(&values, 50.0),
            majority: common,
            minority: rare,
            unique,
            valid,
            masked,
            count: valid as f64,
            covered: all,
            counts: counts(&values, &edges),
            edges,
            percentiles: percentiles
                .iter()
                .map(|p| percentile(&values, *p))
                .collect(),
        }
    }

    /// Of values, NaN being none, of which each counts by its share, 0 to 1: what
    /// rio-tiler tells of a polygon. Percentiles are values there are, and the numbers of
    /// no value at all are NaN.
    ///
    /// # Panics
    /// If there are not as many shares as values.
    #[must_use]
    pub fn weighted(values: &[f32], shares: &[f32], told: &Told) -> Self {
        assert_eq!(values.len(), shares.len(), "a share for each value");
        let covered = shares.iter().filter(|share| **share > 0.0).count();
        let pairs = std::iter::zip(values, shares).map(|(value, share)| (*value, *share));
        let mut pairs: Vec<(f32, f32)> = pairs
            .filter(|(value, share)| value.is_finite() && *share > 0.0)
            .collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let sorted: Vec<f32> = pairs.iter().map(|pair| pair.0).collect();
        let (valid, masked) = (sorted.len(), values.len() - sorted.len());
        let (counts, edges) = told.bars.of(&sorted);
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
            let none = f64::NAN;
            return Self {
                min: none,
                max: none,
                mean: none,
                std: none,
                median: none,
                majority: none,
                minority: none,
                masked,
                covered,
                counts,
                edges,
                percentiles: vec![none; told.percentiles.len()],
                ..Self::default()
            };
        };
        let weighed = || {
            pairs
                .iter()
                .map(|(value, share)| (f64::from(*value), f64::from(*share)))
        };
        let count: f64 = weighed().map(|(_, share)| share).sum();
        let sum: f64 = weighed().map(|(value, share)| value * share).sum();
        let mean = sum / count;
        let squares: f64 = weighed()
            .map(|(value, share)| (value - mean).powi(2) * share)
            .sum();
        let below: Vec<f64> = weighed()
            .scan(0.0, |all, (_, share)| {
                *all += share;
                Some(*all)
            })
            .collect();
        let quantile = |share: f64| {
            let wanted = share / 100.0 * below[valid - 1];
            let at = below.partition_point(|sum| *sum < wanted);
            f64::from(sorted[at.min(valid - 1)])
        };
        let Runs {
            unique,
            common,
            rare,
        } = Runs::of(&sorted);
        Self {
            min: f64::from(*first),
            max: f64::from(*last),
            mean,
            sum,
            std: (squares / count).sqrt(),
            median: quantile(50.0),
            majority: common,
            minority: rare,
            unique,
            valid,
            masked,
            count,
            covered,
            counts,
            edges,
            percentiles: told.percentiles.iter().map(|p| quantile(*p)).collect(),
        }
    }

    /// The share of covered values that are valid, in percent, to two digits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    pub fn covered_percent(&self) -> f64 {
        if self.covered == 0 {
            return 0.0;
        }
        let percent = self.valid as f64 / self.covered as f64 * 100.0;
        (percent * 100.0).round() / 100.0
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

/// Values that come several times.
struct Runs {
    unique: usize,
    common: f64,
    rare: f64,
}

impl Runs {
    fn of(sorted: &[f32]) -> Self {
        let (mut unique, mut common, mut rare) = (0, (0, f64::NAN), (usize::MAX, f64::NAN));
        for run in sorted.chunk_by(|a, b| a.partial_cmp(b).is_some_and(Ordering::is_eq)) {
            unique += 1;
            if run.len() > common.0 {
                common = (run.len(), f64::from(run[0]));
            }
            if run.len() < rare.0 {
                rare = (run.len(), f64::from(run[0]));
            }
        }
        Self {
            unique,
            common: common.1,
            rare: rare.1,
        }
    }
}

/// Different values that are counted where none are named. Of more there is one too many,
/// which is for the caller to refuse.
pub const MOST_CATEGORIES: usize = 10_000;

impl Bars {
    /// How many of sorted values are in each bar, and the borders of the bars, or the
    /// values that are counted.
    fn of(&self, sorted: &[f32]) -> (Vec<usize>, Vec<f64>) {
        match self {
            Self::Even(bars, range) => {
                let ends = (sorted.first(), sorted.last());
                let own = match ends {
                    (Some(first), Some(last)) => [f64::from(*first), f64::from(*last)],
                    _ => [0.0, 1.0],
                };
                let [low, high] = widened(range.unwrap_or(own));
                let edges = edges(low, high, *bars);
                let within = sorted.partition_point(|value| f64::from(*value) <= high);
                (counts(&sorted[..within], &edges), edges)
            }
            Self::Categories(wanted) => {
                let runs = sorted.chunk_by(|a, b| a.partial_cmp(b).is_some_and(Ordering::is_eq));
                let found = runs.map(|run| (f64::from(run[0]), run.len()));
                if wanted.is_empty() {
                    return found
                        .map(|(value, count)| (count, value))
                        .take(MOST_CATEGORIES + 1)
                        .unzip();
                }
                let found: Vec<(f64, usize)> = found.collect();
                let count = |wanted: &f64| {
                    let known = found
                        .iter()
                        .find(|(value, _)| value.total_cmp(wanted).is_eq());
                    known.map_or(0, |(_, count)| *count)
                };
                (wanted.iter().map(count).collect(), wanted.clone())
            }
        }
    }
}

/// As numpy widens a range without width, by a half on each side.
fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    if low < high {
        [low, high]
    } else {
        [low - 0.5, high + 0.5]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn edges(low: f64, high: f64, bars: usize) -> Vec<f64> {
    let step = (high - low) / bars as f64;
    let inner = (0..bars).map(|n| low + n as f64 * step);
    inner.chain([high]).collect()
}

/// Bars are half-open, but for the last.
fn counts(sorted: &[f32], edges: &[f64]) -> Vec<usize> {
    let below = |edge: f64| sorted.partition_point(|value| f64::from(*value) < edge);
    let inner = &edges[..edges.len() - 1];
    let mut starts: Vec<usize> = inner.iter().map(|edge| below(*edge)).collect();
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
    fn numbers_by_shares_are_those_of_rio_tiler() {
        // rio_tiler.utils.get_array_statistics(np.ma.array([[3, 1, 4, 1]], dtype="f4"),
        // coverage=np.array([[1, .5, .25, 0]]), percentiles=[2, 98], bins=2, range=(0, 4)),
        // but that the last, of which nothing is covered, is masked.
        let told = |bars| Told {
            percentiles: vec![2.0, 98.0],
            bars,
        };
        let (values, shares) = ([3.0, 1.0, 4.0, 1.0], [1.0, 0.5, 0.25, 0.0]);
        let got = Statistics::weighted(&values, &shares, &told(Bars::Even(2, Some([0.0, 4.0]))));
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(got.count, 1.75);
        near(got.sum, 4.5);
        near(got.mean, 4.5 / 1.75);
        near(got.median, 3.0);
        assert_eq!(got.percentiles, [1.0, 4.0]);
        assert_eq!((got.valid, got.masked, got.covered), (3, 1, 3));
        near(got.covered_percent(), 100.0);
        assert_eq!((got.counts, got.edges), (vec![1, 2], vec![0.0, 2.0, 4.0]));
        let got = Statistics::weighted(&values, &[1.0; 4], &told(Bars::Categories(Vec::new())));
        assert_eq!(
            (got.counts, got.edges),
            (vec![2, 1, 1], vec![1.0, 3.0, 4.0])
        );
        let bars = Bars::Categories(vec![4.0, 7.0]);
        let got = Statistics::weighted(&values, &[1.0; 4], &told(bars));
        assert_eq!((got.counts, got.edges), (vec![1, 0], vec![4.0, 7.0]));
        let none = Statistics::weighted(&[f32::NAN], &[0.5], &told(Bars::Even(10, None)));
        assert!(none.mean.is_nan() && none.percentiles[0].is_nan());
        near(none.covered_percent(), 0.0);
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
