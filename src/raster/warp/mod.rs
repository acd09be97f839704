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
use pixels::{Frame, Pixels};

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

/// Samples several sources of one place, such as the bands of a scene, at
/// `positions`: all of them, or those that are `wanted`. The others, and those
/// without a valid value, become `missing`. One raster a source, of the shape
/// of the positions.
///
/// `ratio` is for kernels that cover a cell; the others do not look at it. A
/// source has to have been read as far around the positions as
/// [`Kernel::reach`] says, or to end there.
///
/// A mean of valid samples is written even if it happens to be `missing`: with
/// unsigned samples and 0 for missing, none is.
///
/// # Panics
/// If the sources do not share their transform and window, or `wanted` does not
/// have as many pixels as there are positions.
#[must_use]
pub fn warp_together<T: Sample>(
    sources: &[Patch<T>],
    positions: &Positions,
    kernel: Kernel,
    ratio: CellRatio,
    wanted: Option<&[bool]>,
    missing: T,
) -> Vec<Raster<T>> {
    let Some(first) = sources.first() else {
        return Vec::new();
    };
    let place = |source: &Patch<T>| (source.transform, source.window);
    let is_of_one_place = |source: &Patch<T>| place(source) == place(first);
    assert!(
        sources.iter().all(is_of_one_place),
        "sources of other places"
    );
    if let Some(wanted) = wanted {
        assert_eq!(
            wanted.len(),
            positions.x.len(),
            "a selection of other positions"
        );
    }
    let mut outs = vec![Raster::filled(positions.shape, missing); sources.len()];
    let target = Target {
        to_pixel: ToPixel::new(&first.transform),
        frame: Frame::new(first.window),
        positions,
        wanted,
        missing,
        outs: &mut outs,
    };
    let is_number = |value: T| !value.to_f64().is_nan();
    let nodata: Option<Vec<T>> = sources.iter().map(|source| source.nodata).collect();
    // Two copies of each loop, so that the test in it is as small as it can be.
    if let Some(nodata) = nodata {
        let pixels: Vec<_> = std::iter::zip(sources, nodata)
            .map(|(source, nodata)| {
                Pixels::new(source, move |value| value != nodata && is_number(value))
            })
            .collect();
        target.fill_by(kernel, ratio, &pixels);
    } else {
        let pixels: Vec<_> = sources
            .iter()
            .map(|source| {
                let nodata = source.nodata;
                Pixels::new(source, move |value| {
                    nodata.is_none_or(|nodata| value != nodata) && is_number(value)
                })
            })
            .collect();
        target.fill_by(kernel, ratio, &pixels);
    }
    outs
}

/// [`warp_together`] of one source, all positions.
#[must_use]
pub fn warp<T: Sample>(
    source: &Patch<T>,
    positions: &Positions,
    kernel: Kernel,
    ratio: CellRatio,
    missing: T,
) -> Raster<T> {
    let source = std::slice::from_ref(source);
    let mut outs = warp_together(source, positions, kernel, ratio, None, missing);
    outs.swap_remove(0)
}

/// What is told of the valid samples in a cell of `ratio` around each position,
/// of each with how much of its pixel lies there; `missing` where there is none.
/// Unlike those of [`Kernel`], a cell may be smaller than a pixel.
pub(super) fn over_cells<T: Sample>(
    source: &Patch<T>,
    positions: &Positions,
    ratio: CellRatio,
    missing: T,
    tell: impl Fn(&mut [(T, f64)]) -> Option<T>,
) -> Raster<T> {
    let mut out = Raster::filled(positions.shape, missing);
    let target = Target {
        to_pixel: ToPixel::new(&source.transform),
        frame: Frame::new(source.window),
        positions,
        wanted: None,
        missing,
        outs: std::slice::from_mut(&mut out),
    };
    let nodata = source.nodata;
    let pixels = Pixels::new(source, move |value: T| {
        nodata.is_none_or(|nodata| value != nodata) && !value.to_f64().is_nan()
    });
    let cell = ratio.bounded();
    let mut scratch = area::Scratch::default();
    target.fill_each(&[pixels], |pixels, place| {
        pixels.told(place, cell, &mut scratch, &tell)
    });
    out
}

