//! `algorithm_params`: a JSON object of numbers.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Algorithm;

/// The most characters of parameters.
const MAX_CHARS: usize = 1024;

/// Why there is no such algorithm.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum AlgorithmError {
    /// None of that name.
    #[error("there is no algorithm `{name}`; there are {known}", known = Algorithm::NAMES.join(", "))]
    Unknown {
        /// As asked for.
        name: String,
    },
    /// Parameters that are no object.
    #[error(
        "`algorithm_params` is no JSON object of up to {MAX_CHARS} characters: write {{\"azimuth\":315}}"
    )]
    NoObject,
    /// A parameter that it does not take.
    #[error("`{algorithm}` takes no parameter `{name}`; {known}")]
    Parameter {
        /// The algorithm.
        algorithm: String,
        /// As asked for.
        name: String,
        /// What it takes.
        known: String,
    },
    /// A value out of range.
    #[error("`{name}` of `algorithm_params` is {value}: {kind} from {min} to {max} is expected")]
    Value {
        /// The parameter.
        name: &'static str,
        /// As given.
        value: String,
        /// Which kind of number.
        kind: &'static str,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// Too many variables or too few.
    #[error("this algorithm is for {takes} variables, and there are {given}")]
    Inputs {
        /// How many it takes.
        takes: String,
        /// How many there are.
        given: usize,
    },
}

/// The parameters that were given and not yet taken.
pub(super) struct Parameters {
    algorithm: String,
    given: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub(super) fn parse(algorithm: &str, text: Option<&str>) -> Result<Self, AlgorithmError> {
        let given = match text {
            None => Map::new(),
            Some(text) if text.len() > MAX_CHARS => return Err(AlgorithmError::NoObject),
            Some(text) => {
                serde_json::from_str(text).map_err(|_no_object| AlgorithmError::NoObject)?
            }
        };
        Ok(Self {
            algorithm: algorithm.to_owned(),
            given,
            known: Vec::new(),
        })
    }

    pub(super) fn number(
        &mut self,
        name: &'static str,
        default: f64,
        range: RangeInclusive<f64>,
    ) -> Result<f64, AlgorithmError> {
        let found = self.take(name, "a number", range, Value::as_f64)?;
        Ok(found.unwrap_or(default))
    }

    pub(super) fn optional(
        &mut self,
        name: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, AlgorithmError> {
        self.take(name, "a number", range, Value::as_f64)
    }

    pub(super) fn whole(
        &mut self,
        name: &'static str,
        default: i32,
        range: RangeInclusive<i32>,
    ) -> Result<f64, AlgorithmError> {
        let range = f64::from(*range.start())..=f64::from(*range.end());
        let whole = |value: &Value| value.as_f64().filter(|number| number.fract().abs() <= 0.0);
        let found = self.take(name, "a whole number", range, whole)?;
        Ok(found.unwrap_or(f64::from(default)))
    }

    fn take(
        &mut self,
        name: &'static str,
        kind: &'static str,
        range: RangeInclusive<f64>,
        read: impl Fn(&Value) -> Option<f64>,
    ) -> Result<Option<f64>, AlgorithmError> {
        self.known.push(name);
        let value = match self.given.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        match read(&value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(AlgorithmError::Value {
                name,
                value: value.to_string(),
                kind,
                min: *range.start(),
                max: *range.end(),
            }),
        }
    }

    /// Refuses what nobody has taken.
    pub(super) fn finish(self) -> Result<(), AlgorithmError> {
        let Some((name, _)) = self.given.into_iter().next() else {
            return Ok(());
        };
        Err(AlgorithmError::Parameter {
            name,
            known: match self.known[..] {
                [] => "it takes none".to_owned(),
                _ => format!("it takes {}", self.known.join(", ")),
            },
            algorithm: self.algorithm,
        })
    }
}
