//! The metadata of all that is in a group, in the group's own document, for readers
//! that cannot list a store or would ask for each node by itself.
//!
//! Source: `consolidated_metadata` as `zarr-python` 3 writes and reads it.

use serde_json::{Map, Value, json};

/// The `consolidated_metadata` of a group at a path, "" for the root, of the nodes of
/// the store by path.
#[must_use]
pub fn consolidated<'a>(
    group: &str,
    nodes: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Value {
    let prefix = if group.is_empty() {
        String::new()
    } else {
        format!("{group}/")
    };
    let inner = nodes.into_iter().filter_map(|(path, document)| {
        let inner = path.strip_prefix(&prefix).filter(|inner| !inner.is_empty());
        inner.map(|inner| (inner.to_owned(), document.clone()))
    });
    let metadata: Map<String, Value> = inner.collect();
    json!({"kind": "inline", "must_understand": false, "metadata": metadata})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_tells_of_what_is_in_it_by_paths_of_its_own() {
        let node = json!({});
        let paths = ["", "0", "0/red", "0/time", "01", "01/red"];
        let nodes = || paths.map(|path| (path, &node));
        let told = |group| {
            let told = consolidated(group, nodes());
            let metadata = told["metadata"].as_object().unwrap().clone();
            metadata
                .into_iter()
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(""), ["0", "0/red", "0/time", "01", "01/red"]);
        assert_eq!(told("0"), ["red", "time"]);
    }
}
