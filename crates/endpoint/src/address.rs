//! The client's address and the requested origin when the service runs behind proxies.
use std::net::IpAddr;
use std::num::NonZeroUsize;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap};
use ipnet::IpNet;

use crate::Core;
use crate::connection::Connection;

/// Selects the entry of `X-Forwarded-For` that names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientEntry {
    /// The right-most entry that is not a trusted proxy. GitLab Shell sets the header itself, to the address
    /// of its client.
    LastUntrusted,
    /// The n-th entry from the right, counted from 1. Each load balancer in front of the service adds one
    /// entry. The client controls the entries further left.
    FromRight(NonZeroUsize),
}

/// Returns the client's address, and whether the peer is a trusted proxy. A Unix socket has no address and
/// is trusted.
pub fn client(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
    entry: ClientEntry,
) -> (Option<IpAddr>, bool) {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(&canonical(*ip)));
    if !peer.as_ref().is_none_or(is_trusted) {
        return (peer.map(canonical), false);
    }
    let forwarded = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let entries = forwarded.flat_map(|value| value.split(',')).map(|entry| entry.trim().parse().ok());
    let entries: Vec<Option<IpAddr>> = entries.collect();
    let client = match entry {
        ClientEntry::LastUntrusted => {
            // Entries left of an unreadable one are not trusted.
            let readable = entries.rsplit(Option::is_none).next().unwrap_or_default();
            let readable: Vec<IpAddr> = readable.iter().flatten().copied().collect();
            readable.iter().rev().find(|ip| !is_trusted(ip)).or(readable.first()).copied()
        }
        // A request with fewer entries has passed fewer load balancers; the first one recorded its peer.
        ClientEntry::FromRight(hops) => entries.iter().rev().take(hops.get()).next_back().copied().flatten(),
    };
    (client.or(peer).map(canonical), true)
}

/// Scheme and host as the client sees them. Forwarded headers count only if the peer is a trusted proxy. Returns
/// `None` if the host is malformed: it would become part of a URL in a response.
pub fn origin(request: &HttpRequest, core: &Core) -> Option<String> {
    let peer = request.peer_addr().map(|address| canonical(address.ip()));
    let is_trusted = peer.is_none_or(|ip| core.trusted_proxies.iter().any(|network| network.contains(&ip)));
    let forwarded = |name: &str| {
        let value = request.headers().get(name).filter(|_| is_trusted)?.to_str().ok()?;
        value.split(',').next().map(|first| first.trim().to_owned()).filter(|first| !first.is_empty())
    };
    let is_tls = Connection::of(request).is_some_and(|connection| connection.is_tls());
    let own = if is_tls { "https" } else { "http" };
    let scheme = forwarded("x-forwarded-proto").filter(|scheme| ["http", "https"].contains(&scheme.as_str()));
    let header = || request.headers().get(HOST).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let authority = || request.uri().authority().map(ToString::to_string);
    let host = forwarded("x-forwarded-host").or_else(header).or_else(authority);
    let host = host.as_deref().unwrap_or("localhost");
    is_host(host).then(|| format!("{}://{host}", scheme.as_deref().unwrap_or(own)))
}

/// Whether a text is a host name or an address, with or without a port: `host` of RFC 3986 §3.2.2, without
/// percent-encoding and sub-delimiters.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_known = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    is_known && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Converts an IPv4-mapped IPv6 address to IPv4.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn client_of(peer: &str, forwarded: &[&str], entry: ClientEntry) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let (ip, believed) = client(peer.parse().ok(), &headers, &trusted, entry);
        (ip.map(|ip| ip.to_string()).unwrap_or_default(), believed)
    }

    #[test]
    fn host_is_a_name_or_an_address() {
        for good in ["gitlab.example.com", "a_b", "localhost:8080", "10.0.0.1:1", "[::1]", "[fe80::1]:443"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a\"b<script>:1/?x",
            "a b",
            "a/b",
            "a@b",
            "a:b",
            "a:",
            "[x]",
            "[::1",
            "::1",
            "a:99999",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn the_right_most_untrusted_entry_is_the_client() {
        for (peer, forwarded, expected) in [
            ("127.0.0.1", vec![], ("127.0.0.1", true)),
            ("127.0.0.1", vec!["1.2.3.4"], ("1.2.3.4", true)),
            ("127.0.0.1", vec!["6.6.6.6, 1.2.3.4, 10.0.0.7"], ("1.2.3.4", true)),
            ("127.0.0.1", vec!["6.6.6.6", "1.2.3.4"], ("1.2.3.4", true)),
            ("127.0.0.1", vec!["10.0.0.7"], ("10.0.0.7", true)),
            ("127.0.0.1", vec!["1.2.3.4, nonsense"], ("127.0.0.1", true)),
            ("127.0.0.1", vec!["nonsense, 1.2.3.4"], ("1.2.3.4", true)),
            ("9.9.9.9", vec!["1.2.3.4"], ("9.9.9.9", false)),
            ("::ffff:127.0.0.1", vec!["1.2.3.4"], ("1.2.3.4", true)),
            ("", vec!["1.2.3.4"], ("1.2.3.4", true)),
            ("", vec![], ("", true)),
        ] {
            assert_eq!(
                client_of(peer, &forwarded, ClientEntry::LastUntrusted),
                (expected.0.to_owned(), expected.1),
                "{peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn nth_entry_from_the_right_is_the_client() {
        for (peer, forwarded, hops, expected) in [
            ("127.0.0.1", vec![], 1, ("127.0.0.1", true)),
            ("127.0.0.1", vec!["6.6.6.6, 1.2.3.4"], 1, ("1.2.3.4", true)),
            ("127.0.0.1", vec!["6.6.6.6, 1.2.3.4", "10.0.0.7"], 1, ("10.0.0.7", true)),
            ("127.0.0.1", vec!["6.6.6.6, 1.2.3.4", "10.0.0.7"], 2, ("1.2.3.4", true)),
            ("127.0.0.1", vec!["1.2.3.4"], 2, ("1.2.3.4", true)),
            ("127.0.0.1", vec!["6.6.6.6, nonsense"], 1, ("127.0.0.1", true)),
            ("9.9.9.9", vec!["1.2.3.4"], 1, ("9.9.9.9", false)),
            ("", vec!["6.6.6.6, 1.2.3.4"], 1, ("1.2.3.4", true)),
        ] {
            let entry = ClientEntry::FromRight(hops.try_into().unwrap());
            let expected = (expected.0.to_owned(), expected.1);
            assert_eq!(client_of(peer, &forwarded, entry), expected, "{peer} {forwarded:?} {hops}");
        }
    }
}
