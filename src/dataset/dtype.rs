//! Data types by the names that Zarr v2 and v3 give them.

use serde_json::Value;

/// What an element of an array is. Byte order is the codecs' affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataType {
    /// True or false, one byte.
    Bool,
    /// A signed integer of this many bits.
    Int(u8),
    /// An unsigned integer of this many bits.
    UInt(u8),
    /// A float of this many bits: 16, 32 or 64.
    Float(u8),
    /// Text of fixed or variable length.
    Text,
    /// numpy's `datetime64`: int64 ticks of this many nanoseconds since
    /// 1970-01-01, the least int64 being "not a time".
    Datetime {
        /// Nanoseconds a tick.
        tick: u64,
    },
    /// numpy's `timedelta64`: int64 ticks of this many nanoseconds.
    Timedelta {
        /// Nanoseconds a tick.
        tick: u64,
    },
    /// Anything else, as it is called in the metadata.
    Other(String),
}

impl DataType {
    /// Whether a picture can be made of it.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        match self {
            Self::Bool | Self::Int(_) | Self::UInt(_) | Self::Float(_) => true,
            Self::Text | Self::Datetime { .. } | Self::Timedelta { .. } | Self::Other(_) => false,
        }
    }

    /// The distance between neighbouring values of this type near 1: what a
    /// value may be off by because of how it was stored.
    #[must_use]
    pub(super) fn epsilon(&self) -> f64 {
        // 11, 24 and 53 bits of significand (IEEE 754).
        if *self == Self::Float(16) {
            1.0 / 1024.0
        } else if *self == Self::Float(32) {
            f64::from(f32::EPSILON)
        } else {
            f64::EPSILON
        }
    }

    /// A value of an attribute as this type has it: a float32 is never equal
    /// to -9999.9, but to the nearest float32.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to float32 is what is asked for"
    )]
    pub(super) fn rounded(&self, value: f64) -> f64 {
        if *self == Self::Float(32) {
            f64::from(value as f32)
        } else {
            value
        }
    }

    /// Least and greatest value of an integer type; the ends of 64-bit types
    /// are rounded to the nearest float, as their values are.
    #[must_use]
    pub(super) fn integer_range(&self) -> Option<(f64, f64)> {
        if let Self::Int(bits) = self {
            let half = 2.0_f64.powi(i32::from(*bits) - 1);
            Some((-half, half - 1.0))
        } else if let Self::UInt(bits) = self {
            Some((0.0, 2.0_f64.powi(i32::from(*bits)) - 1.0))
        } else {
            None
        }
    }

    /// The type that a `zarr.json` means: a name, or an object with a name
    /// and a configuration (Zarr core v3, and its registry of extensions).
    #[must_use]
    pub fn v3(data_type: &Value) -> Self {
        let (name, configuration) = match data_type.as_str() {
            Some(name) => (name, &Value::Null),
            None => (
                data_type["name"].as_str().unwrap_or_default(),
                &data_type["configuration"],
            ),
        };
        match name {
            "bool" => Self::Bool,
            "int8" => Self::Int(8),
            "int16" => Self::Int(16),
            "int32" => Self::Int(32),
            "int64" => Self::Int(64),
            "uint8" => Self::UInt(8),
            "uint16" => Self::UInt(16),
            "uint32" => Self::UInt(32),
            "uint64" => Self::UInt(64),
            "float16" => Self::Float(16),
            "float32" => Self::Float(32),
            "float64" => Self::Float(64),
            "string" | "fixed_length_utf32" | "variable_length_utf8" => Self::Text,
            "numpy.datetime64" | "numpy.timedelta64" => {
                let unit = configuration["unit"].as_str().unwrap_or_default();
                let scale = configuration["scale_factor"].as_u64().unwrap_or(1);
                match tick(unit, scale) {
                    Some(tick) if name == "numpy.datetime64" => Self::Datetime { tick },
                    Some(tick) => Self::Timedelta { tick },
                    None => Self::Other(format!("{name} in `{unit}`")),
                }
            }
            "" => Self::Other(super::limits::shortened(&data_type.to_string())),
            other => Self::Other(other.to_owned()),
        }
    }

    /// The type that a `.zarray` means: numpy's array protocol typestring
    /// (Zarr v2, "Data type encoding").
    #[must_use]
    pub fn v2(dtype: &Value) -> Self {
        let Some(text) = dtype.as_str() else {
            return Self::Other("a structured data type".to_owned());
        };
        let code = text.trim_start_matches(['<', '>', '|', '=']);
        match code {
            "b1" => Self::Bool,
            "i1" => Self::Int(8),
            "i2" => Self::Int(16),
            "i4" => Self::Int(32),
            "i8" => Self::Int(64),
            "u1" => Self::UInt(8),
            "u2" => Self::UInt(16),
            "u4" => Self::UInt(32),
            "u8" => Self::UInt(64),
            "f2" => Self::Float(16),
            "f4" => Self::Float(32),
            "f8" => Self::Float(64),
            "O" => Self::Text,
            _ if code.starts_with(['U', 'S']) => Self::Text,
            _ if code.starts_with("M8[") || code.starts_with("m8[") => {
                let inside = code[3..].trim_end_matches(']');
                let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
                let scale = inside[..digits].parse().unwrap_or(1);
                match tick(&inside[digits..], scale) {
                    Some(tick) if code.starts_with('M') => Self::Datetime { tick },
                    Some(tick) => Self::Timedelta { tick },
                    None => Self::Other(text.to_owned()),
                }
            }
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int(bits) => write!(f, "int{bits}"),
            Self::UInt(bits) => write!(f, "uint{bits}"),
            Self::Float(bits) => write!(f, "float{bits}"),
            Self::Text => f.write_str("string"),
            Self::Datetime { tick } => write!(f, "datetime64 of {tick} ns"),
            Self::Timedelta { tick } => write!(f, "timedelta64 of {tick} ns"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Nanoseconds of numpy's time units; years and months have no fixed length.
fn tick(unit: &str, scale: u64) -> Option<u64> {
    let nanoseconds: u64 = match unit {
        "W" => 604_800_000_000_000,
        "D" => 86_400_000_000_000,
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    nanoseconds.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_versions_names_mean_the_same_types() {
        for (v2, v3, name) in [
            ("|b1", "bool", "bool"),
            ("|i1", "int8", "int8"),
            (">i2", "int16", "int16"),
            ("<u4", "uint32", "uint32"),
            ("<u8", "uint64", "uint64"),
            ("<f2", "float16", "float16"),
            (">f8", "float64", "float64"),
        ] {
            assert_eq!(DataType::v2(&json!(v2)), DataType::v3(&json!(v3)));
            assert_eq!(DataType::v3(&json!(v3)).to_string(), name);
        }
        assert_eq!(DataType::v2(&json!("<U9")), DataType::Text);
        let fixed = json!({"name": "fixed_length_utf32", "configuration": {"length_bytes": 36}});
        assert_eq!(DataType::v3(&fixed), DataType::Text);
    }

    #[test]
    fn times_know_how_long_a_tick_is() {
        let day = DataType::Datetime {
            tick: 86_400_000_000_000,
        };
        assert_eq!(DataType::v2(&json!("<M8[D]")), day);
        let quarter = json!({"name": "numpy.timedelta64", "configuration": {"unit": "m", "scale_factor": 15}});
        assert_eq!(
            DataType::v3(&quarter),
            DataType::Timedelta {
                tick: 900_000_000_000
            }
        );
        assert_eq!(
            DataType::v2(&json!("<M8[M]")),
            DataType::Other("<M8[M]".to_owned()),
            "a month has no length"
        );
    }

    #[test]
    fn what_is_unknown_keeps_its_name() {
        assert_eq!(DataType::v3(&json!("bfloat16")).to_string(), "bfloat16");
        assert!(!DataType::v2(&json!([["a", "<i4"]])).is_numeric());
    }

    #[test]
    fn integers_know_their_range() {
        assert_eq!(DataType::Int(16).integer_range(), Some((-32768.0, 32767.0)));
        assert_eq!(DataType::UInt(8).integer_range(), Some((0.0, 255.0)));
        assert_eq!(DataType::Float(32).integer_range(), None);
    }
}
