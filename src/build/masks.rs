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
    /// A rule is a table of all classes, so it is made once.
    rules: Mutex<HashMap<Option<MaskProfile>, Arc<MaskRule>>>,
}

impl Masks {
    pub(super) fn new(recipe: Option<&MaskRecipe>) -> Self {
        Self {
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

    /// Cells around a window that the masks of scenes depend on.
    pub(super) fn halo(&self, scenes: &[&Scene]) -> usize {
        let rules = scenes.iter().filter_map(|scene| self.rule(scene));
        rules.map(|rule| rule.halo()).max().unwrap_or(0)
    }
}
