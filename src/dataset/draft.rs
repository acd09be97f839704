//! A group's rasters before their coordinates are read: which dimension is
//! which, which arrays are the same variable at other resolutions, and which
//! coordinates have to be read to know more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Array, Attributes, Crs, CrsSource, DatasetError, Group, Refused,
    cf::Role,
    georef::Scope,
    levels::{LevelGroup, level_groups},
    limits,
};
use crate::grid::GeoTransform;

/// A data set whose coordinates are not read yet.
pub struct Draft<'a> {
    pub(super) path: String,
    pub(super) attributes: &'a Attributes,
    pub(super) variables: Vec<DraftVariable<'a>>,
    pub(super) refused: Vec<Refused>,
    pub(super) available: String,
    /// Whether times are to be left as the numbers that are stored.
    pub has_raw_times: bool,
}

/// A variable at all its resolutions, the one with the most pixels first.
pub(super) struct DraftVariable<'a> {
    pub name: String,
    pub levels: Vec<Placed<'a>>,
}

/// An array with x and y.
pub(super) struct Placed<'a> {
    pub array: &'a Array,
    /// Positions among its dimensions.
    pub x: usize,
    pub y: usize,
    pub transform: Option<GeoTransform>,
    /// Coordinate of each dimension, if it has one.
    pub coordinates: Vec<Option<&'a Array>>,
    pub roles: Vec<Role>,
    pub crs: Option<(Crs, CrsSource)>,
    pub declared: bool,
}

impl<'a> Draft<'a> {
    /// The rasters of the group at `path` of a store, with their overviews.
    ///
    /// # Errors
    /// If there is no such group, it has more rasters than
    /// [`limits::RASTERS`], or a pyramid has too many levels. What is wrong with a
    /// single variable is kept until somebody asks for it.
    pub fn new(root: &'a Group, path: &str) -> Result<Self, DatasetError> {
        let available = || match root.groups_with_rasters() {
            paths if paths.is_empty() => "none".to_owned(),
            paths => limited(&paths),
        };
        let lineage = root.lineage(path).ok_or_else(|| DatasetError::NoGroup {
            path: limits::shortened(path),
            available: available(),
        })?;
        let group = *lineage.last().unwrap_or(&root);
        let (levels, missing) = level_groups(&lineage)?;
        let mut variables: BTreeMap<&str, Vec<Placed<'a>>> = BTreeMap::new();
        let mut refused = Vec::new();
        // Arrays that are levels of one variable have numbers for names.
        let whole = match group.path.rsplit('/').next() {
            None | Some("") => "data",
            Some(name) => name,
        };
        for level in &levels {
            let rasters = rasters(level);
            limits::check(
                "the number of rasters of a group",
                rasters.len(),
                limits::RASTERS,
            )?;
            for array in rasters {
                let name = level.array.map_or(array.name(), |_| whole);
                match place(array, level, group) {
                    Ok(placed) => variables.entry(name).or_default().push(placed),
                    Err(reason) => refused.push(Refused {
                        name: name.to_owned(),
                        path: array.path.clone(),
                        reason,
                    }),
                }
            }
        }
        refused.extend(missing.into_iter().map(|reason| Refused {
            name: String::new(),
            path: group.path.clone(),
            reason,
        }));
        let variables = variables
            .into_iter()
            .map(|(name, mut levels)| {
                levels.sort_by_key(|placed| std::cmp::Reverse(placed.pixels()));
                DraftVariable {
                    name: name.to_owned(),
                    levels,
                }
            })
            .collect();
        Ok(Self {
            path: group.path.clone(),
            attributes: &group.attributes,
            variables,
            refused,
            available: available(),
            has_raw_times: false,
        })
    }

