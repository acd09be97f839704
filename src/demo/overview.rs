//! Overviews: a raster at half its resolution, and half of that.

use super::tiff::Sample;

/// How an overview pixel comes from the four pixels it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downsampling {
    /// The mean of the pixels that hold data, rounded half up; nodata where none does.
    Average,
    /// The upper left pixel, for classes.
    Nearest,
}

/// A resolution on its way down the pyramid.
pub(super) struct Reduced<T> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Vec<T>,
    nodata: Option<T>,
}

impl<T: Sample> Reduced<T> {
    /// Full resolution.
    pub(super) fn of(width: u32, height: u32, samples: &[T], nodata: Option<T>) -> Self {
        Self {
            width,
            height,
            samples: samples.to_vec(),
            nodata,
        }
    }

    /// The next resolution, half as wide and high, rounded up.
    pub(super) fn halve(&self, method: Downsampling) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut samples = Vec::with_capacity(width as usize * height as usize);
        for row in 0..height {
            for column in 0..width {
                samples.push(match method {
                    Downsampling::Nearest => self.at(2 * column, 2 * row),
                    Downsampling::Average => self.mean(2 * column, 2 * row),
                });
            }
        }
        Self {
            width,
            height,
            samples,
            nodata: self.nodata,
        }
    }

    fn at(&self, column: u32, row: u32) -> T {
        self.samples[row as usize * self.width as usize + column as usize]
    }

    fn mean(&self, column: u32, row: u32) -> T {
        let (mut sum, mut valid) = (0_i32, 0_i32);
        for row in row..(row + 2).min(self.height) {
            for column in column..(column + 2).min(self.width) {
                let sample = self.at(column, row);
                if Some(sample) != self.nodata {
                    sum += sample.into();
                    valid += 1;
                }
            }
        }
        match (valid, self.nodata) {
            (0, Some(nodata)) => nodata,
            _ => T::truncate((sum + valid / 2).div_euclid(valid)),
        }
    }
}
