//! `color_formula`: what is done to red, green and blue after the display range.
//!
//! Grammar and formulas are those of `color-operations` 0.4 (formerly `rio-color`), as
//! `TiTiler` applies them: to bytes, and bytes again after each operation.

use std::fmt::Write as _;

/// The most characters and operations of a formula.
const MAX_CHARS: usize = 256;
const MAX_OPERATIONS: usize = 8;

/// What is wrong with a formula.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`color_formula={text}`: {what}; write for example \"gamma RG 1.2, sigmoidal RGB 6 0.5, saturation 1.1\""
)]
pub struct FormulaError {
    text: String,
    what: String,
}

/// Operations on colours, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorFormula(Vec<Operation>);

#[derive(Clone, Debug, PartialEq)]
enum Operation {
    /// Of some of the channels.
    Channels([bool; 3], Curve),
    /// Of the chroma, in the LCH space.
    Saturation(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Curve {
    Gamma(f64),
    Sigmoidal { contrast: f64, bias: f64 },
}

impl ColorFormula {
    /// Reads a formula.
    ///
    /// # Errors
    /// If it is none, or too long.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let short: String = text.chars().take(MAX_CHARS).collect();
        let wrong = |what: String| FormulaError {
            text: short.clone(),
            what,
        };
        if short.len() < text.len() {
            return Err(wrong(format!("it has more than {MAX_CHARS} characters")));
        }
        let text = text.replace(',', " ").to_ascii_lowercase();
        let mut words = text.split_whitespace();
        let mut operations = Vec::new();
        while let Some(name) = words.next() {
            let operation = Operation::parse(name, &mut words).map_err(wrong)?;
            operations.push(operation);
        }
        match operations.len() {
            1..=MAX_OPERATIONS => Ok(Self(operations)),
            count => Err(wrong(format!(
                "it has {count} operations, and 1 to {MAX_OPERATIONS} can be done"
            ))),
        }
    }

    /// A text that is the same for equal formulas.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        for operation in &self.0 {
            let _infallible = write!(text, "{operation:?};");
        }
        text
    }

    /// Whether it can be done to the levels of a single variable.
    pub(super) fn is_of_levels(&self) -> bool {
        let is_curve = |operation: &Operation| matches!(operation, Operation::Channels(..));
        self.0.iter().all(is_curve)
    }

    /// What becomes of the levels of a single variable, which are its red.
    pub(super) fn levels(&self) -> [u8; 256] {
        let mut levels = [0; 256];
        for (level, entry) in (0_u8..=255).zip(&mut levels) {
            *entry = level;
        }
        for operation in &self.0 {
            if let Operation::Channels([true, ..], curve) = operation {
                let table = curve.table();
                levels = levels.map(|level| table[usize::from(level)]);
            }
        }
        levels
    }

    /// Changes the colours of pixels of red, green, blue and alpha that can be seen.
    pub(super) fn apply(&self, rgba: &mut [u8]) {
        for operation in &self.0 {
            match operation {
                Operation::Channels(channels, curve) => {
                    let table = curve.table();
                    for pixel in rgba.chunks_exact_mut(4).filter(|pixel| pixel[3] > 0) {
                        for (sample, is_changed) in pixel.iter_mut().zip(channels) {
                            if *is_changed {
                                *sample = table[usize::from(*sample)];
                            }
                        }
                    }
                }
                Operation::Saturation(factor) => {
                    for pixel in rgba.chunks_exact_mut(4).filter(|pixel| pixel[3] > 0) {
                        let rgb = [pixel[0], pixel[1], pixel[2]].map(|n| f64::from(n) / 255.0);
                        pixel[..3].copy_from_slice(&saturated(rgb, *factor).map(byte));
                    }
                }
            }
        }
    }
}

