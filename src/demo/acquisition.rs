//! When and by which satellite the archive's pictures were taken, and how the weather was.
//!
//! Orbits and times are those of Sentinel-2 over this coast in August and September 2023; swath edges are moved
//! inland so that the demo shows them.

use std::f64::consts::TAU;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};

/// One of the two satellites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Satellite {
    /// Sentinel-2A.
    A,
    /// Sentinel-2B.
    B,
}

/// The part of the swath that lies east or west of its edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Pictures exist east of the edge.
    East,
    /// Pictures exist west of the edge.
    West,
}

/// The edge of a swath: a line that leans like the ground track of a descending orbit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwathEdge {
    /// Longitude and latitude of a point on the edge, in degrees.
    pub at: (f64, f64),
    /// Where the pictures are.
    pub side: Side,
}

/// Degrees of longitude the edge moves east for each degree north, at about 43° N.
const LEAN: f64 = 0.36;

impl SwathEdge {
    /// Degrees of longitude from the edge into the swath, negative outside.
    #[must_use]
    pub fn inside(&self, lon: f64, lat: f64) -> f64 {
        let east = lon - self.at.0 - LEAN * (lat - self.at.1);
        match self.side {
            Side::East => east,
            Side::West => -east,
        }
    }
}

/// The sky of a date.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Share of the sky under clouds, 0 to 1.
    pub cover: f64,
    /// A band of clouds with veils before it, instead of a field of cumulus.
    pub front: bool,
}

/// One pass of a satellite: a datatake, of which each UTM tile holds a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acquisition {
    /// The satellite.
    pub satellite: Satellite,
    /// The day, UTC.
    pub date: NaiveDate,
    /// Relative orbit, 1 to 143.
    pub relative_orbit: u16,
    /// Absolute orbit since launch.
    pub absolute_orbit: u32,
    /// The edge of the swath, where it crosses the region.
    pub swath: Option<SwathEdge>,
    /// The weather, for imagery that shows any.
    pub weather: Weather,
}

impl Acquisition {
    /// A cloudless pass of Sentinel-2A in the middle of its swath.
    #[must_use]
    pub fn on(date: NaiveDate) -> Self {
        // Sentinel-2 flies 143 orbits in ten days; 42 576 was the pass of 17 August 2023.
        let days = date.num_days_from_ce() - 738_749;
        let absolute_orbit = (42_576 + days * 143 / 10).unsigned_abs();
        let weather = Weather {
            cover: 0.0,
            front: false,
        };
        Self {
            satellite: Satellite::A,
            date,
            relative_orbit: 108,
            absolute_orbit,
            swath: None,
            weather,
        }
    }

    /// `S2A` or `S2B`.
    #[must_use]
    pub const fn mission(&self) -> &'static str {
        match self.satellite {
            Satellite::A => "S2A",
            Satellite::B => "S2B",
        }
    }

    /// When recording began, far north of the region.
    #[must_use]
    pub fn began(&self) -> DateTime<Utc> {
        // Ten minutes lie between neighbouring swaths, 43 orbits apart; Sentinel-2B starts its recordings earlier.
        let minutes = match self.relative_orbit {
            65 => 20,
            8 => 40,
            _ => 30,
        };
        let earlier = match self.satellite {
            Satellite::A => 0,
            Satellite::B => 4 * 60 + 42,
        };
        self.at_second(10 * 3600 + minutes * 60 + 31 - earlier)
    }

    /// When the satellite passed over the region.
    #[must_use]
    pub fn sensed(&self) -> DateTime<Utc> {
        let minutes = match self.relative_orbit {
            65 => 28,
            8 => 48,
            _ => 38,
        };
        self.at_second(10 * 3600 + minutes * 60 + 47)
    }

    /// When the ground segment finished the product.
    #[must_use]
    pub fn processed(&self) -> DateTime<Utc> {
        let seconds = 15 * 3600 + u32::from(self.relative_orbit) * 13 + self.date.ordinal() * 11;
        self.at_second(seconds)
    }

    /// The name all tiles of this pass share, such as `GS2A_20230807T103031_042433_N05.09`.
    #[must_use]
    pub fn datatake_id(&self) -> String {
        let began = self.began().format("%Y%m%dT%H%M%S");
        format!(
            "G{}_{began}_{:06}_N05.09",
            self.mission(),
            self.absolute_orbit
        )
    }

    /// How far the date is between the beginning of August, 0, and the end of September, 1.
    #[expect(clippy::cast_precision_loss, reason = "days of a year")]
    #[must_use]
    pub fn season(&self) -> f32 {
        ((self.date.ordinal() as f32 - 213.0) / 60.0).clamp(0.0, 1.0)
    }

    /// Azimuth and elevation of the sun at a place, in degrees, to about a degree (Cooper's declination and
    /// the usual three-term equation of time).
    #[must_use]
    pub fn sun(&self, lon: f64, lat: f64) -> (f64, f64) {
        let day = f64::from(self.date.ordinal());
        let declination = (23.44_f64.to_radians()) * (TAU * (284.0 + day) / 365.0).sin();
        let second = f64::from(self.sensed().num_seconds_from_midnight());
        let turn = TAU * (day - 81.0) / 364.0;
        let minutes_ahead = 9.87 * (2.0 * turn).sin() - 7.53 * turn.cos() - 1.5 * turn.sin();
        let hour_angle = (second / 240.0 + minutes_ahead / 4.0 + lon - 180.0).to_radians();
        let lat = lat.to_radians();
        let up = lat.sin() * declination.sin() + lat.cos() * declination.cos() * hour_angle.cos();
        let east = -declination.cos() * hour_angle.sin();
        let north =
            lat.cos() * declination.sin() - lat.sin() * declination.cos() * hour_angle.cos();
        (
            east.atan2(north).to_degrees().rem_euclid(360.0),
            up.asin().to_degrees(),
        )
    }

    /// Whether the swath covers a place.
    #[must_use]
    pub fn covers(&self, lon: f64, lat: f64) -> bool {
        self.swath.is_none_or(|edge| edge.inside(lon, lat) >= 0.0)
    }

    fn at_second(&self, second: u32) -> DateTime<Utc> {
        let midnight = self.date.and_time(NaiveTime::MIN).and_utc();
        midnight + TimeDelta::seconds(second.into())
    }
}

