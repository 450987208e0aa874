//! The location of the database.
use std::fmt::Write;

use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

/// The location of the database. The URL may contain a password, so it is never displayed.
#[derive(Debug, Clone)]
pub enum Location {
    Postgresql(PostgresqlUrl),
    /// The path of the database file.
    Sqlite(String),
}

impl Location {
    /// Parses a URL with the scheme `postgres://`, `postgresql://` or `sqlite://`.
    pub fn parse(url: &str) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgresql(PostgresqlUrl(url.into())));
        }
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(path.to_owned())),
            Some(_) => Err(Error::Url("sqlite:// needs the path of a file")),
            None => Err(Error::Url("it must start with postgres://, postgresql:// or sqlite://")),
        }
    }

    /// Whether both are written in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Postgresql(one), Self::Postgresql(other)) => one.expose_secret() == other.expose_secret(),
            (Self::Sqlite(one), Self::Sqlite(other)) => one == other,
            _ => false,
        }
    }

    pub fn is_postgresql(&self) -> bool {
        matches!(self, Self::Postgresql(_))
    }

    /// The name of the database, for traces: that in the URL, or the name of the file.
    pub(crate) fn database_name(&self) -> String {
        match self {
            Self::Postgresql(url) => decode(url.parts().database.trim_start_matches('/')),
            Self::Sqlite(path) => path.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// The host and port of the first server in the URL, for metric labels.
    pub fn host_and_port(&self) -> (String, String) {
        match self {
            Self::Postgresql(url) => url.hosts().swap_remove(0),
            Self::Sqlite(_) => ("localhost".to_owned(), String::new()),
        }
    }
}

/// A connection URI as libpq reads it: <https://www.postgresql.org/docs/current/libpq-connect.html>.
#[derive(Debug, Clone)]
pub struct PostgresqlUrl(SecretString);

/// The parts of the URI, not decoded.
struct Parts<'a> {
    scheme: &'a str,
    /// Including the `@`, or empty.
    credentials: &'a str,
    hosts: &'a str,
    /// Including the `/`, or empty.
    database: &'a str,
    /// Without the leading `?`.
    parameters: Vec<(&'a str, &'a str)>,
}

/// Parameters that are added unless the URL sets them. They limit the wait for a server that does not
/// respond.
const DEFAULT_PARAMETERS: &[(&str, &str)] = &[
    ("connect_timeout", "2"),
    ("keepalives_idle", "30"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "5000"),
];

