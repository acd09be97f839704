//! PNG: the kind of picture with the least to write, and a compressor for each.
//!
//! Pictures of many colours are noise to any compressor, in their last bits at least:
//! what helps is the Paeth predictor and a Huffman code, and the `png` crate's own
//! deflate, which is just that, is ten times as fast as zlib for about the same
//! bytes. Two kinds of pictures have more to find for a matching deflate, of which
//! libdeflate's lowest level is the quickest: those of up to 16 colours, which are
//! areas with edges and packed several pixels in a byte, and colours without noise.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};
use png::{BitDepth, ColorType, Encoder, Filter};

use super::EncodeError;
use crate::render::picture::{Picture, Pixels};

/// The lowest level that looks for matches.
const LEVEL: i32 = 1;

thread_local! {
    /// Its tables take longer to set up than a small tile to compress.
    static COMPRESSOR: RefCell<Compressor> =
        RefCell::new(Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default()));
}

pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = picture.size();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(Filter::Paeth);
    let width = width as usize;
    let (data, rows) = match picture.pixels() {
        Pixels::Gray { data, hole } => {
            encoder.set_color(ColorType::Grayscale);
            if let Some(gray) = *hole {
                encoder.set_trns(vec![0, gray]);
            }
            (data, None)
        }
        Pixels::GrayAlpha { data } => {
            encoder.set_color(ColorType::GrayscaleAlpha);
            (data, differences_if_smooth(data, 2 * width))
        }
        Pixels::Rgb { data, hole } => {
            encoder.set_color(ColorType::Rgb);
            if let Some([red, green, blue]) = *hole {
                encoder.set_trns(vec![0, red, 0, green, 0, blue]);
            }
            (data, differences_if_smooth(data, 3 * width))
        }
        Pixels::Rgba { data } => {
            encoder.set_color(ColorType::Rgba);
            (data, differences_if_smooth(data, 4 * width))
        }
        Pixels::Indexed { palette, indices } => {
            encoder.set_color(ColorType::Indexed);
            set_palette(&mut encoder, palette);
            let (depth, rows) = match palette.len() {
                0..=2 => (BitDepth::One, Some(packed::<1>(indices, width))),
                3..=4 => (BitDepth::Two, Some(packed::<2>(indices, width))),
                5..=16 => (BitDepth::Four, Some(packed::<4>(indices, width))),
                _ => (BitDepth::Eight, None),
            };
            encoder.set_depth(depth);
            (indices, rows)
        }
    };
    let mut writer = encoder.write_header()?;
    match rows {
        Some(rows) => writer.write_chunk(png::chunk::IDAT, &deflated(&rows)?)?,
        None => writer.write_image_data(data)?,
    }
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
fn packed<const BITS: usize>(indices: &[u8], width: usize) -> Vec<u8> {
    let in_byte = 8 / BITS;
    let joined = |byte: u8, index: &u8| byte << BITS | index;
    let mut rows = Vec::with_capacity(indices.len() / in_byte + 2 * indices.len() / width);
    for row in indices.chunks_exact(width) {
        rows.push(0);
        let whole = row.chunks_exact(in_byte);
        let rest = whole.remainder();
        rows.extend(whole.map(|indices| indices.iter().fold(0, joined)));
        if !rest.is_empty() {
            rows.push(rest.iter().fold(0, joined) << (8 - BITS * rest.len()));
        }
    }
    rows
}

/// Each row as differences from the one above, after the byte that says so, if a
/// sample of the rows shows that the differences are small.
fn differences_if_smooth(data: &[u8], stride: usize) -> Option<Vec<u8>> {
    /// Where on the average a difference is more than this, there is noise.
    const MOST: usize = 2;
    /// Every so many rows one is looked at.
    const STEP: usize = 8;
    let mut sum = 0;
    let mut count = 0;
    for rows in data.chunks(STEP * stride) {
        let Some((above, rest)) = rows.split_at_checked(stride) else {
            continue;
        };
        let differences = std::iter::zip(above, rest).map(|(a, b)| usize::from(a.abs_diff(*b)));
        count += rest.len().min(stride);
        sum += differences.sum::<usize>();
    }
    if sum > MOST * count {
        return None;
    }
    let mut rows = Vec::with_capacity(data.len() + data.len() / stride);
    let first = vec![0; stride];
    let above = std::iter::once(&first[..]).chain(data.chunks_exact(stride));
    for (row, above) in std::iter::zip(data.chunks_exact(stride), above) {
        rows.push(2);
        rows.extend(std::iter::zip(row, above).map(|(sample, above)| sample.wrapping_sub(*above)));
    }
    Some(rows)
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
