//! One radiometric scale for scenes of all processings.
//!
//! From processing baseline 04.00 on (25 January 2022), Sentinel-2 products
//! hold reflectance · 10 000 + 1000, so that dark pixels need not be cut off
//! at 0 (Sentinel-2 Products Specification Document, `BOA_ADD_OFFSET`). Some
//! archives subtract the 1000 again, some do not, and some say in one place
//! that it is to be subtracted and in another that it was. The rules below
//! are tried in the order of how far their evidence can be trusted.

use serde_json::{Map, Value};

/// What `BOA_ADD_OFFSET` is for all bands so far.
const BOA_ADD_OFFSET: i32 = -1000;

/// Digital numbers per unit of Sentinel-2 reflectance, as metadata states it.
const REFLECTANCE_SCALE: f64 = 0.0001;

/// The collection of Earth Search whose pixels are as ESA delivers them.
const EARTH_SEARCH_C1: &str = "sentinel-2-c1-l2a";

const BOA_OFFSET_APPLIED: &str = "earthsearch:boa_offset_applied";

/// What to add to a band's digital numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Digital numbers to add to valid ones; see [`apply`].
    pub dn: i32,
    /// The rule it follows from, for the record of a build.
    pub rule: &'static str,
}

/// The offset of an asset, from its own fields, its item's properties and the
/// id of the collection.
#[must_use]
pub fn offset(
    properties: &Map<String, Value>,
    collection: Option<&str>,
    asset: &Map<String, Value>,
) -> Offset {
    let stated = Stated::of(asset);
    if stated
        .scale
        .is_some_and(|scale| (scale - REFLECTANCE_SCALE).abs() > 1e-9)
    {
        // Such as optical thickness: the rules for reflectance do not hold.
        return stated.offset();
    }
    let applied = properties.get(BOA_OFFSET_APPLIED).and_then(Value::as_bool);
    let from_earth_search = properties.keys().any(|key| key.starts_with("earthsearch:"));
    let baseline = Baseline::of(properties);
    let with_offset = baseline.map(|baseline| baseline >= Baseline::WITH_OFFSET);
    let (dn, rule) = match (applied, with_offset) {
        (Some(true), _) => (0, "earthsearch:boa_offset_applied is true"),
        _ if collection == Some(EARTH_SEARCH_C1) => {
            (BOA_ADD_OFFSET, "collection sentinel-2-c1-l2a")
        }
        (_, Some(true)) if !from_earth_search => (BOA_ADD_OFFSET, "baseline 04.00 or later"),
        (Some(false), Some(true)) => (BOA_ADD_OFFSET, "earthsearch:boa_offset_applied is false"),
        (_, Some(false)) => (0, "baseline before 04.00"),
        (_, Some(true) | None) => return stated.offset(),
    };
    Offset { dn, rule }
}

/// A digital number with its offset. 0 is nodata before and after: a valid
/// number stays valid, however dark.
#[must_use]
pub fn apply(dn: u16, offset: i32) -> u16 {
    if dn == 0 {
        return 0;
    }
    let shifted = i32::from(dn).saturating_add(offset).max(1);
    u16::try_from(shifted).unwrap_or(u16::MAX)
}

/// A processing baseline such as `05.09`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Baseline {
    major: u32,
    minor: u32,
}

impl Baseline {
    const WITH_OFFSET: Self = Self { major: 4, minor: 0 };

