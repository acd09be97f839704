//! PNG: the kind of picture with the least to write, and a compressor for each.
//!
//! Pictures of many colours are noise to any compressor, in their last bits at least:
//! what helps is the Paeth predictor and a Huffman code, and the `png` crate's own
//! deflate, which is just that, is ten times as fast as zlib for about the same
//! bytes. Pictures of up to 16 colours are areas with edges instead. Packed
//! several pixels in a byte they are quick work for a real, matching deflate, whose
//! lowest level already beats zlib's sixth.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};
use png::{BitDepth, ColorType, Encoder, Filter};

use super::EncodeError;
use crate::render::picture::{Picture, Pixels};

thread_local! {
    /// Its tables take longer to set up than a small tile to compress.
    static COMPRESSOR: RefCell<Compressor> =
        RefCell::new(Compressor::new(CompressionLvl::fastest()));
}

pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = picture.size();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(Filter::Paeth);
    let data = match picture.pixels() {
        Pixels::Gray { data, hole } => {
            encoder.set_color(ColorType::Grayscale);
            if let Some(gray) = *hole {
                encoder.set_trns(vec![0, gray]);
            }
            data
        }
        Pixels::GrayAlpha { data } => {
            encoder.set_color(ColorType::GrayscaleAlpha);
            data
        }
        Pixels::Rgb { data, hole } => {
            encoder.set_color(ColorType::Rgb);
            if let Some([red, green, blue]) = *hole {
                encoder.set_trns(vec![0, red, 0, green, 0, blue]);
            }
            data
        }
        Pixels::Rgba { data } => {
            encoder.set_color(ColorType::Rgba);
            data
        }
        Pixels::Indexed { palette, indices } => {
            encoder.set_color(ColorType::Indexed);
            set_palette(&mut encoder, palette);
            let (depth, bits) = match palette.len() {
                0..=2 => (BitDepth::One, 1),
                3..=4 => (BitDepth::Two, 2),
                5..=16 => (BitDepth::Four, 4),
                _ => (BitDepth::Eight, 8),
            };
            if bits < 8 {
                encoder.set_depth(depth);
                let rows = packed(indices, width as usize, bits);
                let mut writer = encoder.write_header()?;
                writer.write_chunk(png::chunk::IDAT, &deflated(&rows)?)?;
                writer.finish()?;
                return Ok(file);
            }
            indices
        }
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

/// Sets `PLTE`, and `tRNS` up to the last entry that is not opaque.
fn set_palette<W: std::io::Write>(encoder: &mut Encoder<'_, W>, palette: &[[u8; 4]]) {
    let colors: Vec<u8> = palette
        .iter()
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect();
    encoder.set_palette(colors);
    if let Some(last) = palette.iter().rposition(|color| color[3] != 255) {
        let alpha: Vec<u8> = palette[..=last].iter().map(|color| color[3]).collect();
        encoder.set_trns(alpha);
    }
}

/// Rows of indices of so many bits each, the leftmost pixel in the highest bits, each
/// row after the byte that says that it is not filtered.
fn packed(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let in_byte = 8 / bits;
    let stride = 1 + width.div_ceil(in_byte);
    let mut rows = vec![0; indices.len() / width * stride];
    for (row, indices) in rows
        .chunks_exact_mut(stride)
        .zip(indices.chunks_exact(width))
    {
        for (byte, indices) in row[1..].iter_mut().zip(indices.chunks(in_byte)) {
            for (place, index) in indices.iter().enumerate() {
                *byte |= index << (8 - bits * (place + 1));
            }
        }
    }
    rows
}

/// The zlib stream of an `IDAT` chunk.
fn deflated(rows: &[u8]) -> Result<Vec<u8>, EncodeError> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let mut stream = vec![0; compressor.zlib_compress_bound(rows.len())];
        let length = compressor.zlib_compress(rows, &mut stream)?;
        stream.truncate(length);
        Ok(stream)
    })
}
