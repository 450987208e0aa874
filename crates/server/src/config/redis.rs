//! Options for Redis: a server for each of GitLab's stores, sentinels and TLS.
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use secrecy::{ExposeSecret, SecretString};
use shared_state::{SentinelAddress, SentinelLogin, Server, StoreName, StoreSetting, Stores, TlsFiles};

use super::{ConfigError, mask, read_url};

#[derive(Debug, Clone, Default, Args)]
pub struct RedisOptions {
    /// redis://…, rediss://… or unix://…; without it, counters are kept in this process, for a single replica
    /// only
    #[arg(long, env = "IAPI_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// File with the Redis URL, for a URL with a password
    #[arg(long, env = "IAPI_REDIS_URL_FILE")]
    pub redis_url_file: Option<PathBuf>,
    /// Sentinels, as HOST:PORT; the host of the URL is then the name of the primary
    #[arg(long, env = "IAPI_REDIS_SENTINELS", value_delimiter = ',')]
    pub redis_sentinels: Vec<SentinelAddress>,
    /// Redis for the queues of Sidekiq [default: that of --redis-url]
    #[arg(long, env = "IAPI_REDIS_QUEUES_URL", hide_env_values = true)]
    pub redis_queues_url: Option<String>,
    /// File with the URL for the queues
    #[arg(long, env = "IAPI_REDIS_QUEUES_URL_FILE")]
    pub redis_queues_url_file: Option<PathBuf>,
    /// Sentinels for the queues
    #[arg(long, env = "IAPI_REDIS_QUEUES_SENTINELS", value_delimiter = ',')]
    pub redis_queues_sentinels: Vec<SentinelAddress>,
    /// Redis for the shared state [default: that of --redis-url]
    #[arg(long, env = "IAPI_REDIS_SHARED_STATE_URL", hide_env_values = true)]
    pub redis_shared_state_url: Option<String>,
    /// File with the URL for the shared state
    #[arg(long, env = "IAPI_REDIS_SHARED_STATE_URL_FILE")]
    pub redis_shared_state_url_file: Option<PathBuf>,
    /// Sentinels for the shared state
    #[arg(long, env = "IAPI_REDIS_SHARED_STATE_SENTINELS", value_delimiter = ',')]
    pub redis_shared_state_sentinels: Vec<SentinelAddress>,
    /// Redis for the sessions of users [default: that of the shared state]
    #[arg(long, env = "IAPI_REDIS_SESSIONS_URL", hide_env_values = true)]
    pub redis_sessions_url: Option<String>,
    /// File with the URL for the sessions
    #[arg(long, env = "IAPI_REDIS_SESSIONS_URL_FILE")]
    pub redis_sessions_url_file: Option<PathBuf>,
    /// Sentinels for the sessions
    #[arg(long, env = "IAPI_REDIS_SESSIONS_SENTINELS", value_delimiter = ',')]
    pub redis_sessions_sentinels: Vec<SentinelAddress>,
    /// Redis for GitLab's cache, or `none` [default: that of --redis-url]
    #[arg(long, env = "IAPI_REDIS_CACHE_URL", hide_env_values = true)]
    pub redis_cache_url: Option<String>,
    /// File with the URL for the cache
    #[arg(long, env = "IAPI_REDIS_CACHE_URL_FILE")]
    pub redis_cache_url_file: Option<PathBuf>,
    /// Sentinels for the cache
    #[arg(long, env = "IAPI_REDIS_CACHE_SENTINELS", value_delimiter = ',')]
    pub redis_cache_sentinels: Vec<SentinelAddress>,
    /// Redis for rate limits, or `none` to count in this process [default: that of the cache]
    #[arg(long, env = "IAPI_REDIS_RATE_LIMITING_URL", hide_env_values = true)]
    pub redis_rate_limiting_url: Option<String>,
    /// File with the URL for rate limits
    #[arg(long, env = "IAPI_REDIS_RATE_LIMITING_URL_FILE")]
    pub redis_rate_limiting_url_file: Option<PathBuf>,
    /// Sentinels for rate limits
    #[arg(long, env = "IAPI_REDIS_RATE_LIMITING_SENTINELS", value_delimiter = ',')]
    pub redis_rate_limiting_sentinels: Vec<SentinelAddress>,
    /// ACL user for all sentinels
    #[arg(long, env = "IAPI_REDIS_SENTINEL_USERNAME")]
    pub redis_sentinel_username: Option<String>,
    /// File with the password for all sentinels, which may differ from that of the servers
    #[arg(long, env = "IAPI_REDIS_SENTINEL_PASSWORD_FILE")]
    pub redis_sentinel_password_file: Option<PathBuf>,
    /// Connect to the sentinels with TLS
    #[arg(long, env = "IAPI_REDIS_SENTINEL_TLS", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub redis_sentinel_tls: bool,
    /// Certificate authorities (PEM) for servers and sentinels [default: those of the system]
    #[arg(long, env = "IAPI_REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,
    /// Client certificate (PEM) for servers and sentinels
    #[arg(long, env = "IAPI_REDIS_CERT_FILE", requires = "redis_key_file")]
    pub redis_cert_file: Option<PathBuf>,
    /// Private key (PEM) of the client certificate
    #[arg(long, env = "IAPI_REDIS_KEY_FILE", requires = "redis_cert_file")]
    pub redis_key_file: Option<PathBuf>,
}

