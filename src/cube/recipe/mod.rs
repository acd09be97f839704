//! The recipe: how a cube is laid out and how a missing chunk of it is built.
//! Written by people as TOML, stored in the cube as JSON.

mod check;
mod mask;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Period;
use crate::{
    raster::{Kernel, Reducer},
    suggest,
};

pub use mask::{DropRecipe, MaskRecipe};

/// Why a text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// It is not TOML, or a key is unknown, missing or of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A key has a value that makes no cube.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The key, with its table.
        key: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl RecipeError {
    pub(in crate::cube) fn invalid(key: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key,
            reason: reason.into(),
        }
    }
}

/// All of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// A name for people.
    #[serde(default)]
    pub title: String,
    /// Credit that is shown on every map, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// Where the pixels are.
    pub grid: GridRecipe,
    /// When the steps are.
    pub time: TimeRecipe,
    /// Where scenes come from.
    pub source: SourceRecipe,
    /// How scenes become one picture.
    #[serde(default)]
    pub composite: CompositeRecipe,
    /// How it looks unless a request says otherwise.
    #[serde(default)]
    pub style: StyleRecipe,
}

/// `[grid]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRecipe {
    /// `[west, south, east, north]` in the CRS. The grid starts at the north
    /// west corner and grows to whole cells in the south and east.
    pub bounds: [f64; 4],
    /// Cell size in the units of the CRS.
    pub resolution: f64,
    /// The coordinate reference system, see [`super::System::named`].
    #[serde(default = "default_crs")]
    pub crs: String,
    /// Rows and columns of a chunk, which is what is built and written at once.
    #[serde(default = "default_chunk")]
    pub chunk: usize,
    /// Rows and columns of an inner chunk, which is what is read at once.
    #[serde(default = "default_inner_chunk")]
    pub inner_chunk: usize,
    /// Number of levels with the full resolution; by default as many as it
    /// takes for the last to fit into one inner chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<usize>,
    /// What is never built.
    #[serde(default)]
    pub skip: Skip,
}

/// What is never built.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skip {
    /// Chunks without any land.
    #[default]
    Ocean,
    /// Nothing: everything is built.
    None,
    /// Chunks outside of the polygons of a `GeoJSON` object in degrees. Where
    /// people write it is the path of a file, which is read when the cube is
    /// created: a cube holds the object itself.
    Outside(serde_json::Value),
}

/// `[time]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRecipe {
    /// First day of the first step.
    pub start: NaiveDate,
    /// A day of the last step.
    pub end: NaiveDate,
    /// Length of a step.
    #[serde(default = "default_period")]
    pub period: Period,
}

/// `[source]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRecipe {
    /// Root URL of a STAC API, or path or URL of an `ItemCollection` or a static
    /// catalog.
    pub stac: String,
    /// Collection to search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// How the archive names, scales and guards its assets; by default what
    /// the address, the collection and the items tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<SourceProfile>,
    /// The cube's bands.
    pub bands: Vec<Band>,
    /// Which pixels of a scene are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskRecipe>,
    /// Passed to the API as its `query` parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<serde_json::Map<String, serde_json::Value>>,
    /// What valid digital numbers are multiplied by, in place of what the
    /// profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<PerBand>,
    /// What is added then, in digital numbers, in place of what the metadata
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<PerBand>,
}

/// The archive or product that scenes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceProfile {
    /// Earth Search.
    EarthSearch,
    /// The Planetary Computer, whose images need a signature.
    PlanetaryComputer,
    /// Harmonized Landsat and Sentinel-2.
    Hls,
    /// Landsat Collection 2 Level 2.
    LandsatC2,
    /// Any other: bands are the keys of assets.
    Generic,
}

/// One number for all bands, or some for some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number, or a table of numbers by band")]
pub enum PerBand {
    /// The same for all.
    All(f64),
    /// By band; nothing is said of those not named.
    ByBand(BTreeMap<String, f64>),
}

