//! From the bytes of a tile's row to its samples: predictors and byte order
//! (TIFF 6.0, section 14; TIFF Technical Note 3 for floating point).

use async_tiff::reader::Endianness;
use async_tiff::tags::Predictor;

use super::sample::{SampleType, Samples};

/// How a file holds the samples of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowFormat {
    pub(super) samples: SampleType,
    pub(super) predictor: Predictor,
    pub(super) order: Endianness,
}

/// Samples of one row, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct RowBuffer {
    bytes: Vec<u8>,
    shorts: Vec<u16>,
    signed: Vec<i16>,
    floats: Vec<f32>,
}

impl RowBuffer {
    /// The samples up to column `end` of a whole row of a tile.
    pub(super) fn samples(&mut self, format: RowFormat, row: &[u8], end: usize) -> Samples<'_> {
        let differences = format.predictor == Predictor::Horizontal;
        match format.samples {
            SampleType::U8 => {
                self.bytes.clear();
                self.bytes.extend_from_slice(&row[..end.min(row.len())]);
                if differences {
                    sum(&mut self.bytes, u8::wrapping_add);
                }
                Samples::U8(&self.bytes)
            }
            SampleType::U16 => {
                self.read_shorts(format.order, row, end, differences);
                Samples::U16(&self.shorts)
            }
            SampleType::I16 => {
                self.read_shorts(format.order, row, end, differences);
                self.signed.clear();
                let signed = self.shorts.iter().map(|short| short.cast_signed());
                self.signed.extend(signed);
                Samples::I16(&self.signed)
            }
            SampleType::F32 => {
                self.read_floats(format, row, end);
                Samples::F32(&self.floats)
            }
        }
    }

    fn read_shorts(&mut self, order: Endianness, row: &[u8], end: usize, differences: bool) {
        let (pairs, _) = row.as_chunks();
        let pairs = &pairs[..end.min(pairs.len())];
        self.shorts.clear();
        match order {
            Endianness::LittleEndian => self
                .shorts
                .extend(pairs.iter().map(|pair| u16::from_le_bytes(*pair))),
            Endianness::BigEndian => self
                .shorts
                .extend(pairs.iter().map(|pair| u16::from_be_bytes(*pair))),
        }
        if differences {
            sum(&mut self.shorts, u16::wrapping_add);
        }
    }

    fn read_floats(&mut self, format: RowFormat, row: &[u8], end: usize) {
        self.floats.clear();
        if format.predictor == Predictor::FloatingPoint {
            // The bytes of all samples are differences, the most significant
            // bytes of the row first, whatever the file's byte order.
            self.bytes.clear();
            self.bytes.extend_from_slice(row);
            sum(&mut self.bytes, u8::wrapping_add);
            let cols = row.len() / 4;
            let planes = &self.bytes;
            self.floats.extend((0..end.min(cols)).map(|col| {
                f32::from_be_bytes([0, 1, 2, 3].map(|plane| planes[plane * cols + col]))
            }));
            return;
        }
        let (words, _) = row.as_chunks();
        let mut total = 0_u32;
        let differences = format.predictor == Predictor::Horizontal;
        self.floats.extend(words.iter().take(end).map(|word| {
            let bits = match format.order {
                Endianness::LittleEndian => u32::from_le_bytes(*word),
                Endianness::BigEndian => u32::from_be_bytes(*word),
            };
            total = if differences {
                total.wrapping_add(bits)
            } else {
                bits
            };
            f32::from_bits(total)
        }));
    }
}

/// Differences to values, from left to right.
fn sum<T: Copy + Default>(values: &mut [T], add: impl Fn(T, T) -> T) {
    let mut total = T::default();
    for value in values {
        total = add(total, *value);
        *value = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(samples: SampleType, predictor: Predictor, order: Endianness) -> RowFormat {
        RowFormat {
            samples,
            predictor,
            order,
        }
    }

    #[test]
    fn differences_of_integers_are_added_up_in_either_byte_order() {
        use Endianness::{BigEndian, LittleEndian};
        let mut buffer = RowBuffer::default();
        let bytes = buffer.samples(
            format(SampleType::U8, Predictor::Horizontal, LittleEndian),
            &[250, 10, 1, 255],
            3,
        );
        assert!(matches!(bytes, Samples::U8([250, 4, 5])));
        for (order, row) in [
            (LittleEndian, [0x10, 0x27, 0xff, 0xff]),
            (BigEndian, [0x27, 0x10, 0xff, 0xff]),
        ] {
            let shorts = format(SampleType::U16, Predictor::Horizontal, order);
            let Samples::U16([10_000, 9_999]) = buffer.samples(shorts, &row, 2) else {
                panic!("{order:?}");
            };
            let signed = format(SampleType::I16, Predictor::None, order);
            let Samples::I16([10_000, -1]) = buffer.samples(signed, &row, 2) else {
                panic!("{order:?}");
            };
        }
    }

    #[test]
    fn floating_point_survives_each_of_its_predictors() {
        let values = [1.5_f32, -2.25, 1e-20, 3e30];
        let mut planes: Vec<u8> = (0..4)
            .flat_map(|plane| values.map(|value| value.to_be_bytes()[plane]))
            .collect();
        for n in (1..planes.len()).rev() {
            planes[n] = planes[n].wrapping_sub(planes[n - 1]);
        }
        let plain = values.map(f32::to_be_bytes).concat();
        let mut before = 0_u32;
        let differences: Vec<u8> = values
            .iter()
            .flat_map(|value| {
                let difference = value.to_bits().wrapping_sub(before);
                before = value.to_bits();
                difference.to_be_bytes()
            })
            .collect();
        let mut buffer = RowBuffer::default();
        for (predictor, row) in [
            (Predictor::FloatingPoint, planes),
            (Predictor::None, plain),
            (Predictor::Horizontal, differences),
        ] {
            let format = format(SampleType::F32, predictor, Endianness::BigEndian);
            let Samples::F32(read) = buffer.samples(format, &row, 3) else {
                panic!("{predictor:?}");
            };
            assert_eq!(read, &values[..3], "{predictor:?}");
        }
    }
}
