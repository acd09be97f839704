//! `[source.mask]`: which pixels of a scene are used.

use serde::{Deserialize, Deserializer, Serialize};

use super::RecipeError;
use crate::{
    raster::{
        MaskProfile, MaskRule,
        mask::{Classes, Group},
    },
    suggest,
};

/// The largest radius in cells: it widens what is read around each chunk.
const MAX_RADIUS: usize = 64;
/// The most groups of a rule, each of which costs a pass over the image.
const MAX_GROUPS: usize = 16;

/// `[source.mask]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskRecipe {
    /// The asset that holds the classes or bits; by default the one that the
    /// source's profile knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// What is no data and what is dropped, by name. If none is named, it is
    /// `none` beside a rule of one's own, and else the one for the source's
    /// product, or `scl-default` if that is not known.
    #[serde(deserialize_with = "profile", skip_serializing_if = "Option::is_none")]
    pub profile: Option<MaskProfile>,
    /// The margin around what the profile drops, in cells, instead of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dilation: Option<usize>,
    /// Values that say that nothing was seen, beside those of the profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodata: Vec<u16>,
    /// What is dropped beside what the profile drops.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<DropRecipe>,
}

/// A group of `[source.mask]`: samples by exactly one of their values, all
/// values but some, or bits of which any is set; and radii in cells of the
/// cube's full resolution, which apply in this order.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DropRecipe {
    /// Samples with these values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u16>,
    /// Samples with other values than these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_but: Vec<u16>,
    /// Samples with any of these bits; 0 is the least significant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bits: Vec<u16>,
    /// Fills the gaps that no disc of this radius fits into.
    #[serde(skip_serializing_if = "is_zero")]
    pub closing: usize,
    /// Takes away what no disc of this radius fits into.
    #[serde(skip_serializing_if = "is_zero")]
    pub opening: usize,
    /// Adds a margin this wide.
    #[serde(skip_serializing_if = "is_zero")]
    pub dilation: usize,
}

