//! A draft and the values of its coordinates make a data set.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Axis, Crs, CrsSource, Dataset, DatasetError, Draft, LevelGrid, Refused, Values, Variable,
    VariableLevel,
    cf::{Packing, Role, flags::flags, time::Epoch},
    coordinates::{axis, regular},
    draft::{DraftVariable, Placed, shown},
};
use crate::grid::{Bounds, GeoTransform, Shape};

impl Draft<'_> {
    /// The data set, with the values of all [`Draft::coordinates`] by path.
    ///
    /// # Errors
    /// If not one variable can be served; then with the reason of the first.
    pub fn finish(self, values: &BTreeMap<String, Values>) -> Result<Dataset, DatasetError> {
        let mut refused = self.refused;
        let mut variables = Vec::new();
        let mut known = Axes {
            by_coordinate: BTreeMap::new(),
            has_raw_times: self.has_raw_times,
        };
        for draft in &self.variables {
            match variable(draft, values, &mut known, &mut refused) {
                Ok(found) => variables.push(found),
                Err(reason) => refused.push(Refused {
                    name: draft.name.clone(),
                    path: draft
                        .levels
                        .first()
                        .map_or_else(String::new, |level| level.array.path.clone()),
                    reason,
                }),
            }
        }
        if variables.is_empty() {
            // What is no raster at all explains less than what is a bad one.
            let by_weight = |r: &&Refused| matches!(r.reason, DatasetError::NotARaster { .. });
            return Err(refused.iter().min_by_key(by_weight).map_or_else(
                || DatasetError::NoVariables {
                    path: self.path.clone(),
                    available: self.available.clone(),
                },
                |refused| refused.reason.clone(),
            ));
        }
        Ok(Dataset {
            path: self.path,
            title: shown(self.attributes, "title"),
            variables,
            refused,
        })
    }
}

/// Dimensions of several variables, each made once.
struct Axes {
    /// By path of the coordinate, and name and length.
    by_coordinate: BTreeMap<(String, String), Arc<Axis>>,
    has_raw_times: bool,
}

fn variable(
    draft: &DraftVariable<'_>,
    values: &BTreeMap<String, Values>,
    known: &mut Axes,
    refused: &mut Vec<Refused>,
) -> Result<Variable, DatasetError> {
    let Some((finest, coarser)) = draft.levels.split_first() else {
        return Err(DatasetError::NotZarr);
    };
    let array = finest.array;
    let base = transform(finest, values)?;
    let (crs, crs_source) = crs(finest, base)?;
    let geographic = crs.is_geographic();
    let mut levels = vec![level(finest, base, geographic)?];
    for placed in coarser {
        let found = transform(placed, values)
            .and_then(|transform| level(placed, transform, geographic))
            .and_then(|next| match misfit(finest, &levels, placed, &next) {
                None => Ok(next),
                Some(right) => Err(DatasetError::Attribute {
                    path: placed.array.path.clone(),
                    attribute: "this level".to_owned(),
                    found: "left out".to_owned(),
                    right,
                }),
            });
        match found {
            Ok(next) => levels.push(next),
            Err(reason) => refused.push(Refused {
                name: draft.name.clone(),
                path: placed.array.path.clone(),
                reason,
            }),
        }
    }
    let mut others = Vec::new();
    for (n, name, len) in finest.others() {
        let coordinate = finest.coordinates[n];
        let key = (
            coordinate.map_or_else(String::new, |c| c.path.clone()),
            format!("{name} {len}"),
        );
        let other = if let Some(found) = known.by_coordinate.get(&key) {
            Arc::clone(found)
        } else {
            let epoch = coordinate.and_then(Epoch::of);
            // Times that are not decoded are times all the same.
            let role = epoch.as_ref().map_or(finest.roles[n], |_| Role::Time);
            let epoch = epoch.filter(|_| !known.has_raw_times);
            let dimension = (name, len, role);
            Arc::new(axis(dimension, coordinate, epoch.as_ref(), values)?)
        };
        known.by_coordinate.insert(key, Arc::clone(&other));
        others.push(other);
    }
    let text = |name: &str| shown(&array.attributes, name);
    Ok(Variable {
        name: draft.name.clone(),
        long_name: text("long_name"),
        standard_name: text("standard_name"),
        units: text("units"),
        flags: flags(&array.attributes),
        attributes: array.attributes.clone(),
        dimensions: array.dimensions.clone(),
        x: finest.x,
        y: finest.y,
        axes: others,
        crs,
        crs_source,
        levels,
    })
}

fn level(
    placed: &Placed<'_>,
    transform: GeoTransform,
    geographic: bool,
) -> Result<VariableLevel, DatasetError> {
    let side = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
    let shape = Shape {
        rows: side(placed.rows()),
        cols: side(placed.cols()),
    };
    let bounds = transform.window_bounds(shape.window());
    // A pole's own row of cells reaches half a cell beyond it.
    let reach = 90.0 + transform.cell_height.abs();
    if geographic && (bounds.north > reach || bounds.south < -reach) {
        return Err(DatasetError::BadCoordinate {
            coordinate: format!(
                "{} of {}",
                placed.array.dimensions[placed.y], placed.array.path
            ),
            reason: format!(
                "it reaches from {} to {}, and latitudes end at 90 degrees; a reference system in metres should be named",
                bounds.south, bounds.north
            ),
        });
    }
    Ok(VariableLevel {
        path: placed.array.path.clone(),
        grid: LevelGrid {
            transform,
            shape,
            turn: turn(transform.cell_width.abs(), shape.cols).filter(|_| geographic),
        },
        shape: placed.array.shape.clone(),
        chunk: placed.array.chunk.clone(),
        inner_chunk: placed.array.inner_chunk.clone(),
        data_type: placed.array.data_type.clone(),
        packing: Packing::of(placed.array)?,
    })
}

