//! What is asked for: a tile, or a picture of a rectangle, and how it is to look.

use std::sync::Arc;

use super::{Cutout, TileError, target::Target};
use crate::{
    cube::{Cube, NODATA},
    grid::{Bounds, Epsg, Grid, Shape, TileAddress},
    raster::{Expression, OverTime, Resampling},
    render::{Algorithm, Coloring, FileFormat, Touches},
};

/// What a tile is to be.
#[derive(Clone, Debug)]
pub struct TileRequest {
    /// The tile's place.
    pub address: TileAddress,
    /// Pixels a side.
    pub size: usize,
    /// Half pixels more on each side.
    pub buffer: usize,
    /// What it shows.
    pub look: Look,
}

/// What a picture of a rectangle is to be.
#[derive(Clone, Debug)]
pub struct PictureRequest {
    /// The rectangle; the whole cube without.
    pub bounds: Option<Bounds>,
    /// The system that the rectangle is told in.
    pub coords: Epsg,
    /// The system of the picture. Without, it is the cube's own, and the rectangle grows to
    /// whole cells.
    pub crs: Option<Epsg>,
    /// Its pixels.
    pub size: PictureSize,
    /// What it shows.
    pub look: Look,
    /// What of it is shown; all without.
    pub cutout: Option<Arc<Cutout>>,
}

/// The pixels of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSize {
    /// One a cell of the full resolution, and along the longer side at most so many.
    AtMost(usize),
    /// These, whatever becomes of the cells' shape.
    Exactly(Shape),
    /// So many columns, and as many rows as the cells' shape asks for.
    Wide(usize),
    /// So many rows, and as many columns as the cells' shape asks for.
    High(usize),
}

/// What is shown, and how; by default a cube's own style at its newest time step.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Variables; the recipe's style if empty.
    pub variables: Vec<String>,
    /// Instead of variables, what is computed of them for each pixel, after they were
    /// resampled.
    pub expression: Option<Expression>,
    /// `sel` parameters.
    pub sel: Vec<String>,
    /// Bands of a dimension of a data set of somebody else, counted from 1.
    pub bidx: Vec<usize>,
    /// Display ranges; the recipe's style if empty.
    pub rescale: Vec<[f64; 2]>,
    /// Whether the display ranges are found among the values of the coarsest level.
    pub is_auto: bool,
    /// Instead of a time step, what those become that `sel` selects.
    pub over_time: Option<OverTime>,
    /// What is computed of the values before they are shown.
    pub algorithm: Option<Algorithm>,
    /// What else is done to a picture.
    pub touches: Touches,
    /// Colours of a single variable.
    pub coloring: Option<Coloring>,
    /// How samples are taken.
    pub resampling: Resampling,
    /// The value that is transparent, beside those of a data set and in place of a
    /// cube's own.
    pub nodata: Option<f64>,
    /// What is behind a picture where it is transparent, if it is not to be.
    pub background: Option<[u8; 3]>,
    /// File format; by default JPEG if every pixel is opaque, else PNG, as
    /// `TiTiler` has it.
    pub format: Option<FileFormat>,
}

/// An expression with the indices in it that are no variables of a cube.
#[must_use]
pub fn with_indices(expression: &Expression, cube: &Cube) -> Expression {
    expression.with_indices(|name| cube.variable(name).is_ok())
}

impl TileRequest {
    /// Half pixels on each side around the tile that are made: those asked for, or what
    /// the algorithm looks at if that is more.
    pub(super) fn around(&self) -> usize {
        self.buffer.max(2 * self.look.buffer())
    }

    /// Where they are.
    pub(super) fn target(&self) -> Target {
        Target {
            around: self.around(),
            ..Target::of_tile(self.address, self.size)
        }
    }

    /// How many pixels are made.
    pub(super) fn pixels(&self) -> usize {
        (self.size + self.around()).pow(2)
    }
}

/// A grid with so many half pixels more on each side.
#[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
pub(super) fn grown(grid: Grid, halves: usize) -> Grid {
    let mut grown = grid;
    let pixels = halves as f64 / 2.0;
    grown.transform.origin_x = grid.transform.x(-pixels);
    grown.transform.origin_y = grid.transform.y(-pixels);
    grown.shape.rows += halves;
    grown.shape.cols += halves;
    grown
}

/// A grid with so many pixels less on each side.
#[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
pub(super) fn shrunk(grid: Grid, pixels: usize) -> Grid {
    let mut shrunk = grid;
    shrunk.transform.origin_x = grid.transform.x(pixels as f64);
    shrunk.transform.origin_y = grid.transform.y(pixels as f64);
    shrunk.shape.rows -= 2 * pixels;
    shrunk.shape.cols -= 2 * pixels;
    shrunk
}

