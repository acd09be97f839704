//! A finished picture: pixels after rescale, colormap and mask, before a file
//! format is chosen.

use std::borrow::Cow;

use thiserror::Error;

/// Pixels ready to be encoded, row by row from the top left corner.
///
/// All samples are 8 bit sRGB and alpha is straight (not premultiplied); `data`
/// has `height * width * samples per pixel` bytes. The renderer picks the variant
/// that says what it made, so that a single-band tile never has to travel as RGBA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// One gray sample per pixel.
    Gray8 {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Gray samples.
        data: Vec<u8>,
    },
    /// Gray and alpha, interleaved.
    GrayAlpha8 {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Gray, alpha, gray, alpha, …
        data: Vec<u8>,
    },
    /// Red, green and blue, interleaved.
    Rgb8 {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Red, green, blue, red, …
        data: Vec<u8>,
    },
    /// Red, green, blue and alpha, interleaved.
    Rgba8 {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Red, green, blue, alpha, red, …
        data: Vec<u8>,
    },
    /// Positions in a table of colours.
    ///
    /// Indices are 16 bit because a colormap of 256 colours and a nodata colour
    /// are 257 entries. Most tiles use fewer; the encoder decides by what is used.
    Indexed {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Red, green, blue, alpha of each entry.
        palette: Vec<[u8; 4]>,
        /// One position in `palette` per pixel.
        indices: Vec<u16>,
    },
}

/// A picture whose parts do not fit together.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PictureError {
    /// A picture without pixels cannot be encoded in any format.
    #[error("a picture needs at least one pixel, this one is {width} x {height}")]
    Empty {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
    },
    /// The buffer is not as long as the size asks for.
    #[error(
        "a {kind} picture of {width} x {height} pixels needs {expected} samples, the buffer has {actual}"
    )]
    Length {
        /// Which variant.
        kind: &'static str,
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Samples that the size asks for.
        expected: u64,
        /// Samples in the buffer.
        actual: u64,
    },
    /// A pixel names a colour that the palette does not have.
    #[error("a pixel has palette index {index}, the palette has {colors} colours")]
    Index {
        /// The index that was found.
        index: u16,
        /// Number of palette entries.
        colors: usize,
    },
}

/// A picture that shows nothing, as small as any format can write it.
#[must_use]
pub fn transparent(width: u32, height: u32) -> Picture {
    Picture::Indexed {
        width,
        height,
        palette: vec![[0; 4]],
        indices: vec![0; width as usize * height as usize],
    }
}

impl Picture {
    /// Whether every pixel is opaque.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        match self {
            Self::Gray8 { .. } | Self::Rgb8 { .. } => true,
            Self::GrayAlpha8 { data, .. } => data.iter().skip(1).step_by(2).all(|a| *a == 255),
            Self::Rgba8 { data, .. } => data.iter().skip(3).step_by(4).all(|a| *a == 255),
            Self::Indexed {
                palette, indices, ..
            } => indices
                .iter()
                .all(|i| palette.get(usize::from(*i)).is_some_and(|c| c[3] == 255)),
        }
    }

    /// Pixels per row and number of rows.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        match *self {
            Self::Gray8 { width, height, .. }
            | Self::GrayAlpha8 { width, height, .. }
            | Self::Rgb8 { width, height, .. }
            | Self::Rgba8 { width, height, .. }
            | Self::Indexed { width, height, .. } => (width, height),
        }
    }

    /// Checks that size, buffer and palette agree.
    ///
    /// # Errors
    /// [`PictureError`] with the first disagreement.
    pub fn check(&self) -> Result<(), PictureError> {
        let (kind, samples, actual) = match self {
            Self::Gray8 { data, .. } => ("gray", 1, data.len()),
            Self::GrayAlpha8 { data, .. } => ("gray and alpha", 2, data.len()),
            Self::Rgb8 { data, .. } => ("RGB", 3, data.len()),
            Self::Rgba8 { data, .. } => ("RGBA", 4, data.len()),
            Self::Indexed { indices, .. } => ("palette", 1, indices.len()),
        };
        let (width, height) = self.size();
        if width == 0 || height == 0 {
            return Err(PictureError::Empty { width, height });
        }
        let expected = pixel_count(width, height).saturating_mul(samples);
        let actual = actual as u64;
        if actual != expected {
            return Err(PictureError::Length {
                kind,
                width,
                height,
                expected,
                actual,
            });
        }
        if let Self::Indexed {
            palette, indices, ..
        } = self
            && let Some(&index) = indices
                .iter()
                .find(|&&index| usize::from(index) >= palette.len())
        {
            return Err(PictureError::Index {
                index,
                colors: palette.len(),
            });
        }
        Ok(())
    }

    /// The same pixels without the parts that say nothing: alpha that is 255
    /// everywhere goes, a picture that is transparent everywhere becomes
    /// [`transparent`], and a palette keeps the colours in use, each once.
    ///
    /// An indexed picture that still has more than 256 colours becomes RGBA or RGB,
    /// so an [`Picture::Indexed`] that this returns has indices below 256. Its
    /// transparent and half transparent colours come first, which lets PNG's
    /// `tRNS` chunk end with the last of them.
    pub(super) fn reduced(&self) -> Cow<'_, Self> {
        let (width, height) = self.size();
        match self {
            Self::Gray8 { .. } | Self::Rgb8 { .. } => Cow::Borrowed(self),
            Self::GrayAlpha8 { data, .. } => match AlphaUse::of(data, 2) {
                AlphaUse::Transparent => Cow::Owned(transparent(width, height)),
                AlphaUse::Mixed => Cow::Borrowed(self),
                AlphaUse::Opaque => Cow::Owned(Self::Gray8 {
                    width,
                    height,
                    data: data.iter().copied().step_by(2).collect(),
                }),
            },
            Self::Rgba8 { data, .. } => match AlphaUse::of(data, 4) {
                AlphaUse::Transparent => Cow::Owned(transparent(width, height)),
                AlphaUse::Mixed => Cow::Borrowed(self),
                AlphaUse::Opaque => Cow::Owned(Self::Rgb8 {
                    width,
                    height,
                    data: without_alpha(data),
                }),
            },
            Self::Indexed {
                palette, indices, ..
            } => Cow::Owned(compact(width, height, palette, indices)),
        }
    }
}

