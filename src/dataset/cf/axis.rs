//! Whether a coordinate's values are evenly spaced, and how.

use crate::dataset::DatasetError;

/// Centres of evenly spaced cells: `first + n * step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regular {
    /// Centre of the first cell, in the units of the coordinate.
    pub first: f64,
    /// From one centre to the next; negative where values descend.
    pub step: f64,
    /// Number of cells.
    pub len: usize,
}

/// A coordinate's values and how exactly they can be known.
#[derive(Clone, Copy, Debug)]
pub struct Coordinate<'a> {
    /// Path, for messages.
    pub path: &'a str,
    /// Centres of the cells.
    pub values: &'a [f64],
    /// Distance of neighbouring numbers near 1 in the stored type: 2^-23 for
    /// float32.
    pub epsilon: f64,
    /// What a stored integer stands for, if the coordinate is packed; else 0.
    pub quantum: f64,
    /// Whether values are longitudes, which may go on at the other end of the
    /// circle: 179, -180.
    pub circular: bool,
}

/// A cell may be off its place by this share of its size, which moves no
/// picture. Coordinates are often rounded to a few decimals (a third of a degree
/// as 0.333), and the latitudes of Gaussian grids are even to 1.6 % of a cell;
/// those of Mercator rows are not by far.
const SHARE: f64 = 0.02;

impl Regular {
    /// The even spacing of a coordinate, from its first and last value.
    ///
    /// Each value may be off its place by 2 % of a step, and by as much
    /// as its storage loses: two units in the last place of the largest value
    /// (one for it, one for the ends that the line is drawn through), and one
    /// step of a packed integer. In float32, 0.01 degrees near 180 are so
    /// known to 0.4 %, and 10 m at a northing of 5 000 km to 12 %.
    ///
    /// # Errors
    /// If there are fewer than two values, one is not finite, they are not
    /// even, or the stored type cannot tell neighbours apart.
    pub fn of(coordinate: &Coordinate<'_>) -> Result<Self, DatasetError> {
        let bad = |reason: String| DatasetError::BadCoordinate {
            coordinate: coordinate.path.to_owned(),
            reason,
        };
        if let Some(n) = coordinate.values.iter().position(|v| !v.is_finite()) {
            return Err(bad(format!("its value at index {n} is not finite")));
        }
        let values = unrolled(coordinate);
        let (&[first, .., last], intervals) =
            (values.as_slice(), float(values.len().saturating_sub(1)))
        else {
            return Err(bad(
                "it has a single value, which does not tell the size of a cell; give `spatial:transform`"
                    .to_owned(),
            ));
        };
        let step = (last - first) / intervals;
        let largest = coordinate
            .values
            .iter()
            .fold(0.0_f64, |a, v| a.max(v.abs()));
        let stored = 2.0 * coordinate.epsilon * largest + coordinate.quantum.abs();
        // Beyond half a cell the order of cells itself is lost.
        if step != 0.0 && stored > step.abs() / 2.0 {
            return Err(bad(format!(
                "values up to {largest} are stored too coarsely to tell cells of {} apart",
                step.abs()
            )));
        }
        let tolerance = SHARE * step.abs() + stored;
        let even = values
            .iter()
            .enumerate()
            .all(|(n, value)| (value - (first + float(n) * step)).abs() <= tolerance);
        if step == 0.0 || !even {
            return Err(irregular(coordinate.path, &values, 2.0 * tolerance));
        }
        Ok(Self {
            first,
            step,
            len: values.len(),
        })
    }
}

/// The values with longitudes going on where they jump by a turn, and with
/// the decimals that float32 was given: -179.995, not -179.99499511.
fn unrolled(coordinate: &Coordinate<'_>) -> Vec<f64> {
    let single = coordinate.epsilon >= f64::from(f32::EPSILON);
    let mut turns = 0.0;
    let mut before: Option<f64> = None;
    let mut values = Vec::with_capacity(coordinate.values.len());
    for &value in coordinate.values {
        if let Some(before) = before.filter(|_| coordinate.circular) {
            if value - before > 180.0 {
                turns -= 360.0;
            } else if value - before < -180.0 {
                turns += 360.0;
            }
        }
        before = Some(value);
        values.push(if single { decimal(value) } else { value } + turns);
    }
    values
}

/// The shortest decimal number that a float32 stands for: within half a unit
/// in its last place, and what the writer most likely meant.
#[expect(clippy::cast_possible_truncation, reason = "the value is a float32")]
pub(in crate::dataset) fn decimal(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of axes are far below 2^52"
)]
fn float(n: usize) -> f64 {
    n as f64
}

