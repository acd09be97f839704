//! Where pixels are, as arithmetic.
//!
//! A [`Grid`] is a coordinate reference system's code, a [`GeoTransform`] and
//! a [`Shape`]: a cube's level, a scene and a tile are all grids. Parts of a
//! grid are named by [`Window`]s of the whole, never by grids of their own, so
//! that the coordinate of a pixel is computed by one formula from its absolute
//! row and column: cutting a grid into pieces moves no pixel by even one bit.

pub mod chunk_grid;
pub mod geotransform;
pub mod pyramid;
pub mod tile_matrix;
pub mod window;

pub use chunk_grid::{ChunkGrid, ChunkIndex};
pub use geotransform::{Bounds, GeoTransform};
pub use pyramid::{Level, Pyramid};
pub use tile_matrix::{TileAddress, TileAddressError, TileMatrix, TileMatrixSet};
pub use window::{Shape, Window};

/// A coordinate reference system by its EPSG code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epsg(pub u32);

impl Epsg {
    /// WGS 84 longitude and latitude in degrees.
    pub const WGS84: Self = Self(4326);
    /// WGS 84 Pseudo-Mercator in metres.
    pub const WEB_MERCATOR: Self = Self(3857);
}

impl std::fmt::Display for Epsg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EPSG:{}", self.0)
    }
}

/// Rows and columns of pixels with a place in the world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// The coordinate reference system of the transform's world side.
    pub crs: Epsg,
    /// Pixel to world.
    pub transform: GeoTransform,
    /// Number of rows and columns.
    pub shape: Shape,
}

impl Grid {
    /// The world rectangle that the grid covers, in its own CRS.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.transform.window_bounds(self.shape.window())
    }

    /// The smallest window of this grid that covers `bounds` (same CRS), cut
    /// to the grid; `None` where they do not overlap by any area.
    #[must_use]
    pub fn window_of(&self, bounds: Bounds) -> Option<Window> {
        self.transform
            .window_of(bounds)
            .and_then(|(rows, cols)| Window::clipped(rows, cols, self.shape))
    }
}
