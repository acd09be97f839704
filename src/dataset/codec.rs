//! The codecs of an array by name, and whether they can be decoded.

use serde_json::Value;

/// Zarr v3 codecs that are decoded, by the names that `zarrs` knows. It has all
/// of them with its features `adler32`, `bitround`, `blosc`, `bz2`, `crc32c`,
/// `fletcher32`, `gzip`, `sharding`, `transpose`, `zlib` and `zstd`.
pub const V3: &[&str] = &[
    "bitround",
    "blosc",
    "bytes",
    "crc32c",
    "gzip",
    "numcodecs.adler32",
    "numcodecs.bitround",
    "numcodecs.bz2",
    "numcodecs.fixedscaleoffset",
    "numcodecs.fletcher32",
    "numcodecs.shuffle",
    "numcodecs.zlib",
    "packbits",
    "reshape",
    "sharding_indexed",
    "transpose",
    "vlen-array",
    "vlen-bytes",
    "vlen-utf8",
    "zstd",
];

/// Zarr v2 compressors and filters that are decoded, by numcodecs' ids.
pub const V2: &[&str] = &[
    "adler32",
    "blosc",
    "bz2",
    "crc32c",
    "fixedscaleoffset",
    "fletcher32",
    "gzip",
    "shuffle",
    "vlen-array",
    "vlen-bytes",
    "vlen-utf8",
    "zlib",
    "zstd",
];

/// The names of a v3 codec chain, those inside of a shard included.
pub(super) fn v3_names(codecs: &Value) -> Vec<String> {
    let mut names = Vec::new();
    // An entry of the chain may be its bare name.
    for codec in codecs.as_array().into_iter().flatten() {
        let name = codec
            .as_str()
            .or_else(|| codec["name"].as_str())
            .unwrap_or_default();
        names.push(name.to_owned());
        let inside = &codec["configuration"];
        if name == "sharding_indexed" {
            names.extend(v3_names(&inside["codecs"]));
            names.extend(v3_names(&inside["index_codecs"]));
        }
    }
    names
}

/// The ids of a v2 array's filters and compressor.
pub(super) fn v2_names(filters: &Value, compressor: &Value) -> Vec<String> {
    let filters = filters.as_array().into_iter().flatten();
    filters
        .chain(Some(compressor).filter(|value| !value.is_null()))
        .map(|codec| codec["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The inner chunk of a sharded array: what is read at once. `None` where it
/// is not sharded. A shard within a shard is read as its outer inner chunk.
pub(super) fn inner_chunk(codecs: &Value) -> Option<Vec<u64>> {
    codecs
        .as_array()?
        .iter()
        .find(|codec| codec["name"] == "sharding_indexed")
        .and_then(|codec| codec["configuration"]["chunk_shape"].as_array())?
        .iter()
        .map(Value::as_u64)
        .collect()
}

/// The first of an array's codecs that is not among the `supported`.
pub(super) fn unsupported<'a>(names: &'a [String], supported: &[&str]) -> Option<&'a str> {
    let mut names = names.iter().map(String::as_str);
    names.find(|name| !supported.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn codecs_inside_of_a_shard_are_looked_at_too() {
        let codecs = json!([{"name": "sharding_indexed", "configuration": {
            "chunk_shape": [1, 256, 128],
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "numcodecs.lzma"}],
            "index_codecs": ["bytes", "crc32c"],
        }}]);
        let names = v3_names(&codecs);
        assert_eq!(
            names,
            [
                "sharding_indexed",
                "bytes",
                "numcodecs.lzma",
                "bytes",
                "crc32c"
            ]
        );
        assert_eq!(unsupported(&names, V3), Some("numcodecs.lzma"));
        assert_eq!(inner_chunk(&codecs), Some(vec![1, 256, 128]));
    }

    #[test]
    fn a_v2_filter_or_compressor_that_is_not_decoded_is_named() {
        let names = v2_names(
            &json!([{"id": "delta", "dtype": "<i4"}]),
            &json!({"id": "zlib"}),
        );
        assert_eq!(unsupported(&names, V2), Some("delta"));
        let names = v2_names(&Value::Null, &json!({"id": "lz4"}));
        assert_eq!(unsupported(&names, V2), Some("lz4"));
        let names = v2_names(
            &json!([{"id": "shuffle"}]),
            &json!({"id": "blosc", "cname": "lz4"}),
        );
        assert_eq!(unsupported(&names, V2), None);
        assert!(v2_names(&Value::Null, &Value::Null).is_empty());
    }

    #[test]
    fn an_unsharded_array_has_no_inner_chunk() {
        assert_eq!(
            inner_chunk(&json!([{"name": "bytes"}, {"name": "zstd"}])),
            None
        );
    }
}
