//! What `TiTiler` calls algorithms: values computed of the values of a picture, before
//! they are shown.
//!
//! Formulas and parameters are those of `titiler.core.algorithm` 2.4. A pixel without data
//! has none afterwards, and where a formula looks at neighbours, neither has one whose
//! neighbour is missing. Sums of channels do not overflow the type of the samples, as they
//! do there.

mod bands;
mod parameters;
mod terrain;

use crate::raster::Raster;

pub use self::parameters::AlgorithmError;

use self::{
    bands::Across,
    parameters::Parameters,
    terrain::{Contours, Relief, TerrainRgb},
};

/// What bytes can show.
const BYTES: [f64; 2] = [0.0, 255.0];

/// An algorithm with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Algorithm {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Light from one side.
    Hillshade {
        /// The heights.
        relief: Relief,
        /// Where the light comes from, in degrees.
        azimuth: f64,
        /// How high it is, in degrees.
        altitude: f64,
    },
    /// Degrees of slope.
    Slope(Relief),
    /// Lines of equal height over colours of height.
    Contours(Contours),
    /// Of two variables.
    NormalizedIndex,
    /// Heights in three bytes.
    Terrarium {
        /// The height where there is no data; without it, there is none.
        nodata_height: Option<f64>,
    },
    /// Heights in three bytes, in another way.
    TerrainRgb(TerrainRgb),
    /// Bytes, each cut to its last eight bits as numpy does it.
    Cast,
    /// The same, rounded up.
    Ceil,
    /// The same, rounded down.
    Floor,
    /// One value of all variables.
    Across(Across),
    /// Of red, green and blue.
    Grayscale,
    /// Black or white.
    Bitonal,
}

impl Algorithm {
    /// The names, in the order in which `TiTiler` lists them.
    pub const NAMES: [&str; 18] = [
        "hillshade",
        "slope",
        "contours",
        "normalizedIndex",
        "terrarium",
        "terrainrgb",
        "cast",
        "ceil",
        "floor",
        "min",
        "max",
        "median",
        "mean",
        "std",
        "var",
        "sum",
        "grayscale",
        "bitonal",
    ];

