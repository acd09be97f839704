//! Where an array's cells are and in which reference system, as attributes
//! tell it.
//!
//! Sources: the `GeoZarr` conventions `proj` and `spatial` (v0.1 and the
//! spellings before it), CF grid mappings, and GDAL's `_CRS` and `GeoTransform`.

use serde_json::Value;

use super::{
    Array, Attributes, Crs, CrsSource, DatasetError, Group,
    cf::{projection::proj_string, value::numbers},
    limits::shortened,
};
use crate::grid::GeoTransform;

/// UUID of the convention `proj`. Names and addresses have moved, it has not.
const PROJ: &str = "f17cb550-5864-4468-aeb7-f3180cfb622f";

/// Beginnings of PROJ strings that mean longitude and latitude of WGS 84.
const WGS84: [&str; 2] = [
    "+proj=longlat +datum=WGS84",
    "+proj=longlat +a=6378137 +rf=298.257223563",
];

/// The nodes whose attributes hold for an array, nearest first: itself, its
/// group, and the group with the pyramid that it is a level of.
pub(super) struct Scope<'a> {
    pub array: &'a Array,
    /// Its group and those around it, innermost first.
    pub groups: Vec<&'a Group>,
    /// The pyramid's group, if it is another one.
    pub pyramid: Option<&'a Group>,
    /// What the pyramid says about this level.
    pub entry: &'a Value,
}

