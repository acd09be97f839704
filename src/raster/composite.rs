//! A stack of observations reduced to one picture.

use super::Raster;
use crate::grid::Shape;

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

    /// Adds an observation: one raster a band, in the order of the bands.
    ///
    /// # Panics
    /// If the number of bands or their shape is not the stack's.
    pub fn push(&mut self, observation: Vec<Raster<u16>>) {
        assert_eq!(observation.len(), self.bands, "one raster a band");
        assert!(
            observation.iter().all(|band| band.shape == self.shape),
            "all rasters of a stack have its shape"
        );
        self.observations.push(observation);
    }

    /// Per pixel and band the median of the valid observations. An even number
    /// of them gives the mean of the middle two, rounded half up. The order of
    /// the observations does not matter.
    #[must_use]
    pub fn median(&self) -> Composite {
        let pixels = self.shape.rows * self.shape.cols;
        let mut composite = Composite {
            bands: vec![Raster::filled(self.shape, 0); self.bands],
            count: Raster::filled(self.shape, 0),
        };
        let mut values: Vec<u16> = Vec::with_capacity(self.observations.len());
        for (band, out) in composite.bands.iter_mut().enumerate() {
            for pixel in 0..pixels {
                values.clear();
                values.extend(
                    self.observations
                        .iter()
                        .map(|observation| observation[band].data[pixel])
                        .filter(|value| *value != 0),
                );
                if let Some(median) = median(&mut values) {
                    out.data[pixel] = median;
                }
                if band == 0 {
                    composite.count.data[pixel] = u16::try_from(values.len()).unwrap_or(u16::MAX);
                }
            }
        }
        composite
    }
}

/// The median, `None` of nothing. Leaves the values in some other order.
fn median(values: &mut [u16]) -> Option<u16> {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable(middle);
    let upper = *upper;
    if !even {
        return Some(upper);
    }
    let lower = lower.iter().copied().max().unwrap_or(upper);
    Some(u16::midpoint(lower, upper) + ((lower ^ upper) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_values(mut values in prop::collection::vec(1_u16.., 1..40)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let n = sorted.len();
            let sum = u32::from(sorted[(n - 1) / 2]) + u32::from(sorted[n / 2]);
            prop_assert_eq!(median(&mut values).map(u32::from), Some(sum.div_ceil(2)));
        }
    }

    #[test]
    fn zeros_are_not_observations_and_the_count_says_how_many_are() {
        let shape = Shape { rows: 1, cols: 3 };
        let mut stack = Stack::new(shape, 1);
        for data in [[5, 0, 0], [1, 4, 0], [9, 7, 0]] {
            stack.push(vec![Raster {
                shape,
                data: data.to_vec(),
            }]);
        }
        let composite = stack.median();
        assert_eq!(composite.bands[0].data, [5, 6, 0]);
        assert_eq!(composite.count.data, [3, 2, 0]);
    }

    #[test]
    fn an_empty_stack_is_all_nodata() {
        let composite = Stack::new(Shape { rows: 2, cols: 2 }, 2).median();
        assert_eq!(composite.bands.len(), 2);
        assert!(composite.bands.iter().all(|b| b.data == [0; 4]));
        assert_eq!(composite.count.data, [0; 4]);
    }
}
