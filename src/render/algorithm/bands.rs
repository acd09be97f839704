//! One value of those of all variables, as `numpy.ma` has it along its first axis.

use crate::raster::{Raster, over_time};

/// What the values of a pixel become. Those without data do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Across {
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The one in the middle, or the mean of the two there.
    Median,
    /// The mean.
    Mean,
    /// The standard deviation of a sample.
    Std,
    /// The variance of a sample.
    Var,
    /// The sum.
    Sum,
}

impl Across {
    pub(super) fn of(self, rasters: &[Raster<f32>]) -> Raster<f32> {
        let mut valid = Vec::with_capacity(rasters.len());
        together(rasters, |values| {
            valid.clear();
            valid.extend(values.iter().copied().filter(|value| !value.is_nan()));
            self.value(&mut valid).unwrap_or(f32::NAN)
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "few values, and the nearest f32 of what they become"
    )]
    fn value(self, values: &mut [f32]) -> Option<f32> {
        let count = values.len() as f64;
        let sum = || values.iter().map(|value| f64::from(*value)).sum::<f64>();
        let variance = || {
            let mean = sum() / count;
            let squares = values
                .iter()
                .map(|value| (f64::from(*value) - mean).powi(2));
            (values.len() > 1).then(|| squares.sum::<f64>() / (count - 1.0))
        };
        if values.is_empty() {
            return None;
        }
        match self {
            Self::Min => values.iter().copied().min_by(f32::total_cmp),
            Self::Max => values.iter().copied().max_by(f32::total_cmp),
            Self::Median => over_time::median(values),
            Self::Mean => Some((sum() / count) as f32),
            Self::Sum => Some(sum() as f32),
            Self::Var => variance().map(|variance| variance as f32),
            Self::Std => variance().map(|variance| variance.sqrt() as f32),
        }
    }
}

/// A value for each pixel, of those of all rasters.
pub(super) fn together(rasters: &[Raster<f32>], mut of: impl FnMut(&[f32]) -> f32) -> Raster<f32> {
    let mut values = vec![0.0; rasters.len()];
    let pixels = 0..rasters[0].data.len();
    let data = pixels.map(|pixel| {
        for (value, raster) in values.iter_mut().zip(rasters) {
            *value = raster.data[pixel];
        }
        of(&values)
    });
    Raster {
        data: data.collect(),
        shape: rasters[0].shape,
    }
}
