//! Outlines cut into the cells of a grid, to be asked about many boxes.
//!
//! A cell lists the segments near it. A cell without segments lies wholly on land or
//! wholly off it, and knows which; that answers most of the world at once. Elsewhere
//! the segments are tested one by one, so that the answer is exact.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "coordinates are within the atlas's grid, 0 to a few 100,000, and cell numbers smaller"
)]

use std::ops::RangeInclusive;

use super::topojson::Atlas;

/// Cells are `2^CELL_BITS` grid units a side: in the 10 m atlas 0.92 by 0.43 degrees,
/// some 35 segments in a cell with a coast.
const CELL_BITS: u32 = 8;

/// A closed rectangle in grid units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rectangle {
    /// West, south.
    pub(super) low: [f64; 2],
    /// East, north.
    pub(super) high: [f64; 2],
}

/// One straight piece of an outline, in its direction.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: [i32; 2],
    to: [i32; 2],
}

/// The searchable form of an [`Atlas`].
#[derive(Debug)]
pub(super) struct Index {
    columns: usize,
    rows: usize,
    segments: Vec<Segment>,
    /// Cell c, row by row from the south-west, has the `nearby` from `starts[c]` to
    /// `starts[c + 1]`.
    starts: Vec<u32>,
    /// Positions in `segments`.
    nearby: Vec<u32>,
    /// The winding number everywhere in a cell without segments.
    windings: Vec<i32>,
}

impl Segment {
    /// West-south and east-north corner.
    fn bounds(&self) -> [[i32; 2]; 2] {
        let [a, b] = [self.from, self.to];
        [
            [a[0].min(b[0]), a[1].min(b[1])],
            [a[0].max(b[0]), a[1].max(b[1])],
        ]
    }

    /// Whether the segment and the rectangle have a point in common: their bounds
    /// overlap and the rectangle's corners are not all on one side of the line
    /// (separating axes).
    fn touches(&self, rectangle: &Rectangle) -> bool {
        let [low, high] = self.bounds();
        let overlap = (0..2).all(|axis| {
            f64::from(low[axis]) <= rectangle.high[axis]
                && f64::from(high[axis]) >= rectangle.low[axis]
        });
        if !overlap {
            return false;
        }
        let [x, y] = self.from.map(f64::from);
        let [dx, dy] = [self.to[0] - self.from[0], self.to[1] - self.from[1]].map(f64::from);
        let side = |east: f64, north: f64| dx * (north - y) - dy * (east - x);
        let Rectangle { low, high } = rectangle;
        let sides = [
            side(low[0], low[1]),
            side(low[0], high[1]),
            side(high[0], low[1]),
            side(high[0], high[1]),
        ];
        !(sides.iter().all(|&s| s > 0.0) || sides.iter().all(|&s| s < 0.0))
    }

    /// Where the segment crosses the parallel at `y`, and +1 if upwards or -1 if
    /// downwards. The lower end belongs to the segment and the upper does not, so an
    /// outline through a vertex is counted once.
    fn crossing(&self, y: f64) -> Option<(f64, i32)> {
        let [from, to] = [self.from, self.to].map(|end| end.map(f64::from));
        let direction = match (from[1] <= y, to[1] <= y) {
            (true, false) => 1,
            (false, true) => -1,
            (true, true) | (false, false) => return None,
        };
        let x = from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0]);
        // Rounding must not carry it out of the cells that list the segment.
        Some((x.clamp(from[0].min(to[0]), from[0].max(to[0])), direction))
    }
}

impl Index {
    /// Sorts the segments of all outlines into cells.
    #[must_use]
    pub(super) fn new(atlas: &Atlas) -> Self {
        let [columns, rows] = atlas
            .grid
            .extent
            .map(|highest| (highest >> CELL_BITS) as usize + 1);
        let segments: Vec<Segment> = atlas
            .outlines
            .iter()
            .flat_map(|outline| outline.windows(2))
            .map(|ends| Segment {
                from: ends[0],
                to: ends[1],
            })
            .collect();

        // Counting sort: how many, where they start, then each into its place.
        let cells_of = |segment: &Segment| {
            let [low, high] = segment
                .bounds()
                .map(|c| c.map(|v| (v >> CELL_BITS) as usize));
            (low[1]..=high[1])
                .flat_map(move |row| (low[0]..=high[0]).map(move |column| row * columns + column))
        };
        let mut starts = vec![0_u32; rows * columns + 1];
        for cell in segments.iter().flat_map(cells_of) {
            starts[cell + 1] += 1;
        }
        for cell in 0..rows * columns {
            starts[cell + 1] += starts[cell];
        }
        let mut next = starts.clone();
        let mut nearby = vec![0_u32; starts[rows * columns] as usize];
        for (number, segment) in (0_u32..).zip(&segments) {
            for cell in cells_of(segment) {
                nearby[next[cell] as usize] = number;
                next[cell] += 1;
            }
        }

        let mut index = Self {
            columns,
            rows,
            segments,
            starts,
            nearby,
            windings: vec![0; rows * columns],
        };
        index.fill_windings();
        index
    }

