//! A raster of numbers on the flat map, with the few neighbourhood operations the relief needs.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "indices and sizes of a grid of about a million cells; heights in single precision are good to millimetres"
)]

use super::plane::Km;

/// Square cells in rows from south to north, values at their centres.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    origin: Km,
    step: f64,
    columns: usize,
    rows: usize,
    values: Vec<f32>,
}

impl Grid {
    /// A grid whose south western corner is `origin`, with values from the cells' centres.
    pub(super) fn from_fn(
        origin: Km,
        step: f64,
        (columns, rows): (usize, usize),
        value: impl Fn(Km) -> f64,
    ) -> Self {
        let mut grid = Self {
            origin,
            step,
            columns,
            rows,
            values: vec![0.0; columns * rows],
        };
        for index in 0..columns * rows {
            grid.values[index] = value(grid.centre(index)) as f32;
        }
        grid
    }

    /// A grid of the same shape, from each cell's centre and value.
    pub(super) fn map(&self, value: impl Fn(Km, f32) -> f64) -> Self {
        let values = (0..self.values.len())
            .map(|index| value(self.centre(index), self.values[index]) as f32);
        Self {
            values: values.collect(),
            ..*self
        }
    }

    /// A grid of the same shape, from each cell's index.
    pub(super) fn map_index(&self, value: impl Fn(usize) -> f32) -> Self {
        Self {
            values: (0..self.values.len()).map(value).collect(),
            ..*self
        }
    }

