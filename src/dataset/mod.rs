//! Other people's Zarr stores: metadata documents in, the description of a
//! data set that tiles can be made of out. No I/O, no projection library.
//!
//! 1. [`Documents`] takes the metadata documents of a store, of version 2 or
//!    3, consolidated or one by one, and makes a tree of [`Group`]s.
//! 2. [`Draft::new`] finds the rasters of a group and their overviews, and
//!    [`Draft::coordinates`] names the arrays that have to be read.
//! 3. [`Draft::finish`] takes their values and gives the [`Dataset`].
//! 4. [`Variable::select`] turns a request's `sel` into indices.
//!
//! Documents come from strangers: how much of them is looked at is bounded by
//! [`limits`], and what cannot be served is refused with a [`DatasetError`]
//! that says what was found and what would be right.

mod around;
mod assemble;
mod axis;
pub mod cf;
pub mod codec;
mod coordinates;
mod crs;
mod documents;
mod draft;
mod dtype;
mod error;
mod georef;
mod interval;
mod levels;
pub mod limits;
mod node;
mod select;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use axis::{Axis, AxisValues, Values};
pub use crs::{Crs, CrsSource};
pub use documents::{Documents, GROUP_DOCUMENTS};
pub use draft::Draft;
pub use dtype::DataType;
pub use error::DatasetError;
pub use interval::Times;
pub use node::{Array, Attributes, Format, Group};
pub use select::{Chosen, How, Selection};

use crate::{
    grid::{Bounds, GeoTransform, Shape},
    suggest,
};
use cf::{Flag, Packing};

/// The variables of a group that tiles can be made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Path of the group in its store.
    pub path: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The variables, by name.
    pub variables: Vec<Variable>,
    /// Arrays that cannot be served, and why.
    pub refused: Vec<Refused>,
}

/// An array that cannot be served: a variable as a whole, or one level of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Name of the variable; empty for a level that is declared and not there.
    pub name: String,
    /// Path of the array, or of the group that declares it.
    pub path: String,
    /// Why.
    pub reason: DatasetError,
}

/// A variable on a regular grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// CF's `long_name`.
    pub long_name: Option<String>,
    /// CF's `standard_name`.
    pub standard_name: Option<String>,
    /// Units of its physical values.
    pub units: Option<String>,
    /// Its classes, if it is categorical.
    pub flags: Vec<Flag>,
    /// All its attributes.
    pub attributes: Attributes,
    /// Names of its dimensions, in order.
    pub dimensions: Vec<String>,
    /// Position of x among them.
    pub x: usize,
    /// Position of y among them.
    pub y: usize,
    /// The dimensions other than x and y, in order.
    pub axes: Vec<Arc<Axis>>,
    /// The reference system of its grids.
    pub crs: Crs,
    /// Who told it.
    pub crs_source: CrsSource,
    /// The full resolution and its overviews, finest first; at least one.
    pub levels: Vec<VariableLevel>,
}

/// A variable at one resolution.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableLevel {
    /// Path of its array in the store.
    pub path: String,
    /// Where its cells are.
    pub grid: LevelGrid,
    /// Length of all dimensions.
    pub shape: Vec<u64>,
    /// Length of a chunk (of a shard, if it is sharded) in each dimension.
    pub chunk: Vec<u64>,
    /// Length of an inner chunk in each dimension, if it is sharded.
    pub inner_chunk: Option<Vec<u64>>,
    /// Type of the stored numbers.
    pub data_type: DataType,
    /// How they are read. Levels may differ in it.
    pub packing: Packing,
}

/// Where the cells of a level are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelGrid {
    /// Pixel to world. `cell_height` is positive where rows run north.
    pub transform: GeoTransform,
    /// Rows and columns.
    pub shape: Shape,
    /// Number of columns that go once around the globe, for a grid in degrees
    /// that has them: column `n` is then also `n + turn` and `n - turn`. There
    /// may be more columns than that: a first one repeated at the end.
    pub turn: Option<usize>,
}

impl LevelGrid {
    /// The world rectangle of its cells. Rows at a pole reach beyond it.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.transform.window_bounds(self.shape.window())
    }
}

impl Dataset {
    /// The variable of a name.
    ///
    /// # Errors
    /// If there is none, or it cannot be served: then with the reason.
    pub fn variable(&self, name: &str) -> Result<&Variable, DatasetError> {
        if let Some(variable) = self.variables.iter().find(|variable| variable.name == name) {
            return Ok(variable);
        }
        if let Some(refused) = self.refused.iter().find(|refused| refused.name == name) {
            return Err(refused.reason.clone());
        }
        let names: Vec<String> = self.variables.iter().map(|v| v.name.clone()).collect();
        let hint = suggest::hint(name, names.iter().map(String::as_str));
        Err(DatasetError::UnknownVariable {
            name: limits::shortened(name),
            hint,
            available: draft::limited(&names),
        })
    }
}
