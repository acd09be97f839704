//! Which values of a variable's other dimensions a request means.
//!
//! The grammar of `sel` is `TiTiler`'s: `DIM=VALUE` or `DIM=METHOD::VALUE` with
//! the methods `nearest`, `pad` (`ffill`) and `backfill` (`bfill`), as pandas
//! has them: a value half-way between two is nearest to the greater. Repeated
//! for one dimension it selects several values, the bands of a picture.
//! `bidx` counts bands from 1.

use super::{
    Axis, AxisValues, DatasetError, Variable,
    around::Around,
    cf::Role,
    cf::time::{instant, last_instant},
    draft::limited,
    limits::shortened,
};
use crate::suggest;

/// The indices that a request means, one entry for each of [`Variable::axes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// In the order of the variable's axes.
    pub axes: Vec<Chosen>,
}

/// The indices of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Name of the dimension.
    pub dimension: String,
    /// One index, or several for bands.
    pub indices: Vec<usize>,
    /// The text of each.
    pub labels: Vec<String>,
    /// Why these.
    pub how: How,
}

/// Why an index was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was asked for.
    Asked,
    /// Nothing was asked, and this is the newest time.
    Newest,
    /// Nothing was asked, and this is the first.
    First,
    /// There is only this one.
    Only,
    /// Nothing was asked, and these are all.
    All,
}

impl Selection {
    /// Number of bands, at least 1.
    #[must_use]
    pub fn bands(&self) -> usize {
        self.axes
            .iter()
            .map(|chosen| chosen.indices.len())
            .max()
            .unwrap_or(1)
    }

    /// The index along each axis, for a band counted from 0.
    #[must_use]
    pub fn indices(&self, band: usize) -> Vec<usize> {
        let of = |chosen: &Chosen| chosen.indices.get(band).or(chosen.indices.first()).copied();
        self.axes.iter().filter_map(of).collect()
    }

    /// What was chosen without having been asked for, as a header tells it:
    /// `time=2023-08-01T00:00:00 (newest), zlev=0 (first)`. A label may be any
    /// text of a stranger's; what no header can hold is a question mark.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let told: Vec<String> = self
            .axes
            .iter()
            .filter_map(|chosen| {
                let why = match chosen.how {
                    How::Newest => "newest",
                    How::First => "first",
                    How::Asked | How::Only | How::All => return None,
                };
                Some(format!(
                    "{}={} ({why})",
                    chosen.dimension,
                    chosen.labels.join(",")
                ))
            })
            .collect();
        let visible = |c: char| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        };
        (!told.is_empty()).then(|| told.join(", ").chars().map(visible).collect())
    }
}

/// Nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// How a value is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Exact,
    Nearest,
    Pad,
    Backfill,
}

/// Values of a dimension that are bands without having been named.
const MOST_VALUES: usize = 10_000;

/// More bands than this are no picture.
const MOST_BANDS: usize = 64;

impl Variable {
    /// The indices that `sel` and `bidx` parameters mean. A dimension that is
    /// not named is at its newest time or its first value.
    ///
    /// # Errors
    /// If a parameter does not follow the grammar, names no dimension or value
    /// of this variable, or several dimensions would make bands.
    pub fn select(&self, sel: &[String], bidx: &[usize]) -> Result<Selection, DatasetError> {
        self.selected(sel, bidx, |axis| Ok(default_index(axis)))
    }

    /// The same, but that all values of a dimension that is not named are bands, as for
    /// `TiTiler`: several such dimensions are an error.
    ///
    /// # Errors
    /// As of [`Variable::select`].
    pub fn select_all(&self, sel: &[String], bidx: &[usize]) -> Result<Selection, DatasetError> {
        self.selected(sel, bidx, all)
    }

