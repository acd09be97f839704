//! Which stores a request may name: those below places that the configuration lists.
//!
//! Strangers write these addresses, and what they name is read by this server, in its
//! network and with its rights. So an address is compared as the place that it leads to,
//! and one that could mean two places is refused.

use std::path::{Component, Path, PathBuf};

use super::{Address, ExternalError};
use crate::storage::{Bucket, Location};

/// Characters of an address at most.
const LONGEST: usize = 2048;

/// The places that requests may name stores below.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// As they are written, paths made absolute.
    places: Vec<Location>,
}

impl Gate {
    /// Of the paths and addresses that a configuration lists.
    ///
    /// # Errors
    /// If one names no place.
    pub fn new(places: &[String]) -> Result<Self, ExternalError> {
        let place = |text: &String| {
            if text.contains("://") {
                return Ok(Location::parse_store(text)?);
            }
            let path = std::path::absolute(text);
            path.map(Location::Local)
                .map_err(|source| ExternalError::Folder {
                    path: text.into(),
                    source,
                })
        };
        let places = places.iter().map(place);
        Ok(Self {
            places: places.collect::<Result<_, ExternalError>>()?,
        })
    }

    /// Whether requests may name no store at all.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.places.is_empty()
    }

    /// The store that a request names, `ADDRESS[@REFERENCE]`, and a group of it.
    ///
    /// # Errors
    /// [`ExternalError::Closed`], [`ExternalError::NotListed`],
    /// [`ExternalError::Unclear`], and [`ExternalError::Absent`] for a path below a
    /// listed one where there is nothing.
    pub fn admit(&self, text: &str, group: &str) -> Result<Address, ExternalError> {
        if self.is_closed() {
            return Err(ExternalError::Closed);
        }
        is_clear(text)?;
        let shown: String = text.chars().take(LONGEST).collect();
        let address = if text.contains("://") {
            let address = Address::parse(text)?;
            if !self.has(&address.location) {
                // Without what may be a secret.
                return Err(ExternalError::NotListed(address.location.to_string()));
            }
            address
        } else {
            self.local(text, &shown)?
        };
        Ok(Address {
            group: group.trim_matches('/').to_owned(),
            is_confined: true,
            ..address
        })
    }

    /// A path, looked at as it is written before anything is asked of the disk, so that
    /// nobody learns what is elsewhere; and then where it leads to.
    fn local(&self, text: &str, shown: &str) -> Result<Address, ExternalError> {
        let not_listed = || ExternalError::NotListed(shown.to_owned());
        let is_written = self.roots().any(|root| Path::new(text).starts_with(root))
            || self
                .real_roots()
                .any(|root| Path::new(text).starts_with(root));
        if !is_written {
            return Err(not_listed());
        }
        let address = Address::parse(text)?;
        let Location::Local(path) = &address.location else {
            return Err(not_listed());
        };
        if !path.exists() {
            return Err(ExternalError::Absent(shown.to_owned()));
        }
        if !self.real_roots().any(|root| path.starts_with(root)) {
            return Err(not_listed());
        }
        Ok(address)
    }

    fn has(&self, location: &Location) -> bool {
        let is_local = matches!(location, Location::Local(_));
        !is_local && self.places.iter().any(|place| location.is_below(place))
    }

    fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.places.iter().filter_map(|place| match place {
            Location::Local(path) => Some(path),
            Location::Http(_) | Location::Bucket(_) => None,
        })
    }

    /// The folders that listed paths lead to now.
    fn real_roots(&self) -> impl Iterator<Item = PathBuf> {
        self.roots().filter_map(|root| root.canonicalize().ok())
    }
}

