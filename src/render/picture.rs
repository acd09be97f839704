//! A finished picture: pixels after rescale, colormap and mask, before a file
//! format is chosen.

use std::borrow::Cow;

use thiserror::Error;

/// A picture, row by row from the top left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: Pixels,
}

/// Pixels ready to be encoded.
///
/// All samples are 8 bit sRGB and alpha is straight (not premultiplied). The painter
/// picks the variant with the least to write, so that holes rarely cost an alpha
/// channel: where a picture leaves a colour unused, that colour marks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pixels {
    /// One gray sample per pixel.
    Gray {
        /// Gray samples.
        data: Vec<u8>,
        /// Pixels of this gray are transparent.
        hole: Option<u8>,
    },
    /// Gray and alpha, interleaved.
    GrayAlpha {
        /// Gray, alpha, gray, alpha, …
        data: Vec<u8>,
    },
    /// Red, green and blue, interleaved.
    Rgb {
        /// Red, green, blue, red, …
        data: Vec<u8>,
        /// Pixels of this colour are transparent.
        hole: Option<[u8; 3]>,
    },
    /// Red, green, blue and alpha, interleaved.
    Rgba {
        /// Red, green, blue, alpha, red, …
        data: Vec<u8>,
    },
    /// Positions in a table of at most 256 colours.
    Indexed {
        /// Red, green, blue, alpha of each entry, those with transparency first, and
        /// only colours that the picture shows.
        palette: Vec<[u8; 4]>,
        /// One position in `palette` per pixel.
        indices: Vec<u8>,
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
    /// A palette longer than indices can tell.
    #[error("a palette has at most 256 colours, this one has {0}")]
    Palette(usize),
    /// A pixel names a colour that the palette does not have.
    #[error("a pixel has palette index {index}, the palette has {colors} colours")]
    Index {
        /// The index that was found.
        index: u8,
        /// Number of palette entries.
        colors: usize,
    },
}

/// A picture that shows nothing.
#[must_use]
pub fn transparent(width: u32, height: u32) -> Picture {
    Picture::filled(width, height, [0; 4])
}

impl Picture {
    /// A picture of one colour.
    #[must_use]
    pub fn filled(width: u32, height: u32, color: [u8; 4]) -> Self {
        Self {
            width,
            height,
            pixels: Pixels::Indexed {
                palette: vec![color],
                indices: vec![0; width as usize * height as usize],
            },
        }
    }

    /// A picture of pixels that were made elsewhere than in the painter.
    ///
    /// # Errors
    /// [`PictureError`] if size, buffer and palette do not agree.
    pub fn new(width: u32, height: u32, pixels: Pixels) -> Result<Self, PictureError> {
        let picture = Self {
            width,
            height,
            pixels,
        };
        picture.check()?;
        Ok(picture)
    }