impl PerBand {
    /// The number for a band.
    #[must_use]
    pub fn of(&self, band: &str) -> Option<f64> {
        match self {
            Self::All(number) => Some(*number),
            Self::ByBand(map) => map.get(band).copied(),
        }
    }
}

/// A band: its name, by which its asset is found unless that is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a name, or a table of `name` and `asset`")]
pub enum Band {
    /// The asset of this key, or else the one that the profile knows by this
    /// common name.
    Named(String),
    /// A name of our own.
    Renamed {
        /// The variable in the cube.
        name: String,
        /// The asset of an item.
        asset: String,
    },
}

impl Band {
    /// The variable in the cube.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) | Self::Renamed { name, .. } => name,
        }
    }

    /// The key of its asset, where it is given.
    #[must_use]
    pub fn asset(&self) -> Option<&str> {
        match self {
            Self::Named(_) => None,
            Self::Renamed { asset, .. } => Some(asset),
        }
    }
}

/// `[composite]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeRecipe {
    /// How the observations of a time step become one value.
    #[serde(default)]
    pub rule: Reducer<String>,
    /// How a scene is put on the grid: one method, or one for each band.
    #[serde(default)]
    pub resampling: BandResampling,
}

/// One resampling for all bands, or some for some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "one of nearest, bilinear, cubic, average, mode and antialiased, or a table of these by band"
)]
pub enum BandResampling {
    /// The same for all.
    All(Kernel),
    /// By band; bilinear for those not named.
    ByBand(BTreeMap<String, Kernel>),
}

impl Default for BandResampling {
    fn default() -> Self {
        Self::All(Kernel::Bilinear)
    }
}

impl BandResampling {
    /// The method for a band.
    #[must_use]
    pub fn of(&self, band: &str) -> Kernel {
        match self {
            Self::All(resampling) => *resampling,
            Self::ByBand(map) => map.get(band).copied().unwrap_or(Kernel::Bilinear),
        }
    }
}

/// `[style]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleRecipe {
    /// One variable for a colormap, three for red, green and blue.
    #[serde(default)]
    pub variables: Vec<String>,
    /// `[[min, max]]` for all, or one pair a variable.
    #[serde(default)]
    pub rescale: Vec<[f64; 2]>,
    /// Colours of a single variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colormap_name: Option<String>,
}

fn default_crs() -> String {
    "EPSG:4326".to_owned()
}

fn default_chunk() -> usize {
    1200
}

fn default_inner_chunk() -> usize {
    300
}

fn default_period() -> Period {
    Period::Months(1)
}

