//! Absolute links that are right behind a proxy.

use axum::http::{HeaderMap, header};

use crate::config::ServerConfig;

/// The address under which a client sees the server, without a slash at its
/// end.
pub(super) fn base_url(headers: &HeaderMap, server: &ServerConfig) -> String {
    if !server.public_url.is_empty() {
        return server.public_url.clone();
    }
    let forwarded = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        // Of several proxies the first one saw the client.
        let first = value.split(',').next()?.trim();
        (server.trust_forwarded && !first.is_empty()).then(|| first.to_owned())
    };
    let host = forwarded("x-forwarded-host").or_else(|| {
        let host = headers.get(header::HOST)?;
        host.to_str().ok().map(str::to_owned)
    });
    let scheme = forwarded("x-forwarded-proto").filter(|s| s == "http" || s == "https");
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
    fn a_host_that_is_none_does_not_get_into_links() {
        let sent = headers(&[("host", "a.org\"><script>")]);
        assert_eq!(
            base_url(&sent, &ServerConfig::default()),
            "http://127.0.0.1:8080"
        );
    }
}
