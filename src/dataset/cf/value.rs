//! Numbers in attributes and fill values, in the ways that JSON lacks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::dataset::DataType;

/// A number, or what stands for one: a boolean, `"NaN"`, `"Infinity"`,
/// `"-Infinity"` (Zarr), a list of one number (attributes that were arrays).
pub(in crate::dataset) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::String(text) => match text.as_str() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        Value::Array(values) if values.len() == 1 => number(&values[0]),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One number or several.
pub(in crate::dataset) fn numbers(value: &Value) -> Option<Vec<f64>> {
    match value.as_array() {
        Some(values) => values.iter().map(number).collect(),
        None => Some(vec![number(value)?]),
    }
}

/// A fill value of a type. Beside numbers: the bits of a float as `"0x7fc00000"`
/// (Zarr core v3), and the eight bytes of a float64 in base64, which is how
/// xarray writes the attribute `_FillValue` of floats in version 3.
pub(in crate::dataset) fn fill(value: &Value, data_type: &DataType) -> Option<f64> {
    if let Some(found) = number(value) {
        return Some(data_type.rounded(found));
    }
    let text = value.as_str()?;
    if let Some(bits) = text.strip_prefix("0x") {
        let bits = u64::from_str_radix(bits, 16).ok()?;
        return if *data_type == DataType::Float(32) {
            let bits = u32::try_from(bits).ok()?;
            Some(f64::from(f32::from_bits(bits)))
        } else {
            (*data_type == DataType::Float(64)).then(|| f64::from_bits(bits))
        };
    }
    let bytes: [u8; 8] = STANDARD.decode(text).ok()?.try_into().ok()?;
    matches!(data_type, DataType::Float(_)).then(|| data_type.rounded(f64::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_number_may_be_a_word_a_boolean_or_a_list_of_one() {
        for (value, expected) in [
            (json!(-0.5), Some(-0.5)),
            (json!([3]), Some(3.0)),
            (json!(true), Some(1.0)),
            (json!("-Infinity"), Some(f64::NEG_INFINITY)),
            (json!("seven"), None),
            (json!([1, 2]), None),
            (json!(null), None),
        ] {
            assert_eq!(number(&value), expected, "{value}");
        }
        assert!(number(&json!("NaN")).unwrap().is_nan());
        assert_eq!(numbers(&json!([1, 2.5])), Some(vec![1.0, 2.5]));
        assert_eq!(numbers(&json!([1, "a"])), None);
    }

    #[test]
    fn a_fill_value_is_read_in_every_spelling() {
        let float = DataType::Float(32);
        // What xarray writes for NaN, and for the netCDF default 9.96921e36.
        assert!(fill(&json!("AAAAAAAA+H8="), &float).unwrap().is_nan());
        assert!(fill(&json!("0x7fc00000"), &float).unwrap().is_nan());
        assert_eq!(fill(&json!("0x3f800000"), &float), Some(1.0));
        assert_eq!(fill(&json!(-9999.9), &float), Some(f64::from(-9999.9_f32)));
        assert_eq!(fill(&json!(-9999.9), &DataType::Float(64)), Some(-9999.9));
        assert_eq!(fill(&json!("AAAAAAAA+H8="), &DataType::Int(16)), None);
        assert_eq!(fill(&json!("nonsense"), &float), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,90}") {
            let _ = fill(&json!(text), &DataType::Float(64));
        }
    }
}
