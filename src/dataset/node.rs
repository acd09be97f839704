//! Groups and arrays of a Zarr hierarchy, as their metadata tells them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{DataType, DatasetError, codec, limits};

/// Attributes of a group or array.
pub type Attributes = Map<String, Value>;

/// Which version of Zarr an array's metadata is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.zarray` and `.zattrs`.
    V2,
    /// `zarr.json`.
    V3,
}

/// A group and all that is in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Path from the root of the store, "" for the root itself.
    pub path: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Groups in it, by name.
    pub groups: BTreeMap<String, Group>,
    /// Arrays in it, by name.
    pub arrays: BTreeMap<String, Array>,
}

/// An array's metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Path from the root of the store.
    pub path: String,
    /// Version of Zarr.
    pub format: Format,
    /// Length of each dimension.
    pub shape: Vec<u64>,
    /// Length of a chunk (of a shard, if it is sharded) in each dimension.
    pub chunk: Vec<u64>,
    /// Length of an inner chunk in each dimension, if it is sharded.
    pub inner_chunk: Option<Vec<u64>>,
    /// Type of its elements.
    pub data_type: DataType,
    /// Name of each dimension; one without a name is `dim_` and its number.
    pub dimensions: Vec<String>,
    /// Whether any dimension was named.
    pub named: bool,
    /// Attributes.
    pub attributes: Attributes,
    /// What absent chunks hold, as JSON; null if that is not said.
    pub fill_value: Value,
    /// Names of its codecs.
    pub codecs: Vec<String>,
    /// The whole document, attributes included in both versions: `zarrs`
    /// opens an array from it without another read.
    pub document: Value,
}

impl Group {
    /// The group at a path below this one; "" is this one.
    #[must_use]
    pub fn group(&self, path: &str) -> Option<&Self> {
        self.lineage(path)?.pop()
    }

    /// This group and all on the way to the one at `path`, which is last.
    #[must_use]
    pub fn lineage(&self, path: &str) -> Option<Vec<&Self>> {
        let mut found = vec![self];
        for name in segments(path) {
            let next = found.last().and_then(|group| group.groups.get(name))?;
            found.push(next);
        }
        Some(found)
    }

