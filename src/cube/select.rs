//! Which variable and time step a request means.
//!
//! The grammar of `sel` is `TiTiler`'s: `DIM=VALUE` or `DIM=METHOD::VALUE`, with
//! the methods `nearest`, `pad` (`ffill`) and `backfill` (`bfill`).

use std::ops::Range;

use chrono::{Months, NaiveDate};

use super::Cube;
use crate::suggest;

/// Why a selection selects nothing. Each says what there is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelectError {
    /// No such variable.
    #[error("there is no variable `{name}`{hint}; there are {available}")]
    UnknownVariable {
        /// As asked for.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
        /// The variables there are.
        available: String,
    },
    /// `sel` does not follow the grammar.
    #[error("`sel={0}` is no selection: write sel=time=2023-08-01 or sel=time=nearest::2023-08-01")]
    Grammar(String),
    /// A dimension that cannot be selected from.
    #[error("`{0}` is no dimension to select from; there is only `time`")]
    UnknownDimension(String),
    /// A method that is not known.
    #[error("`{0}` is no method: use nearest, pad, ffill, backfill or bfill")]
    UnknownMethod(String),
    /// The same dimension twice.
    #[error("`sel` names `{0}` twice")]
    Twice(String),
    /// A value that is no date.
    #[error("`{0}` is no date: write 2023-08-01, 2023-08 or 2023-08-01T00:00:00Z")]
    NoDate(String),
    /// An interval where one time step is meant.
    #[error(
        "`{0}` is an interval: say with reduce=median, mean, max, min or difference what its time steps become"
    )]
    Interval(String),
    /// No time step for the value.
    #[error(
        "there is no time step `{value}`{method}; the nearest is {nearest}, and there are {count} from {first} to {last}"
    )]
    UnknownTime {
        /// As asked for.
        value: NaiveDate,
        /// How it was asked for.
        method: &'static str,
        /// The nearest step.
        nearest: NaiveDate,
        /// Number of steps.
        count: usize,
        /// The first step.
        first: NaiveDate,
        /// The last step.
        last: NaiveDate,
    },
    /// No time step touches a time or an interval.
    #[error("no time step is in `{datetime}`; they go from {first} to before {end}")]
    Never {
        /// As asked for.
        datetime: String,
        /// The first step.
        first: NaiveDate,
        /// The day after the last step.
        end: NaiveDate,
    },
}

#[derive(Clone, Copy)]
enum Method {
    Exact,
    Nearest,
    Pad,
    Backfill,
}

impl Cube {
    /// The place of a variable among [`Cube::variables`].
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn variable(&self, name: &str) -> Result<usize, SelectError> {
        self.variables()
            .position(|variable| variable == name)
            .ok_or_else(|| SelectError::UnknownVariable {
                name: name.to_owned(),
                hint: suggest::hint(name, self.variables()),
                available: self.variables().collect::<Vec<_>>().join(", "),
            })
    }

    /// The time step that `sel` parameters select; the newest if none does.
    ///
    /// # Errors
    /// If a parameter does not follow the grammar or selects nothing.
    pub fn select_time(&self, sel: &[String]) -> Result<usize, SelectError> {
        let mut chosen = None;
        for text in sel {
            let (dimension, value) = text
                .split_once('=')
                .filter(|(dimension, value)| !dimension.is_empty() && !value.is_empty())
                .ok_or_else(|| SelectError::Grammar(text.clone()))?;
            if dimension != "time" {
                return Err(SelectError::UnknownDimension(dimension.to_owned()));
            }
            // Clients of WMTS that leave time at its default send its placeholder.
            if value.eq_ignore_ascii_case("{time}") {
                continue;
            }
            let (method, value) = match value.split_once("::") {
                None => (Method::Exact, value),
                Some(("nearest", value)) => (Method::Nearest, value),
                Some(("pad" | "ffill", value)) => (Method::Pad, value),
                Some(("backfill" | "bfill", value)) => (Method::Backfill, value),
                Some((method, _)) => return Err(SelectError::UnknownMethod(method.to_owned())),
            };
            if value.contains('/') {
                return Err(SelectError::Interval(value.to_owned()));
            }
            if chosen.is_some() {
                return Err(SelectError::Twice(dimension.to_owned()));
            }
            chosen = Some(self.time_step(parse_date(value)?, method)?);
        }
        Ok(chosen.unwrap_or(self.times().len() - 1))
    }

