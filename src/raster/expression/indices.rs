//! Indices by name: `ndvi` for `(nir-red)/(nir+red)`.
//!
//! Formulas are those of the literature that each line names, over bands by their common
//! names in STAC. Where a formula has a constant that is a reflectance, bands count as
//! reflectance times 10,000, as the profiles of archives store it.

use super::{Expression, Step, parse};

/// Name, formula and the range in which it is mostly shown.
const INDICES: [(&str, &str, [f64; 2]); 12] = [
    // Rouse et al. 1974.
    ("ndvi", "(nir-red)/(nir+red)", [-1.0, 1.0]),
    // Gitelson et al. 1996.
    ("gndvi", "(nir-green)/(nir+green)", [-1.0, 1.0]),
    // Gitelson and Merzlyak 1994.
    ("ndre", "(nir-rededge)/(nir+rededge)", [-1.0, 1.0]),
    // McFeeters 1996.
    ("ndwi", "(green-nir)/(green+nir)", [-1.0, 1.0]),
    // Xu 2006.
    ("mndwi", "(green-swir16)/(green+swir16)", [-1.0, 1.0]),
    // Gao 1996.
    ("ndmi", "(nir-swir16)/(nir+swir16)", [-1.0, 1.0]),
    // Key and Benson 1999.
    ("nbr", "(nir-swir22)/(nir+swir22)", [-1.0, 1.0]),
    // Hall et al. 1995.
    ("ndsi", "(green-swir16)/(green+swir16)", [-1.0, 1.0]),
    // Zha et al. 2003.
    ("ndbi", "(swir16-nir)/(swir16+nir)", [-1.0, 1.0]),
    // Huete et al. 2002.
    (
        "evi",
        "2.5*(nir-red)/(nir+6*red-7.5*blue+10000)",
        [-1.0, 1.0],
    ),
    // Jiang et al. 2008.
    ("evi2", "2.5*(nir-red)/(nir+2.4*red+10000)", [-1.0, 1.0]),
    // Huete 1988, with a soil factor of a half.
    ("savi", "1.5*(nir-red)/(nir+red+5000)", [-1.0, 1.0]),
];

/// Other names under which cubes have a band, after its own.
const OTHERS: [(&str, &[&str]); 4] = [
    ("nir", &["nir08"]),
    ("rededge", &["rededge071", "rededge1"]),
    ("swir16", &["swir1"]),
    ("swir22", &["swir2"]),
];

impl Expression {
    /// The names of indices.
    pub fn indices() -> impl Iterator<Item = &'static str> {
        INDICES.iter().map(|(name, ..)| *name)
    }

    /// The same with the formula of each index in place of its name, unless it is a
    /// variable's: `is_variable` tells that.
    #[must_use]
    pub fn with_indices(&self, is_variable: impl Fn(&str) -> bool) -> Self {
        let mut all = Self {
            text: self.text.clone(),
            variables: Vec::new(),
            steps: Vec::new(),
            range: None,
        };
        for step in &self.steps {
            let Step::Variable(place) = step else {
                all.steps.push(*step);
                continue;
            };
            let name = &self.variables[*place];
            let index = INDICES.iter().find(|(index, ..)| index == name);
            // Of the table's own formulas none is wrong, as a test has it.
            let parsed = index
                .filter(|_| !is_variable(name))
                .and_then(|(_, formula, range)| Some((parse::parse(formula).ok()?, *range)));
            let Some(((bands, steps), range)) = parsed else {
                all.push(name);
                continue;
            };
            all.range = (self.steps.len() == 1).then_some(range);
            for step in steps {
                if let Step::Variable(band) = step {
                    all.push(stored(&bands[band], &is_variable));
                } else {
                    all.steps.push(step);
                }
            }
        }
        all
    }

    /// The range in which its values mostly are, where it is an index and nothing else.
    #[must_use]
    pub fn range(&self) -> Option<[f64; 2]> {
        self.range
    }

    fn push(&mut self, name: &str) {
        let known = self.variables.iter().position(|known| known == name);
        let place = known.unwrap_or(self.variables.len());
        if known.is_none() {
            self.variables.push(name.to_owned());
        }
        self.steps.push(Step::Variable(place));
    }
}

/// The name under which a cube has a band; its own if it has not.
fn stored<'a>(band: &'a str, is_variable: &impl Fn(&str) -> bool) -> &'a str {
    let others = OTHERS.iter().find(|(name, _)| *name == band);
    let others = others.map_or(&[][..], |(_, others)| others);
    let found = others.iter().find(|other| is_variable(other));
    found
        .filter(|_| !is_variable(band))
        .map_or(band, |other| other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{grid::Shape, raster::Raster};

    fn value(text: &str, bands: &[(&str, u16)]) -> f32 {
        let is_variable = |name: &str| bands.iter().any(|(band, _)| *band == name);
        let expression = Expression::parse(text).unwrap().with_indices(is_variable);
        let raster = |name: &String| {
            let (_, sample) = bands.iter().find(|(band, _)| band == name).unwrap();
            Raster::filled(Shape { rows: 1, cols: 1 }, *sample)
        };
        let rasters: Vec<_> = expression.variables().iter().map(raster).collect();
        expression.of(&rasters, 0).data[0]
    }

    #[test]
    fn the_name_of_an_index_is_its_formula_alone_or_in_a_larger_one() {
        let bands = [("red", 1000), ("nir", 3000), ("blue", 500), ("swir1", 2000)];
        // Each by the formula with reflectances as floats: 0.1, 0.3, 0.05, 0.2.
        for (text, expected) in [
            ("ndvi", 0.5),
            ("1-2*ndvi", 0.0),
            ("ndvi/nir*3000", 0.5),
            ("evi", 2.5 * 0.2 / (0.3 + 0.6 - 0.375 + 1.0)),
            ("savi", 1.5 * 0.2 / 0.9),
            ("ndmi", 0.2),
        ] {
            let found = value(text, &bands);
            assert!((found - expected).abs() < 1e-6, "{text}: {found}");
        }
    }

    #[test]
    fn a_variable_of_that_name_comes_first() {
        assert!((value("ndvi", &[("ndvi", 7), ("red", 1), ("nir", 1)]) - 7.0).abs() < 1e-6);
    }

    #[test]
    fn only_an_index_by_itself_has_a_range() {
        let of = |text: &str| Expression::parse(text).unwrap().with_indices(|_| false);
        assert_eq!(of("ndvi").range(), Some([-1.0, 1.0]));
        assert_eq!(of("ndvi+1").range(), None);
        assert_eq!(of("red").range(), None);
        assert_eq!(of("ndvi").variables(), ["nir", "red"]);
        assert_eq!(of("ndvi").to_string(), "ndvi");
    }

    #[test]
    fn every_formula_of_the_table_is_an_expression() {
        for (name, formula, _) in INDICES {
            assert!(Expression::parse(formula).is_ok(), "{name}");
        }
    }
}