/// What is written, and where.
struct Target<'a, T> {
    to_pixel: ToPixel,
    frame: Frame,
    positions: &'a Positions,
    wanted: Option<&'a [bool]>,
    missing: T,
    outs: &'a mut [Raster<T>],
}

/// Positions that are placed in the image before the first source is sampled:
/// few enough to stay in the nearest cache until the last is.
const BLOCK: usize = 512;

impl<T: Sample> Target<'_, T> {
    fn fill_by<V: Fn(T) -> bool>(
        self,
        kernel: Kernel,
        ratio: CellRatio,
        sources: &[Pixels<'_, T, V>],
    ) {
        let cell = ratio.at_least_a_pixel();
        let hole = self.missing;
        let mut scratch = area::Scratch::default();
        match kernel {
            Kernel::Nearest => self.fill(sources, Frame::nearest, Pixels::valid, |_, _, _| None),
            Kernel::Bilinear => self.fill(
                sources,
                Frame::square,
                Pixels::bilinear_inside,
                Pixels::bilinear_at_an_edge,
            ),
            Kernel::Cubic => {
                self.fill_each(sources, |pixels, (col, row)| pixels.cubic(col, row, hole));
            }
            Kernel::Average => self.fill_each(sources, |pixels, place| {
                pixels.average(place, cell, &mut scratch)
            }),
            Kernel::Mode => self.fill_each(sources, |pixels, place| {
                pixels.mode(place, cell, &mut scratch)
            }),
            Kernel::Antialiased => self.fill_each(sources, |pixels, place| {
                pixels.antialiased(place, cell, &mut scratch)
            }),
        }
    }

    /// Fills by what each source has around each position, found anew.
    fn fill_each<P>(self, sources: &[P], sample: impl FnMut(&P, (f64, f64)) -> Option<T>) {
        let everywhere = |_: &Frame, col, row| Some((col, row));
        self.fill(sources, everywhere, sample, |_, _, _| None);
    }

    /// Fills by a `place`, which is found once for all sources, and what a
    /// source has there; where there is no place or the source has nothing,
    /// by what it has `otherwise`.
    #[inline]
    fn fill<P, Q: Copy>(
        self,
        sources: &[P],
        place: impl Fn(&Frame, f64, f64) -> Option<Q>,
        mut sample: impl FnMut(&P, Q) -> Option<T>,
        mut otherwise: impl FnMut(&P, f64, f64) -> Option<T>,
    ) {
        let Positions { x, y, .. } = self.positions;
        let position = |n: usize| (self.to_pixel.col(x[n]), self.to_pixel.row(y[n]));
        let mut places = Vec::with_capacity(BLOCK);
        let mut placeless = Vec::new();
        for start in (0..x.len()).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(x.len());
            places.clear();
            placeless.clear();
            let mut find = |n: usize| {
                let (col, row) = position(n);
                match place(&self.frame, col, row) {
                    Some(place) => places.push((n, place)),
                    None => placeless.push(n),
                }
            };
            match self.wanted {
                None => block.for_each(find),
                Some(wanted) => block.filter(|n| wanted[*n]).for_each(&mut find),
            }
            for (source, out) in std::iter::zip(sources, &mut *self.outs) {
                let mut otherwise = |n: usize| {
                    let (col, row) = position(n);
                    otherwise(source, col, row)
                };
                for (n, place) in &places {
                    if let Some(value) = sample(source, *place).or_else(|| otherwise(*n)) {
                        out.data[*n] = value;
                    }
                }
                for n in &placeless {
                    if let Some(value) = otherwise(*n) {
                        out.data[*n] = value;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
