//! What the documents and the keys of a plain store say, from the `zarr.json` of a
//! cube's arrays.
//!
//! Sources: Zarr core v3 and v2, the sharding codec (ZEP 2), and the attribute
//! `_ARRAY_DIMENSIONS` by which xarray and GDAL name the dimensions of Zarr v2.

use std::{iter, path::PathBuf};

use serde_json::{Value, json};

use super::{ExportError, Profile};

/// An array as it is stored and as it is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    profile: Profile,
    /// Whether what is stored is a shard, of which each inner chunk becomes a file.
    pub(super) splits: bool,
    /// Path of the array, "" for none.
    pub(super) path: String,
    /// Of the whole array.
    shape: Vec<u64>,
    /// Of a stored chunk in files, along each dimension: more than one where a shard is
    /// split.
    files: Vec<u64>,
    /// Of what is in a file, in elements.
    chunk: Vec<u64>,
    /// The codecs of what is in a file.
    codecs: Value,
}

impl Layout {
    /// Of the array at a path, of which this is the `zarr.json`.
    ///
    /// # Errors
    /// If it cannot be written in the profile.
    pub(super) fn of(profile: Profile, path: &str, document: &Value) -> Result<Self, ExportError> {
        let refuse = |what: &str| ExportError::Array {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let numbers = |value: &Value| serde_json::from_value::<Vec<u64>>(value.clone());
        let shape = numbers(&document["shape"]).map_err(|_none| refuse("shape"))?;
        let stored = numbers(&document["chunk_grid"]["configuration"]["chunk_shape"])
            .ok()
            .filter(|stored| stored.len() == shape.len() && !stored.contains(&0))
            .ok_or_else(|| refuse("chunk grid"))?;
        let mut layout = Self {
            profile,
            splits: false,
            path: path.to_owned(),
            files: vec![1; shape.len()],
            shape,
            chunk: stored,
            codecs: document["codecs"].clone(),
        };
        let configuration = &document["codecs"][0]["configuration"];
        let is_sharded = document["codecs"][0]["name"] == "sharding_indexed";
        if is_sharded && profile != Profile::Sharded {
            let inner = numbers(&configuration["chunk_shape"])
                .ok()
                .filter(|inner| inner.len() == layout.shape.len() && !inner.contains(&0))
                .ok_or_else(|| refuse("inner chunks"))?;
            let parts = iter::zip(&layout.chunk, &inner);
            layout.files = parts.map(|(whole, part)| whole / part).collect();
            layout.chunk = inner;
            layout.splits = true;
            layout.codecs = configuration["codecs"].clone();
        }
        Ok(layout)
    }

    /// The files of a stored chunk, in the order of a shard's index; none for what lies
    /// beyond the array's end.
    pub(super) fn files_of(&self, index: &[u64]) -> Vec<Option<PathBuf>> {
        let count = self.files.iter().product();
        (0..count)
            .map(|position: u64| {
                let mut left = position;
                let mut inner = vec![0; index.len()];
                for (part, files) in iter::zip(&mut inner, &self.files).rev() {
                    *part = left % files;
                    left /= files;
                }
                let dimensions = iter::zip(index, &self.files).zip(&inner);
                let at: Vec<u64> = dimensions.map(|((at, n), part)| at * n + part).collect();
                let starts = iter::zip(&at, &self.chunk).map(|(at, side)| at * side);
                let is_inside = iter::zip(starts, &self.shape).all(|(start, end)| start < *end);
                is_inside.then(|| self.file(&at))
            })
            .collect()
    }

    /// The file of a chunk, from the store's root.
    fn file(&self, index: &[u64]) -> PathBuf {
        let folder = PathBuf::from(&self.path);
        let parts = index.iter().map(u64::to_string);
        match self.profile {
            Profile::Zarr2 if index.is_empty() => folder.join("0"),
            Profile::Zarr2 => folder.join(parts.collect::<Vec<_>>().join(".")),
            Profile::Sharded | Profile::Unsharded => {
                let mut file = folder.join("c");
                file.extend(parts);
                file
            }
        }
    }

    /// The array's `zarr.json`, from the one that it had.
    pub(super) fn document(&self, stored: &Value) -> Value {
        let mut document = stored.clone();
        document["chunk_grid"]["configuration"]["chunk_shape"] = json!(self.chunk);
        document["codecs"].clone_from(&self.codecs);
        document
    }

    /// The array's `.zarray` and `.zattrs` of Zarr v2.
    ///
    /// # Errors
    /// If Zarr v2 has no such type or codecs.
    pub(super) fn documents_v2(&self, stored: &Value) -> Result<[Value; 2], ExportError> {
        let refuse = |what: String| ExportError::Array {
            path: self.path.clone(),
            what,
        };
        let data_type = match stored["data_type"].as_str().unwrap_or_default() {
            "uint16" => "<u2",
            "int64" => "<i8",
            "uint64" => "<u8",
            "float64" => "<f8",
            other => return Err(refuse(format!("data type `{other}`"))),
        };
        let codecs = self.codecs.as_array().map_or(&[][..], Vec::as_slice);
        let compressor = match codecs {
            [bytes, zstd] if is_little_endian(bytes) && zstd["name"] == "zstd" => {
                json!({"id": "zstd", "level": zstd["configuration"]["level"]})
            }
            _ => return Err(refuse(format!("codecs {}", self.codecs))),
        };
        let mut attributes = stored["attributes"].clone();
        // Where nothing is missing, zero would be taken for missing: readers of Zarr v2
        // take the fill value for nodata.
        let fill = &stored["fill_value"];
        let has_nodata = attributes.get("_FillValue").is_some();
        attributes["_ARRAY_DIMENSIONS"].clone_from(&stored["dimension_names"]);
        let array = json!({
            "zarr_format": 2,
            "shape": self.shape,
            "chunks": self.chunk,
            "dtype": data_type,
            "compressor": compressor,
            "fill_value": if has_nodata { fill } else { &Value::Null },
            "order": "C",
            "filters": null,
            "dimension_separator": ".",
        });
        Ok([array, attributes])
    }
}

fn is_little_endian(codec: &Value) -> bool {
    codec["name"] == "bytes" && codec["configuration"]["endian"] == "little"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::{metadata, testing};

    fn document(path: &str) -> Value {
        let nodes = metadata::nodes(&testing::cube(), "");
        let node = nodes.into_iter().find(|node| node.path == path);
        node.unwrap().document
    }

    fn layout(profile: Profile, path: &str) -> Layout {
        Layout::of(profile, path, &document(path)).unwrap()
    }

    #[test]
    fn a_shard_is_a_file_or_a_file_for_each_of_its_chunks_within_the_array() {
        let mut document = document("0/count");
        document["shape"] = json!([2, 100, 70]);
        document["chunk_grid"]["configuration"]["chunk_shape"] = json!([1, 64, 64]);
        document["codecs"][0]["configuration"]["chunk_shape"] = json!([1, 32, 32]);
        let files = |profile| {
            let layout = Layout::of(profile, "0/count", &document).unwrap();
            let files = layout.files_of(&[1, 1, 1]);
            let text = |file: PathBuf| file.to_str().unwrap().to_owned();
            files
                .into_iter()
                .map(|file| file.map(text))
                .collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(files(Profile::Sharded), [some("0/count/c/1/1/1")]);
        // Columns from 96 on are beyond the 70 that there are.
        assert_eq!(
            files(Profile::Unsharded),
            [some("0/count/c/1/2/2"), None, some("0/count/c/1/3/2"), None]
        );
        assert_eq!(
            files(Profile::Zarr2),
            [some("0/count/1.2.2"), None, some("0/count/1.3.2"), None]
        );
    }

    #[test]
    fn a_shard_of_one_chunk_is_taken_apart_too() {
        let mut document = document("0/count");
        let whole = document["chunk_grid"]["configuration"]["chunk_shape"].clone();
        document["codecs"][0]["configuration"]["chunk_shape"] = whole;
        let of = |profile| Layout::of(profile, "0/count", &document).unwrap().splits;
        assert!(!of(Profile::Sharded) && of(Profile::Unsharded) && of(Profile::Zarr2));
    }

    #[test]
    fn an_array_without_dimensions_has_one_chunk() {
        let one = |profile| layout(profile, "0/spatial_ref").files_of(&[]);
        assert_eq!(one(Profile::Unsharded), [Some("0/spatial_ref/c".into())]);
        assert_eq!(one(Profile::Zarr2), [Some("0/spatial_ref/0".into())]);
    }

    #[test]
    fn unsharded_arrays_say_so_and_sharded_ones_stay_as_they_are() {
        let stored = document("0/count");
        let kept = layout(Profile::Sharded, "0/count").document(&stored);
        assert_eq!(kept, stored);
        let split = layout(Profile::Unsharded, "0/count").document(&stored);
        let inner = &stored["codecs"][0]["configuration"];
        assert_eq!(split["codecs"], inner["codecs"]);
        assert_eq!(
            split["chunk_grid"]["configuration"]["chunk_shape"],
            inner["chunk_shape"]
        );
        assert_eq!(split["attributes"], stored["attributes"]);
    }

    #[test]
    fn zarr_v2_names_the_dimensions_and_has_nodata_only_where_something_is_missing() {
        let v2 = |path: &str| {
            let layout = layout(Profile::Zarr2, path);
            layout.documents_v2(&document(path)).unwrap()
        };
        let [array, attributes] = v2("0/count");
        assert_eq!(array["dtype"], "<u2");
        assert_eq!(array["fill_value"], 0);
        assert_eq!(array["compressor"], json!({"id": "zstd", "level": 3}));
        assert_eq!(
            attributes["_ARRAY_DIMENSIONS"],
            json!(["time", "latitude", "longitude"])
        );
        let [time, _] = v2("0/time");
        assert_eq!(time["fill_value"], Value::Null, "1970-01-01 is a day");
    }

    #[test]
    fn what_zarr_v2_has_no_word_for_is_refused_by_name() {
        let path = "coverage/provenance";
        let layout = layout(Profile::Zarr2, path);
        let error = layout
            .documents_v2(&document(path))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(path) && error.contains("`string`"),
            "{error}"
        );
    }
}
