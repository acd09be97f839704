//! Metadata documents of a store, read into a tree.
//!
//! Sources: Zarr v2 (`.zgroup`, `.zarray`, `.zattrs`, and `.zmetadata` as
//! zarr-python writes it), Zarr core v3 (`zarr.json`, and zarr-python's inline
//! `consolidated_metadata`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Array, DatasetError, Group, limits,
    node::{attributes_of, segments},
};

/// Names of the documents that are of use at a group's path; of the root's,
/// which ones are there tells a store's version and whether it is consolidated.
pub const GROUP_DOCUMENTS: [&str; 4] = ["zarr.json", ".zmetadata", ".zgroup", ".zattrs"];

/// The documents of a store, by key.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    read: BTreeMap<String, Value>,
    consolidated: BTreeMap<String, Value>,
    root_is_consolidated: bool,
}

impl Documents {
    /// Adds the document at a key of the store (`zarr.json`,
    /// `0/red/.zarray`). What a consolidated one holds is added with it, but
    /// does not replace documents that are added themselves: those are newer.
    /// Keys that are no metadata are passed over.
    ///
    /// # Errors
    /// If it is larger than [`limits::DOCUMENT_BYTES`] or no JSON, or if there
    /// are more nodes than [`limits::NODES`] or deeper ones than
    /// [`limits::DEPTH`].
    pub fn insert(&mut self, key: &str, text: &[u8]) -> Result<(), DatasetError> {
        let (path, name) = split(key);
        if !matches!(
            name,
            "zarr.json" | ".zmetadata" | ".zgroup" | ".zarray" | ".zattrs"
        ) {
            return Ok(());
        }
        limits::check(
            &format!("the size of `{key}`"),
            text.len(),
            limits::DOCUMENT_BYTES,
        )?;
        let mut document: Value =
            serde_json::from_slice(text).map_err(|error| DatasetError::Document {
                path: key.to_owned(),
                reason: format!("it is no JSON: {error}"),
            })?;
        if name == ".zmetadata" {
            self.root_is_consolidated |= path.is_empty();
            if let Some(Value::Object(entries)) = document.pointer_mut("/metadata").map(Value::take)
            {
                for (inner, value) in entries {
                    self.add_consolidated(&join(path, &inner), value)?;
                }
            }
            return Ok(());
        }
        if name == "zarr.json"
            && let Some(Value::Object(entries)) = document
                .pointer_mut("/consolidated_metadata/metadata")
                .map(Value::take)
        {
            self.root_is_consolidated |= path.is_empty();
            for (inner, value) in entries {
                self.add_consolidated(&join(&join(path, &inner), "zarr.json"), value)?;
            }
        }
        self.read.insert(join(path, name), document);
        self.check()
    }

    fn add_consolidated(&mut self, key: &str, document: Value) -> Result<(), DatasetError> {
        self.consolidated.insert(key.to_owned(), document);
        self.check()
    }

    fn check(&self) -> Result<(), DatasetError> {
        // A node of version 2 has two documents.
        let documents = self.read.len() + self.consolidated.len();
        limits::check(
            "the number of groups and arrays",
            documents,
            3 * limits::NODES,
        )
    }

    /// Whether the root's consolidated metadata tells all there is, so that
    /// nothing needs to be listed.
    #[must_use]
    pub fn is_consolidated(&self) -> bool {
        self.root_is_consolidated
    }

    /// The tree of groups and arrays.
    ///
    /// # Errors
    /// If no document was added, the root is an array, or a document is not
    /// what Zarr asks for.
    pub fn tree(self) -> Result<Group, DatasetError> {
        let mut documents = self.consolidated;
        documents.extend(self.read);
        let mut nodes: BTreeMap<String, Parts> = BTreeMap::new();
        for (key, document) in documents {
            let (path, name) = split(&key);
            let parts = nodes.entry(path.to_owned()).or_default();
            match name {
                "zarr.json" => parts.v3 = Some(document),
                ".zarray" => parts.zarray = Some(document),
                ".zgroup" => parts.zgroup = Some(document),
                ".zattrs" => parts.zattrs = Some(document),
                _ => {}
            }
        }
        limits::check(
            "the number of groups and arrays",
            nodes.len(),
            limits::NODES,
        )?;
        if nodes.values().all(Parts::is_no_node) {
            return Err(DatasetError::NotZarr);
        }
        let mut root = Group::default();
        // Parents sort before what is in them.
        for (path, parts) in nodes {
            place(&mut root, &path, parts)?;
        }
        Ok(root)
    }
}