    /// The newest time step that a time or an interval touches, as OGC API writes them:
    /// `2023-08-10T00:00:00Z`, `2023-08-01/2023-08-31`, `../2023-08-31`.
    ///
    /// # Errors
    /// If it is none, or before or after all time steps.
    pub fn step_during(&self, datetime: &str) -> Result<usize, SelectError> {
        let (from, to) = match datetime.split_once('/') {
            None => (Some(parse_date(datetime)?), Some(parse_date(datetime)?)),
            Some((from, to)) => (end_of_interval(from)?, end_of_interval(to)?),
        };
        let times = self.times();
        let (starts, last) = (times.starts(), times.len() - 1);
        let begun = |day: NaiveDate| starts.partition_point(|start| *start <= day);
        let step = to.map_or(Some(last), |day| begun(day).checked_sub(1));
        step.filter(|step| from.is_none_or(|day| day < times.days(*step).end))
            .ok_or_else(|| SelectError::Never {
                datetime: datetime.to_owned(),
                first: starts[0],
                end: times.days(last).end,
            })
    }

    /// The time steps that `sel` parameters select: those that an interval touches, as
    /// `time=2024-01/2024-06` or `time=../2024-06-30`, whose ends are the whole year,
    /// month or day; the one that anything else selects; all if nothing does.
    ///
    /// # Errors
    /// As of [`Cube::select_time`].
    pub fn select_steps(&self, sel: &[String]) -> Result<Range<usize>, SelectError> {
        let times = self.times();
        if sel.is_empty() {
            return Ok(0..times.len());
        }
        let interval = match sel {
            [one] => one
                .strip_prefix("time=")
                .and_then(|value| value.split_once('/')),
            _ => None,
        };
        let Some((from, to)) = interval else {
            let step = self.select_time(sel)?;
            return Ok(step..step + 1);
        };
        let (from, to) = (end_of_interval(from)?, last_of_interval(to)?);
        // The first step that ends after the first day, and the first that begins after
        // the last one.
        let ends = |step: usize, day: NaiveDate| times.days(step).end <= day;
        let steps = 0..times.len();
        let first = from.map_or(0, |day| steps.take_while(|step| ends(*step, day)).count());
        let starts = times.starts();
        let end = to.map_or(times.len(), |day| {
            starts.partition_point(|start| *start <= day)
        });
        if first < end {
            return Ok(first..end);
        }
        Err(SelectError::Never {
            datetime: sel.concat(),
            first: starts[0],
            end: times.days(times.len() - 1).end,
        })
    }

    fn time_step(&self, value: NaiveDate, method: Method) -> Result<usize, SelectError> {
        let starts = self.times().starts();
        let after = starts.partition_point(|start| *start <= value);
        let pad = after.checked_sub(1);
        let exact = pad.filter(|step| starts[*step] == value);
        let backfill = exact.or((after < starts.len()).then_some(after));
        let nearest = match (pad, backfill) {
            (Some(before), Some(next)) => {
                if value - starts[before] <= starts[next] - value {
                    before
                } else {
                    next
                }
            }
            (only, other) => only.or(other).unwrap_or(0),
        };
        let (found, method) = match method {
            Method::Exact => (exact, ""),
            Method::Nearest => (Some(nearest), ""),
            Method::Pad => (pad, " or before it"),
            Method::Backfill => (backfill, " or after it"),
        };
        found.ok_or_else(|| SelectError::UnknownTime {
            value,
            method,
            nearest: starts[nearest],
            count: starts.len(),
            first: starts[0],
            last: starts[starts.len() - 1],
        })
    }
}

/// A day at which an interval begins or ends; none where it is open.
fn end_of_interval(text: &str) -> Result<Option<NaiveDate>, SelectError> {
    let is_open = text.is_empty() || text == "..";
    (!is_open).then(|| parse_date(text)).transpose()
}

/// The last day of an interval, which is that of a year or month where only these are
/// told; none where it is open.
fn last_of_interval(text: &str) -> Result<Option<NaiveDate>, SelectError> {
    let months = match text.len() {
        4 => 12,
        7 => 1,
        _ => return end_of_interval(text),
    };
    let last = |day: NaiveDate| day.checked_add_months(Months::new(months))?.pred_opt();
    Ok(end_of_interval(text)?.and_then(last))
}

