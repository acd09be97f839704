//! Cubes in S3 and in what speaks its protocol.

use serde::{Deserialize, Serialize};

use icechunk::config::{S3Credentials, S3Options};

/// `[s3]`: how buckets are reached. Credentials come from the environment as
/// for all AWS tools (`AWS_ACCESS_KEY_ID`, …).
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

/// A place in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) prefix: Option<String>,
}

impl Bucket {
    /// Reads `s3://bucket/prefix`; `None` if the text is no such address.
    pub(super) fn parse(address: &str) -> Option<Self> {
        let rest = address.strip_prefix("s3://")?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        (!name.is_empty()).then(|| Self {
            name: name.to_owned(),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        })
    }
}

impl S3Config {
    pub(super) fn options(&self) -> S3Options {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let mut options = S3Options::default();
        options.region = given(&self.region);
        options.endpoint_url = given(&self.endpoint);
        options.anonymous = self.anonymous;
        // Who writes http:// means it.
        options.allow_http = self.endpoint.starts_with("http://");
        // Servers other than AWS's have no host name for each bucket.
        options.force_path_style = !self.endpoint.is_empty();
        options
    }

    pub(super) fn credentials(&self) -> S3Credentials {
        if self.anonymous {
            S3Credentials::Anonymous
        } else {
            S3Credentials::FromEnv
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_what_all_keys_begin_with() {
        let parsed = |text: &str| {
            let bucket = Bucket::parse(text)?;
            Some((bucket.name, bucket.prefix.unwrap_or_default()))
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(
            parsed("s3://cubes/europe/2023/"),
            pair("cubes", "europe/2023")
        );
        assert_eq!(parsed("s3://cubes"), pair("cubes", ""));
        assert_eq!(parsed("s3:///europe"), None);
        assert_eq!(parsed("/data/cube"), None);
    }
}
