//! What archives call their assets, and what their numbers mean.
//!
//! The same reflectance in red is `red` in one archive and `B04` in another,
//! counts ten thousandths here and 0.0000275 there, and is masked by one of
//! three images. A profile knows an archive's ways, so that a recipe names
//! bands by what they show. The names are those of STAC's common band names
//! (<https://github.com/stac-extensions/eo#common-band-names>).

use serde_json::{Map, Value};

/// The archive or the product that items are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Element 84's Earth Search.
    EarthSearch,
    /// Microsoft's Planetary Computer, whose images need a signature.
    PlanetaryComputer,
    /// NASA's Harmonized Landsat and Sentinel-2, of either half.
    Hls,
    /// Landsat Collection 2 Level 2 of USGS.
    LandsatC2,
    /// Any other: assets are named by their keys.
    Generic,
}

/// What is known of where an item comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The host of the document that it came with, if it is from a server.
    pub(super) host: Option<&'a str>,
    pub(super) collection: Option<&'a str>,
    pub(super) id: &'a str,
    pub(super) properties: &'a Map<String, Value>,
}

/// A kind of images that has its own names and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Sentinel2,
    HlsS30,
    HlsL30,
    LandsatC2,
    Other,
}

/// The image that tells which pixels are of use, and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownMask {
    pub(super) assets: &'static [&'static str],
    /// The name of the rules for its classes.
    pub(super) profile: &'static str,
}

impl Profile {
    /// The profile of an item whose recipe names none.
    pub(super) fn of(origin: Origin<'_>) -> Self {
        let host = origin.host.unwrap_or_default();
        if host == "planetarycomputer.microsoft.com" {
            return Self::PlanetaryComputer;
        }
        let from_earth_search = host.starts_with("earth-search.")
            || origin
                .properties
                .keys()
                .any(|key| key.starts_with("earthsearch:"))
            || matches!(
                origin.collection,
                Some("sentinel-2-c1-l2a" | "sentinel-s2-l2a-cogs")
            );
        if from_earth_search {
            return Self::EarthSearch;
        }
        match Product::of_collection(origin.collection) {
            Some(Product::HlsS30 | Product::HlsL30) => Self::Hls,
            Some(Product::LandsatC2) => Self::LandsatC2,
            Some(Product::Sentinel2 | Product::Other) | None => Self::Generic,
        }
    }

    /// What an item of it holds. Archives hold several products; which one it
    /// is, the collection tells.
    pub(super) fn product(self, origin: Origin<'_>) -> Product {
        let of_collection = Product::of_collection(origin.collection);
        match self {
            Self::EarthSearch | Self::PlanetaryComputer => {
                of_collection.unwrap_or(Product::Sentinel2)
            }
            Self::Hls => match of_collection {
                Some(product @ (Product::HlsS30 | Product::HlsL30)) => product,
                Some(_) | None if origin.id.to_uppercase().contains("L30") => Product::HlsL30,
                Some(_) | None => Product::HlsS30,
            },
            Self::LandsatC2 => Product::LandsatC2,
            Self::Generic => Product::Other,
        }
    }
}

impl Product {
    /// The product that a collection's id names: `HLSS30.v2.0`, `HLSS30_2.0`
    /// and `hls2-s30` are one, as are `landsat-c2-l2` and `landsat-c2l2-sr`.
    fn of_collection(collection: Option<&str>) -> Option<Self> {
        let id: String = collection?
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_lowercase();
        let product = if id.starts_with("hlss30") || id.starts_with("hls2s30") {
            Self::HlsS30
        } else if id.starts_with("hlsl30") || id.starts_with("hls2l30") {
            Self::HlsL30
        } else if id.starts_with("landsatc2l2") {
            Self::LandsatC2
        } else if id.starts_with("sentinel2") || id.starts_with("sentinels2") {
            Self::Sentinel2
        } else {
            return None;
        };
        Some(product)
    }

