//! Addresses in buckets, and what is to be known to reach them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LocationError, location::is_path_below};

/// `[s3]`: how buckets of S3 and of what speaks its protocol are reached.
/// Credentials come from the environment as for all AWS tools
/// (`AWS_ACCESS_KEY_ID`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The buckets' region; `AWS_REGION` if it is empty.
    pub region: String,
    /// The address of a server other than AWS's, as `https://minio.example.org`.
    pub endpoint: String,
    /// Whether buckets are public, so that requests are not signed.
    pub anonymous: bool,
}

/// How buckets are reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BucketSettings {
    /// Those of S3.
    pub s3: S3Config,
    /// What the environment says of them.
    pub environment: Environment,
}

impl From<S3Config> for BucketSettings {
    fn from(s3: S3Config) -> Self {
        Self {
            s3,
            environment: Environment::default(),
        }
    }
}

/// The environment's variables of AWS, Google and Azure. They hold secrets,
/// which are not shown.
#[derive(Clone, Default, PartialEq)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// Whether a variable is one of those that are of use.
    #[must_use]
    pub fn has_use_for(name: &str) -> bool {
        ["AWS_", "GOOGLE_", "AZURE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    }

    /// The variables that begin so, with names in small letters, as
    /// `object_store` calls its settings.
    pub fn beginning_with(&self, prefix: &str) -> impl Iterator<Item = (String, &str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        let of_use = |(name, _): &(String, String)| Self::has_use_for(name);
        Self(variables.into_iter().filter(of_use).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Whose protocol a bucket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Amazon S3, and all that is like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage, where buckets are called containers.
    Azure,
}

/// Schemes of addresses in buckets.
const SCHEMES: [(&str, Provider); 7] = [
    ("s3", Provider::S3),
    ("gs", Provider::Google),
    ("az", Provider::Azure),
    ("abfs", Provider::Azure),
    ("abfss", Provider::Azure),
    ("azure", Provider::Azure),
    ("adl", Provider::Azure),
];

/// A place in a bucket: `s3://bucket/prefix`, `gs://bucket/prefix`,
/// `az://container/prefix` or `abfs://container@account.dfs.core.windows.net/prefix`.
/// Keys are written as they are, not percent-encoded, as in the tools of the
/// providers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    scheme: &'static str,
    provider: Provider,
    /// What is between `://` and the next slash.
    authority: String,
    key: String,
}

impl Bucket {
    /// Whether a text begins as an address in a bucket does.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        scheme_of(text).is_some()
    }

    /// Reads an address. `None` if it has another scheme.
    ///
    /// # Errors
    /// If it names no bucket. What it says is not repeated: it may be a secret.
    #[must_use]
    pub fn parse(text: &str) -> Option<Result<Self, LocationError>> {
        let (scheme, provider, rest) = scheme_of(text)?;
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        let wrong = |reason: &'static str| LocationError::Bucket { scheme, reason };
        // An account of Azure follows the container.
        let (name, account) = match (provider, authority.split_once('@')) {
            (Provider::Azure, Some((name, account))) => (name, Some(account)),
            _ => (authority, None),
        };
        let checked = if name.is_empty() || account == Some("") {
            Err(wrong("the name of the bucket is missing"))
        } else if authority.contains([':', '?', '#'])
            || name.contains('@')
            || account.is_some_and(|account| account.contains('@'))
        {
            Err(wrong(
                "the name of a bucket has only letters, digits, `-`, `_` and `.`; \
                 credentials come from the environment and have no place here",
            ))
        } else if !key.trim_matches('/').is_empty()
            && key
                .trim_matches('/')
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."))
        {
            Err(wrong("a key has no empty part, no `.` and no `..`"))
        } else {
            Ok(Self {
                scheme,
                provider,
                authority: authority.to_owned(),
                key: key.trim_matches('/').to_owned(),
            })
        };
        Some(checked)
    }

    /// Splits `ADDRESS@REFERENCE`. An `@` with a slash behind it is a part of a
    /// key, and one before the first slash that of Azure's account.
    #[must_use]
    pub fn split_reference(text: &str) -> (&str, Option<&str>) {
        let Some((_, provider, rest)) = scheme_of(text) else {
            return (text, None);
        };
        let may_begin = match (rest.find('/'), provider) {
            (Some(slash), _) => slash,
            (None, Provider::Azure) => return (text, None),
            (None, Provider::S3 | Provider::Google) => 0,
        };
        match rest.rsplit_once('@') {
            Some((before, reference)) if before.len() > may_begin && !reference.contains('/') => {
                let end = text.len() - reference.len() - 1;
                (&text[..end], Some(reference))
            }
            _ => (text, None),
        }
    }

    /// Whose protocol it speaks.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The bucket's or container's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.provider {
            Provider::Azure => self.authority.split('@').next().unwrap_or_default(),
            Provider::S3 | Provider::Google => &self.authority,
        }
    }

    /// The account that an address of Azure names.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let (_, host) = self.authority.split_once('@')?;
        host.split('.').next()
    }

    /// What all keys of the place begin with, without a slash at either end.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is another place of the same bucket or below it.
    pub(super) fn is_below(&self, place: &Self) -> bool {
        self.provider == place.provider
            && self.authority == place.authority
            && is_path_below(&self.key, &place.key)
    }

    /// The bucket without a key: the part that one connection is for.
    #[must_use]
    pub(super) fn root(&self) -> Self {
        Self {
            key: String::new(),
            ..self.clone()
        }
    }

    /// The place whose key is this one's and then this path.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let key = if self.key.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.key)
        };
        Self {
            key,
            ..self.clone()
        }
    }
}

