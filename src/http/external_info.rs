//! What a variable of a data set of somebody else is, in the form of `TiTiler`'s `/info`.

use serde_json::{Map, Value, json};

use super::{
    ApiError, links,
    query::{TileQuery, ValuesQuery},
};
use crate::{
    dataset::{How, Selection, Variable, cf::Role},
    external::External,
    grid::{Bounds, Epsg},
    tile::TileError,
};

/// Attributes that tell how numbers are stored, which xarray takes away when it reads them.
const OF_STORAGE: [&str; 8] = [
    "_FillValue",
    "missing_value",
    "scale_factor",
    "add_offset",
    "_Unsigned",
    "grid_mapping",
    "coordinates",
    "_ARRAY_DIMENSIONS",
];

/// Longitudes that are all beyond 180 degrees as those that they are.
fn west_of_180(bounds: Bounds, system: Epsg) -> Bounds {
    if system != Epsg::WGS84 || bounds.west < 180.0 {
        return bounds;
    }
    Bounds {
        west: bounds.west - 360.0,
        east: bounds.east - 360.0,
        ..bounds
    }
}

/// Where the first variable of a query is in degrees, and the document.
pub(super) fn document(
    external: &External,
    query: &ValuesQuery,
) -> Result<(Vec<Bounds>, Value), ApiError> {
    let dataset = &external.dataset;
    let variable = match query.variables.as_slice() {
        [] => &dataset.variables[0],
        [name, ..] => dataset.variable(name).map_err(TileError::from)?,
    };
    let selection = variable.select_all(&query.sel, &query.bidx);
    let selection = selection.map_err(TileError::from)?;
    let placed = external.placed(variable).map_err(TileError::from)?;
    let bands = labels(variable, &selection);
    let level = &variable.levels[0];
    let numbered = || (1..=bands.len()).map(|n| format!("b{n}"));
    let described = numbered()
        .zip(&bands)
        .map(|(band, text)| json!([band, text]));
    let metadata = numbered().map(|band| json!([band, {}]));
    // That of floats is NaN as a rule, which is missing in any case.
    let says_so = ["_FillValue", "missing_value"].iter();
    let has_nodata = !level.packing.missing.is_empty()
        || query.nodata.is_some()
        || says_so
            .into_iter()
            .any(|name| variable.attributes.contains_key(*name));
    let left = left(variable, &selection);
    let dimensions: Vec<&str> = left.iter().map(String::as_str).chain(["y", "x"]).collect();
    let mut told = json!({
        "bounds": west_of_180(level.grid.bounds(), placed.system).to_array(),
        "crs": links::crs_address(placed.system),
        "band_metadata": metadata.collect::<Vec<Value>>(),
        "band_descriptions": described.collect::<Vec<Value>>(),
        "dtype": level.packing.decoded.to_string(),
        "nodata_type": if has_nodata { "Nodata" } else { "None" },
        "name": variable.name,
        "count": bands.len(),
        "width": level.grid.shape.cols,
        "height": level.grid.shape.rows,
        "dimensions": dimensions,
        "attrs": attributes(variable),
    });
    if let Some(range) = valid(variable) {
        told["minmax"] = json!(vec![range; bands.len()]);
    }
    if query.show_times == Some(true) && axis_is_time(variable, &selection) {
        told["times"] = json!(bands);
    }
    Ok((placed.footprint.parts.clone(), told))
}

/// Adds the bands of a single variable to a document of tiles, as `TiTiler` has them there:
/// those from which `bidx` picks. Of several dimensions there are none to be told.
pub(super) fn add_bands(told: &mut Value, external: &External, query: &TileQuery) {
    let variable = match query.variables.as_slice() {
        [name] => external.dataset.variable(name).ok(),
        _ => None,
    };
    let Some(variable) = variable else { return };
    let Ok(selection) = variable.select_all(&query.sel, &[]) else {
        return;
    };
    let bands = labels(variable, &selection);
    let numbered = (1..=bands.len()).map(|n| format!("b{n}"));
    let described = numbered.zip(&bands).map(|(band, text)| json!([band, text]));
    told["band_descriptions"] = described.collect();
    if let Some(range) = valid(variable) {
        told["minmax"] = json!(vec![range; bands.len()]);
    }
}

/// What bands are called, times as numpy writes them.
fn labels(variable: &Variable, selection: &Selection) -> Vec<String> {
    let several = (0..selection.axes.len()).find(|n| selection.axes[*n].indices.len() > 1);
    let time = || {
        variable
            .axes
            .iter()
            .position(|axis| axis.role == Role::Time)
    };
    let Some(place) = several
        .or_else(time)
        .or((!selection.axes.is_empty()).then_some(0))
    else {
        return vec![variable.name.clone()];
    };
    let (axis, chosen) = (&variable.axes[place], &selection.axes[place]);
    let of = |label: &String| {
        if axis.role == Role::Time {
            in_nanoseconds(label)
        } else {
            label.clone()
        }
    };
    chosen.labels.iter().map(of).collect()
}

/// An instant with the nine digits that numpy gives it.
pub(super) fn in_nanoseconds(label: &str) -> String {
    let is_instant = label.len() >= 19 && label.as_bytes().get(10) == Some(&b'T');
    if !is_instant {
        return label.to_owned();
    }
    let (whole, fraction) = label.split_once('.').unwrap_or((label, ""));
    format!("{whole}.{fraction:0<9}")
}

/// The dimensions beside y and x that bands are along.
fn left(variable: &Variable, selection: &Selection) -> Vec<String> {
    let open = |n: &usize| {
        let chosen = &selection.axes[*n];
        chosen.indices.len() > 1 || matches!(chosen.how, How::All)
    };
    let places = (0..selection.axes.len()).filter(open);
    places.map(|n| variable.axes[n].name.clone()).collect()
}

fn axis_is_time(variable: &Variable, selection: &Selection) -> bool {
    let mut places = 0..selection.axes.len();
    places.any(|n| selection.axes[n].indices.len() > 1 && variable.axes[n].role == Role::Time)
}

/// As they are written, without those of storage.
pub(super) fn attributes(variable: &Variable) -> Map<String, Value> {
    let all = variable.attributes.iter();
    let told = all.filter(|(name, _)| !OF_STORAGE.contains(&name.as_str()));
    told.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// `valid_min` and `valid_max` as they are written, if both are.
pub(super) fn valid(variable: &Variable) -> Option<[Value; 2]> {
    let of = |name: &str| {
        variable
            .attributes
            .get(name)
            .filter(|value| value.is_number())
    };
    Some([of("valid_min")?.clone(), of("valid_max")?.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_nine_digits() {
        for (label, told) in [
            ("2024-01-01T00:00:00", "2024-01-01T00:00:00.000000000"),
            ("2024-01-01T00:00:00.5", "2024-01-01T00:00:00.500000000"),
            ("B02", "B02"),
        ] {
            assert_eq!(in_nanoseconds(label), told);
        }
    }
}
