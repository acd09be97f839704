//! One radiometric scale for scenes of all archives and processings:
//! reflectance times 10 000.
//!
//! From processing baseline 04.00 on (25 January 2022), Sentinel-2 products
//! hold reflectance · 10 000 + 1000, so that dark pixels need not be cut off
//! at 0 (Sentinel-2 Products Specification Document, `BOA_ADD_OFFSET`). Some
//! archives subtract the 1000 again, some do not, and some say in one place
//! that it is to be subtracted and in another that it was. The rules below
//! are tried in the order of how far their evidence can be trusted.
//!
//! HLS counts ten thousandths from the start (HLS User Guide 2.0, section 6.4),
//! Landsat Collection 2 has a scale and an offset of its own (LSDS-1619, Landsat
//! 8-9 Collection 2 Level 2 Science Product Guide, table 6-1).

use serde_json::{Map, Value};

use super::profile::Product;

/// What `BOA_ADD_OFFSET` is for all bands so far.
pub(super) const BOA_ADD_OFFSET: i16 = -1000;

/// Digital numbers per unit of Sentinel-2 reflectance, as metadata states it.
const REFLECTANCE_SCALE: f64 = 0.0001;

/// The collection of Earth Search whose pixels are as ESA delivers them.
const EARTH_SEARCH_C1: &str = "sentinel-2-c1-l2a";

const BOA_OFFSET_APPLIED: &str = "earthsearch:boa_offset_applied";

/// Landsat's reflectance is 0.0000275 · number - 0.2.
const LANDSAT_SCALE: f64 = 0.000_027_5;
const LANDSAT_GAIN: f64 = 0.275;
const LANDSAT_OFFSET: f64 = -2000.0;

/// What a band's valid numbers become: `number * gain + offset`; see [`apply`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// What numbers are multiplied by.
    pub gain: f64,
    /// What is added then.
    pub offset: f64,
    /// The rule that the offset follows from, for the record of a build.
    pub rule: &'static str,
}

/// What an operator says of a band. Each wins over everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Operator {
    pub(super) gain: Option<f64>,
    pub(super) offset: Option<f64>,
}

/// What is known of a band's numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) operator: Operator,
    pub(super) product: Product,
    /// The id of the collection.
    pub(super) collection: Option<&'a str>,
    /// Those of the item.
    pub(super) properties: &'a Map<String, Value>,
    /// The asset's key and its own fields.
    pub(super) key: &'a str,
    pub(super) asset: &'a Map<String, Value>,
}

/// The scaling of a band, from the strongest evidence that there is.
pub(super) fn scaling(evidence: Evidence<'_>) -> Scaling {
    let Scaling { gain, offset, rule } = scaling_of_product(evidence);
    let Operator {
        gain: own_gain,
        offset: own_offset,
    } = evidence.operator;
    Scaling {
        gain: own_gain.unwrap_or(gain),
        offset: own_offset.unwrap_or(offset),
        rule: own_offset.map_or(rule, |_| "the recipe"),
    }
}

fn scaling_of_product(evidence: Evidence<'_>) -> Scaling {
    let as_stored = |rule| Scaling {
        gain: 1.0,
        offset: 0.0,
        rule,
    };
    if !evidence.product.is_reflectance(evidence.key) {
        return as_stored("not reflectance");
    }
    match evidence.product {
        Product::HlsS30 | Product::HlsL30 => as_stored("HLS"),
        Product::LandsatC2 => {
            let stated = Stated::of(evidence.asset, evidence.properties).scale;
            if stated.is_some_and(|scale| (scale - LANDSAT_SCALE).abs() > 1e-9) {
                return as_stored("not reflectance");
            }
            Scaling {
                gain: LANDSAT_GAIN,
                offset: LANDSAT_OFFSET,
                rule: "Landsat Collection 2",
            }
        }
        Product::Sentinel2 | Product::Other => {
            let Offset { dn, rule } =
                offset(evidence.properties, evidence.collection, evidence.asset);
            Scaling {
                gain: 1.0,
                offset: dn,
                rule,
            }
        }
    }
}

/// What to add to a band's digital numbers, and the rule it follows from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Offset {
    dn: f64,
    rule: &'static str,
}

