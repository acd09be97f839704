//! Finished pixels to PNG, JPEG and WebP, complete files ready for the wire.
//!
//! - **PNG** is lossless and keeps what the picture is, which is smaller than RGBA and
//!   several times faster to write; see `png`.
//! - **JPEG** and **WebP** are lossy, in the qualities that tile servers commonly use;
//!   see `lossy`.

mod lossy;
mod png;

use std::{fmt, str::FromStr, sync::OnceLock};

use ::png::EncodingError;
use bytes::Bytes;
use libdeflater::CompressionError;
use thiserror::Error;

use super::picture::Picture;

/// The sides of square tiles whose transparent files are kept.
const KEPT_SIDES: [u32; 2] = [256, 512];

/// An image file format for tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// Portable Network Graphics (ISO/IEC 15948), lossless.
    Png,
    /// JPEG (ISO/IEC 10918), lossy and without transparency.
    Jpeg,
    /// WebP (RFC 9649), lossy but for its transparency.
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
            // TiTiler's name for one that is packed less.
            "png" | "pngraw" => Ok(Self::Png),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "webp" => Ok(Self::WebP),
            _ => Err(UnknownFormat(extension.to_owned())),
        }
    }
}

/// A picture that could not be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// No format has pictures without pixels.
    #[error("a picture needs at least one pixel, this one is {width} x {height}")]
    Empty {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
    },
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
    Png(#[from] EncodingError),
    /// The compressor of PNG's pixels refused.
    #[error("PNG compression failed")]
    Deflate(#[from] CompressionError),
    /// The JPEG encoder refused.
    #[error("JPEG encoding failed")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
    /// The TIFF encoder refused.
    #[error("TIFF encoding failed")]
    Tiff(#[from] tiff::TiffError),
    /// The WebP encoder refused.
    #[error("WebP encoding failed: {0}")]
    WebP(String),
}

/// Writes a picture as a complete image file.
///
/// PNG gives back every pixel as it was, and black under full transparency. Files of
/// transparent tiles of the usual sizes are made once and shared.
///
/// # Errors
/// [`EncodeError::Empty`] or [`EncodeError::TooLarge`] if the format cannot hold the
/// size.
pub fn encode(picture: &Picture, format: ImageFormat) -> Result<Bytes, EncodeError> {
    static TRANSPARENT: [[OnceLock<Bytes>; 3]; KEPT_SIDES.len()] =
        [const { [const { OnceLock::new() }; 3] }; KEPT_SIDES.len()];
    let (width, height) = picture.size();
    let size = KEPT_SIDES
        .iter()
        .position(|side| [*side; 2] == [width, height]);
    let Some(size) = size.filter(|_| picture.is_transparent()) else {
        return written(picture, format);
    };
    let kept = &TRANSPARENT[size][match format {
        ImageFormat::Png => 0,
        ImageFormat::Jpeg => 1,
        ImageFormat::WebP => 2,
    }];
    if let Some(file) = kept.get() {
        return Ok(file.clone());
    }
    let file = written(picture, format)?;
    Ok(kept.get_or_init(|| file).clone())
}

fn written(picture: &Picture, format: ImageFormat) -> Result<Bytes, EncodeError> {
    let (width, height) = picture.size();
    if width == 0 || height == 0 {
        return Err(EncodeError::Empty { width, height });
    }
    let limit = match format {
        // A PNG side is a 31 bit number, JPEG's 16 bit, WebP's 14 bit.
        ImageFormat::Png => 0x7fff_ffff,
        ImageFormat::Jpeg => 0xffff,
        ImageFormat::WebP => 0x3fff,
    };
    if width.max(height) > limit {
        return Err(EncodeError::TooLarge {
            format,
            width,
            height,
            limit,
        });
    }
    let file = match format {
        ImageFormat::Png => png::encode(picture)?,
        ImageFormat::Jpeg => lossy::jpeg(picture)?,
        ImageFormat::WebP => lossy::webp(picture)?,
    };
    Ok(file.into())
}

#[cfg(test)]
mod tests;
