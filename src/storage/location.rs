//! Places, and how a document names others.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

use super::Bucket;

/// A place that a document, an image or a store is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// An absolute path of the local file system.
    Local(PathBuf),
    /// An `http` or `https` address.
    Http(Url),
    /// A place in a bucket, for stores alone.
    Bucket(Bucket),
}

/// Why a text names no place that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Not an address, and not an absolute path.
    #[error("`{href}` is neither an absolute path nor an address: {reason}")]
    Malformed {
        /// The text.
        href: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An `s3://` address.
    #[error(
        "`{href}`: s3:// is not supported yet; a public object also has an https address, as {https}"
    )]
    S3 {
        /// The text.
        href: String,
        /// The address of the same object if its bucket is public.
        https: String,
    },
    /// An address in a bucket that names none.
    #[error("an address as {scheme}://bucket/prefix is expected: {reason}")]
    Bucket {
        /// Its scheme.
        scheme: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another scheme, of a store.
    #[error(
        "`{scheme}://` is not supported: a store is a path or an address that begins with http://, https://, s3://, gs:// or az:// (abfs://, abfss://, azure:// and adl:// are Azure too)"
    )]
    StoreScheme {
        /// The scheme.
        scheme: String,
    },
    /// Another scheme.
    #[error(
        "`{href}`: {scheme}: is not supported, only http(s) addresses and local files are read"
    )]
    Scheme {
        /// The text.
        href: String,
        /// Its scheme.
        scheme: String,
    },
    /// A local file, named by a document from elsewhere.
    #[error(
        "`{href}` is a local file, but {base} which names it is not: \
         a remote catalogue may not have local files read"
    )]
    LocalFromRemote {
        /// The text.
        href: String,
        /// The document that names it.
        base: String,
    },
}

impl Location {
    /// Reads an absolute path, a `file://` or an http(s) address.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| malformed(text, &error))?;
            return Self::from_url(url, text);
        }
        let path = PathBuf::from(text);
        if path.is_absolute() {
            Ok(Self::Local(path))
        } else {
            Err(malformed(text, &"the path is relative"))
        }
    }

    /// Reads the address of a store, which may be in a bucket.
    pub fn parse_store(text: &str) -> Result<Self, LocationError> {
        if let Some(bucket) = Bucket::parse(text) {
            return bucket.map(Self::Bucket);
        }
        match Self::parse(text) {
            Err(LocationError::Scheme { scheme, .. }) => Err(LocationError::StoreScheme { scheme }),
            other => other,
        }
    }

    /// The place that `href` names in the document at this location. A remote
    /// document may only name remote places.
    pub fn join(&self, href: &str) -> Result<Self, LocationError> {
        let base = match self {
            Self::Local(path) => Url::from_file_path(path)
                .map_err(|()| malformed(&path.display().to_string(), &"the path is relative"))?,
            Self::Http(url) => url.clone(),
            Self::Bucket(place) => {
                let text = place.to_string();
                Url::parse(&text).map_err(|error| malformed(&text, &error))?
            }
        };
        let url = base.join(href).map_err(|error| malformed(href, &error))?;
        let joined = Self::from_url(url, href)?;
        match (self, &joined) {
            (Self::Http(_) | Self::Bucket(_), Self::Local(_)) => {
                Err(LocationError::LocalFromRemote {
                    href: href.to_owned(),
                    base: self.to_string(),
                })
            }
            (Self::Local(_), _) | (_, Self::Http(_) | Self::Bucket(_)) => Ok(joined),
        }
    }

    /// The host of an address.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Local(_) => None,
            Self::Http(url) => url.host_str(),
            Self::Bucket(place) => Some(place.name()),
        }
    }

    /// The place one path segment below this one, as `{api}/search`.
    #[must_use]
    pub fn child(&self, segment: &str) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.join(segment)),
            Self::Http(url) => {
                let mut url = url.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push(segment);
                }
                Self::Http(url)
            }
            Self::Bucket(place) => Self::Bucket(place.below(segment)),
        }
    }

    /// Whether this is another place or below it, by whole segments of their paths.
    #[must_use]
    pub fn is_below(&self, place: &Self) -> bool {
        match (self, place) {
            (Self::Local(path), Self::Local(root)) => path.starts_with(root),
            (Self::Http(url), Self::Http(root)) => {
                let origin = |url: &Url| {
                    let host = url.host_str().map(str::to_owned);
                    (url.scheme().to_owned(), host, url.port_or_known_default())
                };
                origin(url) == origin(root) && is_path_below(url.path(), root.path())
            }
            (Self::Bucket(own), Self::Bucket(root)) => own.is_below(root),
            _ => false,
        }
    }

    fn from_url(url: Url, href: &str) -> Result<Self, LocationError> {
        match url.scheme() {
            "http" | "https" => Ok(Self::Http(url)),
            "file" => url
                .to_file_path()
                .map(Self::Local)
                .map_err(|()| malformed(href, &"the file address has a host")),
            "s3" => Err(LocationError::S3 {
                href: href.to_owned(),
                https: format!(
                    "https://{}.s3.amazonaws.com{}",
                    url.host_str().unwrap_or_default(),
                    url.path()
                ),
            }),
            scheme => Err(LocationError::Scheme {
                href: href.to_owned(),
                scheme: scheme.to_owned(),
            }),
        }
    }
}

