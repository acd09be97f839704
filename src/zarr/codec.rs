//! Values to chunk bytes and back, by the codecs that an array's metadata
//! names. Pure computation: bytes come and go elsewhere.

use std::{num::NonZeroU64, ops::Range, sync::Arc};

use bytes::Bytes;
use zarrs::{
    array::codec::api::ArrayToBytesCodecTraits as _,
    array::{
        Array, ArrayBytes, ArrayMetadata, CodecChain, CodecOptions, DataType, Element,
        ElementOwned, FillValue,
        codec::{ShardingCodecOptions, SubchunkWriteOrder, api::CodecSpecificOptions},
    },
    storage::store::MemoryStore,
};

/// What is wrong with an array's metadata or a chunk's bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The document is no array metadata, or names something unknown.
    #[error("unsupported array metadata: {0}")]
    Metadata(String),
    /// A chunk's bytes do not decode, or values do not encode.
    #[error("{0}")]
    Data(String),
    /// A shard's index does not fit its checksum.
    #[error("the shard's index is damaged: its checksum does not fit")]
    IndexChecksum,
    /// A shard's index is too short.
    #[error("the shard's index has {found} bytes, not {expected}")]
    IndexLength {
        /// As read.
        found: usize,
        /// As it should be.
        expected: usize,
    },
}

fn data(error: impl std::fmt::Display) -> CodecError {
    CodecError::Data(error.to_string())
}

/// The codecs of one array. Clones share them.
#[derive(Clone, Debug)]
pub struct Codec {
    chain: Arc<CodecChain>,
    chunk: Vec<NonZeroU64>,
    inner: Option<Arc<Inner>>,
    data_type: DataType,
    fill_value: FillValue,
}

/// The inner chunks of a sharded array.
#[derive(Debug)]
struct Inner {
    chain: CodecChain,
    chunk: Vec<NonZeroU64>,
    /// Inner chunks of a shard.
    per_shard: usize,
}

/// Where the inner chunks of a shard are in its bytes, in C order; `None`
/// where one is all fill value and not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIndex(Vec<Option<Range<u64>>>);

impl ShardIndex {
    /// The bytes of the inner chunk at a C-order position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Range<u64>> {
        self.0.get(position).cloned().flatten()
    }

    /// Number of inner chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Bytes of an index entry (offset and length), and of the checksum.
const ENTRY: usize = 16;
const CHECKSUM: usize = 4;

impl Codec {
    /// The codecs that an array's `zarr.json` names.
    ///
    /// # Errors
    /// If the document is no array's or names an unknown codec or type.
    pub fn of(document: &[u8]) -> Result<Self, CodecError> {
        let metadata = |error: &dyn std::fmt::Display| CodecError::Metadata(error.to_string());
        let json: serde_json::Value = serde_json::from_slice(document).map_err(|e| metadata(&e))?;
        let parsed: ArrayMetadata =
            serde_json::from_value(json.clone()).map_err(|e| metadata(&e))?;
        // In the default order inner chunks come as threads finish them, and
        // equal values would give different bytes from run to run.
        let order =
            ShardingCodecOptions::default().with_subchunk_write_order(SubchunkWriteOrder::C);
        let options = CodecSpecificOptions::default().with_option(order);
        let array = Array::new_with_metadata(Arc::new(MemoryStore::new()), "/", parsed)
            .map_err(|e| metadata(&e))?
            .with_codec_specific_options(&options);
        let origin = vec![0; array.dimensionality()];
        Ok(Self {
            chain: array.codecs(),
            chunk: array.chunk_shape(&origin).map_err(|e| metadata(&e))?,
            inner: Inner::of(&json)?.map(Arc::new),
            data_type: array.data_type().clone(),
            fill_value: array.fill_value().clone(),
        })
    }

    /// Encodes a whole chunk, in C order; `None` if every value is `fill`,
    /// which is stored by not storing it.
    ///
    /// # Errors
    /// If the number or type of the values is not the array's.
    pub fn encode<T: Element + PartialEq>(
        &self,
        values: Vec<T>,
        fill: &T,
    ) -> Result<Option<Bytes>, CodecError> {
        if values.iter().all(|value| value == fill) {
            return Ok(None);
        }
        let values = T::into_array_bytes(&self.data_type, values).map_err(data)?;
        self.chain
            .encode(
                values,
                &self.chunk,
                &self.data_type,
                &self.fill_value,
                &options(),
            )
            .map(|bytes| Some(bytes.into_owned().into()))
            .map_err(data)
    }

    /// Decodes a whole chunk, in C order.
    ///
    /// # Errors
    /// If the bytes are damaged.
    pub fn decode<T: ElementOwned>(&self, bytes: &Bytes) -> Result<Vec<T>, CodecError> {
        decode(&self.chain, &self.chunk, self, bytes)
    }