    pub(super) fn selected(
        &self,
        sel: &[String],
        bidx: &[usize],
        unnamed: impl Fn(&Axis) -> Result<(Vec<usize>, How), DatasetError>,
    ) -> Result<Selection, DatasetError> {
        super::limits::check(
            "the number of `sel` and `bidx`",
            sel.len().max(bidx.len()),
            MOST_BANDS,
        )?;
        let mut asked: Vec<(Method, Vec<&str>)> =
            vec![(Method::Exact, Vec::new()); self.axes.len()];
        for text in sel {
            let (dimension, method, value) = parse(text)?;
            let axis = self.axis(dimension)?;
            // Clients of map services that leave time at its default send its placeholder.
            if self.axes[axis].role == Role::Time && value.eq_ignore_ascii_case("{time}") {
                continue;
            }
            let (known, values) = &mut asked[axis];
            // A method is the dimension's: given with one value, it holds for all.
            match (*known, method) {
                (_, Method::Exact) => {}
                (Method::Exact, _) => *known = method,
                (known, method) if known == method => {}
                _ => return Err(DatasetError::TwoMethods(dimension.to_owned())),
            }
            values.push(value);
        }
        let mut axes: Vec<Chosen> = Vec::new();
        for (axis, (method, values)) in self.axes.iter().zip(asked) {
            let (indices, how) = if !values.is_empty() {
                let found = values.iter().map(|value| find(axis, method, value));
                (found.collect::<Result<_, _>>()?, How::Asked)
            } else if axis.len == 1 {
                (vec![0], How::Only)
            } else {
                unnamed(axis)?
            };
            axes.push(Chosen {
                dimension: axis.name.clone(),
                labels: indices.iter().map(|index| axis.label(*index)).collect(),
                indices,
                how,
            });
        }
        let mut several = axes.iter().filter(|chosen| chosen.indices.len() > 1);
        if let (Some(first), Some(second)) = (several.next(), several.next()) {
            return Err(DatasetError::TwoBandDimensions {
                first: first.dimension.clone(),
                second: second.dimension.clone(),
            });
        }
        if !bidx.is_empty() {
            self.pick_bands(&mut axes, bidx)?;
        }
        Ok(Selection { axes })
    }

