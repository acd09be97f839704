//! What is asked for: a tile, or a picture of a rectangle, and how it is to look.

use crate::{
    grid::{Bounds, Epsg, Shape, TileAddress},
    raster::{Expression, Resampling},
    render::{Coloring, FileFormat},
};

/// What a tile is to be.
#[derive(Clone, Debug)]
pub struct TileRequest {
    /// The tile's place.
    pub address: TileAddress,
    /// Pixels a side.
    pub size: usize,
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
}

/// The pixels of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSize {
    /// One a cell of the full resolution, and along the longer side at most so many.
    AtMost(usize),
    /// These, whatever becomes of the cells' shape.
    Exactly(Shape),
}

/// What is shown, and how.
#[derive(Clone, Debug)]
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
    /// Colours of a single variable.
    pub coloring: Option<Coloring>,
    /// How samples are taken.
    pub resampling: Resampling,
    /// The value that is transparent, if not the cube's own.
    pub nodata: Option<u16>,
    /// What is behind a picture where it is transparent, if it is not to be.
    pub background: Option<[u8; 3]>,
    /// File format; by default JPEG if every pixel is opaque, else PNG, as
    /// `TiTiler` has it.
    pub format: Option<FileFormat>,
}

impl Look {
    /// Whether the values themselves have colours, whatever range is usual.
    pub(super) fn is_of_values(&self) -> bool {
        self.coloring.as_ref().is_some_and(Coloring::is_of_values)
    }
}

impl PictureSize {
    /// The shape of a picture of a window of the full resolution.
    pub(super) fn of(self, cells: Shape) -> Shape {
        match self {
            Self::Exactly(shape) => shape,
            Self::AtMost(most) => {
                let long = cells.rows.max(cells.cols);
                if long <= most {
                    return cells;
                }
                // Rounded up, as rio-tiler does.
                let along = |side: usize| (side * most).div_ceil(long);
                Shape {
                    rows: along(cells.rows),
                    cols: along(cells.cols),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_pixel_a_cell_unless_these_are_too_many() {
        let shape = |rows, cols| Shape { rows, cols };
        let of = |most| PictureSize::AtMost(most).of(shape(200, 300));
        assert_eq!(of(300), shape(200, 300));
        assert_eq!(of(100), shape(67, 100));
        assert_eq!(of(1), shape(1, 1));
        let exactly = PictureSize::Exactly(shape(7, 5));
        assert_eq!(exactly.of(shape(200, 300)), shape(7, 5));
    }
}
