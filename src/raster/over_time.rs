//! The values of several time steps as one, a step at a time.

use super::Raster;

/// What the values of a pixel over time become; where it has none, there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverTime {
    /// The value in the middle, or the mean of the two there.
    Median,
    /// The mean.
    Mean,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// That of the last step less that of the first, where both have one.
    Difference,
}

impl OverTime {
    /// The names that [`OverTime::named`] knows.
    pub const NAMES: [&str; 5] = ["median", "mean", "max", "min", "difference"];

    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "median" => Some(Self::Median),
            "mean" => Some(Self::Mean),
            "max" => Some(Self::Max),
            "min" => Some(Self::Min),
            "difference" => Some(Self::Difference),
            _ => None,
        }
    }

    /// Those of the steps that it looks at.
    #[must_use]
    pub fn needed(self, steps: std::ops::Range<usize>) -> Vec<usize> {
        match self {
            Self::Difference => {
                let mut ends: Vec<usize> = steps.clone().take(1).chain(steps.last()).collect();
                ends.dedup();
                ends
            }
            Self::Median | Self::Mean | Self::Max | Self::Min => steps.collect(),
        }
    }

    /// How many planes of floats it holds of so many steps.
    #[must_use]
    pub fn planes(self, steps: usize) -> usize {
        match self {
            Self::Median => steps,
            Self::Mean | Self::Difference => 2,
            Self::Max | Self::Min => 1,
        }
    }

    /// One raster of those of the steps, which come in order; NaN is no data.
    #[must_use]
    pub fn begin(self) -> Reduced {
        Reduced {
            by: self,
            planes: Vec::new(),
        }
    }
}

/// What is held of the steps so far.
#[derive(Clone, Debug)]
pub struct Reduced {
    by: OverTime,
    /// Sums and counts, the first and the latest, or what else the kind needs.
    planes: Vec<Raster<f32>>,
}

impl Reduced {
    /// Takes the next step.
    ///
    /// # Panics
    /// If it has another shape than the one before.
    pub fn add(&mut self, step: Raster<f32>) {
        if let Some(first) = self.planes.first() {
            assert_eq!(first.shape, step.shape, "steps have one shape");
        }
        match (self.by, &mut self.planes[..]) {
            (OverTime::Mean, [sums, counts]) => {
                let places = std::iter::zip(&mut sums.data, &mut counts.data);
                for ((sum, count), value) in places.zip(&step.data) {
                    if !value.is_nan() {
                        *sum += value;
                        *count += 1.0;
                    }
                }
            }
            (OverTime::Mean, _) => {
                let seen = |value: &f32| if value.is_nan() { 0.0 } else { 1.0 };
                let counts = step.data.iter().map(seen).collect();
                let values = step.data.iter();
                let sums = values.map(|value| if value.is_nan() { 0.0 } else { *value });
                self.planes = vec![
                    Raster {
                        shape: step.shape,
                        data: sums.collect(),
                    },
                    Raster {
                        shape: step.shape,
                        data: counts,
                    },
                ];
            }
            // Of two, one of which is NaN, both give the other.
            (OverTime::Max, [held]) => each(held, &step, f32::max),
            (OverTime::Min, [held]) => each(held, &step, f32::min),
            (OverTime::Difference, [_, latest]) => *latest = step,
            (_, _) => self.planes.push(step),
        }
    }

    /// What the steps became; none if there was none.
    #[must_use]
    pub fn finish(mut self) -> Option<Raster<f32>> {
        match (self.by, &mut self.planes[..]) {
            (OverTime::Mean, [sums, counts]) => each(sums, counts, |sum, count| {
                if count > 0.0 { sum / count } else { f32::NAN }
            }),
            (OverTime::Difference, [first, latest]) => {
                each(first, latest, |first, latest| latest - first);
            }
            // Of a single step.
            (OverTime::Difference, [first]) => each_of(first, |value| 0.0 * value),
            (OverTime::Median, [first, others @ ..]) => middle(first, others),
            (_, _) => {}
        }
        self.planes.into_iter().next()
    }
}

fn each(held: &mut Raster<f32>, other: &Raster<f32>, of: impl Fn(f32, f32) -> f32) {
    for (held, other) in std::iter::zip(&mut held.data, &other.data) {
        *held = of(*held, *other);
    }
}

fn each_of(held: &mut Raster<f32>, of: impl Fn(f32) -> f32) {
    for held in &mut held.data {
        *held = of(*held);
    }
}

/// The medians, in place of the first.
fn middle(first: &mut Raster<f32>, others: &[Raster<f32>]) {
    let mut values = Vec::with_capacity(others.len() + 1);
    for (pixel, held) in first.data.iter_mut().enumerate() {
        values.clear();
        values.push(*held);
        values.extend(others.iter().map(|raster| raster.data[pixel]));
        values.retain(|value| !value.is_nan());
        *held = median(&mut values).unwrap_or(f32::NAN);
    }
}

/// The median of values without NaN, whose order is lost.
pub(crate) fn median(values: &mut [f32]) -> Option<f32> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().max_by(f32::total_cmp);
    match lower.filter(|_| is_even) {
        Some(lower) => Some(lower.midpoint(upper)),
        None => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shape;

    const NONE: f32 = f32::NAN;

    fn of(by: OverTime, steps: &[[f32; 3]]) -> Vec<f32> {
        let mut reduced = by.begin();
        for step in steps {
            reduced.add(Raster {
                shape: Shape { rows: 1, cols: 3 },
                data: step.to_vec(),
            });
        }
        reduced.finish().unwrap().data
    }

    #[test]
    fn steps_without_data_do_not_count_and_pixels_without_any_have_none() {
        let steps = [
            [1.0, 5.0, NONE],
            [4.0, NONE, NONE],
            [3.0, 8.0, NONE],
            [10.0, NONE, NONE],
        ];
        // As numpy.nanmedian, nanmean, nanmax and nanmin have it.
        for (by, expected) in [
            (OverTime::Median, [3.5, 6.5]),
            (OverTime::Mean, [4.5, 6.5]),
            (OverTime::Max, [10.0, 8.0]),
            (OverTime::Min, [1.0, 5.0]),
        ] {
            let found = of(by, &steps);
            assert_eq!(found[..2], expected, "{by:?}");
            assert!(found[2].is_nan(), "{by:?}");
        }
    }

    #[test]
    fn a_difference_is_the_last_step_less_the_first() {
        let found = of(
            OverTime::Difference,
            &[[1.0, 5.0, NONE], [100.0, 100.0, 1.0], [4.0, NONE, 2.0]],
        );
        assert!((found[0] - 3.0).abs() < 1e-6);
        assert!(found[1].is_nan() && found[2].is_nan());
        assert_eq!(OverTime::Difference.needed(3..9), [3, 8]);
        assert_eq!(OverTime::Difference.needed(3..4), [3]);
        assert_eq!(OverTime::Median.needed(3..6), [3, 4, 5]);
        let single = of(OverTime::Difference, &[[7.0, NONE, 0.0]]);
        assert!(single[0].abs() < 1e-6 && single[1].is_nan());
    }

    #[test]
    fn no_steps_make_nothing() {
        assert_eq!(OverTime::Mean.begin().finish(), None);
    }

    #[test]
    fn every_name_is_known() {
        assert!(
            OverTime::NAMES
                .iter()
                .all(|name| OverTime::named(name).is_some())
        );
        assert_eq!(OverTime::named("mode"), None);
    }
}
