//! Options that every service has.
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;

use super::Seconds;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// YAML file with defaults for all of these: keys are flags with `_`
    #[arg(long, env = "IAPI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Serve on HOST:PORT or unix:PATH; may be given several times [default: the service's port on 127.0.0.1]
    #[arg(long, env = "IAPI_LISTEN", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Mode of a unix socket
    #[arg(long, env = "IAPI_SOCKET_MODE", default_value = "0660")]
    pub socket_mode: String,
    /// Serve health and metrics here; never routed by a load balancer [default: the service's port on 127.0.0.1]
    #[arg(long, env = "IAPI_MONITORING_LISTEN")]
    pub monitoring_listen: Option<String>,
    /// Networks that may read health and metrics on the main listener
    #[arg(
        long,
        env = "IAPI_MONITORING_ALLOWLIST",
        value_delimiter = ',',
        default_value = "127.0.0.0/8,::1/128"
    )]
    pub monitoring_allowlist: Vec<IpNet>,
    /// Peers whose X-Forwarded-For and X-Request-Id are believed
    #[arg(long, env = "IAPI_TRUSTED_PROXIES", value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate chain (PEM): serve HTTPS on the TCP listeners
    #[arg(long, env = "IAPI_TLS_CERT_FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "IAPI_TLS_KEY_FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,
    /// Certificate authorities (PEM) that clients must be signed by
    #[arg(long, env = "IAPI_TLS_CLIENT_CA_FILE", requires = "tls_cert_file")]
    pub tls_client_ca_file: Option<PathBuf>,
    /// Directory of the embedded database and of the default secret files; made with mode 0700
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    pub data_dir: PathBuf,
    /// Base of the links that people see
    #[arg(long, env = "IAPI_EXTERNAL_URL", default_value = "http://localhost:3000")]
    pub external_url: String,
    /// Path in front of every route, as GitLab's relative URL root
    #[arg(long, env = "IAPI_RELATIVE_URL_ROOT", default_value = "")]
    pub relative_url_root: String,
    /// Ceiling for the time that a request may take, of every route
    #[arg(long, env = "IAPI_REQUEST_TIMEOUT")]
    pub request_timeout: Option<Seconds>,
    /// Ceiling for the size of a request's body, of every route
    #[arg(long, env = "IAPI_MAX_BODY_BYTES")]
    pub max_body_bytes: Option<usize>,
    /// Bytes that all request bodies together may take in memory [default: 64 MiB for shell-api, 20 MiB for kas-api,
    /// else 16 MiB]
    #[arg(long, env = "IAPI_BODY_BUDGET", value_name = "BYTES")]
    pub body_budget: Option<usize>,
    /// YAML file that changes the limits for requests of one caller and for wrong credentials
    #[arg(long, env = "IAPI_RATE_LIMITS_FILE", value_name = "FILE")]
    pub rate_limits_file: Option<PathBuf>,
    /// Connections at once
    #[arg(long, env = "IAPI_MAX_CONNECTIONS", default_value_t = 4096)]
    pub max_connections: usize,
    /// Threads that serve [default: one a core, at least 2]
    #[arg(long, env = "IAPI_WORKERS")]
    pub workers: Option<usize>,
    /// Connections that wait to be accepted
    #[arg(long, env = "IAPI_BACKLOG", default_value_t = 1024)]
    pub backlog: u32,
    /// After SIGTERM: go on serving, not ready any more, for as long as balancers take to notice
    #[arg(long, env = "IAPI_SHUTDOWN_BLACKOUT", default_value = "10s")]
    pub shutdown_blackout: Seconds,
    /// After the blackout: wait this long for requests that are running
    #[arg(long, env = "IAPI_SHUTDOWN_TIMEOUT", default_value = "55s")]
    pub shutdown_timeout: Seconds,
    #[command(flatten)]
    pub telemetry: telemetry::Options,
}

/// Not for shell-api: GitLab Shell sends `X-Forwarded-For` itself.
#[derive(Debug, Clone, Copy, Args)]
pub struct ProxyOptions {
    /// Balancers in front that add an entry to X-Forwarded-For: the client is this entry from the right
    #[arg(long, env = "IAPI_PROXY_HOPS", default_value = "1")]
    pub proxy_hops: NonZeroUsize,
}

#[derive(Debug, Clone, Args)]
pub struct StorageOptions {
    /// `postgres://…` or `sqlite://PATH` [default: internal-api.sqlite3 in the data directory]
    #[arg(long, env = "IAPI_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File that holds the database URL, because it holds a password
    #[arg(long, env = "IAPI_DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Connections to the database [default: two a core, at most 10]
    #[arg(long, env = "IAPI_DATABASE_POOL_SIZE", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_pool_size: Option<u32>,
    /// How long a request waits for a connection
    #[arg(long, env = "IAPI_DATABASE_POOL_TIMEOUT", default_value = "5s")]
    pub database_pool_timeout: Seconds,
    /// How long a statement may run (PostgreSQL)
    #[arg(long, env = "IAPI_DATABASE_STATEMENT_TIMEOUT", default_value = "15s")]
    pub database_statement_timeout: Seconds,
    /// Connection pooler between this service and PostgreSQL; `auto` finds out
    #[arg(long, env = "IAPI_DATABASE_POOLER", default_value = "auto")]
    pub database_pooler: PoolerOption,
    /// Named prepared statements; `auto` uses them with a direct connection and through a pooler that manages them
    #[arg(long, env = "IAPI_DATABASE_PREPARED_STATEMENTS", default_value = "auto")]
    pub database_prepared_statements: PreparedStatementsOption,
    /// At start: make the tables, look whether they are there, or neither [default: run on SQLite, else verify]
    #[arg(long, env = "IAPI_MIGRATIONS")]
    pub migrations: Option<MigrationsOption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PoolerOption {
    Auto,
    /// No other connection than a direct one: a pooler is an error
    None,
    Transaction,
    /// What is safe in transaction mode is safe in session mode
    Session,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PreparedStatementsOption {
    Auto,
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MigrationsOption {
    Run,
    Verify,
    Off,
}

#[derive(Debug, Clone, Args)]
pub struct RedisOptions {
    /// redis://… or rediss://…; without it counters stay in this process, for one replica only
    #[arg(long, env = "IAPI_REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// File that holds the Redis URL, because it holds a password
    #[arg(long, env = "IAPI_REDIS_URL_FILE")]
    pub redis_url_file: Option<PathBuf>,
}
