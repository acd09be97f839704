//! Stored samples as levels of a display range, exactly as rio-tiler computes them.

use crate::raster::Sample;

/// A sample type that can be shown.
pub trait Pixel: Sample {
    /// The least and the greatest value of the type.
    const RANGE: [f64; 2];

    /// For types of at most 16 bits the sample's place among all values of its type,
    /// the least at 0; none for wider types.
    fn position(self) -> Option<usize>;

    /// The sample of a stored value that metadata give as a number; none if the type
    /// cannot have it.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "a value that is only near is another one")]
    fn stored(value: f64) -> Option<Self> {
        let sample = Self::from_f64(value);
        (sample.to_f64() == value).then_some(sample)
    }

    /// The number that a number of a request is when it is compared with samples, as
    /// numpy compares them.
    #[must_use]
    fn compared(number: f64) -> f64 {
        number
    }

    /// The level of a sample that is not packed.
    fn level(self, range: [f64; 2]) -> u8 {
        level(self.to_f64(), range)
    }
}

macro_rules! integer_pixel {
    ($position:expr, $($(#[$lint:meta])? $t:ty),+) => {$(
        impl Pixel for $t {
            $(#[$lint])?
            const RANGE: [f64; 2] = [Self::MIN as f64, Self::MAX as f64];

            fn position(self) -> Option<usize> {
                let position: fn(Self) -> Option<usize> = $position;
                position(self)
            }
        }
    )+};
}

integer_pixel!(|sample| Some(usize::from(sample)), u8, u16);
integer_pixel!(
    |sample| Some(usize::from(sample.cast_unsigned() ^ (1 << 7))),
    i8
);
integer_pixel!(
    |sample| Some(usize::from(sample.cast_unsigned() ^ (1 << 15))),
    i16
);
integer_pixel!(|_| None, i32, u32);
integer_pixel!(
    |_| None,
    #[expect(clippy::cast_precision_loss, reason = "its limits are rounded")]
    i64,
    #[expect(clippy::cast_precision_loss, reason = "its limits are rounded")]
    u64
);

impl Pixel for f32 {
    const RANGE: [f64; 2] = [f32::MIN as f64, f32::MAX as f64];

    fn position(self) -> Option<usize> {
        None
    }

    /// The `f32` next to the value, as numpy compares an array of `f32` with it.
    fn stored(value: f64) -> Option<Self> {
        (!value.is_nan()).then_some(Self::from_f64(value))
    }

    fn compared(number: f64) -> f64 {
        f64::from(Self::from_f64(number))
    }

    /// rio-tiler computes in `f64` too, but puts what comes out back into the array
    /// of `f32` before the fraction is cut, and so a hair below a level becomes it.
    fn level(self, range: [f64; 2]) -> u8 {
        cut(f64::from(Self::from_f64(scaled(self.to_f64(), range))))
    }
}

impl Pixel for f64 {
    const RANGE: [f64; 2] = [f64::MIN, f64::MAX];

    fn position(self) -> Option<usize> {
        None
    }
}

/// The level, 0 to 255, of a value in a display range. The fraction is cut, not
/// rounded, as rio-tiler does. It never falls where the value rises, not even by the
/// rounding of its floats: each step keeps the order.
pub(super) fn level(value: f64, range: [f64; 2]) -> u8 {
    cut(scaled(value, range))
}

/// A value's place in a display range, from 0 to 255.
fn scaled(value: f64, [min, max]: [f64; 2]) -> f64 {
    // Written out, for `clamp` and `f64::max` also care for NaN, which is a hole anyway.
    let value = if value > min { value } else { min };
    let value = if value < max { value } else { max };
    (value - min) / (max - min) * 255.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cutting the fraction is the point; 0 to 255 comes in"
)]
fn cut(scaled: f64) -> u8 {
    scaled as u8
}

/// What the stored samples of a variable mean: CF's `scale_factor`, `add_offset`,
/// `_FillValue` and `missing_value` (CF Conventions 1.11, sections 2.5.1 and 8.1).
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    /// What a stored value is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub offset: f64,
    /// Stored values that stand for no data. NaN is none in any case.
    pub nodata: Vec<f64>,
}

impl Default for Packing {
    /// Values stored as they are, all of them data.
    fn default() -> Self {
        Self {
            scale: 1.0,
            offset: 0.0,
            nodata: Vec::new(),
        }
    }
}

impl Packing {
    /// Values stored as they are, but one that stands for no data.
    #[must_use]
    pub fn with_nodata(nodata: f64) -> Self {
        Self {
            nodata: vec![nodata],
            ..Self::default()
        }
    }

    /// The meaning of a stored value.
    #[must_use]
    pub fn value(&self, stored: f64) -> f64 {
        stored * self.scale + self.offset
    }

    /// Whether stored values and their meaning differ.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "only exactly these change no value")]
    pub fn is_packed(&self) -> bool {
        [self.scale, self.offset] != [1.0, 0.0]
    }

    /// The display range where a request has none: all that the type can store.
    pub(super) fn full_range<T: Pixel>(&self) -> [f64; 2] {
        let [first, last] = T::RANGE.map(|end| self.value(end));
        [first.min(last), first.max(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_clipped_scaled_and_cut() {
        assert_eq!(1500_u16.level([0.0, 3000.0]), 127);
        assert_eq!(9000_u16.level([0.0, 3000.0]), 255);
        assert_eq!(5_i64.level([10.0, 20.0]), 0);
        assert_eq!((-0.5_f64).level([-1.0, 0.0]), 127);
    }

    #[test]
    fn bytes_over_their_own_range_stay_as_they_are() {
        assert!((0..=255_u8).all(|sample| sample.level(u8::RANGE) == sample));
    }

    #[test]
    fn single_floats_just_below_a_level_are_on_it_as_rio_tiler_has_them() {
        // By rio_tiler.models.rescale_image of rio-tiler 9.4 on arrays of float32.
        for (sample, range, expected) in [
            (24.133_333_f32, [-2.0, 32.0], 196),
            (0.649_019_6, [0.1, 0.9], 175),
            (288.039_2, [270.0, 310.0], 115),
        ] {
            assert_eq!(sample.level(range), expected, "{sample}");
            assert_eq!(f64::from(sample).level(range), expected - 1, "{sample}");
        }
    }

    #[test]
    fn a_number_that_the_type_cannot_have_is_no_nodata() {
        assert_eq!(u16::stored(-9999.0), None);
        assert_eq!(u16::stored(0.5), None);
        assert_eq!(i32::stored(f64::NAN), None);
        assert_eq!(i16::stored(-9999.0), Some(-9999));
        assert_eq!(f32::stored(1e20), Some(1e20_f32));
        assert_eq!(u64::stored(u64::MAX.to_f64()), Some(u64::MAX));
    }

    #[test]
    fn positions_count_up_from_the_least_value() {
        assert_eq!(i8::MIN.position(), Some(0));
        assert_eq!((-1_i8).position(), Some(127));
        assert_eq!(i16::MAX.position(), Some(65_535));
        assert_eq!(u16::MAX.position(), Some(65_535));
        assert_eq!(7_i32.position(), None);
    }

    #[test]
    fn a_negative_scale_turns_the_range_round() {
        let packing = Packing {
            scale: -2.0,
            offset: 10.0,
            ..Packing::default()
        };
        let [min, max] = packing.full_range::<u8>();
        assert_eq!(
            (min.to_string(), max.to_string()),
            ("-500".to_owned(), "10".to_owned())
        );
    }
}
