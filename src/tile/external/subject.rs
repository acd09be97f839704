//! What a request shows of a data set.

use std::sync::Arc;

use super::style;
use crate::{
    dataset::{Axis, Dataset, Selection, Times, Variable, cf::Role},
    external::External,
    raster::{Expression, OverTime},
    render::FileFormat,
    tile::{Look, TileError, prepared::Output, subject::computed},
};

/// The variables that a look shows, with the bands of each.
pub(super) struct Subject<'a> {
    pub(super) shown: Vec<(&'a Variable, Selection)>,
    /// With the formulas of indices in it.
    pub(super) expression: Option<Expression>,
    /// What comes out of expression and algorithm, if there are any.
    computed: Option<Vec<String>>,
    /// The times of each variable that become one, if they do.
    times: Vec<Times>,
}

impl<'a> Subject<'a> {
    /// A picture is of the newest time where none is named; a file of samples is of all
    /// bands, as that of `TiTiler`.
    pub(super) fn of(look: &Look, dataset: &'a Dataset) -> Result<Self, TileError> {
        let is_file = matches!(look.format, Some(FileFormat::Samples(_)));
        let is_all = is_file && look.expression.is_none();
        let expression = expression(look, dataset);
        let mut times = Vec::new();
        let mut select = |variable: &'a Variable, bidx: &[usize]| {
            let selection = if look.over_time.is_some() {
                let (selection, of_one) = variable.select_times(&look.sel, bidx, is_all)?;
                times.push(of_one);
                selection
            } else if is_all {
                variable.select_all(&look.sel, bidx)?
            } else {
                variable.select(&look.sel, bidx)?
            };
            Ok::<_, TileError>((variable, selection))
        };
        let shown = match (&expression, &look.variables[..]) {
            (Some(expression), [name]) => {
                let variable = dataset.variable(name)?;
                let bands = expression.variables().iter();
                bands
                    .map(|band| select(variable, &[number(band, variable)?]))
                    .collect::<Result<Vec<_>, _>>()?
            }
            _ => variables(look, expression.as_ref(), dataset)?
                .into_iter()
                .map(|variable| select(variable, &look.bidx))
                .collect::<Result<Vec<_>, _>>()?,
        };
        if look.expression.is_some()
            && let Some((many, _)) = shown.iter().find(|(_, selection)| selection.bands() > 1)
        {
            return Err(TileError::ManyBands(many.name.clone()));
        }
        let mut subject = Self {
            shown,
            expression,
            computed: None,
            times,
        };
        if let Some(over_time) = look.over_time {
            subject.reduce(over_time)?;
        }
        let names = subject.names();
        subject.computed = computed(look, subject.expression.as_ref(), &names)?;
        Ok(subject)
    }

    /// What its planes are called: what is computed, or else by the values of a band's
    /// dimension, or the variable.
    pub(super) fn names(&self) -> Vec<String> {
        if let Some(computed) = &self.computed {
            return computed.clone();
        }
        let of = |(variable, selection): &(&Variable, Selection)| {
            labels(selection).unwrap_or_else(|| vec![variable.name.clone()])
        };
        self.shown.iter().flat_map(of).collect()
    }

    /// The range of each band in which it is shown where nothing else is said.
    pub(super) fn ranges(&self, external: &External) -> Result<Vec<[f64; 2]>, TileError> {
        let mut ranges = Vec::new();
        for (variable, selection) in &self.shown {
            let range = external.array(&variable.levels[0].path)?.stored().range();
            ranges.extend(std::iter::repeat_n(range, selection.bands()));
        }
        Ok(ranges)
    }

    /// Number of times that are read.
    pub(super) fn steps(&self) -> usize {
        self.times.first().map_or(1, |times| times.steps.len())
    }

    /// For each time that is read, the places of each band along the other dimensions of
    /// its variable.
    pub(super) fn places(&self) -> Vec<Vec<Vec<usize>>> {
        let at = |step: usize| {
            let of_one = |(n, (_, selection)): (usize, &(&Variable, Selection))| {
                let mut places: Vec<Vec<usize>> = (0..selection.bands())
                    .map(|band| selection.indices(band))
                    .collect();
                if let Some(times) = self.times.get(n) {
                    for of_band in &mut places {
                        of_band[times.axis] = times.steps[step];
                    }
                }
                places
            };
            self.shown.iter().enumerate().flat_map(of_one).collect()
        };
        (0..self.steps()).map(at).collect()
    }

    /// Leaves of the times, which all variables have to share, those that are looked at.
    fn reduce(&mut self, over_time: OverTime) -> Result<(), TileError> {
        let mut known: Option<(&Variable, Times)> = None;
        for ((variable, _), times) in std::iter::zip(&self.shown, &mut self.times) {
            match &known {
                Some((first, of_first)) if !is_same((first, of_first), (variable, times)) => {
                    return Err(TileError::OtherTimes(
                        first.name.clone(),
                        variable.name.clone(),
                    ));
                }
                Some(_) => {}
                None => known = Some((variable, times.clone())),
            }
            let needed = over_time.needed(0..times.steps.len()).into_iter();
            times.steps = needed.map(|place| times.steps[place]).collect();
        }
        Ok(())
    }

    /// The label of the time that the first variable has; of several those of the first and
    /// the last, with a slash.
    pub(super) fn time(&self) -> Option<String> {
        let (variable, selection) = self.shown.first()?;
        if let Some(times) = self.times.first() {
            let axis = &variable.axes[times.axis];
            let (first, last) = (times.steps.first()?, times.steps.last()?);
            let (first, last) = (axis.label(*first), axis.label(*last));
            return Some(if first == last {
                first
            } else {
                format!("{first}/{last}")
            });
        }
        let mut axes = variable.axes.iter();
        let place = axes.position(|axis| axis.role == Role::Time)?;
        selection.axes[place].labels.first().cloned()
    }

    /// What was chosen without having been asked for.
    pub(super) fn told(&self) -> Option<String> {
        self.shown.first()?.1.told()
    }
}

