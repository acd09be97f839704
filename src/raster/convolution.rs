//! Catmull-Rom convolution (Keys 1981, a = -1/2) along one axis, as GDAL has it
//! (`GWKCubicResample4Sample`).

/// Weights of the four pixels around a position `x` after the second's centre.
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
