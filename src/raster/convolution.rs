//! Weights of convolution along one axis, as GDAL has them (`gdalwarpkernel.cpp`).

use std::f64::consts::{FRAC_PI_3, PI};

/// Weights of the four pixels around a position `x` after the second's centre
/// by Catmull-Rom (Keys 1981, a = -1/2; `GWKCubicResample4Sample`).
#[inline]
pub(super) fn catmull_rom(x: f64) -> [f64; 4] {
    let half = 0.5 * x;
    let half_square = half * x;
    [
        half * (-1.0 + x * (2.0 - x)),
        1.0 + half_square * (-5.0 + 3.0 * x),
        half * (1.0 + x * (4.0 - 3.0 * x)),
        half_square * (-1.0 + x),
    ]
}

/// The sum of products, in order.
#[inline]
pub(super) fn dot(values: [f64; 4], weights: [f64; 4]) -> f64 {
    values[0] * weights[0]
        + values[1] * weights[1]
        + values[2] * weights[2]
        + values[3] * weights[3]
}

/// Weights of the four pixels around a position `x` after the second's centre
/// by the cubic B-spline (`GWKBSpline`): none is negative.
pub(super) fn b_spline(x: f64) -> [f64; 4] {
    let outer = |x: f64| x * x * x / 6.0;
    let inner = |x: f64| (4.0 + x * x * (3.0 * x - 6.0)) / 6.0;
    let y = 1.0 - x;
    [outer(y), inner(x), inner(y), outer(x)]
}

/// Weights of the six pixels around a position `x` after the third's centre by
/// Lanczos' window (`GWKLanczosSinc`): of a pixel at a distance `d` the weight
/// is `sinc(d) sinc(d / 3)`. They are to be divided by their sum, which is only
/// nearly 1.
pub(super) fn lanczos(x: f64) -> [f64; 6] {
    // A distance that is larger by 3 has the same product of sines, so there
    // are three of them.
    let sine = (PI * x).sin();
    let products = [
        sine * (FRAC_PI_3 * x).sin(),
        -sine * (FRAC_PI_3 * (x - 1.0)).sin(),
        sine * (FRAC_PI_3 * (x - 2.0)).sin(),
    ];
    let weight = |product: f64, pixel: f64| {
        let distance = x - pixel;
        if distance == 0.0 {
            1.0
        } else {
            3.0 * product / (PI * PI * distance * distance)
        }
    };
    [
        weight(products[1], -2.0),
        weight(products[2], -1.0),
        weight(products[0], 0.0),
        weight(products[1], 1.0),
        weight(products[2], 2.0),
        weight(products[0], 3.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sinc(x: f64) -> f64 {
        if x.abs() < 1e-12 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        }
    }

    #[test]
    fn lanczos_is_a_sinc_in_the_window_of_another() {
        for x in [0.0, 1e-9, 0.2, 0.5, 0.77, 1.0 - 1e-6, 1.0] {
            let pixels = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0];
            for (weight, pixel) in std::iter::zip(lanczos(x), pixels) {
                let expected = sinc(x - pixel) * sinc((x - pixel) / 3.0);
                assert!((weight - expected).abs() < 1e-9, "{x} {pixel} {weight}");
            }
        }
    }

    #[test]
    fn weights_of_the_spline_sum_to_one_and_are_those_of_its_pieces() {
        for x in [0.0, 0.1, 0.5, 0.9, 1.0] {
            assert!((b_spline(x).iter().sum::<f64>() - 1.0).abs() < 1e-15, "{x}");
        }
        for (weight, sixths) in std::iter::zip(b_spline(0.0), [1.0, 4.0, 1.0, 0.0]) {
            assert!((weight * 6.0 - sixths).abs() < 1e-15);
        }
        for (weight, parts) in std::iter::zip(b_spline(0.5), [1.0, 23.0, 23.0, 1.0]) {
            assert!((weight * 48.0 - parts).abs() < 1e-13);
        }
    }
}