    /// The algorithm of a name, with parameters as a JSON object.
    ///
    /// # Errors
    /// If there is none, or its parameters are not what it takes.
    pub fn parse(name: &str, parameters: Option<&str>) -> Result<Self, AlgorithmError> {
        let known = Self::NAMES.iter().find(|known| **known == name);
        let name = *known.ok_or_else(|| AlgorithmError::Unknown {
            name: name.to_owned(),
        })?;
        let mut given = Parameters::parse(name, parameters)?;
        let kind = match name {
            "hillshade" => Kind::Hillshade {
                azimuth: given.whole("azimuth", 45, 0..=360)?,
                altitude: given.number("angle_altitude", 45.0, -90.0..=90.0)?,
                relief: Relief::of(&mut given)?,
            },
            "slope" => Kind::Slope(Relief::of(&mut given)?),
            "contours" => Kind::Contours(Contours::of(&mut given)?),
            "normalizedIndex" => Kind::NormalizedIndex,
            "terrarium" => Kind::Terrarium {
                nodata_height: given.optional("nodata_height", -99_999.0..=99_999.0)?,
            },
            "terrainrgb" => Kind::TerrainRgb(TerrainRgb::of(&mut given)?),
            "cast" => Kind::Cast,
            "ceil" => Kind::Ceil,
            "floor" => Kind::Floor,
            "grayscale" => Kind::Grayscale,
            "bitonal" => Kind::Bitonal,
            "min" => Kind::Across(Across::Min),
            "max" => Kind::Across(Across::Max),
            "median" => Kind::Across(Across::Median),
            "mean" => Kind::Across(Across::Mean),
            "std" => Kind::Across(Across::Std),
            "var" => Kind::Across(Across::Var),
            _ => Kind::Across(Across::Sum),
        };
        given.finish()?;
        Ok(Self { name, kind })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A text that is the same for equal algorithms.
    #[must_use]
    pub fn canonical(&self) -> String {
        format!("{self:?}")
    }

    /// How many variables come out of so many.
    ///
    /// # Errors
    /// If it is not made for so many.
    pub fn outputs(&self, inputs: usize) -> Result<usize, AlgorithmError> {
        let (takes, outputs): (&[usize], usize) = match &self.kind {
            Kind::Hillshade { .. } | Kind::Slope(_) => (&[1], 1),
            Kind::Contours(_) | Kind::Terrarium { .. } | Kind::TerrainRgb(_) => (&[1], 3),
            Kind::NormalizedIndex => (&[2], 1),
            Kind::Grayscale => (&[3], 1),
            Kind::Bitonal => (&[1, 3], 1),
            Kind::Cast | Kind::Ceil | Kind::Floor => (&[], inputs),
            Kind::Across(_) => (&[], 1),
        };
        if takes.is_empty() || takes.contains(&inputs) {
            return Ok(outputs);
        }
        let takes: Vec<String> = takes.iter().map(ToString::to_string).collect();
        Err(AlgorithmError::Inputs {
            takes: takes.join(" or "),
            given: inputs,
        })
    }

    /// What its values are shown in unless a request says otherwise; none where it is not
    /// known.
    #[must_use]
    pub fn range(&self) -> Option<[f64; 2]> {
        match &self.kind {
            Kind::Slope(_) => Some([0.0, 90.0]),
            Kind::NormalizedIndex => Some([-1.0, 1.0]),
            Kind::Across(_) | Kind::Grayscale => None,
            Kind::Hillshade { .. }
            | Kind::Contours(_)
            | Kind::Terrarium { .. }
            | Kind::TerrainRgb(_)
            | Kind::Cast
            | Kind::Ceil
            | Kind::Floor
            | Kind::Bitonal => Some(BYTES),
        }
    }

    /// Pixels on each side that it takes away.
    #[must_use]
    pub fn buffer(&self) -> usize {
        if let Kind::Hillshade { relief, .. } | Kind::Slope(relief) = &self.kind {
            relief.buffer
        } else {
            0
        }
    }

    /// Computes it for rasters of one shape, in which NaN is no data, and whose pixels have
    /// this width and height in the units of their system. Of each side
    /// [`Algorithm::buffer`] pixels are gone.
    ///
    /// # Panics
    /// If [`Algorithm::outputs`] refuses so many, or nothing but buffer is there.
    #[must_use]
    pub fn apply(&self, rasters: Vec<Raster<f32>>, cell: [f64; 2]) -> Vec<Raster<f32>> {
        let one = || &rasters[0];
        match &self.kind {
            Kind::Hillshade {
                relief,
                azimuth,
                altitude,
            } => vec![relief.shaded(one(), *azimuth, *altitude)],
            Kind::Slope(relief) => vec![relief.slopes(one(), cell)],
            Kind::Contours(contours) => contours.drawn(one()),
            Kind::Terrarium { nodata_height } => terrain::terrarium(one(), *nodata_height),
            Kind::TerrainRgb(encoding) => encoding.encoded(one()),
            Kind::NormalizedIndex => {
                let of = |values: &[f32]| (values[1] - values[0]) / (values[1] + values[0]);
                vec![bands::together(&rasters, |values| finite(of(values)))]
            }
            Kind::Across(across) => vec![across.of(&rasters)],
            Kind::Grayscale => vec![bands::together(&rasters, luma)],
            Kind::Bitonal => vec![bands::together(&rasters, |values| {
                let gray = if values.len() == 1 {
                    values[0]
                } else {
                    luma(values)
                };
                match gray {
                    gray if gray.is_nan() => gray,
                    gray if gray > 127.0 => 255.0,
                    _ => 0.0,
                }
            })],
            Kind::Cast => bytes(rasters, f32::trunc),
            Kind::Ceil => bytes(rasters, f32::ceil),
            Kind::Floor => bytes(rasters, f32::floor),
        }
    }
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { f32::NAN }
}

/// The luma of ITU-R 601-2.
fn luma(values: &[f32]) -> f32 {
    let [red, green, blue] = [values[0], values[1], values[2]].map(f64::from);
    #[expect(clippy::cast_possible_truncation, reason = "to the nearest f32")]
    let gray = (red * 299.0 / 1000.0 + green * 587.0 / 1000.0 + blue * 114.0 / 1000.0) as f32;
    gray
}

/// Whole numbers by their last eight bits.
fn bytes(mut rasters: Vec<Raster<f32>>, whole: fn(f32) -> f32) -> Vec<Raster<f32>> {
    for value in rasters.iter_mut().flat_map(|raster| &mut raster.data) {
        if !value.is_nan() {
            *value = whole(*value).rem_euclid(256.0);
        }
    }
    rasters
}

#[cfg(test)]
mod tests;
