//! Where requests carry tokens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, connect_info::Connected},
    http::{HeaderMap, Uri, header},
    serve::IncomingStream,
};
use base64::Engine as _;

use crate::http::Connections;

/// The parameter that carries a token where headers cannot, as in the address of a
/// picture.
pub(super) const PARAMETER: &str = "access_token";

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(SocketAddr);

impl Connected<IncomingStream<'_, Connections>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A token, and how it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) token: String,
    pub(super) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`, as its password.
    Basic,
    /// In the address.
    Parameter,
}

/// The token of the header `Authorization`.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<Sent> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Sent {
            token: rest.to_owned(),
            way: Way::Bearer,
        });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = base64::engine::general_purpose::STANDARD
        .decode(rest)
        .ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (_user, password) = pair.split_once(':')?;
    Some(Sent {
        token: password.to_owned(),
        way: Way::Basic,
    })
}

/// Takes the token out of an address, so that no handler, message or link has it
/// unless it asks.
pub(super) fn taken_out_of(uri: &mut Uri) -> Option<Sent> {
    let query = uri.query()?;
    let is_token = |part: &&str| {
        let pair = form_urlencoded::parse(part.as_bytes()).next();
        pair.is_some_and(|(name, _)| name == PARAMETER)
    };
    let found = query.split('&').find(is_token)?;
    let (_, token) = form_urlencoded::parse(found.as_bytes()).next()?;
    let token = token.into_owned();
    let rest: Vec<&str> = query.split('&').filter(|part| !is_token(part)).collect();
    let path = uri.path();
    let without = if rest.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", rest.join("&"))
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(without.parse().ok()?);
    *uri = Uri::from_parts(parts).ok()?;
    Some(Sent {
        token,
        way: Way::Parameter,
    })
}

/// The client's address: the other end of the connection or, behind a proxy that is
/// trusted, what that saw. Of several in `X-Forwarded-For` this is the last, since
/// the client may have written the others.
pub(super) fn address(
    peer: Option<&ConnectInfo<Peer>>,
    headers: &HeaderMap,
    trusts_forwarded: bool,
) -> IpAddr {
    let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
    let forwarded = forwarded.filter(|_| trusts_forwarded);
    let forwarded = forwarded.and_then(|value| {
        let last = value.to_str().ok()?.rsplit(',').next()?.trim();
        // Some proxies add the port.
        let with_port = |text: &str| text.parse().ok().map(|at: SocketAddr| at.ip());
        last.parse().ok().or_else(|| with_port(last))
    });
    let peer = peer.map(|ConnectInfo(Peer(peer))| peer.ip());
    forwarded
        .or(peer)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        .to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_token_is_a_bearer_or_the_password_of_any_user() {
        let sent = |value: &str| {
            let sent = in_headers(&headers("authorization", value))?;
            Some((sent.token, sent.way))
        };
        let secret = |way| Some(("secret".to_owned(), way));
        assert_eq!(sent("Bearer secret"), secret(Way::Bearer));
        assert_eq!(sent("bearer  secret"), secret(Way::Bearer));
        // anybody:secret, :secret
        assert_eq!(sent("Basic YW55Ym9keTpzZWNyZXQ="), secret(Way::Basic));
        assert_eq!(sent("Basic OnNlY3JldA=="), secret(Way::Basic));
        for none in ["secret", "Basic secret", "Digest secret", "Bearer"] {
            assert_eq!(sent(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_is_taken_out_of_an_address_and_the_rest_stays_as_it_was() {
        for (whole, token, rest) in [
            ("/a?access_token=x", Some("x"), "/a"),
            (
                "/a?b=%5B0,1%5D&access_token=x%2By&c=+",
                Some("x+y"),
                "/a?b=%5B0,1%5D&c=+",
            ),
            (
                "/a?access%5Ftoken=x&b=1&access_token=y",
                Some("x"),
                "/a?b=1",
            ),
            ("/a?access_token", Some(""), "/a"),
            ("/a?b=access_token", None, "/a?b=access_token"),
            ("/a", None, "/a"),
        ] {
            let mut uri: Uri = whole.parse().unwrap();
            let found = taken_out_of(&mut uri).map(|sent| sent.token);
            assert_eq!((found.as_deref(), uri.to_string().as_str()), (token, rest));
        }
    }

    #[test]
    fn a_client_is_known_by_what_the_trusted_proxy_saw_and_not_by_what_it_says() {
        let peer = ConnectInfo(Peer("10.0.0.1:999".parse().unwrap()));
        let told = |value: &str, is_trusted| {
            address(Some(&peer), &headers("x-forwarded-for", value), is_trusted).to_string()
        };
        assert_eq!(told("192.0.2.9", false), "10.0.0.1");
        assert_eq!(told("1.1.1.1, 192.0.2.9", true), "192.0.2.9");
        assert_eq!(told("192.0.2.9:4711", true), "192.0.2.9");
        assert_eq!(told("[2001:db8::1]:4711", true), "2001:db8::1");
        assert_eq!(told("nonsense", true), "10.0.0.1");
    }
}
