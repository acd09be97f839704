//! What comes back from the files, by decoders, how long they are, and what is
//! refused.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat as Container};
use proptest::prelude::*;

use super::{EncodeError, ImageFormat, encode};
use crate::render::{
    Colormap,
    picture::{Picture, Pixels, transparent},
};

const SIDE: u32 = 32;

/// Samples that repeat neither along a row nor along a column.
fn noise(samples: u32) -> Vec<u8> {
    (0..SIDE * SIDE * samples)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0])
        .collect()
}

fn picture(pixels: Pixels) -> Picture {
    Picture::new(SIDE, SIDE, pixels).unwrap()
}

/// Pixels that use all of `colors` different colours, the first of them translucent.
fn ramp(colors: u16) -> Picture {
    let palette = (0..colors)
        .map(|i| {
            let [low, _] = i.to_le_bytes();
            [low, 9, 0, if i == 0 { 7 } else { 255 }]
        })
        .collect();
    let indices = (0..SIDE * SIDE)
        .map(|i| u8::try_from(i % u32::from(colors)).unwrap())
        .collect();
    picture(Pixels::Indexed { palette, indices })
}

fn png_header(file: &[u8]) -> (png::ColorType, png::BitDepth) {
    let reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    (reader.info().color_type, reader.info().bit_depth)
}

/// Decoded by the `png` crate.
fn png_rgba(file: &[u8]) -> Vec<u8> {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    data.truncate(frame.buffer_size());
    let rgba: Vec<[u8; 4]> = match frame.color_type {
        png::ColorType::Grayscale => data.iter().map(|&v| [v, v, v, 255]).collect(),
        png::ColorType::GrayscaleAlpha => {
            (data.chunks(2).map(|p| [p[0], p[0], p[0], p[1]])).collect()
        }
        png::ColorType::Rgb => data.chunks(3).map(|p| [p[0], p[1], p[2], 255]).collect(),
        png::ColorType::Rgba => (data.chunks(4).map(|p| [p[0], p[1], p[2], p[3]])).collect(),
        png::ColorType::Indexed => panic!("the decoder resolves palettes"),
    };
    seen(rgba.as_flattened())
}

/// Pixels with zeros where alpha is, since a colour there is not seen.
fn seen(rgba: &[u8]) -> Vec<u8> {
    (rgba.chunks(4))
        .flat_map(|p| {
            if p[3] == 0 {
                [0; 4]
            } else {
                [p[0], p[1], p[2], p[3]]
            }
        })
        .collect()
}

fn decoded(file: &[u8], container: Container) -> DynamicImage {
    image::load_from_memory_with_format(file, container).unwrap()
}

fn every_kind() -> Vec<(Picture, png::ColorType, png::BitDepth)> {
    use png::{BitDepth, ColorType};
    let gray = |hole| {
        picture(Pixels::Gray {
            data: noise(1),
            hole,
        })
    };
    let rgb = |hole| {
        picture(Pixels::Rgb {
            data: noise(3),
            hole,
        })
    };
    let first = noise(3);
    let alpha = |samples: usize| {
        let mut data = noise(u32::try_from(samples).unwrap());
        for pixel in data.chunks_exact_mut(samples).step_by(3) {
            pixel.fill(0);
        }
        data
    };
    vec![
        (gray(None), ColorType::Grayscale, BitDepth::Eight),
        (gray(Some(0)), ColorType::Grayscale, BitDepth::Eight),
        (
            picture(Pixels::GrayAlpha { data: alpha(2) }),
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
        ),
        (rgb(None), ColorType::Rgb, BitDepth::Eight),
        (
            rgb(Some([first[0], first[1], first[2]])),
            ColorType::Rgb,
            BitDepth::Eight,
        ),
        (
            picture(Pixels::Rgba { data: alpha(4) }),
            ColorType::Rgba,
            BitDepth::Eight,
        ),
        (ramp(2), ColorType::Indexed, BitDepth::One),
        (ramp(4), ColorType::Indexed, BitDepth::Two),
        (ramp(16), ColorType::Indexed, BitDepth::Four),
        (ramp(17), ColorType::Indexed, BitDepth::Eight),
        (ramp(256), ColorType::Indexed, BitDepth::Eight),
    ]
}

