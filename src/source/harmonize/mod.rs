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

/// What a band's valid numbers become: `number * gain + offset`; see [`crate::raster::scaled`].
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
mod tests;
