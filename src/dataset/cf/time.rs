//! Time coordinates: `UNIT since DATE` and numpy's datetimes.
//!
//! Source: CF 1.11, section 4.4, read as cftime 1.6 reads it.

use super::calendar::{Calendar, Date};
use crate::dataset::{Array, DataType, Values};

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

/// Instants beyond (thirty billion years) are not decoded, so that nothing
/// overflows.
const FARTHEST: i128 = 1_000_000_000_000_000_000_000_000_000;

/// numpy's "not a time".
const NOT_A_TIME: i64 = i64::MIN;

/// Decoded instants, in their order on the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeAxis {
    /// The calendar that they are dates of.
    pub calendar: Calendar,
    /// Nanoseconds since the start of 1970 in that calendar.
    pub instants: Vec<i128>,
}

/// What a time coordinate's numbers count, and from when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    calendar: Calendar,
    /// Nanoseconds of a unit.
    unit: i128,
    /// The instant of number 0.
    start: i128,
}

impl Epoch {
    /// What a coordinate's type and attributes say; `None` if they describe no
    /// time that can be decoded: an unknown calendar, or a unit without a
    /// fixed length such as months (but in the calendar of equal months).
    #[must_use]
    pub fn of(coordinate: &Array) -> Option<Self> {
        if let DataType::Datetime { tick } = coordinate.data_type {
            return Some(Self {
                calendar: Calendar::ProlepticGregorian,
                unit: i128::from(tick),
                start: 0,
            });
        }
        let calendar = Calendar::named(coordinate.text("calendar"))?;
        Self::parse(coordinate.text("units")?, calendar)
    }

    /// `days since 2000-01-01 12:00`, in a calendar.
    #[must_use]
    pub fn parse(units: &str, calendar: Calendar) -> Option<Self> {
        let (unit, reference) = units.trim().split_once(" since ")?;
        Some(Self {
            calendar,
            unit: nanoseconds(unit.trim(), calendar)?,
            start: instant(reference.trim(), calendar)?,
        })
    }

    /// The instants of a coordinate's values, `None` if one is no number or
    /// beyond all measure.
    #[must_use]
    pub fn decode(&self, values: &Values) -> Option<TimeAxis> {
        let instants = match values {
            Values::Integers(values) => values
                .iter()
                .map(|value| {
                    let ticks = Some(*value).filter(|value| *value != NOT_A_TIME)?;
                    self.at(i128::from(ticks).checked_mul(self.unit)?)
                })
                .collect::<Option<Vec<_>>>()?,
            Values::Numbers(values) => values
                .iter()
                .map(|value| self.at(scaled(*value, self.unit)?))
                .collect::<Option<Vec<_>>>()?,
            Values::Texts(_) | Values::Unreadable(_) => return None,
        };
        Some(TimeAxis {
            calendar: self.calendar,
            instants,
        })
    }

    fn at(&self, since: i128) -> Option<i128> {
        let instant = self.start.checked_add(since)?;
        (instant.abs() < FARTHEST).then_some(instant)
    }
}

impl TimeAxis {
    /// The text of a step: `2023-08-01T00:00:00`, with as many decimals as
    /// there are.
    ///
    /// # Panics
    /// If there is no such step.
    #[must_use]
    pub fn label(&self, step: usize) -> String {
        text(self.instants[step], self.calendar)
    }

    /// The place of the newest instant, which is not always the last one:
    /// appends come out of order. `None` if the axis is empty.
    #[must_use]
    pub fn newest(&self) -> Option<usize> {
        (0..self.instants.len()).max_by_key(|step| (self.instants[*step], *step))
    }
}

/// The text of an instant of a calendar.
#[must_use]
pub fn text(instant: i128, calendar: Calendar) -> String {
    let days = i64::try_from(instant.div_euclid(DAY)).unwrap_or(i64::MAX);
    let Date { year, month, day } = calendar.date(days);
    let of_day = instant.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / 1_000_000_000, of_day % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction > 0 {
        text.push('.');
        text.push_str(format!("{fraction:09}").trim_end_matches('0'));
    }
    text
}

/// The first instant of what a text names: `2024`, `2024-01`, `2024-01-02`,
/// then `T` or a blank and `03`, `03:04`, `03:04:05.6`, then `Z`, `UTC` or an
/// offset such as `+01:00`. Reference dates of CF may lack leading zeros.
#[must_use]
pub fn instant(text: &str, calendar: Calendar) -> Option<i128> {
    let written = Written::parse(text)?;
    let (month, day) = (written.month.unwrap_or(1), written.day.unwrap_or(1));
    written.at(written.year, month, day, calendar)
}