/// Where the demo's two months begin.
const FIRST_DAY: NaiveDate =
    NaiveDate::from_ymd_opt(2023, 8, 1).expect("the first of August is a date");

/// The demo's ten passes over two months.
#[must_use]
pub fn summer_2023() -> Vec<Acquisition> {
    use Satellite::{A, B};
    let east = Some(SwathEdge {
        at: (5.98, 43.2),
        side: Side::East,
    });
    let west = Some(SwathEdge {
        at: (6.42, 43.2),
        side: Side::West,
    });
    // Days after FIRST_DAY, satellite, relative and absolute orbit, swath edge, cloud cover, whether a front passes.
    let passes = [
        (1, B, 108, 33_453, None, 0.16, false),
        (6, A, 108, 42_433, None, 0.36, true),
        (13, A, 65, 42_533, east, 0.09, false),
        (21, B, 108, 33_739, None, 0.05, false),
        (24, B, 8, 33_782, west, 0.22, false),
        (33, A, 65, 42_819, east, 0.20, false),
        (36, A, 108, 42_862, None, 0.55, true),
        (41, B, 108, 34_025, None, 0.07, false),
        (49, A, 8, 43_048, west, 0.30, false),
        (56, A, 108, 43_148, None, 0.13, false),
    ];
    passes
        .into_iter()
        .map(
            |(days, satellite, relative_orbit, absolute_orbit, swath, cover, front)| Acquisition {
                satellite,
                date: FIRST_DAY + Days::new(days),
                relative_orbit,
                absolute_orbit,
                swath,
                weather: Weather { cover, front },
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_demo_has_ten_dates_in_august_and_september() {
        let passes = summer_2023();
        assert_eq!(passes.len(), 10);
        assert_eq!(
            (passes[0].date, passes[9].date),
            (date("2023-08-02"), date("2023-09-26"))
        );
        assert!(passes.is_sorted_by(|left, right| left.date < right.date));
    }

    #[test]
    fn a_datatake_is_named_as_the_ground_segment_names_it() {
        assert_eq!(
            summer_2023()[1].datatake_id(),
            "GS2A_20230807T103031_042433_N05.09"
        );
        assert_eq!(Acquisition::on(date("2023-08-17")).absolute_orbit, 42_576);
        assert_eq!(Acquisition::on(date("2023-08-07")).absolute_orbit, 42_433);
    }

    #[test]
    fn the_sun_stands_in_the_south_east_as_real_items_say() {
        // S2A_33TWL_20230815: the same latitude less two degrees, a swath at the same solar time.
        let pass = Acquisition {
            date: date("2023-08-15"),
            ..Acquisition::on(date("2023-08-17"))
        };
        let (azimuth, elevation) = pass.sun(6.15, 45.55);
        assert!(
            (azimuth - 151.8).abs() < 3.0 && (elevation - 55.8).abs() < 1.5,
            "{azimuth} {elevation}"
        );
    }

    #[test]
    fn a_swath_covers_one_side_of_its_edge() {
        let east = SwathEdge {
            at: (6.0, 43.2),
            side: Side::East,
        };
        let pass = Acquisition {
            swath: Some(east),
            ..Acquisition::on(date("2023-08-17"))
        };
        assert!(pass.covers(6.1, 43.2) && !pass.covers(5.9, 43.2));
        assert!(
            !pass.covers(6.1, 43.6),
            "the edge leans east towards the north"
        );
    }
}
