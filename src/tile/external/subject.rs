//! What a request shows of a data set, and where.

use super::style;
use crate::{
    crs,
    dataset::{Dataset, Selection, Variable, cf::Role},
    external::{External, Placed},
    grid::{Bounds, Epsg, GeoTransform, Grid, Shape},
    raster::Expression,
    render::FileFormat,
    tile::{
        Look, PictureRequest, TileError,
        prepared::Output,
        target::Target,
        values::{shared_parts, turned},
    },
};

/// The variables that a look shows, with the bands of each.
pub(super) struct Subject<'a> {
    pub(super) shown: Vec<(&'a Variable, Selection)>,
}

impl<'a> Subject<'a> {
    /// A picture is of the newest time where none is named; a file of samples is of all
    /// bands, as that of `TiTiler`.
    pub(super) fn of(look: &Look, dataset: &'a Dataset) -> Result<Self, TileError> {
        let is_file = matches!(look.format, Some(FileFormat::Samples(_)));
        let select = |variable: &'a Variable| {
            let selection = if is_file && look.expression.is_none() {
                variable.select_all(&look.sel, &look.bidx)?
            } else {
                variable.select(&look.sel, &look.bidx)?
            };
            Ok::<_, TileError>((variable, selection))
        };
        let shown = if let (Some(expression), [variable]) = (&look.expression, &look.variables[..])
        {
            bands(dataset.variable(variable)?, expression, &look.sel)?
        } else {
            let shown = variables(look, dataset)?.into_iter().map(select);
            shown.collect::<Result<Vec<_>, _>>()?
        };
        if look.expression.is_some()
            && let Some((many, _)) = shown.iter().find(|(_, selection)| selection.bands() > 1)
        {
            return Err(TileError::ManyBands(many.name.clone()));
        }
        Ok(Self { shown })
    }

    /// What its planes are called: by the values of a band's dimension, or the variable.
    pub(super) fn names(&self, expression: Option<&Expression>) -> Vec<String> {
        if let Some(expression) = expression {
            return vec![expression.to_string()];
        }
        let of = |(variable, selection): &(&Variable, Selection)| {
            labels(selection).unwrap_or_else(|| vec![variable.name.clone()])
        };
        self.shown.iter().flat_map(of).collect()
    }

    /// The label of the time that the first variable has.
    pub(super) fn time(&self) -> Option<String> {
        let (variable, selection) = self.shown.first()?;
        let mut axes = variable.axes.iter();
        let place = axes.position(|axis| axis.role == Role::Time)?;
        selection.axes[place].labels.first().cloned()
    }

    /// What was chosen without having been asked for.
    pub(super) fn told(&self) -> Option<String> {
        self.shown.first()?.1.told()
    }
}

/// The bands of a variable that an expression names `b1`, `b2` and so on.
fn bands<'a>(
    variable: &'a Variable,
    expression: &Expression,
    sel: &[String],
) -> Result<Vec<(&'a Variable, Selection)>, TileError> {
    let band = |name: &String| {
        let number = name
            .strip_prefix('b')
            .and_then(|number| number.parse().ok());
        let number =
            number.ok_or_else(|| TileError::NoBand(name.clone(), variable.name.clone()))?;
        Ok((variable, variable.select(sel, &[number])?))
    };
    expression.variables().iter().map(band).collect()
}

/// The labels of the bands, if they are along a dimension.
pub(super) fn labels(selection: &Selection) -> Option<Vec<String>> {
    let mut several = selection.axes.iter().filter(|axis| axis.labels.len() > 1);
    several.next().map(|axis| axis.labels.clone())
}

fn variables<'a>(look: &Look, dataset: &'a Dataset) -> Result<Vec<&'a Variable>, TileError> {
    let names = match &look.expression {
        Some(expression) if look.variables.is_empty() => expression.variables(),
        Some(_) | None => &look.variables,
    };
    if names.is_empty() && look.expression.is_none() {
        return Ok(vec![&dataset.variables[0]]);
    }
    let found = names.iter().map(|name| dataset.variable(name));
    Ok(found.collect::<Result<Vec<_>, _>>()?)
}

/// What is made of so many bands with these own ranges.
pub(super) fn output(
    look: &Look,
    subject: &Subject<'_>,
    bands: usize,
    ranges: &[[f64; 2]],
) -> Result<Output, TileError> {
    let format = match look.format {
        Some(FileFormat::Samples(format)) => return Ok(Output::Samples(format)),
        Some(FileFormat::Image(format)) => Some(format),
        None => None,
    };
    let style = style::of(look, subject, bands, ranges)?;
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
    let variable = variables(&request.look, &external.dataset)?;
    let variable = variable
        .first()
        .copied()
        .unwrap_or(&external.dataset.variables[0]);
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
    let system = request.crs.unwrap_or(placed.system);
    let bounds = match request.bounds {
        _ if system == placed.system => own,
        // As many pixels as there are cells.
        Some(bounds) => {
            crs::transformed(bounds, request.coords, system).map_err(TileError::System)?
        }
        None => crs::transformed(own, placed.system, system).map_err(TileError::System)?,
    };
    let shape = request.size.of(cells);
    Ok(Target::of_grid(Grid {
        crs: system,
        transform: GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: (bounds.east - bounds.west) / as_float(shape.cols),
            cell_height: (bounds.south - bounds.north) / as_float(shape.rows),
        },
        shape,
    }))
}

fn whole(variable: &Variable) -> (Bounds, Shape) {
    let grid = &variable.levels[0].grid;
    let cols = grid.turn.unwrap_or(grid.shape.cols).min(grid.shape.cols);
    let shape = Shape { cols, ..grid.shape };
    (grid.transform.window_bounds(shape.window()), shape)
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
