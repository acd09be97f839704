//! Finished pixels to PNG, JPEG and WebP.
//!
//! - **PNG** is lossless and keeps what the picture is: gray stays gray and a
//!   colormapped tile becomes a palette image, which is several times faster to
//!   write and smaller than RGBA. Alpha that is 255 everywhere is left out. The
//!   settings are the fast ones of the `png` crate (its own deflate, made for PNG):
//!   `Balanced` takes over twenty times as long for a fifth fewer bytes.
//! - **WebP** is the lossless kind (VP8L).
//! - **JPEG** has no alpha. Transparent pixels are composited over white, the paper
//!   colour of most base maps; a style that needs transparency must use another format.

use std::{borrow::Cow, fmt, io::Cursor, str::FromStr};

use image::{
    ExtendedColorType, ImageEncoder, ImageResult,
    codecs::{jpeg::JpegEncoder, webp::WebPEncoder},
};
use thiserror::Error;

use super::picture::{Picture, PictureError};

/// JPEG quality, 1 to 100: artefacts stay invisible at display size.
const JPEG_QUALITY: u8 = 85;

/// An image file format for tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// Portable Network Graphics (ISO/IEC 15948), lossless.
    Png,
    /// JPEG (ISO/IEC 10918), lossy and without transparency.
    Jpeg,
    /// WebP, lossless (RFC 9649).
    WebP,
}

impl ImageFormat {
    /// The media type for the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// The file extension without a dot, as tile addresses are usually written.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        })
    }
}

/// An extension that names no format.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown image format \"{0}\"; use png, jpg, jpeg or webp")]
pub struct UnknownFormat(String);

impl FromStr for ImageFormat {
    type Err = UnknownFormat;

    /// Reads a file extension without its dot, in any case.
    fn from_str(extension: &str) -> Result<Self, UnknownFormat> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            _ => Err(UnknownFormat(extension.to_owned())),
        }
    }
}

/// A picture that could not be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// The picture contradicts itself.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The format has a size limit.
    #[error("{format} pictures end at {limit} pixels a side, this one is {width} x {height}")]
    TooLarge {
        /// The format that was asked for.
        format: ImageFormat,
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Largest width and height.
        limit: u32,
    },
    /// The PNG encoder refused.
    #[error("PNG encoding failed")]
    Png(#[from] png::EncodingError),
    /// The JPEG or WebP encoder refused.
    #[error("{format} encoding failed")]
    Image {
        /// The format that was asked for.
        format: ImageFormat,
        /// What the encoder says.
        source: image::ImageError,
    },
}

/// Writes a picture as a complete image file.
///
/// PNG and WebP give back every pixel as it was, except that colours under alpha 0
/// are not kept in indexed pictures and in pictures that are transparent everywhere.
///
/// # Errors
/// [`EncodeError::Picture`] if the buffers do not fit the size,
/// [`EncodeError::TooLarge`] if the format cannot hold the size.
pub fn encode(picture: &Picture, format: ImageFormat) -> Result<Vec<u8>, EncodeError> {
    picture.check()?;
    let (width, height) = picture.size();
    let limit = match format {
        // A PNG side is a 31 bit number, JPEG's 16 bit, lossless WebP's 14 bit plus one.
        ImageFormat::Png => 0x7fff_ffff,
        ImageFormat::Jpeg => 0xffff,
        ImageFormat::WebP => 1 << 14,
    };
    if width.max(height) > limit {
        return Err(EncodeError::TooLarge {
            format,
            width,
            height,
            limit,
        });
    }
    let reduced = picture.reduced();
    let mut file = Vec::new();
    let written = match format {
        ImageFormat::Png => return encode_png(&reduced),
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY);
            over_white(&reduced).write(encoder, width, height)
        }
        ImageFormat::WebP => {
            let encoder = WebPEncoder::new_lossless(&mut file);
            direct(&reduced).write(encoder, width, height)
        }
    };
    written.map_err(|source| EncodeError::Image { format, source })?;
    Ok(file)
}