    /// Columns and rows.
    pub(super) const fn shape(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// Side of a cell in kilometres.
    pub(super) const fn step(&self) -> f64 {
        self.step
    }

    /// The value of a cell.
    pub(super) fn value(&self, index: usize) -> f32 {
        self.values[index]
    }

    /// Changes the value of a cell.
    pub(super) fn set(&mut self, index: usize, value: f32) {
        self.values[index] = value;
    }

    /// The centre of a cell.
    pub(super) fn centre(&self, index: usize) -> Km {
        let (column, row) = (index % self.columns, index / self.columns);
        (
            self.origin.0 + (column as f64 + 0.5) * self.step,
            self.origin.1 + (row as f64 + 0.5) * self.step,
        )
    }

    /// Column and row of the cell a place lies in, or of the nearest.
    pub(super) fn cell(&self, (x, y): Km) -> (usize, usize) {
        let index =
            |offset: f64, count: usize| ((offset / self.step).max(0.0) as usize).min(count - 1);
        (
            index(x - self.origin.0, self.columns),
            index(y - self.origin.1, self.rows),
        )
    }

    /// The value at a place, bilinear between cell centres, constant beyond the edge.
    pub(super) fn at(&self, (x, y): Km) -> f64 {
        let along = |offset: f64, count: usize| {
            let position = (offset / self.step - 0.5).clamp(0.0, (count - 1) as f64);
            let low = (position as usize).min(count.saturating_sub(2));
            (low, (position - low as f64) as f32)
        };
        let (column, u) = along(x - self.origin.0, self.columns);
        let (row, v) = along(y - self.origin.1, self.rows);
        let below = &self.values[row * self.columns + column..][..2];
        let above = &self.values[(row + 1) * self.columns + column..][..2];
        let low = below[0] + (below[1] - below[0]) * u;
        let high = above[0] + (above[1] - above[0]) * u;
        f64::from(low + (high - low) * v)
    }

    /// Kilometres between the centres of two cells.
    pub(super) fn distance(&self, from: usize, to: usize) -> f64 {
        let columns = (from % self.columns).abs_diff(to % self.columns);
        let rows = (from / self.columns).abs_diff(to / self.columns);
        self.step * (columns as f64).hypot(rows as f64)
    }

    /// The neighbour in the direction of steepest descent of each cell, itself where none is lower and on the
    /// edge, where water leaves.
    pub(super) fn steepest_descents(&self) -> Vec<u32> {
        let mut lowest: Vec<u32> = (0..self.values.len() as u32).collect();
        for row in 1..self.rows - 1 {
            for column in 1..self.columns - 1 {
                let here = row * self.columns + column;
                let mut steepest = 0.0_f32;
                for (dx, dy) in [
                    (0, 1),
                    (1, 0),
                    (1, 2),
                    (2, 1),
                    (0, 0),
                    (0, 2),
                    (2, 0),
                    (2, 2),
                ] {
                    let there = (row + dy - 1) * self.columns + column + dx - 1;
                    let diagonal = dx != 1 && dy != 1;
                    let run = if diagonal {
                        std::f32::consts::SQRT_2
                    } else {
                        1.0
                    };
                    let descent = (self.values[here] - self.values[there]) / run;
                    if descent > steepest {
                        steepest = descent;
                        lowest[here] = there as u32;
                    }
                }
            }
        }
        lowest
    }

    /// Moves every value above zero by a share of its difference to the mean of its four neighbours.
    pub(super) fn creep(&mut self, share: f64) {
        let share = share as f32;
        let before = self.values.clone();
        for row in 1..self.rows - 1 {
            for column in 1..self.columns - 1 {
                let here = row * self.columns + column;
                if before[here] > 0.0 {
                    let around = before[here - 1]
                        + before[here + 1]
                        + before[here - self.columns]
                        + before[here + self.columns];
                    self.values[here] += share * (around / 4.0 - before[here]);
                }
            }
        }
    }

    /// The mean of each cell and its neighbours, which takes the steps out of a distance from a mask.
    pub(super) fn smoothed(&self) -> Self {
        self.map_index(|index| {
            let (column, row) = (index % self.columns, index / self.columns);
            let (mut sum, mut count) = (0.0, 0.0);
            for row in row.saturating_sub(1)..(row + 2).min(self.rows) {
                for column in column.saturating_sub(1)..(column + 2).min(self.columns) {
                    sum += self.values[row * self.columns + column];
                    count += 1.0;
                }
            }
            sum / count
        })
    }

    /// Rise towards the east and towards the north, per unit of distance.
    pub(super) fn slopes(&self) -> (Self, Self) {
        let rise = |low: usize, high: usize| {
            let run = self.distance(low, high) as f32;
            if run > 0.0 {
                (self.values[high] - self.values[low]) / run
            } else {
                0.0
            }
        };
        let east = self.map_index(|index| {
            let column = index % self.columns;
            let (left, right) = (column.min(1), usize::from(column + 1 < self.columns));
            rise(index - left, index + right)
        });
        let north = self.map_index(|index| {
            let row = index / self.columns;
            let (below, above) = (row.min(1), usize::from(row + 1 < self.rows));
            rise(index - below * self.columns, index + above * self.columns)
        });
        (east, north)
    }

    /// The value that a share of the cells stay below or reach: the least for 0, the greatest for 1.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        let rank = (share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64) as usize;
        let (_, value, _) = sorted.select_nth_unstable_by(rank, f32::total_cmp);
        f64::from(*value)
    }

    /// Distance to the border between cells above and below 0.5, in kilometres, positive above. Exact between
    /// cell centres: Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions" (2012).
    pub(super) fn signed_distance(&self) -> Self {
        let to_low = self.distance_to(|value| value < 0.5);
        let to_high = self.distance_to(|value| value >= 0.5);
        // The border runs half a cell before the first cell of the other side.
        self.map_index(|index| {
            let cells = if self.values[index] >= 0.5 {
                to_low[index] - 0.5
            } else {
                0.5 - to_high[index]
            };
            cells * self.step as f32
        })
    }

