//! Overviews: the same place in ever coarser cells.

use super::{ChunkGrid, GeoTransform, Grid, Shape};

/// An overview by its number; `Level(0)` is the full resolution, and every
/// further one has cells twice as large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(pub usize);

/// A grid and its overviews. All share the north-west corner; a level whose
/// finer one has an odd number of rows ends in a row that is half outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pyramid {
    base: Grid,
    levels: usize,
    chunk: usize,
}

impl Pyramid {
    /// A pyramid of `levels` (at least 1) over `base`, all in square chunks of
    /// `chunk` pixels. The chunk must be even, so that four chunks of one
    /// level make exactly one of the next.
    ///
    /// # Panics
    /// If `levels` is 0 or `chunk` is odd or 0; recipes are checked before.
    #[must_use]
    pub fn new(base: Grid, levels: usize, chunk: usize) -> Self {
        assert!(levels > 0, "a pyramid has at least its base");
        assert!(chunk > 0 && chunk.is_multiple_of(2), "a chunk size is even");
        Self {
            base,
            levels,
            chunk,
        }
    }

    /// How many levels it takes until one is at most `size` pixels each way.
    #[must_use]
    pub fn levels_until(shape: Shape, size: usize) -> usize {
        let mut levels = 1;
        let mut longest = shape.rows.max(shape.cols);
        while longest > size.max(1) {
            longest = longest.div_ceil(2);
            levels += 1;
        }
        levels
    }

    /// The full-resolution grid.
    #[must_use]
    pub fn base(&self) -> &Grid {
        &self.base
    }

    /// Rows and columns of a chunk, the same at every level.
    #[must_use]
    pub fn chunk(&self) -> usize {
        self.chunk
    }

    /// All levels, finest first.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator + use<> {
        (0..self.levels).map(Level)
    }

    /// The grid of a level.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a power of two below 2^52 is exact"
    )]
    pub fn grid(&self, level: Level) -> Grid {
        let factor = 1_usize << level.0;
        Grid {
            transform: self.base.transform.coarser(factor as f64),
            shape: Shape {
                rows: self.base.shape.rows.div_ceil(factor),
                cols: self.base.shape.cols.div_ceil(factor),
            },
            ..self.base
        }
    }

    /// The chunk grid of a level.
    #[must_use]
    pub fn chunks(&self, level: Level) -> ChunkGrid {
        ChunkGrid {
            shape: self.grid(level).shape,
            chunk: self.chunk,
        }
    }

    /// The coarsest level whose cells are not larger than the wanted cell
    /// size (world units, both positive), or the finest if all are larger:
    /// a tile is never drawn from cells coarser than its own pixels unless
    /// the cube has nothing finer.
    #[must_use]
    pub fn level_for(&self, cell_width: f64, cell_height: f64) -> Level {
        let transforms = self.levels().map(|level| self.grid(level).transform);
        Level(coarsest_within(transforms, cell_width, cell_height))
    }
}

/// Which of some levels, finest first, is the one that [`Pyramid::level_for`]
/// describes.
pub fn coarsest_within(
    levels: impl DoubleEndedIterator<Item = GeoTransform> + ExactSizeIterator,
    cell_width: f64,
    cell_height: f64,
) -> usize {
    // A hair of slack, so that a tile at exactly a level's own cell size takes
    // that level in spite of rounding.
    const SLACK: f64 = 1.0 + 1e-9;
    levels
        .enumerate()
        .rev()
        .find(|(_, transform)| {
            transform.cell_width.abs() <= cell_width * SLACK
                && transform.cell_height.abs() <= cell_height * SLACK
        })
        .map_or(0, |(level, _)| level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Epsg;

    fn pyramid(rows: usize, cols: usize, levels: usize) -> Pyramid {
        let base = Grid {
            crs: Epsg::WGS84,
            transform: GeoTransform {
                origin_x: -73.43,
                origin_y: 45.02,
                cell_width: 0.001,
                cell_height: -0.001,
            },
            shape: Shape { rows, cols },
        };
        Pyramid::new(base, levels, 1200)
    }

    #[test]
    fn an_odd_side_is_rounded_up_and_the_cell_size_exactly_doubled() {
        let grid = pyramid(2301, 1960, 3).grid(Level(1));
        assert_eq!(
            grid.shape,
            Shape {
                rows: 1151,
                cols: 980
            }
        );
        assert_eq!(grid.transform.cell_width.to_bits(), 0.002_f64.to_bits());
        assert_eq!(grid.transform.origin_y.to_bits(), 45.02_f64.to_bits());
    }

    #[test]
    fn levels_end_when_one_fits_the_wanted_size() {
        assert_eq!(
            Pyramid::levels_until(
                Shape {
                    rows: 300,
                    cols: 300
                },
                300
            ),
            1
        );
        assert_eq!(
            Pyramid::levels_until(
                Shape {
                    rows: 301,
                    cols: 10
                },
                300
            ),
            2
        );
        assert_eq!(
            Pyramid::levels_until(
                Shape {
                    rows: 648_000,
                    cols: 1_296_000
                },
                300
            ),
            14
        );
    }

    #[test]
    fn the_chosen_level_is_the_coarsest_that_is_not_coarser_than_asked() {
        let pyramid = pyramid(4000, 4000, 4);
        for (size, level) in [
            (0.0005, 0),
            (0.001, 0),
            (0.0019, 0),
            (0.002, 1),
            (0.0041, 2),
            (1.0, 3),
        ] {
            assert_eq!(
                pyramid.level_for(size, size),
                Level(level),
                "cell size {size}"
            );
        }
        assert_eq!(
            pyramid.level_for(0.008, 0.002),
            Level(1),
            "the finer axis decides"
        );
    }
}
