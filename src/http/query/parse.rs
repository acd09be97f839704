//! The values of parameters.

use std::ops::RangeInclusive;

use super::QueryError;
use crate::{
    grid::Epsg,
    http::systems,
    raster::{Expression, Resampling},
    suggest,
};

/// A repeatable parameter is repeated at most so often.
pub(super) const MAX_REPEATS: usize = 16;

/// `sel_method`, which `TiTiler` had until 2.0 for all that has no method of its own.
pub(super) fn with_method(sel: Vec<String>, method: Option<&str>) -> Vec<String> {
    let Some(method) = method else { return sel };
    let with = |text: String| match text.split_once('=') {
        Some((dimension, value)) if !value.contains("::") => {
            format!("{dimension}={method}::{value}")
        }
        _ => text,
    };
    sel.into_iter().map(with).collect()
}

pub(super) fn one_of(
    variables: &[String],
    expression: Option<&Expression>,
) -> Result<(), QueryError> {
    if expression.is_some() && !variables.is_empty() {
        return Err(QueryError::Both);
    }
    Ok(())
}

pub(in crate::http) fn unknown(name: &str, known: &[&'static str]) -> QueryError {
    QueryError::Unknown {
        name: name.to_owned(),
        hint: suggest::hint(name, known.iter().copied()),
        known: known.join(", "),
    }
}

pub(in crate::http) fn boolean(name: &'static str, text: &str) -> Result<bool, QueryError> {
    // As TiTiler's library reads them; Python writes them with a large letter.
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err(QueryError::Value {
            name,
            value: text.to_owned(),
            expected: "true or false".to_owned(),
        }),
    }
}

pub(super) fn percentile(text: &str) -> Result<f64, QueryError> {
    let share: Option<f64> = text.parse().ok();
    let share = share.filter(|share| (0.0..=100.0).contains(share));
    share.ok_or_else(|| QueryError::Value {
        name: "p",
        value: text.to_owned(),
        expected: "a percentile, 0 to 100".to_owned(),
    })
}

pub(super) fn push<T>(values: &mut Vec<T>, name: &'static str, value: T) -> Result<(), QueryError> {
    if values.len() >= MAX_REPEATS {
        return Err(QueryError::TooMany(name));
    }
    values.push(value);
    Ok(())
}

pub(in crate::http) fn once<T>(
    place: &mut Option<T>,
    name: &'static str,
    value: T,
) -> Result<(), QueryError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryError::Twice(name)),
    }
}

/// A number within limits.
pub(super) fn within(
    name: &'static str,
    text: &str,
    limits: RangeInclusive<usize>,
) -> Result<usize, QueryError> {
    let found = text.parse().ok().filter(|number| limits.contains(number));
    found.ok_or_else(|| QueryError::Value {
        name,
        value: text.to_owned(),
        expected: format!("a whole number from {} to {}", limits.start(), limits.end()),
    })
}

pub(super) fn range(name: &'static str, text: &str) -> Result<[f64; 2], QueryError> {
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    let numbers: Vec<f64> = inner.split(',').flat_map(|n| n.trim().parse()).collect();
    match (numbers.as_slice(), inner.split(',').count()) {
        ([min, max], 2) => Ok([*min, *max]),
        _ if name == "rescale" => Err(QueryError::Value {
            name,
            value: text.to_owned(),
            expected:
                "write min,max as in rescale=0,3000, repeated for more variables, or rescale=auto"
                    .to_owned(),
        }),
        _ => Err(QueryError::Value {
            name,
            value: text.to_owned(),
            expected: "write min,max".to_owned(),
        }),
    }
}

pub(in crate::http) fn system(name: &'static str, text: &str) -> Result<Epsg, QueryError> {
    let named = systems::named(text).map(|named| named.system);
    named.ok_or_else(|| QueryError::Value {
        name,
        value: text.to_owned(),
        expected: "a reference system, as EPSG:3857".to_owned(),
    })
}

pub(super) fn resampling(name: &'static str, text: &str) -> Result<Resampling, QueryError> {
    Resampling::named(text).ok_or_else(|| QueryError::Value {
        name,
        value: text.to_owned(),
        expected: format!(
            "one of {}",
            Resampling::ALL.map(Resampling::name).join(", ")
        ),
    })
}

pub(super) fn nodata(text: &str) -> Result<f64, QueryError> {
    let value = text.parse().ok().filter(|value: &f64| !value.is_infinite());
    value.ok_or_else(|| QueryError::Value {
        name: "nodata",
        value: text.to_owned(),
        expected: "a number, or nan".to_owned(),
    })
}

pub(in crate::http) fn number<T: std::str::FromStr>(
    name: &'static str,
    text: &str,
) -> Result<T, QueryError> {
    text.parse().map_err(|_no_number| QueryError::Value {
        name,
        value: text.to_owned(),
        expected: "a whole number in its range".to_owned(),
    })
}