/// Whether a path of names is another one or goes on from it.
pub(super) fn is_path_below(path: &str, root: &str) -> bool {
    let (path, root) = (path.trim_start_matches('/'), root.trim_matches('/'));
    let rest = path.strip_prefix(root);
    root.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn malformed(href: &str, reason: &dyn fmt::Display) -> LocationError {
    LocationError::Malformed {
        href: href.to_owned(),
        reason: reason.to_string(),
    }
}

impl fmt::Display for Location {
    /// Without user information and query, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Bucket(place) => place.fmt(f),
            Self::Http(url) => {
                let mut shown = url.clone();
                // Both only fail for addresses without a host, which http(s) ones have.
                let _ = shown.set_username("");
                let _ = shown.set_password(None);
                shown.set_query(None);
                shown.set_fragment(None);
                f.write_str(shown.as_str())?;
                if url.query().is_some() {
                    f.write_str("?…")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(text: &str) -> Location {
        Location::parse(text).unwrap()
    }

    #[test]
    fn an_href_is_resolved_against_its_document() {
        let items = Location::parse("/data/s2/items.json").unwrap();
        assert_eq!(
            items.join("S2A/B04.tif").unwrap(),
            Location::Local("/data/s2/S2A/B04.tif".into())
        );
        assert_eq!(
            items.join("../up%20one.tif").unwrap(),
            Location::Local("/data/up one.tif".into())
        );
        assert_eq!(
            items.join("https://example.com/a.tif?sig=1").unwrap(),
            http("https://example.com/a.tif?sig=1")
        );
        assert_eq!(
            http("https://example.com/c/item.json")
                .join("./B04.tif")
                .unwrap(),
            http("https://example.com/c/B04.tif")
        );
    }

    #[test]
    fn a_remote_document_cannot_name_a_local_file() {
        let remote = http("https://example.com/item.json");
        let error = remote.join("file:///etc/passwd").unwrap_err();
        assert!(matches!(error, LocationError::LocalFromRemote { .. }));
        // A path is the server's, not ours.
        assert_eq!(
            remote.join("/etc/passwd").unwrap(),
            http("https://example.com/etc/passwd")
        );
    }

    #[test]
    fn an_s3_address_is_refused_with_the_one_to_use() {
        let error = Location::parse("s3://sentinel-cogs/33/T/B04.tif").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("https://sentinel-cogs.s3.amazonaws.com/33/T/B04.tif")
        );
        let error = Location::parse("gs://bucket/a.tif").unwrap_err();
        assert!(error.to_string().contains("gs: is not supported"));
        assert!(Location::parse("items.json").is_err());
    }

    #[test]
    fn a_store_may_be_in_a_bucket_and_another_scheme_is_told_which_there_are() {
        for text in ["s3://maps/a", "gs://maps/a", "az://maps/a"] {
            let place = Location::parse_store(text).unwrap();
            assert!(matches!(place, Location::Bucket(_)), "{text}");
            assert_eq!(place.child("v").to_string(), format!("{text}/v"));
        }
        let message = Location::parse_store("ftp://me:secret@example.com/a")
            .unwrap_err()
            .to_string();
        assert!(!message.contains("secret"), "{message}");
        for word in ["ftp://", "https://", "s3://", "gs://", "az://"] {
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn what_is_below_a_place_is_so_by_whole_names_of_one_host() {
        let is = |text: &str, place: &str| {
            let place = Location::parse_store(place).unwrap();
            Location::parse_store(text).unwrap().is_below(&place)
        };
        for (text, place, below) in [
            ("/data/a.zarr", "/data", true),
            ("/data", "/data/", true),
            ("/database/a.zarr", "/data", false),
            ("https://h.org/z/a", "https://h.org/z/", true),
            ("https://h.org:443/z/a", "https://h.org/z", true),
            ("https://h.org/za", "https://h.org/z", false),
            ("http://h.org/z/a", "https://h.org/z", false),
            ("https://h.org:8443/z/a", "https://h.org/z", false),
            ("https://h.org.evil.org/z/a", "https://h.org/z", false),
            ("https://h.org/anything", "https://h.org", true),
            ("s3://maps/z/a", "s3://maps/z", true),
            ("s3://maps/za", "s3://maps/z", false),
            ("s3://maps2/z/a", "s3://maps", false),
            ("gs://maps/z/a", "s3://maps/z", false),
            ("/data/a", "https://h.org", false),
        ] {
            assert_eq!(is(text, place), below, "{text} {place}");
        }
    }

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let shown = http("https://me:pass@example.com/B04.tif?sig=secret").to_string();
        assert_eq!(shown, "https://example.com/B04.tif?…");
    }
}
