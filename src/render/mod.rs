//! Pixels from numbers: rescale, colormap, mask and image file.

pub mod algorithm;
pub mod classes;
pub mod color;
pub mod color_formula;
pub mod coloring;
pub mod colormap;
pub mod encode;
pub mod format;
pub mod geotiff;
pub mod legend;
mod levels;
pub mod npy;
pub mod painter;
mod palette;
pub mod picture;
pub mod pixel;
pub mod strip;
pub mod style;
pub mod touches;

pub use algorithm::{Algorithm, AlgorithmError};
pub use color::color;
pub use color_formula::{ColorFormula, FormulaError};
pub use coloring::{Coloring, ColoringError};
pub use colormap::Colormap;
pub use encode::{ImageFormat, encode};
pub use format::{FileFormat, SampleFormat};
pub use legend::Legend;
pub use npy::npy;
pub use painter::Painter;
pub use picture::{Picture, Pixels};
pub use pixel::{Packing, Pixel};
pub use strip::{Orientation, strip};
pub use style::{Style, StyleError};
pub use touches::Touches;
