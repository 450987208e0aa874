//! The address of a Gitaly, as GitLab writes it.
use std::time::Duration;

use tonic::transport::{ClientTlsConfig, Endpoint};

/// The interval of keep-alive pings, as Gitaly's own clients have it. A Gitaly accepts pings at this rate.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How many calls to one storage run at the same time. Further calls wait, within their timeout.
const MAX_CONCURRENT_CALLS: usize = 256;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAddress {
    /// It has none of the four forms.
    #[error("is none of unix:/path, tcp://host:port, tls://host:port and dns:///host:port")]
    Form,
    /// The certificates of the system, for `tls://`, cannot be used.
    #[error("cannot be reached by TLS: {0}")]
    Tls(#[source] tonic::transport::Error),
}

/// An address that can be connected to.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub endpoint: Endpoint,
    /// The host, or the path of the socket.
    pub host: String,
    pub server_port: Option<u16>,
}

impl Address {
    /// Reads an address, and does not connect.
    pub fn parse(address: &str) -> Result<Self, InvalidAddress> {
        let (scheme, rest) = address.split_once(':').ok_or(InvalidAddress::Form)?;
        let host = || rest.strip_prefix("//").ok_or(InvalidAddress::Form);
        let mut address = match scheme {
            "unix" => unix(rest)?,
            "tcp" => remote("http", host()?)?,
            "tls" => remote("https", host()?)?,
            // A DNS server may be named between the slashes. We always use the resolver of the system.
            "dns" => remote("http", rest.strip_prefix("///").unwrap_or(rest))?,
            _ => return Err(InvalidAddress::Form),
        };
        if scheme == "tls" {
            let tls = ClientTlsConfig::new().with_native_roots();
            address.endpoint = address.endpoint.tls_config(tls).map_err(InvalidAddress::Tls)?;
        }
        address.endpoint = address
            .endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .concurrency_limit(MAX_CONCURRENT_CALLS)
            .tcp_keepalive(Some(KEEP_ALIVE))
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        Ok(address)
    }
}

fn unix(rest: &str) -> Result<Address, InvalidAddress> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains('\0') {
        return Err(InvalidAddress::Form);
    }
    let endpoint = Endpoint::from_shared(format!("unix:{path}")).map_err(|_| InvalidAddress::Form)?;
    Ok(Address { endpoint, host: path.to_owned(), server_port: None })
}

fn remote(scheme: &str, host_and_port: &str) -> Result<Address, InvalidAddress> {
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{host_and_port}")).map_err(|_| InvalidAddress::Form)?;
    let host = endpoint.uri().host().filter(|host| !host.is_empty()).map(ToOwned::to_owned);
    let port = endpoint.uri().port_u16().filter(|port| *port > 0);
    match (host, port) {
        (Some(host), Some(_)) if !host_and_port.contains(['/', '?', '#', '@']) => {
            Ok(Address { endpoint, host, server_port: port })
        }
        _ => Err(InvalidAddress::Form),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_accepted() {
        for (address, uri) in [
            ("tcp://gitaly.example.com:8075", "http://gitaly.example.com:8075/"),
            ("tcp://[::1]:8075", "http://[::1]:8075/"),
            ("tls://gitaly.example.com:9999", "https://gitaly.example.com:9999/"),
            ("dns:gitaly:8075", "http://gitaly:8075/"),
            ("dns:///gitaly:8075", "http://gitaly:8075/"),
        ] {
            assert_eq!(Address::parse(address).unwrap().endpoint.uri().to_string(), uri, "{address}");
        }
        for address in ["unix:/run/gitaly.socket", "unix:///run/gitaly.socket", "unix:gitaly.socket"] {
            assert!(Address::parse(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for address in [
            "",
            "unix:",
            "unix://",
            "gitaly:8075",
            "tcp:gitaly:8075",
            "tcp://",
            "tcp://gitaly",
            "tcp://:8075",
            "tcp://gitaly:0",
            "tcp://gitaly:99999",
            "tcp://gitaly:8075/x",
            "tcp://me@gitaly:8075",
            "tls://gitaly",
            "dns:gitaly",
            "dns://8.8.8.8/gitaly:8075",
            "http://gitaly:8075",
            "tcp://a b:1",
        ] {
            assert!(matches!(Address::parse(address), Err(InvalidAddress::Form)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_or_refused(scheme in "unix|tcp|dns|x?", rest in "\\PC{0,20}") {
            drop(Address::parse(&format!("{scheme}:{rest}")));
        }

        #[test]
        fn host_and_port_are_enough(host in "[a-z][a-z0-9-]{0,10}[a-z0-9]", port in 1..=u16::MAX) {
            for form in ["tcp://", "dns:", "dns:///"] {
                let read = Address::parse(&format!("{form}{host}:{port}")).unwrap();
                prop_assert_eq!(read.endpoint.uri().to_string(), format!("http://{host}:{port}/"));
            }
        }
    }
}