    /// The one-dimensional arrays whose values [`Draft::finish`] needs, each
    /// once: integers as [`super::Values::Integers`], since times in nanoseconds
    /// are beyond a float's precision. None has more than [`limits::COORDINATE_VALUES`]; a variable that
    /// needs a longer one is refused.
    ///
    /// # Errors
    /// If they have more than [`limits::ALL_COORDINATE_VALUES`] together.
    pub fn coordinates(&self) -> Result<Vec<&'a Array>, DatasetError> {
        let mut total = 0_u64;
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for variable in &self.variables {
            for (n, placed) in variable.levels.iter().enumerate() {
                for (dimension, coordinate) in placed.coordinates.iter().enumerate() {
                    let horizontal = dimension == placed.x || dimension == placed.y;
                    let needed = if horizontal {
                        placed.transform.is_none()
                    } else {
                        n == 0
                    };
                    if let Some(coordinate) = coordinate.filter(|_| needed)
                        && coordinate.shape[0] <= limits::COORDINATE_VALUES
                        && seen.insert(coordinate.path.as_str())
                    {
                        total = total.saturating_add(coordinate.shape[0]);
                        found.push(coordinate);
                    }
                }
            }
        }
        if total > limits::ALL_COORDINATE_VALUES {
            return Err(DatasetError::TooLarge {
                what: format!("the length of all coordinates of `{}` together", self.path),
                found: total,
                limit: limits::ALL_COORDINATE_VALUES,
            });
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.variables.iter().map(|v| v.name.as_str()).collect();
        f.debug_struct("Draft")
            .field("path", &self.path)
            .field("variables", &names)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl Placed<'_> {
    pub(super) fn rows(&self) -> u64 {
        self.array.shape[self.y]
    }

    pub(super) fn cols(&self) -> u64 {
        self.array.shape[self.x]
    }

    fn pixels(&self) -> u128 {
        u128::from(self.rows()) * u128::from(self.cols())
    }

    /// Names and lengths of the dimensions other than x and y.
    pub(super) fn others(&self) -> impl Iterator<Item = (usize, &str, u64)> {
        let dimensions = self.array.dimensions.iter().zip(&self.array.shape);
        dimensions
            .enumerate()
            .filter(|(n, _)| *n != self.x && *n != self.y)
            .map(|(n, (name, len))| (n, name.as_str(), *len))
    }
}

/// Names joined for a message, not too many.
pub(super) fn limited(names: &[String]) -> String {
    /// As many as a person reads.
    const SHOWN: usize = 20;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| {
            if name.is_empty() {
                "/ (the root)".to_owned()
            } else {
                limits::shortened(name)
            }
        })
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The arrays of a level's group that may be pictures: two dimensions or more,
/// and no coordinate, bounds or mapping of another.
fn rasters<'a>(level: &LevelGroup<'a>) -> Vec<&'a Array> {
    let Some(&group) = level.lineage.last() else {
        return Vec::new();
    };
    if let Some(array) = level.array {
        return vec![array];
    }
    let mut companions: BTreeSet<&str> = BTreeSet::new();
    for array in group.arrays.values() {
        companions.extend(array.text("bounds"));
        companions.extend(array.text("climatology"));
        for name in ["coordinates", "cell_measures", "ancillary_coordinates"] {
            companions.extend(array.text(name).into_iter().flat_map(str::split_whitespace));
        }
        companions.extend(array.dimensions.iter().map(String::as_str));
    }
    group
        .arrays
        .iter()
        .filter(|(name, array)| array.shape.len() >= 2 && !companions.contains(name.as_str()))
        .map(|(_, array)| array)
        .collect()
}

