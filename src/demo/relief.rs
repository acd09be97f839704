//! The lie of the land: shore, heights and rivers of a region, worked out once on a grid.
//!
//! Massifs are lifted and rivers cut into them until both are in balance, by the stream power law solved as in
//! Braun and Willett, "A very efficient O(n), implicit and parallel method to solve the stream power equation"
//! (Geomorphology 180, 2013). That gives branching valleys, which is what makes a landscape look like one.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "indices and sizes of a grid of about a million cells"
)]

use super::{
    gazetteer::{MASSIFS, Massif, Rock},
    grid::Grid,
    noise::{fbm, smoothstep},
    plane::{Bounds, Km, plane, position},
};

/// Cell size of the finest grid, in kilometres.
const STEP: f64 = 0.15;
/// What is modelled beyond the bounds, in kilometres: a UTM rectangle around them reaches about 4 km further.
const MARGIN: f64 = 7.0;
/// Cell size in steps, and rounds of uplift and erosion at that size.
const PASSES: [(usize, u32); 3] = [(4, 120), (2, 30), (1, 14)];
/// Height the crest of a massif keeps per unit of uplift when lifting and cutting are in balance. For streams whose
/// drainage area grows as distance squared it is about 1.7 ln(length of the stream / length of the slope above it).
const HEIGHT_PER_UPLIFT: f64 = 5.5;
/// Area below which slopes creep instead of being cut by a stream, in square kilometres.
const HILLSLOPE: f64 = 0.06;
const TIME_STEP: f64 = 1.0;
/// Share of the difference to the mean of its neighbours that a height gives up in a round.
const CREEP: f64 = 0.06;

const SHORE_SEED: u32 = 11;
const ROUGHNESS_SEED: u32 = 23;
const WARP_SEED: u32 = 37;
/// How far the coast line wanders from the given one, in kilometres.
const SHORE_DETAIL: f64 = 0.21;

/// Shore, heights and drainage of a region.
#[derive(Debug)]
pub(super) struct Relief {
    shore: Grid,
    height: Grid,
    east_slope: Grid,
    north_slope: Grid,
    drainage: Grid,
    receivers: Vec<u32>,
}

/// What the relief knows about a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lie {
    /// Height above the sea, in kilometres.
    pub(super) height: f64,
    /// Rise towards the east, kilometres per kilometre.
    pub(super) east_slope: f64,
    /// Rise towards the north, kilometres per kilometre.
    pub(super) north_slope: f64,
}

/// A river near a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct River {
    /// Kilometres to the middle of the stream.
    pub(super) distance: f64,
    /// Area it drains, in square kilometres.
    pub(super) area: f64,
}

impl Relief {
    /// Works out the relief around `bounds`, asking `is_land(longitude, latitude)` a few hundred thousand times.
    pub(super) fn new(bounds: Bounds, is_land: impl Fn(f64, f64) -> bool) -> Self {
        let (west, south) = plane(bounds.west, bounds.south);
        let (east, north) = plane(bounds.east, bounds.north);
        // Whole multiples of the coarsest cell, at absolute positions: the land does not move with the bounds.
        let coarsest = PASSES[0].0 as f64 * STEP;
        let snap = |km: f64| (km / coarsest).floor() * coarsest;
        let origin = (snap(west - MARGIN), snap(south - MARGIN));
        let cells = |from: f64, to: f64| {
            (((to + MARGIN - from) / coarsest).ceil() as usize + 1) * PASSES[0].0
        };
        let (columns, rows) = (cells(origin.0, east), cells(origin.1, north));
        let land = Grid::from_fn(origin, STEP, (columns, rows), |at| {
            let (lon, lat) = position(at);
            if is_land(lon, lat) { 1.0 } else { 0.0 }
        });
        let shore = land.signed_distance().smoothed();

        let mut height = Grid::from_fn(origin, STEP, (2, 2), |_| 0.0);
        let mut network = Network::default();
        for (index, (factor, rounds)) in PASSES.into_iter().enumerate() {
            let start = height;
            let shape = (columns / factor, rows / factor);
            let step = STEP * factor as f64;
            height = Grid::from_fn(origin, step, shape, |at| match detailed(&shore, at) {
                sea if sea <= 0.0 => 0.0,
                inland if index == 0 => {
                    0.004 * inland + 0.002 * (1.0 + fbm(ROUGHNESS_SEED, at.0, at.1, 2))
                }
                _ => start.at(at).max(0.0005),
            });
            let uplift = height.map(|at, height| {
                if height > 0.0 {
                    target_height(at, shore.at(at))
                } else {
                    0.0
                }
            });
            for _ in 0..rounds {
                network = Network::of(&height);
                network.erode(&mut height, &uplift);
            }
        }
        let drainage = height.map_index(|index| network.area[index]);
        let (east_slope, north_slope) = height.slopes();
        Self {
            shore,
            height,
            east_slope,
            north_slope,
            drainage,
            receivers: network.receivers,
        }
    }

