//! Which hosts are connected to. Addresses come out of documents that others have
//! written, and a program that follows them anywhere can be led to what only it can
//! reach: the services of its own network, or the keys that a cloud's machines get
//! from 169.254.169.254. Names are checked before a request and at each redirect,
//! and what a name stands for where it is looked up, for the connection itself. A proxy
//! looks names up by itself, and then it is the one to refuse.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why a host is not connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is not on the list.
    #[error("{host} is not among `source.allowed_hosts`; add it there if it may be read from")]
    NotListed {
        /// The host.
        host: String,
    },
    /// It is within some network of its own.
    #[error(
        "{host} has the address {address}, which is not public; it is connected to only if the recipe's `stac` or `source.allowed_hosts` names {host}"
    )]
    NotPublic {
        /// The host.
        host: String,
        /// Its address.
        address: IpAddr,
    },
}

/// Which hosts may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    rules: Arc<Rules>,
    /// The host of an address that the user gave, with whatever address it has.
    named: Option<Arc<str>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Hosts, and `*.` with what hosts end with; all if it is empty.
    allowed: Vec<String>,
    /// The same, of which is known what they are for.
    known: Vec<String>,
    /// Hosts that all else is reached through.
    proxies: Vec<String>,
}

impl Hosts {
    /// All hosts with public addresses or, of a list that is not empty, those that
    /// `allowed` or `known` have. Those that `allowed` names, and not by `*`, may
    /// have any address. `proxies` are addresses of the proxies in use.
    #[must_use]
    pub fn new(allowed: &[String], known: &[&str], proxies: &[String]) -> Self {
        let rules = Rules {
            allowed: allowed.iter().map(|host| in_one_way(host)).collect(),
            known: known.iter().map(|host| in_one_way(host)).collect(),
            proxies: proxies.iter().filter_map(|text| host_in(text)).collect(),
        };
        Self {
            rules: Arc::new(rules),
            named: None,
        }
    }

    /// The same and the host of an address, if that has one.
    pub(super) fn naming(&self, address: &str) -> Self {
        let url = Url::parse(address).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        Self {
            named: url.and_then(|url| host_of(&url)).map(Arc::from),
            ..self.clone()
        }
    }

    pub(super) fn named(&self) -> Option<&Arc<str>> {
        self.named.as_ref()
    }

