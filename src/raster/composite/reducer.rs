//! The rules by which observations become one value.

use serde::{Deserialize, Serialize};

/// How the valid observations of a pixel become one value a band. Every rule
/// gives the same for the same observations in another order. `B` says which
/// band: its name where people write, its index where samples are.
///
/// In TOML: `"median"`, `"mean"`, `"medoid"`, `"geomedian"`,
/// `{ percentile = 25 }`, `{ greatest = ["nir", "red"] }`,
/// `{ least = ["nir", "red"] }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reducer<B = usize> {
    /// The median of each band; of an even number the mean of the middle two,
    /// rounded half up.
    #[default]
    Median,
    /// The mean of each band, rounded half up.
    Mean,
    /// The observation with the least sum of Euclidean distances to all the
    /// others, over the bands.
    Medoid,
    /// The point with the least sum of Euclidean distances to the
    /// observations, over the bands.
    Geomedian,
    /// A percentile of each band, in proportion between two values, rounded
    /// half up.
    Percentile(Percentile),
    /// The observation whose normalised difference `(a - b) / (a + b)` of two
    /// bands is the greatest.
    Greatest([B; 2]),
    /// The observation whose normalised difference `(a - b) / (a + b)` of two
    /// bands is the least.
    Least([B; 2]),
}

impl<B> Reducer<B> {
    /// The bands that the rule compares.
    #[must_use]
    pub fn bands(&self) -> &[B] {
        match self {
            Self::Greatest(bands) | Self::Least(bands) => bands,
            Self::Median | Self::Mean | Self::Medoid | Self::Geomedian | Self::Percentile(_) => &[],
        }
    }

    /// The same rule with its bands said another way; `None` if one of them
    /// cannot be.
    #[must_use]
    pub fn map_bands<C>(&self, mut band: impl FnMut(&B) -> Option<C>) -> Option<Reducer<C>> {
        let mut both = |[a, b]: &[B; 2]| Some([band(a)?, band(b)?]);
        Some(match self {
            Self::Median => Reducer::Median,
            Self::Mean => Reducer::Mean,
            Self::Medoid => Reducer::Medoid,
            Self::Geomedian => Reducer::Geomedian,
            Self::Percentile(percentile) => Reducer::Percentile(*percentile),
            Self::Greatest(bands) => Reducer::Greatest(both(bands)?),
            Self::Least(bands) => Reducer::Least(both(bands)?),
        })
    }
}

/// A whole number of hundredths, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percentile(u8);

/// Why a number is no percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no percentile: a whole number from 0 to 100")]
pub struct PercentileError(u8);

impl Percentile {
    /// The one in the middle.
    pub const MEDIAN: Self = Self(50);

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Percentile {
    type Error = PercentileError;

    fn try_from(percent: u8) -> Result<Self, PercentileError> {
        if percent > 100 {
            return Err(PercentileError(percent));
        }
        Ok(Self(percent))
    }
}

impl From<Percentile> for u8 {
    fn from(percentile: Percentile) -> Self {
        percentile.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Table {
        rule: Reducer<String>,
    }

    #[test]
    fn rules_are_written_as_words_or_as_tables_of_one_key() {
        let pair = ["nir".to_owned(), "red".to_owned()];
        for (text, rule) in [
            ("'median'", Reducer::Median),
            ("'mean'", Reducer::Mean),
            ("'medoid'", Reducer::Medoid),
            ("'geomedian'", Reducer::Geomedian),
            ("{ percentile = 25 }", Reducer::Percentile(Percentile(25))),
            (
                "{ greatest = ['nir', 'red'] }",
                Reducer::Greatest(pair.clone()),
            ),
            ("{ least = ['nir', 'red'] }", Reducer::Least(pair)),
        ] {
            let table = Table { rule };
            let read: Table = toml::from_str(&format!("rule = {text}")).unwrap();
            assert_eq!(read, table);
            let written = serde_json::to_string(&table).unwrap();
            assert_eq!(serde_json::from_str::<Table>(&written).unwrap(), table);
        }
    }

    #[test]
    fn a_percentile_beyond_100_is_refused_with_what_would_be_right() {
        let read = toml::from_str::<Table>("rule = { percentile = 101 }");
        let message = read.unwrap_err().to_string();
        assert!(
            message.contains("101 is no percentile: a whole number from 0 to 100"),
            "{message}"
        );
    }

    #[test]
    fn bands_by_name_become_bands_by_index() {
        let bands = ["red", "nir"];
        let index = |name: &&str| bands.iter().position(|band| band == name);
        let rule = Reducer::Greatest(["nir", "red"]);
        assert_eq!(rule.map_bands(index), Some(Reducer::Greatest([1, 0])));
        assert_eq!(Reducer::Least(["nir", "swir"]).map_bands(index), None);
    }
}
