//! Stored numbers to physical ones: `scale_factor`, `add_offset`, missing and
//! valid values.
//!
//! Source: CF 1.11, sections 2.5.1 and 8.1; xarray 2026.9, `CFMaskCoder`,
//! `CFScaleOffsetCoder` and its Zarr backend. All arithmetic is in float64.
//! xarray's result is float64 too wherever there is a scale or an offset, since
//! numbers in JSON are doubles; where there is none, the stored value itself is
//! the result.

use serde_json::Value;

use super::value::{fill, number};
use crate::dataset::{Array, DataType, DatasetError, Format, limits::shortened};

/// How the numbers of an array are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    /// Physical value = stored value x scale + offset. Negative scales exist.
    pub scale: f64,
    /// See [`Packing::scale`].
    pub offset: f64,
    /// Stored values that stand for "no data", beside NaN: `_FillValue` first,
    /// then `missing_value`.
    pub missing: Vec<f64>,
    /// Values outside are no data.
    pub valid: Option<Valid>,
    /// The stored value of cells whose chunk is absent.
    pub fill: f64,
    /// The type of the numbers as they are meant, which `_Unsigned` may make
    /// another than the one they are stored in.
    pub stored: DataType,
    /// The type in which xarray gives them.
    pub decoded: DataType,
    wrap: Option<Wrap>,
}

/// The range of values that count, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Valid {
    /// Least valid value; minus infinity if there is none.
    pub min: f64,
    /// Greatest valid value; infinity if there is none.
    pub max: f64,
    /// Whether the ends are stored values, as CF asks for, or physical ones.
    pub stored: bool,
}

impl Packing {
    /// What the attributes of an array say about its numbers.
    ///
    /// # Errors
    /// If `scale_factor` or `add_offset` is no finite number or the scale is 0:
    /// a guess would show wrong values.
    pub fn of(array: &Array) -> Result<Self, DatasetError> {
        let (stored, wrap) = meant(array);
        let factor = |name: &str| match array.attributes.get(name) {
            None => Ok(None),
            Some(value) => number(value)
                .filter(|found| found.is_finite() && (*found != 0.0 || name == "add_offset"))
                .map(Some)
                .ok_or_else(|| DatasetError::Attribute {
                    path: array.path.clone(),
                    attribute: name.to_owned(),
                    found: shortened(&value.to_string()),
                    right: "it should be a finite number, and a scale not 0".to_owned(),
                }),
        };
        let (scale, offset) = (factor("scale_factor")?, factor("add_offset")?);
        let packed = scale.is_some() || offset.is_some();
        let missing = missing(array, wrap);
        let decoded = match (packed, missing.is_empty(), &stored) {
            (false, false, DataType::Int(8 | 16) | DataType::UInt(8 | 16)) => DataType::Float(32),
            (true, _, _) | (false, false, DataType::Int(_) | DataType::UInt(_)) => {
                DataType::Float(64)
            }
            (false, _, _) => stored.clone(),
        };
        Ok(Self {
            scale: scale.unwrap_or(1.0),
            offset: offset.unwrap_or(0.0),
            missing,
            valid: valid(array, &stored, wrap, packed),
            fill: wrapped(
                fill(&array.fill_value, &array.data_type).unwrap_or(0.0),
                wrap,
            ),
            wrap,
            stored,
            decoded,
        })
    }

    /// The physical value of a number as it was read from a chunk, `None` if
    /// that stands for no data.
    #[must_use]
    #[inline]
    pub fn decode(&self, read: f64) -> Option<f64> {
        let value = wrapped(read, self.wrap);
        if value.is_nan() || self.missing.contains(&value) {
            return None;
        }
        let physical = value * self.scale + self.offset;
        let outside = self.valid.is_some_and(|valid| {
            let compared = if valid.stored { value } else { physical };
            compared < valid.min || compared > valid.max
        });
        (!outside).then_some(physical)
    }

    /// Whether stored values are physical ones.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "exactly the values that change nothing")]
    pub fn is_identity(&self) -> bool {
        self.scale == 1.0 && self.offset == 0.0
    }

    /// The range of valid physical values, least first.
    #[must_use]
    pub fn valid_physical(&self) -> Option<(f64, f64)> {
        let valid = self.valid?;
        if !valid.stored {
            return Some((valid.min, valid.max));
        }
        let ends = [valid.min, valid.max].map(|end| end * self.scale + self.offset);
        Some((ends[0].min(ends[1]), ends[0].max(ends[1])))
    }
}

/// Stored values from `from` on and below `to` are meant as `by` more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wrap {
    from: f64,
    to: f64,
    by: f64,
}