impl Recipe {
    /// Reads a recipe from TOML. Values are checked by [`super::Cube::new`].
    ///
    /// # Errors
    /// With the line, and for an unknown key the nearest valid one.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        toml::from_str(text).map_err(|error| {
            RecipeError::Syntax(suggest::explain_unknown_field(&error.to_string()))
        })
    }

    /// Reads a recipe from JSON that somebody sent: one with the same keys as
    /// TOML's, that names no file of this machine.
    ///
    /// # Errors
    /// As [`Recipe::from_toml`], and for what would be a file.
    pub fn from_sent(document: serde_json::Value) -> Result<Self, RecipeError> {
        let recipe: Self = serde_json::from_value(document).map_err(|error| {
            RecipeError::Syntax(suggest::explain_unknown_field(&error.to_string()))
        })?;
        let stac = &recipe.source.stac;
        if !(stac.starts_with("https://") || stac.starts_with("http://")) {
            let reason = format!(
                "`{stac}` is no address: a recipe that is sent names an archive at http(s)://"
            );
            return Err(RecipeError::invalid("source.stac", reason));
        }
        if matches!(&recipe.grid.skip, Skip::Outside(region) if region.is_string()) {
            let reason =
                "a recipe that is sent holds the GeoJSON object itself and not a file's path";
            return Err(RecipeError::invalid("grid.skip.outside", reason));
        }
        Ok(recipe)
    }

    /// A hash of what changes pixels, which title, style, credit and the end of
    /// the time axis do not. Two cubes with the same hash, built from the same
    /// scenes, hold the same values.
    #[must_use]
    pub fn pixel_hash(&self) -> u64 {
        let grid = &self.grid;
        let source = &self.source;
        let mut text = serde_json::json!({
            "crs": grid.crs, "bounds": grid.bounds, "resolution": grid.resolution,
            "start": self.time.start, "period": self.time.period,
            "collection": source.collection, "bands": source.bands,
            "mask": source.mask, "query": source.query, "composite": self.composite,
        });
        // Only where they are given, so that older recipes keep their hash.
        if source.profile.is_some() || source.scale.is_some() || source.offset.is_some() {
            text["radiometry"] = serde_json::json!([source.profile, source.scale, source.offset]);
        }
        xxhash_rust::xxh3::xxh3_64(text.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cube::Cube, grid::Shape};

    const MINIMAL: &str = r#"
        [grid]
        bounds = [15.0, 45.06, 16.44, 46.95]
        resolution = 0.001
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "items.json"
        bands = ["red", { name = "infrared", asset = "nir" }]
    "#;

    fn cube(text: &str) -> Result<Cube, RecipeError> {
        Recipe::from_toml(text).and_then(Cube::new)
    }

    #[track_caller]
    fn refuse(from: &str, to: &str, expected: &[&str]) {
        assert!(MINIMAL.contains(from), "{from}");
        let message = cube(&MINIMAL.replace(from, to)).unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{message:?} should say {part:?}");
        }
    }

    #[test]
    fn a_minimal_recipe_has_sensible_defaults() {
        let cube = cube(MINIMAL).unwrap();
        let grid = cube.pyramid().base();
        assert_eq!(
            grid.shape,
            Shape {
                rows: 1890,
                cols: 1440
            }
        );
        assert_eq!((cube.pyramid().chunk(), cube.inner_chunk()), (1200, 300));
        assert_eq!(cube.pyramid().levels().len(), 4);
        assert_eq!(
            cube.variables().collect::<Vec<_>>(),
            ["red", "infrared", "count"]
        );
        assert_eq!(
            cube.recipe().composite.resampling.of("red"),
            Kernel::Bilinear
        );
    }

    #[test]
    fn a_typo_names_the_key_and_the_nearest_valid_one() {
        refuse(
            "resolution",
            "resolutoin",
            &["resolutoin", "did you mean `resolution`?"],
        );
        refuse(
            "[source]",
            "[soruce]",
            &["soruce", "did you mean `source`?"],
        );
        refuse("stac =", "stack =", &["stack", "did you mean `stac`?"]);
    }

    #[test]
    fn a_recipe_that_is_sent_names_no_file() {
        let of = |stac: &str, skip: serde_json::Value| {
            let mut document = serde_json::to_value(Recipe::from_toml(MINIMAL).unwrap()).unwrap();
            document["source"]["stac"] = stac.into();
            document["grid"]["skip"] = skip;
            Recipe::from_sent(document).map_err(|error| error.to_string())
        };
        let ring = serde_json::json!({"outside": {"type": "Polygon", "coordinates": []}});
        assert!(of("https://example.org/stac", ring).is_ok());
        for (stac, skip, key) in [
            ("/etc/passwd", "none".into(), "source.stac"),
            ("file:///etc/passwd", "none".into(), "source.stac"),
            (
                "https://example.org",
                serde_json::json!({"outside": "/etc/passwd"}),
                "grid.skip.outside",
            ),
            ("https://example.org", "nothing".into(), "unknown variant"),
        ] {
            let error = of(stac, skip).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_value_that_makes_no_cube_is_refused_by_key_and_reason() {
        refuse(
            "[15.0, 45.06, 16.44, 46.95]",
            "[16.44, 45.06, 15.0, 46.95]",
            &["grid.bounds", "west < east"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = -1.0",
            &["grid.resolution", "positive"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = 1e-12",
            &["grid.resolution", "at most"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = 0.001\nchunk = 333",
            &["grid.chunk", "even"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = 0.001\ninner_chunk = 700",
            &["grid.inner_chunk", "divide"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = 0.001\nlevels = 40",
            &["grid.levels", "1 to 12"],
        );
        refuse(
            "resolution = 0.001",
            "resolution = 0.001\ncrs = 'EPSG:25833'",
            &["grid.crs", "EPSG:25833", "EPSG:32601 to EPSG:32660"],
        );
        refuse("2023-08-31", "2023-07-31", &["time", "before the start"]);
        refuse(
            r#"["red", "#,
            r#"["red", "red", "#,
            &["source.bands", "twice"],
        );
        refuse(r#"["red", "#, r#"["count", "#, &["source.bands", "count"]);
        refuse(r#"["red", "#, r#"["a/b", "#, &["source.bands", "a/b"]);
        refuse(
            "[source]",
            "[source]\nprofile = 'earth-serach'",
            &["profile", "earth-search"],
        );
        refuse(
            "[source]",
            "[source]\nscale = { red = 0.0 }",
            &["source.scale", "positive"],
        );
        refuse(
            "[source]",
            "[source]\noffset = { reed = -1000 }",
            &["source.offset", "did you mean `red`?"],
        );
        refuse(
            "[source]",
            "[source]\noffset = inf",
            &["source.offset", "finite"],
        );
        refuse(
            "[source]",
            "[style]\nvariables = ['rad']\n[source]",
            &["style.variables", "did you mean `red`?"],
        );
        refuse(
            "[source]",
            "[composite]\nresampling = 'bicubic'\n[source]",
            &["resampling", "cubic, average, mode and antialiased"],
        );
        refuse(
            "[source]",
            "[composite]\nrule = { greatest = ['nir', 'red'] }\n[source]",
            &["composite.rule", "no band `nir`"],
        );
        refuse(
            "[source]",
            "[composite]\nresampling = { reed = 'nearest' }\n[source]",
            &["composite.resampling", "`red`"],
        );
        refuse(
            r#"["red", "#,
            r#"["scl", "#,
            &["composite.resampling", "classes", "scl = \"nearest\""],
        );
    }

    #[track_caller]
    fn refuse_grid(crs: &str, bounds: &str, resolution: &str, expected: &[&str]) {
        let grid = format!("bounds = {bounds}\ncrs = '{crs}'\nresolution = {resolution}");
        let text = MINIMAL
            .replace("bounds = [15.0, 45.06, 16.44, 46.95]", "")
            .replace("resolution = 0.001", &grid);
        let message = cube(&text).unwrap_err().to_string();
        for part in expected {
            assert!(message.contains(part), "{message:?} should say {part:?}");
        }
    }

    #[test]
    fn a_grid_that_its_reference_system_does_not_bear_is_refused_with_what_it_would() {
        let metres = &["grid.bounds", "EPSG:32633", "metres"];
        refuse_grid("EPSG:32633", "[15.0, 45.06, 16.44, 46.95]", "10", metres);
        refuse_grid("EPSG:32633", "[0, 0, 9e6, 1e6]", "10", metres);
        refuse_grid(
            "EPSG:32733",
            "[4e5, 0, 5e5, 1e6]",
            "10",
            &["500000", "19500000"],
        );
        refuse_grid("EPSG:3035", "[4e6, 3e6, 5e6, 8e6]", "10", &["7000000"]);
        refuse_grid("EPSG:3857", "[0, 0, 20037509, 1e6]", "10", &["20037508"]);
        refuse_grid("EPSG:3857", "[2e6, 0, 1e6, 1e6]", "10", &["west < east"]);
        refuse_grid("EPSG:3857", "[0, 0, 1e6, 1e6]", "-1", &["number of metres"]);
        refuse_grid("EPSG:3857", "[0, 0, 1e6, 1e6]", "2e5", &["100000"]);
        let antimeridian = &["grid.bounds", "antimeridian", "EPSG:32660"];
        refuse_grid("EPSG:4326", "[179, -17, -179, -16]", "0.001", antimeridian);
    }

    #[test]
    fn a_grid_may_be_in_metres_and_has_axes_of_its_own() {
        let text = MINIMAL
            .replace(
                "[15.0, 45.06, 16.44, 46.95]",
                "[499980, 4990200, 609780, 5100000]",
            )
            .replace("resolution = 0.001", "resolution = 20\ncrs = 'EPSG:32633'");
        let whole = cube(&text).unwrap();
        let base = whole.pyramid().base();
        assert_eq!(base.crs, crate::grid::Epsg(32633));
        assert_eq!((base.shape.rows, base.shape.cols), (5490, 5490));
        assert_eq!(whole.system().axes().map(|axis| axis.name), ["y", "x"]);
        let message = cube(&text.replace("\"red\"", "\"x\""))
            .unwrap_err()
            .to_string();
        assert!(message.contains("`x`"), "{message}");
    }

    #[test]
    fn the_pixel_hash_follows_what_changes_pixels_and_nothing_else() {
        let of = |text: &str| Recipe::from_toml(text).unwrap().pixel_hash();
        let base = of(MINIMAL);
        assert_eq!(base, of(&format!("title = 'Zagreb'\n{MINIMAL}")));
        assert_eq!(base, of(&MINIMAL.replace("2023-08-31", "2023-12-31")));
        let masked = |keys: &str| of(&format!("{MINIMAL}\nmask = {{ asset = 'scl'{keys} }}"));
        assert_ne!(base, masked(""));
        assert_ne!(masked(""), masked(", profile = 'scl-strict'"));
        assert_ne!(masked(""), masked(", dilation = 1"));
        assert_ne!(masked(""), masked(", nodata = [255]"));
        let dropped = |keys: &str| masked(&format!(", drop = [{{ bits = [3]{keys} }}]"));
        assert_ne!(masked(""), dropped(""));
        assert_ne!(dropped(""), dropped(", opening = 1"));
        assert_ne!(base, of(&MINIMAL.replace("0.001", "0.002")));
        let source = |key: &str| of(&format!("{MINIMAL}\n{key}"));
        let changed = [
            base,
            source("profile = 'generic'"),
            source("offset = -1000"),
            source("offset = { red = -1000 }"),
            source("scale = 2"),
        ];
        let distinct: std::collections::BTreeSet<u64> = changed.into();
        assert_eq!(distinct.len(), changed.len());
    }

    #[test]
    fn bands_may_have_scale_and_offset_together_or_apart() {
        let text = format!(
            "{MINIMAL}\nprofile = 'landsat-c2'\nscale = 2\noffset = {{ infrared = -0.5 }}\nmask = {{}}"
        );
        let source = Recipe::from_toml(&text).unwrap().source;
        assert_eq!(source.profile, Some(SourceProfile::LandsatC2));
        let of = |numbers: &Option<PerBand>, band| numbers.as_ref().and_then(|n| n.of(band));
        assert_eq!(of(&source.scale, "red"), Some(2.0));
        assert_eq!(of(&source.offset, "red"), None);
        assert_eq!(of(&source.offset, "infrared"), Some(-0.5));
        assert_eq!(source.mask.unwrap().asset, None);
        assert_eq!(source.bands[0].asset(), None);
        assert_eq!(source.bands[1].asset(), Some("nir"));
    }

    #[test]
    fn a_recipe_survives_its_storage_as_json() {
        let recipe = Recipe::from_toml(MINIMAL).unwrap();
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
    }

    #[test]
    fn a_time_axis_only_grows() {
        let cube = cube(MINIMAL).unwrap();
        let longer = cube.extended("2023-10-15".parse().unwrap()).unwrap();
        assert_eq!(longer.times().len(), 3);
        assert!(cube.extended("2023-07-31".parse().unwrap()).is_err());
    }
}
