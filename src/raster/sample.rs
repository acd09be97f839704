//! The sample types that pixels have.

/// A sample type: how it meets arithmetic in `f64`.
pub trait Sample: Copy + PartialEq + Default + Send + Sync + std::fmt::Debug + 'static {
    /// The value as a float, exact.
    fn to_f64(self) -> f64;
    /// The nearest value of this type: halves are rounded up, as GDAL's warper
    /// rounds, and what is out of range saturates.
    fn from_f64(value: f64) -> Self;
}

macro_rules! unsigned_sample {
    ($($t:ty),+) => {$(
        impl Sample for $t {
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "float to integer saturates"
            )]
            fn from_f64(value: f64) -> Self {
                // The cast drops the fraction and saturates below 0: no floor().
                (value + 0.5) as $t
            }
        }
    )+};
}

unsigned_sample!(u8, u16);

impl Sample for i16 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "float to integer saturates"
    )]
    fn from_f64(value: f64) -> Self {
        (value + 0.5).floor() as Self
    }
}

impl Sample for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[expect(clippy::cast_possible_truncation, reason = "to the nearest f32")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_up_and_what_is_out_of_range_saturates() {
        assert_eq!(u16::from_f64(2.5), 3);
        assert_eq!(u16::from_f64(3.5), 4);
        assert_eq!(u16::from_f64(-1.0), 0);
        assert_eq!(u8::from_f64(300.0), 255);
        assert_eq!(i16::from_f64(-2.5), -2);
        assert_eq!(i16::from_f64(1e9), i16::MAX);
    }
}
