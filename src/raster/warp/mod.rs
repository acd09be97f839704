//! Samples of one grid at the pixel centres of another.
//!
//! Each target pixel is computed by itself from its position and from a ratio
//! that is one for the whole image, so a target that is cut into chunks, or a
//! source that is read in parts, gives the same values to the bit. GDAL's
//! warper with an exact transformer (`tolerance=0`) gives the same as
//! [`Kernel::Nearest`]; with `XSCALE=1, YSCALE=1` also as [`Kernel::Bilinear`]
//! and [`Kernel::Cubic`], and with the inverse of the ratio, bilinear, as
//! [`Kernel::Antialiased`]. `tests/it/warp.rs` compares all of them with it.

mod area;
mod kernel;
mod pixels;
mod point;

pub use kernel::{CellRatio, Kernel};

use super::{Raster, Sample};
use crate::grid::{GeoTransform, Shape, Window};
use pixels::Pixels;

/// Where each pixel centre of a target window is in a source's CRS, row by
/// row: `x[i]`, `y[i]`; not finite where the projection has no answer.
#[derive(Clone, Debug)]
pub struct Positions {
    /// Rows and columns of the target window.
    pub shape: Shape,
    /// World x in the source CRS.
    pub x: Vec<f64>,
    /// World y in the source CRS.
    pub y: Vec<f64>,
}

/// A part of an image that was read: the samples of `window`, and the place
/// and size of the whole image (or overview) that they belong to.
#[derive(Clone, Debug)]
pub struct Patch<T> {
    /// The samples of `window`.
    pub raster: Raster<T>,
    /// Which part of the image was read.
    pub window: Window,
    /// Pixel to world, of the whole image.
    pub transform: GeoTransform,
    /// Samples of this value count as missing, as NaN always does.
    pub nodata: Option<T>,
}

/// World to pixel, by an inverted geotransform as in GDAL
/// (`GDALInvGeoTransform`): it rounds as there, and to multiply costs less than
/// to divide.
#[derive(Clone, Copy, Debug)]
struct ToPixel {
    col_at_zero: f64,
    cols_per_unit: f64,
    row_at_zero: f64,
    rows_per_unit: f64,
}

impl ToPixel {
    fn new(transform: &GeoTransform) -> Self {
        Self {
            col_at_zero: -transform.origin_x / transform.cell_width,
            cols_per_unit: 1.0 / transform.cell_width,
            row_at_zero: -transform.origin_y / transform.cell_height,
            rows_per_unit: 1.0 / transform.cell_height,
        }
    }

    fn col(&self, x: f64) -> f64 {
        self.col_at_zero + x * self.cols_per_unit
    }

    fn row(&self, y: f64) -> f64 {
        self.row_at_zero + y * self.rows_per_unit
    }
}

/// Samples `source` at `positions` into `out`, which has their shape: all of
/// them, or those that are `wanted`. The others, and those without a valid
/// value, become `missing`.
///
/// `ratio` is for kernels that cover a cell; the others do not look at it. The
/// source has to have been read as far around the positions as
/// [`Kernel::reach`] says, or to end there.
///
/// A mean of valid samples is written even if it happens to be `missing`: with
/// unsigned samples and 0 for missing, none is.
///
/// # Panics
/// If `out` or `wanted` do not have as many pixels as there are positions.
pub fn warp_into<T: Sample>(
    source: &Patch<T>,
    positions: &Positions,
    kernel: Kernel,
    ratio: CellRatio,
    wanted: Option<&[bool]>,
    missing: T,
    out: &mut Raster<T>,
) {
    assert_eq!(out.shape, positions.shape, "a raster for other positions");
    if let Some(wanted) = wanted {
        assert_eq!(
            wanted.len(),
            out.data.len(),
            "a selection of other positions"
        );
    }
    let target = Target {
        to_pixel: ToPixel::new(&source.transform),
        positions,
        wanted,
        missing,
        out: &mut out.data,
    };
    let is_number = |value: T| !value.to_f64().is_nan();
    // Two copies of each loop, so that the test in it is as small as it can be.
    match source.nodata {
        Some(nodata) => target.fill_by(
            kernel,
            ratio,
            &Pixels::new(source, |value| value != nodata && is_number(value)),
        ),
        None => target.fill_by(kernel, ratio, &Pixels::new(source, is_number)),
    }
}

/// [`warp_into`] a new raster, all positions.
#[must_use]
pub fn warp<T: Sample>(
    source: &Patch<T>,
    positions: &Positions,
    kernel: Kernel,
    ratio: CellRatio,
    missing: T,
) -> Raster<T> {
    let mut out = Raster::filled(positions.shape, missing);
    warp_into(source, positions, kernel, ratio, None, missing, &mut out);
    out
}

/// What is written, and where.
struct Target<'a, T> {
    to_pixel: ToPixel,
    positions: &'a Positions,
    wanted: Option<&'a [bool]>,
    missing: T,
    out: &'a mut [T],
}

impl<T: Sample> Target<'_, T> {
    fn fill_by(self, kernel: Kernel, ratio: CellRatio, pixels: &Pixels<'_, T, impl Fn(T) -> bool>) {
        let cell = ratio.at_least_a_pixel();
        let hole = self.missing;
        let mut scratch = area::Scratch::default();
        match kernel {
            Kernel::Nearest => self.fill(|col, row| pixels.nearest(col, row)),
            Kernel::Bilinear => self.fill(|col, row| pixels.bilinear(col, row)),
            Kernel::Cubic => self.fill(|col, row| pixels.cubic(col, row, hole)),
            Kernel::Average => {
                self.fill(|col, row| pixels.average((col, row), cell, &mut scratch));
            }
            Kernel::Mode => self.fill(|col, row| pixels.mode((col, row), cell, &mut scratch)),
            Kernel::Antialiased => {
                self.fill(|col, row| pixels.antialiased((col, row), cell, &mut scratch));
            }
        }
    }

    #[inline]
    fn fill(self, mut sample: impl FnMut(f64, f64) -> Option<T>) {
        let Self {
            to_pixel,
            missing,
            wanted,
            out,
            positions,
        } = self;
        let places = std::iter::zip(&positions.x, &positions.y);
        let mut value_at =
            |(x, y): (&f64, &f64)| sample(to_pixel.col(*x), to_pixel.row(*y)).unwrap_or(missing);
        let pixels = std::iter::zip(out, places);
        match wanted {
            None => {
                for (pixel, place) in pixels {
                    *pixel = value_at(place);
                }
            }
            Some(wanted) => {
                for ((pixel, place), is_wanted) in std::iter::zip(pixels, wanted) {
                    *pixel = if *is_wanted { value_at(place) } else { missing };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
