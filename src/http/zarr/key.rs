//! Keys of a Zarr store of version 3 with the default encoding of chunk keys.

/// What a key names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// The `zarr.json` of the node at a path, "" for the root.
    Document(&'a str),
    /// A chunk of the array at a path.
    Chunk { array: &'a str, index: Vec<usize> },
}

impl<'a> Key<'a> {
    /// Whether there is such an object is not known by that.
    pub(super) fn parse(key: &'a str) -> Option<Self> {
        if key == "zarr.json" {
            return Some(Self::Document(""));
        }
        if let Some(path) = key.strip_suffix("/zarr.json") {
            return Some(Self::Document(path));
        }
        let mut rest = key;
        let mut index = Vec::new();
        loop {
            let (before, last) = rest.rsplit_once('/')?;
            rest = before;
            if last == "c" {
                break;
            }
            let number: usize = last.parse().ok()?;
            // An object has one name.
            if number.to_string() != last {
                return None;
            }
            index.push(number);
        }
        index.reverse();
        Some(Self::Chunk { array: rest, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_document_or_a_chunk_and_a_chunk_has_one_name() {
        assert_eq!(Key::parse("zarr.json"), Some(Key::Document("")));
        assert_eq!(Key::parse("0/red/zarr.json"), Some(Key::Document("0/red")));
        let chunk = |array, index: &[usize]| {
            let index = index.to_vec();
            Some(Key::Chunk { array, index })
        };
        assert_eq!(Key::parse("0/red/c/0/1/12"), chunk("0/red", &[0, 1, 12]));
        assert_eq!(Key::parse("0/c/c/0/1/2"), chunk("0/c", &[0, 1, 2]));
        assert_eq!(Key::parse("0/spatial_ref/c"), chunk("0/spatial_ref", &[]));
        for key in [
            "",
            "0",
            "c/0",
            "0/red/c/0/01/2",
            "0/red/c/0/+1/2",
            "0/red/c/0/-1/2",
            "0/red/c/0//2",
            "0/red/0/1/2",
            "0/red/c/99999999999999999999",
            "0/red/zarr.jsonx",
        ] {
            assert_eq!(Key::parse(key), None, "{key}");
        }
    }
}
