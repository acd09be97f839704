//! Rules by name, for the masks that common collections come with.

use super::{Classes, Group, MaskRule};

/// A named rule.
///
/// `scl-default`, `scl-strict`, `seed` and `odc-stats` are for the Sentinel-2
/// L2A scene classification (`Sen2Cor`; Sentinel-2 Products Specification
/// Document 15.0, table 3): 0 no data, 1 saturated or defective, 2 dark area,
/// 3 cloud shadow, 4 vegetation, 5 not vegetated, 6 water, 7 unclassified,
/// 8 cloud medium probability, 9 cloud high probability, 10 thin cirrus,
/// 11 snow or ice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum MaskProfile {
    /// Drops defective pixels, shadow, clouds and cirrus.
    #[default]
    SclDefault,
    /// Drops dark areas, unclassified pixels and snow as well.
    SclStrict,
    /// Keeps only vegetation and bare ground: all else, after a closing and an
    /// opening by 5 cells, is dropped. So water and snow become holes, and a
    /// cloud that no disc of this radius fits into stays.
    Seed,
    /// Drops shadow, clouds and cirrus where they are wider than 2 cells, with
    /// 5 cells around them: the Sentinel-2 geomedian of odc-stats
    /// (`odc/stats/plugins/gm.py`).
    OdcStats,
    /// For the Fmask layer of Harmonized Landsat Sentinel-2 (HLS User Guide
    /// 2.0: bits 1 cloud, 2 adjacent to cloud or shadow, 3 shadow, 4 snow or
    /// ice, 5 water, 6 and 7 aerosol; 255 fill). Drops cloud, shadow and what is
    /// adjacent to them, as the vegetation indices of HLS do.
    Fmask,
    /// For `QA_PIXEL` of Landsat Collection 2 (USGS LSDS-1328: bits 0 fill,
    /// 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 5 snow, 6 clear, 7 water,
    /// then confidences). Drops clouds with their margin, cirrus and
    /// shadow.
    QaPixel,
    /// Drops nothing.
    None,
}

impl MaskProfile {
    /// The names that [`MaskProfile::named`] knows.
    pub const NAMES: [&str; 7] = [
        "scl-default",
        "scl-strict",
        "seed",
        "odc-stats",
        "fmask",
        "qa-pixel",
        "none",
    ];

    /// The profile with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "scl-default" => Self::SclDefault,
            "scl-strict" => Self::SclStrict,
            "seed" => Self::Seed,
            "odc-stats" => Self::OdcStats,
            "fmask" => Self::Fmask,
            "qa-pixel" => Self::QaPixel,
            "none" => Self::None,
            _ => return None,
        })
    }

    /// Which samples say that nothing was seen, if the profile knows any.
    #[must_use]
    pub fn nodata(self) -> Option<Classes> {
        match self {
            Self::SclDefault | Self::SclStrict | Self::Seed | Self::OdcStats => {
                Some(Classes::Values(vec![0]))
            }
            Self::Fmask => Some(Classes::Values(vec![255])),
            Self::QaPixel => Some(Classes::AnyBit(vec![0])),
            Self::None => None,
        }
    }

    /// What is dropped.
    #[must_use]
    pub fn groups(self) -> Vec<Group> {
        let group = match self {
            Self::SclDefault => Group::of(Classes::Values(vec![1, 3, 8, 9, 10])),
            Self::SclStrict => Group::of(Classes::Values(vec![1, 2, 3, 7, 8, 9, 10, 11])),
            Self::Seed => Group {
                closing: 5,
                opening: 5,
                ..Group::of(Classes::AllBut(vec![4, 5]))
            },
            Self::OdcStats => Group {
                opening: 2,
                dilation: 5,
                ..Group::of(Classes::Values(vec![3, 8, 9, 10]))
            },
            Self::Fmask => Group::of(Classes::AnyBit(vec![1, 2, 3])),
            Self::QaPixel => Group::of(Classes::AnyBit(vec![1, 2, 3, 4])),
            Self::None => return Vec::new(),
        };
        vec![group]
    }

    /// The rule that the name stands for.
    #[must_use]
    pub fn rule(self) -> MaskRule {
        MaskRule::new(self.nodata(), self.groups())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped_of(profile: MaskProfile, samples: impl IntoIterator<Item = u16>) -> Vec<u16> {
        let rule = profile.rule();
        samples
            .into_iter()
            .filter(|sample| !rule.keeps_raw(*sample))
            .collect()
    }

    #[test]
    fn a_profile_of_scene_classes_drops_no_data_and_the_classes_it_says() {
        let dropped = |profile| dropped_of(profile, 0..12);
        assert_eq!(dropped(MaskProfile::SclDefault), [0, 1, 3, 8, 9, 10]);
        assert_eq!(
            dropped(MaskProfile::SclStrict),
            [0, 1, 2, 3, 7, 8, 9, 10, 11]
        );
        assert_eq!(
            dropped(MaskProfile::Seed),
            [0, 1, 2, 3, 6, 7, 8, 9, 10, 11],
            "all but vegetation and bare ground"
        );
        assert_eq!(dropped(MaskProfile::OdcStats), [0, 3, 8, 9, 10]);
        assert_eq!(dropped(MaskProfile::None), [0_u16; 0]);
    }

    #[test]
    fn fmask_drops_cloud_its_neighbours_and_shadow_whatever_the_aerosol() {
        let (clear, high_aerosol, snow, water) = (0, 0b1100_0000, 0b1_0000, 0b10_0000);
        let kept = [clear, high_aerosol, snow, water, high_aerosol | water];
        assert_eq!(dropped_of(MaskProfile::Fmask, kept), [0_u16; 0]);
        for bit in [1, 2, 3] {
            let bad = kept.map(|sample| sample | 1 << bit);
            assert_eq!(dropped_of(MaskProfile::Fmask, bad), bad);
        }
        assert!(MaskProfile::Fmask.rule().is_nodata(255));
    }

    #[test]
    fn qa_pixel_drops_cloud_cirrus_and_shadow_whatever_the_confidences() {
        let low = 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14;
        let (snow, clear, water, middle_cloud) = (1 << 5, 1 << 6, 1 << 7, 1 << 9);
        let land = low | clear;
        assert_eq!(land, 21_824, "as the USGS prints it for clear land");
        let kept = [land, land | water, land | snow, low | middle_cloud];
        assert_eq!(dropped_of(MaskProfile::QaPixel, kept), [0_u16; 0]);
        for bit in [1, 2, 3, 4] {
            let bad = kept.map(|sample| sample | 1 << bit);
            assert_eq!(dropped_of(MaskProfile::QaPixel, bad), bad);
        }
        let rule = MaskProfile::QaPixel.rule();
        assert!(rule.is_nodata(1) && !rule.is_nodata(land));
    }

    #[test]
    fn every_name_is_that_of_one_profile_in_a_recipe_too() {
        for name in MaskProfile::NAMES {
            let profile = MaskProfile::named(name).unwrap();
            let stored = serde_json::to_value(profile).unwrap();
            assert_eq!(stored, name);
        }
        assert_eq!(MaskProfile::named("SclDefault"), None);
    }
}
