//! The calendars of CF: days counted, and counted days as dates.
//!
//! Source: CF 1.11, section 4.4.1. Day numbers of the Gregorian and Julian
//! calendars: H. Hinnant, "chrono-compatible low-level date algorithms", 2021.
//! Years are astronomical: the one before 1 is 0.

/// A calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// Gregorian from 1582-10-15 on, Julian before (`standard`, `gregorian`).
    Standard,
    /// Gregorian throughout.
    ProlepticGregorian,
    /// Julian throughout.
    Julian,
    /// No year has a 29 February (`noleap`, `365_day`).
    NoLeap,
    /// Every year has one (`all_leap`, `366_day`).
    AllLeap,
    /// Twelve months of thirty days (`360_day`).
    Days360,
}

/// A date of some calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Astronomical year.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

/// The day 1582-10-15 of the Gregorian calendar, from 1970-01-01.
const REFORM: i64 = -141_427;

/// Days before each month in a year without a leap day.
const BEFORE_MONTH: [i64; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

impl Calendar {
    /// The calendar of an attribute `calendar`; absent means `standard`.
    #[must_use]
    pub fn named(name: Option<&str>) -> Option<Self> {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("standard" | "gregorian" | "") => Some(Self::Standard),
            Some("proleptic_gregorian") => Some(Self::ProlepticGregorian),
            Some("julian") => Some(Self::Julian),
            Some("noleap" | "365_day") => Some(Self::NoLeap),
            Some("all_leap" | "366_day") => Some(Self::AllLeap),
            Some("360_day") => Some(Self::Days360),
            Some(_) => None,
        }
    }

    /// Its name in CF.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::ProlepticGregorian => "proleptic_gregorian",
            Self::Julian => "julian",
            Self::NoLeap => "noleap",
            Self::AllLeap => "all_leap",
            Self::Days360 => "360_day",
        }
    }

    /// Days from the Gregorian 1970-01-01 to a date of this calendar (from its
    /// own in the calendars of models, which share no days), `None` if it has no
    /// such date.
    #[must_use]
    pub fn days(self, date: Date) -> Option<i64> {
        /// Far beyond any model's run, and far from overflow.
        const FARTHEST: u64 = 10_000_000;
        if date.year.unsigned_abs() > FARTHEST || !(1..=12).contains(&date.month) {
            return None;
        }
        let days = match self {
            Self::Standard => {
                let gregorian = gregorian_days(date);
                if gregorian >= REFORM {
                    gregorian
                } else {
                    julian_days(date)
                }
            }
            Self::ProlepticGregorian => gregorian_days(date),
            Self::Julian => julian_days(date),
            Self::NoLeap => {
                (date.year - 1970) * 365
                    + BEFORE_MONTH[usize::from(date.month) - 1]
                    + i64::from(date.day)
                    - 1
            }
            Self::AllLeap => {
                let leap = i64::from(date.month > 2);
                (date.year - 1970) * 366
                    + BEFORE_MONTH[usize::from(date.month) - 1]
                    + leap
                    + i64::from(date.day)
                    - 1
            }
            Self::Days360 => {
                (date.year - 1970) * 360 + (i64::from(date.month) - 1) * 30 + i64::from(date.day)
                    - 1
            }
        };
        // A day that the month does not have comes out as another date.
        (self.date(days) == date).then_some(days)
    }

    /// The date that is so many days after 1970-01-01.
    #[must_use]
    pub fn date(self, days: i64) -> Date {
        match self {
            Self::Standard if days < REFORM => julian_date(days),
            Self::Standard | Self::ProlepticGregorian => gregorian_date(days),
            Self::Julian => julian_date(days),
            Self::NoLeap => {
                let day = days.rem_euclid(365);
                let month = BEFORE_MONTH.partition_point(|before| *before <= day);
                date(
                    1970 + days.div_euclid(365),
                    month,
                    day - BEFORE_MONTH[month - 1] + 1,
                )
            }
            Self::AllLeap => {
                let day = days.rem_euclid(366);
                let before = |month: usize| BEFORE_MONTH[month - 1] + i64::from(month > 2);
                let month = (1..=12)
                    .rev()
                    .find(|month| before(*month) <= day)
                    .unwrap_or(1);
                date(1970 + days.div_euclid(366), month, day - before(month) + 1)
            }
            Self::Days360 => {
                let day = days.rem_euclid(360);
                let month = usize::try_from(day / 30 + 1).unwrap_or(1);
                date(1970 + days.div_euclid(360), month, day % 30 + 1)
            }
        }
    }
}

fn date(year: i64, month: usize, day: i64) -> Date {
    Date {
        year,
        month: u8::try_from(month).unwrap_or(u8::MAX),
        day: u8::try_from(day).unwrap_or(u8::MAX),
    }
}

