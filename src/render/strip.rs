//! A colormap as a strip of its colours, as legends show it.

use super::{
    Colormap,
    picture::{Picture, PictureError, Pixels},
};

/// Which way the levels of a strip rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// From left to right.
    Horizontal,
    /// From top to bottom, as `TiTiler` has it.
    Vertical,
}

/// A picture of all levels of a colormap; of more levels than there are pixels some
/// are passed over, and the first and the last are always there.
///
/// # Errors
/// If it has no pixel.
pub fn strip(
    colormap: &Colormap,
    width: u32,
    height: u32,
    orientation: Orientation,
) -> Result<Picture, PictureError> {
    let (long, across) = match orientation {
        Orientation::Horizontal => (width, height),
        Orientation::Vertical => (height, width),
    };
    let color = |pixel: u32| colormap.colors()[level(pixel, long)];
    let data = match orientation {
        Orientation::Horizontal => {
            let row: Vec<[u8; 4]> = (0..long).map(color).collect();
            row.as_flattened().repeat(across as usize)
        }
        Orientation::Vertical => (0..long)
            .flat_map(|pixel| color(pixel).repeat(across as usize))
            .collect(),
    };
    Picture::new(width, height, Pixels::Rgba { data })
}

/// The level of a pixel among so many, the nearest.
fn level(pixel: u32, pixels: u32) -> usize {
    let last = u64::from(pixels.saturating_sub(1)).max(1);
    let level = (u64::from(pixel) * 255 + last / 2) / last;
    // At most 255: a pixel is below their number.
    usize::try_from(level).unwrap_or(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grays(width: u32, height: u32, orientation: Orientation) -> Vec<u8> {
        let gray = Colormap::named("gray").unwrap();
        let picture = strip(&gray, width, height, orientation).unwrap();
        assert_eq!(picture.size(), (width, height));
        let Pixels::Rgba { data } = picture.pixels() else {
            panic!("a strip has all channels");
        };
        data.iter().step_by(4).copied().collect()
    }

    #[test]
    fn a_strip_has_every_level_once_where_it_is_as_long_and_its_ends_wherever() {
        let whole = grays(256, 2, Orientation::Horizontal);
        let gray = Colormap::named("gray").unwrap();
        let expected: Vec<u8> = gray.colors().iter().map(|color| color[0]).collect();
        assert_eq!(whole[..256], expected);
        assert_eq!(whole[256..], expected);
        assert_eq!(grays(3, 1, Orientation::Horizontal), [0, 128, 255]);
        assert_eq!(grays(1, 1, Orientation::Horizontal), [0]);
    }

    #[test]
    fn a_vertical_strip_rises_downwards() {
        assert_eq!(grays(2, 2, Orientation::Vertical), [0, 0, 255, 255]);
    }

    #[test]
    fn a_strip_without_pixels_is_refused() {
        let gray = Colormap::named("gray").unwrap();
        assert!(strip(&gray, 0, 20, Orientation::Horizontal).is_err());
    }
}
