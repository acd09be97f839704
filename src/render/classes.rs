//! Colours of values: some single ones, or intervals; everything else is transparent.

use std::fmt::Write as _;

/// The most classes: their numbers and the hole are the slots of a palette.
pub const MAX_CLASSES: usize = 256;

/// Colours of values, as `TiTiler` understands a `colormap` that is no whole table:
/// values are the samples as they are, or with a display range the levels 0 to 255.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    classes: Vec<Class>,
}

/// The values that have a colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// The least of them.
    pub low: f64,
    /// What is above all of them; none if the least is the only one.
    pub high: Option<f64>,
    /// Red, green, blue and alpha.
    pub color: [u8; 4],
}

/// Why there are no such classes.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ClassesError {
    /// None, or too many.
    #[error("a colormap has 1 to {MAX_CLASSES} colours, not {0}")]
    Number(usize),
    /// An interval without a value.
    #[error("the interval [{0}, {1}] of a colormap does not rise")]
    Interval(f64, f64),
    /// A bound that is none.
    #[error("a colormap is of finite numbers")]
    NotFinite,
}

impl Classes {
    /// Classes, of which the last that has a value gives its colour.
    ///
    /// # Errors
    /// If there are none or too many, or one has no value.
    pub fn new(classes: Vec<Class>) -> Result<Self, ClassesError> {
        if classes.is_empty() || classes.len() > MAX_CLASSES {
            return Err(ClassesError::Number(classes.len()));
        }
        for Class { low, high, .. } in &classes {
            if !low.is_finite() || high.is_some_and(|high| !high.is_finite()) {
                return Err(ClassesError::NotFinite);
            }
            if let Some(high) = high.filter(|high| high <= low) {
                return Err(ClassesError::Interval(*low, high));
            }
        }
        Ok(Self { classes })
    }

    /// The classes.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// A text that is the same for equal classes.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        for Class { low, high, color } in &self.classes {
            let _infallible = write!(text, "{low:?}..{high:?}={color:?};");
        }
        text
    }

    /// The colours of levels, which are whole numbers.
    pub(super) fn of_levels(&self) -> [[u8; 4]; 256] {
        let pieces = self.pieces(std::convert::identity);
        let mut colors = [[0; 4]; 256];
        for (level, color) in (0_u8..=255).zip(&mut colors) {
            if let Some(class) = pieces.class(f64::from(level)) {
                *color = self.classes[class].color;
            }
        }
        colors
    }

    /// The colours of classes by their numbers.
    pub(super) fn of_classes(&self) -> [[u8; 4]; 256] {
        let mut colors = [[0; 4]; 256];
        for (class, color) in self.classes.iter().zip(&mut colors) {
            *color = class.color;
        }
        colors
    }

    /// The classes, ready to be asked about values; `compared` tells as what a number is
    /// compared with them.
    pub(super) fn pieces(&self, compared: impl Fn(f64) -> f64) -> Pieces {
        let bounds: Vec<[f64; 2]> = (self.classes.iter())
            .map(|class| {
                let low = compared(class.low);
                [low, class.high.map_or(low.next_up(), &compared)]
            })
            .collect();
        let mut starts: Vec<f64> = bounds.as_flattened().to_vec();
        starts.sort_by(f64::total_cmp);
        starts.dedup();
        let class = |start: &f64| {
            let holds = |[low, high]: &[f64; 2]| (low..high).contains(&start);
            bounds.iter().rposition(holds)
        };
        Pieces {
            classes: starts.iter().map(class).collect(),
            starts,
        }
    }
}

/// The line of numbers, cut where classes begin and end.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// The first number of each piece, in ascending order.
    starts: Vec<f64>,
    /// The number of each piece's class, if it has one.
    classes: Vec<Option<usize>>,
}

impl Pieces {
    /// The number of a value's class; NaN has none.
    pub(super) fn class(&self, value: f64) -> Option<usize> {
        if value.is_nan() {
            return None;
        }
        let piece = self.starts.partition_point(|start| *start <= value);
        self.classes[piece.checked_sub(1)?]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 128];

    fn value(low: f64, color: [u8; 4]) -> Class {
        Class {
            low,
            high: None,
            color,
        }
    }

    fn interval(low: f64, high: f64, color: [u8; 4]) -> Class {
        Class {
            high: Some(high),
            ..value(low, color)
        }
    }

    fn found(classes: &[Class], values: &[f64]) -> Vec<Option<usize>> {
        let pieces = Classes::new(classes.to_vec()).unwrap();
        let pieces = pieces.pieces(std::convert::identity);
        values.iter().map(|value| pieces.class(*value)).collect()
    }

    #[test]
    fn a_single_value_is_that_value_and_no_other() {
        let classes = [value(3.0, RED), value(-0.5, BLUE)];
        let values = [2.999, 3.0, 3.0_f64.next_up(), -0.5, f64::NAN];
        let expected = [None, Some(0), None, Some(1), None];
        assert_eq!(found(&classes, &values), expected);
    }

    #[test]
    fn intervals_are_half_open_and_the_last_of_several_wins() {
        let classes = [
            interval(0.0, 10.0, RED),
            interval(10.0, 20.0, BLUE),
            interval(4.0, 6.0, BLUE),
        ];
        let values = [-0.1, 0.0, 3.9, 4.0, 6.0, 9.9, 10.0, 20.0];
        let expected = [
            None,
            Some(0),
            Some(0),
            Some(2),
            Some(0),
            Some(0),
            Some(1),
            None,
        ];
        assert_eq!(found(&classes, &values), expected);
    }

    #[test]
    fn levels_without_a_class_are_transparent() {
        let classes = Classes::new(vec![value(7.0, RED), interval(254.5, 300.0, BLUE)]).unwrap();
        let colors = classes.of_levels();
        assert_eq!((colors[6], colors[7], colors[8]), ([0; 4], RED, [0; 4]));
        assert_eq!((colors[254], colors[255]), ([0; 4], BLUE));
    }

    #[test]
    fn what_is_no_class_is_refused() {
        assert_eq!(Classes::new(Vec::new()), Err(ClassesError::Number(0)));
        let many = vec![value(1.0, RED); 257];
        assert_eq!(Classes::new(many), Err(ClassesError::Number(257)));
        let empty = vec![interval(2.0, 2.0, RED)];
        assert_eq!(Classes::new(empty), Err(ClassesError::Interval(2.0, 2.0)));
        let endless = vec![value(f64::INFINITY, RED)];
        assert_eq!(Classes::new(endless), Err(ClassesError::NotFinite));
    }
}