/// The last instant, to the nanosecond, of what a text names as [`instant`] reads it: that
/// of the year, month, day, hour, minute or second.
#[must_use]
pub fn last_instant(text: &str, calendar: Calendar) -> Option<i128> {
    let written = Written::parse(text)?;
    let begin = instant(text, calendar)?;
    if written.day.is_none() && !written.clock.is_empty() {
        return None;
    }
    let end = match (written.month, written.day, written.clock) {
        (None, ..) | (Some(12), None, _) => written.at(written.year + 1, 1, 1, calendar)?,
        (Some(month), None, _) => written.at(written.year, month + 1, 1, calendar)?,
        (_, _, clock) => begin + length(without_zone(clock)?.0),
    };
    Some(end - 1)
}

/// Nanoseconds of what a clock names: a day without one.
fn length(clock: &str) -> i128 {
    const SECOND: i128 = 1_000_000_000;
    match clock.split(':').count() {
        _ if clock.is_empty() => DAY,
        _ if clock.contains('.') => 1,
        1 => 3600 * SECOND,
        2 => 60 * SECOND,
        _ => SECOND,
    }
}

/// A date and time of day as far as a text tells them.
struct Written<'a> {
    year: i64,
    month: Option<u8>,
    day: Option<u8>,
    clock: &'a str,
}

impl<'a> Written<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (date, clock) = match unsigned.find(['T', ' ']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].trim()),
            None => (unsigned.strip_suffix('Z').unwrap_or(unsigned), ""),
        };
        let mut parts = date.split('-').map(digits);
        let year = i64::try_from(parts.next()??).ok()? * sign;
        let mut next = || match parts.next() {
            None => Some(None),
            Some(part) => u8::try_from(part?).ok().map(Some),
        };
        let (month, day) = (next()?, next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            year,
            month,
            day,
            clock,
        })
    }

    /// The time of day at a date.
    fn at(&self, year: i64, month: u8, day: u8, calendar: Calendar) -> Option<i128> {
        let days = calendar.days(Date { year, month, day })?;
        Some(i128::from(days) * DAY + time_of_day(self.clock)?)
    }
}

/// Nanoseconds since midnight, UTC.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) = without_zone(text)?;
    let mut parts = clock.split(':').map(str::trim);
    let (hours, minutes, seconds) = (parts.next(), parts.next(), parts.next());
    let whole = |part: Option<&str>, below: u64| match part {
        None | Some("") => Some(0),
        Some(part) => digits(part).filter(|value| *value < below),
    };
    // 24:00 is the end of the day.
    let (hours, minutes) = (whole(hours, 25)?, whole(minutes, 60)?);
    let (seconds, fraction) = seconds
        .unwrap_or("0")
        .split_once('.')
        .unwrap_or((seconds.unwrap_or("0"), ""));
    let seconds = whole(Some(seconds), 61)?;
    // Decimals beyond nanoseconds are dropped.
    let fraction: String = fraction.chars().take(9).collect();
    let nanoseconds = match fraction.len() {
        0 => 0,
        _ => digits(&format!("{fraction:0<9}"))?,
    };
    if parts.next().is_some() {
        return None;
    }
    let seconds = i128::from((hours * 60 + minutes) * 60 + seconds);
    Some((seconds - offset) * 1_000_000_000 + i128::from(nanoseconds))
}

/// A clock's text without its zone, and the zone's offset in seconds.
fn without_zone(text: &str) -> Option<(&str, i128)> {
    for utc in ["Z", "UTC", "GMT"] {
        if let Some(clock) = text.strip_suffix(utc) {
            return Some((clock.trim_end(), 0));
        }
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, 0));
    };
    let (clock, zone) = (&text[..at], &text[at + 1..]);
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (digits(hours)?, digits(minutes)?),
        // `+0130`, `+01` and `+1`.
        None if zone.len() == 4 => (digits(zone)? / 100, digits(zone)? % 100),
        None => (digits(zone)?, 0),
    };
    let seconds = (hours < 24 && minutes < 60).then(|| i128::from((hours * 60 + minutes) * 60))?;
    let sign = if text[at..].starts_with('-') { -1 } else { 1 };
    Some((clock.trim_end(), sign * seconds))
}

