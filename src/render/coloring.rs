//! The colours of a single variable: of its levels or of its values. And how
//! `TiTiler`'s `colormap` writes them.

use serde_json::Value;

use super::{
    Colormap,
    classes::{Class, Classes, ClassesError},
    color::{hexadecimal, opaque},
};

/// The most characters of a `colormap`: 256 colours as lists of four numbers.
const MAX_CHARS: usize = 16_384;

/// The colours of a single variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Coloring {
    /// A table of the levels in the display range.
    Levels(Colormap),
    /// Some values, or with a display range some levels.
    Classes(Classes),
}

/// Why a text is no colormap.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ColoringError {
    /// Too long.
    #[error("it has more than {MAX_CHARS} characters")]
    Long,
    /// No JSON.
    #[error("it is no JSON ({0})")]
    Syntax(String),
    /// Neither of the two forms.
    #[error(
        "write {{\"0\":\"#000000\",\"255\":[255,0,0,255]}} or intervals, [[[0,10],[255,0,0,255]],…]"
    )]
    Form,
    /// A key that is no number.
    #[error("`{0}` is no number that a value could be")]
    Key(String),
    /// A colour that is none.
    #[error("{0} is no colour: write \"#rrggbb\", \"#rrggbbaa\" or [red, green, blue, alpha]")]
    Color(String),
    /// Classes that cannot be.
    #[error(transparent)]
    Classes(#[from] ClassesError),
}

impl From<Colormap> for Coloring {
    fn from(colormap: Colormap) -> Self {
        Self::Levels(colormap)
    }
}

impl Coloring {
    /// Reads `TiTiler`'s `colormap`: an object of values and their colours, or a list of
    /// half-open intervals and theirs. An object of all the levels 0 to 255 is a table of
    /// levels.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ColoringError> {
        if text.len() > MAX_CHARS {
            return Err(ColoringError::Long);
        }
        let classes = match serde_json::from_str(text) {
            Ok(Value::Object(values)) => (values.iter())
                .map(|(key, value)| {
                    let low = key.trim().parse();
                    Ok(Class {
                        low: low.map_err(|_no_number| ColoringError::Key(key.clone()))?,
                        high: None,
                        color: color(value)?,
                    })
                })
                .collect::<Result<Vec<Class>, ColoringError>>()?,
            Ok(Value::Array(intervals)) => (intervals.iter())
                .map(interval)
                .collect::<Result<Vec<Class>, ColoringError>>()?,
            Ok(_) => return Err(ColoringError::Form),
            Err(error) => return Err(ColoringError::Syntax(error.to_string())),
        };
        Ok(match table(&classes) {
            Some(colors) => Self::Levels(Colormap::of_colors(colors)),
            None => Self::Classes(Classes::new(classes)?),
        })
    }

    /// Whether it colours values themselves where no display range is asked for.
    #[must_use]
    pub fn is_of_values(&self) -> bool {
        matches!(self, Self::Classes(_))
    }

    /// A text that is the same for equal colours.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Levels(colormap) => colormap.name().to_owned(),
            Self::Classes(classes) => classes.canonical(),
        }
    }
}

/// The table that classes are if each is one level and none is missing.
fn table(classes: &[Class]) -> Option<[[u8; 4]; 256]> {
    if classes.len() != 256 {
        return None;
    }
    let mut colors = [None; 256];
    for class in classes {
        let level = (0_u8..=255).find(|level| f64::from(*level).total_cmp(&class.low).is_eq())?;
        class.high.is_none().then_some(())?;
        colors[usize::from(level)] = Some(class.color);
    }
    let all: Option<Vec<[u8; 4]>> = colors.into_iter().collect();
    all?.try_into().ok()
}

/// `[[low, high], colour]`.
fn interval(value: &Value) -> Result<Class, ColoringError> {
    let [bounds, shown] = value.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(ColoringError::Form);
    };
    let bounds = bounds.as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers: Vec<f64> = bounds.iter().filter_map(Value::as_f64).collect();
    let ([low, high], 2) = (numbers.as_slice(), bounds.len()) else {
        return Err(ColoringError::Form);
    };
    Ok(Class {
        low: *low,
        high: Some(*high),
        color: color(shown)?,
    })
}

/// A colour as hexadecimal digits or as a list of numbers.
fn color(value: &Value) -> Result<[u8; 4], ColoringError> {
    let found = match value {
        Value::String(text) => text.strip_prefix('#').and_then(hexadecimal),
        Value::Array(numbers) => {
            let sample = |number: &Value| number.as_u64().and_then(|n| u8::try_from(n).ok());
            let samples: Option<Vec<u8>> = numbers.iter().map(sample).collect();
            opaque(&samples.unwrap_or_default())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    found.ok_or_else(|| ColoringError::Color(value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(text: &str) -> String {
        match Coloring::parse(text).unwrap() {
            Coloring::Classes(classes) => classes.canonical(),
            Coloring::Levels(map) => panic!("{} is a table", map.name()),
        }
    }

    #[test]
    fn a_colour_is_written_in_digits_or_in_numbers() {
        let same = [
            r##"{"1":"#ff8800"}"##,
            r##"{"1":"#ff8800ff"}"##,
            r##"{"1":"#F80"}"##,
            r##"{"1":"#f80f"}"##,
            r#"{"1.0":[255,136,0]}"#,
            r#"{" 1":[255,136,0,255]}"#,
        ];
        for text in same {
            assert_eq!(classes(text), classes(same[0]), "{text}");
        }
        assert_ne!(classes(r##"{"1":"#ff880080"}"##), classes(same[0]));
        assert_ne!(classes("[[[1,2],[255,136,0]]]"), classes(same[0]));
    }

    #[test]
    fn all_levels_are_a_table_and_one_less_is_not() {
        let entry = |level: u8| format!("\"{level}\":[{level},0,0,255]");
        let all: Vec<String> = (0..=255).rev().map(entry).collect();
        let text = format!("{{{}}}", all.join(","));
        let Coloring::Levels(map) = Coloring::parse(&text).unwrap() else {
            panic!("all levels have a colour");
        };
        assert_eq!(map.colors()[7], [7, 0, 0, 255]);
        let other = text.replace("[7,0,0,255]", "[8,0,0,255]");
        let other = Coloring::parse(&other).unwrap();
        assert_ne!(other.canonical(), map.name());
        let text = format!("{{{}}}", all[1..].join(","));
        assert!(Coloring::parse(&text).unwrap().is_of_values());
    }

    #[test]
    fn what_is_no_colormap_says_what_would_be() {
        for (text, told) in [
            ("{bad", "no JSON"),
            ("7", "or intervals"),
            ("[[0,1]]", "or intervals"),
            ("[[[0,1,2],[1,2,3,4]]]", "or intervals"),
            ("[[[1,0],[1,2,3,4]]]", "does not rise"),
            ("{}", "1 to 256 colours"),
            (r##"{"a":"#000000"}"##, "`a` is no number"),
            (r##"{"inf":"#000000"}"##, "finite"),
            (r##"{"1":"#00000"}"##, "is no colour"),
            (r#"{"1":"red"}"#, "is no colour"),
            (r#"{"1":[1,2,256]}"#, "is no colour"),
            (r#"{"1":[1,2,-3]}"#, "is no colour"),
        ] {
            let error = Coloring::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let long = format!("{{{}}}", " ".repeat(MAX_CHARS));
        assert_eq!(Coloring::parse(&long), Err(ColoringError::Long));
    }
}
