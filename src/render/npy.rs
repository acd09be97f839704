//! Samples as numpy reads them (`numpy.load`), format version 1.0: an array of bands,
//! rows and columns in the type of the samples, whose last band is the mask.

use bytes::Bytes;

use super::geotiff::Planes;
use crate::raster::Raster;

/// What begins a file: the magic string and the version.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Samples begin at a multiple of so many bytes.
const ALIGNED: usize = 64;

/// What the mask is where any plane has a value, as in `TiTiler`; else it is 0.
const SEEN: u8 = 255;

/// Writes planes of one shape, of which there is at least one, and their mask if
/// `with_mask`.
#[must_use]
pub fn npy(planes: &Planes, with_mask: bool) -> Bytes {
    match planes {
        Planes::Stored(rasters, nodata) => file(
            ("<u2", with_mask),
            rasters,
            |sample| sample != nodata,
            |seen| if seen { u16::from(SEEN) } else { 0 }.to_le_bytes(),
            u16::to_le_bytes,
        ),
        Planes::Computed(rasters) => file(
            ("<f4", with_mask),
            rasters,
            |sample| !sample.is_nan(),
            |seen| if seen { f32::from(SEEN) } else { 0.0 }.to_le_bytes(),
            f32::to_le_bytes,
        ),
    }
}

fn file<T: Copy, const N: usize>(
    (kind, with_mask): (&str, bool),
    rasters: &[Raster<T>],
    is_seen: impl Fn(&T) -> bool,
    mask: impl Fn(bool) -> [u8; N],
    sample: impl Fn(T) -> [u8; N],
) -> Bytes {
    let Some(first) = rasters.first() else {
        return Bytes::new();
    };
    let (bands, shape) = (rasters.len() + usize::from(with_mask), first.shape);
    let mut bytes = header(kind, [bands, shape.rows, shape.cols]);
    bytes.reserve(bands * first.data.len() * N);
    for raster in rasters {
        bytes.extend(raster.data.iter().flat_map(|value| sample(*value)));
    }
    let pixels = if with_mask { first.data.len() } else { 0 };
    for pixel in 0..pixels {
        let seen = rasters.iter().any(|raster| is_seen(&raster.data[pixel]));
        bytes.extend(mask(seen));
    }
    bytes.into()
}

fn header(kind: &str, [bands, rows, cols]: [usize; 3]) -> Vec<u8> {
    let mut text = format!(
        "{{'descr': '{kind}', 'fortran_order': False, 'shape': ({bands}, {rows}, {cols}), }}"
    );
    let before = MAGIC.len() + size_of::<u16>();
    let length = (before + text.len() + 1).next_multiple_of(ALIGNED) - before;
    while text.len() + 1 < length {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    // Below 200: numbers have 20 digits at most.
    bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shape;

    fn raster<T>(data: Vec<T>) -> Raster<T> {
        let shape = Shape {
            rows: 1,
            cols: data.len(),
        };
        Raster { shape, data }
    }

    #[test]
    fn the_header_is_as_long_as_numpys_and_says_type_and_shape() {
        let file = npy(
            &Planes::Computed(vec![Raster::filled(
                Shape {
                    rows: 256,
                    cols: 256,
                },
                0.5,
            )]),
            true,
        );
        // As TiTiler's tile of one band of f4.
        assert_eq!(file.len(), 524_416);
        assert_eq!(&file[..10], b"\x93NUMPY\x01\x00v\x00");
        let text = std::str::from_utf8(&file[10..128]).unwrap();
        let said = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 256, 256), }";
        assert!(text.starts_with(said) && text.ends_with(" \n"), "{text}");
    }

    #[test]
    fn the_mask_is_the_last_band_and_set_where_any_other_has_a_value() {
        let bands = vec![raster(vec![7_u16, 0, 0]), raster(vec![1, 2, 0])];
        let file = npy(&Planes::Stored(bands, 0), true);
        let samples: Vec<u16> = file[128..]
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(samples, [7, 0, 0, 1, 2, 0, 255, 255, 0]);
        let planes = Planes::Computed(vec![raster(vec![0.5, f32::NAN])]);
        let file = npy(&planes, true);
        let last: Vec<u8> = [255.0_f32, 0.0]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        assert_eq!(file[file.len() - 8..], last);
        let bare = npy(&planes, false);
        assert_eq!(bare[128..], file[128..file.len() - 8]);
        let text = std::str::from_utf8(&bare[10..128]).unwrap();
        assert!(text.contains("(1, 1, 2)"), "{text}");
    }
}
