//! GitLab's logical stores, and the Redis server of each.
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A logical store of GitLab. Each may be on another Redis server.
///
/// The order is that of the fallbacks: a store only falls back to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreName {
    Queues,
    SharedState,
    Sessions,
    Cache,
    RateLimiting,
}

impl StoreName {
    pub const ALL: [Self; 5] =
        [Self::Queues, Self::SharedState, Self::Sessions, Self::Cache, Self::RateLimiting];

    /// The name in GitLab's settings and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queues => "queues",
            Self::SharedState => "shared_state",
            Self::Sessions => "sessions",
            Self::Cache => "cache",
            Self::RateLimiting => "rate_limiting",
        }
    }

    /// The store in which GitLab reads this key.
    pub(crate) fn from_key(key: &str) -> Self {
        const PREFIXES: [(&str, StoreName); 3] = [
            ("session:", StoreName::Sessions),
            ("cache:", StoreName::Cache),
            ("application_rate_limiter:", StoreName::RateLimiting),
        ];
        let store = PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix));
        store.map_or(Self::SharedState, |(_, store)| *store)
    }

    /// The store whose server this store uses if it has no server of its own. `None` is the default server.
    fn fallback(self) -> Option<Self> {
        match self {
            Self::Queues | Self::SharedState | Self::Cache => None,
            Self::Sessions => Some(Self::SharedState),
            Self::RateLimiting => Some(Self::Cache),
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A server, or a primary that sentinels monitor.
#[derive(Debug, Clone)]
pub struct Server {
    /// With sentinels, the host of the URL is the name of the primary.
    pub url: SecretString,
    pub sentinels: Vec<SentinelAddress>,
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.url.expose_secret() == other.url.expose_secret() && self.sentinels == other.sentinels
    }
}

/// The setting of one store.
#[derive(Debug, Clone, Default)]
pub enum StoreSetting {
    /// The store uses the server of its fallback.
    #[default]
    Fallback,
    /// The store's state is kept in this process.
    None,
    Server(Server),
}

/// The servers of all stores.
#[derive(Debug, Clone, Default)]
pub struct Stores {
    /// The server of the stores without one of their own.
    pub default: Option<Server>,
    own: [StoreSetting; 5],
    pub sentinel_login: SentinelLogin,
    pub tls: TlsFiles,
}

/// How to connect to the sentinels. Their password is not that of the servers.
#[derive(Debug, Clone, Default)]
pub struct SentinelLogin {
    pub username: Option<String>,
    pub password: Option<SecretString>,
    pub is_tls: bool,
}

/// PEM files for servers and sentinels.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Certificate authorities. `None` means those of the system.
    pub authorities: Option<Vec<u8>>,
    /// The client certificate and its private key.
    pub identity: Option<(Vec<u8>, SecretString)>,
}

impl Stores {
    pub fn new(default: Option<Server>) -> Self {
        Self { default, ..Self::default() }
    }

    pub fn set(&mut self, store: StoreName, setting: StoreSetting) {
        self.own[store.index()] = setting;
    }

    /// The server of a store, and the store whose setting decided. `None` as the store is the default
    /// server; `None` as the server is this process's memory.
    pub fn server(&self, store: StoreName) -> (Option<StoreName>, Option<&Server>) {
        match &self.own[store.index()] {
            StoreSetting::Server(server) => (Some(store), Some(server)),
            StoreSetting::None => (Some(store), None),
            StoreSetting::Fallback => match store.fallback() {
                Some(fallback) => self.server(fallback),
                None => (None, self.default.as_ref()),
            },
        }
    }
}

/// The address of a sentinel: `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelAddress {
    pub host: String,
    pub port: u16,
}

impl std::str::FromStr for SentinelAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const DEFAULT_PORT: u16 = 26_379;
        let invalid = || format!("invalid sentinel `{text}` (expected HOST or HOST:PORT)");
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(invalid)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(invalid)?) };
            (host, port)
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(invalid());
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid)?,
            None => DEFAULT_PORT,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for SentinelAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server { url: url.into(), sentinels: Vec::new() }
    }

    fn urls(stores: &Stores) -> [Option<&str>; 5] {
        StoreName::ALL.map(|store| stores.server(store).1.map(|server| server.url.expose_secret()))
    }

    #[test]
    fn sessions_follow_shared_state_and_rate_limiting_follows_the_cache() {
        let default = Some("d");
        let mut stores = Stores::new(Some(server("d")));
        assert_eq!(urls(&stores), [default; 5]);
        stores.set(StoreName::SharedState, StoreSetting::Server(server("s")));
        assert_eq!(urls(&stores), [default, Some("s"), Some("s"), default, default]);
        assert_eq!(stores.server(StoreName::Sessions).0, Some(StoreName::SharedState));
        stores.set(StoreName::Cache, StoreSetting::Server(server("c")));
        assert_eq!(urls(&stores), [default, Some("s"), Some("s"), Some("c"), Some("c")]);
        stores.set(StoreName::Cache, StoreSetting::None);
        assert_eq!(urls(&stores), [default, Some("s"), Some("s"), None, None]);
        stores.set(StoreName::RateLimiting, StoreSetting::Server(server("r")));
        assert_eq!(urls(&stores), [default, Some("s"), Some("s"), None, Some("r")]);
    }

    #[test]
    fn each_key_belongs_to_the_store_in_which_gitlab_reads_it() {
        for (key, store) in [
            ("git-receive-pack-reference-counter:project-1", StoreName::SharedState),
            ("redirect_namespace:1:project-1", StoreName::SharedState),
            ("project_created:1:project-1", StoreName::SharedState),
            ("internal_api:admin_session_ended:x", StoreName::SharedState),
            ("session:otp:11", StoreName::Sessions),
            ("cache:Clusters::AgentToken:1:attributes", StoreName::Cache),
            ("application_rate_limiter:gitlab_shell_operation:git:1", StoreName::RateLimiting),
        ] {
            assert_eq!(StoreName::from_key(key), store, "{key}");
        }
    }

    #[test]
    fn sentinels_have_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("10.0.0.1", "10.0.0.1", 26_379),
            ("sentinel-1.example.com:5000", "sentinel-1.example.com", 5000),
            ("[::1]", "::1", 26_379),
            ("[2001:db8::7]:26380", "2001:db8::7", 26_380),
        ] {
            let expected = SentinelAddress { host: host.to_owned(), port };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in
            ["", ":1", "h:", "h:0", "h:70000", "h:1/0", "h/0", "::1", "[::1", "[h]:1", "redis://h", "a b"]
        {
            assert!(text.parse::<SentinelAddress>().is_err(), "{text}");
        }
    }
}