    /// Distance of each cell to the nearest wanted one, in cells.
    fn distance_to(&self, wanted: impl Fn(f32) -> bool) -> Vec<f32> {
        // Larger than any squared distance, and small enough to compute with.
        let far = 4.0 * (self.columns + self.rows).pow(2) as f64;
        let mut squared: Vec<f64> = self
            .values
            .iter()
            .map(|&value| if wanted(value) { 0.0 } else { far })
            .collect();
        for row in squared.chunks_exact_mut(self.columns) {
            let transformed = lower_envelope(row);
            row.copy_from_slice(&transformed);
        }
        for column in 0..self.columns {
            let line: Vec<f64> = (0..self.rows)
                .map(|row| squared[row * self.columns + column])
                .collect();
            for (row, value) in lower_envelope(&line).into_iter().enumerate() {
                squared[row * self.columns + column] = value;
            }
        }
        squared
            .into_iter()
            .map(|value| value.sqrt() as f32)
            .collect()
    }
}

/// For each position `p` the least of `(p - q)² + line[q]` over all `q`.
fn lower_envelope(line: &[f64]) -> Vec<f64> {
    // Parabolas that form the envelope, and from where on each is the lowest.
    let mut parabolas: Vec<(usize, f64)> = vec![(0, f64::NEG_INFINITY)];
    for q in 1..line.len() {
        loop {
            let (last, from) = parabolas[parabolas.len() - 1];
            let lift = |at: usize| line[at] + (at * at) as f64;
            let crossing = (lift(q) - lift(last)) / (2.0 * (q - last) as f64);
            if crossing > from {
                parabolas.push((q, crossing));
                break;
            }
            // The first parabola reigns from minus infinity, so it is never removed.
            parabolas.pop();
        }
    }
    let mut current = 0;
    (0..line.len())
        .map(|p| {
            while parabolas
                .get(current + 1)
                .is_some_and(|&(_, from)| from < p as f64)
            {
                current += 1;
            }
            let (q, _) = parabolas[current];
            (p.abs_diff(q) as f64).powi(2) + line[q]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(columns: usize, rows: usize, value: impl Fn(Km) -> f64) -> Grid {
        Grid::from_fn((0.0, 0.0), 1.0, (columns, rows), value)
    }

    #[test]
    fn a_value_between_cells_is_interpolated_and_beyond_the_edge_constant() {
        let plane = grid(5, 4, |(x, y)| 2.0 * x - y);
        assert!((plane.at((2.2, 1.9)) - (2.0 * 2.2 - 1.9)).abs() < 1e-5);
        assert!((plane.at((-9.0, 1.5)) - plane.at((0.5, 1.5))).abs() < 1e-6);
    }

    #[test]
    fn distances_to_a_border_are_euclidean_and_signed() {
        let quarter = grid(
            20,
            20,
            |(x, y)| if x > 10.0 && y > 10.0 { 1.0 } else { 0.0 },
        );
        let distance = quarter.signed_distance();
        assert!((distance.at((13.5, 17.5)) - 3.5).abs() < 1e-5);
        assert!((distance.at((7.5, 6.5)) - (0.5 - 3.0_f64.hypot(4.0))).abs() < 1e-5);
    }

    #[test]
    fn a_quantile_splits_the_values_by_share() {
        let row = grid(101, 1, |(x, _)| x.floor());
        assert!(
            (row.quantile(0.25) - 25.0).abs() < 1e-6 && (row.quantile(1.0) - 100.0).abs() < 1e-6
        );
    }

    #[test]
    fn slopes_of_a_plane_are_its_gradient() {
        let (east, north) = grid(5, 5, |(x, y)| 3.0 * x - 2.0 * y).slopes();
        for index in 0..25 {
            assert!(
                (east.value(index) - 3.0).abs() < 1e-5 && (north.value(index) + 2.0).abs() < 1e-5
            );
        }
    }

    #[test]
    fn water_runs_down_the_steepest_of_eight_directions() {
        let tilted = grid(3, 3, |(x, y)| x + y);
        assert_eq!(tilted.steepest_descents()[4], 0);
        let level = grid(3, 3, |_| 1.0);
        assert_eq!(level.steepest_descents()[4], 4);
    }
}
