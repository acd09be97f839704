//! The configuration: defaults, then a file, then the environment, then flags.
//! The only reader of the environment.

mod error;
mod server;
mod tokens;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    build::{BuildConfig, JobSettings},
    cache::CacheConfig,
    source::SourceConfig,
    storage::{BucketSettings, Environment, S3Config},
    suggest,
};

pub use self::tokens::{
    ADMIN, MalformedHash, Scope, TokenConfig, TokenHash, TokensError, UnknownScope, check_name,
};
pub use self::{error::ConfigError, server::ServerConfig};

/// The documented defaults. A test holds them against [`Config::default`].
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Environment variables begin so; `__` separates a table from its key.
const PREFIX: &str = "CUBETILER_";

/// Holds the token that may do everything. Secrets come from the environment alone.
const TOKEN: &str = "CUBETILER_ADMIN_TOKEN";

/// Name the proxies that the HTTP client goes through; in small letters too.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The cubes to serve: a name, and the path of its store or its address, as
    /// `s3://bucket/prefix`, each.
    pub cubes: BTreeMap<String, PathBuf>,
    /// The most GiB that a cube may take on disk, by its name.
    pub quotas: BTreeMap<String, f64>,
    /// How the server listens.
    pub server: ServerConfig,
    /// Who may do what: tokens by name.
    pub tokens: BTreeMap<String, TokenConfig>,
    /// What serving tiles may take.
    pub cache: CacheConfig,
    /// How buckets are reached.
    pub s3: S3Config,
    /// How builds share the machine.
    pub build: BuildConfig,
    /// How catalogues and images are read.
    pub source: SourceConfig,
    /// How it logs.
    pub log: LogConfig,
    /// The token that may do everything, from the environment.
    #[serde(skip)]
    pub admin_token: Option<String>,
    /// What the environment says of buckets: credentials, and all else that the
    /// providers' own tools take from it.
    #[serde(skip)]
    pub buckets: Environment,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, in the language of `tracing`'s `EnvFilter`.
    pub filter: String,
    /// Lines for people, or JSON for machines.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info,icechunk=error".to_owned(),
            format: LogFormat::Text,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads the configuration from a file, if there is one, and from the
    /// variables of an environment.
    ///
    /// # Errors
    /// Names the file or the variables, the key, and the nearest valid one.
    pub fn load(
        file: Option<PathBuf>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut values = toml::Table::new();
        let mut origin = "defaults".to_owned();
        if let Some(path) = file {
            let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
                path: path.clone(),
                source,
            })?;
            origin = path.display().to_string();
            values = text
                .parse()
                .map_err(|error: toml::de::Error| ConfigError::Syntax {
                    path,
                    message: error.to_string().trim_end().to_owned(),
                })?;
        }
        let mut admin_token = None;
        let mut buckets = Vec::new();
        let mut proxies = Vec::new();
        for (name, value) in environment {
            if name == TOKEN {
                admin_token = Some(value).filter(|token| !token.is_empty());
            } else if let Some((table, key)) = name
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.split_once("__"))
            {
                let table = values
                    .entry(table.to_ascii_lowercase())
                    .or_insert_with(|| toml::Table::new().into());
                if let Some(table) = table.as_table_mut() {
                    table.insert(key.to_ascii_lowercase(), scalar(&value));
                }
                origin = format!("{origin} and the environment's {name}");
            } else if Environment::has_use_for(&name) {
                buckets.push((name, value));
            } else if PROXIES.contains(&name.to_ascii_uppercase().as_str()) {
                proxies.push(value);
            }
        }
        let mut config: Self =
            values
                .try_into()
                .map_err(|error: toml::de::Error| ConfigError::Key {
                    origin,
                    message: suggest::explain_unknown_field(&error.to_string()),
                })?;
        let map = &config.server.base_map;
        if !map.is_empty() && config.server.base_map_host().is_none() {
            return Err(ConfigError::BaseMap(map.clone()));
        }
        let no_quota = |gib: &f64| !(gib.is_finite() && *gib > 0.0);
        if let Some((cube, gib)) = config.quotas.iter().find(|(_, gib)| no_quota(gib)) {
            return Err(ConfigError::Quota(cube.clone(), *gib));
        }
        let prefix = &config.server.root_path;
        if !(prefix.is_empty() || prefix.starts_with('/') && !prefix.ends_with('/')) {
            return Err(ConfigError::RootPath(prefix.clone()));
        }
        let public = &config.server.public_url;
        let is_web = public.starts_with("http://") || public.starts_with("https://");
        if !public.is_empty() && (!is_web || public.ends_with('/')) {
            return Err(ConfigError::PublicUrl(public.clone()));
        }
        if let Some(wrong) = config
            .source
            .allowed_hosts
            .iter()
            .find(|host| !is_host(host))
        {
            return Err(ConfigError::AllowedHost(wrong.clone()));
        }
        config.source.proxies = proxies;
        Ok(Self {
            admin_token,
            buckets: buckets.into_iter().collect(),
            ..config
        })
    }

    /// Holds settings of single cubes against the cubes, to which the command line
    /// may have added.
    ///
    /// # Errors
    /// Names the setting and the nearest cube.
    pub fn check_cubes(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        let named: [(&'static str, Vec<&String>); 3] = [
            ("quotas", self.quotas.keys().collect()),
            ("server.fill_on_view", server.fill_on_view.iter().collect()),
            ("server.refresh", server.refresh.iter().collect()),
        ];
        for (key, cubes) in named {
            for cube in cubes {
                if let Some(hint) = self.missing(cube) {
                    let cube = cube.clone();
                    return Err(ConfigError::UnknownCube { key, cube, hint });
                }
            }
        }
        Ok(())
    }

    /// Of a cube that is not there, which may be meant, or nothing. Where cubes can
    /// be made, it may be one that is not made yet.
    fn missing(&self, cube: &str) -> Option<String> {
        let are_made = !self.server.cubes_dir.as_os_str().is_empty();
        if are_made || self.cubes.contains_key(cube) {
            return None;
        }
        Some(suggest::hint(cube, self.cubes.keys().map(String::as_str)))
    }

    /// The jobs of a server, of whose cubes some have a quota.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and far less than 2^64"
    )]
    pub fn job_settings(&self) -> JobSettings {
        let bytes = |gib: f64| (gib * f64::from(1 << 30)) as u64;
        let quotas = self.quotas.iter();
        JobSettings {
            folder: Some(self.server.state_dir.clone()),
            quotas: quotas
                .map(|(cube, gib)| (cube.clone(), bytes(*gib)))
                .collect(),
            refresh: self.server.refresh.clone(),
            refresh_every: Duration::from_hours(self.server.refresh_hours.max(1).into()),
        }
    }

    /// How buckets are reached.
    #[must_use]
    pub fn bucket_settings(&self) -> BucketSettings {
        BucketSettings {
            s3: self.s3.clone(),
            environment: self.buckets.clone(),
        }
    }

    /// The variables of this process.
    pub fn environment() -> impl Iterator<Item = (String, String)> {
        // A name or value that is not Unicode is none of ours.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    }
}