impl PostgresqlUrl {
    /// The URL as configured.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    fn parts(&self) -> Parts<'_> {
        let url = self.expose_secret();
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        // The password may contain any character except `@` and `/`.
        let credentials_end = rest.find(['@', '/']).filter(|end| rest[*end..].starts_with('@'));
        let (credentials, rest) = rest.split_at(credentials_end.map_or(0, |end| end + 1));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
        Parts { scheme, credentials, hosts, database, parameters: parameters.collect() }
    }

    /// The host and port of each server, at least one.
    pub fn hosts(&self) -> Vec<(String, String)> {
        let parts = self.parts();
        let parameter =
            |name| parts.parameters.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
        let ports: Vec<&str> = parameter("port").unwrap_or_default().split(',').collect();
        let hosts =
            if parts.hosts.is_empty() { parameter("host").unwrap_or("localhost") } else { parts.hosts };
        let host_and_port = |(index, host): (usize, &str)| {
            let (name, port) = match host.rsplit_once(':') {
                // A colon inside brackets belongs to an IPv6 address.
                Some((name, port)) if !port.ends_with(']') => (name, port),
                _ => (host, ""),
            };
            let port = if port.is_empty() {
                ports.get(index).or(ports.first()).copied().unwrap_or_default()
            } else {
                port
            };
            let port = if port.is_empty() { "5432" } else { port };
            (decode(name.trim_start_matches('[').trim_end_matches(']')), port.to_owned())
        };
        hosts.split(',').enumerate().map(host_and_port).collect()
    }

    /// The URI for libpq of the server at this index in [`Self::hosts`], with `options` for the server appended
    /// to those in the URL.
    pub(crate) fn with_options(&self, index: usize, application_name: &str, options: &str) -> String {
        let parts = self.parts();
        let nth =
            |list: &str| list.split(',').nth(index).or(list.split(',').next()).unwrap_or_default().to_owned();
        let has = |name: &str| parts.parameters.iter().any(|(key, _)| *key == name);
        let mut parameters: Vec<(&str, String)> = Vec::new();
        let mut all_options = String::new();
        for (key, value) in &parts.parameters {
            match *key {
                "options" => (*value).clone_into(&mut all_options),
                "host" | "hostaddr" | "port" => parameters.push((key, nth(value))),
                _ => parameters.push((key, (*value).to_owned())),
            }
        }
        for (key, value) in DEFAULT_PARAMETERS.iter().filter(|(key, _)| !has(key)) {
            parameters.push((key, (*value).to_owned()));
        }
        if !has("application_name") {
            parameters.push(("application_name", encode(application_name)));
        }
        if self.hosts().len() > 1 && !has("target_session_attrs") {
            parameters.push(("target_session_attrs", "read-write".to_owned()));
        }
        if !options.is_empty() {
            if !all_options.is_empty() {
                all_options.push_str("%20");
            }
            all_options.push_str(&encode(options));
        }
        if !all_options.is_empty() {
            parameters.push(("options", all_options));
        }
        let query: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let Parts { scheme, credentials, hosts, database, .. } = parts;
        let host = nth(hosts);
        let database = if database.is_empty() { "/" } else { database };
        format!("{scheme}://{credentials}{host}{database}?{}", query.join("&"))
    }
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escape = (*byte == b'%').then(|| after.get(..2)).flatten();
        let value = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(value.unwrap_or(*byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Vec<(String, String)> {
        let Location::Postgresql(url) = Location::parse(url).unwrap() else { panic!("{url} is PostgreSQL") };
        url.hosts()
    }

    #[test]
    fn each_server_of_a_url_has_its_own_host_and_port() {
        for (url, expected) in [
            (
                "postgres://u@pg1.example.com:5432,pg2.example.com:5433/x?target_session_attrs=read-write",
                vec![("pg1.example.com", "5432"), ("pg2.example.com", "5433")],
            ),
            ("postgres://u:a@[::1]/x", vec![("::1", "5432")]),
            ("postgres://u:p?q@h/x", vec![("h", "5432")]),
            ("postgresql:///x?host=/var/run/postgresql&port=5433", vec![("/var/run/postgresql", "5433")]),
            ("postgres://%2Fvar%2Frun/x", vec![("/var/run", "5432")]),
            ("postgres://h", vec![("h", "5432")]),
            ("postgres://a,b/x?port=1,2", vec![("a", "1"), ("b", "2")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(h, p)| ((*h).to_owned(), (*p).to_owned())).collect();
            assert_eq!(hosts(url), expected, "{url}");
        }
    }

    #[test]
    fn each_server_of_a_url_has_its_own_uri() {
        for (url, expected) in [
            ("postgres://u:p@a,b:2/x", ["postgres://u:p@a/x?", "postgres://u:p@b:2/x?"]),
            ("postgres://[::1]:1,[::2]/x", ["postgres://[::1]:1/x?", "postgres://[::2]/x?"]),
            (
                "postgres:///x?host=a,b&port=1,2",
                ["postgres:///x?host=a&port=1&", "postgres:///x?host=b&port=2&"],
            ),
            ("postgres://a,b/x?port=7", ["postgres://a/x?port=7&", "postgres://b/x?port=7&"]),
        ] {
            let Location::Postgresql(url) = Location::parse(url).unwrap() else { panic!("PostgreSQL") };
            for (index, start) in expected.into_iter().enumerate() {
                let uri = url.with_options(index, "shell-api", "");
                assert!(uri.starts_with(start) && uri.ends_with("&target_session_attrs=read-write"), "{uri}");
            }
        }
    }

    #[test]
    fn the_options_of_a_url_come_first() {
        let Location::Postgresql(url) =
            Location::parse("postgres://u@h/x?options=-c%20a%3Db&sslmode=disable").unwrap()
        else {
            panic!("PostgreSQL")
        };
        let uri = url.with_options(0, "shell-api", "-c c=d");
        assert!(uri.ends_with("&options=-c%20a%3Db%20-c%20c%3Dd"), "{uri}");
        assert!(uri.contains("sslmode=disable") && uri.contains("connect_timeout=2"), "{uri}");
        assert!(uri.contains("application_name=shell-api") && !uri.contains("target_session_attrs"), "{uri}");
    }
}