/// The first step that differs from the usual one, or, where all differ a
/// little from their neighbours, the one that differs most.
fn irregular(path: &str, values: &[f64], tolerance: f64) -> DatasetError {
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut sorted = steps.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let usual = sorted[sorted.len() / 2];
    let off = |step: &f64| (step - usual).abs();
    let at = steps
        .iter()
        .position(|step| off(step) > tolerance)
        .or_else(|| {
            let worst = steps
                .iter()
                .enumerate()
                .max_by(|a, b| off(a.1).total_cmp(&off(b.1)));
            worst.map(|(n, _)| n)
        })
        .unwrap_or(0);
    DatasetError::Irregular {
        coordinate: path.to_owned(),
        index: at + 1,
        from: values[at],
        to: values[at + 1],
        step: steps[at],
        usual,
        tolerance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn coordinate(values: &[f64]) -> Coordinate<'_> {
        Coordinate {
            path: "lon",
            values,
            epsilon: f64::EPSILON,
            quantum: 0.0,
            circular: false,
        }
    }

    fn float32(values: &[f64]) -> Coordinate<'_> {
        Coordinate {
            epsilon: f64::from(f32::EPSILON),
            ..coordinate(values)
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "stored so")]
    fn stored(values: impl Iterator<Item = f64>) -> Vec<f64> {
        values.map(|v| f64::from(v as f32)).collect()
    }

    proptest! {
        #[test]
        fn any_line_is_found_again(first in -1e6_f64..1e6, step in 0.001_f64..1e4, len in 2_usize..300, down: bool) {
            let step = if down { -step } else { step };
            let values: Vec<f64> = (0..len).map(|n| first + float(n) * step).collect();
            let found = Regular::of(&coordinate(&values)).unwrap();
            prop_assert!((found.first - first).abs() < 1e-9 * first.abs().max(1.0));
            prop_assert!((found.step / step - 1.0).abs() < 1e-6);
            prop_assert_eq!(found.len, len);
        }

        #[test]
        fn one_value_off_by_a_tenth_of_a_cell_is_noticed((at, len) in (1_usize..58, 2_usize..9).prop_map(|(at, more)| (at, at + 1 + more)), step in 0.01_f64..10.0) {
            let mut values: Vec<f64> = (0..len).map(|n| float(n) * step).collect();
            values[at] += 0.1 * step;
            let irregular = matches!(
                Regular::of(&coordinate(&values)),
                Err(DatasetError::Irregular { index, .. }) if index == at
            );
            prop_assert!(irregular);
        }
    }

    #[test]
    fn hundredths_of_a_degree_in_float32_are_exact_again() {
        let values = stored((0..36_000).map(|n| -179.995 + f64::from(n) * 0.01));
        let found = Regular::of(&float32(&values)).unwrap();
        assert_eq!(found.first.to_bits(), (-179.995_f64).to_bits());
        assert!((found.step - 0.01).abs() < 1e-15, "{}", found.step);
    }

    #[test]
    fn northings_in_float32_are_even_within_what_they_store() {
        let values = stored((0..500).map(|n| 5_000_005.3 - f64::from(n) * 10.0));
        assert!(Regular::of(&float32(&values)).is_ok());
        let fine = stored((0..500).map(|n| 5_000_000.0 + f64::from(n) * 0.7));
        let message = Regular::of(&float32(&fine)).unwrap_err().to_string();
        assert!(message.contains("too coarsely"), "{message}");
    }

    #[test]
    fn thirds_that_were_rounded_to_three_decimals_are_even() {
        let values: Vec<f64> = (0..90)
            .map(|n| (f64::from(n) / 3.0 * 1000.0).round() / 1000.0)
            .collect();
        assert!(Regular::of(&coordinate(&values)).is_ok());
    }

    #[test]
    fn a_refusal_names_the_axis_and_its_first_uneven_step() {
        let values = [0.0, 1.0, 2.0, 3.5, 4.5, 5.5, 6.5];
        let message = Regular::of(&coordinate(&values)).unwrap_err().to_string();
        for part in [
            "`lon`",
            "from 2 to 3.5",
            "index 3",
            "a step of 1.5",
            "usual step is 1",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn gaussian_latitudes_are_even_enough_and_mercators_are_not() {
        let gaussian = gaussian_latitudes(320);
        assert!(
            (gaussian[0] - 89.570_089_550_2).abs() < 1e-9,
            "as in the grid N160 of ECMWF"
        );
        let found = Regular::of(&coordinate(&gaussian)).unwrap();
        assert!((found.step + 0.5616).abs() < 1e-4, "{found:?}");
        let mercator: Vec<f64> = (0..60)
            .map(|n| (f64::from(n) * 0.05).sinh().atan().to_degrees())
            .collect();
        assert!(matches!(
            Regular::of(&coordinate(&mercator)),
            Err(DatasetError::Irregular { .. })
        ));
    }

    /// Arcsines of the roots of the Legendre polynomial of a degree, from the
    /// north, by Newton's method.
    fn gaussian_latitudes(degree: u32) -> Vec<f64> {
        let n = f64::from(degree);
        let root = |k: u32| {
            let mut x = (std::f64::consts::PI * (f64::from(k) + 0.75) / (n + 0.5)).cos();
            for _ in 0..8 {
                let (mut before, mut p) = (1.0, x);
                for m in 2..=degree {
                    let m = f64::from(m);
                    (before, p) = (p, ((2.0 * m - 1.0) * x * p - (m - 1.0) * before) / m);
                }
                x -= p * (x * x - 1.0) / (n * (x * p - before));
            }
            x.asin().to_degrees()
        };
        (0..degree).map(root).collect()
    }

    #[test]
    fn longitudes_go_on_at_the_other_end_of_the_circle() {
        let rolled: Vec<f64> = (0..36)
            .map(|n| f64::from(n) * 10.0)
            .map(|v| if v >= 180.0 { v - 360.0 } else { v })
            .collect();
        let circular = Coordinate {
            circular: true,
            ..coordinate(&rolled)
        };
        let found = Regular::of(&circular).unwrap();
        assert_eq!((found.first, found.step), (0.0, 10.0));
        assert!(Regular::of(&coordinate(&rolled)).is_err(), "metres do not");
    }

    #[test]
    fn what_gives_no_cell_size_is_refused() {
        for values in [&[][..], &[4.0], &[1.0, f64::NAN], &[2.0, 2.0, 2.0]] {
            assert!(Regular::of(&coordinate(values)).is_err(), "{values:?}");
        }
    }
}
