//! What the chunks of an array are called.

use super::store::join;
use crate::dataset::{Array, Format};

/// How the chunks of an array are called: the chunk key encodings `default` and
/// `v2` of Zarr v3, and `dimension_separator` of Zarr v2.
#[derive(Clone, Debug)]
pub(super) struct ChunkKeys {
    pub(super) path: String,
    prefix: &'static str,
    separator: char,
}

impl ChunkKeys {
    pub(super) fn of_array(array: &Array) -> Self {
        let document = &array.document;
        let separator = |value: &serde_json::Value, or: char| {
            let text = value.as_str();
            text.and_then(|text| text.chars().next()).unwrap_or(or)
        };
        let encoding = &document["chunk_key_encoding"];
        let (prefix, separator) = match array.format {
            Format::V2 => ("", separator(&document["dimension_separator"], '.')),
            Format::V3 if encoding["name"] == "v2" => {
                ("", separator(&encoding["configuration"]["separator"], '.'))
            }
            Format::V3 => ("c", separator(&encoding["configuration"]["separator"], '/')),
        };
        Self {
            path: array.path.clone(),
            prefix,
            separator,
        }
    }

    pub(super) fn of(&self, index: &[u64]) -> String {
        let numbers: Vec<String> = index.iter().map(u64::to_string).collect();
        let numbers = numbers.join(&self.separator.to_string());
        let name = match (self.prefix.is_empty(), numbers.is_empty()) {
            (true, true) => "0".to_owned(),
            (true, false) => numbers,
            (false, true) => self.prefix.to_owned(),
            (false, false) => format!("{}{}{numbers}", self.prefix, self.separator),
        };
        join(&self.path, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(encoding: &serde_json::Value) -> ChunkKeys {
        let document = json!({
            "zarr_format": 3, "node_type": "array", "shape": [4, 4], "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
            "chunk_key_encoding": encoding, "codecs": [{"name": "bytes"}], "fill_value": 0,
        });
        ChunkKeys::of_array(&Array::parse("a/b", document, None).unwrap())
    }

    #[test]
    fn chunks_are_called_as_the_encoding_says() {
        assert_eq!(keys(&json!({"name": "default"})).of(&[1, 0]), "a/b/c/1/0");
        let dots = json!({"name": "default", "configuration": {"separator": "."}});
        assert_eq!(keys(&dots).of(&[1, 0]), "a/b/c.1.0");
        assert_eq!(keys(&json!({"name": "v2"})).of(&[1, 0]), "a/b/1.0");
    }
}
