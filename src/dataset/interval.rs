//! Which of a variable's times a request means that are to become one.
//!
//! `sel=time=2024-01/2024-06` is an interval, whose ends are the whole year, month, day,
//! hour or second that they name, and of which one may be open: `../2024-06` and `2024-01/`.

use std::sync::Arc;

use super::{
    Axis, AxisValues, DatasetError, Selection, Variable,
    cf::{
        Role,
        time::{instant, last_instant},
    },
    limits::shortened,
    select::{self, How, Method},
};

/// More times than become one.
const MOST_TIMES: usize = 10_000;

/// Places along the time axis of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// Which of [`Variable::axes`] it is.
    pub axis: usize,
    /// In the order of time, which is not always that of the axis; at least one.
    pub steps: Vec<usize>,
}

impl Variable {
    /// The times that `sel` selects, by an interval or singly, or all if it names none, and
    /// what it and `bidx` select along the other dimensions, at the first of them. Of those
    /// that are not named all values are bands if `is_all`, as of [`Variable::select_all`],
    /// else they are as of [`Variable::select`].
    ///
    /// # Errors
    /// If there is no time, if no time is within an interval, and as of these two.
    pub fn select_times(
        &self,
        sel: &[String],
        bidx: &[usize],
        is_all: bool,
    ) -> Result<(Selection, Times), DatasetError> {
        let is_time = |axis: &Arc<Axis>| axis.role == Role::Time;
        let axis = self.axes.iter().position(is_time);
        let axis = axis.ok_or_else(|| DatasetError::NoTime(self.name.clone()))?;
        let time = &self.axes[axis];
        let mut others = Vec::new();
        let mut steps = Vec::new();
        for text in sel {
            let (dimension, method, value) = select::parse(text)?;
            if self.axis(dimension)? != axis {
                others.push(text.clone());
            } else if !value.eq_ignore_ascii_case("{time}") {
                steps.extend(named(time, method, value)?);
                in_order(time, &mut steps);
                few_enough(steps.len())?;
            }
        }
        if steps.is_empty() {
            few_enough(time.len)?;
            steps = (0..time.len).collect();
            in_order(time, &mut steps);
        }
        let first = steps[0];
        let selection = self.selected(&others, bidx, |other| {
            if other.name == time.name {
                Ok((vec![first], How::Asked))
            } else if is_all {
                select::all(other)
            } else {
                Ok(select::default_index(other))
            }
        })?;
        Ok((selection, Times { axis, steps }))
    }
}

fn few_enough(times: usize) -> Result<(), DatasetError> {
    if times > MOST_TIMES {
        return Err(DatasetError::ManyTimes(times, MOST_TIMES));
    }
    Ok(())
}

/// The times that a value of `sel` names.
fn named(axis: &Axis, method: Method, value: &str) -> Result<Vec<usize>, DatasetError> {
    let Some((from, to)) = value.split_once('/').filter(|_| method == Method::Exact) else {
        return Ok(vec![select::find(axis, method, value)?]);
    };
    let no_kind = |end: &str| DatasetError::NoSuchKind {
        dimension: axis.name.clone(),
        value: shortened(end),
        kind: axis.kind(),
        available: axis.some_labels(),
    };
    let found: Vec<usize> = match &axis.values {
        AxisValues::Times(times) => {
            let low = end(from, |text| instant(text, times.calendar)).map_err(no_kind)?;
            let high = end(to, |text| last_instant(text, times.calendar)).map_err(no_kind)?;
            within(times.instants.iter().copied(), (low, high))
        }
        AxisValues::Numbers(values) => {
            let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
            let low = end(from, number).map_err(no_kind)?;
            let high = end(to, number).map_err(no_kind)?;
            within(values.iter().copied(), (low, high))
        }
        AxisValues::Indices => {
            // There may be any number of them.
            let place = |text: &str| text.parse::<usize>().ok();
            let low = end(from, place).map_err(no_kind)?.unwrap_or(0);
            let high = end(to, place).map_err(no_kind)?.unwrap_or(usize::MAX);
            let places = low..high.saturating_add(1).min(axis.len);
            few_enough(places.len())?;
            places.collect()
        }
        AxisValues::Texts(_) => return Err(no_kind(value)),
    };
    if found.is_empty() {
        return Err(DatasetError::NoneWithin {
            dimension: axis.name.clone(),
            interval: shortened(value),
            available: axis.some_labels(),
        });
    }
    Ok(found)
}

/// An end of an interval, which may be open; the text where it is none.
fn end<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, &str> {
    if text.is_empty() || text == ".." {
        return Ok(None);
    }
    parse(text).map(Some).ok_or(text)
}

/// The places of the values between two ends.
fn within<T: PartialOrd>(
    values: impl Iterator<Item = T>,
    (low, high): (Option<T>, Option<T>),
) -> Vec<usize> {
    let is_in = |value: &T| {
        low.as_ref().is_none_or(|low| value >= low)
            && high.as_ref().is_none_or(|high| value <= high)
    };
    let numbered = values.enumerate().filter(|(_, value)| is_in(value));
    numbered.map(|(place, _)| place).collect()
}

/// Puts places in the order of time, each once.
fn in_order(axis: &Axis, steps: &mut Vec<usize>) {
    steps.sort_unstable();
    steps.dedup();
    match &axis.values {
        AxisValues::Times(times) => steps.sort_by_key(|step| times.instants[*step]),
        AxisValues::Numbers(values) => {
            steps.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        }
        AxisValues::Texts(_) | AxisValues::Indices => {}
    }
}