/// A date; a year or month means its first day, a time of day is dropped.
fn parse_date(text: &str) -> Result<NaiveDate, SelectError> {
    let day = text.split_once('T').map_or(text, |(day, _)| day);
    let padded = match day.len() {
        4 => format!("{day}-01-01"),
        7 => format!("{day}-01"),
        _ => day.to_owned(),
    };
    padded
        .parse()
        .map_err(|_not_a_date| SelectError::NoDate(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::Recipe;

    fn cube() -> Cube {
        let text = r#"
            [grid]
            bounds = [0, 0, 1, 1]
            resolution = 0.01
            [time]
            start = "2023-06-01"
            end = "2023-09-30"
            [source]
            stac = "items.json"
            bands = ["red", "green"]
        "#;
        Cube::new(Recipe::from_toml(text).unwrap()).unwrap()
    }

    #[track_caller]
    fn step(sel: &str, expected: usize) {
        assert_eq!(cube().select_time(&[sel.to_owned()]), Ok(expected), "{sel}");
    }

    #[track_caller]
    fn refuse(sel: &str, part: &str) {
        let message = cube()
            .select_time(&[sel.to_owned()])
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn an_exact_date_selects_its_step_and_none_the_newest() {
        step("time=2023-07-01", 1);
        step("time=2023-07", 1);
        step("time=2023-07-01T00:00:00Z", 1);
        assert_eq!(cube().select_time(&[]), Ok(3));
    }

    #[test]
    fn a_method_finds_the_step_on_its_side() {
        step("time=pad::2023-07-31", 1);
        step("time=ffill::2023-07-01", 1);
        step("time=backfill::2023-07-02", 2);
        step("time=bfill::2023-08-01", 2);
        step("time=nearest::2023-07-30", 2);
        step("time=nearest::1999-01-01", 0);
        step("time=nearest::2099-01-01", 3);
    }

    #[test]
    fn a_time_or_an_interval_means_the_newest_step_that_it_touches() {
        for (datetime, expected) in [
            ("2023-07-15T10:30:00Z", 1),
            ("2023-06-01", 0),
            ("2023-09-30", 3),
            ("2023-06-15/2023-08-02", 2),
            ("../2023-07-31", 1),
            ("2023-07-01T00:00:00Z/..", 3),
            ("/2023-06-02", 0),
            ("2000-01-01/2100-01-01", 3),
        ] {
            assert_eq!(cube().step_during(datetime), Ok(expected), "{datetime}");
        }
        for datetime in ["2023-10-01", "2023-05-31", "../2023-05-01", "2024-01-01/.."] {
            let text = cube().step_during(datetime).unwrap_err().to_string();
            assert!(
                text.contains("from 2023-06-01 to before 2023-10-01"),
                "{text}"
            );
        }
        for datetime in ["", "someday", "2023-08-01/someday"] {
            let refused = cube().step_during(datetime);
            assert!(matches!(refused, Err(SelectError::NoDate(_))), "{datetime}");
        }
    }

    #[test]
    fn an_interval_selects_the_steps_that_it_touches_with_all_of_its_last_month() {
        for (sel, expected) in [
            ("time=2023-07/2023-08", 1..3),
            ("time=2023-07-31/2023-08-01", 1..3),
            ("time=2023-07-15/2023-07-20", 1..2),
            ("time=../2023-07", 0..2),
            ("time=2023-08/..", 2..4),
            ("time=2023/2023", 0..4),
            ("time=1999/2023-06-01T12:00:00Z", 0..1),
            ("time=2023-07", 1..2),
            ("time=nearest::2023-07-30", 2..3),
        ] {
            assert_eq!(
                cube().select_steps(&[sel.to_owned()]),
                Ok(expected),
                "{sel}"
            );
        }
        assert_eq!(cube().select_steps(&[]), Ok(0..4));
        for (sel, told) in [
            ("time=2024/2025", "from 2023-06-01 to before 2023-10-01"),
            ("time=2023-08/2023-07", "no time step is in"),
            ("time=2023-08/soon", "no date"),
            ("time=nearest::2023-07/2023-08", "nearest::2023-07"),
        ] {
            let refused = cube().select_steps(&[sel.to_owned()]).unwrap_err();
            assert!(refused.to_string().contains(told), "{sel}: {refused}");
        }
        refuse("time=2023-07/2023-08", "reduce=median");
    }

    #[test]
    fn the_placeholder_of_a_client_means_the_newest() {
        for text in ["time={time}", "time={Time}", "time={TIME}"] {
            step(text, 3);
        }
    }

    #[test]
    fn what_selects_nothing_says_what_there_is() {
        refuse("time=2023-07-15", "the nearest is 2023-07-01");
        refuse("time=pad::2023-05-31", "or before it");
        refuse("time=backfill::2023-09-02", "from 2023-06-01 to 2023-09-01");
        refuse("time=someday", "no date");
        refuse("time=closest::2023-07-01", "nearest, pad");
        refuse("band=1", "only `time`");
        refuse("time", "write sel=time=");
        let twice = ["time=2023-07-01".to_owned(), "time=2023-08-01".to_owned()];
        assert!(cube().select_time(&twice).is_err());
    }

    #[test]
    fn an_unknown_variable_lists_those_there_are() {
        assert_eq!(cube().variable("count"), Ok(2));
        let message = cube().variable("gren").unwrap_err().to_string();
        assert!(
            message.contains("did you mean `green`?") && message.contains("red, green, count"),
            "{message}"
        );
    }
}
