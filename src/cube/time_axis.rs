//! Time steps of equal calendar periods.

use std::{fmt, str::FromStr};

use chrono::{Days, Months, NaiveDate};

/// The longest time axis: monthly for 800 years, daily for 27.
pub const MAX_STEPS: usize = 10_000;

/// The length of a time step: an ISO 8601 duration of one unit, `P1M`, `P10D`,
/// `P2W` or `P1Y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// So many days.
    Days(u32),
    /// So many calendar months.
    Months(u32),
}

/// The text is no [`Period`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no period: write P and a number of D, W, M or Y, as in P1M or P10D")]
pub struct PeriodError(String);

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let error = || PeriodError(text.to_owned());
        let body = text.strip_prefix('P').ok_or_else(error)?;
        let unit = body.chars().last().ok_or_else(error)?;
        let digits = &body[..body.len() - unit.len_utf8()];
        let number = digits
            .parse::<u32>()
            .ok()
            .filter(|n| (1..=10_000).contains(n) && digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(error)?;
        match unit {
            'D' => Ok(Self::Days(number)),
            'W' => Ok(Self::Days(7 * number)),
            'M' => Ok(Self::Months(number)),
            'Y' => Ok(Self::Months(12 * number)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(n) => write!(f, "P{n}D"),
            Self::Months(n) if n % 12 == 0 => write!(f, "P{}Y", n / 12),
            Self::Months(n) => write!(f, "P{n}M"),
        }
    }
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The time steps of a cube: step 0 begins at the start date, each lasts one
/// period, and the last is the one that holds the end date. A step is named
/// by its first day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeAxis {
    /// First day of each step, and the day after the last.
    edges: Vec<NaiveDate>,
}

/// The dates and the period make no time axis.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeAxisError {
    /// The end is before the start.
    #[error("the end, {end}, is before the start, {start}")]
    Backwards {
        /// Start date.
        start: NaiveDate,
        /// End date.
        end: NaiveDate,
    },
    /// There would be too many steps.
    #[error("more than {MAX_STEPS} time steps: choose a longer period or an earlier end")]
    TooLong,
}

impl TimeAxis {
    /// The steps from `start` to the one that holds `end`.
    ///
    /// # Errors
    /// If the end is before the start or there are more than [`MAX_STEPS`].
    pub fn new(start: NaiveDate, end: NaiveDate, period: Period) -> Result<Self, TimeAxisError> {
        if end < start {
            return Err(TimeAxisError::Backwards { start, end });
        }
        // Every edge is counted from the start, not from the edge before it:
        // months from a 31st would otherwise drift to the 28th.
        let edge = |n: u32| match period {
            Period::Days(days) => start.checked_add_days(Days::new(u64::from(n) * u64::from(days))),
            Period::Months(months) => n
                .checked_mul(months)
                .and_then(|months| start.checked_add_months(Months::new(months))),
        };
        let mut edges = vec![start];
        for n in 1.. {
            let next = edge(n).ok_or(TimeAxisError::TooLong)?;
            edges.push(next);
            if next > end {
                break;
            }
            if edges.len() > MAX_STEPS {
                return Err(TimeAxisError::TooLong);
            }
        }
        Ok(Self { edges })
    }

    /// Number of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len() - 1
    }

    /// Never: an axis has at least one step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The first day of each step.
    #[must_use]
    pub fn starts(&self) -> &[NaiveDate] {
        &self.edges[..self.len()]
    }

    /// The half-open range of days of a step.
    #[must_use]
    pub fn days(&self, step: usize) -> std::ops::Range<NaiveDate> {
        self.edges[step]..self.edges[step + 1]
    }

    /// The step that a day lies in.
    #[must_use]
    pub fn step_of(&self, day: NaiveDate) -> Option<usize> {
        let after = self.edges.partition_point(|edge| *edge <= day);
        (after > 0 && after < self.edges.len()).then(|| after - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn starts(start: &str, end: &str, period: &str) -> Vec<String> {
        TimeAxis::new(date(start), date(end), period.parse().unwrap())
            .unwrap()
            .starts()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_last_step_is_the_one_that_holds_the_end() {
        assert_eq!(
            starts("2023-08-01", "2023-09-30", "P1M"),
            ["2023-08-01", "2023-09-01"]
        );
        assert_eq!(starts("2023-08-01", "2023-09-01", "P1M").len(), 2);
        assert_eq!(starts("2023-08-01", "2023-08-31", "P1M").len(), 1);
        assert_eq!(
            starts("2023-08-01", "2023-08-21", "P10D"),
            ["2023-08-01", "2023-08-11", "2023-08-21"]
        );
    }

    #[test]
    fn a_first_month_that_begins_late_is_labelled_by_its_own_start() {
        assert_eq!(
            starts("2020-01-15", "2020-03-01", "P1M"),
            ["2020-01-15", "2020-02-15"]
        );
    }

    #[test]
    fn months_from_a_31st_do_not_drift() {
        assert_eq!(
            starts("2023-01-31", "2023-04-01", "P1M"),
            ["2023-01-31", "2023-02-28", "2023-03-31"]
        );
    }

    #[test]
    fn each_day_lies_in_the_step_that_holds_it() {
        let axis =
            TimeAxis::new(date("2023-08-01"), date("2023-09-30"), Period::Months(1)).unwrap();
        assert_eq!(axis.step_of(date("2023-07-31")), None);
        assert_eq!(axis.step_of(date("2023-08-01")), Some(0));
        assert_eq!(axis.step_of(date("2023-08-31")), Some(0));
        assert_eq!(axis.step_of(date("2023-09-30")), Some(1));
        assert_eq!(axis.step_of(date("2023-10-01")), None);
        assert_eq!(axis.days(1), date("2023-09-01")..date("2023-10-01"));
    }

    #[test]
    fn a_period_is_written_as_it_is_read() {
        for text in ["P1M", "P10D", "P1Y", "P16D"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!("P2W".parse::<Period>().unwrap(), Period::Days(14));
        for text in [
            "", "P", "1M", "P0D", "PM", "P1H", "P-1D", "P1.5M", "P+1M", "P99999D", "P1é",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_axis_that_never_ends_is_refused() {
        let error = TimeAxis::new(date("1900-01-01"), date("2100-01-01"), Period::Days(1));
        assert_eq!(error, Err(TimeAxisError::TooLong));
    }
}
