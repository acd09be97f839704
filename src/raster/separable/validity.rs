//! Which samples are data.

use crate::raster::Sample;

/// Tells data from what is missing. NaN is always missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validity<T> {
    nodata: Option<T>,
}

impl<T: Sample> Validity<T> {
    /// All but one value, if there is such a one, and NaN.
    #[must_use]
    pub fn new(nodata: Option<T>) -> Self {
        Self { nodata }
    }

    /// Whether a sample is data.
    #[inline]
    #[must_use]
    #[expect(
        clippy::eq_op,
        reason = "NaN is the one value that does not equal itself"
    )]
    pub fn is_valid(&self, sample: T) -> bool {
        // Without a branch for each, so that loops over samples vectorise.
        (sample == sample) & self.nodata.is_none_or(|nodata| sample != nodata)
    }

    /// What is put where there is nothing: the nodata value, or NaN, or where
    /// the type has none 0, which then is not missing by itself
    /// ([`super::AxisTable::is_inside`]).
    #[must_use]
    pub fn fill(&self) -> T {
        self.nodata.unwrap_or_else(|| T::from_f64(f64::NAN))
    }
}