impl<'a> Scope<'a> {
    fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a Attributes)> {
        let group = self.groups.first().copied();
        std::iter::once((self.array.path.as_str(), &self.array.attributes)).chain(
            group
                .into_iter()
                .chain(self.pyramid)
                .map(|group| (group.path.as_str(), &group.attributes)),
        )
    }

    /// An array of a name in the nearest group that has one.
    pub(super) fn find(&self, name: &str) -> Option<&'a Array> {
        self.groups.iter().find_map(|group| group.arrays.get(name))
    }

    /// The reference system, by precedence: `proj` declared by its UUID; a CF
    /// grid mapping; undeclared attributes. `None` if nothing is said.
    ///
    /// # Errors
    /// If what is said first cannot be understood: another source further down
    /// might contradict it.
    pub(super) fn crs(&self) -> Result<Option<(Crs, CrsSource)>, DatasetError> {
        for (path, attributes) in self.attributes() {
            if declares(attributes, PROJ)
                && let Some(crs) = proj(path, attributes)?
            {
                return Ok(Some((crs, CrsSource::GeoZarr)));
            }
        }
        if let Some(crs) = self.grid_mapping()? {
            return Ok(Some((crs, CrsSource::GridMapping)));
        }
        let attribute = |crs| Some((crs, CrsSource::Attribute));
        if let Some(text) = self.entry["crs"].as_str() {
            return parsed(&self.array.path, "multiscales", text).map(attribute);
        }
        for (path, attributes) in self.attributes() {
            if let Some(crs) = proj(path, attributes)? {
                return Ok(attribute(crs));
            }
            if let Some(crs) = attributes.get("_CRS") {
                let text = crs["wkt"].as_str().or_else(|| crs["url"].as_str());
                return match (text, Crs::projjson(&crs["projjson"])) {
                    (Some(text), _) => parsed(path, "_CRS", text).map(attribute),
                    (None, Some(crs)) => Ok(attribute(crs)),
                    (None, None) => Err(not_a_crs(path, "_CRS", &crs.to_string())),
                };
            }
            if let Some(text) = attributes.get("crs").and_then(Value::as_str)
                && let Some(crs) = Crs::parse(text)
            {
                return Ok(attribute(crs));
            }
        }
        Ok(None)
    }

    /// The variable that `grid_mapping` names, or one that goes by the names
    /// which writers give it.
    fn mapping_variable(&self) -> Option<&'a Array> {
        let named = self.attributes().find_map(|(_, attributes)| {
            let text = attributes.get("grid_mapping")?.as_str()?;
            // The extended form is `crs: x y`.
            let name = text.split([':', ' ']).next()?;
            self.find(name.rsplit('/').next()?)
        });
        named.or_else(|| {
            let usual = ["spatial_ref", "crs"]
                .into_iter()
                .find_map(|name| self.find(name));
            usual.filter(|array| {
                ["crs_wkt", "spatial_ref", "grid_mapping_name"]
                    .iter()
                    .any(|key| array.attributes.contains_key(*key))
            })
        })
    }

    fn grid_mapping(&self) -> Result<Option<Crs>, DatasetError> {
        let Some(mapping) = self.mapping_variable() else {
            return Ok(None);
        };
        for name in ["crs_wkt", "spatial_ref", "proj4", "epsg_code"] {
            if let Some(text) = mapping.text(name).filter(|text| !text.trim().is_empty()) {
                return parsed(&mapping.path, name, text).map(Some);
            }
        }
        match proj_string(&mapping.attributes) {
            Ok(text) if WGS84.iter().any(|datum| text.starts_with(datum)) => Ok(Some(Crs::Crs84)),
            Ok(text) => Ok(Some(Crs::Definition(text))),
            Err(name) => Err(DatasetError::Attribute {
                path: mapping.path.clone(),
                attribute: "grid_mapping_name".to_owned(),
                found: if name.is_empty() { "absent".to_owned() } else { format!("`{}`", shortened(&name)) },
                right: "a mapping that is not described by `crs_wkt` should be one of CF's that rows and columns follow, such as transverse_mercator".to_owned(),
            }),
        }
    }

    /// Pixel to world as `spatial:transform` gives it: the array's own, its
    /// group's, its entry of the pyramid's layout; then `GeoTransform` of the
    /// grid mapping where there are no coordinates to tell it (`has_coordinates`).
    ///
    /// # Errors
    /// If a transform is rotated or none, or `spatial:shape` beside it is not
    /// the array's (`rows`, `cols`).
    pub(super) fn transform(
        &self,
        rows: u64,
        cols: u64,
        has_coordinates: bool,
    ) -> Result<Option<GeoTransform>, DatasetError> {
        let entry = self.entry.as_object();
        // A pyramid's own transform is that of its finest level alone, which
        // says it again.
        let group = self
            .groups
            .first()
            .map(|group| (group.path.as_str(), &group.attributes));
        let nodes = std::iter::once((self.array.path.as_str(), &self.array.attributes))
            .chain(group)
            .chain(entry.map(|entry| (self.array.path.as_str(), entry)));
        for (path, attributes) in nodes {
            let Some(value) = attributes.get("spatial:transform") else {
                continue;
            };
            if let Some(shape) = attributes.get("spatial:shape").and_then(Value::as_array)
                && shape.iter().map(Value::as_u64).ne([Some(rows), Some(cols)])
            {
                return Err(DatasetError::Attribute {
                    path: path.to_owned(),
                    attribute: "spatial:shape".to_owned(),
                    found: shortened(&attributes["spatial:shape"].to_string()),
                    right: format!("the array has {rows} rows and {cols} columns"),
                });
            }
            let transform = affine(path, value)?;
            let registration = attributes.get("spatial:registration");
            return Ok(Some(match registration.and_then(Value::as_str) {
                // Then the transform gives the centre of a cell.
                Some("node") => GeoTransform {
                    origin_x: transform.origin_x - transform.cell_width / 2.0,
                    origin_y: transform.origin_y - transform.cell_height / 2.0,
                    ..transform
                },
                None | Some(_) => transform,
            }));
        }
        let geotransform = self
            .mapping_variable()
            .filter(|_| !has_coordinates)
            .and_then(|mapping| Some((mapping, mapping.text("GeoTransform")?)));
        geotransform
            .map(|(mapping, text)| gdal(&mapping.path, text))
            .transpose()
    }

    /// The y and x dimension that `spatial:dimensions` names, in that order.
    pub(super) fn dimensions(&self) -> Option<[&'a str; 2]> {
        self.attributes().find_map(|(_, attributes)| {
            let names = attributes.get("spatial:dimensions")?.as_array()?;
            match names.as_slice() {
                [y, x] => Some([y.as_str()?, x.as_str()?]),
                _ => None,
            }
        })
    }
}