#[test]
fn png_gives_back_every_pixel_of_every_kind_and_says_what_it_is() {
    for (picture, color, depth) in every_kind() {
        let file = encode(&picture, ImageFormat::Png).unwrap();
        assert_eq!(png_header(&file), (color, depth));
        assert_eq!(png_rgba(&file), seen(&picture.to_rgba()), "{color:?}");
    }
}

proptest! {
    #[test]
    fn packed_indices_of_any_width_come_back(
        (width, colors, indices) in (1..40_u32, 1..20_u8).prop_flat_map(|(width, colors)| {
            let indices = prop::collection::vec(0..colors, width as usize * 5);
            (Just(width), Just(colors), indices)
        })
    ) {
        let palette = (0..colors).map(|i| [i, 1, 2, 255]).collect();
        let picture = Picture::new(width, 5, Pixels::Indexed { palette, indices }).unwrap();
        let file = encode(&picture, ImageFormat::Png).unwrap();
        prop_assert_eq!(&png_rgba(&file)[..], &picture.to_rgba()[..]);
    }
}

/// A surface of a few waves and, for every pixel, up to so much noise of this seed.
fn surface(noise: f64, seed: u32) -> Vec<u8> {
    let mut random = seed;
    let mut bytes = Vec::new();
    for row in 0..256 {
        for col in 0..256 {
            let (x, y) = (f64::from(row), f64::from(col));
            let waves = (x / 37.0).sin() + (y / 23.0 + x / 91.0).cos() + (y / 7.0).sin() / 5.0;
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = noise * f64::from(random >> 16) / 65_536.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            bytes.push((120.0 + 50.0 * waves + grain) as u8);
        }
    }
    bytes
}

/// The length of the same pixels as RGBA at zlib's sixth level, filters chosen for
/// each row: what GDAL's driver writes for rio-tiler.
fn usual_length(picture: &Picture) -> usize {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 256, 256);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_deflate_compression(png::DeflateCompression::Level(6));
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&picture.to_rgba()).unwrap();
    writer.finish().unwrap();
    file.len()
}

#[test]
fn files_are_hardly_longer_than_the_usual_rgba_and_mostly_much_shorter() {
    let large = |pixels| Picture::new(256, 256, pixels).unwrap();
    let colors = Colormap::named("viridis").unwrap().colors().to_vec();
    for noise in [0.0, 4.0, 30.0] {
        let levels = surface(noise, 1);
        let other = surface(noise, 2);
        let rgb = |hole| Pixels::Rgb {
            data: (std::iter::zip(&levels, &other))
                .flat_map(|(&level, &other)| [level, level / 2 + 20, other])
                .collect(),
            hole,
        };
        let half = |(at, level): (usize, &u8)| if at % 256 < 128 { 0 } else { *level };
        for (kind, share, pixels) in [
            ("RGB", 1.3, rgb(None)),
            ("RGB with a hole", 1.3, rgb(Some([0, 20, 0]))),
            (
                "colormap",
                0.8,
                Pixels::Indexed {
                    palette: colors.clone(),
                    indices: levels.clone(),
                },
            ),
            (
                "half a colormap",
                0.8,
                Pixels::Indexed {
                    palette: [[0; 4]].into_iter().chain(colors[1..].to_vec()).collect(),
                    indices: levels.iter().enumerate().map(half).collect(),
                },
            ),
            (
                "classes",
                1.0,
                Pixels::Indexed {
                    palette: colors[..8].to_vec(),
                    indices: levels.iter().map(|level| level / 32).collect(),
                },
            ),
        ] {
            let picture = large(pixels);
            let found = encode(&picture, ImageFormat::Png).unwrap();
            assert_eq!(png_rgba(&found), picture.to_rgba()[..]);
            #[expect(
                clippy::cast_precision_loss,
                reason = "file lengths are far below 2^53"
            )]
            let ratio = found.len() as f64 / usual_length(&picture) as f64;
            assert!(ratio <= share, "{kind}, noise {noise}: {ratio}");
        }
    }
}

#[test]
fn a_transparent_tile_is_a_few_bytes_made_once() {
    for side in [256, 512] {
        let nothing = transparent(side, side);
        for (format, most) in [
            (ImageFormat::Png, 250),
            (ImageFormat::WebP, 1000),
            (ImageFormat::Jpeg, 8_000),
        ] {
            let file = encode(&nothing, format).unwrap();
            assert!(file.len() < most, "{format} {side}: {} bytes", file.len());
            let again = encode(&nothing, format).unwrap();
            assert_eq!(again.as_ptr(), file.as_ptr());
        }
        let file = encode(&nothing, ImageFormat::Png).unwrap();
        assert!(png_rgba(&file).iter().all(|sample| *sample == 0));
        assert_eq!(png_rgba(&file).len(), (side * side * 4) as usize);
    }
}

