//! What comes back from the files, by decoders, and what is refused.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat as Container};

use super::{EncodeError, ImageFormat, Picture, PictureError, encode};
use crate::render::picture::transparent;

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

/// Pixels that use all of `colors` different colours, the fourth of them translucent.
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