    /// Pixels per row and number of rows.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The pixels.
    #[must_use]
    pub const fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// Whether every pixel is opaque.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        match &self.pixels {
            Pixels::Gray { hole, .. } => hole.is_none(),
            Pixels::Rgb { hole, .. } => hole.is_none(),
            Pixels::GrayAlpha { data } => data.iter().skip(1).step_by(2).all(|a| *a == 255),
            Pixels::Rgba { data } => data.iter().skip(3).step_by(4).all(|a| *a == 255),
            Pixels::Indexed { palette, .. } => palette.iter().all(|color| color[3] == 255),
        }
    }

    /// Whether it is the picture that [`transparent`] makes.
    pub(super) fn is_transparent(&self) -> bool {
        matches!(&self.pixels, Pixels::Indexed { palette, .. } if palette[..] == [[0; 4]])
    }

    /// Red, green, blue and alpha of every pixel. Holes are 0 in all four.
    #[must_use]
    pub fn to_rgba(&self) -> Cow<'_, [u8]> {
        let opaque = |color: [u8; 3], hole: bool| {
            let [red, green, blue] = color;
            if hole {
                [0; 4]
            } else {
                [red, green, blue, 255]
            }
        };
        let (width, height) = self.size();
        let mut rgba = Vec::with_capacity(4 * width as usize * height as usize);
        match &self.pixels {
            Pixels::Rgba { data } => return Cow::Borrowed(data),
            Pixels::Gray { data, hole } => {
                rgba.extend((data.iter()).flat_map(|&gray| opaque([gray; 3], *hole == Some(gray))));
            }
            Pixels::GrayAlpha { data } => {
                rgba.extend((data.chunks_exact(2)).flat_map(|p| [p[0], p[0], p[0], p[1]]));
            }
            Pixels::Rgb { data, hole } => rgba.extend(data.chunks_exact(3).flat_map(|p| {
                let color = [p[0], p[1], p[2]];
                opaque(color, *hole == Some(color))
            })),
            Pixels::Indexed { palette, indices } => {
                rgba.extend((indices.iter()).flat_map(|&index| palette[usize::from(index)]));
            }
        }
        Cow::Owned(rgba)
    }

    /// The same on a background of a colour: nothing of it is transparent.
    #[must_use]
    pub fn over(mut self, background: [u8; 3]) -> Self {
        if self.is_opaque() {
            return self;
        }
        let blend = |color: &[u8]| -> [u8; 3] {
            let alpha = u32::from(color[3]);
            std::array::from_fn(|n| {
                let sum = u32::from(color[n]) * alpha + u32::from(background[n]) * (255 - alpha);
                // A weighted mean of bytes is one.
                u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
            })
        };
        if let Pixels::Indexed { palette, .. } = &mut self.pixels {
            for color in palette {
                let [red, green, blue] = blend(color);
                *color = [red, green, blue, 255];
            }
            return self;
        }
        let data = self.to_rgba().chunks_exact(4).flat_map(blend).collect();
        self.pixels = Pixels::Rgb { data, hole: None };
        self
    }

    fn check(&self) -> Result<(), PictureError> {
        let (kind, samples, actual) = match &self.pixels {
            Pixels::Gray { data, .. } => ("gray", 1, data.len()),
            Pixels::GrayAlpha { data } => ("gray and alpha", 2, data.len()),
            Pixels::Rgb { data, .. } => ("RGB", 3, data.len()),
            Pixels::Rgba { data } => ("RGBA", 4, data.len()),
            Pixels::Indexed { indices, .. } => ("palette", 1, indices.len()),
        };
        let (width, height) = self.size();
        if width == 0 || height == 0 {
            return Err(PictureError::Empty { width, height });
        }
        // Two sides of 32 bits are 64 bits at most.
        let expected = (u64::from(width) * u64::from(height)).saturating_mul(samples);
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
        if let Pixels::Indexed { palette, indices } = &self.pixels {
            let colors = palette.len();
            if colors > 256 {
                return Err(PictureError::Palette(colors));
            }
            let highest = indices.iter().copied().max().unwrap_or(0);
            if usize::from(highest) >= colors {
                return Err(PictureError::Index {
                    index: highest,
                    colors,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Picture, PictureError, Pixels, transparent};

    #[test]
    fn pictures_that_contradict_themselves_are_refused() {
        let rgba = |data| Picture::new(32, 32, Pixels::Rgba { data }).unwrap_err();
        assert_eq!(
            rgba(vec![0; 5]),
            PictureError::Length {
                kind: "RGBA",
                width: 32,
                height: 32,
                expected: 4096,
                actual: 5
            }
        );
        let indexed = |colors, index| Pixels::Indexed {
            palette: vec![[0; 4]; colors],
            indices: vec![index; 2],
        };
        assert_eq!(
            Picture::new(2, 1, indexed(2, 2)),
            Err(PictureError::Index {
                index: 2,
                colors: 2
            })
        );
        assert_eq!(
            Picture::new(2, 1, indexed(257, 0)),
            Err(PictureError::Palette(257))
        );
        assert!(matches!(
            Picture::new(0, 4, Pixels::Rgba { data: Vec::new() }),
            Err(PictureError::Empty { .. })
        ));
    }

    #[test]
    fn holes_are_transparent_and_everything_else_is_not() {
        let gray = Pixels::Gray {
            data: vec![7, 8],
            hole: Some(8),
        };
        let picture = Picture::new(2, 1, gray).unwrap();
        assert!(!picture.is_opaque());
        assert_eq!(picture.to_rgba()[..], [7, 7, 7, 255, 0, 0, 0, 0]);
        let rgb = Pixels::Rgb {
            data: vec![1, 2, 3, 1, 2, 4],
            hole: Some([1, 2, 4]),
        };
        let picture = Picture::new(1, 2, rgb).unwrap();
        assert!(!picture.is_opaque());
        assert_eq!(picture.to_rgba()[..], [1, 2, 3, 255, 0, 0, 0, 0]);
        assert!(transparent(3, 2).is_transparent());
        assert_eq!(transparent(3, 2).to_rgba()[..], [0; 24]);
    }

    #[test]
    fn on_a_background_nothing_is_transparent() {
        let red = [255, 0, 0];
        let picture = |pixels| Picture::new(2, 1, pixels).unwrap().over(red);
        let rgb = picture(Pixels::Rgb {
            data: vec![1, 2, 3, 9, 9, 9],
            hole: Some([9; 3]),
        });
        assert!(rgb.is_opaque());
        assert_eq!(rgb.to_rgba()[..], [1, 2, 3, 255, 255, 0, 0, 255]);
        let rgba = picture(Pixels::Rgba {
            data: vec![0, 0, 255, 51, 7, 8, 9, 255],
        });
        assert_eq!(rgba.to_rgba()[..], [204, 0, 51, 255, 7, 8, 9, 255]);
        let nothing = transparent(2, 1).over(red);
        assert!(nothing.is_opaque());
        assert_eq!(nothing.to_rgba()[..], [255, 0, 0, 255, 255, 0, 0, 255]);
        let gray = Pixels::Gray {
            data: vec![1, 2],
            hole: None,
        };
        assert_eq!(picture(gray.clone()).pixels(), &gray);
    }
}
