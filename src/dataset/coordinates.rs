//! The values of coordinates as places of cells and as labels of an axis.

use std::collections::BTreeMap;

use super::{
    Array, Axis, AxisValues, Crs, DatasetError, Values,
    cf::{
        Packing, Regular, Role,
        axis::{Coordinate, decimal},
        time::Epoch,
    },
    draft::{Placed, shown},
    limits,
};

/// The centres of the cells along x or y.
pub(super) fn regular(
    placed: &Placed<'_>,
    dimension: usize,
    circular: bool,
    values: &BTreeMap<String, Values>,
) -> Result<Regular, DatasetError> {
    let coordinate = placed.coordinates[dimension].ok_or_else(|| DatasetError::NoCoordinates {
        array: placed.array.path.clone(),
        dimension: placed.array.dimensions[dimension].clone(),
    })?;
    let packing = Packing::of(coordinate)?;
    let read = numbers(coordinate, &packing, values)?;
    let found = Regular::of(&Coordinate {
        path: &coordinate.path,
        values: &read,
        epsilon: coordinate.data_type.epsilon(),
        quantum: if packing.is_identity() {
            0.0
        } else {
            packing.scale
        },
        circular,
    })?;
    // Satellite and model grids give projection coordinates in kilometres,
    // reference systems are in metres.
    let kilometres = matches!(
        coordinate.text("units").map(str::trim),
        Some("km" | "kilometer" | "kilometers" | "kilometre" | "kilometres")
    );
    let by = match &placed.crs {
        Some((Crs::Definition(text), _))
            if text.contains("kilomet") || text.contains("+units=km") =>
        {
            1.0
        }
        _ if kilometres => 1000.0,
        _ => 1.0,
    };
    Ok(Regular {
        first: found.first * by,
        step: found.step * by,
        ..found
    })
}

/// The values of a coordinate as numbers, unpacked; what is missing is NaN.
fn numbers(
    coordinate: &Array,
    packing: &Packing,
    values: &BTreeMap<String, Values>,
) -> Result<Vec<f64>, DatasetError> {
    let bad = |reason: String| DatasetError::BadCoordinate {
        coordinate: coordinate.path.clone(),
        reason,
    };
    let read = read(coordinate, values)?;
    if let Values::Unreadable(reason) = read {
        return Err(bad(reason.clone()));
    }
    let floats = read
        .floats()
        .ok_or_else(|| bad("its values are text".to_owned()))?;
    Ok(floats
        .into_iter()
        .map(|value| packing.decode(value).unwrap_or(f64::NAN))
        .collect())
}

/// What was read of a coordinate, which has to be all of it.
fn read<'v>(
    coordinate: &Array,
    values: &'v BTreeMap<String, Values>,
) -> Result<&'v Values, DatasetError> {
    let len = coordinate.shape[0];
    if len > limits::COORDINATE_VALUES {
        return Err(DatasetError::TooLarge {
            what: format!("the length of the coordinate `{}`", coordinate.path),
            found: len,
            limit: limits::COORDINATE_VALUES,
        });
    }
    let read = values
        .get(&coordinate.path)
        .ok_or_else(|| DatasetError::BadCoordinate {
            coordinate: coordinate.path.clone(),
            reason: "it was not read".to_owned(),
        })?;
    let whole = matches!(read, Values::Unreadable(_)) || u64::try_from(read.len()) == Ok(len);
    whole
        .then_some(read)
        .ok_or_else(|| DatasetError::BadCoordinate {
            coordinate: coordinate.path.clone(),
            reason: format!("{} values were read of {len}", read.len()),
        })
}

/// A dimension other than x and y, with what it can be selected by; `epoch` is what its
/// times are counted from, if they are to be decoded.
pub(super) fn axis(
    (name, len, role): (&str, u64, Role),
    coordinate: Option<&Array>,
    epoch: Option<&Epoch>,
    values: &BTreeMap<String, Values>,
) -> Result<Axis, DatasetError> {
    let mut axis = Axis {
        name: name.to_owned(),
        len: usize::try_from(len).unwrap_or(usize::MAX),
        role: if role == Role::Time {
            Role::Time
        } else {
            Role::Other
        },
        values: AxisValues::Indices,
        units: coordinate.and_then(|coordinate| shown(&coordinate.attributes, "units")),
    };
    if len == 0 {
        return Err(DatasetError::BadCoordinate {
            coordinate: name.to_owned(),
            reason: "the dimension has no steps yet".to_owned(),
        });
    }
    let Some(coordinate) = coordinate else {
        return Ok(axis);
    };
    let found = read(coordinate, values)?;
    let packing = Packing::of(coordinate)?;
    let times = epoch.and_then(|epoch| {
        if packing.is_identity() && packing.missing.is_empty() {
            return epoch.decode(found);
        }
        epoch.decode(&Values::Numbers(
            numbers(coordinate, &packing, values).ok()?,
        ))
    });
    axis.values = match (times, found) {
        (Some(times), _) => {
            axis.role = Role::Time;
            AxisValues::Times(times)
        }
        (None, Values::Texts(texts)) => AxisValues::Texts(
            texts
                .iter()
                .map(|text| text.chars().take(limits::NAME_BYTES).collect())
                .collect(),
        ),
        (None, Values::Unreadable(_)) => AxisValues::Indices,
        (None, Values::Numbers(_) | Values::Integers(_)) => {
            let single =
                coordinate.data_type.epsilon() >= f64::from(f32::EPSILON) && packing.is_identity();
            let numbers = numbers(coordinate, &packing, values)?;
            AxisValues::Numbers(
                numbers
                    .into_iter()
                    .map(|v| if single { decimal(v) } else { v })
                    .collect(),
            )
        }
    };
    Ok(axis)
}