/// The left half of one colour, the right half transparent.
fn half_seen() -> Picture {
    let row = [[200, 40, 90].repeat(16), [0; 48].to_vec()].concat();
    picture(Pixels::Rgb {
        data: row.repeat(SIDE as usize),
        hole: Some([0; 3]),
    })
}

fn assert_close(found: [u8; 3], expected: [u8; 3]) {
    let close = std::iter::zip(found, expected).all(|(a, b)| a.abs_diff(b) <= 4);
    assert!(close, "{found:?}, expected about {expected:?}");
}

#[test]
fn jpeg_shows_transparent_pixels_as_white_and_the_rest_closely() {
    let file = encode(&half_seen(), ImageFormat::Jpeg).unwrap();
    let image = decoded(&file, Container::Jpeg).into_rgb8();
    assert_eq!(image.dimensions(), (SIDE, SIDE));
    assert_close(image.get_pixel(4, 9).0, [200, 40, 90]);
    assert_close(image.get_pixel(SIDE - 4, 9).0, [255; 3]);
}

#[test]
fn webp_keeps_transparency_exactly_and_colours_closely() {
    let file = encode(&half_seen(), ImageFormat::WebP).unwrap();
    assert_eq!(&file[12..16], b"VP8X", "lossy, with an alpha chunk");
    let image = decoded(&file, Container::WebP).into_rgba8();
    for (col, _, pixel) in image.enumerate_pixels() {
        assert_eq!(pixel.0[3], if col < SIDE / 2 { 255 } else { 0 });
    }
    let [red, green, blue, _] = image.get_pixel(4, 9).0;
    assert_close([red, green, blue], [200, 40, 90]);
    let opaque = picture(Pixels::Rgb {
        data: noise(3),
        hole: None,
    });
    let file = encode(&opaque, ImageFormat::WebP).unwrap();
    assert_eq!(
        &file[12..16],
        b"VP8 ",
        "no alpha where nothing is transparent"
    );
}

#[test]
fn every_kind_is_shown_alike_by_jpeg_and_webp() {
    let flat = |pixels| picture(pixels);
    let pixels = (SIDE * SIDE) as usize;
    for (picture, seen) in [
        (
            flat(Pixels::GrayAlpha {
                data: [0, 128].repeat(pixels),
            }),
            [127; 3],
        ),
        (
            flat(Pixels::Gray {
                data: vec![90; pixels],
                hole: None,
            }),
            [90; 3],
        ),
        (
            flat(Pixels::Gray {
                data: vec![90; pixels],
                hole: Some(90),
            }),
            [255; 3],
        ),
        (
            flat(Pixels::Rgba {
                data: [200, 100, 50, 255].repeat(pixels),
            }),
            [200, 100, 50],
        ),
        (
            flat(Pixels::Indexed {
                palette: vec![[200, 100, 50, 255]],
                indices: vec![0; pixels],
            }),
            [200, 100, 50],
        ),
    ] {
        let jpeg = encode(&picture, ImageFormat::Jpeg).unwrap();
        let image = decoded(&jpeg, Container::Jpeg);
        assert_close(image.into_rgb8().get_pixel(9, 9).0, seen);
        let webp = encode(&picture, ImageFormat::WebP).unwrap();
        let image = decoded(&webp, Container::WebP).into_rgba8();
        let [red, green, blue, alpha] = image.get_pixel(9, 9).0;
        assert_eq!(alpha, picture.to_rgba()[3]);
        if alpha == 255 {
            assert_close([red, green, blue], seen);
        }
    }
}

#[test]
fn a_gray_jpeg_has_one_component() {
    let gray = picture(Pixels::Gray {
        data: noise(1),
        hole: Some(3),
    });
    let file = encode(&gray, ImageFormat::Jpeg).unwrap();
    assert_eq!(
        decoded(&file, Container::Jpeg).color(),
        image::ColorType::L8
    );
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
        "WebP pictures end at 16383 pixels a side, this one is 20000 x 1"
    );
}

#[test]
fn a_picture_without_pixels_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let error = encode(&transparent(0, 4), format).unwrap_err();
        assert!(matches!(error, EncodeError::Empty { .. }), "{error}");
    }
}