    /// Decodes a whole chunk of fixed-size elements of any type to their bytes,
    /// in C order and the machine's byte order.
    ///
    /// # Errors
    /// If the bytes are damaged or the elements have no fixed size.
    pub fn decode_raw(&self, bytes: &Bytes) -> Result<Vec<u8>, CodecError> {
        decode_raw(&self.chain, &self.chunk, self, bytes)
    }

    /// Decodes an inner chunk of a shard as [`Codec::decode_raw`] does.
    ///
    /// # Errors
    /// If the array is not sharded or the bytes are damaged.
    pub fn decode_inner_raw(&self, bytes: &Bytes) -> Result<Vec<u8>, CodecError> {
        let inner = self.inner()?;
        decode_raw(&inner.chain, &inner.chunk, self, bytes)
    }

    /// The value of an absent chunk, as bytes of one element; none if its size
    /// is not fixed.
    #[must_use]
    pub fn fill_value(&self) -> Option<&[u8]> {
        self.data_type.fixed_size()?;
        Some(self.fill_value.as_ne_bytes())
    }

    /// How many bytes at the end of a shard its index takes; `None` if the
    /// array is not sharded.
    #[must_use]
    pub fn index_len(&self) -> Option<u64> {
        self.inner
            .as_ref()
            .map(|inner| (inner.per_shard * ENTRY + CHECKSUM) as u64)
    }

    /// Reads the index from the last [`Codec::index_len`] bytes of a shard.
    ///
    /// # Errors
    /// If the length or the checksum is wrong.
    pub fn shard_index(&self, bytes: &Bytes) -> Result<ShardIndex, CodecError> {
        let per_shard = self.inner.as_ref().map_or(0, |inner| inner.per_shard);
        let expected = per_shard * ENTRY + CHECKSUM;
        let length = CodecError::IndexLength {
            found: bytes.len(),
            expected,
        };
        let Some((entries, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
            return Err(length);
        };
        if bytes.len() != expected {
            return Err(length);
        }
        if crc32c::crc32c(entries) != u32::from_le_bytes(*checksum) {
            return Err(CodecError::IndexChecksum);
        }
        let (numbers, _) = entries.as_chunks::<8>();
        let entry = |pair: &[[u8; 8]]| {
            let (offset, length) = (u64::from_le_bytes(pair[0]), u64::from_le_bytes(pair[1]));
            // Both all ones: the inner chunk is empty (ZEP 2).
            (offset != u64::MAX).then(|| offset..offset.saturating_add(length))
        };
        Ok(ShardIndex(numbers.chunks_exact(2).map(entry).collect()))
    }

    /// Decodes an inner chunk of a shard, in C order.
    ///
    /// # Errors
    /// If the array is not sharded or the bytes are damaged.
    pub fn decode_inner<T: ElementOwned>(&self, bytes: &Bytes) -> Result<Vec<T>, CodecError> {
        let inner = self.inner()?;
        decode(&inner.chain, &inner.chunk, self, bytes)
    }

    fn inner(&self) -> Result<&Inner, CodecError> {
        self.inner
            .as_deref()
            .ok_or_else(|| CodecError::Data("the array is not sharded".to_owned()))
    }
}

impl Inner {
    /// Of an array whose only codec is sharding with its index at the end,
    /// guarded by CRC32C; other arrangements are decoded as whole chunks.
    fn of(document: &serde_json::Value) -> Result<Option<Self>, CodecError> {
        let codecs = document["codecs"].as_array().map_or(&[][..], Vec::as_slice);
        let [codec] = codecs else { return Ok(None) };
        let configuration = &codec["configuration"];
        let plain_index = configuration["index_codecs"]
            .as_array()
            .is_some_and(|codecs| {
                codecs.len() == 2 && codecs[0]["name"] == "bytes" && codecs[1]["name"] == "crc32c"
            });
        let at_end = configuration["index_location"]
            .as_str()
            .is_none_or(|location| location == "end");
        if codec["name"] != "sharding_indexed" || !plain_index || !at_end {
            return Ok(None);
        }
        let metadata = |error: serde_json::Error| CodecError::Metadata(error.to_string());
        let shape = |value: &serde_json::Value| {
            serde_json::from_value::<Vec<NonZeroU64>>(value.clone()).map_err(metadata)
        };
        let chunk = shape(&configuration["chunk_shape"])?;
        let shard = shape(&document["chunk_grid"]["configuration"]["chunk_shape"])?;
        let codecs: Vec<zarrs::metadata::v3::MetadataV3> =
            serde_json::from_value(configuration["codecs"].clone()).map_err(metadata)?;
        Ok(Some(Self {
            chain: CodecChain::from_metadata(&codecs)
                .map_err(|error| CodecError::Metadata(error.to_string()))?,
            per_shard: len(&shard) / len(&chunk),
            chunk,
        }))
    }
}

fn decode<T: ElementOwned>(
    chain: &CodecChain,
    shape: &[NonZeroU64],
    codec: &Codec,
    bytes: &Bytes,
) -> Result<Vec<T>, CodecError> {
    let decoded = decoded(chain, shape, codec, bytes)?;
    T::from_array_bytes(&codec.data_type, decoded).map_err(data)
}

fn decode_raw(
    chain: &CodecChain,
    shape: &[NonZeroU64],
    codec: &Codec,
    bytes: &Bytes,
) -> Result<Vec<u8>, CodecError> {
    let decoded = decoded(chain, shape, codec, bytes)?;
    let raw = decoded.into_fixed().map_err(data)?;
    Ok(raw.into_owned())
}

fn decoded<'a>(
    chain: &CodecChain,
    shape: &[NonZeroU64],
    codec: &Codec,
    bytes: &'a Bytes,
) -> Result<ArrayBytes<'a>, CodecError> {
    chain
        .decode(
            std::borrow::Cow::Borrowed(bytes),
            shape,
            &codec.data_type,
            &codec.fill_value,
            &options(),
        )
        .map_err(data)
}

