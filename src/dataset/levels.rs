//! The groups that hold the same rasters at different resolutions.
//!
//! Sources: the `GeoZarr` convention `multiscales` (v0.1 `layout[].asset`, and
//! the spellings `group` and `path` before it), its predecessor with a tile
//! matrix set, ndpyramid's `multiscales[].datasets[].path`, and xcube's
//! `.levels` with stores `0.zarr`, `1.zarr`.

use serde_json::Value;

use super::{DatasetError, Group, limits, node::segments};

/// A group with rasters of one resolution. Which is the finest, their sizes tell.
pub(super) struct LevelGroup<'a> {
    /// From the root of the store to the level's group.
    pub lineage: Vec<&'a Group>,
    /// What the pyramid says about it.
    pub entry: &'a Value,
    /// Whether the pyramid says that this is a level of it, or names alone do.
    pub declared: bool,
}

/// The levels of a group, which is last of `lineage`: those that it declares,
/// children that are numbered as levels are, or itself alone.
///
/// # Errors
/// If more levels are declared than [`limits::LEVELS`], or one that is not there.
pub(super) fn level_groups<'a>(lineage: &[&'a Group]) -> Result<Vec<LevelGroup<'a>>, DatasetError> {
    let Some(&group) = lineage.last() else {
        return Ok(Vec::new());
    };
    let itself = || LevelGroup {
        lineage: lineage.to_vec(),
        entry: &Value::Null,
        declared: true,
    };
    let has_rasters = group.arrays.values().any(|array| array.shape.len() >= 2);
    let Some(multiscales) = group.attributes.get("multiscales") else {
        let mut found: Vec<LevelGroup<'a>> = Vec::new();
        if !has_rasters {
            found.extend(numbered(group).into_iter().map(|child| LevelGroup {
                lineage: [lineage, &[child]].concat(),
                entry: &Value::Null,
                declared: false,
            }));
        }
        return Ok(if found.is_empty() {
            vec![itself()]
        } else {
            found
        });
    };
    let entries = entries(multiscales);
    limits::check("the number of levels", entries.len(), limits::LEVELS)?;
    let mut found = Vec::new();
    let mut with_itself = false;
    for (path, entry) in entries {
        let path = path.strip_prefix("./").unwrap_or(path);
        let here = path.is_empty() || path == ".";
        with_itself |= here;
        let mut lineage = lineage.to_vec();
        if !here {
            for name in segments(path) {
                let next = lineage.last().and_then(|group| group.groups.get(name));
                lineage.push(next.ok_or_else(|| DatasetError::Attribute {
                    path: group.path.clone(),
                    attribute: "multiscales".to_owned(),
                    found: format!("a level `{}`", limits::shortened(path)),
                    right: "each level should be the path of a group below this one".to_owned(),
                })?);
            }
        }
        found.push(LevelGroup {
            lineage,
            entry,
            declared: true,
        });
    }
    // The full resolution may lie beside its overviews and not be listed.
    if (has_rasters && !with_itself) || found.is_empty() {
        found.push(itself());
    }
    Ok(found)
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
        let found = level_groups(&[root]).unwrap();
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
    fn a_level_that_is_not_there_is_named() {
        let root = pyramid(
            Some(json!({"layout": [{"asset": "0"}, {"asset": "../7"}]})),
            &["0"],
        );
        let message = level_groups(&[&root]).err().unwrap().to_string();
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