    /// Signed distance to the coast in kilometres, positive on land, with the detail of a natural coast line.
    pub(super) fn shore(&self, at: Km) -> f64 {
        detailed(&self.shore, at)
    }

    /// Height and slope of a place.
    pub(super) fn lie(&self, at: Km) -> Lie {
        Lie {
            height: self.height.at(at),
            east_slope: self.east_slope.at(at),
            north_slope: self.north_slope.at(at),
        }
    }

    /// The widest river that drains at least `least` square kilometres within about 0.2 km.
    pub(super) fn river(&self, at: Km, least: f64) -> Option<River> {
        let (columns, rows) = self.drainage.shape();
        let (column, row) = self.drainage.cell(at);
        let mut best: Option<River> = None;
        for row in row.saturating_sub(1)..(row + 2).min(rows) {
            for column in column.saturating_sub(1)..(column + 2).min(columns) {
                let index = row * columns + column;
                let area = f64::from(self.drainage.value(index));
                let below = self.receivers[index] as usize;
                if area < least || below == index {
                    continue;
                }
                let distance =
                    to_segment(at, self.drainage.centre(index), self.drainage.centre(below));
                if distance < STEP * 1.4 && best.is_none_or(|best| distance < best.distance) {
                    best = Some(River { distance, area });
                }
            }
        }
        best
    }

    /// Where rivers that drain at least `least` square kilometres meet the sea, with their areas.
    pub(super) fn mouths(&self, least: f64) -> Vec<(Km, f64)> {
        let area = |index: usize| f64::from(self.drainage.value(index));
        (0..self.receivers.len())
            .filter(|&index| area(index) >= least && self.height.value(index) > 0.0)
            .filter(|&index| self.height.value(self.receivers[index] as usize) <= 0.0)
            .map(|index| (self.drainage.centre(index), area(index)))
            .collect()
    }
}

/// The massif that dominates a place, and its share of the height there, 0 to 1.
pub(super) fn massif(at: Km) -> (Rock, f64) {
    let warped = warp(at);
    let dominant = MASSIFS
        .iter()
        .map(|massif| (massif.rock, rise(massif, warped), massif.height))
        .max_by(|left, right| (left.1 * left.2).total_cmp(&(right.1 * right.2)));
    dominant.map_or((Rock::Limestone, 0.0), |(rock, share, _)| (rock, share))
}

fn warp((x, y): Km) -> Km {
    let offset = |seed| 1.6 * fbm(seed, x / 7.0, y / 7.0, 3);
    (x + offset(WARP_SEED), y + offset(WARP_SEED + 100))
}

/// A bell over the massif's ellipse.
fn rise(massif: &Massif, (x, y): Km) -> f64 {
    let (centre_x, centre_y) = plane(massif.at.0, massif.at.1);
    let (sin, cos) = massif.azimuth.to_radians().sin_cos();
    let (dx, dy) = (x - centre_x, y - centre_y);
    let along = (dx * sin + dy * cos) / massif.half_axes.0;
    let across = (dx * cos - dy * sin) / massif.half_axes.1;
    let out = along * along + across * across;
    (-1.2 * out * out.sqrt()).exp()
}

/// The height a place is lifted towards, in kilometres.
fn target_height(at: Km, shore: f64) -> f64 {
    let warped = warp(at);
    let base = 0.025 + 0.16 * smoothstep(4.0, 42.0, shore);
    let massifs = MASSIFS
        .iter()
        .map(|massif| massif.height * rise(massif, warped))
        .fold(0.0, f64::max);
    let rough = 1.0 + 0.35 * fbm(ROUGHNESS_SEED, at.0 / 5.0, at.1 / 5.0, 4);
    // Beaches and coastal plains: the first kilometre rises less.
    let coast = 0.45 + 0.55 * smoothstep(0.0, 1.5, shore);
    (base + massifs) * rough * coast
}

fn detailed(shore: &Grid, at: Km) -> f64 {
    let distance = shore.at(at);
    // Far from the coast the detail changes nothing that anyone reads from the distance.
    if distance.abs() > 2.0 {
        return distance;
    }
    // Capes and coves, and rocks at their feet.
    let coves = fbm(SHORE_SEED, at.0 / 1.5, at.1 / 1.5, 3);
    let rocks = fbm(SHORE_SEED + 50, at.0 / 0.4, at.1 / 0.4, 2);
    distance + SHORE_DETAIL * (0.75 * coves + 0.35 * rocks)
}