    /// Whether a request may be sent to an address, as far as the address tells.
    pub(super) fn check(&self, url: &Url) -> Result<(), HostError> {
        let Some(host) = host_of(url) else {
            // What has no host is not sent.
            return Ok(());
        };
        if self.is_trusted(&host) {
            return Ok(());
        }
        let Rules { allowed, known, .. } = &*self.rules;
        let is_listed = |list: &[String]| list.iter().any(|pattern| is_like(&host, pattern));
        if !allowed.is_empty() && !is_listed(allowed) && !is_listed(known) {
            return Err(HostError::NotListed { host });
        }
        match host.parse() {
            Ok(address) if !is_public(address) => Err(HostError::NotPublic { host, address }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether a host may have any address.
    fn is_trusted(&self, host: &str) -> bool {
        self.named.as_deref() == Some(host) || self.rules.allowed.iter().any(|name| name == host)
    }

    /// Those of a host's addresses that may be connected to.
    fn of_host(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, HostError> {
        let host = in_one_way(host);
        if self.is_trusted(&host) || self.rules.proxies.contains(&host) {
            return Ok(addresses);
        }
        let (public, others): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|address| is_public(*address));
        match others.first() {
            Some(&address) if public.is_empty() => Err(HostError::NotPublic { host, address }),
            Some(_) | None => Ok(public),
        }
    }
}

/// Looks names up as the system does, and keeps what may be connected to.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Hosts);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = self.0.clone();
        Box::pin(async move {
            // The port is set by whoever connects.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = found.map(|address| address.ip()).collect();
            let addresses = hosts.of_host(name.as_str(), addresses)?;
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

fn host_of(url: &Url) -> Option<String> {
    url.host_str().map(in_one_way)
}

/// A host as all are written here.
fn in_one_way(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// The host of a proxy, whose scheme may be left out.
fn host_in(text: &str) -> Option<String> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    url.ok().as_ref().and_then(host_of)
}

fn is_like(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('*') {
        // With the dot, so that `evil-example.org` is not below `example.org`.
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => host == pattern,
    }
}

/// Whether an address is one of the whole internet, as IANA's registries of special
/// addresses say (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let is_special = match a {
        // The last are multicast, reserved, broadcast.
        0 | 10 | 127 | 224.. => true,
        100 => (64..128).contains(&b),
        // What Azure's machines get their keys and settings from.
        168 => (b, c, d) == (63, 129, 16),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // An IPv4 address in another form: mapped, translated, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => {
            let bits = u32::from(high) << 16 | u32::from(low);
            is_public_v4(Ipv4Addr::from_bits(bits))
        }
        // Teredo, benchmarks and the like; documentation.
        [0x2001, 0..0x200 | 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // All that is given out is in 2000::/3.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(allowed: &[&str]) -> Hosts {
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        Hosts::new(&allowed, &["*.blob.core.windows.net"], &[])
    }

    fn check(hosts: &Hosts, url: &str) -> Result<(), HostError> {
        hosts.check(&Url::parse(url).unwrap())
    }

    #[test]
    fn only_addresses_of_the_whole_internet_are_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::808:808",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "169.253.1.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::",
            "2600:1f14::1",
            "2a00:1450::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_address_within_a_network_has_to_be_named() {
        let any = hosts(&[]);
        assert!(check(&any, "https://example.org/a.tif").is_ok());
        for url in [
            "http://169.254.169.254/latest/",
            "http://127.0.0.1:8080/",
            // Other ways of writing it.
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let error = check(&any, url).unwrap_err();
            assert!(matches!(error, HostError::NotPublic { .. }), "{url}");
            assert!(
                error.to_string().contains("source.allowed_hosts"),
                "{error}"
            );
        }
        let own = any.naming("http://127.0.0.1:8081/stac");
        assert!(check(&own, "http://127.0.0.1:9000/a.tif").is_ok());
        assert!(check(&own, "http://127.0.0.2/a.tif").is_err());
        let six = any.naming("http://[::1]:8081/");
        assert!(check(&six, "http://[0:0::1]/a.tif").is_ok());
        assert!(check(&hosts(&["10.0.0.7"]), "http://10.0.0.7/a.tif").is_ok());
        assert!(any.naming("/data/items.json").named().is_none());
    }

    #[test]
    fn with_a_list_only_what_is_on_it_is_connected_to_and_the_catalogue() {
        let some = hosts(&["example.org", "*.tiles.org"]).naming("https://stac.net/v1");
        for url in [
            "https://EXAMPLE.org/a.tif",
            "https://example.org./a.tif",
            "https://a.tiles.org/",
            "https://a.b.tiles.org/",
            "https://stac.net/v1/search",
            "https://sentinel.blob.core.windows.net/a.tif",
        ] {
            assert!(check(&some, url).is_ok(), "{url}");
        }
        for url in [
            "https://www.example.org/",
            "https://tiles.org/",
            "https://eviltiles.org/",
            "https://example.org.evil.net/",
            "https://blob.core.windows.net/",
            "http://127.0.0.1/",
        ] {
            let error = check(&some, url).unwrap_err();
            assert!(matches!(error, HostError::NotListed { .. }), "{url}");
        }
    }

    #[test]
    fn what_a_name_stands_for_counts_and_not_the_name() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let inner = || addresses(&["10.0.0.1", "fd00::1"]);
        let some = hosts(&["files.corp", "*.wild.org"]);
        assert!(
            some.of_host("a.wild.org", inner()).is_err(),
            "`*` trusts nobody"
        );
        assert_eq!(some.of_host("files.corp", inner()).unwrap(), inner());
        let named = some.naming("http://stac.corp/");
        assert_eq!(named.of_host("STAC.corp.", inner()).unwrap(), inner());
        let mixed = addresses(&["10.0.0.1", "1.1.1.1"]);
        let public: Vec<IpAddr> = addresses(&["1.1.1.1"]);
        assert_eq!(some.of_host("example.org", mixed).unwrap(), public);
        let proxied = Hosts::new(&[], &[], &["http://user:x@proxy.corp:3128".to_owned()]);
        assert_eq!(proxied.of_host("proxy.corp", inner()).unwrap(), inner());
        let asked = check(&proxied.naming(""), "http://proxy.corp/");
        assert!(
            asked.is_ok(),
            "it is not known to be within the network before it is looked up"
        );
    }
}
