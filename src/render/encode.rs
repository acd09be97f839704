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
    ExtendedColorType,
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
    match format {
        ImageFormat::Png => encode_png(&reduced),
        ImageFormat::Jpeg | ImageFormat::WebP => {
            let mut file = Vec::new();
            let written = if format == ImageFormat::Jpeg {
                let samples = over_white(&reduced);
                JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode(
                    &samples.data,
                    width,
                    height,
                    samples.color,
                )
            } else {
                let samples = direct(&reduced);
                WebPEncoder::new_lossless(&mut file).encode(
                    &samples.data,
                    width,
                    height,
                    samples.color,
                )
            };
            written.map_err(|source| EncodeError::Image { format, source })?;
            Ok(file)
        }
    }
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
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat as Container};

    use super::{
        super::picture::transparent, EncodeError, ImageFormat, Picture, PictureError, encode,
    };

    const SIDE: u32 = 32;

    /// Samples that repeat neither along a row nor along a column.
    fn noise(samples: usize) -> Vec<u8> {
        (0..SIDE * SIDE * u32::try_from(samples).unwrap())
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0])
            .collect()
    }

    fn gray_alpha(data: Vec<u8>) -> Picture {
        Picture::GrayAlpha8 {
            width: SIDE,
            height: SIDE,
            data,
        }
    }

    fn rgba(data: Vec<u8>) -> Picture {
        Picture::Rgba8 {
            width: SIDE,
            height: SIDE,
            data,
        }
    }

    fn indexed(palette: Vec<[u8; 4]>, indices: Vec<u16>) -> Picture {
        Picture::Indexed {
            width: SIDE,
            height: SIDE,
            palette,
            indices,
        }
    }

    /// A gray ramp with one translucent colour, and pixels that use `colors` of it.
    fn ramp(colors: u16) -> Picture {
        let palette = (0..colors)
            .map(|i| {
                let [low, high] = i.to_le_bytes();
                [low, high, 0, if i == 3 { 7 } else { 255 }]
            })
            .collect();
        let indices = (0..SIDE * SIDE)
            .map(|i| u16::try_from(i).unwrap() % colors)
            .collect();
        indexed(palette, indices)
    }

    fn png_header(file: &[u8]) -> (png::ColorType, png::BitDepth) {
        let reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        (reader.info().color_type, reader.info().bit_depth)
    }

    /// The picture as RGBA by other means than the encoder's.
    fn expected_rgba(picture: &Picture) -> Vec<u8> {
        match picture {
            Picture::Gray8 { data, .. } => data.iter().flat_map(|&v| [v, v, v, 255]).collect(),
            Picture::GrayAlpha8 { data, .. } => data
                .chunks(2)
                .flat_map(|p| [p[0], p[0], p[0], p[1]])
                .collect(),
            Picture::Rgb8 { data, .. } => data
                .chunks(3)
                .flat_map(|p| [p[0], p[1], p[2], 255])
                .collect(),
            Picture::Rgba8 { data, .. } => data.clone(),
            Picture::Indexed {
                palette, indices, ..
            } => indices
                .iter()
                .flat_map(|&i| palette[usize::from(i)])
                .collect(),
        }
    }

    /// PNG has no decoder in the `image` features this crate takes.
    fn png_rgba(file: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut data).unwrap();
        data.truncate(frame.buffer_size());
        match frame.color_type {
            png::ColorType::Grayscale => data.iter().flat_map(|&v| [v, v, v, 255]).collect(),
            png::ColorType::GrayscaleAlpha => data
                .chunks(2)
                .flat_map(|p| [p[0], p[0], p[0], p[1]])
                .collect(),
            png::ColorType::Rgb => data
                .chunks(3)
                .flat_map(|p| [p[0], p[1], p[2], 255])
                .collect(),
            png::ColorType::Rgba => data,
            png::ColorType::Indexed => panic!("the decoder resolves palettes"),
        }
    }

    fn decoded(file: &[u8], container: Container) -> DynamicImage {
        image::load_from_memory_with_format(file, container).unwrap()
    }

    fn every_kind() -> Vec<Picture> {
        vec![
            Picture::Gray8 {
                width: SIDE,
                height: SIDE,
                data: noise(1),
            },
            gray_alpha(noise(2)),
            Picture::Rgb8 {
                width: SIDE,
                height: SIDE,
                data: noise(3),
            },
            rgba(noise(4)),
            ramp(2),
            ramp(256),
            ramp(300),
        ]
    }

    #[test]
    fn png_and_webp_give_back_every_pixel_of_every_kind() {
        for picture in every_kind() {
            let expected = expected_rgba(&picture);
            let file = encode(&picture, ImageFormat::Png).unwrap();
            assert_eq!(png_rgba(&file), expected, "PNG of {picture:?}");
            let file = encode(&picture, ImageFormat::WebP).unwrap();
            let webp = decoded(&file, Container::WebP).into_rgba8();
            assert_eq!(webp.into_raw(), expected, "WebP of {picture:?}");
        }
    }

    #[test]
    fn a_png_says_what_the_picture_is() {
        use png::{BitDepth, ColorType};
        let kinds = every_kind().into_iter().map(|picture| {
            let file = encode(&picture, ImageFormat::Png).unwrap();
            png_header(&file)
        });
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [
                (ColorType::Grayscale, BitDepth::Eight),
                (ColorType::GrayscaleAlpha, BitDepth::Eight),
                (ColorType::Rgb, BitDepth::Eight),
                (ColorType::Rgba, BitDepth::Eight),
                (ColorType::Indexed, BitDepth::Eight),
                (ColorType::Indexed, BitDepth::Eight),
                (ColorType::Rgba, BitDepth::Eight),
            ]
        );
    }

    #[test]
    fn alpha_that_is_opaque_everywhere_is_left_out() {
        let mut data = noise(4);
        data.iter_mut().skip(3).step_by(4).for_each(|a| *a = 255);
        let file = encode(&rgba(data.clone()), ImageFormat::Png).unwrap();
        assert_eq!(png_header(&file).0, png::ColorType::Rgb);
        assert_eq!(png_rgba(&file), data);

        let mut data = noise(2);
        data.iter_mut().skip(1).step_by(2).for_each(|a| *a = 255);
        let file = encode(&gray_alpha(data), ImageFormat::Png).unwrap();
        assert_eq!(png_header(&file).0, png::ColorType::Grayscale);
    }

    #[test]
    fn a_transparent_tile_is_below_half_a_kilobyte_however_it_was_made() {
        let hidden = Picture::Rgba8 {
            width: 256,
            height: 256,
            data: [1, 2, 3, 0].repeat(256 * 256),
        };
        for picture in [transparent(256, 256), hidden] {
            for format in [ImageFormat::Png, ImageFormat::WebP] {
                let file = encode(&picture, format).unwrap();
                assert!(file.len() < 500, "{format}: {} bytes", file.len());
            }
            let file = encode(&picture, ImageFormat::Png).unwrap();
            assert_eq!(png_rgba(&file), vec![0; 256 * 256 * 4]);
        }
    }

    #[test]
    fn a_uniform_tile_whose_width_is_no_multiple_of_eight_keeps_its_colour() {
        let picture = Picture::Indexed {
            width: 13,
            height: 3,
            palette: vec![[0, 0, 0, 255], [10, 20, 30, 255]],
            indices: vec![1; 39],
        };
        let file = encode(&picture, ImageFormat::Png).unwrap();
        assert_eq!(png_header(&file).1, png::BitDepth::One);
        assert_eq!(png_rgba(&file), [10, 20, 30, 255].repeat(39));
    }

    #[test]
    fn jpeg_shows_transparent_pixels_as_white_and_the_rest_closely() {
        let mut data = [200, 40, 90, 255].repeat((SIDE * SIDE / 2) as usize);
        data.extend([200, 40, 90, 0].repeat((SIDE * SIDE / 2) as usize));
        let file = encode(&rgba(data), ImageFormat::Jpeg).unwrap();
        let image = decoded(&file, Container::Jpeg).into_rgb8();
        assert_eq!(image.dimensions(), (SIDE, SIDE));
        for (pixel, expected) in [(4, [200, 40, 90]), (SIDE - 4, [255; 3])] {
            let found = image.get_pixel(5, pixel).0;
            let close = found.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 3);
            assert!(close, "row {pixel}: {found:?}, expected about {expected:?}");
        }
    }

    #[test]
    fn a_gray_jpeg_has_one_component() {
        let half_seen = gray_alpha([0, 128].repeat((SIDE * SIDE) as usize));
        let file = encode(&half_seen, ImageFormat::Jpeg).unwrap();
        let image = decoded(&file, Container::Jpeg);
        assert_eq!(image.color(), image::ColorType::L8);
        assert!(image.into_luma8().get_pixel(9, 9).0[0].abs_diff(127) <= 1);
    }

    #[test]
    fn a_format_is_known_by_its_extension_in_any_case() {
        for (extension, format) in [
            ("png", ImageFormat::Png),
            ("jpg", ImageFormat::Jpeg),
            ("JPEG", ImageFormat::Jpeg),
            ("WebP", ImageFormat::WebP),
        ] {
            assert_eq!(extension.parse(), Ok(format));
        }
        assert_eq!(
            "tif".parse::<ImageFormat>().unwrap_err().to_string(),
            "unknown image format \"tif\"; use png, jpg, jpeg or webp"
        );
        assert_eq!(ImageFormat::Jpeg.content_type(), "image/jpeg");
        assert_eq!(ImageFormat::Jpeg.extension(), "jpg");
    }

    #[test]
    fn a_side_longer_than_the_format_allows_is_an_error_that_says_the_limit() {
        let wide = transparent(20_000, 1);
        assert!(encode(&wide, ImageFormat::Png).is_ok());
        assert_eq!(
            encode(&wide, ImageFormat::WebP).unwrap_err().to_string(),
            "WebP pictures end at 16384 pixels a side, this one is 20000 x 1"
        );
    }

    #[test]
    fn a_contradictory_picture_is_refused_before_any_encoder_sees_it() {
        let error = |picture: &Picture| match encode(picture, ImageFormat::Png) {
            Err(EncodeError::Picture(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            error(&rgba(vec![0; 5])),
            PictureError::Length {
                kind: "RGBA",
                width: SIDE,
                height: SIDE,
                expected: 4096,
                actual: 5
            }
        );
        assert_eq!(
            error(&indexed(vec![[0; 4]; 2], vec![2; 1024])),
            PictureError::Index {
                index: 2,
                colors: 2
            }
        );
        assert!(matches!(
            error(&transparent(0, 4)),
            PictureError::Empty { .. }
        ));
    }
}
