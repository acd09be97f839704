//! Samples of any numeric type, ready for resampling: what is missing has one
//! value, and every type has such a value.

use crate::{
    dataset::{DataType, VariableLevel, cf::Packing},
    raster::Sample,
};

/// Samples of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Of 8 bits.
    U8(Vec<u8>),
    /// Of 8 bits.
    I8(Vec<i8>),
    /// Of 16 bits.
    U16(Vec<u16>),
    /// Of 16 bits.
    I16(Vec<i16>),
    /// Of 32 bits.
    U32(Vec<u32>),
    /// Of 32 bits.
    I32(Vec<i32>),
    /// Of 64 bits.
    U64(Vec<u64>),
    /// Of 64 bits.
    I64(Vec<i64>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// A type that samples may be of.
pub trait Element: Sample {
    /// The samples, if they are of this type.
    fn of(samples: &Samples) -> Option<&[Self]>;
    /// The variant of this type.
    fn wrap(samples: Vec<Self>) -> Samples;
}

macro_rules! elements {
    ($($variant:ident $t:ty),+) => {
        $(impl Element for $t {
            fn of(samples: &Samples) -> Option<&[Self]> {
                if let Samples::$variant(samples) = samples { Some(samples) } else { None }
            }
            fn wrap(samples: Vec<Self>) -> Samples {
                Samples::$variant(samples)
            }
        })+

        impl Samples {
            /// Bytes that they take.
            #[must_use]
            pub fn bytes(&self) -> usize {
                match self {
                    $(Self::$variant(samples) => size_of_val(samples.as_slice())),+
                }
            }
        }
    };
}

elements!(
    U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64, F32 f32, F64 f64
);

/// The type of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `u8`.
    U8,
    /// `i8`.
    I8,
    /// `u16`.
    U16,
    /// `i16`.
    I16,
    /// `u32`.
    U32,
    /// `i32`.
    I32,
    /// `u64`.
    U64,
    /// `i64`.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

/// How the stored numbers of an array become [`Samples`].
///
/// Of floats, NaN is missing. Of integers it is the first of the array's
/// missing values; an array that has none gets the next larger type, which has
/// room for one, so that what is outside of a grid is never a value.
#[derive(Clone, Debug)]
pub struct Stored {
    meant: DataType,
    packing: Packing,
    kind: Kind,
    nodata: f64,
    /// Whether the nodata value is all that has to be known about missing ones.
    is_plain: bool,
}

impl Stored {
    /// Of a level of a variable.
    #[must_use]
    pub fn new(level: &VariableLevel) -> Self {
        let packing = level.packing.clone();
        let meant = packing.stored.clone();
        let (kind, nodata) = kind(&meant, &packing.missing);
        #[expect(clippy::float_cmp, reason = "stored values are compared exactly")]
        let is_plain = packing.valid.is_none()
            && packing
                .missing
                .iter()
                .all(|missing| *missing == nodata || missing.is_nan());
        Self {
            meant,
            packing,
            kind,
            nodata,
            is_plain,
        }
    }

    /// The type of the samples.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sample that is missing; NaN of floats.
    #[must_use]
    pub fn nodata(&self) -> f64 {
        self.nodata
    }

    /// The sample of cells whose chunk is absent.
    #[must_use]
    pub fn fill(&self) -> f64 {
        let fill = self.packing.fill;
        if self.packing.decode(fill).is_some() {
            fill
        } else {
            self.nodata
        }
    }

    /// Physical value = sample x scale + offset.
    #[must_use]
    pub fn scale_and_offset(&self) -> [f64; 2] {
        [self.packing.scale, self.packing.offset]
    }

    /// The physical values that are shown where a request has no range: the
    /// valid ones, or else all that the stored type has, as `TiTiler` does.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        let ends =
            type_range(&self.meant).map(|end| end * self.packing.scale + self.packing.offset);
        let [low, high] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
        let (min, max) = self.packing.valid_physical().unwrap_or((low, high));
        let end = |end: f64, or: f64| if end.is_finite() { end } else { or };
        [end(min, low), end(max, high)]
    }

    /// Bytes of a sample.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.kind {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 => 8,
        }
    }

    /// Bytes of a stored number.
    #[must_use]
    pub fn stored_size(&self) -> usize {
        match self.meant {
            DataType::Int(bits) | DataType::UInt(bits) | DataType::Float(bits) => {
                usize::from(bits) / 8
            }
            DataType::Bool
            | DataType::Text
            | DataType::Datetime { .. }
            | DataType::Timedelta { .. }
            | DataType::Other(_) => 1,
        }
    }

    /// The samples of stored numbers, given by their bytes in the machine's
    /// order.
    #[must_use]
    pub fn decode(&self, raw: &[u8]) -> Samples {
        match (&self.meant, self.kind) {
            (DataType::Int(8), Kind::I8) => self.same(raw, i8::from_ne_bytes),
            (DataType::Int(8), _) => self.wider(raw, i8::from_ne_bytes, i16::from),
            (DataType::UInt(16), Kind::U16) => self.same(raw, u16::from_ne_bytes),
            (DataType::UInt(16), _) => self.wider(raw, u16::from_ne_bytes, i32::from),
            (DataType::Int(16), Kind::I16) => self.same(raw, i16::from_ne_bytes),
            (DataType::Int(16), _) => self.wider(raw, i16::from_ne_bytes, i32::from),
            (DataType::UInt(32), Kind::U32) => self.same(raw, u32::from_ne_bytes),
            (DataType::UInt(32), _) => self.wider(raw, u32::from_ne_bytes, f64::from),
            (DataType::Int(32), Kind::I32) => self.same(raw, i32::from_ne_bytes),
            (DataType::Int(32), _) => self.wider(raw, i32::from_ne_bytes, f64::from),
            (DataType::UInt(64), Kind::U64) => self.same(raw, u64::from_ne_bytes),
            (DataType::UInt(64), _) => self.wider(raw, u64::from_ne_bytes, Sample::to_f64),
            (DataType::Int(64), Kind::I64) => self.same(raw, i64::from_ne_bytes),
            (DataType::Int(64), _) => self.wider(raw, i64::from_ne_bytes, Sample::to_f64),
            (DataType::Float(16), _) => {
                let half = |bytes| half::f16::from_ne_bytes(bytes).to_f32();
                self.same(raw, half)
            }
            (DataType::Float(32), _) => self.same(raw, f32::from_ne_bytes),
            (DataType::Float(_), _) => self.same(raw, f64::from_ne_bytes),
            (_, Kind::U8) => self.same(raw, u8::from_ne_bytes),
            (_, _) => self.wider(raw, u8::from_ne_bytes, u16::from),
        }
    }

    fn same<const N: usize, T: Element>(&self, raw: &[u8], read: impl Fn([u8; N]) -> T) -> Samples {
        self.wider(raw, read, |sample| sample)
    }

    fn wider<const N: usize, R: Sample, T: Element>(
        &self,
        raw: &[u8],
        read: impl Fn([u8; N]) -> R,
        widen: impl Fn(R) -> T,
    ) -> Samples {
        let (numbers, _) = raw.as_chunks::<N>();
        let numbers = numbers.iter().map(|bytes| read(*bytes));
        if self.is_plain {
            return T::wrap(numbers.map(widen).collect());
        }
        let nodata = T::from_f64(self.nodata);
        let samples = numbers.map(|number| {
            if self.packing.decode(number.to_f64()).is_some() {
                widen(number)
            } else {
                nodata
            }
        });
        T::wrap(samples.collect())
    }
}

