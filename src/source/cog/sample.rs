//! Samples as a file holds them, and as they are wanted.

use async_tiff::tags::SampleFormat;

use crate::raster::Sample;

/// The sample types of files that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleType {
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 16 bits.
    I16,
    /// Floating point, 32 bits.
    F32,
}

impl SampleType {
    /// The type of a TIFF's `SampleFormat` and `BitsPerSample`.
    pub(super) fn of(format: SampleFormat, bits: u16) -> Option<Self> {
        if format == SampleFormat::Uint && bits == 8 {
            Some(Self::U8)
        } else if format == SampleFormat::Uint && bits == 16 {
            Some(Self::U16)
        } else if format == SampleFormat::Int && bits == 16 {
            Some(Self::I16)
        } else if format == SampleFormat::Float && bits == 32 {
            Some(Self::F32)
        } else {
            None
        }
    }

    /// Bytes of one sample.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::F32 => 4,
        }
    }
}

impl std::fmt::Display for SampleType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::F32 => "float32",
        })
    }
}

/// A run of a file's samples.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    /// Of a file of 8 unsigned bits.
    U8(&'a [u8]),
    /// Of a file of 16 unsigned bits.
    U16(&'a [u16]),
    /// Of a file of 16 signed bits.
    I16(&'a [i16]),
    /// Of a file of 32 bits floating point.
    F32(&'a [f32]),
}

impl Samples<'_> {
    /// The samples from the one at `start` on.
    pub(super) fn from(self, start: usize) -> Self {
        match self {
            Self::U8(samples) => Self::U8(&samples[start..]),
            Self::U16(samples) => Self::U16(&samples[start..]),
            Self::I16(samples) => Self::I16(&samples[start..]),
            Self::F32(samples) => Self::F32(&samples[start..]),
        }
    }
}

/// A sample type that files can be read as.
pub trait CogSample: Sample {
    /// The name of the type in messages.
    const NAME: SampleType;

    /// Whether files of this type can be read as `Self` without loss, save
    /// for single values that [`CogSample::convert`] refuses.
    fn reads(stored: SampleType) -> bool;

    /// Converts as many samples as `out` has room for. The error is the first
    /// value that `Self` cannot hold.
    fn convert(stored: Samples<'_>, out: &mut [Self]) -> Result<(), f64>;
}

fn each<S: Copy + Into<f64>, T>(
    stored: &[S],
    out: &mut [T],
    convert: impl Fn(S) -> Option<T>,
) -> Result<(), f64> {
    for (to, from) in out.iter_mut().zip(stored) {
        *to = convert(*from).ok_or_else(|| (*from).into())?;
    }
    Ok(())
}

/// Samples of the type that is wanted.
fn same<T: Copy>(stored: &[T], out: &mut [T]) {
    let len = stored.len().min(out.len());
    out[..len].copy_from_slice(&stored[..len]);
}

impl CogSample for u8 {
    const NAME: SampleType = SampleType::U8;

    fn reads(stored: SampleType) -> bool {
        matches!(stored, SampleType::U8 | SampleType::U16)
    }

    fn convert(stored: Samples<'_>, out: &mut [Self]) -> Result<(), f64> {
        match stored {
            Samples::U8(from) => {
                same(from, out);
                Ok(())
            }
            Samples::U16(from) => each(from, out, |v| Self::try_from(v).ok()),
            Samples::I16(from) => each(from, out, |v| Self::try_from(v).ok()),
            Samples::F32(from) => each(from, out, |_| None),
        }
    }
}

impl CogSample for u16 {
    const NAME: SampleType = SampleType::U16;

    fn reads(stored: SampleType) -> bool {
        matches!(stored, SampleType::U8 | SampleType::U16)
    }

    fn convert(stored: Samples<'_>, out: &mut [Self]) -> Result<(), f64> {
        match stored {
            Samples::U8(from) => each(from, out, |v| Some(v.into())),
            Samples::U16(from) => {
                same(from, out);
                Ok(())
            }
            Samples::I16(from) => each(from, out, |v| Self::try_from(v).ok()),
            Samples::F32(from) => each(from, out, |_| None),
        }
    }
}

impl CogSample for i16 {
    const NAME: SampleType = SampleType::I16;

    fn reads(stored: SampleType) -> bool {
        matches!(stored, SampleType::U8 | SampleType::I16)
    }

    fn convert(stored: Samples<'_>, out: &mut [Self]) -> Result<(), f64> {
        match stored {
            Samples::U8(from) => each(from, out, |v| Some(v.into())),
            Samples::U16(from) => each(from, out, |v| Self::try_from(v).ok()),
            Samples::I16(from) => {
                same(from, out);
                Ok(())
            }
            Samples::F32(from) => each(from, out, |_| None),
        }
    }
}

impl CogSample for f32 {
    const NAME: SampleType = SampleType::F32;

    fn reads(_stored: SampleType) -> bool {
        true
    }

    fn convert(stored: Samples<'_>, out: &mut [Self]) -> Result<(), f64> {
        match stored {
            Samples::U8(from) => each(from, out, |v| Some(v.into())),
            Samples::U16(from) => each(from, out, |v| Some(v.into())),
            Samples::I16(from) => each(from, out, |v| Some(v.into())),
            Samples::F32(from) => {
                same(from, out);
                Ok(())
            }
        }
    }
}

/// A nodata value as a sample, where the type can hold it exactly.
pub(super) fn nodata_as<T: Sample>(nodata: f64) -> Option<T> {
    let sample = T::from_f64(nodata);
    // Bits, so that NaN counts as held by floating-point samples.
    (sample.to_f64().to_bits() == nodata.to_bits() || sample.to_f64() - nodata == 0.0)
        .then_some(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_16_bits_is_read_as_8_unless_a_value_does_not_fit() {
        let mut out = [0_u8; 3];
        u8::convert(Samples::U16(&[0, 11, 255]), &mut out).unwrap();
        assert_eq!(out, [0, 11, 255]);
        assert_eq!(
            u8::convert(Samples::U16(&[1, 256, 2]), &mut out),
            Err(256.0)
        );
    }

    #[test]
    fn a_nodata_value_that_the_type_cannot_hold_is_none() {
        assert_eq!(nodata_as::<u16>(0.0), Some(0));
        assert_eq!(nodata_as::<u16>(-9999.0), None);
        assert_eq!(nodata_as::<u8>(65535.0), None);
        assert_eq!(nodata_as::<u16>(0.5), None);
        assert!(nodata_as::<f32>(f64::NAN).is_some_and(f32::is_nan));
        assert_eq!(nodata_as::<u16>(f64::NAN), None);
    }
}
