//! What a request shows of a data set, and where.

use std::sync::Arc;

use super::style;
use crate::{
    crs,
    dataset::{Axis, Dataset, LevelGrid, Selection, Times, Variable, cf::Role},
    external::{External, Placed},
    grid::{Bounds, Epsg, GeoTransform, Grid, Shape},
    raster::{Expression, OverTime},
    render::FileFormat,
    tile::{
        Look, PictureRequest, TileError,
        prepared::Output,
        subject::computed,
        target::Target,
        values::{shared_parts, turned},
    },
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
            _ => variables(look, dataset)?
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
fn variables<'a>(look: &Look, dataset: &'a Dataset) -> Result<Vec<&'a Variable>, TileError> {
    let expression = expression(look, dataset);
    let names = match &expression {
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

/// The pixels of a rectangle of the first variable that is shown, grown to whole cells.
pub(super) fn rectangle(
    external: &External,
    request: &PictureRequest,
) -> Result<Target, TileError> {
    let variable = first(&request.look, external)?;
    let placed = external.placed(variable)?;
    let asked = match request.bounds {
        Some(bounds) if request.coords != Epsg::WGS84 => {
            let parts = crs::geographic_bounds(request.coords, bounds);
            let parts = parts.map_err(TileError::System)?.into_iter();
            parts.reduce(|all, part| all.union(&part))
        }
        asked => asked,
    };
    let no_overlap = || TileError::NoOverlap {
        asked: asked.unwrap_or(placed.footprint.bounds()).to_array(),
        bounds: placed.footprint.bounds().to_array(),
    };
    let (own, cells) = match asked {
        None => whole(variable),
        Some(bounds) => {
            let is_direct = request.coords != Epsg::WGS84 && placed.system != Epsg::WGS84;
            let around = match request.bounds.filter(|_| is_direct) {
                // By way of degrees it would grow.
                Some(own) => crs::transformed(own, request.coords, placed.system)
                    .map(Some)
                    .map_err(TileError::System)?,
                None => around(variable, placed, bounds)?,
            };
            around
                .and_then(|around| part(variable, around))
                .ok_or_else(no_overlap)?
        }
    };
    let own = if placed.system == Epsg::WGS84 {
        turned_back(own, asked)
    } else {
        own
    };
    let system = request.crs.unwrap_or(placed.system);
    let bounds = match request.bounds {
        _ if system == placed.system => own,
        // As many pixels as there are cells.
        Some(bounds) => {
            let to = |bounds, from| crs::transformed(bounds, from, system);
            let asked = to(bounds, request.coords).map_err(TileError::System)?;
            // What is beyond the data set is not in the picture, as it is not counted.
            let shared = to(own, placed.system).ok();
            let shared = shared.and_then(|own| own.intersection(&asked));
            shared.unwrap_or(asked)
        }
        None => crs::transformed(own, placed.system, system).map_err(TileError::System)?,
    };
    let shape = request.size.of(cells)?;
    let grid = Grid {
        crs: system,
        transform: GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: (bounds.east - bounds.west) / as_float(shape.cols),
            cell_height: (bounds.south - bounds.north) / as_float(shape.rows),
        },
        shape,
    };
    Ok(Target {
        around: 2 * request.look.buffer(),
        ..Target::of_grid(grid)
    })
}

/// A rectangle in degrees by as many whole turns away as the one that was asked for, or
/// where it is told to be: from 0 to 360 degrees only if it is on both sides of 180.
fn turned_back(own: Bounds, asked: Option<Bounds>) -> Bounds {
    let turns = match asked {
        Some(asked) => {
            let middle = |of: Bounds| of.west.midpoint(of.east);
            ((middle(asked) - middle(own)) / 360.0).round()
        }
        None if own.west >= 180.0 => -1.0,
        None => 0.0,
    };
    Bounds {
        west: own.west + 360.0 * turns,
        east: own.east + 360.0 * turns,
        ..own
    }
}

/// The first of the variables that are shown.
pub(super) fn first<'a>(look: &Look, external: &'a External) -> Result<&'a Variable, TileError> {
    let shown = variables(look, &external.dataset)?;
    let first = shown.first().copied();
    Ok(first.unwrap_or(&external.dataset.variables[0]))
}

fn whole(variable: &Variable) -> (Bounds, Shape) {
    let (shape, transform) = cells(&variable.levels[0].grid);
    (transform.window_bounds(shape.window()), shape)
}

/// The cells of a grid, of which one that goes around the globe has each once.
pub(super) fn cells(grid: &LevelGrid) -> (Shape, GeoTransform) {
    let cols = grid.turn.unwrap_or(grid.shape.cols).min(grid.shape.cols);
    (Shape { cols, ..grid.shape }, grid.transform)
}

/// What a rectangle in degrees shares with a variable, in its own system. Around the globe
/// there is no first column.
fn around(
    variable: &Variable,
    placed: &Placed,
    asked: Bounds,
) -> Result<Option<Bounds>, TileError> {
    if placed.system == Epsg::WGS84 {
        let whole = variable.levels[0].grid.bounds();
        let shared = |bounds: &Bounds| {
            let shared = whole.intersection(bounds);
            shared.map_or(0.0, |shared| shared.east - shared.west)
        };
        let best = turned(asked).into_iter().max_by(|a, b| {
            // Of equals the last is taken, and the first is meant.
            shared(a)
                .total_cmp(&shared(b))
                .then(b.west.abs().total_cmp(&a.west.abs()))
        });
        return Ok(best.filter(|bounds| shared(bounds) > 0.0));
    }
    let mut around: Option<Bounds> = None;
    for part in shared_parts(&placed.footprint.parts, asked) {
        let part = crs::projected_bounds(placed.system, part)?;
        around = Some(around.map_or(part, |other| other.union(&part)));
    }
    Ok(around)
}

/// The cells under a rectangle of the variable's own system: where they are, and how many.
fn part(variable: &Variable, around: Bounds) -> Option<(Bounds, Shape)> {
    let grid = &variable.levels[0].grid;
    let (rows, cols) = grid.transform.window_of(around)?;
    let clipped = |range: std::ops::Range<i64>, len: usize| {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        range.start.max(0)..range.end.min(len)
    };
    let rows = clipped(rows, grid.shape.rows);
    let cols = match grid.turn {
        None => clipped(cols, grid.shape.cols),
        Some(turn) => {
            cols.start
                ..cols
                    .end
                    .min(cols.start + i64::try_from(turn).unwrap_or(i64::MAX))
        }
    };
    let len = |range: &std::ops::Range<i64>| usize::try_from(range.end - range.start).unwrap_or(0);
    let shape = Shape {
        rows: len(&rows),
        cols: len(&cols),
    };
    if shape.rows == 0 || shape.cols == 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "rows and columns are far below 2^52"
    )]
    let ends = |range: std::ops::Range<i64>| [range.start as f64, range.end as f64];
    let (xs, ys) = (
        ends(cols).map(|col| grid.transform.x(col)),
        ends(rows).map(|row| grid.transform.y(row)),
    );
    let bounds = Bounds {
        west: xs[0].min(xs[1]),
        south: ys[0].min(ys[1]),
        east: xs[0].max(xs[1]),
        north: ys[0].max(ys[1]),
    };
    Some((bounds, shape))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture's side is far below 2^52"
)]
fn as_float(pixels: usize) -> f64 {
    pixels as f64
}