/// Whether the times of two variables are the same.
fn is_same((one, own): (&Variable, &Times), (other, others): (&Variable, &Times)) -> bool {
    let (axis, another) = (&one.axes[own.axis], &other.axes[others.axis]);
    if Arc::ptr_eq(axis, another) {
        return own.steps == others.steps;
    }
    let labels = |axis: &Axis, times: &Times| -> Vec<String> {
        times.steps.iter().map(|step| axis.label(*step)).collect()
    };
    own.steps.len() == others.steps.len() && labels(axis, own) == labels(another, others)
}

/// The number of a band of a variable, which an expression names `b1`, `b2` and so on.
fn number(band: &str, variable: &Variable) -> Result<usize, TileError> {
    let number = band
        .strip_prefix('b')
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| TileError::NoBand(band.to_owned(), variable.name.clone()))
}

/// The expression of a look; an index in it by name is of the variables of the data set.
fn expression(look: &Look, dataset: &Dataset) -> Option<Expression> {
    let expression = look.expression.as_ref()?;
    Some(if look.variables.is_empty() {
        expression.with_indices(|name| dataset.variable(name).is_ok())
    } else {
        expression.clone()
    })
}

/// The labels of the bands, if they are along a dimension.
pub(super) fn labels(selection: &Selection) -> Option<Vec<String>> {
    let mut several = selection.axes.iter().filter(|axis| axis.labels.len() > 1);
    several.next().map(|axis| axis.labels.clone())
}

/// The variables of a look, or of its expression, or the first.
fn variables<'a>(
    look: &Look,
    expression: Option<&Expression>,
    dataset: &'a Dataset,
) -> Result<Vec<&'a Variable>, TileError> {
    let names = match expression {
        Some(expression) if look.variables.is_empty() => expression.variables(),
        Some(_) | None => &look.variables,
    };
    if names.is_empty() && expression.is_none() {
        return Ok(vec![&dataset.variables[0]]);
    }
    let found = names.iter().map(|name| dataset.variable(name));
    Ok(found.collect::<Result<Vec<_>, _>>()?)
}

/// What is made of bands with these own ranges, in display ranges that were found if there
/// are any.
pub(super) fn output(
    look: &Look,
    subject: &Subject<'_>,
    ranges: &[[f64; 2]],
    found: Option<&[[f64; 2]]>,
) -> Result<Output, TileError> {
    let format = match look.format {
        Some(FileFormat::Samples(format)) => return Ok(Output::Samples(format)),
        Some(FileFormat::Image(format)) => Some(format),
        None => None,
    };
    let style = style::of(look, subject, ranges, found)?;
    Ok(Output::Picture {
        style,
        background: look.background,
        format,
    })
}

/// The first of the variables that are shown.
pub(super) fn first<'a>(look: &Look, external: &'a External) -> Result<&'a Variable, TileError> {
    let expression = expression(look, &external.dataset);
    let shown = variables(look, expression.as_ref(), &external.dataset)?;
    let first = shown.first().copied();
    Ok(first.unwrap_or(&external.dataset.variables[0]))
}