/// The documents of one node.
#[derive(Default)]
struct Parts {
    v3: Option<Value>,
    zarray: Option<Value>,
    zgroup: Option<Value>,
    zattrs: Option<Value>,
}

impl Parts {
    fn is_no_node(&self) -> bool {
        self.v3.is_none() && self.zarray.is_none() && self.zgroup.is_none()
    }
}

fn place(root: &mut Group, path: &str, parts: Parts) -> Result<(), DatasetError> {
    if parts.is_no_node() {
        return Ok(());
    }
    let names: Vec<&str> = segments(path).collect();
    limits::check("the depth of a path", names.len(), limits::DEPTH)?;
    for name in &names {
        limits::check("the length of a name", name.len(), limits::NAME_BYTES)?;
        if matches!(*name, "." | "..") {
            return Err(DatasetError::Document {
                path: path.to_owned(),
                reason: "a name of a group or array cannot be `.` or `..`".to_owned(),
            });
        }
    }
    // Where both versions are written, the later is meant.
    let is_array = match &parts.v3 {
        Some(document) => document["node_type"] == "array",
        None => parts.zarray.is_some(),
    };
    if !is_array {
        let attributes = match &parts.v3 {
            Some(document) => attributes_of(path, &document["attributes"])?,
            None => attributes_of(path, parts.zattrs.as_ref().unwrap_or(&Value::Null))?,
        };
        descend(root, &names).attributes = attributes;
        return Ok(());
    }
    let Some((name, parents)) = names.split_last() else {
        return Err(DatasetError::RootIsArray);
    };
    let array = match (parts.v3, parts.zarray) {
        (Some(document), _) => Array::parse(path, document, None)?,
        (None, Some(document)) => {
            let zattrs = parts.zattrs.unwrap_or_else(|| Value::Object(Map::new()));
            Array::parse(path, document, Some(zattrs))?
        }
        (None, None) => return Ok(()),
    };
    descend(root, parents)
        .arrays
        .insert((*name).to_owned(), array);
    Ok(())
}

/// The group at a path; groups on the way that have no document of their own
/// are made.
fn descend<'a>(root: &'a mut Group, names: &[&str]) -> &'a mut Group {
    names.iter().fold(root, |group, name| {
        let path = join(&group.path, name);
        group
            .groups
            .entry((*name).to_owned())
            .or_insert_with(|| Group {
                path,
                ..Group::default()
            })
    })
}

fn split(key: &str) -> (&str, &str) {
    let key = key.trim_matches('/');
    key.rsplit_once('/').unwrap_or(("", key))
}

