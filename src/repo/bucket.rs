//! Repositories in buckets: what Icechunk is told to find them.

use std::{collections::HashMap, num::NonZeroU16, sync::Arc};

use icechunk::{
    RepositoryConfig, Storage,
    config::{S3Credentials, S3Options},
    storage::{
        AzureCredentials, GcsCredentials, RetriesSettings, Settings, StorageError,
        new_azure_blob_storage, new_gcs_storage, new_s3_object_store_storage,
    },
};

use super::{RepoError, storage};
use crate::storage::{Bucket, BucketSettings, Environment, Provider, S3Config};

/// The account of Azure's emulator.
const EMULATED_ACCOUNT: &str = "devstoreaccount1";

/// Icechunk's storage at a place in a bucket.
pub(super) async fn open(
    place: &Bucket,
    settings: &BucketSettings,
) -> Result<Arc<dyn Storage + Send + Sync>, RepoError> {
    let environment = &settings.environment;
    let name = place.name().to_owned();
    let prefix = Some(place.key().to_owned()).filter(|key| !key.is_empty());
    let failed = |error: StorageError| storage(format!("open the repository at {place}"), error);
    match place.provider() {
        Provider::S3 => {
            let (options, credentials) = (options(&settings.s3), credentials(&settings.s3));
            new_s3_object_store_storage(
                options,
                name,
                prefix,
                Some(credentials),
                Vec::new(),
                Vec::new(),
            )
            .await
        }
        Provider::Google => new_gcs_storage(
            name,
            prefix,
            Some(GcsCredentials::FromEnv),
            Some(all(environment, "GOOGLE_")),
            Vec::new(),
            Vec::new(),
        ),
        Provider::Azure => {
            let (account, options) = azure(place, environment)?;
            new_azure_blob_storage(
                account,
                name,
                prefix,
                Some(AzureCredentials::FromEnv),
                Some(options),
            )
            .await
        }
    }
    .map_err(failed)
}

/// How a repository in a bucket is read: without the minutes of patience that
/// Icechunk has by itself, which nobody who waits for a tile has.
pub(super) fn configuration() -> RepositoryConfig {
    let retries = RetriesSettings {
        max_tries: NonZeroU16::new(3),
        initial_backoff_ms: Some(100),
        max_backoff_ms: Some(1000),
    };
    RepositoryConfig {
        storage: Some(Settings {
            retries: Some(retries),
            ..Settings::default()
        }),
        ..RepositoryConfig::default()
    }
}

fn options(s3: &S3Config) -> S3Options {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let mut options = S3Options::default();
    options.region = given(&s3.region);
    options.endpoint_url = given(&s3.endpoint);
    options.anonymous = s3.anonymous;
    // Who writes http:// means it.
    options.allow_http = s3.endpoint.starts_with("http://");
    // Servers other than AWS's have no host name for each bucket.
    options.force_path_style = !s3.endpoint.is_empty();
    options
}

fn credentials(s3: &S3Config) -> S3Credentials {
    if s3.anonymous {
        S3Credentials::Anonymous
    } else {
        S3Credentials::FromEnv
    }
}

fn all(environment: &Environment, prefix: &str) -> HashMap<String, String> {
    environment
        .beginning_with(prefix)
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

/// The account of a container, and the settings that the environment has for it.
fn azure(
    place: &Bucket,
    environment: &Environment,
) -> Result<(String, HashMap<String, String>), RepoError> {
    const ACCOUNT: &str = "azure_storage_account_name";
    let mut options = all(environment, "AZURE_");
    // Said by the address.
    options.remove("azure_container_name");
    let is_true = |name: &str| options.get(name).is_some_and(|value| value == "true");
    let emulated = is_true("azure_storage_use_emulator");
    let of_environment = options.remove(ACCOUNT);
    let account = place
        .account()
        .map(str::to_owned)
        .or(of_environment)
        .or(emulated.then(|| EMULATED_ACCOUNT.to_owned()))
        .ok_or_else(|| RepoError::NoAccount(place.to_string()))?;
    let endpoint = ["azure_storage_endpoint", "azure_endpoint"];
    if endpoint
        .iter()
        .filter_map(|name| options.get(*name))
        .any(|address| address.starts_with("http://"))
    {
        options.insert("azure_allow_http".to_owned(), "true".to_owned());
    }
    Ok((account, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Bucket {
        Bucket::parse(text).unwrap().unwrap()
    }

    fn variables(pairs: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn an_account_of_azure_is_that_of_the_address_or_of_the_environment() {
        let environment = variables(&[
            ("AZURE_STORAGE_ACCOUNT_NAME", "mine"),
            ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:10000"),
        ]);
        let (account, options) = azure(&place("az://maps/a"), &environment).unwrap();
        assert_eq!(account, "mine");
        assert_eq!(options["azure_allow_http"], "true");
        let theirs = place("abfs://maps@theirs.dfs.core.windows.net/a");
        let (account, options) = azure(&theirs, &environment).unwrap();
        assert_eq!(account, "theirs");
        assert!(!options.contains_key("azure_storage_account_name"));
    }

    #[test]
    fn without_an_account_the_variable_to_set_is_named() {
        let refused = azure(&place("az://maps/a"), &variables(&[])).unwrap_err();
        let message = refused.to_string();
        assert!(
            message.contains("az://maps/a") && message.contains("AZURE_STORAGE_ACCOUNT_NAME"),
            "{message}"
        );
        let emulator = variables(&[("AZURE_STORAGE_USE_EMULATOR", "true")]);
        let (account, _) = azure(&place("az://maps/a"), &emulator).unwrap();
        assert_eq!(account, EMULATED_ACCOUNT);
    }
}
