//! What data sets of somebody else are.

use serde_json::{Value, json};

use super::{ApiError, cubes, query::TileQuery};
use crate::{
    catalog::ExternalEntry,
    dataset::{Axis, DatasetError, Variable, cf::Role},
    external::External,
    grid::{Bounds, Grid},
    render::Colormap,
    tile,
};

/// Values of a dimension that are listed; of more, the first and last.
const LISTED_VALUES: usize = 1000;

/// Variables that are described; the others are named in errors.
const LISTED_VARIABLES: usize = 500;

/// Its line among the cubes.
pub(super) fn line(entry: &ExternalEntry, base: &str) -> Value {
    let name = entry.name();
    json!({
        "id": name,
        "title": title(entry, &entry.source().served()),
        "links": [{"rel": "self", "type": "application/json", "href": format!("{base}/cubes/{name}")}],
    })
}

/// All there is to know about it, in the form of a cube's document.
pub(super) fn document(
    entry: &ExternalEntry,
    external: &External,
    base: &str,
) -> Result<Value, ApiError> {
    let name = entry.name();
    let dataset = &external.dataset;
    let first = &dataset.variables[0];
    let (bounds, cell_width) = around(external, dataset.variables.iter())?;
    let (minzoom, maxzoom) = zooms(bounds, cell_width);
    let levels: Vec<Value> = (first.levels.iter().enumerate())
        .map(|(number, level)| {
            let transform = level.grid.transform;
            json!({
                "level": number,
                "cell_size": [transform.cell_width.abs(), transform.cell_height.abs()],
                "shape": [level.grid.shape.rows, level.grid.shape.cols],
            })
        })
        .collect();
    let listed = dataset.variables.iter().take(LISTED_VARIABLES);
    let refused = dataset.refused.iter().take(LISTED_VARIABLES);
    let time = first.axes.iter().find(|axis| axis.role == Role::Time);
    Ok(json!({
        "id": name,
        "kind": "external",
        "title": title(entry, external),
        "attribution": "",
        "source": entry.source().address().told(),
        "crs": first.crs.to_string(),
        "crs_source": format!("{:?}", first.crs_source),
        "units": if first.crs.is_geographic() { "degrees" } else { "metres" },
        "extent": first.levels[0].grid.bounds().to_array(),
        "bounds": bounds.to_array(),
        "center": center(bounds, minzoom),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "variables": listed.map(|variable| described(variable, external)).collect::<Vec<_>>(),
        "refused": refused.map(|refused| json!({
            "name": refused.name, "path": refused.path, "reason": refused.reason.to_string(),
        })).collect::<Vec<_>>(),
        "times": time.map_or_else(Vec::new, |axis| labels(axis)),
        "period": Value::Null,
        "revision": &*external.version,
        "style": {"variables": [first.name], "rescale": []},
        "colormaps": Colormap::names(),
        "levels": levels,
        "fillable": false,
        "coverage": Value::Null,
        "links": [
            {"rel": "self", "type": "application/json", "href": format!("{base}/cubes/{name}")},
            {"rel": "tilejson", "type": "application/json", "href": format!("{base}/cubes/{name}/WebMercatorQuad/tilejson.json")},
            {"rel": "tiles", "templated": true, "type": "image/png", "href": format!("{base}/cubes/{name}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png")},
        ],
    }))
}

/// Where and how fine the variables of a query are.
pub(super) struct Extent {
    /// In degrees.
    pub(super) bounds: Bounds,
    pub(super) minzoom: i8,
    pub(super) maxzoom: i8,
    /// The finest cells of the first variable.
    pub(super) grid: Grid,
    pub(super) data_type: String,
}

/// The extent of a query, which is checked so that a typo shows before a thousand tiles
/// fail.
pub(super) fn extent(external: &External, query: &TileQuery) -> Result<Extent, ApiError> {
    let variables = tile::check_external(query.look(None)?, external)?;
    let data_type = variables[0].levels[0].packing.decoded.to_string();
    let (bounds, cell_width) = around(external, variables.iter().copied())?;
    let (minzoom, maxzoom) = zooms(bounds, cell_width);
    let placed = variables.iter().find_map(|variable| {
        let system = external.placed(variable).ok()?.system;
        Some((system, variable.levels[0].grid))
    });
    let (crs, finest) = placed.ok_or_else(|| ApiError::from(&DatasetError::NotZarr))?;
    let grid = Grid {
        crs,
        transform: finest.transform,
        shape: finest.shape,
    };
    Ok(Extent {
        bounds,
        minzoom,
        maxzoom,
        grid,
        data_type,
    })
}

