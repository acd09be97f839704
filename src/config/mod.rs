//! The configuration: defaults, then a file, then the environment, then flags.
//! The only reader of the environment.

mod tokens;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

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

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port.
    pub bind: SocketAddr,
    /// The address under which clients see the server, as in
    /// `https://example.org/maps`; if it is empty, requests tell.
    pub public_url: String,
    /// The path under which a proxy offers the server, without a slash at its
    /// end; `/maps` for one.
    pub root_path: String,
    /// Whether links follow `X-Forwarded-Proto`, `-Host` and `-Prefix`, and clients
    /// are told apart by `X-Forwarded-For`. Only behind a proxy that sets them.
    pub trust_forwarded: bool,
    /// Whether cubes and their tiles are for those alone who send a token.
    pub protect_reading: bool,
    /// The most seconds that a request may take, and that a client may not read
    /// its answer.
    pub request_seconds: u64,
    /// Tiles that are made at once; more wait.
    pub concurrent_tiles: usize,
    /// Tiles that wait; more are sent away with 503.
    pub waiting_tiles: usize,
    /// Seconds for which a whole tile may be shown without asking whether it
    /// is still right. URLs that name a revision do not need it.
    pub tile_seconds: u64,
    /// The most pixels along a side of a tile.
    pub max_tile_size: usize,
    /// Where the server keeps its jobs; a folder of its own.
    pub state_dir: PathBuf,
    /// Cubes that are filled where somebody looks, without being asked.
    pub fill_on_view: Vec<String>,
    /// The most chunks a minute that a cube is filled by so.
    pub fill_on_view_chunks: u32,
    /// Cubes whose recent time steps are built again on a schedule.
    pub refresh: Vec<String>,
    /// Hours between two of those.
    pub refresh_hours: u32,
    /// The folder that new cubes are made in; none are if it is empty.
    pub cubes_dir: PathBuf,
    /// Addresses of the tiles of a base map, with `{z}`, `{x}` and `{y}`; the map
    /// page offers none if it is empty.
    pub base_map: String,
    /// Whom the base map is by.
    pub base_map_attribution: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            root_path: String::new(),
            trust_forwarded: false,
            protect_reading: false,
            request_seconds: 30,
            concurrent_tiles: 64,
            waiting_tiles: 1024,
            tile_seconds: 0,
            max_tile_size: 1024,
            state_dir: PathBuf::from("cubetiler-state"),
            fill_on_view: Vec::new(),
            fill_on_view_chunks: 60,
            refresh: Vec::new(),
            refresh_hours: 24,
            cubes_dir: PathBuf::new(),
            base_map: String::new(),
            base_map_attribution: String::new(),
        }
    }
}

impl ServerConfig {
    /// Where the tiles of the base map come from, as a content security policy
    /// names it; `None` if there is no base map.
    #[must_use]
    pub fn base_map_host(&self) -> Option<String> {
        let (scheme, rest) = self.base_map.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        // Leaflet puts a letter there, and a policy knows only all of them.
        let host = host.replace("{s}.", "*.");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '*');
        let is_whole = ["{z}", "{x}", "{y}"].iter().all(|part| path.contains(part));
        let is_web = matches!(scheme, "https" | "http");
        let is_host = !host.is_empty() && host.chars().all(plain);
        (is_web && is_host && is_whole).then(|| format!("{scheme}://{host}"))
    }
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

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A key is unknown, or its value of the wrong type.
    #[error("the configuration ({origin}): {message}")]
    Key {
        /// Where it came from.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// The path prefix is not one.
    #[error(
        "`server.root_path` is `{0}`: it begins with a slash and does not end with one, as in `/maps`"
    )]
    RootPath(String),
    /// The base map is none.
    #[error(
        "`server.base_map` is `{0}`: it begins with https:// or http:// and has {{z}}, {{x}} and {{y}}, as in `https://tile.example.org/{{z}}/{{x}}/{{y}}.png`"
    )]
    BaseMap(String),
    /// A quota is none.
    #[error("`quotas.{0}` is {1}: write how many GiB the cube may take, as in 20.5")]
    Quota(String, f64),
    /// The public address is not one.
    #[error(
        "`server.public_url` is `{0}`: it begins with http:// or https:// and does not end with a slash, as in `https://example.org/maps`"
    )]
    PublicUrl(String),
    /// A host that images may be on is none.
    #[error(
        "`source.allowed_hosts` has `{0}`: write a host without scheme and port, as `example.org`, or all below one as `*.example.org`"
    )]
    AllowedHost(String),
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
    fn a_base_map_is_an_address_with_a_place_for_each_number() {
        let host = |url: &str| {
            let base_map = url.to_owned();
            let server = ServerConfig {
                base_map,
                ..ServerConfig::default()
            };
            server.base_map_host()
        };
        let found = host("https://{s}.tile.example.org/{z}/{x}/{y}.png");
        assert_eq!(found.as_deref(), Some("https://*.tile.example.org"));
        let found = host("http://127.0.0.1:81/t?z={z}&x={x}&y={y}");
        assert_eq!(found.as_deref(), Some("http://127.0.0.1:81"));
        for url in [
            "",
            "tile.example.org/{z}/{x}/{y}",
            "https://tile.example.org/{z}/{x}.png",
            "https://a b; script-src */{z}/{x}/{y}",
            "file:///{z}/{x}/{y}",
        ] {
            assert_eq!(host(url), None, "{url}");
        }
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
