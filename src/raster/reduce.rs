//! Overviews: blocks of 2 x 2 pixels to one.

use super::Raster;
use crate::grid::Shape;

/// What the four children of an overview pixel become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// The mean of the children that are not 0, rounded half up; 0 if all are.
    ValidMean,
    /// The mean of all children that lie in the grid, rounded up, so that one
    /// observation anywhere below stays visible.
    CeilMean,
}

/// Halves a raster both ways. `inside` is how many of its rows and columns lie
/// in the grid: an edge chunk is stored padded, and padding is no child.
#[must_use]
pub fn halve(fine: &Raster<u16>, inside: Shape, reduction: Reduction) -> Raster<u16> {
    let shape = Shape {
        rows: fine.shape.rows.div_ceil(2),
        cols: fine.shape.cols.div_ceil(2),
    };
    let mut coarse = Raster::filled(shape, 0);
    for row in 0..inside.rows.div_ceil(2) {
        let rows = 2 * row..(2 * row + 2).min(inside.rows);
        for col in 0..inside.cols.div_ceil(2) {
            let cols = 2 * col..(2 * col + 2).min(inside.cols);
            let (mut sum, mut valid, mut all) = (0_u32, 0_u32, 0_u32);
            for r in rows.clone() {
                for value in &fine.row(r)[cols.clone()] {
                    sum += u32::from(*value);
                    valid += u32::from(*value != 0);
                    all += 1;
                }
            }
            let mean = match reduction {
                Reduction::ValidMean if valid == 0 => 0,
                Reduction::ValidMean => (2 * sum + valid) / (2 * valid),
                Reduction::CeilMean => sum.div_ceil(all),
            };
            // A mean of u16 values is at most u16::MAX.
            coarse.row_mut(row)[col] = u16::try_from(mean).unwrap_or(u16::MAX);
        }
    }
    coarse
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(rows: usize, cols: usize, data: &[u16]) -> Raster<u16> {
        Raster {
            shape: Shape { rows, cols },
            data: data.to_vec(),
        }
    }

    #[test]
    fn a_mean_is_over_valid_children_and_halves_round_up() {
        let fine = raster(2, 4, &[1, 2, 0, 0, 3, 4, 0, 7]);
        let coarse = halve(&fine, fine.shape, Reduction::ValidMean);
        assert_eq!(coarse, raster(1, 2, &[3, 7]));
    }

    #[test]
    fn a_count_is_the_mean_of_all_children_rounded_up() {
        let fine = raster(2, 4, &[4, 4, 0, 0, 4, 5, 0, 1]);
        assert_eq!(halve(&fine, fine.shape, Reduction::CeilMean).data, [5, 1]);
    }

    #[test]
    fn children_beyond_the_grid_do_not_count() {
        let fine = raster(2, 4, &[8, 8, 8, 0, 0, 0, 0, 0]);
        let inside = Shape { rows: 1, cols: 3 };
        assert_eq!(halve(&fine, inside, Reduction::CeilMean).data, [8, 8]);
        assert_eq!(halve(&fine, inside, Reduction::ValidMean).data, [8, 8]);
    }
}