fn to_segment(at: Km, from: Km, to: Km) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let along = ((at.0 - from.0) * dx + (at.1 - from.1) * dy) / (dx * dx + dy * dy);
    let along = along.clamp(0.0, 1.0);
    (at.0 - from.0 - along * dx).hypot(at.1 - from.1 - along * dy)
}

/// Which cell drains into which, and how much arrives.
#[derive(Debug, Default)]
struct Network {
    /// The lowest neighbour of each cell, or the cell itself where water stays.
    receivers: Vec<u32>,
    /// All cells, each after its receiver.
    order: Vec<u32>,
    /// Area drained through each cell, in square kilometres.
    area: Vec<f32>,
}

impl Network {
    fn of(height: &Grid) -> Self {
        let receivers = height.steepest_descents();
        let order = downstream_first(&receivers);
        let mut area = vec![(height.step() * height.step()) as f32; receivers.len()];
        for &cell in order.iter().rev() {
            let below = receivers[cell as usize];
            if below != cell {
                area[below as usize] += area[cell as usize];
            }
        }
        Self {
            receivers,
            order,
            area,
        }
    }

    /// One round: lift by `uplift` over [`HEIGHT_PER_UPLIFT`], cut by the stream power law, let slopes creep.
    fn erode(&self, height: &mut Grid, uplift: &Grid) {
        for &cell in &self.order {
            let (cell, below) = (cell as usize, self.receivers[cell as usize] as usize);
            if uplift.value(cell) <= 0.0 {
                continue;
            }
            let lifted = f64::from(height.value(cell))
                + TIME_STEP * f64::from(uplift.value(cell)) / HEIGHT_PER_UPLIFT;
            let run = height.distance(cell, below);
            let next = if run > 0.0 {
                let power = TIME_STEP * (f64::from(self.area[cell]) + HILLSLOPE).sqrt() / run;
                (lifted + power * f64::from(height.value(below))) / (1.0 + power)
            } else {
                lifted
            };
            height.set(cell, next as f32);
        }
        height.creep(CREEP);
    }
}

/// Orders cells so that each comes after its receiver.
fn downstream_first(receivers: &[u32]) -> Vec<u32> {
    // Donors of a cell lie side by side, found by counting.
    let mut first = vec![0_u32; receivers.len() + 1];
    for (cell, &below) in receivers.iter().enumerate() {
        if below as usize != cell {
            first[below as usize + 1] += 1;
        }
    }
    for cell in 0..receivers.len() {
        first[cell + 1] += first[cell];
    }
    let mut next = first.clone();
    let mut donors = vec![0_u32; first[receivers.len()] as usize];
    for (cell, &below) in receivers.iter().enumerate() {
        if below as usize != cell {
            donors[next[below as usize] as usize] = cell as u32;
            next[below as usize] += 1;
        }
    }
    let mut order: Vec<u32> = (0..receivers.len() as u32)
        .filter(|&cell| receivers[cell as usize] == cell)
        .collect();
    let mut done = 0;
    while let Some(&cell) = order.get(done) {
        let cell = cell as usize;
        order.extend_from_slice(&donors[first[cell] as usize..first[cell + 1] as usize]);
        done += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        west: 6.2,
        south: 43.0,
        east: 6.5,
        north: 43.3,
    };

    /// A straight coast along 43.1 N.
    fn relief() -> Relief {
        Relief::new(BOUNDS, |_, lat| lat > 43.1)
    }

    #[test]
    fn the_coast_stays_within_three_hundred_metres_of_the_given_one() {
        let relief = relief();
        for step in 0_u32..300 {
            let lon = 6.2 + 0.001 * f64::from(step);
            assert!(relief.shore(plane(lon, 43.1 + 0.4 / 111.0)) > 0.0);
            assert!(relief.shore(plane(lon, 43.1 - 0.4 / 111.0)) < 0.0);
        }
    }

    #[test]
    fn the_sea_is_level_and_the_hills_rise_from_it() {
        let relief = relief();
        assert!(relief.lie(plane(6.35, 43.02)).height.abs() < 1e-9);
        let hills = (0_u32..50).map(|step| {
            relief
                .lie(plane(6.2 + 0.006 * f64::from(step), 43.24))
                .height
        });
        let highest = hills.fold(0.0, f64::max);
        assert!((0.2..1.5).contains(&highest), "{highest}");
    }

    #[test]
    fn rivers_reach_the_sea() {
        let mouths = relief().mouths(5.0);
        assert!(!mouths.is_empty());
        for (at, _) in mouths {
            let (_, lat) = position(at);
            assert!((lat - 43.1).abs() < 0.01, "a mouth at {lat}");
        }
    }

    #[test]
    fn water_is_ordered_from_the_outlet_up() {
        // 0 <- 1 <- 2, 3 <- 4
        assert_eq!(downstream_first(&[0, 0, 1, 3, 3]), [0, 3, 1, 4, 2]);
    }
}