/// Whether a text is a host, or stands for all hosts below one.
fn is_host(text: &str) -> bool {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.bytes().all(is_plain)
    };
    name.split('.').all(is_label)
}

/// A variable's text as the TOML value that it looks like.
fn scalar(text: &str) -> toml::Value {
    text.parse::<i64>()
        .map(toml::Value::from)
        .or_else(|_no_integer| text.parse::<bool>().map(toml::Value::from))
        .unwrap_or_else(|_no_bool| toml::Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cubetiler.toml");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let (_dir, path) = file(DEFAULT_TOML);
        assert_eq!(Config::load(Some(path), []).unwrap(), Config::default());
        let documented: toml::Table = DEFAULT_TOML.parse().unwrap();
        let all = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(documented, all, "every key is documented, and no other");
    }

    #[test]
    fn the_environment_is_stronger_than_the_file_and_the_file_than_the_defaults() {
        let (_dir, path) = file("[cache]\nmemory_mib = 1\ncheck_seconds = 2\n");
        let env = vars(&[("CUBETILER_CACHE__MEMORY_MIB", "3"), ("HOME", "/")]);
        let config = Config::load(Some(path), env).unwrap();
        assert_eq!(
            (config.cache.memory_mib, config.cache.check_seconds),
            (3, 2)
        );
        assert_eq!(config.server, ServerConfig::default());
    }

    #[test]
    fn a_setting_of_a_cube_that_is_not_there_names_the_nearest() {
        let of = |text: &str| -> Config {
            toml::from_str(&format!("{text}\n[cubes]\nalps = 'cubes/alps'")).unwrap()
        };
        for text in [
            "quotas = { alsp = 1 }",
            "server = { refresh = ['alsp'] }",
            "server = { fill_on_view = ['alsp'] }",
        ] {
            let error = of(text).check_cubes().unwrap_err().to_string();
            assert!(error.ends_with("did you mean `alps`?"), "{error}");
        }
        for text in [
            "quotas = { alps = 1 }",
            "quotas = { alsp = 1 }\nserver = { cubes_dir = 'made' }",
        ] {
            assert!(of(text).check_cubes().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_base_map_that_is_none_is_refused() {
        let env = vars(&[("CUBETILER_SERVER__BASE_MAP", "https://example.org/")]);
        assert!(matches!(
            Config::load(None, env),
            Err(ConfigError::BaseMap(_))
        ));
    }

    #[test]
    fn the_token_comes_from_the_environment_alone() {
        let config = Config::load(None, vars(&[(TOKEN, "secret")])).unwrap();
        assert_eq!(config.admin_token.as_deref(), Some("secret"));
        let (_dir, path) = file("admin_token = 'secret'\n");
        assert!(Config::load(Some(path), []).is_err());
    }

    #[test]
    fn what_the_environment_says_of_buckets_is_kept_and_not_shown() {
        let env = vars(&[("GOOGLE_BEARER_TOKEN", "secret"), ("PATH", "/bin")]);
        let config = Config::load(None, env).unwrap();
        let settings = config.bucket_settings();
        assert_eq!(settings.environment.beginning_with("GOOGLE_").count(), 1);
        assert!(!format!("{config:?}").contains("secret"));
        assert!(!toml::to_string(&config).unwrap().contains("secret"));
    }

    #[test]
    fn a_host_is_named_without_scheme_and_port() {
        let load = |host: &str| {
            let (_dir, path) = file(&format!("[source]\nallowed_hosts = ['{host}']\n"));
            Config::load(Some(path), [])
        };
        for host in [
            "example.org",
            "*.blob.core.windows.net",
            "10.0.0.7",
            "::1",
            "localhost",
        ] {
            assert!(load(host).is_ok(), "{host}");
        }
        for host in [
            "",
            "*",
            "*.",
            "https://example.org",
            "example.org:80",
            "a.*.org",
            "a b",
        ] {
            let error = load(host).unwrap_err();
            assert!(
                matches!(error, ConfigError::AllowedHost(_)),
                "{host}: {error}"
            );
        }
    }

    #[test]
    fn a_typo_names_the_key_and_the_nearest_valid_one() {
        let (_dir, path) = file("[server]\nbnid = '0.0.0.0:80'\n");
        let text = Config::load(Some(path), []).unwrap_err().to_string();
        assert!(
            text.contains("bnid") && text.contains("did you mean `bind`?"),
            "{text}"
        );
        let env = vars(&[("CUBETILER_QUOTAS__ALPS", "-1")]);
        assert!(matches!(
            Config::load(None, env),
            Err(ConfigError::Quota(..))
        ));
        let env = vars(&[("CUBETILER_SERVER__ROOT_PATH", "maps/")]);
        assert!(matches!(
            Config::load(None, env),
            Err(ConfigError::RootPath(_))
        ));
    }
}
