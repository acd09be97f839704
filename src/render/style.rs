//! How samples are shown: display ranges and colours.

use super::{
    classes::Classes,
    coloring::Coloring,
    painter::Painter,
    palette::Palette,
    picture::{Picture, transparent},
    pixel::{Packing, Pixel},
    touches::Touches,
};

/// How samples are shown.
#[derive(Clone, Debug)]
pub struct Style {
    /// Number of variables: one, or three for red, green and blue.
    variables: usize,
    /// Display range of each variable, in the units of its values; empty if none is
    /// given.
    rescale: Vec<[f64; 2]>,
    /// Colours of a single variable.
    coloring: Option<Coloring>,
    /// What else is done, if anything.
    touches: Option<Box<Touches>>,
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
    /// A formula of colours for something else.
    #[error(
        "`color_formula` is for pictures of three variables; of one that is shown in a range it can be gamma and sigmoidal"
    )]
    FormulaOfOne,
    /// Colours of a single variable.
    #[error(
        "`below`, `above` and `nodata_color` are for pictures of one variable, and there are {0}"
    )]
    ExtremesOfMany(usize),
    /// Colours of what is outside of no range.
    #[error("`below` and `above` need a range: a `colormap` of values has none without `rescale`")]
    ExtremesOfValues,
}

impl Style {
    /// A style for so many variables; one range may serve all. Without any, the valid
    /// range of a variable is shown or else all that its type can store; but colours of
    /// classes are then those of the values themselves.
    ///
    /// # Errors
    /// If the parts do not fit together.
    pub fn new(
        variables: usize,
        rescale: &[[f64; 2]],
        coloring: Option<Coloring>,
    ) -> Result<Self, StyleError> {
        if !matches!(variables, 1 | 3) {
            return Err(StyleError::Variables(variables));
        }
        if coloring.is_some() && variables != 1 {
            return Err(StyleError::ColormapOfMany(variables));
        }
        let rescale = match rescale {
            [one] => vec![*one; variables],
            many if many.is_empty() || many.len() == variables => many.to_vec(),
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
                variables,
                rescale,
                coloring,
                touches: None,
            }),
        }
    }

    /// The same with what else is to be done.
    ///
    /// # Errors
    /// If that does not fit.
    pub fn touched(mut self, touches: &Touches) -> Result<Self, StyleError> {
        if touches.is_nothing() {
            return Ok(self);
        }
        if let Some(formula) = &touches.formula {
            let is_of_levels = self.variables == 1 && self.classes().is_none();
            if self.variables != 3 && !(is_of_levels && formula.is_of_levels()) {
                return Err(StyleError::FormulaOfOne);
            }
        }
        if touches.has_extremes() {
            if self.variables != 1 {
                return Err(StyleError::ExtremesOfMany(self.variables));
            }
            let is_of_range = touches.below.is_none() && touches.above.is_none();
            if self.classes().is_some() && !is_of_range {
                return Err(StyleError::ExtremesOfValues);
            }
        }
        self.touches = Some(Box::new(touches.clone()));
        Ok(self)
    }

    /// A picture without data.
    #[must_use]
    pub fn nothing(&self, width: u32, height: u32) -> Picture {
        let color = self.touches.as_ref().and_then(|touches| touches.nodata);
        match color {
            None => transparent(width, height),
            Some(color) => Picture::filled(width, height, color),
        }
    }

    /// A text that is the same for equal styles.
    #[must_use]
    pub fn canonical(&self) -> String {
        let coloring = self
            .coloring
            .as_ref()
            .map_or_else(String::new, Coloring::canonical);
        let touches = self.touches.as_ref();
        let touches = touches.map_or_else(String::new, |touches| touches.canonical());
        format!("{} {:?} {coloring}{touches}", self.variables, self.rescale)
    }

    /// Number of variables: one, or three for red, green and blue.
    #[must_use]
    pub const fn variables(&self) -> usize {
        self.variables
    }

    /// The display range of a variable, if one is given.
    #[must_use]
    pub fn range(&self, variable: usize) -> Option<[f64; 2]> {
        self.rescale.get(variable).copied()
    }

    /// The colours of a single variable, if not gray.
    #[must_use]
    pub const fn coloring(&self) -> Option<&Coloring> {
        self.coloring.as_ref()
    }

    /// The colours of a single variable's levels, after what a formula does to these.
    pub(super) fn level_colors(&self) -> [[u8; 4]; 256] {
        let colors = match &self.coloring {
            None => Palette::GRAYS,
            Some(Coloring::Levels(map)) => *map.colors(),
            Some(Coloring::Classes(classes)) => classes.of_levels(),
        };
        let formula = self.touches().and_then(|touches| touches.formula.as_ref());
        match formula.filter(|_| self.variables == 1) {
            None => colors,
            Some(formula) => formula.levels().map(|level| colors[usize::from(level)]),
        }
    }

    /// What else is done, if anything.
    #[must_use]
    pub fn touches(&self) -> Option<&Touches> {
        self.touches.as_deref()
    }

    /// The classes of values that a variable is shown by, without any range.
    pub(super) fn classes(&self) -> Option<&Classes> {
        match &self.coloring {
            Some(Coloring::Classes(classes)) if self.rescale.is_empty() => Some(classes),
            Some(Coloring::Classes(_) | Coloring::Levels(_)) | None => None,
        }
    }

    /// A painter of variables of one sample type; the last packing serves the
    /// variables that have none of their own.
    #[must_use]
    pub fn painter<T: Pixel>(&self, packings: &[Packing]) -> Painter<T> {
        Painter::new(self, packings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Colormap;

    #[test]
    fn one_range_serves_all_variables() {
        let style = Style::new(3, &[[0.0, 3000.0]], None).unwrap();
        assert_eq!(style.range(2), Some([0.0, 3000.0]));
        assert_eq!(Style::new(3, &[], None).unwrap().range(0), None);
    }

    #[test]
    fn the_canonical_text_tells_styles_apart() {
        let text = |variables, rescale: &[[f64; 2]], name| {
            let map = Colormap::named(name).ok().map(Coloring::from);
            Style::new(variables, rescale, map).unwrap().canonical()
        };
        let one = text(1, &[[0.0, 1.0]], "viridis");
        assert_eq!(one, text(1, &[[0.0, 1.0]], "Viridis"));
        assert_ne!(one, text(1, &[[0.0, 2.0]], "viridis"));
        assert_ne!(one, text(1, &[[0.0, 1.0]], "magma"));
        assert_ne!(text(1, &[], ""), text(3, &[], ""));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let viridis = Colormap::named("viridis").ok().map(Coloring::from);
        assert_eq!(
            Style::new(2, &[], None).unwrap_err(),
            StyleError::Variables(2)
        );
        assert_eq!(
            Style::new(3, &[], viridis).unwrap_err(),
            StyleError::ColormapOfMany(3)
        );
        assert!(Style::new(3, &[[0.0, 1.0], [0.0, 1.0]], None).is_err());
        assert!(Style::new(1, &[[5.0, 5.0]], None).is_err());
        assert!(Style::new(1, &[[f64::NAN, 5.0]], None).is_err());
    }
}