/// The type that the numbers are meant as, and how to get there: `_Unsigned`
/// says that integers are of the other signedness with the same bits (`NetCDF`
/// best practices: classic `NetCDF` has no unsigned bytes).
fn meant(array: &Array) -> (DataType, Option<Wrap>) {
    let turn = |bits: u8| 2.0_f64.powi(i32::from(bits));
    match (&array.data_type, array.text("_Unsigned")) {
        (DataType::Int(bits), Some("true")) => {
            let wrap = Wrap {
                from: -turn(*bits) / 2.0,
                to: 0.0,
                by: turn(*bits),
            };
            (DataType::UInt(*bits), Some(wrap))
        }
        (DataType::UInt(bits), Some("false")) => {
            let wrap = Wrap {
                from: turn(*bits) / 2.0,
                to: turn(*bits),
                by: -turn(*bits),
            };
            (DataType::Int(*bits), Some(wrap))
        }
        (data_type, _) => (data_type.clone(), None),
    }
}

#[inline]
fn wrapped(read: f64, wrap: Option<Wrap>) -> f64 {
    match wrap {
        Some(wrap) if (wrap.from..wrap.to).contains(&read) => read + wrap.by,
        Some(_) | None => read,
    }
}

/// Values for "no data" other than NaN. Where `_FillValue` is absent, the fill
/// value of a version 2 array takes its place, as in xarray, which stores the
/// one in the other there; in version 3 it only fills absent chunks.
fn missing(array: &Array, wrap: Option<Wrap>) -> Vec<f64> {
    let mut found = Vec::new();
    let own = array.attributes.get("_FillValue");
    let zarr = (array.format == Format::V2 && own.is_none()).then_some(&array.fill_value);
    for value in [own, zarr, array.attributes.get("missing_value")]
        .into_iter()
        .flatten()
    {
        // A missing value may be a list of them.
        let list = value.as_array().map(Vec::as_slice);
        let values = list.unwrap_or(std::slice::from_ref(value));
        for value in values.iter().take(MOST_MISSING) {
            if let Some(value) = fill(value, &array.data_type) {
                let value = wrapped(value, wrap);
                if !value.is_nan() && !found.contains(&value) {
                    found.push(value);
                }
            }
        }
    }
    found
}

/// More values for "no data" than this are not looked for in each cell.
const MOST_MISSING: usize = 16;

