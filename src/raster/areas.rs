//! What is told of the valid samples in an area, each with how much of its cell
//! lies there: what GDAL's warper tells of the cells that a pixel covers
//! (`GWKAverageOrModeThread` and `GWKSumPreserving` of `gdalwarpkernel.cpp`).

use super::Sample;

/// Areas in a cell that differ by less (in source pixels) are equal: they are
/// sums of fractions.
pub(super) const AREA_TOLERANCE: f64 = 1e-9;

/// A pixel that covers no larger part of its extent along an axis than this in
/// a cell only touches the cell's edge, by rounding.
pub(super) const SLIVER: f64 = 1e-10;

/// A number that follows from a sum over the samples in an area. Types and not
/// values, so that loops over samples hold no choice between them.
pub(super) trait Total: Copy {
    /// What is summed of a sample.
    fn term(self, value: f64) -> f64;

    /// The number, of the sum of terms times areas and the sum of areas.
    fn of(self, sum: f64, area: f64) -> f64;

    /// The number, of all the samples; none of none.
    fn of_samples<T: Sample>(self, samples: &[(T, f64)]) -> Option<T> {
        let add = |[sum, all]: [f64; 2], (sample, area): &(T, f64)| {
            [sum + self.term(sample.to_f64()) * area, all + area]
        };
        let [sum, area] = samples.iter().fold([0.0; 2], add);
        (area > 0.0).then(|| T::from_f64(self.of(sum, area)))
    }
}

/// The mean by area.
#[derive(Clone, Copy)]
pub(super) struct Mean;

impl Total for Mean {
    #[inline]
    fn term(self, value: f64) -> f64 {
        value
    }

    #[inline]
    fn of(self, sum: f64, area: f64) -> f64 {
        sum / area
    }
}

/// The sum, where a cell counts by the part of it that lies in the area. One
/// that is rounded to the missing value is missing; GDAL moves it by one.
#[derive(Clone, Copy)]
pub(super) struct Sum;

impl Total for Sum {
    #[inline]
    fn term(self, value: f64) -> f64 {
        value
    }

    #[inline]
    fn of(self, sum: f64, _area: f64) -> f64 {
        sum
    }
}

/// The root of the mean of squares by area.
#[derive(Clone, Copy)]
pub(super) struct RootMeanSquare;

impl Total for RootMeanSquare {
    #[inline]
    fn term(self, value: f64) -> f64 {
        value * value
    }

    #[inline]
    fn of(self, sum: f64, area: f64) -> f64 {
        (sum / area).sqrt()
    }
}

/// Which of the samples in an area stands for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// The value with the largest area, the smallest of several.
    Mode,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The first, in rising order, with which so many quarters of the samples
    /// are reached. As for GDAL each counts once, whatever its area.
    Quarters(usize),
}

impl Choice {
    /// The sample, none of none. Samples are put into another order.
    pub(super) fn of<T: Sample>(self, samples: &mut [(T, f64)]) -> Option<T> {
        let rising = |(a, _): &(T, f64), (b, _): &(T, f64)| a.to_f64().total_cmp(&b.to_f64());
        match self {
            Self::Mode => {
                // Not one value after the other: there may be as many as cells.
                samples.sort_unstable_by(rising);
                let values = || {
                    samples.chunk_by(|(a, _), (b, _)| a == b).map(|same| {
                        let area: f64 = same.iter().map(|(_, area)| area).sum();
                        (same[0].0, area)
                    })
                };
                let largest = values().map(|(_, area)| area).fold(0.0, f64::max);
                let is_largest = |(_, area): &(T, f64)| *area >= largest - AREA_TOLERANCE;
                values().find(is_largest).map(|(value, _)| value)
            }
            Self::Max => samples
                .iter()
                .copied()
                .max_by(rising)
                .map(|(value, _)| value),
            Self::Min => samples
                .iter()
                .copied()
                .min_by(rising)
                .map(|(value, _)| value),
            Self::Quarters(quarters) => {
                let reached = (quarters * samples.len()).div_ceil(4);
                let index = reached.checked_sub(1)?;
                let (_, (value, _), _) = samples.select_nth_unstable_by(index, rising);
                Some(*value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(choice: Choice, samples: &[(i16, f64)], expected: Option<i16>) {
        assert_eq!(choice.of(&mut samples.to_vec()), expected);
    }

    #[test]
    fn the_mode_has_the_largest_area_and_is_the_smallest_of_several() {
        check(
            Choice::Mode,
            &[(5, 0.4), (-3, 0.3), (5, 0.1), (-3, 0.3)],
            Some(-3),
        );
        check(Choice::Mode, &[(5, 0.3), (9, 0.6), (5, 0.3)], Some(5));
        check(Choice::Mode, &[(5, 0.1), (9, 0.6), (5, 0.3)], Some(9));
        check(Choice::Mode, &[], None);
    }

    #[test]
    fn quarters_are_counted_up_to_whole_samples() {
        let samples: Vec<(i16, f64)> = [40, 10, 50, 30, 20].map(|n| (n, 1.0)).to_vec();
        for (quarters, of_5, of_4, of_1) in [(1, 20, 10, 40), (2, 30, 30, 40), (3, 40, 40, 40)] {
            check(Choice::Quarters(quarters), &samples, Some(of_5));
            check(Choice::Quarters(quarters), &samples[..4], Some(of_4));
            check(Choice::Quarters(quarters), &samples[..1], Some(of_1));
            check(Choice::Quarters(quarters), &[], None);
        }
    }

    #[test]
    fn a_sum_counts_parts_of_cells_and_saturates() {
        assert_eq!(Sum.of_samples(&[(10_u8, 0.5), (20, 0.25)]), Some(10));
        assert_eq!(Sum.of_samples(&[(200_u8, 1.0), (200, 1.0)]), Some(255));
        assert_eq!(Mean.of_samples(&[(10_u8, 0.5), (20, 0.5)]), Some(15));
        assert_eq!(RootMeanSquare.of_samples(&[(1_u8, 0.5), (7, 0.5)]), Some(5));
        assert_eq!(Sum.of_samples::<u8>(&[]), None);
    }
}