    /// The keys that the asset of a common name may have beside that name,
    /// the best first.
    pub(super) fn assets(self, name: &str) -> &'static [&'static str] {
        type Table = [(&'static str, &'static [&'static str])];
        // HLS S30 has the names of Sentinel-2, save those of its own.
        let tables: [&Table; 2] = match self {
            Self::Sentinel2 => [&SENTINEL_2, &[]],
            Self::HlsS30 => [&HLS_S30, &SENTINEL_2],
            Self::HlsL30 => [&HLS_L30, &[]],
            Self::LandsatC2 => [&LANDSAT_C2, &[]],
            Self::Other => [&[], &[]],
        };
        tables
            .into_iter()
            .flatten()
            .find(|(known, _)| *known == name)
            .map_or(&[], |(_, keys)| *keys)
    }

    pub(super) fn mask(self) -> Option<KnownMask> {
        let (assets, profile): (&[&str], _) = match self {
            Self::Sentinel2 => (&["scl", "SCL"], "scl-default"),
            Self::HlsS30 | Self::HlsL30 => (&["Fmask", "fmask"], "fmask"),
            Self::LandsatC2 => (&["qa_pixel", "QA_PIXEL"], "qa-pixel"),
            Self::Other => return None,
        };
        Some(KnownMask { assets, profile })
    }

    /// The value of missing pixels, for files that state none.
    pub(super) fn nodata(self) -> Option<f64> {
        match self {
            Self::Sentinel2 | Self::LandsatC2 => Some(0.0),
            Self::HlsS30 | Self::HlsL30 => Some(-9999.0),
            Self::Other => None,
        }
    }

    /// Whether the asset of this key holds reflectance, so that its numbers
    /// follow the rules for it.
    pub(super) fn is_reflectance(self, key: &str) -> bool {
        let key = key.to_lowercase();
        match self {
            Self::Sentinel2 => {
                // Such as `aot_20m`.
                let name = key.split('_').next().unwrap_or_default();
                !["scl", "aot", "wvp", "cld", "snw", "cloud", "snow", "visual"].contains(&name)
            }
            Self::LandsatC2 => {
                let is_common = ["coastal", "blue", "green", "red", "nir08"].contains(&&*key);
                is_common || key.starts_with("swir") || key.starts_with("sr_b")
            }
            Self::HlsS30 | Self::HlsL30 | Self::Other => true,
        }
    }
}

type Names<const N: usize> = [(&'static str, &'static [&'static str]); N];

/// As ESA names them, and with it the Planetary Computer and the first version
/// of Earth Search. The second has the common names themselves.
const SENTINEL_2: Names<16> = [
    ("coastal", &["B01"]),
    ("blue", &["B02"]),
    ("green", &["B03"]),
    ("red", &["B04"]),
    ("rededge1", &["B05"]),
    ("rededge2", &["B06"]),
    ("rededge3", &["B07"]),
    ("nir", &["B08"]),
    ("nir08", &["B8A"]),
    ("nir09", &["B09"]),
    ("cirrus", &["B10"]),
    ("swir16", &["B11"]),
    ("swir22", &["B12"]),
    ("scl", &["SCL"]),
    ("aot", &["AOT"]),
    ("wvp", &["WVP"]),
];

/// HLS User Guide 2.0, table 1. The near infrared of both halves is the narrow
/// band, since only that one is alike on both satellites.
const HLS_S30: Names<2> = [("nir", &["B8A", "B08"]), ("fmask", &["Fmask"])];

const HLS_L30: Names<12> = [
    ("coastal", &["B01"]),
    ("blue", &["B02"]),
    ("green", &["B03"]),
    ("red", &["B04"]),
    ("nir", &["B05"]),
    ("nir08", &["B05"]),
    ("swir16", &["B06"]),
    ("swir22", &["B07"]),
    ("cirrus", &["B09"]),
    ("lwir11", &["B10"]),
    ("lwir12", &["B11"]),
    ("fmask", &["Fmask"]),
];

/// Landsat's assets have common names, but for the near infrared.
const LANDSAT_C2: Names<2> = [("nir", &["nir08"]), ("qa", &["qa_pixel"])];

#[cfg(test)]
mod tests;