    /// Applies `bidx`: to the values that `sel` gave, or to the one dimension
    /// that it left.
    fn pick_bands(&self, axes: &mut [Chosen], bidx: &[usize]) -> Result<(), DatasetError> {
        let open = |chosen: &Chosen| matches!(chosen.how, How::First | How::Newest);
        let several = axes.iter().position(|chosen| chosen.indices.len() > 1);
        let left: Vec<usize> = (0..axes.len()).filter(|n| open(&axes[*n])).collect();
        // Beside a dimension of bands, time is at its newest as always.
        let bands: Vec<usize> = match left.as_slice() {
            [_] => left.clone(),
            _ => left
                .iter()
                .copied()
                .filter(|n| self.axes[*n].role != Role::Time)
                .collect(),
        };
        let (place, choices): (Option<usize>, Vec<usize>) = match (several, bands.as_slice()) {
            (Some(place), _) => (Some(place), axes[place].indices.clone()),
            (None, [place]) => (Some(*place), (0..self.axes[*place].len).collect()),
            (None, []) => (None, vec![0]),
            (None, [first, second, ..]) => {
                return Err(DatasetError::TwoBandDimensions {
                    first: axes[*first].dimension.clone(),
                    second: axes[*second].dimension.clone(),
                });
            }
        };
        let picked = bidx
            .iter()
            .map(|band| {
                let choice = band.checked_sub(1).and_then(|n| choices.get(n));
                choice.copied().ok_or_else(|| DatasetError::NoSuchBand {
                    band: *band,
                    available: match place {
                        Some(place) => format!(
                            "`{}` has {}, counted from 1",
                            axes[place].dimension,
                            choices.len()
                        ),
                        None => "there is one, number 1".to_owned(),
                    },
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        match place {
            Some(place) => {
                axes[place].labels = picked
                    .iter()
                    .map(|index| self.axes[place].label(*index))
                    .collect();
                axes[place].indices = picked;
                axes[place].how = How::Asked;
            }
            // The same band over again.
            None => {
                if let Some(chosen) = axes.first_mut() {
                    chosen.indices = vec![chosen.indices[0]; bidx.len()];
                    chosen.labels = vec![chosen.labels[0].clone(); bidx.len()];
                }
            }
        }
        Ok(())
    }

    pub(super) fn axis(&self, name: &str) -> Result<usize, DatasetError> {
        let names: Vec<String> = self.axes.iter().map(|axis| axis.name.clone()).collect();
        names.iter().position(|other| other == name).ok_or_else(|| {
            let hint = suggest::hint(name, names.iter().map(String::as_str));
            DatasetError::UnknownDimension {
                variable: self.name.clone(),
                name: shortened(name),
                hint,
                available: if names.is_empty() {
                    "none".to_owned()
                } else {
                    limited(&names)
                },
            }
        })
    }
}

/// All values of a dimension that is not named.
pub(super) fn all(axis: &Axis) -> Result<(Vec<usize>, How), DatasetError> {
    let what = || format!("the number of values of `{}`", axis.name);
    super::limits::check(&what(), axis.len, MOST_VALUES)?;
    Ok(((0..axis.len).collect(), How::All))
}

/// The one that is shown of a dimension that is not named.
pub(super) fn default_index(axis: &Axis) -> (Vec<usize>, How) {
    match &axis.values {
        AxisValues::Times(times) => (vec![times.newest().unwrap_or(0)], How::Newest),
        // Undecoded times still go forward.
        AxisValues::Numbers(values) if axis.role == Role::Time => {
            let newest =
                (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
            (vec![newest.unwrap_or(0)], How::Newest)
        }
        AxisValues::Indices if axis.role == Role::Time => (vec![axis.len - 1], How::Newest),
        AxisValues::Numbers(_) | AxisValues::Texts(_) | AxisValues::Indices => {
            (vec![0], How::First)
        }
    }
}

pub(super) fn parse(text: &str) -> Result<(&str, Method, &str), DatasetError> {
    let grammar = || DatasetError::Grammar(shortened(text));
    let (dimension, value) = text.split_once('=').ok_or_else(grammar)?;
    let (method, value) = match value.split_once("::") {
        None => (Method::Exact, value),
        Some(("nearest", value)) => (Method::Nearest, value),
        Some(("pad" | "ffill", value)) => (Method::Pad, value),
        Some(("backfill" | "bfill", value)) => (Method::Backfill, value),
        Some((method, _)) => return Err(DatasetError::UnknownMethod(shortened(method))),
    };
    if dimension.is_empty() || value.is_empty() {
        return Err(grammar());
    }
    Ok((dimension, method, value))
}

/// The index of a value on an axis.
pub(super) fn find(axis: &Axis, method: Method, value: &str) -> Result<usize, DatasetError> {
    let no_kind = || DatasetError::NoSuchKind {
        dimension: axis.name.clone(),
        value: shortened(value),
        kind: axis.kind(),
        available: axis.some_labels(),
    };
    let around = match &axis.values {
        AxisValues::Times(times) => {
            let wanted = instant(value, times.calendar).ok_or_else(no_kind)?;
            let mut around =
                Around::of(times.instants.iter().map(|instant| Some(instant - wanted)));
            // A second means the first instant in it: map services tell no fractions.
            let end = last_instant(value, times.calendar).filter(|end| end - wanted < SECOND);
            let within = around.after.filter(|at| Some(times.instants[*at]) <= end);
            around.exact = around.exact.or(within);
            around
        }
        AxisValues::Numbers(values) => {
            let wanted: f64 = value
                .parse()
                .ok()
                .filter(|v: &f64| v.is_finite())
                .ok_or_else(no_kind)?;
            Around::of(
                values
                    .iter()
                    .map(|value| Some(value - wanted).filter(|d| !d.is_nan())),
            )
        }
        AxisValues::Indices => {
            let wanted: usize = value.parse().map_err(|_not_an_index| no_kind())?;
            let wanted = i128::try_from(wanted).unwrap_or(i128::MAX);
            Around::of((0..axis.len).map(|n| i128::try_from(n).ok().map(|n| n - wanted)))
        }
        AxisValues::Texts(texts) => {
            let exact = texts
                .iter()
                .position(|text| text == value)
                .filter(|_| method == Method::Exact);
            return exact.ok_or_else(|| {
                let best = suggest::nearest(value, texts.iter().map(String::as_str));
                DatasetError::NoSuchValue {
                    dimension: axis.name.clone(),
                    value: shortened(value),
                    method: if method == Method::Exact {
                        ""
                    } else {
                        " by a method, since its values are text"
                    },
                    available: available(axis, &best.map_or_else(|| axis.some_labels(), shortened)),
                }
            });
        }
    };
    let (found, method) = match method {
        Method::Exact => (around.exact, ""),
        Method::Nearest => (around.nearest, ""),
        Method::Pad => (around.before, " or before it"),
        Method::Backfill => (around.after, " or after it"),
    };
    found.ok_or_else(|| {
        let nearest: Vec<String> = [around.before, around.after]
            .into_iter()
            .flatten()
            .map(|index| axis.label(index))
            .collect();
        DatasetError::NoSuchValue {
            dimension: axis.name.clone(),
            value: shortened(value),
            method,
            available: available(axis, &nearest.join(" and ")),
        }
    })
}

fn available(axis: &Axis, nearest: &str) -> String {
    let [first, last] = [0, axis.len - 1].map(|index| shortened(&axis.label(index)));
    format!(
        "nearest are {nearest}, of {} from {first} to {last}",
        axis.len
    )
}