    /// Gives the cells without segments their winding number, from west to east, so
    /// that each starts from what its neighbours know.
    fn fill_windings(&mut self) {
        let half = f64::from(1 << CELL_BITS) / 2.0;
        for row in 0..self.rows {
            let y = f64::from((row as i32) << CELL_BITS) + half;
            for column in 1..self.columns {
                let cell = row * self.columns + column;
                if self.near(cell).is_empty() {
                    let x = f64::from((column as i32) << CELL_BITS);
                    self.windings[cell] = self.winding_from(row, column - 1, [x, y]);
                }
            }
        }
    }

    /// Positions of the segments near a cell.
    fn near(&self, cell: usize) -> &[u32] {
        &self.nearby[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }

    fn segments_near(&self, cell: usize) -> impl Iterator<Item = &Segment> {
        self.near(cell)
            .iter()
            .map(|&number| &self.segments[number as usize])
    }

    /// How often the outlines go round a point in total: 0 off land. A point outside
    /// of the grid is off land.
    #[must_use]
    pub(super) fn winding(&self, point: [f64; 2]) -> i32 {
        match (self.column(point[0]), self.row(point[1])) {
            (Some(column), Some(row)) => self.winding_from(row, column, point),
            _ => 0,
        }
    }

    /// The winding number of a point by the crossings on the way west, which starts in
    /// `column` and ends at a cell that knows its own number or at the grid's edge.
    fn winding_from(&self, row: usize, column: usize, point: [f64; 2]) -> i32 {
        let mut winding = 0;
        for column in (0..=column).rev() {
            let cell = row * self.columns + column;
            if self.near(cell).is_empty() {
                return winding + self.windings[cell];
            }
            // A segment is near several cells; its crossing is in one.
            winding += self
                .segments_near(cell)
                .filter_map(|segment| segment.crossing(point[1]))
                .filter(|&(x, _)| x < point[0] && self.column(x) == Some(column))
                .map(|(_, direction)| direction)
                .sum::<i32>();
        }
        winding
    }

    /// Whether land and a rectangle have a point in common.
    #[must_use]
    pub(super) fn intersects(&self, rectangle: &Rectangle) -> bool {
        let Rectangle { low, high } = rectangle;
        let (Some(columns), Some(rows)) = (
            cells_between(low[0], high[0], self.columns),
            cells_between(low[1], high[1], self.rows),
        ) else {
            return false;
        };
        let mut open_water = false;
        for row in rows {
            for column in columns.clone() {
                let cell = row * self.columns + column;
                if self.near(cell).is_empty() {
                    if self.windings[cell] != 0 {
                        return true;
                    }
                    open_water = true;
                } else if self
                    .segments_near(cell)
                    .any(|segment| segment.touches(rectangle))
                {
                    return true;
                }
            }
        }
        // No outline passes, so the rectangle is all land or all water.
        !open_water && self.winding(*low) != 0
    }

    fn column(&self, x: f64) -> Option<usize> {
        cell_number(x, self.columns)
    }

    fn row(&self, y: f64) -> Option<usize> {
        cell_number(y, self.rows)
    }
}

/// The cells along one axis that an interval reaches.
fn cells_between(low: f64, high: f64, cells: usize) -> Option<RangeInclusive<usize>> {
    let first = cell_number(low.max(0.0), cells)?;
    (high >= 0.0).then(|| first..=((high as usize) >> CELL_BITS).min(cells - 1))
}

/// The cell of a coordinate along one axis.
fn cell_number(coordinate: f64, cells: usize) -> Option<usize> {
    if coordinate < 0.0 {
        return None;
    }
    Some((coordinate as usize) >> CELL_BITS).filter(|&number| number < cells)
}