/// The options of one server.
struct ServerOptions<'a> {
    url: Option<&'a str>,
    file: Option<&'a Path>,
    sentinels: &'a [SentinelAddress],
}

impl RedisOptions {
    /// The server of each store. Reads the files of URLs, passwords and certificates.
    pub fn stores(&self) -> Result<Stores, ConfigError> {
        let mut stores = Stores::new(match self.setting(None)? {
            StoreSetting::Server(server) => Some(server),
            StoreSetting::Fallback | StoreSetting::None => None,
        });
        for store in StoreName::ALL {
            stores.set(store, self.setting(Some(store))?);
        }
        let password = self.redis_sentinel_password_file.as_deref().map(|path| read_url(None, Some(path)));
        stores.sentinel_login = SentinelLogin {
            username: self.redis_sentinel_username.clone(),
            password: password.transpose()?.flatten(),
            is_tls: self.redis_sentinel_tls,
        };
        let identity = match (&self.redis_cert_file, &self.redis_key_file) {
            (Some(certificate), Some(key)) => {
                let key =
                    String::from_utf8(read(key)?).map_err(|_| ConfigError::new("redis_key_file: not PEM"))?;
                Some((read(certificate)?, SecretString::from(key)))
            }
            _ => None,
        };
        let authorities = self.redis_ca_file.as_deref().map(read).transpose()?;
        stores.tls = TlsFiles { authorities, identity };
        Ok(stores)
    }

    /// The setting of a store, or of the default server.
    fn setting(&self, store: Option<StoreName>) -> Result<StoreSetting, ConfigError> {
        let ServerOptions { url, file, sentinels } = self.server_options(store);
        let name = url_option(store);
        match read_url(url, file)? {
            Some(url) if may_be_none(store) && url.expose_secret() == "none" => Ok(StoreSetting::None),
            Some(url) => Ok(StoreSetting::Server(Server { url, sentinels: sentinels.to_vec() })),
            None if sentinels.is_empty() => Ok(StoreSetting::Fallback),
            None => {
                let sentinels = name.replace("_url", "_sentinels");
                Err(ConfigError(format!(
                    "{sentinels}: {name} is missing; its host is the name of the primary"
                )))
            }
        }
    }

    fn server_options(&self, store: Option<StoreName>) -> ServerOptions<'_> {
        let (url, file, sentinels) = match store {
            None => (&self.redis_url, &self.redis_url_file, &self.redis_sentinels),
            Some(StoreName::Queues) => {
                (&self.redis_queues_url, &self.redis_queues_url_file, &self.redis_queues_sentinels)
            }
            Some(StoreName::SharedState) => (
                &self.redis_shared_state_url,
                &self.redis_shared_state_url_file,
                &self.redis_shared_state_sentinels,
            ),
            Some(StoreName::Sessions) => {
                (&self.redis_sessions_url, &self.redis_sessions_url_file, &self.redis_sessions_sentinels)
            }
            Some(StoreName::Cache) => {
                (&self.redis_cache_url, &self.redis_cache_url_file, &self.redis_cache_sentinels)
            }
            Some(StoreName::RateLimiting) => (
                &self.redis_rate_limiting_url,
                &self.redis_rate_limiting_url_file,
                &self.redis_rate_limiting_sentinels,
            ),
        };
        ServerOptions { url: url.as_deref(), file: file.as_deref(), sentinels }
    }
}

/// The name of the option with the URL of a store, or of the default server.
pub(crate) fn url_option(store: Option<StoreName>) -> String {
    store.map_or_else(|| "redis_url".to_owned(), |store| format!("redis_{store}_url"))
}

