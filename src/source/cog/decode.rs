//! Decompression into a known number of bytes. A tile that holds more or less
//! is corrupt, and found to be so before it fills the memory.

use std::io;

use async_tiff::tags::Compression;
use libdeflater::DecompressionError;

/// The compression methods that are read, all lossless.
pub(super) const METHODS: [Compression; 5] = [
    Compression::None,
    Compression::Deflate,
    Compression::OldDeflate,
    Compression::LZW,
    Compression::ZSTD,
];

/// Decompresses tiles one after the other into memory that is used again.
pub(super) struct Decompressor {
    deflate: libdeflater::Decompressor,
    bytes: Vec<u8>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self {
            deflate: libdeflater::Decompressor::new(),
            bytes: Vec::new(),
        }
    }
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// The `size` bytes that `compressed` holds.
    pub(super) fn run(
        &mut self,
        method: Compression,
        compressed: &[u8],
        size: usize,
    ) -> io::Result<&[u8]> {
        self.bytes.resize(size, 0);
        let written = if method == Compression::None {
            let written = compressed.len().min(size);
            self.bytes[..written].copy_from_slice(&compressed[..written]);
            (compressed.len() <= size).then_some(written)
        } else if method == Compression::ZSTD {
            zstd(compressed, &mut self.bytes)?
        } else if method == Compression::LZW {
            lzw(compressed, &mut self.bytes)?
        } else {
            match self.deflate.zlib_decompress(compressed, &mut self.bytes) {
                Ok(written) => Some(written),
                Err(DecompressionError::InsufficientSpace) => None,
                Err(DecompressionError::BadData) => {
                    return Err(invalid("its deflate stream is damaged"));
                }
            }
        };
        match written {
            Some(written) if written == size => Ok(&self.bytes),
            Some(_) => Err(invalid(&format!(
                "it decompresses to fewer than its {size} bytes"
            ))),
            None => Err(invalid(&format!(
                "it decompresses to more than its {size} bytes"
            ))),
        }
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The number of bytes written; `None` if there are more than `bytes` takes.
fn zstd(compressed: &[u8], bytes: &mut [u8]) -> io::Result<Option<usize>> {
    use std::io::Read as _;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
    let mut written = 0;
    while written < bytes.len() {
        match decoder.read(&mut bytes[written..])? {
            0 => return Ok(Some(written)),
            n => written += n,
        }
    }
    Ok((decoder.read(&mut [0])? == 0).then_some(written))
}

/// TIFF's variant of LZW (TIFF 6.0, section 13). The number of bytes written;
/// `None` if there are more than `bytes` takes.
fn lzw(compressed: &[u8], bytes: &mut [u8]) -> io::Result<Option<usize>> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    // Room for one byte too many shows that there are some.
    let mut excess = [0];
    loop {
        let full = written == bytes.len();
        let room = if full {
            &mut excess[..]
        } else {
            &mut bytes[written..]
        };
        let step = decoder.decode_bytes(&compressed[read..], room);
        read += step.consumed_in;
        let status = step
            .status
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if full && step.consumed_out > 0 {
            return Ok(None);
        }
        written += step.consumed_out;
        // Without an end marker the decoder waits for more: the length tells.
        let stuck = step.consumed_in == 0 && step.consumed_out == 0;
        if matches!(status, weezl::LzwStatus::Done) || stuck {
            return Ok(Some(written));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn decode(method: Compression, size: usize, compressed: &[u8]) -> Result<Vec<u8>, String> {
        Decompressor::default()
            .run(method, compressed, size)
            .map(<[u8]>::to_vec)
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
                decode(method, bytes.len(), &compressed).as_ref(),
                Ok(&bytes),
                "{method:?}"
            );
            let fewer = decode(method, bytes.len() + 1, &compressed).unwrap_err();
            assert!(fewer.contains("fewer"), "{method:?}: {fewer}");
            let more = decode(method, bytes.len() - 1, &compressed).unwrap_err();
            assert!(more.contains("more"), "{method:?}: {more}");
        }
    }

    #[test]
    fn one_decompressor_reads_tiles_of_different_sizes() {
        let mut decompressor = Decompressor::default();
        for length in [5000, 10, 7000] {
            let bytes = vec![3; length];
            for method in METHODS {
                let compressed = compress(method, &bytes);
                assert_eq!(
                    decompressor.run(method, &compressed, length).unwrap(),
                    bytes
                );
            }
        }
    }

    #[test]
    fn damage_is_an_error_and_not_a_panic() {
        for method in METHODS {
            let compressed = compress(method, &[7; 4096]);
            let damaged = &compressed[..compressed.len() / 2];
            assert!(decode(method, 4096, damaged).is_err(), "{method:?}");
        }
        assert!(decode(Compression::LZW, 4096, &[0xff; 40]).is_err());
    }

    #[test]
    fn a_bomb_is_not_unpacked_beyond_its_tile() {
        for method in [Compression::Deflate, Compression::LZW, Compression::ZSTD] {
            let bomb = compress(method, &vec![0; 50_000_000]);
            assert!(decode(method, 64, &bomb).is_err(), "{method:?}");
        }
    }
}