/// Years are counted from March, so that a leap day is a year's last one:
/// the year, and the day in it.
fn from_march(date: Date) -> (i64, i64) {
    let month = i64::from(date.month);
    let year = date.year - i64::from(month <= 2);
    let from_march = (month + 9) % 12;
    (year, (153 * from_march + 2) / 5 + i64::from(date.day) - 1)
}

/// The date of a day in a year counted from March.
fn of_march(year: i64, day: i64) -> Date {
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    date(
        year + i64::from(month <= 2),
        usize::try_from(month).unwrap_or(1),
        day - (153 * from_march + 2) / 5 + 1,
    )
}

/// Days from 0000-03-01 to 1970-01-01, Gregorian.
const GREGORIAN_EPOCH: i64 = 719_468;
/// The same from 0000-03-01 of the Julian calendar, two days earlier.
const JULIAN_EPOCH: i64 = 719_470;

fn gregorian_days(date: Date) -> i64 {
    let (year, day) = from_march(date);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day - GREGORIAN_EPOCH
}

fn gregorian_date(days: i64) -> Date {
    let days = days + GREGORIAN_EPOCH;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    of_march(
        era * 400 + year,
        of_era - (365 * year + year / 4 - year / 100),
    )
}

fn julian_days(date: Date) -> i64 {
    let (year, day) = from_march(date);
    year * 365 + year.div_euclid(4) + day - JULIAN_EPOCH
}

fn julian_date(days: i64) -> Date {
    let days = days + JULIAN_EPOCH;
    let (era, of_era) = (days.div_euclid(1461), days.rem_euclid(1461));
    let year = (of_era - of_era / 1460) / 365;
    of_march(era * 4 + year, of_era - 365 * year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Calendar; 6] = [
        Calendar::Standard,
        Calendar::ProlepticGregorian,
        Calendar::Julian,
        Calendar::NoLeap,
        Calendar::AllLeap,
        Calendar::Days360,
    ];

    fn on(year: i64, month: u8, day: u8) -> Date {
        Date { year, month, day }
    }

    proptest! {
        #[test]
        fn a_day_is_its_dates_day_and_dates_follow_each_other(days in -2_000_000_i64..2_000_000) {
            for calendar in ALL {
                let date = calendar.date(days);
                prop_assert_eq!(calendar.days(date), Some(days), "{:?} {:?}", calendar, date);
                prop_assert!(date < calendar.date(days + 1));
            }
        }
    }

    /// `cftime.date2num(cftime.datetime(y, m, d, calendar=c), "days since
    /// 1970-01-01", c)` of cftime 1.6.6.
    #[test]
    fn days_agree_with_cftime() {
        for (calendar, date, days) in [
            (Calendar::Standard, on(2024, 2, 29), 19_782),
            (Calendar::Standard, on(1582, 10, 15), -141_427),
            (Calendar::Standard, on(1582, 10, 4), -141_428),
            (Calendar::Standard, on(1, 1, 1), -719_164),
            (Calendar::ProlepticGregorian, on(1582, 10, 4), -141_438),
            (Calendar::ProlepticGregorian, on(1, 1, 1), -719_162),
            (Calendar::NoLeap, on(2000, 3, 1), 11_009),
            (Calendar::AllLeap, on(2001, 2, 29), 11_405),
            (Calendar::Days360, on(2000, 2, 30), 10_859),
        ] {
            assert_eq!(calendar.days(date), Some(days), "{calendar:?} {date:?}");
        }
    }

    #[test]
    fn the_julian_calendar_is_thirteen_days_behind_in_our_time() {
        // 2000-01-14 Gregorian is 2000-01-01 Julian.
        let gregorian = Calendar::ProlepticGregorian.days(on(2000, 1, 14));
        assert_eq!(Calendar::Julian.days(on(2000, 1, 1)), gregorian);
    }

    #[test]
    fn a_calendar_has_only_its_own_dates() {
        for (calendar, date) in [
            (Calendar::Standard, on(2023, 2, 29)),
            (Calendar::Standard, on(1582, 10, 10)),
            (Calendar::NoLeap, on(2024, 2, 29)),
            (Calendar::Days360, on(2024, 1, 31)),
            (Calendar::AllLeap, on(2024, 2, 30)),
            (Calendar::Julian, on(2024, 13, 1)),
            (Calendar::Standard, on(i64::MAX, 1, 1)),
            (Calendar::Standard, on(2024, 1, 0)),
        ] {
            assert_eq!(calendar.days(date), None, "{calendar:?} {date:?}");
        }
        assert!(Calendar::Julian.days(on(1900, 2, 29)).is_some());
    }

    #[test]
    fn every_name_of_cf_is_known() {
        for calendar in ALL {
            assert_eq!(Calendar::named(Some(calendar.name())), Some(calendar));
        }
        assert_eq!(Calendar::named(Some("365_day")), Some(Calendar::NoLeap));
        assert_eq!(Calendar::named(None), Some(Calendar::Standard));
        assert_eq!(Calendar::named(Some("mayan")), None);
    }
}