fn kind(meant: &DataType, missing: &[f64]) -> (Kind, f64) {
    fn held<T: Sample>(missing: &[f64]) -> Option<f64> {
        #[expect(clippy::float_cmp, reason = "only the exact value is held")]
        let is_held = |value: &&f64| T::from_f64(**value).to_f64() == **value;
        missing.iter().find(is_held).copied()
    }
    let or = |held: Option<f64>, own: Kind, wider: Kind, nodata: f64| {
        held.map_or((wider, nodata), |held| (own, held))
    };
    let (least16, least32) = (f64::from(i16::MIN), f64::from(i32::MIN));
    match meant {
        DataType::Int(8) => or(held::<i8>(missing), Kind::I8, Kind::I16, least16),
        DataType::Int(16) => or(held::<i16>(missing), Kind::I16, Kind::I32, least32),
        DataType::Int(32) => or(held::<i32>(missing), Kind::I32, Kind::F64, f64::NAN),
        DataType::Int(_) => or(held::<i64>(missing), Kind::I64, Kind::F64, f64::NAN),
        DataType::UInt(16) => or(held::<u16>(missing), Kind::U16, Kind::I32, least32),
        DataType::UInt(32) => or(held::<u32>(missing), Kind::U32, Kind::F64, f64::NAN),
        DataType::UInt(64) => or(held::<u64>(missing), Kind::U64, Kind::F64, f64::NAN),
        DataType::Float(64) => (Kind::F64, f64::NAN),
        DataType::Float(_) => (Kind::F32, f64::NAN),
        DataType::Bool
        | DataType::UInt(_)
        | DataType::Text
        | DataType::Datetime { .. }
        | DataType::Timedelta { .. }
        | DataType::Other(_) => or(
            held::<u8>(missing),
            Kind::U8,
            Kind::U16,
            f64::from(u16::MAX),
        ),
    }
}

