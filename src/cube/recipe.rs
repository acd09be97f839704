//! The recipe: how a cube is laid out and how a missing chunk of it is built.
//! Written by people as TOML, stored in the cube as JSON.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{COUNT, Period, TimeAxis};
use crate::{
    grid::{Epsg, GeoTransform, Grid, Pyramid, Shape},
    raster::{MaskProfile, Resampling},
    suggest,
};

/// The widest grid, in cells a side: 3 m over the whole Earth.
const MAX_SIDE: f64 = 16_000_000.0;
/// The largest chunk side: 32 MiB a band.
const MAX_CHUNK: usize = 4096;
/// The most bands that a cube has.
const MAX_BANDS: usize = 64;

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
    pub(super) fn invalid(key: &'static str, reason: impl Into<String>) -> Self {
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
    /// The coordinate reference system; `EPSG:4326` for now.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skip {
    /// Chunks without any land.
    #[default]
    Ocean,
    /// Nothing: everything is built.
    None,
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
    /// The cube's bands.
    pub bands: Vec<Band>,
    /// Which pixels of a scene are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskRecipe>,
    /// Passed to the API as its `query` parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A band: its name, which is also the asset's unless that is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Band {
    /// Name and asset alike.
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

    /// The asset of an item.
    #[must_use]
    pub fn asset(&self) -> &str {
        match self {
            Self::Named(asset) | Self::Renamed { asset, .. } => asset,
        }
    }
}

/// `[source.mask]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskRecipe {
    /// The asset that holds the classes.
    pub asset: String,
    /// Which classes are used.
    #[serde(default)]
    pub profile: MaskProfile,
}

/// `[composite]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeRecipe {
    /// How the observations of a time step become one value.
    #[serde(default)]
    pub rule: Rule,
    /// How a scene is put on the grid: one method, or one for each band.
    #[serde(default)]
    pub resampling: BandResampling,
}

/// How the observations of a time step become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The median; of an even number the mean of the middle two, rounded half up.
    #[default]
    Median,
}

/// One resampling for all bands, or some for some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BandResampling {
    /// The same for all.
    All(Resampling),
    /// By band; bilinear for those not named.
    ByBand(BTreeMap<String, Resampling>),
}

impl Default for BandResampling {
    fn default() -> Self {
        Self::All(Resampling::Bilinear)
    }
}

impl BandResampling {
    /// The method for a band.
    #[must_use]
    pub fn of(&self, band: &str) -> Resampling {
        match self {
            Self::All(resampling) => *resampling,
            Self::ByBand(map) => map.get(band).copied().unwrap_or(Resampling::Bilinear),
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

    /// The grid with its overviews, and the time axis.
    pub(super) fn check(&self) -> Result<(Pyramid, TimeAxis), RecipeError> {
        let pyramid = self.grid.pyramid()?;
        let times = TimeAxis::new(self.time.start, self.time.end, self.time.period)
            .map_err(|error| RecipeError::invalid("time", error.to_string()))?;
        self.check_bands()?;
        self.check_style()?;
        Ok((pyramid, times))
    }

    fn check_bands(&self) -> Result<(), RecipeError> {
        let bands = &self.source.bands;
        let bad = |reason: String| Err(RecipeError::invalid("source.bands", reason));
        if bands.is_empty() || bands.len() > MAX_BANDS {
            return bad(format!(
                "a cube has 1 to {MAX_BANDS} bands, not {}",
                bands.len()
            ));
        }
        for (n, band) in bands.iter().enumerate() {
            let name = band.name();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return bad(format!(
                    "`{name}` is no variable name: use letters, digits, _ and -"
                ));
            }
            if [
                COUNT,
                "time",
                "time_bnds",
                "latitude",
                "longitude",
                "spatial_ref",
            ]
            .contains(&name)
            {
                return bad(format!("`{name}` is a name that every cube has already"));
            }
            if bands[..n].iter().any(|other| other.name() == name) {
                return bad(format!("`{name}` stands there twice"));
            }
        }
        if let BandResampling::ByBand(map) = &self.composite.resampling {
            self.known_variables("composite.resampling", map.keys(), false)?;
        }
        Ok(())
    }

    fn check_style(&self) -> Result<(), RecipeError> {
        let style = &self.style;
        self.known_variables("style.variables", &style.variables, true)?;
        if !matches!(style.variables.len(), 0 | 1 | 3) {
            return Err(RecipeError::invalid(
                "style.variables",
                format!("one variable or three, not {}", style.variables.len()),
            ));
        }
        let pairs = style.rescale.len();
        if pairs > 1 && pairs != style.variables.len() {
            return Err(RecipeError::invalid(
                "style.rescale",
                format!(
                    "one pair, or one for each of the {} variables",
                    style.variables.len()
                ),
            ));
        }
        let ordered = |[min, max]: &[f64; 2]| min.is_finite() && max.is_finite() && min < max;
        match style.rescale.iter().find(|pair| !ordered(pair)) {
            Some([min, max]) => Err(RecipeError::invalid(
                "style.rescale",
                format!("[{min}, {max}] must rise"),
            )),
            None => Ok(()),
        }
    }

    fn known_variables<'a>(
        &self,
        key: &'static str,
        names: impl IntoIterator<Item = &'a String>,
        with_count: bool,
    ) -> Result<(), RecipeError> {
        let bands = || self.source.bands.iter().map(Band::name);
        for name in names {
            if !(bands().any(|band| band == name) || with_count && name == COUNT) {
                let hint = suggest::nearest(name, bands())
                    .map_or_else(String::new, |best| format!("; did you mean `{best}`?"));
                return Err(RecipeError::invalid(
                    key,
                    format!("there is no band `{name}`{hint}"),
                ));
            }
        }
        Ok(())
    }