impl Operation {
    fn parse<'a>(name: &str, words: &mut impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut word = |what: &str| words.next().ok_or(format!("`{name}` lacks its {what}"));
        let channels = |text: &str| {
            let mut channels = [false; 3];
            for letter in text.chars() {
                let place = match letter {
                    'r' | '1' => 0,
                    'g' | '2' => 1,
                    'b' | '3' => 2,
                    _ => return Err(format!("`{text}` are no channels, as RGB, RG or B")),
                };
                channels[place] = true;
            }
            Ok(channels)
        };
        let number = |text: &str, what: &str, is_fit: fn(f64) -> bool| {
            let found = text.parse().ok().filter(|number: &f64| number.is_finite());
            let found = found.filter(|number| is_fit(*number));
            found.ok_or_else(|| format!("`{text}` is no {what}"))
        };
        match name {
            "gamma" => {
                let channels = channels(word("channels")?)?;
                let gamma = number(word("number")?, "number above 0", |n| n > 0.0)?;
                Ok(Self::Channels(channels, Curve::Gamma(gamma)))
            }
            "sigmoidal" => {
                let channels = channels(word("channels")?)?;
                let contrast = number(word("contrast")?, "contrast", |_| true)?;
                let bias = number(word("bias")?, "bias from 0 to 1", |n| {
                    (0.0..=1.0).contains(&n)
                })?;
                Ok(Self::Channels(
                    channels,
                    Curve::Sigmoidal { contrast, bias },
                ))
            }
            "saturation" => {
                let factor = number(word("factor")?, "factor from 0", |n| n >= 0.0)?;
                Ok(Self::Saturation(factor))
            }
            _ => Err(format!(
                "`{name}` is no operation: gamma, sigmoidal or saturation"
            )),
        }
    }
}

impl Curve {
    /// What becomes of each byte.
    fn table(self) -> [u8; 256] {
        let mut table = [0; 256];
        for (level, entry) in (0_u8..=255).zip(&mut table) {
            *entry = byte(self.of(f64::from(level) / 255.0));
        }
        table
    }

    /// Of a share from 0 to 1.
    fn of(self, share: f64) -> f64 {
        match self {
            Self::Gamma(gamma) => share.powf(1.0 / gamma),
            Self::Sigmoidal { contrast: 0.0, .. } => share,
            Self::Sigmoidal { contrast, bias } => {
                let bias = if bias > 0.0 { bias } else { f64::EPSILON };
                let least = 1.0 / (1.0 + (contrast * bias).exp());
                if contrast > 0.0 {
                    let at = |share: f64| 1.0 / (1.0 + (contrast * (bias - share)).exp()) - least;
                    at(share) / at(1.0)
                } else {
                    let whole = share / (1.0 + (contrast * bias - contrast).exp());
                    let inner = 1.0 / (whole - share * least + least) - 1.0;
                    (contrast * bias - inner.ln()) / contrast
                }
            }
        }
    }
}

/// The fraction is cut.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cutting the fraction is the point, and what is out of range saturates"
)]
fn byte(share: f64) -> u8 {
    (share * 255.0) as u8
}

/// The reference white of D65.
const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

const TO_XYZ: [[f64; 3]; 3] = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
];

const TO_RGB: [[f64; 3]; 3] = [
    [3.240_454_2, -1.537_138_5, -0.498_531_4],
    [-0.969_266_0, 1.876_010_8, 0.041_556_0],
    [0.055_643_4, -0.204_025_9, 1.057_225_2],
];

fn product(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
}

