//! From samples to colours: rescale, colormap, transparency.

use super::{colormap::Colormap, picture::Picture};
use crate::{grid::Shape, raster::Raster};

/// How samples are shown.
#[derive(Clone, Debug)]
pub struct Style {
    /// Display range of each variable.
    pub rescale: Vec<[f64; 2]>,
    /// Colours of a single variable.
    pub colormap: Option<Colormap>,
    /// Samples of this value are transparent.
    pub nodata: u16,
}

/// Why samples cannot be shown so.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum StyleError {
    /// Neither one nor three variables.
    #[error("a picture is made of one variable or of three (red, green, blue), not of {0}")]
    Variables(usize),
    /// A colormap for several variables.
    #[error("a colormap colours one variable, and there are {0}")]
    ColormapOfMany(usize),
    /// The number of ranges does not fit.
    #[error(
        "`rescale` is given {given} times for {variables} variables: once for all, or once for each"
    )]
    Ranges {
        /// Ranges given.
        given: usize,
        /// Variables asked for.
        variables: usize,
    },
    /// A range that does not rise.
    #[error("`rescale={0},{1}` does not rise: write min,max with min < max")]
    Range(f64, f64),
}

/// The range of the sample type, which is shown where no range is given.
const FULL_RANGE: [f64; 2] = [0.0, 65535.0];

impl Style {
    /// A style for so many variables; one range may serve all.
    ///
    /// # Errors
    /// If the parts do not fit together.
    pub fn new(
        variables: usize,
        rescale: &[[f64; 2]],
        colormap: Option<Colormap>,
        nodata: u16,
    ) -> Result<Self, StyleError> {
        if !matches!(variables, 1 | 3) {
            return Err(StyleError::Variables(variables));
        }
        if colormap.is_some() && variables != 1 {
            return Err(StyleError::ColormapOfMany(variables));
        }
        let rescale = match rescale {
            [] => vec![FULL_RANGE; variables],
            [one] => vec![*one; variables],
            many if many.len() == variables => many.to_vec(),
            many => {
                return Err(StyleError::Ranges {
                    given: many.len(),
                    variables,
                });
            }
        };
        let rises = |[min, max]: &&[f64; 2]| min.is_finite() && max.is_finite() && min < max;
        match rescale.iter().find(|range| !rises(range)) {
            Some([min, max]) => Err(StyleError::Range(*min, *max)),
            None => Ok(Self {
                rescale,
                colormap,
                nodata,
            }),
        }
    }

    /// A text that is the same for equal styles.
    #[must_use]
    pub fn canonical(&self) -> String {
        let colormap = self.colormap.as_ref().map_or("", |c| c.name());
        format!("{:?} {colormap} {}", self.rescale, self.nodata)
    }

    /// Paints rasters of one shape, one a variable. A pixel is transparent if
    /// any variable is nodata there.
    #[must_use]
    pub fn paint(&self, rasters: &[Raster<u16>], shape: Shape) -> Picture {
        // A tile's side is far below 2^32.
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (width, height) = (size(shape.cols), size(shape.rows));
        match (rasters, &self.colormap) {
            ([one], Some(colormap)) => {
                /// The place of the transparent colour, after those of the map.
                const TRANSPARENT: u16 = 256;
                let indices = one.data.iter().map(|value| {
                    if *value == self.nodata {
                        TRANSPARENT
                    } else {
                        u16::from(byte(*value, self.rescale[0]))
                    }
                });
                let mut palette = colormap.colors().to_vec();
                palette.push([0; 4]);
                Picture::Indexed {
                    width,
                    height,
                    indices: indices.collect(),
                    palette,
                }
            }
            ([one], None) => Picture::GrayAlpha8 {
                width,
                height,
                data: (one.data.iter())
                    .flat_map(|value| {
                        if *value == self.nodata {
                            [0, 0]
                        } else {
                            [byte(*value, self.rescale[0]), 255]
                        }
                    })
                    .collect(),
            },
            (many, _) => {
                let mut data = Vec::with_capacity(4 * shape.rows * shape.cols);
                for pixel in 0..shape.rows * shape.cols {
                    if many.iter().any(|raster| raster.data[pixel] == self.nodata) {
                        data.extend([0; 4]);
                        continue;
                    }
                    data.extend(
                        std::iter::zip(many, &self.rescale)
                            .map(|(raster, range)| byte(raster.data[pixel], *range)),
                    );
                    data.push(255);
                }
                Picture::Rgba8 {
                    width,
                    height,
                    data,
                }
            }
        }
    }
}

/// A value in a display range as a byte. The fraction is cut, not rounded, as
/// rio-tiler does.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to 0..=255"
)]
fn byte(value: u16, [min, max]: [f64; 2]) -> u8 {
    let scaled = (f64::from(value).clamp(min, max) - min) / (max - min) * 255.0;
    scaled as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rows: 1, cols: 4 };

    fn raster(data: [u16; 4]) -> Raster<u16> {
        Raster {
            shape: SHAPE,
            data: data.to_vec(),
        }
    }

    #[test]
    fn a_value_is_clipped_scaled_and_cut() {
        assert_eq!(byte(1500, [0.0, 3000.0]), 127);
        assert_eq!(byte(9000, [0.0, 3000.0]), 255);
        assert_eq!(byte(5, [10.0, 20.0]), 0);
    }

    #[test]
    fn three_variables_are_red_green_and_blue_and_transparent_where_one_is_missing() {
        let style = Style::new(3, &[[0.0, 255.0]], None, 0).unwrap();
        let bands = [
            raster([1, 0, 3, 9]),
            raster([4, 5, 6, 9]),
            raster([7, 8, 9, 9]),
        ];
        let Picture::Rgba8 { data, .. } = style.paint(&bands, SHAPE) else {
            panic!("three variables make RGBA");
        };
        assert_eq!(data[..12], [1, 4, 7, 255, 0, 0, 0, 0, 3, 6, 9, 255]);
    }

    #[test]
    fn one_variable_is_gray_or_coloured() {
        let gray = Style::new(1, &[[0.0, 255.0]], None, 0).unwrap();
        let Picture::GrayAlpha8 { data, .. } = gray.paint(&[raster([0, 1, 2, 255])], SHAPE) else {
            panic!("one variable makes gray");
        };
        assert_eq!(data, [0, 0, 1, 255, 2, 255, 255, 255]);
        let viridis = Colormap::named("viridis").unwrap();
        let coloured = Style::new(1, &[[0.0, 255.0]], Some(viridis.clone()), 0).unwrap();
        let Picture::Indexed {
            palette, indices, ..
        } = coloured.paint(&[raster([0, 1, 2, 255])], SHAPE)
        else {
            panic!("a colormap makes indices");
        };
        assert_eq!(palette[usize::from(indices[3])], viridis.colors()[255]);
        assert_eq!(palette[usize::from(indices[0])], [0; 4]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let viridis = Colormap::named("viridis").ok();
        assert_eq!(
            Style::new(2, &[], None, 0).unwrap_err(),
            StyleError::Variables(2)
        );
        assert_eq!(
            Style::new(3, &[], viridis, 0).unwrap_err(),
            StyleError::ColormapOfMany(3)
        );
        assert!(Style::new(3, &[[0.0, 1.0], [0.0, 1.0]], None, 0).is_err());
        assert!(Style::new(1, &[[5.0, 5.0]], None, 0).is_err());
        assert!(Style::new(1, &[[f64::NAN, 5.0]], None, 0).is_err());
    }
}