    pub(super) fn of(properties: &Map<String, Value>) -> Option<Self> {
        let (major, minor) = Self::text(properties)?.split_once('.')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    /// As the item has it, under the name of either extension.
    pub(super) fn text(properties: &Map<String, Value>) -> Option<&str> {
        ["s2:processing_baseline", "processing:version"]
            .iter()
            .find_map(|key| properties.get(*key)?.as_str())
    }
}

/// Scale and offset that an asset states for its band, in the raster
/// extension (STAC 1.0) or in the common `bands` or the asset itself (1.1).
#[derive(Clone, Copy, Debug)]
struct Stated {
    scale: Option<f64>,
    offset: Option<f64>,
}

impl Stated {
    fn of(asset: &Map<String, Value>) -> Self {
        let first = |key: &str| asset.get(key)?.as_array()?.first()?.as_object();
        let places = [first("raster:bands"), first("bands"), Some(asset)];
        let number = |keys: [&str; 2]| {
            places
                .iter()
                .flatten()
                .find_map(|place| keys.iter().find_map(|key| place.get(*key)?.as_f64()))
        };
        Self {
            scale: number(["scale", "raster:scale"]),
            offset: number(["offset", "raster:offset"]),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "float to integer saturates, and apply() saturates after it"
    )]
    fn offset(self) -> Offset {
        let dn = self
            .offset
            .map(|offset| offset / self.scale.unwrap_or(1.0))
            .filter(|dn| dn.is_finite());
        match dn {
            Some(dn) => Offset {
                dn: dn.round() as i32,
                rule: "stated by the asset",
            },
            None => Offset {
                dn: 0,
                rule: "none stated",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(properties: &Value, collection: &str, asset: &Value) -> (i32, &'static str) {
        let offset = offset(
            properties.as_object().unwrap(),
            Some(collection).filter(|id| !id.is_empty()),
            asset.as_object().unwrap(),
        );
        (offset.dn, offset.rule)
    }

    /// What Earth Search states for reflectance, whatever its pixels are.
    fn minus_a_tenth() -> Value {
        json!({"raster:bands": [{"nodata": 0, "scale": 0.0001, "offset": -0.1}]})
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a truth table")]
    fn each_archive_gets_the_offset_that_its_pixels_need() {
        const APPLIED: &str = "earthsearch:boa_offset_applied is true";
        const NOT_APPLIED: &str = "earthsearch:boa_offset_applied is false";
        const C1: &str = "collection sentinel-2-c1-l2a";
        const NEW: &str = "baseline 04.00 or later";
        const OLD: &str = "baseline before 04.00";
        const STATED: &str = "stated by the asset";
        const NONE: &str = "none stated";
        let tenth = minus_a_tenth();
        let nothing = json!({});
        let es = "earthsearch:payload_id";
        let flag = BOA_OFFSET_APPLIED;
        let pb = "s2:processing_baseline";
        let table = [
            // Earth Search sentinel-2-l2a: the flag is right and the -0.1 is wrong.
            (
                json!({pb: "05.09", flag: true, es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                0,
                APPLIED,
            ),
            (
                json!({pb: "02.14", flag: true, es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                0,
                APPLIED,
            ),
            (
                json!({pb: "04.00", flag: false, es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                -1000,
                NOT_APPLIED,
            ),
            (
                json!({pb: "03.01", flag: false, es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                0,
                OLD,
            ),
            (
                json!({pb: "05.11", es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                -1000,
                STATED,
            ),
            (
                json!({pb: "05.11", es: "x"}),
                "sentinel-2-l2a",
                &nothing,
                0,
                NONE,
            ),
            (
                json!({pb: "02.12", es: "x"}),
                "sentinel-2-l2a",
                &tenth,
                0,
                OLD,
            ),
            // Earth Search sentinel-2-c1-l2a: never subtracted.
            (
                json!({pb: "05.11", es: "x"}),
                "sentinel-2-c1-l2a",
                &tenth,
                -1000,
                C1,
            ),
            (
                json!({pb: "05.00"}),
                "sentinel-2-c1-l2a",
                &nothing,
                -1000,
                C1,
            ),
            (json!({}), "sentinel-2-c1-l2a", &nothing, -1000, C1),
            (
                json!({pb: "05.11", flag: true, es: "x"}),
                "sentinel-2-c1-l2a",
                &tenth,
                0,
                APPLIED,
            ),
            // Planetary Computer and others that keep the pixels of ESA.
            (json!({pb: "02.12"}), "sentinel-2-l2a", &nothing, 0, OLD),
            (json!({pb: "03.01"}), "sentinel-2-l2a", &nothing, 0, OLD),
            (json!({pb: "04.00"}), "sentinel-2-l2a", &nothing, -1000, NEW),
            (json!({pb: "05.10"}), "sentinel-2-l2a", &nothing, -1000, NEW),
            (json!({pb: "10.00"}), "sentinel-2-l2a", &nothing, -1000, NEW),
            (
                json!({"processing:version": "05.11"}),
                "sentinel-2-l2a",
                &nothing,
                -1000,
                NEW,
            ),
            // stactools-sentinel2 once summed the offsets of all bands.
            (
                json!({pb: "04.00"}),
                "",
                &json!({"raster:bands": [{"scale": 0.0001, "offset": -0.7}]}),
                -1000,
                NEW,
            ),
            (json!({pb: "02.09"}), "", &tenth, 0, OLD),
            // Earth Search v0 and others without a baseline.
            (json!({}), "sentinel-s2-l2a-cogs", &nothing, 0, NONE),
            (json!({pb: "unknown"}), "sentinel-2-l2a", &nothing, 0, NONE),
            (
                json!({pb: "unknown"}),
                "sentinel-2-l2a",
                &tenth,
                -1000,
                STATED,
            ),
            // Landsat, in the words of STAC 1.0 and 1.1.
            (
                json!({}),
                "landsat-c2-l2",
                &json!({"raster:bands": [{"scale": 2.75e-5, "offset": -0.2}]}),
                -7273,
                STATED,
            ),
            (
                json!({}),
                "landsat-c2-l2",
                &json!({"bands": [{"raster:scale": 2.75e-5, "raster:offset": -0.2}]}),
                -7273,
                STATED,
            ),
            (
                json!({}),
                "landsat-c2-l2",
                &json!({"raster:scale": 2.75e-5, "raster:offset": -0.2}),
                -7273,
                STATED,
            ),
            // HLS: a scale and no offset.
            (
                json!({}),
                "HLSS30.v2.0",
                &json!({"raster:bands": [{"scale": 0.0001}]}),
                0,
                NONE,
            ),
            // Optical thickness has its own scale and no offset of reflectance.
            (
                json!({pb: "05.11", es: "x"}),
                "sentinel-2-c1-l2a",
                &json!({"raster:bands": [{"scale": 0.001, "offset": 0}]}),
                0,
                STATED,
            ),
            // A scale of nothing says nothing.
            (
                json!({}),
                "",
                &json!({"raster:bands": [{"scale": 0.0, "offset": -0.1}]}),
                0,
                NONE,
            ),
        ];
        for (properties, collection, asset, dn, why) in &table {
            assert_eq!(
                rule(properties, collection, asset),
                (*dn, *why),
                "{properties} {collection} {asset}"
            );
        }
    }

    #[test]
    fn nodata_stays_nodata_and_dark_pixels_stay_valid() {
        assert_eq!(apply(0, -1000), 0);
        assert_eq!(apply(0, 1000), 0);
        assert_eq!(apply(999, -1000), 1);
        assert_eq!(apply(1000, -1000), 1);
        assert_eq!(apply(1001, -1000), 1);
        assert_eq!(apply(1002, -1000), 2);
        assert_eq!(apply(5, 0), 5);
        assert_eq!(apply(65_535, 1000), 65_535);
        assert_eq!(apply(1, i32::MIN), 1);
        assert_eq!(apply(1, i32::MAX), 65_535);
    }
}
