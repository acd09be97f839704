//! Which pixels of a scene count as observations of the ground.
//!
//! Classes are those of the Sentinel-2 L2A scene classification (`Sen2Cor`;
//! Sentinel-2 Products Specification Document 15.0, table 3): 0 no data,
//! 1 saturated or defective, 2 dark area, 3 cloud shadow, 4 vegetation, 5 not
//! vegetated, 6 water, 7 unclassified, 8 cloud medium probability, 9 cloud
//! high probability, 10 thin cirrus, 11 snow or ice.

/// A named rule from class codes to "use this pixel".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum MaskProfile {
    /// Drops no data, defective pixels, shadow, clouds and cirrus.
    #[default]
    #[serde(rename = "scl-default")]
    SclDefault,
    /// Drops dark areas, unclassified pixels and snow as well.
    #[serde(rename = "scl-strict")]
    SclStrict,
    /// Keeps only vegetation and bare ground; water and snow become holes.
    #[serde(rename = "seed")]
    Seed,
}

impl MaskProfile {
    /// Whether a pixel of this class counts as an observation.
    #[must_use]
    pub fn keeps(self, class: u8) -> bool {
        match self {
            Self::SclDefault => !matches!(class, 0 | 1 | 3 | 8 | 9 | 10),
            Self::SclStrict => !matches!(class, 0..=3 | 7..=11),
            Self::Seed => matches!(class, 4 | 5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_profile_keeps_clouds_shadow_or_missing_data() {
        for profile in [
            MaskProfile::SclDefault,
            MaskProfile::SclStrict,
            MaskProfile::Seed,
        ] {
            for class in [0, 1, 3, 8, 9, 10] {
                assert!(!profile.keeps(class), "{profile:?} {class}");
            }
            assert!(profile.keeps(4) && profile.keeps(5));
        }
    }

    #[test]
    fn only_the_seed_profile_drops_water() {
        assert!(MaskProfile::SclDefault.keeps(6));
        assert!(MaskProfile::SclStrict.keeps(6));
        assert!(!MaskProfile::Seed.keeps(6));
    }
}