/// The offset of an asset, from its own fields, its item's properties and the
/// id of the collection.
fn offset(
    properties: &Map<String, Value>,
    collection: Option<&str>,
    asset: &Map<String, Value>,
) -> Offset {
    let stated = Stated::of(asset, properties);
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
    let added = f64::from(BOA_ADD_OFFSET);
    let (dn, rule) = match (applied, with_offset) {
        (Some(true), _) => (0.0, "earthsearch:boa_offset_applied is true"),
        _ if collection == Some(EARTH_SEARCH_C1) => (added, "collection sentinel-2-c1-l2a"),
        (_, Some(true)) if !from_earth_search => (added, "baseline 04.00 or later"),
        (Some(false), Some(true)) => (added, "earthsearch:boa_offset_applied is false"),
        (_, Some(false)) => (0.0, "baseline before 04.00"),
        (_, Some(true) | None) => return stated.offset(),
    };
    Offset { dn, rule }
}

/// A number of the common scale. 0 is nodata before and after: a valid number
/// stays valid, however dark. Exact for a gain of 1 and a whole offset.
#[must_use]
pub fn apply(dn: u16, gain: f64, offset: f64) -> u16 {
    if dn == 0 {
        return 0;
    }
    apply_to_valid(dn.into(), gain, offset)
}

/// The same for a number that is known to be valid, as of images whose
/// numbers have a sign: `dn * gain + offset`, rounded half up, from 1 to 65 535.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is held in the range of u16 before"
)]
pub fn apply_to_valid(dn: f64, gain: f64, offset: f64) -> u16 {
    (dn * gain + offset + 0.5)
        .floor()
        .clamp(1.0, f64::from(u16::MAX)) as u16
}

/// A processing baseline such as `05.09`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Baseline {
    major: u32,
    minor: u32,
}

impl Baseline {
    /// The first whose numbers have an offset.
    pub(super) const WITH_OFFSET: Self = Self { major: 4, minor: 0 };