    /// A hash of what changes pixels, which title, style, credit and the end of
    /// the time axis do not. Two cubes with the same hash, built from the same
    /// scenes, hold the same values.
    #[must_use]
    pub fn pixel_hash(&self) -> u64 {
        let grid = &self.grid;
        let source = &self.source;
        let text = serde_json::json!({
            "crs": grid.crs, "bounds": grid.bounds, "resolution": grid.resolution,
            "start": self.time.start, "period": self.time.period,
            "collection": source.collection, "bands": source.bands,
            "mask": source.mask, "query": source.query, "composite": self.composite,
        });
        xxhash_rust::xxh3::xxh3_64(text.to_string().as_bytes())
    }
}

impl GridRecipe {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the sides are checked to be at most MAX_SIDE"
    )]
    fn pyramid(&self) -> Result<Pyramid, RecipeError> {
        if self.crs != "EPSG:4326" {
            return Err(RecipeError::invalid(
                "grid.crs",
                format!("`{}` is not supported yet, only EPSG:4326", self.crs),
            ));
        }
        let [west, south, east, north] = self.bounds;
        let on_earth = (-180.0..=180.0).contains(&west)
            && (-180.0..=180.0).contains(&east)
            && (-90.0..=90.0).contains(&south)
            && (-90.0..=90.0).contains(&north);
        if !(on_earth && west < east && south < north) {
            return Err(RecipeError::invalid(
                "grid.bounds",
                format!(
                    "[{west}, {south}, {east}, {north}] is no rectangle: write [west, south, east, north] in degrees, west < east, south < north"
                ),
            ));
        }
        let resolution = self.resolution;
        if !(resolution.is_finite() && resolution > 0.0) {
            return Err(RecipeError::invalid(
                "grid.resolution",
                format!("{resolution} is no cell size: a positive number of degrees"),
            ));
        }
        // Decimal bounds seldom divide exactly: a millionth of a cell is no cell.
        let cells = |length: f64| (length / resolution - 1e-6).ceil().max(1.0);
        let (rows, cols) = (cells(north - south), cells(east - west));
        if rows > MAX_SIDE || cols > MAX_SIDE {
            return Err(RecipeError::invalid(
                "grid.resolution",
                format!("{resolution} makes {cols} x {rows} cells; a side has at most {MAX_SIDE}"),
            ));
        }
        let shape = Shape {
            rows: rows as usize,
            cols: cols as usize,
        };
        self.check_chunks()?;
        let levels = self
            .levels
            .unwrap_or_else(|| Pyramid::levels_until(shape, self.inner_chunk));
        let most = Pyramid::levels_until(shape, 1);
        if !(1..=most).contains(&levels) {
            return Err(RecipeError::invalid(
                "grid.levels",
                format!("{levels}: this grid has 1 to {most} levels"),
            ));
        }
        let base = Grid {
            crs: Epsg::WGS84,
            transform: GeoTransform {
                origin_x: west,
                origin_y: north,
                cell_width: resolution,
                cell_height: -resolution,
            },
            shape,
        };
        Ok(Pyramid::new(base, levels, self.chunk))
    }

    fn check_chunks(&self) -> Result<(), RecipeError> {
        let (chunk, inner) = (self.chunk, self.inner_chunk);
        if !(chunk.is_multiple_of(2) && (16..=MAX_CHUNK).contains(&chunk)) {
            return Err(RecipeError::invalid(
                "grid.chunk",
                format!(
                    "{chunk}: an even number from 16 to {MAX_CHUNK}, so that four chunks make one of the next level"
                ),
            ));
        }
        if !(inner >= 8 && chunk.is_multiple_of(inner)) {
            return Err(RecipeError::invalid(
                "grid.inner_chunk",
                format!("{inner} must divide the chunk, {chunk}, and be at least 8"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::Cube;

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
            Resampling::Bilinear
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
            "resolution = 0.001\ncrs = 'EPSG:32633'",
            &["grid.crs", "EPSG:4326"],
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
            "[style]\nvariables = ['rad']\n[source]",
            &["style.variables", "did you mean `red`?"],
        );
        refuse(
            "[source]",
            "[composite]\nresampling = { reed = 'nearest' }\n[source]",
            &["composite.resampling", "`red`"],
        );
    }

    #[test]
    fn the_pixel_hash_follows_what_changes_pixels_and_nothing_else() {
        let of = |text: &str| Recipe::from_toml(text).unwrap().pixel_hash();
        let base = of(MINIMAL);
        assert_eq!(base, of(&format!("title = 'Zagreb'\n{MINIMAL}")));
        assert_eq!(base, of(&MINIMAL.replace("2023-08-31", "2023-12-31")));
        assert_ne!(base, of(&format!("{MINIMAL}\nmask = {{ asset = 'scl' }}")));
        assert_ne!(base, of(&MINIMAL.replace("0.001", "0.002")));
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
