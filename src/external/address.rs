//! How a configuration names a store.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::ExternalError;
use crate::storage::{Bucket, Location};

/// `ADDRESS[@REFERENCE][#GROUP]`: a local path, http(s) address or address in a
/// bucket, a branch, tag or snapshot if it is an Icechunk repository, and the
/// group to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the store is.
    pub location: Location,
    /// A branch, tag or snapshot of an Icechunk repository.
    pub reference: Option<String>,
    /// Path of the group; "" is the root.
    pub group: String,
    /// Whether links that lead out of a local store are not followed.
    pub is_confined: bool,
    /// Whether times are numbers, as they are stored.
    pub has_raw_times: bool,
}

impl Address {
    /// Reads what a configuration says. A local path that exists as it stands
    /// is taken as it stands, `@` and `#` included. The `@` of an http(s) address
    /// is the server's; in a bucket it belongs to the key if a slash follows.
    ///
    /// # Errors
    /// If it names no place.
    pub fn parse(text: &str) -> Result<Self, ExternalError> {
        let is_remote = text.contains("://");
        if !is_remote && Path::new(text).exists() {
            return Self::new(text, None, "");
        }
        let (text, group) = text.split_once('#').unwrap_or((text, ""));
        if Bucket::is_meant(text) {
            let (place, reference) = Bucket::split_reference(text);
            return Self::new(place, reference, group);
        }
        if is_remote || Path::new(text).exists() {
            return Self::new(text, None, group);
        }
        match text.rsplit_once('@') {
            Some((path, reference)) => Self::new(path, Some(reference), group),
            None => Self::new(text, None, group),
        }
    }

    fn new(text: &str, reference: Option<&str>, group: &str) -> Result<Self, ExternalError> {
        let location = if text.contains("://") {
            Location::parse_store(text)?
        } else {
            let path = resolved(text).map_err(|source| ExternalError::Folder {
                path: text.into(),
                source,
            })?;
            Location::Local(path)
        };
        Ok(Self {
            location,
            reference: reference.map(str::to_owned),
            group: group.trim_matches('/').to_owned(),
            is_confined: false,
            has_raw_times: false,
        })
    }
}

impl Address {
    /// How it is told to anybody: of a local path nothing but its last part.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.location {
            Location::Local(path) => {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Location::Http(_) | Location::Bucket(_) => self.to_string(),
        }
    }
}

/// A path without `..`, which object stores do not have in theirs. One that is not
/// there is taken from the folder where it should be.
fn resolved(text: &str) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(text)?;
    if let Ok(found) = path.canonicalize() {
        return Ok(found);
    }
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    Ok(match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)?;
        if let Some(reference) = &self.reference {
            write!(f, "@{reference}")?;
        }
        if !self.group.is_empty() {
            write!(f, "#{}", self.group)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_place_a_reference_and_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let address = Address::parse(&format!("{path}@v1#a/b")).unwrap();
        assert_eq!(address.location, Location::Local(path.into()));
        assert_eq!(address.reference.as_deref(), Some("v1"));
        assert_eq!(address.group, "a/b");
        let whole = Address::parse(path).unwrap();
        assert_eq!((whole.reference, whole.group.as_str()), (None, ""));
    }

    #[test]
    fn a_path_that_exists_is_not_taken_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a@b#c");
        std::fs::create_dir(&path).unwrap();
        let address = Address::parse(path.to_str().unwrap()).unwrap();
        assert_eq!(address.location, Location::Local(path));
    }

    #[test]
    fn a_repository_in_a_bucket_has_a_reference_too() {
        let parts = |text: &str| {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), text.replace("/#", "#"));
            let Location::Bucket(place) = address.location else {
                panic!("{text}");
            };
            (place.key().to_owned(), address.reference, address.group)
        };
        let of = |key: &str, reference: Option<&str>, group: &str| {
            (
                key.to_owned(),
                reference.map(str::to_owned),
                group.to_owned(),
            )
        };
        assert_eq!(
            parts("s3://ice/ocean@v3#daily/sst"),
            of("ocean", Some("v3"), "daily/sst")
        );
        assert_eq!(parts("gs://maps/ocean#daily"), of("ocean", None, "daily"));
        assert_eq!(
            parts("abfs://maps@acme.dfs.core.windows.net/ocean@main"),
            of("ocean", Some("main"), "")
        );
        assert_eq!(
            parts("s3://ice/ocean@v3/#daily"),
            of("ocean@v3", None, "daily")
        );
    }

    #[test]
    fn another_scheme_is_told_which_there_are() {
        let message = Address::parse("ftp://example.com/a.zarr")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("ftp://") && message.contains("gs://"),
            "{message}"
        );
    }

    #[test]
    fn the_at_sign_of_a_server_is_no_reference() {
        let address = Address::parse("https://me:secret@example.com/a.zarr#0").unwrap();
        assert_eq!(address.reference, None);
        assert_eq!(address.to_string(), "https://example.com/a.zarr#0");
    }
}
