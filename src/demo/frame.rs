//! The pixels of a UTM tile: where they lie, and what the tile is called.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rows, columns and 100 km squares inside one UTM zone"
)]

use super::{acquisition::Acquisition, cog::GeoReference, plane::Bounds, utm::Zone};

/// Kilometres in a degree of latitude.
const DEGREE: f64 = 111.1;
/// Points along each edge of a rectangle when it is bent by a projection.
const EDGE_POINTS: u32 = 8;

/// A north-up raster of square pixels in a UTM zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The zone.
    pub zone: Zone,
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Easting of the left edge, in metres.
    pub left: f64,
    /// Northing of the top edge, in metres.
    pub top: f64,
    /// Side of a pixel, in metres.
    pub cell_size: f64,
}

impl Frame {
    /// The frames of all zones that `bounds` touches. Frames of neighbouring zones share at least `overlap`
    /// kilometres, as far as the bounds reach.
    #[must_use]
    pub fn covering(bounds: Bounds, cell_size: f64, overlap: f64) -> Vec<Self> {
        let middle = f64::midpoint(bounds.south, bounds.north);
        let beyond = overlap / 2.0 / (DEGREE * middle.to_radians().cos());
        let first = Zone::containing(bounds.west, middle);
        let mut frames = vec![];
        let mut zone = first;
        loop {
            let west = zone.central_meridian() - 3.0;
            let east = zone.central_meridian() + 3.0;
            let part = Bounds {
                west: bounds.west.max(west - beyond),
                east: bounds.east.min(east + beyond),
                ..bounds
            };
            frames.push(Self::around(zone, part, cell_size));
            if bounds.east <= east || zone.number() == 60 {
                return frames;
            }
            zone = Zone::containing(east, middle);
        }
    }

    /// The smallest frame around `bounds` whose edges are multiples of the cell size.
    fn around(zone: Zone, bounds: Bounds, cell_size: f64) -> Self {
        let ring = ring((bounds.west, bounds.east), (bounds.south, bounds.north));
        let mut low = (f64::INFINITY, f64::INFINITY);
        let mut high = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for (lon, lat) in ring {
            let (x, y) = zone.forward(lon, lat);
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
        }
        let left = (low.0 / cell_size).floor() * cell_size;
        let top = (high.1 / cell_size).ceil() * cell_size;
        Self {
            zone,
            columns: ((high.0 - left) / cell_size).ceil() as u32,
            rows: ((top - low.1) / cell_size).ceil() as u32,
            left,
            top,
            cell_size,
        }
    }

    /// Pixels in all.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    /// Easting and northing of a pixel's centre, in metres.
    #[must_use]
    pub fn centre(&self, column: u32, row: u32) -> (f64, f64) {
        (
            self.left + (f64::from(column) + 0.5) * self.cell_size,
            self.top - (f64::from(row) + 0.5) * self.cell_size,
        )
    }

    /// Longitude and latitude of a pixel's centre, in degrees.
    #[must_use]
    pub fn position(&self, column: u32, row: u32) -> (f64, f64) {
        let (x, y) = self.centre(column, row);
        self.zone.inverse(x, y)
    }

    /// Longitude and latitude of the frame's middle, in degrees.
    #[must_use]
    pub fn middle(&self) -> (f64, f64) {
        let (x, y) = self.projected_middle();
        self.zone.inverse(x, y)
    }

    /// What a GeoTIFF says about the frame.
    #[must_use]
    pub fn geo_reference(&self) -> GeoReference {
        let (origin_x, origin_y) = (self.left, self.top);
        GeoReference {
            epsg: self.zone.epsg(),
            origin_x,
            origin_y,
            cell_size: self.cell_size,
        }
    }

    /// The MGRS 100 km square around the frame's middle, such as `31TGH`: Sentinel-2 names its tiles so. The
    /// frame itself follows the archive's bounds, not the square.
    #[must_use]
    pub fn mgrs_square(&self) -> String {
        let (x, y) = self.projected_middle();
        let (_, lat) = self.middle();
        let letter =
            |alphabet: &'static [u8], index: usize| char::from(alphabet[index % alphabet.len()]);
        let zone = usize::from(self.zone.number());
        let band = letter(b"CDEFGHJKLMNPQRSTUVWX", ((lat + 80.0) / 8.0) as usize);
        // Columns run through the alphabet over three zones, rows start over in every other zone.
        let column = letter(
            b"ABCDEFGHJKLMNPQRSTUVWXYZ",
            (zone - 1) % 3 * 8 + (x / 100_000.0) as usize - 1,
        );
        let start = if zone % 2 == 1 { 0 } else { 5 };
        let row = letter(b"ABCDEFGHJKLMNPQRSTUV", start + (y / 100_000.0) as usize);
        format!("{zone}{band}{column}{row}")
    }