/// One thread: chunks are spread over the pool by their callers.
fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1)
}

fn len(shape: &[NonZeroU64]) -> usize {
    shape
        .iter()
        .map(|n| usize::try_from(n.get()).unwrap_or(usize::MAX))
        .product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::{Cube, Recipe, metadata};

    fn codec() -> Codec {
        let text = r#"
            [grid]
            bounds = [0, 0, 1, 1]
            resolution = 0.01
            chunk = 64
            inner_chunk = 16
            [time]
            start = "2023-06-01"
            end = "2023-06-30"
            [source]
            stac = "items.json"
            bands = ["red"]
        "#;
        let cube = Cube::new(Recipe::from_toml(text).unwrap()).unwrap();
        let nodes = metadata::nodes(&cube, "");
        let node = nodes.iter().find(|node| node.path == "0/red").unwrap();
        Codec::of(node.document.to_string().as_bytes()).unwrap()
    }

    /// A ramp in the first 40 rows; the last inner chunks stay empty.
    fn values() -> Vec<u16> {
        (0..64 * 64)
            .map(|i: u16| if i < 40 * 64 { i + 1 } else { 0 })
            .collect()
    }

    #[test]
    fn a_chunk_is_decoded_to_what_was_encoded_and_always_to_the_same_bytes() {
        let codec = codec();
        let bytes = codec.encode(values(), &0).unwrap().unwrap();
        assert_eq!(codec.decode::<u16>(&bytes).unwrap(), values());
        for _ in 0..8 {
            assert_eq!(codec.encode(values(), &0).unwrap().unwrap(), bytes);
        }
    }

    #[test]
    fn a_chunk_of_fill_values_is_not_stored() {
        assert_eq!(codec().encode(vec![0_u16; 64 * 64], &0).unwrap(), None);
    }

    #[test]
    fn an_inner_chunk_is_read_by_the_index_alone() {
        let codec = codec();
        let bytes = codec.encode(values(), &0).unwrap().unwrap();
        let tail = usize::try_from(codec.index_len().unwrap()).unwrap();
        let index = codec
            .shard_index(&bytes.slice(bytes.len() - tail..))
            .unwrap();
        assert_eq!(index.len(), 16);
        assert_eq!(index.get(15), None, "rows 48 to 63 are all fill value");
        let range = index.get(5).unwrap();
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let inner = codec.decode_inner::<u16>(&bytes.slice(range)).unwrap();
        let expected: Vec<u16> = (16..32)
            .flat_map(|row| (16..32).map(move |col| row * 64 + col + 1))
            .collect();
        assert_eq!(inner, expected);
    }

    #[test]
    fn a_damaged_index_or_chunk_is_an_error() {
        let codec = codec();
        let bytes = codec.encode(values(), &0).unwrap().unwrap();
        let tail = usize::try_from(codec.index_len().unwrap()).unwrap();
        let mut index = bytes[bytes.len() - tail..].to_vec();
        index[3] ^= 1;
        let error = codec.shard_index(&index.into()).unwrap_err();
        assert!(matches!(error, CodecError::IndexChecksum));
        let error = codec.shard_index(&Bytes::from_static(b"ab")).unwrap_err();
        assert!(matches!(error, CodecError::IndexLength { .. }));
        assert!(
            codec
                .decode::<u16>(&bytes.slice(..bytes.len() / 2))
                .is_err()
        );
    }
}
