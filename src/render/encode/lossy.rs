//! JPEG and WebP, in the qualities of GDAL's and rio-tiler's profiles.
//!
//! JPEG has no alpha. Transparent pixels are composited over white, the paper colour
//! of most base maps; a style that needs transparency must use another format.

use std::borrow::Cow;

use jpeg_encoder::{ColorType, SamplingFactor};

use super::EncodeError;
use crate::render::picture::{Picture, Pixels};

/// JPEG quality, 1 to 100: artefacts stay invisible at display size.
const JPEG_QUALITY: u8 = 85;

/// WebP quality, 0 to 100.
const WEBP_QUALITY: f32 = 75.0;

/// libwebp's effort, 0 to 6: the default of 4 takes over three times as long for some
/// percent fewer bytes.
const WEBP_METHOD: u8 = 0;

const WHITE: u8 = 255;

pub(super) fn jpeg(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    // The caller has compared the size with the format's limit of 16 bits.
    let side = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let (width, height) = picture.size();
    let (data, color) = over_white(picture.pixels());
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&data, side(width), side(height), color)?;
    Ok(file)
}

pub(super) fn webp(picture: &Picture) -> Result<Vec<u8>, EncodeError> {
    let (width, height) = picture.size();
    let rgba = picture.to_rgba();
    let written = webpx::Encoder::new_rgba(&rgba, width, height)
        .quality(WEBP_QUALITY)
        .method(WEBP_METHOD)
        .encode(webpx::Unstoppable);
    written.map_err(|error| EncodeError::WebP(error.to_string()))
}

/// Gray or RGB samples of pixels lying on white.
fn over_white(pixels: &Pixels) -> (Cow<'_, [u8]>, ColorType) {
    match pixels {
        Pixels::Gray { data, hole: None } => (Cow::Borrowed(data), ColorType::Luma),
        Pixels::Gray {
            data,
            hole: Some(hole),
        } => {
            let data = (data.iter()).map(|gray| if gray == hole { WHITE } else { *gray });
            (data.collect(), ColorType::Luma)
        }
        Pixels::GrayAlpha { data } => {
            let data = data.chunks_exact(2).map(|pixel| blend(pixel[0], pixel[1]));
            (data.collect(), ColorType::Luma)
        }
        Pixels::Rgb { data, hole: None } => (Cow::Borrowed(data), ColorType::Rgb),
        Pixels::Rgb {
            data,
            hole: Some(hole),
        } => {
            let mut data = data.clone();
            for pixel in data.chunks_exact_mut(3) {
                if pixel == hole {
                    pixel.fill(WHITE);
                }
            }
            (Cow::Owned(data), ColorType::Rgb)
        }
        Pixels::Rgba { data } => {
            let pixels = data.chunks_exact(4);
            let data = pixels.flat_map(|pixel| [0, 1, 2].map(|band| blend(pixel[band], pixel[3])));
            (data.collect(), ColorType::Rgb)
        }
        Pixels::Indexed { palette, indices } => {
            let on_white = |color: &[u8; 4]| [0, 1, 2].map(|band| blend(color[band], color[3]));
            let palette: Vec<[u8; 3]> = palette.iter().map(on_white).collect();
            let data = indices.iter().map(|index| palette[usize::from(*index)]);
            let pixels: Vec<[u8; 3]> = data.collect();
            (Cow::Owned(pixels.into_flattened()), ColorType::Rgb)
        }
    }
}

/// Porter and Duff's "over" with a white background, rounded to the nearest.
const fn blend(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (sample as u16, alpha as u16);
    // At most (255 * 255 + 127) / 255 = 255.
    let [low, _] = ((sample * alpha + 255 * (255 - alpha) + 127) / 255).to_le_bytes();
    low
}