    /// The array at a path below this group.
    #[must_use]
    pub fn array(&self, path: &str) -> Option<&Array> {
        let path = path.trim_matches('/');
        let (group, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.group(group)?.arrays.get(name)
    }

    /// Paths of all groups that hold arrays of at least two dimensions.
    #[must_use]
    pub fn groups_with_rasters(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(group) = open.pop() {
            if group.arrays.values().any(|array| array.shape.len() >= 2) {
                found.push(group.path.clone());
            }
            open.extend(group.groups.values().rev());
        }
        found
    }
}

impl Array {
    /// The array that a document of either version describes. `attributes`
    /// are those of `.zattrs`, for version 2.
    ///
    /// # Errors
    /// If the document is not what its version of Zarr asks for, or has more
    /// dimensions than [`limits::DIMENSIONS`].
    pub fn parse(
        path: &str,
        mut document: Value,
        zattrs: Option<Value>,
    ) -> Result<Self, DatasetError> {
        let wrong = |reason: &str| DatasetError::Document {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if !document.is_object() {
            return Err(wrong("it is no JSON object"));
        }
        if let Some(attributes) = zattrs {
            document["attributes"] = attributes;
        }
        let version = match document["zarr_format"].as_u64() {
            Some(2) => Format::V2,
            Some(3) => Format::V3,
            _ => return Err(wrong("`zarr_format` is neither 2 nor 3")),
        };
        let shape =
            lengths(&document["shape"]).ok_or_else(|| wrong("`shape` is no list of lengths"))?;
        limits::check(
            &format!("the number of dimensions of `{path}`"),
            shape.len(),
            limits::DIMENSIONS,
        )?;
        let attributes = attributes_of(path, &document["attributes"])?;
        let (chunk, inner_chunk, data_type, codecs) = match version {
            Format::V2 => (
                lengths(&document["chunks"]),
                None,
                DataType::v2(&document["dtype"]),
                codec::v2_names(&document["filters"], &document["compressor"]),
            ),
            Format::V3 => {
                let grid = &document["chunk_grid"];
                if grid["name"] != "regular" {
                    return Err(wrong("only the chunk grid `regular` is known"));
                }
                (
                    lengths(&grid["configuration"]["chunk_shape"]),
                    codec::inner_chunk(&document["codecs"]),
                    DataType::v3(&document["data_type"]),
                    codec::v3_names(&document["codecs"]),
                )
            }
        };
        let fits = |lengths: &Vec<u64>| lengths.len() == shape.len() && !lengths.contains(&0);
        let chunk = chunk
            .filter(fits)
            .ok_or_else(|| wrong("the shape of a chunk is not one positive length a dimension"))?;
        if inner_chunk.as_ref().is_some_and(|inner| !fits(inner)) {
            return Err(wrong(
                "the shape of an inner chunk is not one positive length a dimension",
            ));
        }
        let given = dimension_names(version, &document, &attributes);
        if given
            .as_ref()
            .is_some_and(|names| names.len() != shape.len())
        {
            return Err(wrong("there is not one dimension name for each dimension"));
        }
        let named = given.iter().flatten().any(Option::is_some);
        let dimensions = (0..shape.len())
            .map(|n| {
                let name = given.as_ref().and_then(|names| names.get(n)?.clone());
                name.unwrap_or_else(|| format!("dim_{n}"))
            })
            .collect::<Vec<_>>();
        for name in &dimensions {
            limits::check(
                &format!("the length of a dimension's name of `{path}`"),
                name.len(),
                limits::NAME_BYTES,
            )?;
        }
        Ok(Self {
            path: path.to_owned(),
            format: version,
            shape,
            chunk,
            inner_chunk,
            data_type,
            dimensions,
            named,
            attributes,
            fill_value: document["fill_value"].clone(),
            codecs,
            document,
        })
    }

    /// The name: the last part of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Refuses what cannot be decoded, by name.
    ///
    /// # Errors
    /// If a codec is not supported.
    pub fn check_codecs(&self) -> Result<(), DatasetError> {
        let supported = match self.format {
            Format::V2 => codec::V2,
            Format::V3 => codec::V3,
        };
        match codec::unsupported(&self.codecs, supported) {
            None => Ok(()),
            Some(codec) => Err(DatasetError::UnsupportedCodec {
                array: self.path.clone(),
                codec: codec.to_owned(),
                supported: supported.join(", "),
            }),
        }
    }

    /// A text attribute.
    #[must_use]
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}

/// The parts of a path between its slashes.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// Attributes of a document, or none where it has none.
pub(super) fn attributes_of(path: &str, value: &Value) -> Result<Attributes, DatasetError> {
    match value {
        Value::Null => Ok(Attributes::new()),
        Value::Object(attributes) => {
            // Values that are long as text are long in memory too.
            let size = attributes
                .iter()
                .map(|(key, value)| key.len() + size(value))
                .sum();
            limits::check(
                &format!("the size of the attributes of `{path}`"),
                size,
                limits::ATTRIBUTE_BYTES,
            )?;
            Ok(attributes.clone())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(DatasetError::Document {
                path: path.to_owned(),
                reason: "the attributes are no JSON object".to_owned(),
            })
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(values) => 8 + values.iter().map(size).sum::<usize>(),
        Value::Object(map) => {
            8 + map
                .iter()
                .map(|(key, value)| key.len() + size(value))
                .sum::<usize>()
        }
    }
}

fn lengths(value: &Value) -> Option<Vec<u64>> {
    value.as_array()?.iter().map(Value::as_u64).collect()
}

/// Names of the dimensions: `dimension_names` in version 3, and in version 2
/// xarray's `_ARRAY_DIMENSIONS` or `NCZarr`'s references.
fn dimension_names(
    version: Format,
    document: &Value,
    attributes: &Attributes,
) -> Option<Vec<Option<String>>> {
    let names = |value: &Value| -> Option<Vec<Option<String>>> {
        let names = value.as_array()?.iter().map(|name| {
            // `NCZarr` has paths of dimensions.
            let name = name.as_str()?.rsplit('/').next()?;
            Some(name.to_owned()).filter(|name| !name.is_empty())
        });
        Some(names.collect())
    };
    let own = match version {
        Format::V3 => names(&document["dimension_names"]),
        Format::V2 => None,
    };
    own.or_else(|| names(attributes.get("_ARRAY_DIMENSIONS")?))
        .or_else(|| names(&attributes.get("_nczarr_array")?["dimension_references"]))
        .or_else(|| names(&document["_NCZARR_ARRAY"]["dimrefs"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn v3() -> Value {
        json!({
            "zarr_format": 3, "node_type": "array", "shape": [2, 600, 700], "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 300, 300]}},
            "fill_value": 0, "codecs": [{"name": "bytes"}], "attributes": {"units": "K"},
            "dimension_names": ["time", null, "x"],
        })
    }

    fn refused(document: Value, part: &str) {
        let message = Array::parse("a/b", document, None).unwrap_err().to_string();
        assert!(
            message.contains("a/b") && message.contains(part),
            "{message}"
        );
    }

    #[test]
    fn a_dimension_without_a_name_is_called_by_its_number() {
        let array = Array::parse("a/b", v3(), None).unwrap();
        assert_eq!(array.dimensions, ["time", "dim_1", "x"]);
        assert_eq!(array.name(), "b");
        assert_eq!(array.text("units"), Some("K"));
        assert!(array.named);
    }

    #[test]
    fn version_2_has_its_names_in_the_attributes() {
        let document = json!({"zarr_format": 2, "shape": [3, 4], "chunks": [3, 2], "dtype": "<f4",
            "fill_value": "NaN", "filters": null, "compressor": {"id": "zlib"}, "order": "C"});
        let xarray = Some(json!({"_ARRAY_DIMENSIONS": ["lat", "lon"]}));
        let array = Array::parse("t", document.clone(), xarray).unwrap();
        assert_eq!(array.dimensions, ["lat", "lon"]);
        assert_eq!(array.chunk, [3, 2]);
        assert_eq!(array.data_type, DataType::Float(32));
        assert_eq!(array.document["attributes"]["_ARRAY_DIMENSIONS"][0], "lat");
        let nczarr = Some(json!({"_nczarr_array": {"dimension_references": ["/lat", "/lon"]}}));
        let array = Array::parse("t", document.clone(), nczarr).unwrap();
        assert_eq!(array.dimensions, ["lat", "lon"]);
        assert!(!Array::parse("t", document, None).unwrap().named);
    }

    #[test]
    fn a_document_that_is_not_zarr_is_refused_with_the_reason() {
        let with = |key: &str, value: Value| {
            let mut document = v3();
            document[key] = value;
            document
        };
        refused(json!([3]), "no JSON object");
        refused(with("zarr_format", json!(4)), "neither 2 nor 3");
        refused(with("shape", json!([-1, 2, 3])), "shape");
        refused(with("shape", json!(vec![1; 17])), "dimensions");
        refused(
            with("chunk_grid", json!({"name": "rectilinear"})),
            "regular",
        );
        refused(with("dimension_names", json!(["x"])), "dimension name");
        refused(with("attributes", json!([1])), "attributes");
        refused(
            with("attributes", json!({"a": "b".repeat(2 << 20)})),
            "attributes",
        );
        let zero = json!({"name": "regular", "configuration": {"chunk_shape": [1, 0, 300]}});
        refused(with("chunk_grid", zero), "chunk");
    }

    #[test]
    fn an_unsupported_codec_names_itself_and_the_array() {
        let mut document = v3();
        document["codecs"] = json!([{"name": "bytes"}, {"name": "numcodecs.lzma"}]);
        let array = Array::parse("a/b", document, None).unwrap();
        let message = array.check_codecs().unwrap_err().to_string();
        assert!(
            message.contains("numcodecs.lzma")
                && message.contains("a/b")
                && message.contains("zstd"),
            "{message}"
        );
    }
}
