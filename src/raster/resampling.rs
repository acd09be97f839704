//! How a value between samples is found, by the names that GDAL and its users
//! have for it.

/// How a value between samples is found: what GDAL's warper does under the same
/// name, with kernels as wide as where it does not shrink. A tile is made of a
/// level of which about two cells at most are side by side in a pixel, so that
/// wider ones would show little more.
///
/// A statistic is one of the valid cells of that level that a pixel covers,
/// and not of those at full resolution that they were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Resampling {
    /// The sample whose pixel holds the position. Classes are shown by this or by
    /// [`Resampling::Mode`].
    #[default]
    Nearest,
    /// Linear between the four nearest pixel centres, over the valid ones.
    Bilinear,
    /// Catmull-Rom convolution of the 4 x 4 nearest pixel centres; bilinear
    /// where one of them is missing.
    Cubic,
    /// Convolution of the 4 x 4 nearest pixel centres by a cubic B-spline, over
    /// the valid ones: smooth, and not through the samples.
    CubicSpline,
    /// Convolution of the 6 x 6 nearest pixel centres by a windowed sinc, over
    /// the valid ones, of which there must be half.
    Lanczos,
    /// The mean of what a target pixel covers, by area.
    Average,
    /// The value that has the largest area of it, the smallest of several.
    Mode,
    /// The largest value.
    Max,
    /// The smallest value.
    Min,
    /// The value that half of the cells do not exceed, whatever their area.
    Med,
    /// The value that a quarter of the cells do not exceed.
    Q1,
    /// The value that three quarters of the cells do not exceed.
    Q3,
    /// The sum of the values, each times the part of its cell that is covered.
    Sum,
    /// The root of the mean of the squares, by area.
    Rms,
}

impl Resampling {
    /// All that there are.
    pub const ALL: [Self; 14] = [
        Self::Nearest,
        Self::Bilinear,
        Self::Cubic,
        Self::CubicSpline,
        Self::Lanczos,
        Self::Average,
        Self::Mode,
        Self::Max,
        Self::Min,
        Self::Med,
        Self::Q1,
        Self::Q3,
        Self::Sum,
        Self::Rms,
    ];

    /// Its name in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Cubic => "cubic",
            Self::CubicSpline => "cubic_spline",
            Self::Lanczos => "lanczos",
            Self::Average => "average",
            Self::Mode => "mode",
            Self::Max => "max",
            Self::Min => "min",
            Self::Med => "med",
            Self::Q1 => "q1",
            Self::Q3 => "q3",
            Self::Sum => "sum",
            Self::Rms => "rms",
        }
    }

    /// The method with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it is of what a pixel covers, and not of the samples around its
    /// centre.
    #[must_use]
    pub fn is_of_areas(self) -> bool {
        match self {
            Self::Nearest | Self::Bilinear | Self::Cubic | Self::CubicSpline | Self::Lanczos => {
                false
            }
            Self::Average
            | Self::Mode
            | Self::Max
            | Self::Min
            | Self::Med
            | Self::Q1
            | Self::Q3
            | Self::Sum
            | Self::Rms => true,
        }
    }

    /// Whether a mean of some of the cells under a pixel may stand for it where
    /// they are too many to be held: not for another statistic than the mean.
    #[must_use]
    pub fn may_be_a_mean(self) -> bool {
        !self.is_of_areas() || self == Self::Average
    }

    /// How many pixels on each side of a position it takes at most, beside what
    /// a target pixel covers.
    #[must_use]
    pub fn reach(self) -> u8 {
        if self == Self::Lanczos { 3 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_found_by_its_name_alone() {
        for method in Resampling::ALL {
            assert_eq!(Resampling::named(method.name()), Some(method));
        }
        assert_eq!(Resampling::named("gauss"), None);
        assert_eq!(Resampling::named("Nearest"), None);
    }
}