    pub(super) fn of(properties: &Map<String, Value>) -> Option<Self> {
        Self::parse(Self::text(properties)?)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
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
/// extension (STAC 1.0) or in the common `bands`, the asset itself or its item
/// (1.1).
#[derive(Clone, Copy, Debug)]
struct Stated {
    scale: Option<f64>,
    offset: Option<f64>,
}

impl Stated {
    /// What the asset says comes first: its item speaks for all assets.
    fn of(asset: &Map<String, Value>, properties: &Map<String, Value>) -> Self {
        let first = |key: &str| asset.get(key)?.as_array()?.first()?.as_object();
        let places = [
            first("raster:bands"),
            first("bands"),
            Some(asset),
            Some(properties),
        ];
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

    fn offset(self) -> Offset {
        let dn = self
            .offset
            .map(|offset| offset / self.scale.unwrap_or(1.0))
            .filter(|dn| dn.is_finite());
        match dn {
            Some(dn) => Offset {
                dn: dn.round(),
                rule: "stated by the asset",
            },
            None => Offset {
                dn: 0.0,
                rule: "none stated",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The scaling of the asset `red` of an item.
    fn of(
        product: Product,
        properties: &Value,
        collection: &str,
        asset: &Value,
        operator: Operator,
    ) -> Scaling {
        scaling(Evidence {
            operator,
            product,
            collection: Some(collection).filter(|id| !id.is_empty()),
            properties: properties.as_object().unwrap(),
            key: "red",
            asset: asset.as_object().unwrap(),
        })
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
            // STAC 1.1 may say it once, for all assets of an item.
            (
                json!({"raster:scale": 0.0001, "raster:offset": -0.1}),
                "",
                &nothing,
                -1000,
                STATED,
            ),
            // What the asset says is nearer.
            (
                json!({"raster:scale": 0.0001, "raster:offset": -0.1}),
                "",
                &json!({"raster:bands": [{"scale": 0.0001, "offset": 0}]}),
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
            // The rules ask the item, and not which archive it is from.
            for product in [Product::Sentinel2, Product::Other] {
                let found = of(product, properties, collection, asset, Operator::default());
                let expected = Scaling {
                    gain: 1.0,
                    offset: f64::from(*dn),
                    rule: why,
                };
                assert_eq!(found, expected, "{properties} {collection} {asset}");
            }
            // The operator knows better, whatever there is.
            for offset in [0.0, -1000.0, 17.0] {
                let operator = Operator {
                    offset: Some(offset),
                    gain: None,
                };
                let found = of(Product::Sentinel2, properties, collection, asset, operator);
                assert_eq!((found.gain, found.offset), (1.0, offset));
                assert_eq!(found.rule, "the recipe");
            }
        }
    }

    #[test]
    fn products_with_a_scale_of_their_own_come_to_the_common_one() {
        let landsat = json!({"raster:bands": [{"scale": 2.75e-5, "offset": -0.2}]});
        let hls = json!({"raster:bands": [{"scale": 0.0001, "nodata": -9999}]});
        let kelvin = json!({"raster:bands": [{"scale": 0.003_418_02, "offset": 149.0}]});
        let nothing = json!({});
        for (product, asset, gain, offset, rule) in [
            (
                Product::LandsatC2,
                &landsat,
                0.275,
                -2000.0,
                "Landsat Collection 2",
            ),
            (
                Product::LandsatC2,
                &nothing,
                0.275,
                -2000.0,
                "Landsat Collection 2",
            ),
            (Product::LandsatC2, &kelvin, 1.0, 0.0, "not reflectance"),
            (Product::HlsS30, &hls, 1.0, 0.0, "HLS"),
            (Product::HlsL30, &nothing, 1.0, 0.0, "HLS"),
        ] {
            let found = of(product, &nothing, "", asset, Operator::default());
            assert_eq!(found, Scaling { gain, offset, rule });
            let operator = Operator {
                gain: Some(2.0),
                offset: Some(3.0),
            };
            let found = of(product, &nothing, "", asset, operator);
            let rule = "the recipe";
            assert_eq!(
                found,
                Scaling {
                    gain: 2.0,
                    offset: 3.0,
                    rule
                }
            );
        }
        let scl = scaling(Evidence {
            operator: Operator::default(),
            product: Product::Sentinel2,
            collection: None,
            properties: json!({"s2:processing_baseline": "05.09"})
                .as_object()
                .unwrap(),
            key: "SCL",
            asset: &Map::new(),
        });
        assert_eq!((scl.gain, scl.offset), (1.0, 0.0), "classes are no numbers");
    }

    #[test]
    fn landsat_and_sentinel_2_of_one_reflectance_become_one_number() {
        for reflectance in [0.0005, 0.02, 0.1, 0.35, 1.2] {
            let landsat = ((reflectance + 0.2) / LANDSAT_SCALE).round();
            let common = reflectance * 10_000.0;
            let from_landsat = apply_to_valid(landsat, LANDSAT_GAIN, LANDSAT_OFFSET);
            let from_sentinel = apply_to_valid(common + 1000.0, 1.0, -1000.0);
            assert!((f64::from(from_landsat) - common).abs() <= 1.0);
            assert!((f64::from(from_sentinel) - common).abs() <= 0.5);
        }
    }

    #[test]
    fn rounding_is_half_up_and_exact_for_every_number_there_is() {
        for dn in 1..=u16::MAX {
            // 0.275 is 11 fortieths.
            let exact = (i64::from(dn) * 11 - 80_000 + 20).div_euclid(40);
            assert_eq!(
                i64::from(apply(dn, LANDSAT_GAIN, LANDSAT_OFFSET)),
                exact.clamp(1, 65_535),
                "{dn}"
            );
            let shifted = i64::from(dn) - 1000;
            assert_eq!(
                i64::from(apply(dn, 1.0, -1000.0)),
                shifted.clamp(1, 65_535),
                "{dn}"
            );
        }
    }

    #[test]
    fn nodata_stays_nodata_and_dark_pixels_stay_valid() {
        assert_eq!(apply(0, 1.0, -1000.0), 0);
        assert_eq!(apply(0, 1.0, 1000.0), 0);
        assert_eq!(apply(999, 1.0, -1000.0), 1);
        assert_eq!(apply(1000, 1.0, -1000.0), 1);
        assert_eq!(apply(1001, 1.0, -1000.0), 1);
        assert_eq!(apply(1002, 1.0, -1000.0), 2);
        assert_eq!(apply(5, 1.0, 0.0), 5);
        assert_eq!(apply(65_535, 1.0, 1000.0), 65_535);
        assert_eq!(apply(1, 1.0, f64::MIN), 1);
        assert_eq!(apply(1, 1.0, f64::MAX), 65_535);
        assert_eq!(apply_to_valid(-31.0, 1.0, 0.0), 1, "HLS has a sign");
        assert_eq!(apply_to_valid(2.0, 0.75, 0.0), 2, "half is rounded up");
    }
}
