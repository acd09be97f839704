//! Why the configuration cannot be used.

use std::path::PathBuf;

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
    /// A setting is about a cube that is not there.
    #[error("`{key}` names `{cube}`, which is not configured{hint}")]
    UnknownCube {
        /// The setting.
        key: &'static str,
        /// As it is named.
        cube: String,
        /// `; did you mean ..?`, or nothing.
        hint: String,
    },
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