/// The error about stores on a Redis Cluster.
pub(crate) fn cluster(stores: &[StoreName]) -> ConfigError {
    let sentence = |name: &str, option: &str, may_be_none: bool| {
        let values = if may_be_none { "none or another server" } else { "to another server" };
        format!("the {name} store is a Redis Cluster, which is not supported; set --{option} {values}")
    };
    if stores.len() == StoreName::ALL.len() {
        return ConfigError(sentence("default", "redis-url", false));
    }
    let sentences = stores.iter().map(|store| {
        let option = url_option(Some(*store)).replace('_', "-");
        sentence(store.as_str(), &option, may_be_none(Some(*store)))
    });
    ConfigError(sentences.collect::<Vec<_>>().join("; "))
}

/// Whether the state of a store may be kept in this process although there is a Redis server.
fn may_be_none(store: Option<StoreName>) -> bool {
    matches!(store, Some(StoreName::Cache | StoreName::RateLimiting))
}

/// Lists the server of each store, as comments of a configuration file.
pub(crate) fn table(stores: &Stores) -> String {
    let mut text = String::new();
    for store in StoreName::ALL {
        let (source, server) = stores.server(store);
        let address =
            server.map_or_else(|| "this process".to_owned(), |server| mask::text(server.url.expose_secret()));
        // Writing to a string cannot fail.
        let _ = write!(text, "# redis {store}: {address}");
        let sentinels: Vec<String> =
            server.iter().flat_map(|server| &server.sentinels).map(ToString::to_string).collect();
        if !sentinels.is_empty() {
            let _ = write!(text, ", sentinels {}", sentinels.join(","));
        }
        let _ = writeln!(text, " (from {})", url_option(source));
    }
    text
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(options: &RedisOptions, store: StoreName) -> Option<(String, usize)> {
        let stores = options.stores().unwrap();
        let server = stores.server(store).1;
        server.map(|server| (server.url.expose_secret().to_owned(), server.sentinels.len()))
    }

    #[test]
    fn a_store_with_its_own_url_does_not_use_the_sentinels_of_the_default() {
        let options = RedisOptions {
            redis_url: Some("redis://:p@gitlab-redis".to_owned()),
            redis_sentinels: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2:26380".parse().unwrap()],
            redis_queues_url: Some("redis://10.1.2.3:6379".to_owned()),
            redis_cache_url: Some("none".to_owned()),
            ..RedisOptions::default()
        };
        assert_eq!(server(&options, StoreName::Queues), Some(("redis://10.1.2.3:6379".to_owned(), 0)));
        assert_eq!(server(&options, StoreName::Sessions), Some(("redis://:p@gitlab-redis".to_owned(), 2)));
        assert_eq!(server(&options, StoreName::Cache), None);
        assert_eq!(server(&options, StoreName::RateLimiting), None);
        let table = table(&options.stores().unwrap());
        assert_eq!(
            table,
            "# redis queues: redis://10.1.2.3:6379 (from redis_queues_url)\n\
             # redis shared_state: redis://:[FILTERED]@gitlab-redis, sentinels 10.0.0.1:26379,10.0.0.2:26380 \
             (from redis_url)\n\
             # redis sessions: redis://:[FILTERED]@gitlab-redis, sentinels 10.0.0.1:26379,10.0.0.2:26380 \
             (from redis_url)\n\
             # redis cache: this process (from redis_cache_url)\n\
             # redis rate_limiting: this process (from redis_cache_url)\n"
        );
    }

    #[test]
    fn a_redis_cluster_is_named_by_its_stores() {
        let text = |stores: &[StoreName]| cluster(stores).to_string();
        assert_eq!(
            text(&[StoreName::RateLimiting]),
            "the rate_limiting store is a Redis Cluster, which is not supported; \
             set --redis-rate-limiting-url none or another server"
        );
        assert!(text(&StoreName::ALL).ends_with("; set --redis-url to another server"));
        assert!(text(&[StoreName::Queues, StoreName::Cache]).contains("server; the cache store is a"));
    }

    #[test]
    fn sentinels_need_a_url() {
        let sentinels = vec!["h".parse().unwrap()];
        let options = RedisOptions { redis_sentinels: sentinels.clone(), ..RedisOptions::default() };
        let error = options.stores().unwrap_err().to_string();
        assert!(error.starts_with("redis_sentinels: redis_url is missing"), "{error}");
        let options = RedisOptions { redis_sessions_sentinels: sentinels, ..RedisOptions::default() };
        let error = options.stores().unwrap_err().to_string();
        assert!(error.starts_with("redis_sessions_sentinels: redis_sessions_url is missing"), "{error}");
    }
}