fn join(path: &str, name: &str) -> String {
    let name = name.trim_matches('/');
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => path.to_owned(),
        (false, false) => format!("{path}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array_v3() -> Value {
        json!({
            "zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "float64",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}},
            "fill_value": 0, "codecs": [{"name": "bytes"}], "dimension_names": ["x"],
        })
    }

    fn array_v2() -> Value {
        json!({"zarr_format": 2, "shape": [4], "chunks": [4], "dtype": "<f8", "fill_value": null,
            "filters": null, "compressor": null, "order": "C"})
    }

    fn group_v3() -> Value {
        json!({"zarr_format": 3, "node_type": "group", "attributes": {"title": "t"}})
    }

    fn read(documents: &[(&str, Value)]) -> Result<(Group, bool), DatasetError> {
        let mut all = Documents::default();
        for (key, document) in documents {
            all.insert(key, document.to_string().as_bytes())?;
        }
        let consolidated = all.is_consolidated();
        Ok((all.tree()?, consolidated))
    }

    #[test]
    fn single_documents_and_consolidated_ones_make_the_same_tree() {
        let (listed, no) = read(&[
            ("zarr.json", group_v3()),
            ("a/zarr.json", group_v3()),
            ("a/x/zarr.json", array_v3()),
        ])
        .unwrap();
        let mut root = group_v3();
        root["consolidated_metadata"] =
            json!({"kind": "inline", "metadata": {"a": group_v3(), "a/x": array_v3()}});
        let (consolidated, yes) = read(&[("zarr.json", root)]).unwrap();
        assert_eq!(listed, consolidated);
        assert!(yes && !no);
        assert_eq!(listed.array("a/x").unwrap().path, "a/x");
        assert_eq!(listed.group("a").unwrap().attributes["title"], "t");
    }

    #[test]
    fn version_2_is_read_with_and_without_zmetadata() {
        let group = json!({"zarr_format": 2});
        let (listed, no) = read(&[
            (".zgroup", group.clone()),
            (".zattrs", json!({"title": "t"})),
            ("x/.zarray", array_v2()),
            ("x/.zattrs", json!({"_ARRAY_DIMENSIONS": ["x"]})),
        ])
        .unwrap();
        let (consolidated, yes) = read(&[(
            ".zmetadata",
            json!({"zarr_consolidated_format": 1, "metadata": {
                ".zgroup": group, ".zattrs": {"title": "t"},
                "x/.zarray": array_v2(), "x/.zattrs": {"_ARRAY_DIMENSIONS": ["x"]},
            }}),
        )])
        .unwrap();
        assert_eq!(listed, consolidated);
        assert!(yes && !no);
        assert_eq!(listed.array("x").unwrap().dimensions, ["x"]);
    }

    #[test]
    fn levels_that_are_stores_of_their_own_are_groups_of_one_tree() {
        let store = json!({"zarr_consolidated_format": 1, "metadata": {
            ".zgroup": {"zarr_format": 2}, "x/.zarray": array_v2()}});
        let (root, consolidated) = read(&[
            ("0.zarr/.zmetadata", store.clone()),
            ("1.zarr/.zmetadata", store),
        ])
        .unwrap();
        assert!(!consolidated, "the root itself tells nothing");
        assert!(root.array("0.zarr/x").is_some() && root.array("1.zarr/x").is_some());
    }

    #[test]
    fn a_document_that_was_read_is_newer_than_the_consolidated_one() {
        let mut root = group_v3();
        root["consolidated_metadata"] = json!({"metadata": {"x": array_v3()}});
        let mut appended = array_v3();
        appended["shape"] = json!([9]);
        for order in [[0, 1], [1, 0]] {
            let documents = [
                ("zarr.json", root.clone()),
                ("x/zarr.json", appended.clone()),
            ];
            let (tree, _) = read(&order.map(|n| documents[n].clone())).unwrap();
            assert_eq!(tree.array("x").unwrap().shape, [9]);
        }
    }

    #[test]
    fn what_is_no_store_says_so() {
        assert!(matches!(read(&[]), Err(DatasetError::NotZarr)));
        assert!(matches!(
            read(&[(".zattrs", json!({}))]),
            Err(DatasetError::NotZarr)
        ));
        assert!(matches!(
            read(&[("zarr.json", array_v3())]),
            Err(DatasetError::RootIsArray)
        ));
        let mut all = Documents::default();
        let message = all
            .insert("a/zarr.json", b"<html>")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a/zarr.json") && message.contains("JSON"),
            "{message}"
        );
        assert!(
            all.insert("a/0.0.0", b"chunk").is_ok(),
            "chunks are passed over"
        );
    }

    #[test]
    fn a_tree_made_to_hurt_is_refused() {
        let deep = format!("{}zarr.json", "a/".repeat(17));
        assert!(matches!(
            read(&[(&deep, group_v3())]),
            Err(DatasetError::TooLarge { .. })
        ));
        assert!(read(&[("../zarr.json", group_v3())]).is_err());
        let wide: Map<String, Value> = (0..=3 * limits::NODES)
            .map(|n| (n.to_string(), json!({})))
            .collect();
        let mut root = group_v3();
        root["consolidated_metadata"] = json!({"metadata": wide});
        assert!(matches!(
            read(&[("zarr.json", root)]),
            Err(DatasetError::TooLarge { .. })
        ));
        let nested = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert!(
            Documents::default()
                .insert("zarr.json", nested.as_bytes())
                .is_err()
        );
    }
}