fn pixel_count(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// What the alpha channel of a picture says as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AlphaUse {
    Opaque,
    Transparent,
    Mixed,
}

impl AlphaUse {
    /// Looks at the last sample of every pixel of `samples` interleaved samples.
    fn of(data: &[u8], samples: usize) -> Self {
        let mut alpha = data.iter().skip(samples - 1).step_by(samples);
        match alpha.next() {
            Some(&255) if alpha.all(|&value| value == 255) => Self::Opaque,
            Some(&0) if alpha.all(|&value| value == 0) => Self::Transparent,
            _ => Self::Mixed,
        }
    }
}

fn without_alpha(rgba: &[u8]) -> Vec<u8> {
    rgba.chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// An indexed picture with the colours in use, or RGB(A) if they are over 256.
fn compact(width: u32, height: u32, palette: &[[u8; 4]], indices: &[u16]) -> Picture {
    let palette: Vec<[u8; 4]> = palette.iter().copied().map(hidden_as_zero).collect();
    let mut used = vec![false; palette.len()];
    for &index in indices {
        used[usize::from(index)] = true;
    }
    if let Some((kept, moved)) = colors_in_use(&palette, &used) {
        return Picture::Indexed {
            width,
            height,
            palette: kept,
            indices: indices
                .iter()
                .map(|&index| moved[usize::from(index)])
                .collect(),
        };
    }
    let data: Vec<u8> = indices
        .iter()
        .flat_map(|&index| palette[usize::from(index)])
        .collect();
    if AlphaUse::of(&data, 4) == AlphaUse::Opaque {
        Picture::Rgb8 {
            width,
            height,
            data: without_alpha(&data),
        }
    } else {
        Picture::Rgba8 {
            width,
            height,
            data,
        }
    }
}

/// The colours that are used, each once, those with transparency first, and for
/// each palette entry its position among them; nothing if they are over 256.
fn colors_in_use(palette: &[[u8; 4]], used: &[bool]) -> Option<(Vec<[u8; 4]>, Vec<u16>)> {
    let mut kept: Vec<[u8; 4]> = Vec::with_capacity(256);
    let mut moved = vec![0_u16; palette.len()];
    for opaque in [false, true] {
        for (entry, &color) in palette.iter().enumerate() {
            if !used[entry] || (color[3] == 255) != opaque {
                continue;
            }
            let position = kept.iter().position(|&other| other == color);
            let position = match position {
                Some(position) => position,
                None if kept.len() == 256 => return None,
                None => {
                    kept.push(color);
                    kept.len() - 1
                }
            };
            moved[entry] = u16::try_from(position).ok()?;
        }
    }
    Some((kept, moved))
}

/// All ways to be invisible are one colour.
const fn hidden_as_zero(color: [u8; 4]) -> [u8; 4] {
    if color[3] == 0 { [0; 4] } else { color }
}

#[cfg(test)]
mod tests {
    use super::{Picture, transparent};

    #[test]
    fn a_palette_keeps_each_used_colour_once_with_the_translucent_ones_first() {
        let red = [255, 0, 0, 255];
        let unused = [0, 255, 0, 255];
        let picture = Picture::Indexed {
            width: 5,
            height: 1,
            palette: vec![red, unused, red, [9, 9, 9, 0], [0, 0, 255, 128]],
            indices: vec![0, 2, 3, 4, 0],
        };
        assert_eq!(
            picture.reduced().into_owned(),
            Picture::Indexed {
                width: 5,
                height: 1,
                palette: vec![[0; 4], [0, 0, 255, 128], red],
                indices: vec![2, 2, 0, 1, 2],
            }
        );
    }

    #[test]
    fn a_full_colormap_and_a_nodata_colour_become_rgba() {
        let mut palette: Vec<[u8; 4]> = (0..=255).map(|level| [level, 0, 0, 255]).collect();
        palette.push([0; 4]);
        let indexed = |width, indices| Picture::Indexed {
            width,
            height: 1,
            palette: palette.clone(),
            indices,
        };
        let all = indexed(257, (0..257).collect());
        assert!(matches!(
            all.reduced().into_owned(),
            Picture::Rgba8 { data, .. } if data[4..8] == [1, 0, 0, 255] && data[1024..] == [0; 4]
        ));
        let some = indexed(256, (1..257).collect());
        assert!(matches!(
            some.reduced().into_owned(),
            Picture::Indexed { palette, .. } if palette.len() == 256
        ));
    }

    #[test]
    fn a_picture_without_a_visible_pixel_is_the_transparent_one() {
        let hidden = Picture::GrayAlpha8 {
            width: 2,
            height: 1,
            data: vec![7, 0, 8, 0],
        };
        assert_eq!(hidden.reduced().into_owned(), transparent(2, 1));
    }
}
