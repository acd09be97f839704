//! From the numbers of a file to those of a cube.

use super::{Raster, Sample};

/// The samples times `gain` plus `offset`, rounded half up, as the cube's type:
/// 0 where they are `missing` or no number, and at least 1 elsewhere, so that a
/// dark pixel never becomes one that is missing.
#[must_use]
pub fn scaled<T: Sample>(raster: &Raster<T>, missing: T, gain: f64, offset: f64) -> Raster<u16> {
    let value = |sample: T| {
        let scaled = sample.to_f64() * gain + offset;
        if sample == missing || !scaled.is_finite() {
            0
        } else {
            u16::from_f64(scaled).max(1)
        }
    };
    Raster {
        shape: raster.shape,
        data: raster.data.iter().map(|sample| value(*sample)).collect(),
    }
}

/// What [`scaled`] gives for a gain of 1 and a whole offset, in place.
#[must_use]
#[expect(
    clippy::cast_sign_loss,
    reason = "the number is held in the range of u16 before"
)]
pub fn shifted(mut raster: Raster<u16>, missing: u16, offset: i32) -> Raster<u16> {
    if offset == 0 && missing == 0 {
        return raster;
    }
    // Beyond this, all is cut off anyway, and the sum stays within i32.
    let offset = offset.clamp(-0x1_0000, 0x1_0000);
    for sample in &mut raster.data {
        let shifted = (i32::from(*sample) + offset).clamp(1, 0xffff) as u16;
        *sample = if *sample == missing { 0 } else { shifted };
    }
    raster
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shape;

    #[track_caller]
    fn check<T: Sample>(data: &[T], missing: T, gain: f64, offset: f64, expected: &[u16]) {
        let shape = Shape {
            rows: 1,
            cols: data.len(),
        };
        let raster = Raster {
            shape,
            data: data.to_vec(),
        };
        assert_eq!(scaled(&raster, missing, gain, offset).data, expected);
    }

    #[test]
    fn a_shift_is_the_scale_of_one_for_every_number_there_is() {
        let shape = Shape {
            rows: 256,
            cols: 256,
        };
        let all = Raster {
            shape,
            data: (0..=u16::MAX).collect(),
        };
        for (missing, offset) in [(0, 0), (0, -1000), (7, 1000), (0, i32::MIN), (0, i32::MAX)] {
            assert_eq!(
                shifted(all.clone(), missing, offset),
                scaled(&all, missing, 1.0, f64::from(offset)),
                "{offset}"
            );
        }
    }

    #[test]
    fn missing_stays_missing_and_dark_pixels_stay_valid() {
        let numbers = [0_u16, 1, 999, 1000, 1001, 1002, 65_535];
        check(&numbers, 0, 1.0, -1000.0, &[0, 1, 1, 1, 1, 2, 64_535]);
        check(
            &numbers,
            0,
            1.0,
            0.0,
            &[0, 1, 999, 1000, 1001, 1002, 65_535],
        );
        check(&[65_000_u16], 0, 1.0, 1000.0, &[65_535]);
    }

    #[test]
    fn other_types_and_scales_meet_the_same_numbers() {
        check(&[-9999_i16, -5, 0, 1234], -9999, 1.0, 0.0, &[0, 1, 1, 1234]);
        // Landsat Collection 2: reflectance = 2.75e-5 * number - 0.2.
        check(&[0_u16, 10_000, 7273], 0, 0.275, -2000.0, &[0, 750, 1]);
        check(
            &[0.1_f32, f32::NAN, 0.25],
            0.0,
            10_000.0,
            0.0,
            &[1000, 0, 2500],
        );
    }
}
