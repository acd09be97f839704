//! What a data cube is: the recipe that it carries, the grid, overviews, bands
//! and time steps that follow from it, the Zarr metadata that states them, and
//! the record of what was built.

mod consolidated;
pub mod coverage;
pub mod metadata;
pub mod recipe;
pub mod select;
pub mod system;
#[cfg(test)]
pub(crate) mod testing;
pub mod time_axis;

pub use consolidated::consolidated;
pub use coverage::{Cell, State};
pub use recipe::{Recipe, RecipeError};
pub use select::SelectError;
pub use system::System;
pub use time_axis::{Period, TimeAxis};

use crate::{grid::Pyramid, raster::Reducer};

/// The variable that holds the number of valid observations.
pub const COUNT: &str = "count";

/// The value of a pixel without an observation, in every variable.
pub const NODATA: u16 = 0;

/// A cube, as its recipe describes it.
#[derive(Clone, Debug)]
pub struct Cube {
    recipe: Recipe,
    system: System,
    pyramid: Pyramid,
    times: TimeAxis,
}

impl Cube {
    /// The cube of a recipe. Everything that can be wrong with a recipe is
    /// found here, so a cube that exists is a valid one.
    ///
    /// # Errors
    /// Names the key and what it should be.
    pub fn new(recipe: Recipe) -> Result<Self, RecipeError> {
        let (system, pyramid, times) = recipe.check()?;
        Ok(Self {
            recipe,
            system,
            pyramid,
            times,
        })
    }

    /// The recipe, as it is stored in the cube.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The reference system of the grid.
    #[must_use]
    pub fn system(&self) -> System {
        self.system
    }

    /// The grid and its overviews, in chunks.
    #[must_use]
    pub fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Rows and columns of the inner chunks, which are what is read at once.
    #[must_use]
    pub fn inner_chunk(&self) -> usize {
        self.recipe.grid.inner_chunk
    }

    /// The time steps.
    #[must_use]
    pub fn times(&self) -> &TimeAxis {
        &self.times
    }

    /// The bands, without [`COUNT`], in the recipe's order.
    pub fn bands(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.recipe.source.bands.iter().map(recipe::Band::name)
    }

    /// All variables: the bands, then [`COUNT`].
    pub fn variables(&self) -> impl Iterator<Item = &str> + Clone {
        self.bands().chain(std::iter::once(COUNT))
    }

    /// How observations become one value, by the indices of [`Cube::bands`].
    #[must_use]
    pub fn reducer(&self) -> Reducer {
        let index = |name: &String| self.bands().position(|band| band == name);
        let rule = self.recipe.composite.rule.map_bands(index);
        // A cube is checked to have the bands that its rule names.
        rule.unwrap_or_default()
    }

    /// The cube with a longer time axis.
    ///
    /// # Errors
    /// If `end` is before the present end or too far away.
    pub fn extended(&self, end: chrono::NaiveDate) -> Result<Self, RecipeError> {
        let mut recipe = self.recipe.clone();
        if end < recipe.time.end {
            return Err(RecipeError::invalid(
                "time.end",
                format!(
                    "{end} is before the cube's present end, {}: a time axis only grows",
                    recipe.time.end
                ),
            ));
        }
        recipe.time.end = end;
        Self::new(recipe)
    }
}
