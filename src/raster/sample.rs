//! The sample types that pixels have.

/// A sample type: how it meets arithmetic in `f64`.
pub trait Sample: Copy + PartialEq + Default + Send + Sync + std::fmt::Debug + 'static {
    /// The value as a float: exact, except that 64-bit integers beyond 2^53 are
    /// rounded to the nearest float.
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

unsigned_sample!(u8, u16, u32);

macro_rules! signed_sample {
    ($($t:ty),+) => {$(
        impl Sample for $t {
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
    )+};
}

signed_sample!(i8, i16, i32);

macro_rules! long_sample {
    ($($t:ty: $($lint:ident),+);+) => {$(
        impl Sample for $t {
            #[expect(
                clippy::cast_precision_loss,
                reason = "to the nearest float, as the trait says"
            )]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[expect($(clippy::$lint),+, reason = "float to integer saturates")]
            fn from_f64(value: f64) -> Self {
                // From 2^52 on floats are whole, and adding a half would move them.
                let whole = value.floor();
                (if value - whole < 0.5 { whole } else { whole + 1.0 }) as Self
            }
        }
    )+};
}

long_sample!(i64: cast_possible_truncation; u64: cast_possible_truncation, cast_sign_loss);

impl Sample for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[expect(clippy::cast_possible_truncation, reason = "to the nearest f32")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Sample for f64 {
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
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
        assert_eq!(i8::from_f64(-2.6), -3);
        assert_eq!(i64::from_f64(-2.5), -2);
        assert_eq!(u64::from_f64(2.5), 3);
        assert_eq!(u64::from_f64(-0.7), 0);
    }

    #[test]
    fn whole_floats_of_any_size_are_kept_as_64_bit_integers() {
        for odd in [4_503_599_627_370_497, 9_007_199_254_740_991_i64] {
            assert_eq!(i64::from_f64(odd.to_f64()), odd);
            assert_eq!(i64::from_f64((-odd).to_f64()), -odd);
        }
        assert_eq!(u64::from_f64(u64::MAX.to_f64()), u64::MAX);
        assert_eq!(i64::from_f64(i64::MIN.to_f64()), i64::MIN);
    }
}