impl Look {
    /// The value of a cube that is transparent.
    pub(super) fn nodata_of_cube(&self) -> Result<u16, TileError> {
        let Some(nodata) = self.nodata else {
            return Ok(NODATA);
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates, and what it changes is refused"
        )]
        let whole = nodata as u16;
        if f64::from(whole).total_cmp(&nodata).is_eq() {
            Ok(whole)
        } else {
            Err(TileError::Nodata(nodata))
        }
    }

    /// Pixels on each side that the algorithm takes away.
    pub(super) fn buffer(&self) -> usize {
        self.algorithm.as_ref().map_or(0, Algorithm::buffer)
    }

    /// Whether something is computed of samples before they are shown.
    pub(super) fn is_computed(&self) -> bool {
        self.expression.is_some() || self.over_time.is_some() || self.algorithm.is_some()
    }

    /// Whether the values themselves have colours, whatever range is usual.
    pub(super) fn is_of_values(&self) -> bool {
        self.coloring.as_ref().is_some_and(Coloring::is_of_values)
    }
}

impl PictureSize {
    /// The shape of a picture of a window of the full resolution.
    ///
    /// # Errors
    /// [`TileError::Long`] if the side that follows from the other is too long.
    pub(super) fn of(self, cells: Shape) -> Result<Shape, TileError> {
        /// Far longer than what is asked for, and short enough for tables of it.
        const LONGEST: usize = 16_384;
        let shape = self.unbounded(cells);
        match shape.rows.max(shape.cols) {
            side if side > LONGEST => Err(TileError::Long(side, LONGEST)),
            _ => Ok(shape),
        }
    }

    fn unbounded(self, cells: Shape) -> Shape {
        let Shape { rows, cols } = cells;
        // Rounded up, as rio-tiler does.
        let along = |of: usize, by: usize, to: usize| of.saturating_mul(to).div_ceil(by).max(1);
        match self {
            Self::Exactly(shape) => shape,
            Self::Wide(wide) => Shape {
                rows: along(rows, cols, wide),
                cols: wide,
            },
            Self::High(high) => Shape {
                rows: high,
                cols: along(cols, rows, high),
            },
            Self::AtMost(most) => {
                let long = rows.max(cols);
                if long <= most {
                    return cells;
                }
                Shape {
                    rows: along(rows, long, most),
                    cols: along(cols, long, most),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_grows_by_half_pixels_and_shrinks_by_whole_ones() {
        let tile = TileAddress::new(9, 264, 187).unwrap().grid(256);
        let near = |a: Bounds, b: Bounds| {
            let sides = std::iter::zip(a.to_array(), b.to_array());
            sides.into_iter().all(|(a, b)| (a - b).abs() < 1e-6)
        };
        let wide = grown(tile, 7);
        assert_eq!(
            wide.shape,
            Shape {
                rows: 263,
                cols: 263
            }
        );
        let (cell, inner) = (tile.transform.cell_width, tile.bounds());
        let expected = Bounds {
            west: inner.west - 3.5 * cell,
            south: inner.south - 3.5 * cell,
            east: inner.east + 3.5 * cell,
            north: inner.north + 3.5 * cell,
        };
        assert!(near(wide.bounds(), expected));
        let back = shrunk(grown(tile, 6), 3);
        assert_eq!(back.shape, tile.shape);
        assert!(near(back.bounds(), inner));
        // Nothing moves where nothing is asked for.
        assert_eq!(shrunk(grown(tile, 0), 0), tile);
    }

    #[test]
    fn a_picture_has_a_pixel_a_cell_unless_these_are_too_many() {
        let shape = |rows, cols| Shape { rows, cols };
        let of = |most| PictureSize::AtMost(most).of(shape(200, 300)).unwrap();
        assert_eq!(of(300), shape(200, 300));
        assert_eq!(of(100), shape(67, 100));
        assert_eq!(of(1), shape(1, 1));
        for (size, expected) in [
            (PictureSize::Wide(100), shape(67, 100)),
            (PictureSize::High(100), shape(100, 150)),
            (PictureSize::Exactly(shape(7, 5)), shape(7, 5)),
        ] {
            assert_eq!(size.of(shape(200, 300)).unwrap(), expected);
        }
        // A column of cells is no picture of thousands of columns.
        for size in [PictureSize::Wide(4096), PictureSize::High(4096)] {
            let thin = [shape(1_000_000_000_000, 1), shape(1, 1_000_000_000_000)];
            assert!(thin.into_iter().any(|cells| size.of(cells).is_err()));
        }
    }
}