fn profile<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MaskProfile>, D::Error> {
    let name = String::deserialize(from)?;
    MaskProfile::named(&name).map(Some).ok_or_else(|| {
        let names = MaskProfile::NAMES;
        let hint = suggest::hint(&name, names);
        serde::de::Error::custom(format!(
            "`source.mask.profile`: there is no profile `{name}`, only {}{hint}",
            names.join(", ")
        ))
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(radius: &usize) -> bool {
    *radius == 0
}

impl MaskRecipe {
    /// The profile that holds where `known` is the one for the product.
    fn profile(&self, known: Option<MaskProfile>) -> MaskProfile {
        let is_own_rule = !self.nodata.is_empty() || !self.drop.is_empty();
        match (self.profile, is_own_rule) {
            (Some(named), _) => named,
            (None, true) => MaskProfile::None,
            (None, false) => known.unwrap_or_default(),
        }
    }

    /// The rule of the profile with what the recipe adds to it. `known` is the
    /// profile for the product that the mask is of.
    #[must_use]
    pub fn rule(&self, known: Option<MaskProfile>) -> MaskRule {
        let profile = self.profile(known);
        let mut named = profile.groups();
        for group in &mut named {
            group.dilation = self.dilation.unwrap_or(group.dilation);
        }
        let own = self.drop.iter().map(DropRecipe::group);
        let nodata = Classes::Values(self.nodata.clone());
        MaskRule::new(
            profile.nodata().into_iter().chain([nodata]),
            named.into_iter().chain(own),
        )
    }

    pub(super) fn check(&self) -> Result<(), RecipeError> {
        if let Some(dilation) = self.dilation {
            check_radius("source.mask.dilation", dilation, "")?;
            if self.profile(None) == MaskProfile::None {
                return Err(RecipeError::invalid(
                    "source.mask.dilation",
                    "profile `none` drops nothing to widen; give the groups of `drop` a dilation each",
                ));
            }
        }
        if self.drop.len() > MAX_GROUPS {
            return Err(RecipeError::invalid(
                "source.mask.drop",
                format!("at most {MAX_GROUPS} groups, not {}", self.drop.len()),
            ));
        }
        (1..)
            .zip(&self.drop)
            .try_for_each(|(n, group)| group.check(n))
    }
}

impl DropRecipe {
    fn classes(&self) -> Classes {
        if !self.bits.is_empty() {
            Classes::AnyBit(self.bits.clone())
        } else if !self.all_but.is_empty() {
            Classes::AllBut(self.all_but.clone())
        } else {
            Classes::Values(self.values.clone())
        }
    }

    fn group(&self) -> Group {
        Group {
            classes: self.classes(),
            closing: self.closing,
            opening: self.opening,
            dilation: self.dilation,
        }
    }

    /// Checks the `n`-th group, counted from one.
    fn check(&self, n: usize) -> Result<(), RecipeError> {
        let given = [&self.values, &self.all_but, &self.bits];
        if given.iter().filter(|list| !list.is_empty()).count() != 1 {
            return Err(RecipeError::invalid(
                "source.mask.drop",
                format!("group {n} needs one of `values`, `all_but` and `bits`"),
            ));
        }
        if let Some(bit) = self.bits.iter().find(|bit| **bit > 15) {
            return Err(RecipeError::invalid(
                "source.mask.drop.bits",
                format!("{bit} in group {n}: a sample has the bits 0 to 15"),
            ));
        }
        let place = format!(" in group {n}");
        check_radius("source.mask.drop.closing", self.closing, &place)?;
        check_radius("source.mask.drop.opening", self.opening, &place)?;
        check_radius("source.mask.drop.dilation", self.dilation, &place)
    }
}

fn check_radius(key: &'static str, radius: usize, place: &str) -> Result<(), RecipeError> {
    if radius > MAX_RADIUS {
        return Err(RecipeError::invalid(
            key,
            format!("{radius}{place}: a radius is 0 to {MAX_RADIUS} cells"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(keys: &str) -> MaskRecipe {
        toml::from_str(&format!("asset = 'mask'\n{keys}")).unwrap()
    }

    /// What is wrong with a mask, as a table of one or with its values.
    #[track_caller]
    fn refuse(keys: &str, expected: &[&str]) {
        let message = match toml::from_str::<MaskRecipe>(&format!("asset = 'mask'\n{keys}")) {
            Ok(mask) => mask.check().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        for part in expected {
            assert!(message.contains(part), "{message:?} should say {part:?}");
        }
    }

    #[test]
    fn a_mask_without_a_rule_is_read_as_its_product_says_or_as_scene_classes() {
        let rule = |keys: &str, known| recipe(keys).rule(known);
        assert_eq!(rule("", None), MaskProfile::SclDefault.rule());
        assert_eq!(
            rule("", Some(MaskProfile::Fmask)),
            MaskProfile::Fmask.rule()
        );
        let named = rule("profile = 'scl-strict'", Some(MaskProfile::Fmask));
        assert_eq!(named, MaskProfile::SclStrict.rule());
    }

    #[test]
    fn a_profile_is_meant_by_each_of_its_names() {
        for name in MaskProfile::NAMES {
            let mask = recipe(&format!("profile = '{name}'"));
            assert_eq!(mask.rule(None), MaskProfile::named(name).unwrap().rule());
            mask.check().unwrap();
        }
    }

    #[test]
    fn a_rule_of_ones_own_stands_alone_unless_a_profile_is_named() {
        let own = "nodata = [255]\ndrop = [{ bits = [1] }, { values = [64], dilation = 2 }]";
        let alone = recipe(own).rule(None);
        assert!(alone.is_nodata(255) && !alone.is_nodata(0));
        assert!(alone.keeps_raw(8) && !alone.keeps_raw(2) && !alone.keeps_raw(64));
        assert_eq!(alone.halo(), 2);
        let beside = recipe(&format!("profile = 'odc-stats'\n{own}")).rule(None);
        assert!(beside.is_nodata(255) && beside.is_nodata(0));
        assert!(!beside.keeps_raw(8) && !beside.keeps_raw(2) && !beside.keeps_raw(64));
        assert_eq!(beside.halo(), MaskProfile::OdcStats.rule().halo());
    }

    #[test]
    fn a_margin_is_that_of_every_group_of_the_profile_and_of_no_other() {
        let halo = |keys: &str| recipe(keys).rule(None).halo();
        assert_eq!(halo("dilation = 3"), 3);
        assert_eq!(halo("dilation = 3\nprofile = 'odc-stats'"), 2 * 2 + 3);
        assert_eq!(halo("dilation = 0\nprofile = 'odc-stats'"), 2 * 2);
        assert_eq!(
            halo("profile = 'fmask'\ndilation = 3\ndrop = [{ bits = [4] }]"),
            3
        );
    }

    #[test]
    fn a_mask_that_makes_no_rule_is_refused_by_key_and_reason() {
        refuse(
            "profile = 'scl-defualt'",
            &[
                "source.mask.profile",
                "did you mean `scl-default`?",
                "line 2",
            ],
        );
        refuse("dilation = 65", &["source.mask.dilation", "65", "0 to 64"]);
        refuse(
            "dilation = 1\ndrop = [{ bits = [1] }]",
            &["source.mask.dilation", "none", "drop"],
        );
        for radius in ["closing", "opening", "dilation"] {
            refuse(
                &format!("drop = [{{ bits = [1] }}, {{ values = [8], {radius} = 99 }}]"),
                &[
                    &format!("source.mask.drop.{radius}"),
                    "99 in group 2",
                    "0 to 64",
                ],
            );
        }
        refuse(
            "drop = [{ bits = [16] }]",
            &["source.mask.drop.bits", "16", "0 to 15"],
        );
        for group in ["", "values = []", "values = [1], bits = [1]", "opening = 2"] {
            refuse(
                &format!("drop = [{{ {group} }}]"),
                &[
                    "source.mask.drop",
                    "group 1",
                    "`values`, `all_but` and `bits`",
                ],
            );
        }
        refuse(
            "drop = [{ valeus = [1] }]",
            &["unknown field `valeus`", "`values`"],
        );
        refuse("nodata = [70000]", &["70000"]);
        let many = "{ values = [1] },".repeat(17);
        refuse(
            &format!("drop = [{many}]"),
            &["source.mask.drop", "at most 16", "17"],
        );
    }

    #[test]
    fn a_mask_survives_its_storage_as_json() {
        for keys in [
            "",
            "profile = 'none'",
            "profile = 'seed'\ndilation = 0",
            "nodata = [0]\ndrop = [{ all_but = [4, 5], closing = 5, opening = 4 }, { bits = [3] }]",
        ] {
            let mask = recipe(keys);
            let json = serde_json::to_string(&mask).unwrap();
            assert_eq!(serde_json::from_str::<MaskRecipe>(&json).unwrap(), mask);
        }
        let json = serde_json::to_string(&recipe("")).unwrap();
        assert_eq!(json, r#"{"asset":"mask"}"#);
    }
}
