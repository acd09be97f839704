//! The parameters of what is computed before values are shown, and of what is done to a
//! picture afterwards.

use super::query::{QueryError, boolean, number, once};
use crate::{
    raster::OverTime,
    render::{Algorithm, ColorFormula, Touches, color},
};

/// Those of all pictures.
pub(super) const PARAMETERS: [&str; 8] = [
    "reduce",
    "algorithm",
    "algorithm_params",
    "color_formula",
    "below",
    "above",
    "nodata_color",
    "return_mask",
];

/// Those of tiles beside.
pub(super) const OF_TILES: [&str; 2] = ["buffer", "padding"];

/// What is asked for with these parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Extras {
    /// `rescale=auto`.
    pub(super) is_auto: bool,
    pub(super) over_time: Option<OverTime>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) touches: Touches,
    /// Half pixels on each side.
    pub(super) buffer: Option<usize>,
    /// Whether what is no data is told apart, as it is without it.
    pub(super) return_mask: Option<bool>,
    name: Option<String>,
    parameters: Option<String>,
    padding: Option<u16>,
}

impl Extras {
    pub(super) fn is_known(name: &str) -> bool {
        PARAMETERS.contains(&name) || OF_TILES.contains(&name)
    }

    /// Takes one of them.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        match name {
            "reduce" => once(&mut self.over_time, "reduce", over_time(value)?),
            "algorithm" => once(&mut self.name, "algorithm", value.to_owned()),
            "algorithm_params" => once(&mut self.parameters, "algorithm_params", value.to_owned()),
            "color_formula" => {
                let formula = ColorFormula::parse(value)?;
                once(&mut self.touches.formula, "color_formula", formula)
            }
            "below" => once(&mut self.touches.below, "below", shade("below", value)?),
            "above" => once(&mut self.touches.above, "above", shade("above", value)?),
            "nodata_color" => {
                let shade = shade("nodata_color", value)?;
                once(&mut self.touches.nodata, "nodata_color", shade)
            }
            "buffer" => once(&mut self.buffer, "buffer", halves(value)?),
            "return_mask" => {
                let is_so = boolean("return_mask", value)?;
                once(&mut self.return_mask, "return_mask", is_so)
            }
            // The pixels that a kernel needs beyond a tile are read whether it is said or
            // not.
            _ => once(&mut self.padding, "padding", number("padding", value)?),
        }
    }

    /// Puts together what several parameters say.
    pub(super) fn finish(&mut self) -> Result<(), QueryError> {
        match (&self.name, &self.parameters) {
            (None, None) => {}
            (None, Some(_)) => return Err(QueryError::OnlyParameters),
            (Some(name), parameters) => {
                self.algorithm = Some(Algorithm::parse(name, parameters.as_deref())?);
            }
        }
        Ok(())
    }
}

fn over_time(text: &str) -> Result<OverTime, QueryError> {
    OverTime::named(text).ok_or_else(|| QueryError::Value {
        name: "reduce",
        value: text.to_owned(),
        expected: format!("one of {}", OverTime::NAMES.join(", ")),
    })
}

fn shade(name: &'static str, text: &str) -> Result<[u8; 4], QueryError> {
    color(text).ok_or_else(|| QueryError::Value {
        name,
        value: text.to_owned(),
        expected: "a colour: red, %23ff0000, ff000080 or 255,0,0,128".to_owned(),
    })
}

/// Pixels, of which there may be halves.
fn halves(text: &str) -> Result<usize, QueryError> {
    /// More than any tile has.
    const MOST: f64 = 65_536.0;
    let found = text.parse().ok().map(|pixels: f64| 2.0 * pixels);
    let found = found.filter(|halves| (0.0..=MOST).contains(halves) && halves.fract() <= 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number in the range"
    )]
    let halves = found.map(|halves| halves as usize);
    halves.ok_or_else(|| QueryError::Value {
        name: "buffer",
        value: text.to_owned(),
        expected: "pixels from 0, whole or with .5".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(parameters: &[(&str, &str)]) -> Result<Extras, QueryError> {
        let mut extras = Extras::default();
        for (name, value) in parameters {
            extras.take(name, value)?;
        }
        extras.finish()?;
        Ok(extras)
    }

    #[test]
    fn an_algorithm_takes_its_parameters_in_any_order() {
        let one = taken(&[
            ("algorithm_params", r#"{"azimuth":315}"#),
            ("algorithm", "hillshade"),
        ]);
        let other = taken(&[
            ("algorithm", "hillshade"),
            ("algorithm_params", r#"{"azimuth":315}"#),
        ]);
        let (one, other) = (one.unwrap().algorithm, other.unwrap().algorithm);
        assert_eq!(one, other);
        let plain = taken(&[("algorithm", "hillshade")]).unwrap().algorithm;
        assert!(plain.is_some() && plain != one);
    }

    #[test]
    fn a_buffer_may_have_a_half_pixel() {
        assert_eq!(taken(&[("buffer", "3")]).unwrap().buffer, Some(6));
        assert_eq!(taken(&[("buffer", "0.5")]).unwrap().buffer, Some(1));
        assert_eq!(
            taken(&[("buffer", "0"), ("padding", "2")]).unwrap().buffer,
            Some(0)
        );
    }

    #[test]
    fn what_cannot_be_understood_says_what_could() {
        for (name, value, told) in [
            ("reduce", "mode", "median, mean"),
            ("algorithm", "hillshad", "there are hillshade"),
            ("algorithm_params", "{}", "`algorithm`"),
            ("color_formula", "blur", "gamma, sigmoidal"),
            ("below", "rot", "a colour"),
            ("nodata_color", "#12", "a colour"),
            ("buffer", "0.3", "with .5"),
            ("buffer", "-1", "from 0"),
            ("buffer", "1e9", "from 0"),
            ("padding", "-1", "whole number"),
        ] {
            let error = taken(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(told), "{name}={value}: {error}");
        }
        assert_eq!(
            taken(&[("below", "red"), ("below", "red")]),
            Err(QueryError::Twice("below"))
        );
    }
}