fn encode_png(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = picture.size();
    let mut file = Cursor::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_compression(png::Compression::Fast);
    let data = match picture {
        Picture::Gray8 { data, .. } => {
            encoder.set_color(png::ColorType::Grayscale);
            Cow::Borrowed(data)
        }
        Picture::GrayAlpha8 { data, .. } => {
            encoder.set_color(png::ColorType::GrayscaleAlpha);
            Cow::Borrowed(data)
        }
        // For several samples per pixel one fixed filter is faster than a choice
        // per row, and no larger.
        Picture::Rgb8 { data, .. } => {
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_filter(png::Filter::Paeth);
            Cow::Borrowed(data)
        }
        Picture::Rgba8 { data, .. } => {
            encoder.set_color(png::ColorType::Rgba);
            encoder.set_filter(png::Filter::Paeth);
            Cow::Borrowed(data)
        }
        Picture::Indexed {
            palette, indices, ..
        } => {
            encoder.set_color(png::ColorType::Indexed);
            set_palette(&mut encoder, palette);
            if palette.len() == 1 {
                // Every index is 0: one bit each, and nothing that a filter could
                // predict. The stronger deflate costs nothing on so few bytes.
                encoder.set_compression(png::Compression::Balanced);
                encoder.set_filter(png::Filter::NoFilter);
                encoder.set_depth(png::BitDepth::One);
                let row = (width as usize).div_ceil(8);
                Cow::Owned(vec![0; row * height as usize])
            } else {
                Cow::Owned(indices.iter().map(|&index| low_byte(index)).collect())
            }
        }
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(file.into_inner())
}

/// Sets `PLTE`, and `tRNS` up to the last entry that is not opaque.
fn set_palette<W: std::io::Write>(encoder: &mut png::Encoder<'_, W>, palette: &[[u8; 4]]) {
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

/// A reduced picture's index, which is below 256.
const fn low_byte(index: u16) -> u8 {
    index.to_le_bytes()[0]
}

/// Interleaved samples and what they are, as the `image` crate takes them.
struct Samples<'a> {
    color: ExtendedColorType,
    data: Cow<'a, [u8]>,
}

impl Samples<'_> {
    fn write(&self, encoder: impl ImageEncoder, width: u32, height: u32) -> ImageResult<()> {
        encoder.write_image(&self.data, width, height, self.color)
    }
}

/// The samples of a picture, with a palette resolved.
fn direct(picture: &Picture) -> Samples<'_> {
    let (color, data) = match picture {
        Picture::Gray8 { data, .. } => (ExtendedColorType::L8, Cow::Borrowed(data.as_slice())),
        Picture::GrayAlpha8 { data, .. } => {
            (ExtendedColorType::La8, Cow::Borrowed(data.as_slice()))
        }
        Picture::Rgb8 { data, .. } => (ExtendedColorType::Rgb8, Cow::Borrowed(data.as_slice())),
        Picture::Rgba8 { data, .. } => (ExtendedColorType::Rgba8, Cow::Borrowed(data.as_slice())),
        Picture::Indexed {
            palette, indices, ..
        } => {
            let colors = indices.iter().map(|&index| palette[usize::from(index)]);
            if palette.iter().all(|color| color[3] == 255) {
                let rgb = colors.flat_map(|[red, green, blue, _]| [red, green, blue]);
                (ExtendedColorType::Rgb8, Cow::Owned(rgb.collect()))
            } else {
                (
                    ExtendedColorType::Rgba8,
                    Cow::Owned(colors.flatten().collect()),
                )
            }
        }
    };
    Samples { color, data }
}

/// The samples of a picture without alpha, lying on white.
fn over_white(picture: &Picture) -> Samples<'_> {
    let samples = direct(picture);
    if samples.color == ExtendedColorType::La8 {
        let pixels = samples.data.chunks_exact(2);
        Samples {
            color: ExtendedColorType::L8,
            data: pixels.map(|pixel| on_white(pixel[0], pixel[1])).collect(),
        }
    } else if samples.color == ExtendedColorType::Rgba8 {
        let pixels = samples.data.chunks_exact(4);
        let blend = |pixel: &[u8]| [0, 1, 2].map(|band| on_white(pixel[band], pixel[3]));
        Samples {
            color: ExtendedColorType::Rgb8,
            data: pixels.flat_map(blend).collect(),
        }
    } else {
        samples
    }
}

/// Porter and Duff's "over" with a white background, rounded to the nearest.
const fn on_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (sample as u16, alpha as u16);
    // At most (255 * 255 + 127) / 255 = 255.
    low_byte((sample * alpha + 255 * (255 - alpha) + 127) / 255)
}

#[cfg(test)]
mod tests;