/// The least and greatest number of a type.
fn type_range(meant: &DataType) -> [f64; 2] {
    match meant {
        DataType::Int(bits) => {
            let half = 2.0_f64.powi(i32::from(*bits) - 1);
            [-half, half - 1.0]
        }
        DataType::UInt(bits) => [0.0, 2.0_f64.powi(i32::from(*bits)) - 1.0],
        DataType::Float(16) => [f64::from(half::f16::MIN), f64::from(half::f16::MAX)],
        DataType::Float(32) => [f64::from(f32::MIN), f64::from(f32::MAX)],
        DataType::Float(_) => [f64::MIN, f64::MAX],
        DataType::Bool
        | DataType::Text
        | DataType::Datetime { .. }
        | DataType::Timedelta { .. }
        | DataType::Other(_) => [0.0, 1.0],
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "numbers that floats hold exactly")]
mod tests {
    use super::*;
    use crate::{
        dataset::{Array, LevelGrid},
        grid::{GeoTransform, Shape},
    };
    use serde_json::{Value, json};

    fn stored(data_type: &str, fill: &Value, attributes: &Value) -> Stored {
        let document = json!({
            "zarr_format": 3, "node_type": "array", "shape": [1, 4], "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 4]}},
            "chunk_key_encoding": {"name": "default"}, "codecs": [{"name": "bytes"}],
            "fill_value": fill, "attributes": attributes,
        });
        let array = Array::parse("v", document, None).unwrap();
        Stored::new(&VariableLevel {
            path: "v".to_owned(),
            grid: LevelGrid {
                transform: GeoTransform {
                    origin_x: 0.0,
                    origin_y: 0.0,
                    cell_width: 1.0,
                    cell_height: -1.0,
                },
                shape: Shape { rows: 1, cols: 4 },
                turn: None,
            },
            shape: array.shape.clone(),
            chunk: array.chunk.clone(),
            inner_chunk: None,
            data_type: array.data_type.clone(),
            packing: Packing::of(&array).unwrap(),
        })
    }

    #[test]
    fn integers_with_a_missing_value_keep_their_type_and_others_get_a_larger_one() {
        let plain = stored("uint8", &json!(0), &json!({}));
        assert_eq!(plain.decode(&[0, 7, 255]), Samples::U16(vec![0, 7, 255]));
        assert_eq!(plain.range(), [0.0, 255.0], "of what is stored");
        let missing = stored("uint8", &json!(0), &json!({"_FillValue": 255}));
        assert_eq!(missing.decode(&[0, 255]), Samples::U8(vec![0, 255]));
        assert_eq!(missing.nodata(), 255.0);
    }

    #[test]
    fn all_that_is_missing_becomes_one_value() {
        let attributes = json!({
            "_FillValue": 9, "missing_value": 8, "valid_min": 1, "scale_factor": -0.5,
        });
        let packed = stored("uint8", &json!(0), &attributes);
        assert_eq!(packed.decode(&[0, 1, 8, 9]), Samples::U8(vec![9, 1, 9, 9]));
        assert_eq!(packed.fill(), 9.0, "0 is less than the least valid value");
        assert_eq!(packed.scale_and_offset(), [-0.5, 0.0]);
        assert_eq!(packed.range(), [-127.5, -0.5]);
    }

    #[test]
    fn signed_bytes_may_be_meant_as_unsigned_ones() {
        let attributes = json!({"_Unsigned": "true", "_FillValue": -1});
        let meant = stored("int8", &json!(0), &attributes);
        assert_eq!(meant.decode(&[200, 255]), Samples::U8(vec![200, 255]));
        assert_eq!(meant.nodata(), 255.0);
    }

    #[test]
    fn of_floats_not_a_number_is_missing() {
        let float = stored("float32", &json!("NaN"), &json!({"missing_value": -9.0}));
        let raw: Vec<u8> = [1.5_f32, -9.0]
            .iter()
            .flat_map(|v| v.to_ne_bytes())
            .collect();
        let samples = float.decode(&raw);
        let values = f32::of(&samples).unwrap();
        assert!(values[0] == 1.5 && values[1].is_nan() && float.nodata().is_nan());
        let half = stored("float16", &json!(0.0), &json!({}));
        let raw = half::f16::from_f32(0.25).to_ne_bytes();
        assert_eq!(half.decode(&raw), Samples::F32(vec![0.25]));
    }
}
