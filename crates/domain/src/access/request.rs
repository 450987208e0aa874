//! The parameters of an access check.
use std::net::IpAddr;

use ipnet::IpNet;

use crate::git::changes::Changes;

/// A request for access to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the client wants to do.
    pub action: Action,
    /// The protocol of the client.
    pub protocol: Protocol,
    /// The changes of a push.
    pub changes: Changes,
    /// The client's address, if the caller sent one.
    pub check_ip: Option<ClientAddress>,
    /// The group whose SSH certificate authenticated the user. Nothing outside the group is accessible.
    pub namespace_path: Option<String>,
}

/// The address of a client as sent by GitLab Shell: the first word of `SSH_CONNECTION`, which OpenSSH sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// An IP address.
    Ip(IpAddr),
    /// Not an IP address, such as `UNKNOWN` for a peer without an IP socket. No range contains it.
    Unknown,
}

impl ClientAddress {
    /// Parses any string. A zone (`fe80::1%eth0`) is removed, and an IPv4-mapped address becomes IPv4.
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        let address = text.split_once('%').map_or(text, |(address, _)| address);
        address.parse().map_or(Self::Unknown, |ip: IpAddr| Self::Ip(ip.to_canonical()))
    }

    /// Whether one of the ranges contains the address.
    pub fn is_in(self, ranges: &[IpNet]) -> bool {
        match self {
            Self::Ip(ip) => ranges.iter().any(|range| range.contains(&ip)),
            Self::Unknown => false,
        }
    }
}

/// Parses a range in CIDR notation, or a single address.
pub fn parse_ip_range(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Parses `application_settings.globally_allowed_ips`: ranges separated by commas or white space. Invalid
/// entries are skipped.
pub fn parse_allowed_ips(text: &str) -> Vec<IpNet> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter_map(parse_ip_range).collect()
}

/// What a client wants to do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `git-upload-pack`, `git-upload-archive`
    Download,
    /// `git-receive-pack`
    Push,
    /// Another command.
    Unknown,
}

impl Action {
    /// Parses the name of a git command. Git LFS omits `git-`.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("git-").unwrap_or(text) {
            "upload-pack" | "upload-archive" => Self::Download,
            "receive-pack" => Self::Push,
            _ => Self::Unknown,
        }
    }
}

/// How a request reached GitLab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// git over SSH
    Ssh,
    /// git over HTTP
    Http,
    /// A change that the application makes for a user: merge, web editor, API.
    Web,
}

impl Protocol {
    /// The name in requests and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Http => "http",
            Self::Web => "web",
        }
    }

    /// Parses the parameter `protocol`.
    pub fn parse(text: &str) -> Option<Self> {
        [("ssh", Self::Ssh), ("http", Self::Http), ("web", Self::Web)]
            .into_iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map(|(_, protocol)| protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_addresses_are_read_as_ssh_writes_them() {
        let ip = |text: &str| ClientAddress::Ip(text.parse().unwrap());
        for (text, expected) in [
            ("10.1.1.1", ip("10.1.1.1")),
            (" 10.1.1.1 ", ip("10.1.1.1")),
            ("::ffff:10.1.1.1", ip("10.1.1.1")),
            ("::FFFF:a01:101", ip("10.1.1.1")),
            ("fe80::1%eth0", ip("fe80::1")),
            ("2001:db8::1", ip("2001:db8::1")),
            ("UNKNOWN", ClientAddress::Unknown),
            ("10.1.1.1:22", ClientAddress::Unknown),
            ("[::1]", ClientAddress::Unknown),
            ("%eth0", ClientAddress::Unknown),
            ("10.1.1.0/24", ClientAddress::Unknown),
        ] {
            assert_eq!(ClientAddress::from_text(text), expected, "{text}");
        }
    }

    #[test]
    fn the_global_list_is_separated_by_commas_or_white_space() {
        let ranges = parse_allowed_ips(" 11.0.0.0/8, 12.1.1.1\n2001:db8::/32,nonsense 13.0.0.0/40,,");
        let expected = ["11.0.0.0/8", "12.1.1.1/32", "2001:db8::/32"].map(|range| range.parse().unwrap());
        assert_eq!(ranges, expected);
        assert_eq!(parse_allowed_ips(""), []);
    }

    #[test]
    fn an_unknown_address_is_in_no_range() {
        let ranges = ["10.0.0.0/8".parse().unwrap(), "fe80::/64".parse().unwrap()];
        for (text, expected) in [
            ("10.1.1.1", true),
            ("::ffff:10.1.1.1", true),
            ("::ffff:1.2.3.4", false),
            ("fe80::1%eth0", true),
            ("fe80:0:0:1::1", false),
            ("UNKNOWN", false),
        ] {
            assert_eq!(ClientAddress::from_text(text).is_in(&ranges), expected, "{text}");
        }
    }
}