/// Whether a node declares a convention.
fn declares(attributes: &Attributes, uuid: &str) -> bool {
    attributes
        .get("zarr_conventions")
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().any(|entry| entry["uuid"] == uuid))
}

/// The system of `proj:` attributes. Where they disagree, WKT wins.
fn proj(path: &str, attributes: &Attributes) -> Result<Option<Crs>, DatasetError> {
    if let Some(text) = attributes.get("proj:wkt2").and_then(Value::as_str) {
        return parsed(path, "proj:wkt2", text).map(Some);
    }
    if let Some(value) = attributes
        .get("proj:projjson")
        .filter(|value| !value.is_null())
    {
        let found = value
            .as_str()
            .map_or_else(|| Crs::projjson(value), Crs::parse);
        return found
            .map(Some)
            .ok_or_else(|| not_a_crs(path, "proj:projjson", &value.to_string()));
    }
    if let Some(text) = attributes.get("proj:code").and_then(Value::as_str) {
        return parsed(path, "proj:code", text).map(Some);
    }
    let epsg = attributes.get("proj:epsg").and_then(Value::as_u64);
    epsg.map(|code| parsed(path, "proj:epsg", &format!("EPSG:{code}")))
        .transpose()
}

fn parsed(path: &str, attribute: &str, text: &str) -> Result<Crs, DatasetError> {
    Crs::parse(text).ok_or_else(|| not_a_crs(path, attribute, text))
}

fn not_a_crs(path: &str, attribute: &str, found: &str) -> DatasetError {
    DatasetError::Attribute {
        path: path.to_owned(),
        attribute: attribute.to_owned(),
        found: format!("`{}`", shortened(found)),
        right: "it should be a code of EPSG or OGC, WKT, or PROJJSON".to_owned(),
    }
}

/// Affine order: `[width, 0, x, 0, height, y]`; nine numbers are a whole matrix.
fn affine(path: &str, value: &Value) -> Result<GeoTransform, DatasetError> {
    let found = numbers(value).filter(|found| matches!(found.len(), 6 | 9));
    upright(path, value, found.as_deref(), [0, 1, 2, 3, 4, 5])
}

/// GDAL's order, as text: `x width 0 y 0 height`.
fn gdal(path: &str, text: &str) -> Result<GeoTransform, DatasetError> {
    let parts = text.split_whitespace().map(str::parse);
    let found: Option<Vec<f64>> = parts.collect::<Result<_, _>>().ok();
    let found = found.filter(|found| found.len() == 6);
    let value = Value::String(text.to_owned());
    upright(path, &value, found.as_deref(), [1, 2, 0, 4, 5, 3])
}

/// The transform of numbers whose places in affine order are given, if its rows
/// and columns follow the axes.
fn upright(
    path: &str,
    value: &Value,
    found: Option<&[f64]>,
    places: [usize; 6],
) -> Result<GeoTransform, DatasetError> {
    if let Some(found) = found {
        let [cell_width, row_x, origin_x, col_y, cell_height, origin_y] =
            places.map(|place| found[place]);
        let cell = cell_width * cell_height;
        let world = [cell, origin_x, origin_y].iter().all(|v| v.is_finite());
        if world && cell != 0.0 && row_x == 0.0 && col_y == 0.0 {
            return Ok(GeoTransform {
                origin_x,
                origin_y,
                cell_width,
                cell_height,
            });
        }
    }
    Err(DatasetError::Transform {
        path: path.to_owned(),
        found: shortened(&value.to_string()),
    })
}
