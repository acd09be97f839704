//! Classes of a categorical variable: `flag_values`, `flag_meanings`.
//!
//! Source: CF 1.11, section 3.5. `flag_colors` is no part of it, but written by
//! several tools in the same form as `flag_meanings`.

use serde_json::Value;

use super::value::{number, numbers};
use crate::dataset::Attributes;

/// A class.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Its stored value.
    pub value: f64,
    /// What it means; underscores stand for blanks.
    pub meaning: String,
    /// Its colour as red, green and blue.
    pub color: Option<[u8; 3]>,
}

/// More classes than this are not looked at: a legend has no room for them.
const MOST: usize = 1024;

/// The classes that attributes tell of, in their order; none where values and
/// meanings are not as many, or are bits of a mask (`flag_masks`).
#[must_use]
pub fn flags(attributes: &Attributes) -> Vec<Flag> {
    let Some(values) = attributes.get("flag_values").and_then(values) else {
        return Vec::new();
    };
    let meanings = attributes
        .get("flag_meanings")
        .map(words)
        .unwrap_or_default();
    let colors = attributes.get("flag_colors").map(words).unwrap_or_default();
    if values.len() != meanings.len() || attributes.contains_key("flag_masks") {
        return Vec::new();
    }
    values
        .into_iter()
        .zip(meanings)
        .enumerate()
        .take(MOST)
        .map(|(n, (value, meaning))| Flag {
            value,
            meaning,
            color: colors.get(n).and_then(|text| hex(text)),
        })
        .collect()
}

/// Numbers, or text in the notation of `ncdump`: `0b, 1b, 2b`.
fn values(value: &Value) -> Option<Vec<f64>> {
    let Some(text) = value.as_str() else {
        return numbers(value);
    };
    text.split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.trim_end_matches(['b', 's', 'u', 'l', 'B', 'S', 'U', 'L'])
                .parse()
                .ok()
        })
        .collect()
}

/// Words of a text, or a list of texts.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(values) => values
            .iter()
            .map(|value| match value.as_str() {
                Some(text) => text.to_owned(),
                None => number(value).map_or_else(String::new, |n| n.to_string()),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn hex(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() != 6 || !digits.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(attributes: &Value) -> Vec<Flag> {
        flags(attributes.as_object().unwrap())
    }

    #[test]
    fn values_meanings_and_colours_go_together() {
        let found = of(
            &json!({"flag_values": [0, 4], "flag_meanings": "no_data vegetation",
            "flag_colors": "#000000 #00a000"}),
        );
        assert_eq!(found[1].value.to_bits(), 4.0_f64.to_bits());
        assert_eq!(found[1].meaning, "vegetation");
        assert_eq!(found[1].color, Some([0, 0xa0, 0]));
        assert_eq!(
            of(&json!({"flag_values": "0b, 4b", "flag_meanings": ["a", "b"]})).len(),
            2
        );
    }

    #[test]
    fn what_does_not_match_makes_no_classes() {
        assert!(of(&json!({"flag_values": [0, 1], "flag_meanings": "one"})).is_empty());
        assert!(of(&json!({"flag_meanings": "one"})).is_empty());
        let bits = json!({"flag_values": [1], "flag_masks": [1], "flag_meanings": "cloud"});
        assert!(of(&bits).is_empty());
        let odd = json!({"flag_values": [1], "flag_meanings": "a", "flag_colors": "#ääx"});
        assert_eq!(of(&odd)[0].color, None);
    }
}
