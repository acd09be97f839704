//! Reflectance in four bands, and how it changes over the demo's two months.

/// Red, green, blue and near infrared, as surface reflectance times 10 000.
pub(super) type Spectrum = [f32; 4];

/// Reflectance at the beginning of August and at the end of September.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Season {
    start: Spectrum,
    end: Spectrum,
}

impl Season {
    /// From the two ends.
    pub(super) fn new(start: [u16; 4], end: [u16; 4]) -> Self {
        Self {
            start: start.map(f32::from),
            end: end.map(f32::from),
        }
    }

    /// The same all along.
    pub(super) fn steady(spectrum: [u16; 4]) -> Self {
        Self::new(spectrum, spectrum)
    }

    /// The reflectance at `time`, 0 at the beginning and 1 at the end.
    pub(super) fn at(&self, time: f32) -> Spectrum {
        std::array::from_fn(|band| self.start[band] + (self.end[band] - self.start[band]) * time)
    }

    /// Moves by `share` towards another, in all bands.
    pub(super) fn mix(&mut self, other: &Self, share: f64) {
        let share = single(share.clamp(0.0, 1.0));
        for band in 0..4 {
            self.start[band] += (other.start[band] - self.start[band]) * share;
            self.end[band] += (other.end[band] - self.end[band]) * share;
        }
    }

    /// Brightens or darkens all bands alike.
    pub(super) fn scale(&mut self, factor: f64) {
        let factor = single(factor);
        for band in 0..4 {
            self.start[band] *= factor;
            self.end[band] *= factor;
        }
    }
}

/// Normalised difference vegetation index.
pub(super) fn ndvi([red, _, _, nir]: Spectrum) -> f32 {
    (nir - red) / (nir + red).max(1.0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a factor of a reflectance of four digits"
)]
fn single(value: f64) -> f32 {
    value as f32
}