/// How many columns go once around the globe, if the grid has them: as many
/// as come within half a cell of it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and compared with the columns there are; what is beyond saturates"
)]
fn turn(cell_width: f64, cols: usize) -> Option<usize> {
    let columns = (360.0 / cell_width).round() as usize;
    (columns >= 2 && cols >= columns).then_some(columns)
}

/// Why an array is no overview of the finest, if it is none.
fn misfit(
    finest: &Placed<'_>,
    levels: &[VariableLevel],
    placed: &Placed<'_>,
    next: &VariableLevel,
) -> Option<String> {
    let others = |placed: &Placed<'_>| {
        placed
            .others()
            .map(|(n, name, len)| (n, name.to_owned(), len))
            .collect::<Vec<_>>()
    };
    if others(finest) != others(placed) || (finest.x, finest.y) != (placed.x, placed.y) {
        return Some(format!(
            "its dimensions other than y and x should be those of `{}`, in the same order and length",
            finest.array.path
        ));
    }
    let last = levels.last()?;
    let (fine, coarse) = (last.grid.transform, next.grid.transform);
    // Rounding aside, each level has larger cells than the one before.
    let grows = |fine: f64, coarse: f64| coarse.abs() > fine.abs() * 1.001;
    if !grows(fine.cell_width, coarse.cell_width) || !grows(fine.cell_height, coarse.cell_height) {
        return Some(format!(
            "its cells should be larger than those of `{}`",
            last.path
        ));
    }
    let (own, whole) = (next.grid.bounds(), levels[0].grid.bounds());
    if !own.overlaps(&whole) {
        return Some(format!(
            "its extent should be that of `{}`",
            finest.array.path
        ));
    }
    if !placed.declared && !same_extent(own, whole, coarse) {
        return Some(format!(
            "nothing but its name makes it an overview of `{}`, and their extents differ by more than a cell; declare it in `multiscales` if it is one",
            finest.array.path
        ));
    }
    None
}

/// Whether two extents are the same to one and a half cells: an overview of an
/// odd number of rows ends half a cell further out or in.
fn same_extent(a: Bounds, b: Bounds, cell: GeoTransform) -> bool {
    let (width, height) = (1.5 * cell.cell_width.abs(), 1.5 * cell.cell_height.abs());
    (a.west - b.west).abs() <= width
        && (a.east - b.east).abs() <= width
        && (a.north - b.north).abs() <= height
        && (a.south - b.south).abs() <= height
}

/// The system of the finest level; without a word about it, degrees where the
/// coordinates are longitudes and latitudes, by name or by their range.
fn crs(placed: &Placed<'_>, transform: GeoTransform) -> Result<(Crs, CrsSource), DatasetError> {
    if let Some(found) = &placed.crs {
        return Ok(found.clone());
    }
    let told = matches!(placed.roles[placed.x], Role::X { longitude: true })
        && matches!(placed.roles[placed.y], Role::Y { latitude: true });
    let named = [placed.x, placed.y]
        .iter()
        .all(|n| Role::is_named_geographic(&placed.array.dimensions[*n]));
    let [cols, rows] = [placed.cols(), placed.rows()]
        .map(|len| u32::try_from(len).map_or(f64::INFINITY, f64::from));
    let within = |ends: [f64; 2], least: f64, most: f64, cell: f64| {
        ends.iter()
            .all(|end| (least - cell.abs()..=most + cell.abs()).contains(end))
    };
    // Longitudes of ocean models begin at -280 or go on to 380.
    let turns = if named { 360.0 } else { 0.0 };
    let x_ends = [transform.x(0.0), transform.x(cols)];
    let y_ends = [transform.y(0.0), transform.y(rows)];
    let in_range = within(x_ends, -180.0 - turns, 360.0 + turns, transform.cell_width)
        && within(y_ends, -90.0, 90.0, transform.cell_height);
    if told || (named && in_range) {
        return Ok((Crs::Crs84, CrsSource::Coordinates));
    }
    // Kilometres from a corner are in the range of degrees too: only where
    // no unit says otherwise.
    let unitless = [placed.x, placed.y].iter().all(|n| {
        let units = placed.coordinates[*n].and_then(|coordinate| coordinate.text("units"));
        units.is_none_or(|units| units.starts_with("degree"))
    });
    if in_range && unitless {
        return Ok((Crs::Crs84, CrsSource::Assumed));
    }
    Err(DatasetError::NoCrs {
        array: placed.array.path.clone(),
    })
}

/// Pixel to world of an array: its own transform, or from its coordinates.
fn transform(
    placed: &Placed<'_>,
    values: &BTreeMap<String, Values>,
) -> Result<GeoTransform, DatasetError> {
    if let Some(transform) = placed.transform {
        return Ok(transform);
    }
    let geographic = placed.crs.as_ref().map_or(
        matches!(placed.roles[placed.x], Role::X { longitude: true })
            || Role::is_named_geographic(&placed.array.dimensions[placed.x]),
        |(crs, _)| crs.is_geographic(),
    );
    let x = regular(placed, placed.x, geographic, values)?;
    let y = regular(placed, placed.y, false, values)?;
    Ok(GeoTransform {
        origin_x: x.first - x.step / 2.0,
        origin_y: y.first - y.step / 2.0,
        cell_width: x.step,
        cell_height: y.step,
    })
}
