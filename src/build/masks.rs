//! The mask rules of a cube: one for all, or the one for each product.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    cube::recipe::MaskRecipe,
    raster::{MaskProfile, MaskRule},
    source::Scene,
};

/// What a recipe says of masks, and the rules that were made of it.
#[derive(Debug, Default)]
pub(super) struct Masks {
    /// All pixels are of use, if there is none.
    recipe: Option<MaskRecipe>,
    halo: usize,
    /// A rule is a table of all classes, so it is made once.
    rules: Mutex<HashMap<Option<MaskProfile>, Arc<MaskRule>>>,
}

/// The profiles that products have of themselves.
const OF_PRODUCTS: [MaskProfile; 3] = [
    MaskProfile::SclDefault,
    MaskProfile::Fmask,
    MaskProfile::QaPixel,
];

impl Masks {
    pub(super) fn new(recipe: Option<&MaskRecipe>) -> Self {
        let halos = recipe
            .into_iter()
            .flat_map(|recipe| OF_PRODUCTS.map(|known| recipe.rule(Some(known)).halo()));
        Self {
            halo: halos.max().unwrap_or(0),
            recipe: recipe.cloned(),
            rules: Mutex::default(),
        }
    }

    /// The rule for a scene; `None` if all its pixels are of use.
    pub(super) fn rule(&self, scene: &Scene) -> Option<Arc<MaskRule>> {
        let recipe = self.recipe.as_ref()?;
        let known = scene.mask_profile.and_then(MaskProfile::named);
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules
            .entry(known)
            .or_insert_with(|| Arc::new(recipe.rule(known)));
        Some(Arc::clone(rule))
    }

    /// Cells around a window that its masks may depend on, of whatever product
    /// its scenes turn out to be.
    pub(super) fn halo(&self) -> usize {
        self.halo
    }
}
