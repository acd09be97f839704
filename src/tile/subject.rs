//! What a look shows of a cube: variables, steps and ranges.

use super::{Look, TileError, request::with_indices};
use crate::{
    raster::{Expression, OverTime},
    render::Style,
    zarr::StoredCube,
};

/// All that is stored.
const STORED: [f64; 2] = [u16::MIN as f64, u16::MAX as f64];

/// What a look shows of a cube.
pub(super) struct Subject {
    /// Of the variables.
    pub(super) names: Vec<String>,
    pub(super) variables: Vec<usize>,
    pub(super) expression: Option<Expression>,
    /// What comes out of expression and algorithm, if there are any.
    pub(super) computed: Option<Vec<String>>,
    pub(super) steps: Vec<usize>,
    /// Whether these are the variables of the recipe's style.
    pub(super) is_own: bool,
}

impl Subject {
    pub(super) fn of(look: &Look, stored: &StoredCube) -> Result<Self, TileError> {
        let own = default_variables(stored);
        let expression =
            (look.expression.as_ref()).map(|expression| with_indices(expression, &stored.cube));
        let asked = if look.variables.is_empty() {
            &own
        } else {
            &look.variables
        };
        if expression.is_some() && !look.bidx.is_empty() {
            return Err(TileError::BandsOfExpression);
        }
        let picked = picked(asked, &look.bidx)?;
        let names = match &expression {
            Some(expression) => expression.variables(),
            None => &picked,
        };
        let variables = names
            .iter()
            .map(|name| stored.cube.variable(name))
            .collect::<Result<Vec<_>, _>>()?;
        let steps = match look.over_time {
            None => vec![stored.cube.select_time(&look.sel)?],
            Some(over_time) => over_time.needed(stored.cube.select_steps(&look.sel)?),
        };
        Ok(Self {
            computed: computed(look, expression.as_ref(), names)?,
            is_own: expression.is_none() && *names == own,
            names: names.to_vec(),
            variables,
            expression,
            steps,
        })
    }

    /// The names of what is shown.
    pub(super) fn shown(&self) -> &[String] {
        self.computed.as_ref().unwrap_or(&self.names)
    }

    /// How it is shown, in display ranges that were found if there are any.
    pub(super) fn style(
        &self,
        look: &Look,
        found: Option<&[[f64; 2]]>,
        stored: &StoredCube,
    ) -> Result<Style, TileError> {
        let rescale = match found {
            Some(found) => found.to_vec(),
            None if look.rescale.is_empty() && !look.is_of_values() => {
                let own = &stored.cube.recipe().style.rescale[..];
                let own = match look.over_time {
                    _ if self.is_own && !own.is_empty() => own,
                    // Of computed values the type's range is not the stored one.
                    Some(_) => &[STORED],
                    None => &[],
                };
                usual_ranges(look, self.expression.as_ref(), own, self.shown().len())?
            }
            None => look.rescale.clone(),
        };
        let style = Style::new(self.shown().len(), &rescale, look.coloring.clone())?;
        Ok(style.touched(&look.touches)?)
    }
}

/// The display ranges of so many planes where a request tells none; `own` are those of
/// what nothing is computed of.
pub(super) fn usual_ranges(
    look: &Look,
    expression: Option<&Expression>,
    own: &[[f64; 2]],
    planes: usize,
) -> Result<Vec<[f64; 2]>, TileError> {
    let known = match (&look.algorithm, look.over_time, expression) {
        (Some(algorithm), ..) => algorithm.range(),
        (None, Some(OverTime::Difference), _) => None,
        (None, _, Some(expression)) => expression.range(),
        (None, _, None) => return Ok(own.to_vec()),
    };
    Ok(vec![known.ok_or(TileError::NoRange)?; planes])
}

/// The bands of these variables that are asked for by number, from 1, or all.
fn picked(named: &[String], bidx: &[usize]) -> Result<Vec<String>, TileError> {
    if bidx.is_empty() {
        return Ok(named.to_vec());
    }
    let at = |band: &usize| {
        let found = band.checked_sub(1).and_then(|place| named.get(place));
        found
            .cloned()
            .ok_or(TileError::NoSuchBand(*band, named.len()))
    };
    bidx.iter().map(at).collect()
}

/// The names of what comes out of an expression and of an algorithm.
pub(super) fn computed(
    look: &Look,
    expression: Option<&Expression>,
    names: &[String],
) -> Result<Option<Vec<String>>, TileError> {
    let taken = expression.map(|one| vec![one.to_string()]);
    let Some(algorithm) = &look.algorithm else {
        return Ok(taken);
    };
    let taken = taken.unwrap_or_else(|| names.to_vec());
    let name = algorithm.name();
    Ok(Some(match algorithm.outputs(taken.len())? {
        1 => vec![name.to_owned()],
        count if count == taken.len() => taken,
        count => (1..=count).map(|n| format!("{name}_{n}")).collect(),
    }))
}

/// The variables of the recipe's style, or else the first band.
fn default_variables(stored: &StoredCube) -> Vec<String> {
    let style = &stored.cube.recipe().style;
    if style.variables.is_empty() {
        stored.cube.bands().take(1).map(str::to_owned).collect()
    } else {
        style.variables.clone()
    }
}
