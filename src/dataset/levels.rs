//! The groups that hold the same rasters at different resolutions.
//!
//! Sources: the `GeoZarr` convention `multiscales` (v0.1 `layout[].asset`, and
//! the spellings `group` and `path` before it), its predecessor with a tile
//! matrix set, ndpyramid's `multiscales[].datasets[].path`, and xcube's
//! `.levels` with stores `0.zarr`, `1.zarr`.

use serde_json::Value;

use super::{Array, DatasetError, Group, limits};

/// A group with rasters of one resolution, or one array of a group whose arrays
/// are the levels. Which is the finest, their sizes tell.
pub(super) struct LevelGroup<'a> {
    /// From the root of the store to the level's group.
    pub lineage: Vec<&'a Group>,
    /// The array, where it alone is the level.
    pub array: Option<&'a Array>,
    /// What the pyramid says about it.
    pub entry: &'a Value,
    /// Whether the pyramid says that this is a level of it, or names alone do.
    pub declared: bool,
}

/// The levels of a group, which is last of `lineage`: those that it declares,
/// children that are numbered as levels are, or itself alone. With them the
/// declared ones that are not there: an overview that is missing is no reason
/// not to serve what is there.
///
/// # Errors
/// If more levels are declared than [`limits::LEVELS`].
pub(super) fn level_groups<'a>(
    lineage: &[&'a Group],
) -> Result<(Vec<LevelGroup<'a>>, Vec<DatasetError>), DatasetError> {
    let Some(&group) = lineage.last() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let level = |lineage: Vec<&'a Group>, entry: &'a Value| LevelGroup {
        lineage,
        array: None,
        entry,
        declared: true,
    };
    let itself = || level(lineage.to_vec(), &Value::Null);
    let has_rasters = group.arrays.values().any(|array| array.shape.len() >= 2);
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let Some(multiscales) = group.attributes.get("multiscales") else {
        if !has_rasters {
            found.extend(numbered(group).into_iter().map(|child| LevelGroup {
                declared: false,
                ..level([lineage, &[child]].concat(), &Value::Null)
            }));
        }
        if found.is_empty() {
            found.push(itself());
        }
        return Ok((found, missing));
    };
    let entries = entries(multiscales);
    limits::check("the number of levels", entries.len(), limits::LEVELS)?;
    // The full resolution may lie beside its overviews and not be listed.
    let mut listed = false;
    for (path, entry) in entries {
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = if path == "." { "" } else { path };
        let below = |path: &str| {
            let below = group.lineage(path)?;
            Some([&lineage[..lineage.len() - 1], &below].concat())
        };
        let (parent, _) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some(found_group) = below(path) {
            listed |= path.is_empty();
            found.push(level(found_group, entry));
        } else if let Some(array) = group.array(path)
            && let Some(parent) = below(parent)
        {
            listed = true;
            found.push(LevelGroup {
                array: Some(array),
                ..level(parent, entry)
            });
        } else {
            missing.push(DatasetError::Attribute {
                path: group.path.clone(),
                attribute: "multiscales".to_owned(),
                found: format!("a level `{}`", limits::shortened(path)),
                right: "each level should be the path of a group or array below this one"
                    .to_owned(),
            });
        }
    }
    if (has_rasters && !listed) || found.is_empty() {
        found.push(itself());
    }
    Ok((found, missing))
}

/// Paths of levels, each with its entry.
fn entries(multiscales: &Value) -> Vec<(&str, &Value)> {
    let candidates: [(&Value, &[&str]); 4] = [
        (&multiscales["layout"], &["asset", "group", "path"]),
        (&multiscales["tile_matrix_set"]["tileMatrices"], &["id"]),
        (&multiscales["datasets"], &["path"]),
        (&multiscales[0]["datasets"], &["path"]),
    ];
    for (entries, keys) in candidates {
        let entries = entries.as_array().into_iter().flatten();
        let found: Vec<_> = entries
            .filter_map(|entry| {
                let path = keys.iter().find_map(|key| entry[*key].as_str())?;
                Some((path, entry))
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Children named `0`, `1`, ... or `0.zarr`, `1.zarr`, ... without a gap, at
/// least two of them. Whether they are levels of one pyramid, their extents tell.
fn numbered(group: &Group) -> Vec<&Group> {
    for suffix in ["", ".zarr"] {
        let found: Vec<&Group> = (0..limits::LEVELS)
            .map_while(|n| group.groups.get(&format!("{n}{suffix}")))
            .collect();
        if found.len() >= 2 || (found.len() == 1 && !suffix.is_empty()) {
            return found;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pyramid(multiscales: Option<Value>, children: &[&str]) -> Group {
        let mut root = Group::default();
        if let Some(value) = multiscales {
            root.attributes.insert("multiscales".to_owned(), value);
        }
        for name in children {
            let child = Group {
                path: (*name).to_owned(),
                ..Group::default()
            };
            root.groups.insert((*name).to_owned(), child);
        }
        root
    }

    fn paths(root: &Group) -> Vec<String> {
        let (found, _) = level_groups(&[root]).unwrap();
        found
            .iter()
            .map(|level| level.lineage.last().unwrap().path.clone())
            .collect()
    }

    #[test]
    fn every_spelling_of_a_pyramid_names_its_levels() {
        for multiscales in [
            json!({"layout": [{"asset": "0"}, {"asset": "./1", "derived_from": "0"}]}),
            json!({"layout": [{"group": "0"}, {"group": "1", "from_group": "0"}]}),
            json!({"tile_matrix_set": {"tileMatrices": [{"id": "0"}, {"id": "1"}]}}),
            json!([{"datasets": [{"path": "0", "crs": "EPSG:3857"}, {"path": "1"}], "type": "reduce"}]),
        ] {
            assert_eq!(
                paths(&pyramid(Some(multiscales.clone()), &["0", "1", "2"])),
                ["0", "1"],
                "{multiscales}"
            );
        }
    }

    #[test]
    fn numbered_children_are_levels_until_their_extents_say_otherwise() {
        let root = pyramid(None, &["0", "1", "2", "notes"]);
        assert_eq!(paths(&root), ["0", "1", "2"]);
        assert!(
            level_groups(&[&root])
                .unwrap()
                .0
                .iter()
                .all(|level| !level.declared)
        );
        assert_eq!(
            paths(&pyramid(None, &["0.zarr", "1.zarr"])),
            ["0.zarr", "1.zarr"]
        );
        assert_eq!(
            paths(&pyramid(None, &["0"])),
            [""],
            "a group of its own, not a pyramid"
        );
        assert_eq!(paths(&pyramid(None, &["10m", "20m"])), [""]);
    }

    #[test]
    fn a_level_that_is_not_there_is_named_and_the_others_are_served() {
        let layout = json!({"layout": [{"asset": "0"}, {"asset": "../7"}]});
        let root = pyramid(Some(layout), &["0"]);
        assert_eq!(paths(&root), ["0"]);
        let (_, missing) = level_groups(&[&root]).unwrap();
        let message = missing[0].to_string();
        assert!(
            message.contains("../7") && message.contains("multiscales"),
            "{message}"
        );
    }

    #[test]
    fn too_many_levels_are_refused() {
        let layout: Vec<Value> = (0..40).map(|n| json!({"asset": n.to_string()})).collect();
        assert!(level_groups(&[&pyramid(Some(json!({"layout": layout})), &[])]).is_err());
    }
}
