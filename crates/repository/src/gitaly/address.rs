//! Where a Gitaly listens, as GitLab writes it.
use std::time::Duration;

use tonic::transport::{ClientTlsConfig, Endpoint};

/// As Gitaly's own clients have it; a Gitaly takes pings at this rate.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls to one storage at the same time; the others wait, and their time runs.
const AT_ONCE: usize = 256;

/// An address that nothing can be reached at.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAddress {
    #[error("is none of unix:/path, tcp://host:port, tls://host:port and dns:///host:port")]
    Form,
    /// Certificates of the system, for `tls://`.
    #[error("cannot be reached by TLS: {0}")]
    Tls(#[source] tonic::transport::Error),
}

/// Reads an address; nobody is connected to.
pub(super) fn endpoint(address: &str) -> Result<Endpoint, InvalidAddress> {
    let (scheme, rest) = address.split_once(':').ok_or(InvalidAddress::Form)?;
    let host = || rest.strip_prefix("//").ok_or(InvalidAddress::Form);
    let endpoint = match scheme {
        "unix" => unix(rest)?,
        "tcp" => remote("http", host()?)?,
        "tls" => remote("https", host()?)?
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(InvalidAddress::Tls)?,
        // Between the slashes a name server might be named.
        "dns" => remote("http", rest.strip_prefix("///").unwrap_or(rest))?,
        _ => return Err(InvalidAddress::Form),
    };
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .concurrency_limit(AT_ONCE)
        .tcp_keepalive(Some(KEEP_ALIVE))
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true))
}

fn unix(rest: &str) -> Result<Endpoint, InvalidAddress> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains('\0') {
        return Err(InvalidAddress::Form);
    }
    Endpoint::from_shared(format!("unix:{path}")).map_err(|_| InvalidAddress::Form)
}

fn remote(scheme: &str, host_and_port: &str) -> Result<Endpoint, InvalidAddress> {
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{host_and_port}")).map_err(|_| InvalidAddress::Form)?;
    let uri = endpoint.uri();
    let named =
        uri.host().is_some_and(|host| !host.is_empty()) && uri.port_u16().is_some_and(|port| port > 0);
    let alone = !host_and_port.contains(['/', '?', '#', '@']);
    if named && alone { Ok(endpoint) } else { Err(InvalidAddress::Form) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        for (address, uri) in [
            ("tcp://gitaly.example.com:8075", "http://gitaly.example.com:8075/"),
            ("tcp://[::1]:8075", "http://[::1]:8075/"),
            ("tls://gitaly.example.com:9999", "https://gitaly.example.com:9999/"),
            ("dns:gitaly:8075", "http://gitaly:8075/"),
            ("dns:///gitaly:8075", "http://gitaly:8075/"),
        ] {
            assert_eq!(endpoint(address).unwrap().uri().to_string(), uri, "{address}");
        }
        for address in ["unix:/run/gitaly.socket", "unix:///run/gitaly.socket", "unix:gitaly.socket"] {
            assert!(endpoint(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn others_are_refused() {
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
            assert!(matches!(endpoint(address), Err(InvalidAddress::Form)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_or_refused(scheme in "unix|tcp|dns|x?", rest in "\\PC{0,20}") {
            drop(endpoint(&format!("{scheme}:{rest}")));
        }

        #[test]
        fn a_host_and_a_port_are_enough(host in "[a-z][a-z0-9-]{0,10}[a-z0-9]", port in 1..=u16::MAX) {
            for form in ["tcp://", "dns:", "dns:///"] {
                let read = endpoint(&format!("{form}{host}:{port}")).unwrap();
                prop_assert_eq!(read.uri().to_string(), format!("http://{host}:{port}/"));
            }
        }
    }
}
