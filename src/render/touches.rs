//! What is done to a picture beside range and colours, where a request asks for it.

use super::{ColorFormula, levels::Extreme};

/// What else is done to a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Touches {
    /// What is done to red, green and blue.
    pub formula: Option<ColorFormula>,
    /// The colour of what is less than the display range, of one variable.
    pub below: Option<[u8; 4]>,
    /// The colour of what is more than it.
    pub above: Option<[u8; 4]>,
    /// The colour of what is no data.
    pub nodata: Option<[u8; 4]>,
}

impl Touches {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.formula.is_none() && !self.has_extremes()
    }

    pub(super) fn has_extremes(&self) -> bool {
        self.below.is_some() || self.above.is_some() || self.nodata.is_some()
    }

    /// The colour that is asked for there, if any is.
    pub(super) fn color(&self, at: Extreme) -> Option<[u8; 4]> {
        match at {
            Extreme::Missing => self.nodata,
            Extreme::Below => self.below,
            Extreme::Above => self.above,
        }
    }

    /// A text that is the same for equal ones.
    #[must_use]
    pub fn canonical(&self) -> String {
        let formula = self.formula.as_ref().map(ColorFormula::canonical);
        format!(
            " {formula:?} {:?} {:?} {:?}",
            self.below, self.above, self.nodata
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grid::Shape,
        raster::Raster,
        render::{Coloring, Colormap, Packing, Style, StyleError},
    };

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 128];
    const GRAY: [u8; 4] = [9, 9, 9, 255];

    fn viridis() -> Option<Coloring> {
        Colormap::named("viridis").ok().map(Coloring::from)
    }

    fn touches() -> Touches {
        Touches {
            formula: None,
            below: Some(RED),
            above: Some(BLUE),
            nodata: Some(GRAY),
        }
    }

    #[test]
    fn what_is_below_above_or_missing_has_its_own_colour() {
        let style = Style::new(1, &[[10.0, 20.0]], viridis()).unwrap();
        let style = style.touched(&touches()).unwrap();
        let samples: Vec<u16> = vec![0, 9, 10, 20, 21, 65_535];
        let raster = Raster {
            shape: Shape { rows: 1, cols: 6 },
            data: samples,
        };
        let painter = style.painter(&[Packing::with_nodata(0.0)]);
        let picture = painter.paint(&[raster]);
        let rgba = picture.to_rgba();
        let pixels: Vec<&[u8]> = rgba.chunks(4).collect();
        let (first, last) = ([68, 1, 84, 255], [253, 231, 36, 255]);
        assert_eq!(pixels, [&GRAY[..], &RED, &first, &last, &BLUE, &BLUE]);
        // Packed, of floats: twice as much is meant, and NaN is missing.
        let packing = Packing {
            scale: 2.0,
            ..Packing::default()
        };
        let raster = Raster {
            shape: Shape { rows: 1, cols: 3 },
            data: vec![4.9_f32, f32::NAN, 10.1],
        };
        let rgba = style.painter(&[packing]).paint(&[raster]);
        let rgba = rgba.to_rgba();
        let pixels: Vec<&[u8]> = rgba.chunks(4).collect();
        assert_eq!(pixels, [&RED[..], &GRAY, &BLUE]);
        assert_eq!(style.nothing(1, 1).to_rgba()[..], GRAY);
    }

    #[test]
    fn a_formula_of_one_variable_is_done_to_its_levels_before_they_have_colours() {
        let formula = Touches {
            formula: ColorFormula::parse("gamma R 2").ok(),
            ..Touches::default()
        };
        let data = (0..=255_u8).collect();
        let levels = Raster {
            shape: Shape { rows: 1, cols: 256 },
            data,
        };
        for coloring in [None, viridis()] {
            let style = Style::new(1, &[[0.0, 255.0]], coloring).unwrap();
            let plain = style.painter::<u8>(&[Packing::default()]);
            let plain = plain
                .paint(std::slice::from_ref(&levels))
                .to_rgba()
                .into_owned();
            let style = style.touched(&formula).unwrap();
            let painter = style.painter::<u8>(&[Packing::default()]);
            let shown = painter.paint(std::slice::from_ref(&levels));
            for (level, pixel) in (0_u8..=255).zip(shown.to_rgba().chunks(4)) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a level, whose fraction is cut"
                )]
                let curved = ((f64::from(level) / 255.0).sqrt() * 255.0) as usize;
                assert_eq!(pixel, &plain[4 * curved..4 * curved + 4], "{level}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_a_style_is_refused() {
        let formula = Touches {
            formula: ColorFormula::parse("gamma RGB 2").ok(),
            ..Touches::default()
        };
        let style = |variables| Style::new(variables, &[[0.0, 1.0]], None).unwrap();
        assert!(style(3).touched(&formula).is_ok());
        assert!(style(1).touched(&formula).is_ok());
        let saturated = Touches {
            formula: ColorFormula::parse("gamma R 2, saturation 1.2").ok(),
            ..Touches::default()
        };
        assert!(style(3).touched(&saturated).is_ok());
        assert_eq!(
            style(1).touched(&saturated).unwrap_err(),
            StyleError::FormulaOfOne
        );
        assert_eq!(
            style(3).touched(&touches()).unwrap_err(),
            StyleError::ExtremesOfMany(3)
        );
        let classes = Coloring::parse(r##"{"1":"#f00"}"##).ok();
        let of_values = Style::new(1, &[], classes).unwrap();
        assert_eq!(
            of_values.clone().touched(&touches()).unwrap_err(),
            StyleError::ExtremesOfValues
        );
        let missing = Touches {
            nodata: Some(GRAY),
            ..Touches::default()
        };
        assert!(of_values.touched(&missing).is_ok());
    }

    #[test]
    fn the_text_of_a_style_tells_touches_apart() {
        let text = |touches: &Touches| {
            let style = Style::new(1, &[[0.0, 1.0]], None).unwrap();
            style.touched(touches).unwrap().canonical()
        };
        let plain = Style::new(1, &[[0.0, 1.0]], None).unwrap().canonical();
        assert_eq!(text(&Touches::default()), plain);
        assert_ne!(text(&touches()), plain);
    }
}
