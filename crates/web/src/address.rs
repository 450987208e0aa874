//! Who sent a request, where proxies stand between.
use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The sender's address, and whether the peer's word is believed. A unix socket is this machine.
pub(crate) fn client(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> (Option<IpAddr>, bool) {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(&canonical(*ip)));
    if !peer.as_ref().is_none_or(is_trusted) {
        return (peer.map(canonical), false);
    }
    let forwarded = headers.get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let mut entries: Vec<IpAddr> = Vec::new();
    for entry in forwarded.flat_map(|value| value.split(',')) {
        match entry.trim().parse() {
            Ok(ip) => entries.push(ip),
            // Nothing to the left of what nobody can read is believed.
            Err(_) => entries.clear(),
        }
    }
    let client = entries.iter().rev().find(|ip| !is_trusted(ip)).or(entries.first()).copied();
    (client.or(peer).map(canonical), true)
}

/// An IPv4 address that came over an IPv6 socket is an IPv4 address.
fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn client_of(peer: &str, forwarded: &[&str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let (ip, believed) = client(peer.parse().ok(), &headers, &trusted);
        (ip.map(|ip| ip.to_string()).unwrap_or_default(), believed)
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
            ("9.9.9.9", vec!["1.2.3.4"], ("9.9.9.9", false)),
            ("::ffff:127.0.0.1", vec!["1.2.3.4"], ("1.2.3.4", true)),
            ("", vec!["1.2.3.4"], ("1.2.3.4", true)),
            ("", vec![], ("", true)),
        ] {
            assert_eq!(
                client_of(peer, &forwarded),
                (expected.0.to_owned(), expected.1),
                "{peer} {forwarded:?}"
            );
        }
    }
}
