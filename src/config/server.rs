//! How the server listens and what it offers.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

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
    /// Folders and addresses below which requests may name stores by `url`; they may name
    /// none if there are none.
    pub zarr_urls: Vec<String>,
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
            zarr_urls: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