    /// The ring around the frame's pixels that an acquisition covers, counter-clockwise in longitude and latitude,
    /// closed; empty where it covers none.
    #[must_use]
    pub fn footprint(&self, acquisition: &Acquisition) -> Vec<(f64, f64)> {
        let (right, bottom) = self.far_corner();
        let frame: Vec<_> = ring((self.left, right), (bottom, self.top))
            .into_iter()
            .map(|(x, y)| self.zone.inverse(x, y))
            .collect();
        let mut covered = match acquisition.swath {
            None => frame,
            Some(edge) => clip(&frame, |(lon, lat)| edge.inside(lon, lat)),
        };
        if let Some(&first) = covered.first() {
            covered.push(first);
        }
        covered
    }

    /// Easting and northing of the frame's middle, in metres.
    fn projected_middle(&self) -> (f64, f64) {
        let (right, bottom) = self.far_corner();
        (
            f64::midpoint(self.left, right),
            f64::midpoint(self.top, bottom),
        )
    }

    /// Easting of the right edge and northing of the bottom edge, in metres.
    fn far_corner(&self) -> (f64, f64) {
        (
            self.left + f64::from(self.columns) * self.cell_size,
            self.top - f64::from(self.rows) * self.cell_size,
        )
    }
}

/// Points along the edges of a rectangle, counter-clockwise, open.
fn ring((left, right): (f64, f64), (bottom, top): (f64, f64)) -> Vec<(f64, f64)> {
    let corners = [(left, bottom), (right, bottom), (right, top), (left, top)];
    let mut points = vec![];
    for (index, &from) in corners.iter().enumerate() {
        let to = corners[(index + 1) % corners.len()];
        for step in 0..EDGE_POINTS {
            let share = f64::from(step) / f64::from(EDGE_POINTS);
            points.push((
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            ));
        }
    }
    points
}

/// Clips an open ring to where `inside` is not negative (Sutherland and Hodgman, for one straight edge).
fn clip(ring: &[(f64, f64)], inside: impl Fn((f64, f64)) -> f64) -> Vec<(f64, f64)> {
    let mut kept = vec![];
    for (index, &from) in ring.iter().enumerate() {
        let to = ring[(index + 1) % ring.len()];
        let (here, there) = (inside(from), inside(to));
        if here >= 0.0 {
            kept.push(from);
        }
        if (here >= 0.0) != (there >= 0.0) {
            let share = here / (here - there);
            kept.push((
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            ));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::acquisition::{Side, SwathEdge};

    const RIVIERA: Bounds = Bounds {
        west: 5.4,
        south: 42.75,
        east: 6.9,
        north: 43.65,
    };

    #[test]
    fn bounds_across_a_zone_border_get_a_frame_in_each_zone_and_both_hold_the_border() {
        let frames = Frame::covering(RIVIERA, 600.0, 18.0);
        assert_eq!(
            frames
                .iter()
                .map(|frame| frame.zone.epsg())
                .collect::<Vec<_>>(),
            [32_631, 32_632]
        );
        for frame in &frames {
            for (lon, lat) in [(5.9, 43.0), (6.1, 43.6)] {
                let (x, y) = frame.zone.forward(lon, lat);
                let column = (x - frame.left) / frame.cell_size;
                let row = (frame.top - y) / frame.cell_size;
                assert!(
                    (0.0..f64::from(frame.columns)).contains(&column),
                    "{lon} {lat}"
                );
                assert!((0.0..f64::from(frame.rows)).contains(&row), "{lon} {lat}");
            }
        }
    }

    #[test]
    fn frames_are_named_by_their_mgrs_square() {
        // Checked with the mgrs package for 5.77 E and 6.37 E, 43.2 N.
        let names: Vec<_> = Frame::covering(RIVIERA, 600.0, 18.0)
            .iter()
            .map(Frame::mgrs_square)
            .collect();
        assert_eq!(names, ["31TGH", "32TKN"]);
    }

    #[test]
    fn a_footprint_ends_at_the_swath_edge() {
        let frame = Frame::covering(RIVIERA, 600.0, 18.0)[0];
        let edge = SwathEdge {
            at: (5.8, 43.2),
            side: Side::East,
        };
        let pass = Acquisition {
            swath: Some(edge),
            ..Acquisition::on("2023-08-17".parse().unwrap())
        };
        let whole = frame.footprint(&Acquisition {
            swath: None,
            ..pass
        });
        let clipped = frame.footprint(&pass);
        assert!(whole.iter().any(|&(lon, _)| lon < 5.45));
        assert!(
            clipped
                .iter()
                .all(|&(lon, lat)| edge.inside(lon, lat) > -1e-9)
        );
        assert_eq!(clipped.first(), clipped.last());
        let off = SwathEdge {
            at: (9.0, 43.2),
            side: Side::East,
        };
        assert!(
            frame
                .footprint(&Acquisition {
                    swath: Some(off),
                    ..pass
                })
                .is_empty()
        );
    }
}