/// `valid_range`, or `valid_min` and `valid_max`. CF has them in the type of
/// the stored values. Writers also give physical ones; as in the `NetCDF`
/// Users' Guide, the type tells: a fraction, or what the stored type cannot
/// hold, is physical.
fn valid(array: &Array, stored: &DataType, wrap: Option<Wrap>, packed: bool) -> Option<Valid> {
    let of = |name: &str| array.attributes.get(name);
    let range = of("valid_range").and_then(Value::as_array);
    let [min, max] = match range.map(Vec::as_slice) {
        Some([min, max]) => [Some(min), Some(max)],
        Some(_) | None => [of("valid_min"), of("valid_max")],
    };
    let ends = [min, max].map(|end| Some((end?, number(end?)?)));
    if ends == [None, None] {
        return None;
    }
    let fits = |value: &Value, end: f64| {
        let range = stored.integer_range();
        range.is_none_or(|(least, greatest)| {
            !value.is_f64() && (least..=greatest).contains(&wrapped(end, wrap))
        })
    };
    let is_stored = !packed || ends.iter().flatten().all(|(value, end)| fits(value, *end));
    let end = |end: Option<(&Value, f64)>, none: f64| match end {
        Some((_, end)) if is_stored => wrapped(array.data_type.rounded(end), wrap),
        Some((_, end)) => end,
        None => none,
    };
    Some(Valid {
        min: end(ends[0], f64::NEG_INFINITY),
        max: end(ends[1], f64::INFINITY),
        stored: is_stored,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array(format: u64, data_type: &str, fill_value: &Value, attributes: &Value) -> Array {
        let document = if format == 3 {
            json!({"zarr_format": 3, "node_type": "array", "shape": [2], "data_type": data_type,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
                "fill_value": fill_value, "codecs": [{"name": "bytes"}], "attributes": attributes})
        } else {
            json!({"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": data_type,
                "fill_value": fill_value, "attributes": attributes})
        };
        Array::parse("v", document, None).unwrap()
    }

    fn packing(format: u64, data_type: &str, fill_value: &Value, attributes: &Value) -> Packing {
        Packing::of(&array(format, data_type, fill_value, attributes)).unwrap()
    }

    #[test]
    fn a_negative_scale_turns_the_range_around() {
        let p = packing(
            3,
            "int16",
            &json!(0),
            &json!({
            "scale_factor": -1.5, "add_offset": 100.0, "valid_min": -10, "valid_max": 20}),
        );
        assert_eq!(p.decode(2.0), Some(97.0));
        assert_eq!(p.decode(21.0), None);
        assert_eq!(p.valid_physical(), Some((70.0, 115.0)));
        assert_eq!(p.decoded, DataType::Float(64));
    }

    #[test]
    fn both_kinds_of_missing_values_are_no_data_and_the_fill_value_comes_first() {
        let p = packing(
            3,
            "int16",
            &json!(0),
            &json!({
            "_FillValue": -999, "missing_value": [-32768, -999], "scale_factor": 0.01}),
        );
        assert_eq!(p.missing, [-999.0, -32768.0]);
        assert_eq!(p.decode(-999.0), None);
        assert_eq!(p.decode(-32768.0), None);
        assert_eq!(
            p.decode(0.0),
            Some(0.0),
            "the fill value of version 3 is a value"
        );
        assert_eq!(p.fill.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn version_2_has_its_fill_value_for_no_data_unless_an_attribute_says_otherwise() {
        let p = packing(2, "<i2", &json!(-1), &json!({}));
        assert_eq!(p.decode(-1.0), None);
        assert_eq!(p.decoded, DataType::Float(32));
        let p = packing(2, "<i2", &json!(0), &json!({"_FillValue": -1}));
        assert_eq!((p.decode(-1.0), p.decode(0.0)), (None, Some(0.0)));
        let p = packing(2, "<i2", &json!(null), &json!({}));
        assert_eq!((p.missing.len(), p.decoded), (0, DataType::Int(16)));
    }

    #[test]
    fn nan_is_never_data_and_a_float32_is_compared_as_one() {
        let p = packing(
            3,
            "float32",
            &json!("NaN"),
            &json!({"_FillValue": -9999.9, "missing_value": 1e20}),
        );
        assert_eq!(p.decode(f64::NAN), None);
        assert_eq!(p.decode(f64::from(-9999.9_f32)), None);
        assert_eq!(p.decode(f64::from(1e20_f32)), None);
        assert_eq!(p.decode(1.5), Some(1.5));
        assert!(p.fill.is_nan());
        assert_eq!(p.decoded, DataType::Float(32));
    }

    #[test]
    fn a_range_is_physical_where_its_type_says_so() {
        let unpacked = json!({"scale_factor": 0.1, "valid_range": [0.0, 100.0]});
        let p = packing(3, "int16", &json!(0), &unpacked);
        assert_eq!((p.decode(500.0), p.decode(1001.0)), (Some(50.0), None));
        let beyond = json!({"scale_factor": 1000, "valid_min": 0, "valid_max": 90_000});
        let p = packing(3, "uint8", &json!(0), &beyond);
        assert_eq!((p.decode(90.0), p.decode(91.0)), (Some(90_000.0), None));
        let stored = json!({"scale_factor": 0.1, "valid_range": [0, 100]});
        let p = packing(3, "int16", &json!(0), &stored);
        assert_eq!((p.decode(100.0), p.decode(101.0)), (Some(10.0), None));
        let open = packing(3, "float64", &json!(0), &json!({"valid_min": 0.5}));
        assert_eq!((open.decode(0.4), open.decode(1e30)), (None, Some(1e30)));
    }

    #[test]
    fn bytes_that_are_meant_as_unsigned_are_read_so() {
        let p = packing(
            3,
            "int8",
            &json!(0),
            &json!({
            "_Unsigned": "true", "_FillValue": -1, "valid_range": [0, -6], "scale_factor": 0.5}),
        );
        assert_eq!(p.stored, DataType::UInt(8));
        assert_eq!(p.decode(-1.0), None, "255");
        assert_eq!(p.decode(-56.0), Some(100.0), "200");
        assert_eq!(p.decode(-5.0), None, "251 is above 250");
        let p = packing(3, "uint8", &json!(0), &json!({"_Unsigned": "false"}));
        assert_eq!(p.decode(255.0), Some(-1.0));
    }

    #[test]
    fn a_scale_that_is_no_number_is_refused_rather_than_guessed() {
        for scale in [json!("0.01"), json!(0), json!("NaN"), json!([1, 2])] {
            let array = array(3, "int16", &json!(0), &json!({"scale_factor": scale}));
            let message = Packing::of(&array).unwrap_err().to_string();
            assert!(
                message.contains("scale_factor") && message.contains("`v`"),
                "{message}"
            );
        }
    }
}