fn scheme_of(text: &str) -> Option<(&'static str, Provider, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    SCHEMES
        .iter()
        .find(|(known, _)| *known == scheme)
        .map(|(known, provider)| (*known, *provider, rest))
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)?;
        if !self.key.is_empty() {
            write!(f, "/{}", self.key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Bucket {
        Bucket::parse(text).unwrap().unwrap()
    }

    #[test]
    fn an_address_names_a_bucket_and_what_all_keys_begin_with() {
        let cubes = parsed("s3://cubes/europe/2023/");
        assert_eq!((cubes.name(), cubes.key()), ("cubes", "europe/2023"));
        assert_eq!(cubes.to_string(), "s3://cubes/europe/2023");
        assert_eq!(cubes.below("v").key(), "europe/2023/v");
        assert_eq!(parsed("gs://cubes").below("v").key(), "v");
        assert_eq!(parsed("gs://cubes/").to_string(), "gs://cubes");
        assert!(Bucket::parse("/data/cube").is_none());
        assert!(Bucket::parse("https://example.com/s3://a").is_none());
    }

    #[test]
    fn an_address_of_azure_may_name_the_account() {
        let named = parsed("abfss://maps@acme.dfs.core.windows.net/a/b");
        assert_eq!(named.provider(), Provider::Azure);
        assert_eq!((named.name(), named.account()), ("maps", Some("acme")));
        assert_eq!(named.key(), "a/b");
        let plain = parsed("az://maps/a");
        assert_eq!((plain.name(), plain.account()), ("maps", None));
    }

    #[test]
    fn what_names_no_bucket_is_refused_without_its_secrets() {
        for text in [
            "s3:///europe",
            "s3://key:secret@bucket/a",
            "gs://secret@bucket/a",
            "az://@secret.dfs.core.windows.net",
            "s3://bucket/a//secret",
            "s3://bucket/../secret",
        ] {
            let message = Bucket::parse(text).unwrap().unwrap_err().to_string();
            assert!(!message.contains("secret"), "{message}");
            assert!(message.contains("://"), "{message}");
        }
    }

    #[test]
    fn a_reference_follows_the_last_part_of_a_key() {
        let split = Bucket::split_reference;
        assert_eq!(split("s3://b/ice@v1"), ("s3://b/ice", Some("v1")));
        assert_eq!(
            split("s3://b/me@home/ice@v1"),
            ("s3://b/me@home/ice", Some("v1"))
        );
        assert_eq!(split("s3://b/me@home/ice"), ("s3://b/me@home/ice", None));
        // A slash at the end says that it is a key.
        assert_eq!(split("s3://b/ice@v1/"), ("s3://b/ice@v1/", None));
        assert_eq!(split("gs://b@v1"), ("gs://b", Some("v1")));
        let azure = "abfs://c@a.dfs.core.windows.net";
        assert_eq!(split(azure), (azure, None));
        let key = "abfs://c@a.dfs.core.windows.net/ice";
        assert_eq!(split(key), (key, None));
        assert_eq!(split(&format!("{key}@v1")), (key, Some("v1")));
        let http = "https://me@example.com/a@b";
        assert_eq!(split(http), (http, None));
    }

    #[test]
    fn the_environment_is_kept_as_far_as_it_is_of_use_and_not_shown() {
        let variables = [("AWS_SECRET_ACCESS_KEY", "hidden"), ("HOME", "/root")];
        let environment: Environment = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let found: Vec<_> = environment.beginning_with("AWS_").collect();
        assert_eq!(found, [("aws_secret_access_key".to_owned(), "hidden")]);
        assert_eq!(environment.beginning_with("GOOGLE_").count(), 0);
        let shown = format!("{environment:?}");
        assert!(shown.contains("SECRET") && !shown.contains("hidden") && !shown.contains("HOME"));
    }
}