/// A number of decimal digits alone, and not too many.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Nanoseconds of a unit by the names of UDUNITS.
fn nanoseconds(unit: &str, calendar: Calendar) -> Option<i128> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "nanosecond" | "nanoseconds" | "nanosec" | "nanosecs" | "ns" => 1,
        "microsecond" | "microseconds" | "microsec" | "microsecs" | "us" => 1_000,
        "millisecond" | "milliseconds" | "millisec" | "millisecs" | "msec" | "msecs" | "ms" => {
            1_000_000
        }
        "second" | "seconds" | "sec" | "secs" | "s" => 1_000_000_000,
        "minute" | "minutes" | "min" | "mins" => 60_000_000_000,
        "hour" | "hours" | "hr" | "hrs" | "h" => 3_600_000_000_000,
        "day" | "days" | "d" => DAY,
        "week" | "weeks" => 7 * DAY,
        "month" | "months" if calendar == Calendar::Days360 => 30 * DAY,
        "year" | "years" if calendar == Calendar::Days360 => 360 * DAY,
        "common_year" | "common_years" if calendar == Calendar::NoLeap => 365 * DAY,
        _ => return None,
    })
}

/// A number of units in nanoseconds. The fraction is rounded to microseconds:
/// a float64 of days in our time has no more, and 0.1 days are 2.4 hours.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bounded before, and a unit is at most a year of nanoseconds, whose rounding is far below a microsecond"
)]
fn scaled(value: f64, unit: i128) -> Option<i128> {
    if !value.is_finite() || value.abs() * unit as f64 > FARTHEST as f64 {
        return None;
    }
    let whole = value.floor();
    let microseconds = ((value - whole) * unit as f64 / 1000.0).round();
    Some(whole as i128 * unit + microseconds as i128 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn decoded(units: &str, calendar: &str, values: &[f64]) -> Option<Vec<String>> {
        let epoch = Epoch::parse(units, Calendar::named(Some(calendar))?)?;
        let axis = epoch.decode(&Values::Numbers(values.to_vec()))?;
        Some((0..values.len()).map(|step| axis.label(step)).collect())
    }

    /// `cftime.num2date(value, units, calendar).isoformat()` of cftime 1.6.6.
    #[test]
    fn dates_agree_with_cftime() {
        for (units, calendar, value, expected) in [
            (
                "days since 1978-01-01 00:00:00",
                "standard",
                1460.5,
                "1981-12-31T12:00:00",
            ),
            (
                "hours since 1900-01-01 00:00:0.0",
                "gregorian",
                1_043_136.0,
                "2019-01-01T00:00:00",
            ),
            (
                "minutes since 2000-1-1",
                "proleptic_gregorian",
                -1.0,
                "1999-12-31T23:59:00",
            ),
            (
                "seconds since 1970-01-01T00:00:00Z",
                "standard",
                0.25,
                "1970-01-01T00:00:00.25",
            ),
            (
                "days since 1850-01-01",
                "noleap",
                59.0,
                "1850-03-01T00:00:00",
            ),
            (
                "days since 2000-02-28",
                "366_day",
                1.0,
                "2000-02-29T00:00:00",
            ),
            (
                "days since 2000-01-01",
                "360_day",
                59.0,
                "2000-02-30T00:00:00",
            ),
            (
                "months since 2000-01-01",
                "360_day",
                13.0,
                "2001-02-01T00:00:00",
            ),
            (
                "days since 0001-01-01",
                "standard",
                577_737.0,
                "1582-10-15T00:00:00",
            ),
            (
                "days since 0001-01-01",
                "julian",
                577_737.0,
                "1582-10-05T00:00:00",
            ),
            (
                "hours since 2020-06-01 12:00 +02:00",
                "standard",
                0.0,
                "2020-06-01T10:00:00",
            ),
            (
                "days since 2001-01-01",
                "standard",
                0.1,
                "2001-01-01T02:24:00",
            ),
            (
                "milliseconds since 1970-01-01",
                "standard",
                1.5,
                "1970-01-01T00:00:00.0015",
            ),
        ] {
            assert_eq!(
                decoded(units, calendar, &[value]),
                Some(vec![expected.to_owned()]),
                "{units} {calendar}"
            );
        }
    }

    #[test]
    fn what_has_no_length_or_makes_no_sense_is_not_decoded() {
        for (units, calendar) in [
            ("months since 2000-01-01", "standard"),
            ("fortnights since 2000-01-01", "standard"),
            ("days since yesterday", "standard"),
            ("days since 2001-02-30", "standard"),
            ("days", "standard"),
            ("days since 2000-01-01 25:61", "standard"),
            ("days since 2000-01-01", "martian"),
        ] {
            assert_eq!(decoded(units, calendar, &[0.0]), None, "{units}");
        }
        let days = "days since 2000-01-01";
        assert_eq!(decoded(days, "standard", &[0.0, f64::NAN]), None);
        assert_eq!(decoded(days, "standard", &[1e300]), None);
    }

    fn coordinate(document: &Value) -> Array {
        Array::parse("time", document.clone(), None).unwrap()
    }

    #[test]
    fn datetimes_of_numpy_are_exact_to_the_nanosecond() {
        let array = coordinate(
            &json!({"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "<M8[ns]", "fill_value": 0}),
        );
        let epoch = Epoch::of(&array).unwrap();
        let axis = epoch
            .decode(&Values::Integers(vec![1_700_000_000_123_456_789]))
            .unwrap();
        assert_eq!(axis.label(0), "2023-11-14T22:13:20.123456789");
        assert_eq!(
            epoch.decode(&Values::Integers(vec![i64::MIN])),
            None,
            "not a time"
        );
    }

    #[test]
    fn the_newest_step_need_not_be_the_last() {
        let axis = |instants: &[i128]| TimeAxis {
            calendar: Calendar::Standard,
            instants: instants.to_vec(),
        };
        assert_eq!(axis(&[1, 5, 3]).newest(), Some(1));
        assert_eq!(axis(&[1, 5, 5]).newest(), Some(2), "written last");
        assert_eq!(axis(&[]).newest(), None);
    }

    #[test]
    fn the_end_of_what_a_text_names_is_a_nanosecond_before_what_follows() {
        for (named, following) in [
            ("2023", "2024"),
            ("2023-12", "2024"),
            ("2024-02", "2024-03"),
            ("2024-02-28", "2024-02-29"),
            ("2024-02-29Z", "2024-03"),
            ("2024-02-29T23", "2024-03"),
            ("2024-02-29T22:59Z", "2024-02-29T23"),
            ("2024-02-29T22:59:59+01:00", "2024-02-29T23+01:00"),
            ("2024-02-29T22:59:59.5", "2024-02-29T22:59:59.500000001"),
        ] {
            let end = last_instant(named, Calendar::Standard).map(|end| end + 1);
            let next = instant(following, Calendar::Standard);
            assert!(end.is_some() && end == next, "{named}: {end:?}, {next:?}");
        }
        let february = |calendar| last_instant("2023-02", calendar).map(|end| end + 1);
        let march = |calendar| instant("2023-02-30", calendar).map(|start| start + DAY);
        assert_eq!(february(Calendar::Days360), march(Calendar::Days360));
        assert_eq!(last_instant("2023-13", Calendar::Standard), None);
        assert_eq!(last_instant("2023-12T05", Calendar::Standard), None);
    }

    #[test]
    fn a_part_of_a_date_is_its_first_instant() {
        let at = |text: &str| instant(text, Calendar::Standard);
        assert_eq!(at("2024-01"), at("2024-01-01T00:00:00Z"));
        assert_eq!(at("2024"), at("2024-01-01 00:00"));
        assert_eq!(at("2024-01-01Z"), at("2024"));
        assert_eq!(at("2024-01-02T03"), at("2024-01-02T05:00+02:00"));
        assert_eq!(
            at("2024-01-02T03:00:00.5-0030"),
            at("2024-01-02T03:30:00.500")
        );
        for wrong in [
            "",
            "now",
            "2024-13",
            "2024-01-01T99",
            "2024-1-1-1",
            "2024-01-01T00:00:00:00",
            "2024-01-01T1x",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_instants_text_is_read_as_that_instant(
            // From the year 37 on.
            found in -61_000_000_000_000_000_000_i128..4_000_000_000_000_000_000_000,
        ) {
            for calendar in [Calendar::Standard, Calendar::NoLeap, Calendar::Days360, Calendar::Julian] {
                let written = text(found, calendar);
                prop_assert_eq!(instant(&written, calendar), Some(found), "{}", written);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = instant(&text, Calendar::Standard);
            let _ = Epoch::parse(&text, Calendar::Standard);
        }
    }
}
