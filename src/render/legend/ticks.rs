//! Values at which a scale is labelled.

/// Values that are 1, 2 or 5 times a power of ten apart, from the first to the last in a
/// range that rises: at most `most` of them, of which there are at least two.
#[must_use]
pub(super) fn ticks([min, max]: [f64; 2], most: usize) -> Vec<f64> {
    let Some(step) = step([min, max], most.max(2)) else {
        return vec![min, max];
    };
    let (first, last) = ((min / step).ceil(), (max / step).floor());
    // A value next to the end of the range is it, whatever rounding says.
    let first = if ((first - 1.0) * step - min).abs() < step * NEAR {
        first - 1.0
    } else {
        first
    };
    let last = if ((last + 1.0) * step - max).abs() < step * NEAR {
        last + 1.0
    } else {
        last
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number from 0"
    )]
    let count = (last - first) as u32;
    // Powers of ten below 1 are no floats, but one divided by them is.
    let inverse = (1.0 / step).round();
    let value = |n: f64| if step < 1.0 { n / inverse } else { n * step };
    let values = (0..=count).map(|n| value(first + f64::from(n)) + 0.0);
    values.collect()
}

/// The part of a step that rounding may make.
const NEAR: f64 = 1e-6;

/// The smallest step with so few values in the range; none where the range is so narrow
/// that they cannot be told apart.
fn step([min, max]: [f64; 2], most: usize) -> Option<f64> {
    let span = max - min;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rough = span / most as f64;
    if !(rough.is_normal() && span > min.abs().max(max.abs()) * 1e-9) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "floats have exponents to 308"
    )]
    let exponent = rough.log10().floor() as i32;
    let steps = (exponent..exponent + 3).flat_map(|exponent| {
        [1.0, 2.0, 5.0].map(|n: f64| {
            if exponent < 0 {
                n / 10_f64.powi(-exponent)
            } else {
                n * 10_f64.powi(exponent)
            }
        })
    });
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let is_fit = |step: &f64| {
        let count = (max / step + NEAR).floor() - (min / step - NEAR).ceil() + 1.0;
        count >= 2.0 && count <= most as f64
    };
    steps.into_iter().find(is_fit)
}

/// A value in as many digits as it takes to tell it from others that are `apart`.
#[must_use]
pub(super) fn label(value: f64, apart: f64) -> String {
    let size = value.abs().max(apart);
    if size >= 1e7 || (apart > 0.0 && apart < 1e-5) {
        return format!("{value:e}");
    }
    let digits = if apart > 0.0 {
        (-apart.log10() - NEAR).ceil().max(0.0)
    } else {
        0.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 5"
    )]
    let digits = digits as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(range: [f64; 2], most: usize) -> String {
        let values = ticks(range, most);
        let apart = values[1] - values[0];
        let labels: Vec<String> = values.iter().map(|value| label(*value, apart)).collect();
        labels.join(" ")
    }

    #[test]
    fn values_are_round_and_so_many_as_fit() {
        for (range, most, expected) in [
            ([0.0, 3000.0], 7, "0 500 1000 1500 2000 2500 3000"),
            ([0.0, 3000.0], 4, "0 1000 2000 3000"),
            ([-1.0, 1.0], 5, "-1.0 -0.5 0.0 0.5 1.0"),
            ([0.1, 0.9], 5, "0.2 0.4 0.6 0.8"),
            ([271.3, 309.8], 5, "280 290 300"),
            ([0.0, 0.0007], 4, "0.0000 0.0002 0.0004 0.0006"),
            ([-33.0, 7.0], 6, "-30 -20 -10 0"),
            ([0.0, 65_535.0], 5, "0 20000 40000 60000"),
            ([5.0, 5.0], 5, "5 5"),
        ] {
            assert_eq!(labels(range, most), expected, "{range:?} {most}");
        }
    }

    proptest! {
        #[test]
        fn values_are_in_their_range_and_rise(
            (min, span) in (-1e6_f64..1e6, 1e-3_f64..1e6),
            most in 2_usize..12,
        ) {
            let range = [min, min + span];
            let values = ticks(range, most);
            prop_assert!(values.len() >= 2 && values.len() <= most, "{values:?}");
            prop_assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
            let slack = span * 1e-5;
            prop_assert!(values[0] >= min - slack && values[values.len() - 1] <= range[1] + slack);
        }
    }
}
