//! Absolute links that are right behind a proxy.

use axum::http::{HeaderMap, header};

use crate::{
    config::ServerConfig,
    grid::{Bounds, Epsg},
};

/// The address under which a client sees the server, without a slash at its
/// end.
pub(super) fn base_url(headers: &HeaderMap, server: &ServerConfig) -> String {
    if !server.public_url.is_empty() {
        return server.public_url.clone();
    }
    let forwarded = |name: &str| {
        let first = first(headers, name).filter(|first| !first.is_empty());
        first.filter(|_| server.trust_forwarded).map(str::to_owned)
    };
    let standard = |name: &str| {
        let found = parameter(first(headers, "forwarded")?, name);
        found.filter(|_| server.trust_forwarded).map(str::to_owned)
    };
    let host = forwarded("x-forwarded-host")
        .or_else(|| standard("host"))
        .or_else(|| first(headers, header::HOST.as_str()).map(str::to_owned));
    let scheme = forwarded("x-forwarded-proto").or_else(|| standard("proto"));
    let scheme = scheme.filter(|s| s == "http" || s == "https");
    let prefix = forwarded("x-forwarded-prefix").filter(|p| p.starts_with('/') && is_plain(p));
    let prefix = prefix.unwrap_or_else(|| server.root_path.clone());
    let host = host.filter(|host| is_plain(host));
    let host = host.unwrap_or_else(|| server.bind.to_string());
    format!(
        "{}://{host}{}",
        scheme.as_deref().unwrap_or("http"),
        prefix.trim_end_matches('/')
    )
}

/// The address that names a reference system.
pub(super) fn crs_address(system: Epsg) -> String {
    format!("http://www.opengis.net/def/crs/EPSG/0/{}", system.0)
}

/// The value of `Content-Crs` (OGC API Maps, 20-058).
pub(super) fn crs(system: Epsg) -> String {
    format!("<{}>", crs_address(system))
}

/// The value of `Content-Bbox`: west, south, east, north.
pub(super) fn bbox(bounds: Bounds) -> String {
    bounds.to_array().map(|side| format!("{side:?}")).join(",")
}

/// The first of a header's values: of several proxies it saw the client.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim)
}

/// A parameter of an element of `Forwarded` (RFC 7239), which may be quoted.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let is_it = key.trim().eq_ignore_ascii_case(name);
        is_it.then(|| value.trim().trim_matches('"'))
    })
}

/// Whether a header's text may become part of a link.
fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '/' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn forwarded_headers_count_only_where_they_are_trusted() {
        let sent = headers(&[
            ("host", "10.0.0.1:8080"),
            ("x-forwarded-host", "maps.example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/maps"),
        ]);
        let mut server = ServerConfig::default();
        assert_eq!(base_url(&sent, &server), "http://10.0.0.1:8080");
        server.trust_forwarded = true;
        assert_eq!(base_url(&sent, &server), "https://maps.example.org/maps");
    }

    #[test]
    fn the_standard_header_is_understood_too() {
        let sent = headers(&[
            ("host", "10.0.0.1"),
            (
                "forwarded",
                "for=192.0.2.1; Proto=https;HOST=\"maps.example.org:8443\", host=inner",
            ),
        ]);
        let mut server = ServerConfig::default();
        assert_eq!(base_url(&sent, &server), "http://10.0.0.1");
        server.trust_forwarded = true;
        assert_eq!(base_url(&sent, &server), "https://maps.example.org:8443");
    }

    #[test]
    fn a_configured_public_address_is_that_of_all_links() {
        let server = ServerConfig {
            public_url: "https://example.org/maps".to_owned(),
            trust_forwarded: true,
            ..ServerConfig::default()
        };
        let sent = headers(&[("host", "10.0.0.1"), ("x-forwarded-host", "other.org")]);
        assert_eq!(base_url(&sent, &server), "https://example.org/maps");
    }

    #[test]
    fn the_configured_prefix_is_part_of_links() {
        let server = ServerConfig {
            root_path: "/maps".to_owned(),
            ..ServerConfig::default()
        };
        assert_eq!(
            base_url(&headers(&[("host", "a.org")]), &server),
            "http://a.org/maps"
        );
    }

    #[test]
    fn places_are_told_as_titiler_tells_them() {
        assert_eq!(
            crs(Epsg::WEB_MERCATOR),
            "<http://www.opengis.net/def/crs/EPSG/0/3857>"
        );
        let bounds = Bounds {
            west: 0.0,
            south: 45.5,
            east: 5.0,
            north: 50.0,
        };
        assert_eq!(bbox(bounds), "0.0,45.5,5.0,50.0");
    }

    #[test]
    fn a_host_that_is_none_does_not_get_into_links() {
        let sent = headers(&[("host", "a.org\"><script>")]);
        assert_eq!(
            base_url(&sent, &ServerConfig::default()),
            "http://127.0.0.1:8080"
        );
    }
}
