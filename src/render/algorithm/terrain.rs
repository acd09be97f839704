//! Algorithms of heights.

use super::{
    super::Colormap,
    parameters::{AlgorithmError, Parameters},
};
use crate::{grid::Shape, raster::Raster};

/// How slopes are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Relief {
    /// Pixels on each side that are looked at and taken away.
    pub(super) buffer: usize,
    /// What heights are multiplied by.
    exaggeration: f64,
}

impl Relief {
    pub(super) fn of(given: &mut Parameters) -> Result<Self, AlgorithmError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 99"
        )]
        let buffer = given.whole("buffer", 3, 0..=99)? as usize;
        Ok(Self {
            buffer,
            exaggeration: given.number("z_exaggeration", 1.0, 1e-6..=1e6)?,
        })
    }

    pub(super) fn shaded(&self, heights: &Raster<f32>, azimuth: f64, altitude: f64) -> Raster<f32> {
        let azimuth = (360.0 - azimuth).to_radians();
        let (sine, cosine) = altitude.to_radians().sin_cos();
        self.each(heights, |down, right| {
            let slope = std::f64::consts::FRAC_PI_2 - (down * down + right * right).sqrt().atan();
            let aspect = (-down).atan2(right);
            let shaded = sine * slope.sin() + cosine * slope.cos() * (azimuth - aspect).cos();
            // The fraction of a byte is cut.
            (255.0 * (shaded + 1.0) / 2.0).max(0.0).floor()
        })
    }

    pub(super) fn slopes(&self, heights: &Raster<f32>, [width, height]: [f64; 2]) -> Raster<f32> {
        // `TiTiler` divides the change along a column by the width, and that along a row by
        // the height. Where they differ, what is right is done.
        self.each(heights, |down, right| {
            let (down, right) = (down / height.abs(), right / width.abs());
            (down * down + right * right).sqrt().atan().to_degrees()
        })
    }

    /// What changes of height a pixel, downwards and to the right, become.
    fn each(&self, heights: &Raster<f32>, of: impl Fn(f64, f64) -> f64) -> Raster<f32> {
        let Shape { rows, cols } = heights.shape;
        let buffer = self.buffer;
        let shape = Shape {
            rows: rows - 2 * buffer,
            cols: cols - 2 * buffer,
        };
        let at = |row: usize, col: usize| f64::from(heights.data[row * cols + col]);
        let places = (buffer..rows - buffer)
            .flat_map(|row| (buffer..cols - buffer).map(move |col| (row, col)));
        let data = places.map(|(row, col)| {
            let down = change(row, rows, |row| at(row, col)) * self.exaggeration;
            let right = change(col, cols, |col| at(row, col)) * self.exaggeration;
            if at(row, col).is_nan() || down.is_nan() || right.is_nan() {
                return f32::NAN;
            }
            #[expect(clippy::cast_possible_truncation, reason = "to the nearest f32")]
            let value = of(down, right) as f32;
            value
        });
        Raster {
            data: data.collect(),
            shape,
        }
    }
}

/// The change a pixel, as `numpy.gradient` has it: half the way from the pixel before to
/// the one after, and at an end the way to the other.
fn change(place: usize, len: usize, at: impl Fn(usize) -> f64) -> f64 {
    let (before, after) = (place.saturating_sub(1), (place + 1).min(len - 1));
    let way = at(after) - at(before);
    if after - before == 2 { way / 2.0 } else { way }
}

/// Lines over colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contours {
    increment: f64,
    thickness: f64,
    lowest: f64,
    highest: f64,
}

impl Contours {
    pub(super) fn of(given: &mut Parameters) -> Result<Self, AlgorithmError> {
        let found = Self {
            increment: given.whole("increment", 35, 0..=999)?,
            thickness: given.whole("thickness", 1, 0..=10)?,
            lowest: given.whole("minz", -12_000, -99_999..=99_999)?,
            highest: given.whole("maxz", 8000, -99_999..=99_999)?,
        };
        if found.lowest < found.highest {
            return Ok(found);
        }
        Err(AlgorithmError::Value {
            name: "maxz",
            value: found.highest.to_string(),
            kind: "a whole number",
            min: found.lowest + 1.0,
            max: 99_999.0,
        })
    }

    pub(super) fn drawn(&self, heights: &Raster<f32>) -> Vec<Raster<f32>> {
        let terrain = Colormap::named("terrain").ok();
        let colors = terrain.as_ref().map_or(&[[0; 4]; 256], Colormap::colors);
        let span = self.highest - self.lowest;
        three(heights, None, |height| {
            // With an increment of 0 the remainder is no number, and there is no line.
            if height.rem_euclid(self.increment) < self.thickness {
                return [0.0; 3];
            }
            let place = (height.clamp(self.lowest, self.highest) - self.lowest) / span;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 1 to 255, and the fraction is cut"
            )]
            let level = (place * 254.0 + 1.0) as usize;
            let [red, green, blue, _] = colors[level];
            [red, green, blue].map(f64::from)
        })
    }
}

/// Mapzen's encoding.
pub(super) fn terrarium(heights: &Raster<f32>, nodata: Option<f64>) -> Vec<Raster<f32>> {
    let encoded = |height: f64| {
        let height = (height + 32_768.0).clamp(0.0, 65_535.0);
        [height / 256.0, height % 256.0, (height * 256.0) % 256.0].map(f64::floor)
    };
    three(heights, nodata.map(encoded), encoded)
}

/// Mapbox's encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TerrainRgb {
    interval: f64,
    base: f64,
    nodata_height: Option<f64>,
}

impl TerrainRgb {
    pub(super) fn of(given: &mut Parameters) -> Result<Self, AlgorithmError> {
        Ok(Self {
            // Not from 0: nothing can be divided by it.
            interval: given.number("interval", 0.1, 1e-6..=1.0)?,
            base: given.number("baseval", -10_000.0, -99_999.0..=99_999.0)?,
            nodata_height: given.optional("nodata_height", -99_999.0..=99_999.0)?,
        })
    }

    /// Heights that three bytes cannot tell are the nearest that they can.
    pub(super) fn encoded(&self, heights: &Raster<f32>) -> Vec<Raster<f32>> {
        let steps = |height: f64| (height - self.base) / self.interval;
        let encoded = |steps: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "held in three bytes"
            )]
            let [_, red, green, blue] = (steps.clamp(0.0, 16_777_215.0) as u32).to_be_bytes();
            [red, green, blue].map(f64::from)
        };
        // As there, heights are rounded, and that of what is missing is cut.
        let missing = self.nodata_height.map(|height| encoded(steps(height)));
        three(heights, missing, |height| {
            encoded(steps(height).round_ties_even())
        })
    }
}

/// Three values for each height, and others or none for what is missing.
fn three(
    heights: &Raster<f32>,
    missing: Option<[f64; 3]>,
    of: impl Fn(f64) -> [f64; 3],
) -> Vec<Raster<f32>> {
    let mut all = vec![Raster::filled(heights.shape, f32::NAN); 3];
    for (pixel, height) in heights.data.iter().enumerate() {
        let known = Some(f64::from(*height)).filter(|height| !height.is_nan());
        let Some(values) = known.map(&of).or(missing) else {
            continue;
        };
        for (raster, value) in all.iter_mut().zip(values) {
            #[expect(clippy::cast_possible_truncation, reason = "a byte")]
            let value = value as f32;
            raster.data[pixel] = value;
        }
    }
    all
}