/// Refuses what one program could read otherwise than another.
fn is_clear(text: &str) -> Result<(), ExternalError> {
    let unclear = |reason| ExternalError::Unclear {
        url: text.chars().take(80).flat_map(char::escape_debug).collect(),
        reason,
    };
    if text.len() > LONGEST {
        return Err(unclear("it is too long"));
    }
    let is_odd = |c: char| c.is_control() || c == '\\' || (c.is_whitespace() && c != ' ');
    if text.trim() != text || text.contains(is_odd) {
        return Err(unclear("it holds a character that addresses do not have"));
    }
    if text.contains(['#', '?']) {
        return Err(unclear(
            "it has a `#` or a `?`; a group is named by the parameter `group`",
        ));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let mut parts = Path::new(text).components();
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        return match parts.next() {
            Some(Component::RootDir) if parts.all(is_plain) => Ok(()),
            Some(Component::RootDir) => Err(unclear("`..` is not followed")),
            _ => Err(unclear(
                "write an absolute path, or an address that begins with https:// or s3://",
            )),
        };
    };
    if scheme == "file" {
        return Err(unclear("write the path of a local store without file://"));
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') && !Bucket::is_meant(text) {
        return Err(unclear("it may hold no user and no password"));
    }
    if path.split('/').any(|name| matches!(name, "." | "..")) {
        return Err(unclear("`..` is not followed"));
    }
    // Dots, slashes, percent signs and control characters stand for themselves alone.
    let encoded = ["%2e", "%2f", "%5c", "%25", "%0", "%1", "%7f"];
    let lower = rest.to_ascii_lowercase();
    if encoded.iter().any(|code| lower.contains(code)) {
        return Err(unclear(
            "it has a percent code of a dot, a slash or a percent sign",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(places: &[&str]) -> Gate {
        let places: Vec<String> = places.iter().map(|&place| place.to_owned()).collect();
        Gate::new(&places).unwrap()
    }

    #[test]
    fn without_a_list_nothing_may_be_named() {
        let error = Gate::default().admit("/data/a.zarr", "").unwrap_err();
        assert!(matches!(error, ExternalError::Closed));
        assert!(error.to_string().contains("server.zarr_urls"));
    }

    #[test]
    fn what_is_listed_may_be_named_at_its_host_and_below_its_path_alone() {
        let gate = gate(&["https://example.org/zarr", "s3://maps/open/"]);
        for text in [
            "https://example.org/zarr/a.zarr",
            "https://EXAMPLE.org:443/zarr/a%20b.zarr",
            "s3://maps/open/a.zarr",
            "s3://maps/open/a@v1",
        ] {
            let address = gate.admit(text, "/0/").unwrap();
            assert_eq!(address.group, "0");
            assert!(address.is_confined, "{text}");
        }
        for text in [
            "https://example.org/zarrs/a.zarr",
            "https://example.org/a.zarr",
            "http://example.org/zarr/a.zarr",
            "https://example.org:8443/zarr/a.zarr",
            "https://example.org.evil.org/zarr/a.zarr",
            "https://169.254.169.254/zarr/a.zarr",
            "s3://maps/closed/a.zarr",
            "s3://maps2/open/a.zarr",
            "gs://maps/open/a.zarr",
            "/etc",
        ] {
            let error = gate.admit(text, "").unwrap_err();
            assert!(
                matches!(error, ExternalError::NotListed(_)),
                "{text} {error}"
            );
            assert!(error.to_string().contains("server.zarr_urls"), "{error}");
        }
    }

    #[test]
    fn what_could_mean_another_place_is_refused() {
        let gate = gate(&["/data", "https://example.org/zarr", "s3://maps/open"]);
        for text in [
            "/data/../etc",
            "data/a.zarr",
            "",
            "/data/a.zarr#0",
            "/data/a\0.zarr",
            "file:///data/a.zarr",
            "https://example.org/zarr/../a",
            "https://example.org/zarr/%2e%2e/a",
            "https://example.org/zarr/.%2E/a",
            "https://example.org/zarr/..%2fa",
            "https://example.org/zarr/%252e%252e/a",
            "https://example.org/zarr\\..\\a",
            "https://example.org/zarr/\n..",
            "https://me:secret@example.org/zarr/a",
            "https://example.org@evil.org/zarr/a",
            "https://example.org/zarr/a?x=/../",
            "s3://maps/open/../closed",
            " /data/a.zarr",
        ] {
            let error = gate.admit(text, "").unwrap_err();
            assert!(
                matches!(error, ExternalError::Unclear { .. }),
                "{text:?} {error}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_as_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (open, closed) = (root.join("open"), root.join("open-not"));
        for path in [&open.join("a.zarr"), &closed.join("b.zarr")] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::os::unix::fs::symlink(&closed, open.join("out")).unwrap();
        std::os::unix::fs::symlink(open.join("a.zarr"), open.join("in")).unwrap();
        std::os::unix::fs::symlink(&open, root.join("alias")).unwrap();
        let gate = gate(&[root.join("alias").to_str().unwrap()]);
        let admit = |path: &Path| gate.admit(path.to_str().unwrap(), "");
        let place = admit(&root.join("alias/in")).unwrap().location;
        assert_eq!(place, Location::Local(open.join("a.zarr")));
        assert!(admit(&open.join("a.zarr")).is_ok());
        for path in ["alias/out/b.zarr", "open/out", "open-not/b.zarr"] {
            let error = admit(&root.join(path)).unwrap_err();
            assert!(matches!(error, ExternalError::NotListed(_)), "{path}");
        }
        let error = admit(&root.join("alias/none.zarr")).unwrap_err();
        assert!(matches!(error, ExternalError::Absent(_)), "{error}");
    }
}
