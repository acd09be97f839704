//! Decompression into a known number of bytes. A tile that holds more or less
//! is corrupt, and found to be so before it fills the memory.

use std::io::Read;

use async_tiff::decoder::{Decoder, DecoderRegistry};
use async_tiff::error::{AsyncTiffError, AsyncTiffResult};
use async_tiff::tags::{Compression, PhotometricInterpretation};
use bytes::Bytes;

/// The compression methods that are read, all lossless.
pub(super) const METHODS: [Compression; 5] = [
    Compression::None,
    Compression::Deflate,
    Compression::OldDeflate,
    Compression::LZW,
    Compression::ZSTD,
];

/// The decoders of all [`METHODS`] for tiles of exactly `size` bytes.
pub(super) fn decoders(size: usize) -> DecoderRegistry {
    let mut registry = DecoderRegistry::empty();
    for method in METHODS {
        registry
            .as_mut()
            .insert(method, Box::new(ExactDecoder { method, size }));
    }
    registry
}

#[derive(Debug)]
struct ExactDecoder {
    method: Compression,
    size: usize,
}

impl ExactDecoder {
    fn decompress(&self, compressed: &[u8]) -> std::io::Result<Vec<u8>> {
        // One byte more than expected is enough to see that there is more.
        let most = self.size + 1;
        if self.method == Compression::None {
            return Ok(compressed[..compressed.len().min(most)].to_vec());
        }
        if self.method == Compression::ZSTD {
            return zstd::bulk::decompress(compressed, most);
        }
        if self.method == Compression::LZW {
            return lzw(compressed, most);
        }
        let mut bytes = Vec::with_capacity(most);
        flate2::read::ZlibDecoder::new(compressed)
            .take(most as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// TIFF's variant of LZW (TIFF 6.0, section 13).
fn lzw(compressed: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let mut bytes = vec![0; most];
    let (mut read, mut written) = (0, 0);
    loop {
        let step = decoder.decode_bytes(&compressed[read..], &mut bytes[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        let status = step
            .status
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
        // Without an end marker the decoder waits for more: the length tells.
        let stuck = step.consumed_in == 0 && step.consumed_out == 0;
        if matches!(status, weezl::LzwStatus::Done) || stuck || written == most {
            bytes.truncate(written);
            return Ok(bytes);
        }
    }
}

impl Decoder for ExactDecoder {
    fn decode_tile(
        &self,
        compressed: Bytes,
        _photometric_interpretation: PhotometricInterpretation,
        _jpeg_tables: Option<&[u8]>,
        _samples_per_pixel: u16,
        _bits_per_sample: u16,
        _lerc_parameters: Option<&[u32]>,
    ) -> AsyncTiffResult<Vec<u8>> {
        let bytes = self.decompress(&compressed)?;
        if bytes.len() == self.size {
            Ok(bytes)
        } else {
            let (expected, relation) = (
                self.size,
                if bytes.len() < self.size {
                    "fewer"
                } else {
                    "more"
                },
            );
            Err(AsyncTiffError::General(format!(
                "it decompresses to {relation} than its {expected} bytes"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn decode(method: Compression, size: usize, compressed: Vec<u8>) -> Result<Vec<u8>, String> {
        decoders(size).as_ref()[&method]
            .decode_tile(
                compressed.into(),
                PhotometricInterpretation::BlackIsZero,
                None,
                1,
                8,
                None,
            )
            .map_err(|error| error.to_string())
    }

    fn compress(method: Compression, bytes: &[u8]) -> Vec<u8> {
        if method == Compression::None {
            bytes.to_vec()
        } else if method == Compression::ZSTD {
            zstd::bulk::compress(bytes, 3).unwrap()
        } else if method == Compression::LZW {
            weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                .encode(bytes)
                .unwrap()
        } else {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }

    #[test]
    fn every_method_gives_back_what_was_compressed_and_checks_its_size() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|i| (i * i % 251) as u8).collect();
        for method in METHODS {
            let compressed = compress(method, &bytes);
            assert_eq!(
                decode(method, bytes.len(), compressed.clone()).as_ref(),
                Ok(&bytes),
                "{method:?}"
            );
            assert!(decode(method, bytes.len() + 1, compressed.clone()).is_err());
            assert!(decode(method, bytes.len() - 1, compressed).is_err());
        }
    }

    #[test]
    fn damage_is_an_error_and_not_a_panic() {
        for method in METHODS {
            let compressed = compress(method, &[7; 4096]);
            let mut damaged = compressed.clone();
            damaged.truncate(compressed.len() / 2);
            assert!(decode(method, 4096, damaged).is_err(), "{method:?}");
        }
        assert!(decode(Compression::LZW, 4096, vec![0xff; 40]).is_err());
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_its_tile() {
        for method in [Compression::Deflate, Compression::LZW, Compression::ZSTD] {
            let bomb = compress(method, &vec![0; 50_000_000]);
            assert!(decode(method, 64, bomb).is_err(), "{method:?}");
        }
    }
}