fn place<'a>(
    array: &'a Array,
    level: &LevelGroup<'a>,
    pyramid: &'a Group,
) -> Result<Placed<'a>, DatasetError> {
    let groups: Vec<&Group> = level.lineage.iter().rev().copied().collect();
    let scope = Scope {
        array,
        pyramid: Some(pyramid)
            .filter(|pyramid| !groups.first().is_some_and(|g| std::ptr::eq(*g, *pyramid))),
        groups,
        entry: level.entry,
    };
    let coordinates: Vec<Option<&Array>> = array
        .dimensions
        .iter()
        .zip(&array.shape)
        .map(|(name, len)| coordinate_of(&scope, name, *len))
        .collect();
    let mut roles: Vec<Role> = array
        .dimensions
        .iter()
        .zip(&coordinates)
        .map(|(name, coordinate)| {
            coordinate
                .and_then(Role::by_attributes)
                .or_else(|| Role::by_name(name))
                .unwrap_or(Role::Other)
        })
        .collect();
    let named = scope.dimensions().and_then(|names| {
        let [y, x] = names.map(|name| array.dimensions.iter().position(|d| d == name));
        // Where the order is the other way round, what is known of the names wins.
        let (y, x) = (y?, x?);
        Some(if roles[y].is_x() && roles[x].is_y() {
            (x, y)
        } else {
            (y, x)
        })
    });
    let found = named.or_else(|| {
        Some((
            roles.iter().rposition(|r| r.is_y())?,
            roles.iter().rposition(|r| r.is_x())?,
        ))
    });
    let Some((y, x)) = found.filter(|(y, x)| y != x) else {
        return Err(
            curvilinear(&scope).unwrap_or_else(|| DatasetError::NotARaster {
                array: array.path.clone(),
                dimensions: array.dimensions.join(", "),
            }),
        );
    };
    if !roles[x].is_x() {
        roles[x] = Role::X { longitude: false };
    }
    if !roles[y].is_y() {
        roles[y] = Role::Y { latitude: false };
    }
    if !array.data_type.is_numeric() {
        return Err(DatasetError::UnsupportedDataType {
            array: array.path.clone(),
            found: array.data_type.to_string(),
        });
    }
    array.check_codecs()?;
    for side in [x, y] {
        if array.shape[side] == 0 || array.shape[side] > limits::GRID_SIDE {
            return Err(DatasetError::TooLarge {
                what: format!(
                    "the length of dimension `{}` of `{}` (at least 1)",
                    array.dimensions[side], array.path
                ),
                found: array.shape[side],
                limit: limits::GRID_SIDE,
            });
        }
    }
    let has_coordinates = coordinates[x].is_some() && coordinates[y].is_some();
    let transform = scope.transform(array.shape[y], array.shape[x], has_coordinates)?;
    if transform.is_none() {
        for side in [x, y] {
            if coordinates[side].is_none() {
                return Err(
                    curvilinear(&scope).unwrap_or_else(|| DatasetError::NoCoordinates {
                        array: array.path.clone(),
                        dimension: array.dimensions[side].clone(),
                    }),
                );
            }
        }
    }
    Ok(Placed {
        array,
        x,
        y,
        transform,
        coordinates,
        roles,
        crs: scope.crs()?,
        declared: level.declared,
    })
}

/// The coordinate of a dimension: the one-dimensional array of its name in the
/// nearest group, or the only one along it whose attributes make it one.
fn coordinate_of<'a>(scope: &Scope<'a>, dimension: &str, len: u64) -> Option<&'a Array> {
    let along = |array: &&'a Array| array.shape == [len] && array.dimensions == [dimension];
    if let Some(array) = scope.find(dimension).filter(along) {
        return Some(array);
    }
    let group = scope.groups.first()?;
    let mut telling = group
        .arrays
        .values()
        .filter(along)
        .filter(|array| Role::by_attributes(array).is_some_and(|role| role != Role::Other));
    match (telling.next(), telling.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The refusal of an array over the last two dimensions of which there are
/// longitudes or latitudes of their own for each cell.
fn curvilinear(scope: &Scope<'_>) -> Option<DatasetError> {
    let array = scope.array;
    let own = array
        .dimensions
        .get(array.dimensions.len().checked_sub(2)?..)?;
    let group = scope.groups.first()?;
    let coordinate = group.arrays.values().find(|other| {
        other.shape.len() == 2
            && other.dimensions == own
            && other.path != array.path
            && (Role::is_named_geographic(other.name())
                || matches!(
                    Role::by_attributes(other),
                    Some(Role::X { longitude: true } | Role::Y { latitude: true })
                ))
    })?;
    Some(DatasetError::Curvilinear {
        array: array.path.clone(),
        coordinate: coordinate.path.clone(),
    })
}

/// A text attribute of a variable, cut to a length that can be shown.
pub(super) fn shown(attributes: &Attributes, name: &str) -> Option<String> {
    let text = attributes.get(name).and_then(Value::as_str)?.trim();
    (!text.is_empty()).then(|| text.chars().take(limits::NAME_BYTES).collect())
}