/// A colour whose chroma in the LCH space was multiplied: there and back over XYZ and Lab
/// (CIE 15), with the transfer of sRGB.
fn saturated(rgb: [f64; 3], factor: f64) -> [f64; 3] {
    const DELTA: f64 = 6.0 / 29.0;
    const INTERCEPT: f64 = 4.0 / 29.0;
    let linear = rgb.map(|share| {
        if share <= 0.040_45 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    });
    let xyz = product(&TO_XYZ, linear);
    let [x, y, z] = [0, 1, 2].map(|n| {
        let part = xyz[n] / WHITE[n];
        if part > DELTA.powi(3) {
            part.powf(1.0 / 3.0)
        } else {
            part / (3.0 * DELTA * DELTA) + INTERCEPT
        }
    });
    // Lightness stays, and so does the hue: a and b grow alike.
    let [x, z] = [y + (x - y) * factor, y - (y - z) * factor];
    let back = [x, y, z].map(|part| {
        if part > DELTA {
            part.powi(3)
        } else {
            3.0 * DELTA * DELTA * (part - INTERCEPT)
        }
    });
    let linear = product(&TO_RGB, [0, 1, 2].map(|n| back[n] * WHITE[n]));
    linear.map(|share| {
        let share = if share <= 0.003_130_8 {
            12.92 * share
        } else {
            1.055 * share.powf(1.0 / 2.4) - 0.055
        };
        share.clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLORS: [[u8; 3]; 7] = [
        [0, 0, 0],
        [255, 255, 255],
        [10, 100, 200],
        [200, 120, 40],
        [128, 128, 128],
        [1, 254, 77],
        [60, 61, 62],
    ];

    #[test]
    #[rustfmt::skip]
    fn colours_are_those_of_color_operations() {
        // By color-operations 0.4.0: bytes, each operation by itself. Its powers are of
        // another library, so a byte may be the next one.
        for (formula, expected) in [
            ("gamma RGB 2.2", [[0, 0, 0], [255, 255, 255], [58, 166, 228], [228, 181, 109], [186, 186, 186], [20, 254, 147], [132, 133, 134]]),
            ("gamma G 0.7", [[0, 0, 0], [255, 255, 255], [10, 66, 200], [200, 86, 40], [128, 95, 128], [1, 253, 77], [60, 33, 62]]),
            ("Sigmoidal RGB 6 0.5", [[0, 0, 0], [255, 255, 255], [3, 83, 225], [225, 115, 18], [128, 128, 128], [0, 254, 52], [34, 35, 36]]),
            ("sigmoidal rb -5 0.3", [[0, 0, 0], [254, 255, 254], [9, 100, 147], [147, 120, 34], [92, 128, 92], [1, 254, 60], [48, 61, 50]]),
            ("saturation 1.5", [[0, 0, 0], [254, 255, 254], [0, 100, 251], [219, 108, 0], [127, 128, 127], [0, 255, 0], [59, 61, 62]]),
            ("saturation 0", [[0, 0, 0], [255, 255, 255], [102, 102, 102], [139, 139, 139], [128, 128, 128], [219, 219, 219], [60, 60, 60]]),
            ("Gamma RG 1.2, Sigmoidal RGB 8 0.35, Saturation 1.15", [[0, 0, 0], [254, 255, 254], [0, 175, 255], [252, 204, 0], [213, 213, 191], [0, 255, 68], [91, 94, 60]]),
        ] {
            let mut rgba: Vec<u8> = COLORS.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
            ColorFormula::parse(formula).unwrap().apply(&mut rgba);
            for (found, expected) in std::iter::zip(rgba.chunks(4), expected) {
                let near = std::iter::zip(found, expected).all(|(a, b)| a.abs_diff(b) <= 1);
                assert!(near && found[3] == 255, "{formula}: {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_changed() {
        let mut hole = [0, 0, 0, 0, 9, 9, 9, 255];
        ColorFormula::parse("sigmoidal RGB -9 0.5")
            .unwrap()
            .apply(&mut hole);
        assert_eq!(hole[..4], [0; 4]);
        assert_ne!(hole[4..7], [9; 3]);
    }

    #[test]
    fn what_is_no_formula_says_what_would_be() {
        for (text, told) in [
            ("", "0 operations"),
            ("blur RGB 3", "`blur` is no operation"),
            ("gamma", "lacks its channels"),
            ("gamma RGB", "lacks its number"),
            ("gamma RGX 2", "`rgx` are no channels"),
            ("gamma RGB 0", "number above 0"),
            ("gamma RGB nan", "number above 0"),
            ("sigmoidal RGB 6", "lacks its bias"),
            ("sigmoidal RGB 6 2", "from 0 to 1"),
            ("saturation much", "factor from 0"),
            ("saturation 1 2", "`2` is no operation"),
        ] {
            let error = ColorFormula::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(ColorFormula::parse(&"saturation 1 ".repeat(9)).is_err());
        assert!(ColorFormula::parse(&" ".repeat(300)).is_err());
    }

    #[test]
    fn equal_formulas_have_one_text() {
        let text = |formula| ColorFormula::parse(formula).unwrap().canonical();
        assert_eq!(text("Gamma RGB 2"), text("gamma bgr, 2.0"));
        assert_ne!(text("gamma RGB 2"), text("gamma RG 2"));
    }
}