pub(super) fn title(entry: &ExternalEntry, external: &External) -> String {
    let own = external.dataset.title.as_deref();
    own.filter(|title| !title.trim().is_empty())
        .unwrap_or(entry.name())
        .to_owned()
}

fn described(variable: &Variable, external: &External) -> Value {
    let level = &variable.levels[0];
    let placed = external.placed(variable);
    let zooms = placed.as_ref().ok().map(|placed| {
        let (min, max) = zooms(placed.footprint.bounds(), placed.footprint.cell_width);
        [min, max]
    });
    let dimensions: Vec<Value> = variable.axes.iter().map(|axis| dimension(axis)).collect();
    let flags: Vec<Value> = (variable.flags.iter())
        .map(|flag| json!({"value": flag.value, "meaning": flag.meaning, "color": flag.color}))
        .collect();
    json!({
        "name": variable.name,
        "long_name": variable.long_name,
        "standard_name": variable.standard_name,
        "units": variable.units,
        "data_type": level.packing.decoded.to_string(),
        "stored_type": level.data_type.to_string(),
        "nodata": level.packing.missing.iter().find(|value| value.is_finite()),
        "valid_range": level.packing.valid_physical().map(|(min, max)| [min, max]),
        "crs": variable.crs.to_string(),
        "bounds": placed.as_ref().ok().map(|placed| placed.footprint.bounds().to_array()),
        "error": placed.as_ref().err().map(ToString::to_string),
        "zooms": zooms,
        "shape": level.shape,
        "chunk": level.chunk,
        "dimension_names": variable.dimensions,
        "dimensions": dimensions,
        "flags": flags,
        "levels": variable.levels.len(),
    })
}

fn dimension(axis: &Axis) -> Value {
    json!({
        "name": axis.name,
        "length": axis.len,
        "role": if axis.role == Role::Time { "time" } else { "other" },
        "units": axis.units,
        "values": labels(axis),
    })
}

/// The values of a dimension, or of a long one the first and the last.
fn labels(axis: &Axis) -> Vec<String> {
    if axis.len <= LISTED_VALUES {
        return (0..axis.len).map(|n| axis.label(n)).collect();
    }
    let half = LISTED_VALUES / 2;
    let ends = (0..half).chain(axis.len - half..axis.len);
    ends.map(|n| axis.label(n)).collect()
}

/// The rectangle around variables, and their finest cells in degrees; those
/// that have no place are left out as long as one has.
fn around<'a>(
    external: &External,
    variables: impl Iterator<Item = &'a Variable>,
) -> Result<(Bounds, f64), ApiError> {
    let mut all: Option<(Bounds, f64)> = None;
    let mut failed = None;
    for variable in variables {
        let footprint = match external.placed(variable) {
            Ok(placed) => &placed.footprint,
            Err(error) => {
                failed = failed.or(Some(error));
                continue;
            }
        };
        let (own, cell_width) = (footprint.bounds(), footprint.cell_width);
        let (known, finest) = all.unwrap_or((own, cell_width));
        all = Some((known.union(&own), finest.min(cell_width)));
    }
    match (all, failed) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(ApiError::from(&error)),
        (None, None) => Err(ApiError::from(&DatasetError::NotZarr)),
    }
}

fn zooms(bounds: Bounds, cell_width: f64) -> (i8, i8) {
    let extent = (bounds.east - bounds.west).max(bounds.north - bounds.south);
    cubes::zooms_for(extent, cell_width)
}

fn center(bounds: Bounds, minzoom: i8) -> [f64; 3] {
    [
        bounds.west.midpoint(bounds.east),
        bounds.south.midpoint(bounds.north),
        f64::from(minzoom) + 1.0,
    ]
}
