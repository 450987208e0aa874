//! Options that every service has.
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use database::{ConnectOptions, Pooler, PreparedStatements};
use ipnet::IpNet;

use super::Seconds;

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// YAML file with defaults for all options; its keys are the flags with `_`
    #[arg(long, env = "IAPI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Listen on HOST:PORT or unix:PATH; may be repeated [default: the service's port on 127.0.0.1]
    #[arg(long, env = "IAPI_LISTEN", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// File mode of a Unix socket
    #[arg(long, env = "IAPI_SOCKET_MODE", default_value = "0660")]
    pub socket_mode: String,
    /// Serve health and metrics on this address; not for load balancer traffic [default: the service's port
    /// on 127.0.0.1]
    #[arg(long, env = "IAPI_MONITORING_LISTEN")]
    pub monitoring_listen: Option<String>,
    /// Networks that may access health and metrics on the main listener
    #[arg(
        long,
        env = "IAPI_MONITORING_ALLOWLIST",
        value_delimiter = ',',
        default_value = "127.0.0.0/8,::1/128"
    )]
    pub monitoring_allowlist: Vec<IpNet>,
    /// Trusted proxies, whose X-Forwarded-For and X-Request-Id headers are used
    #[arg(long, env = "IAPI_TRUSTED_PROXIES", value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    pub trusted_proxies: Vec<IpNet>,
    /// Certificate chain (PEM); enables HTTPS on the TCP listeners
    #[arg(long, env = "IAPI_TLS_CERT_FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, env = "IAPI_TLS_KEY_FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,
    /// Certificate authorities (PEM) that client certificates must be signed by
    #[arg(long, env = "IAPI_TLS_CLIENT_CA_FILE", requires = "tls_cert_file")]
    pub tls_client_ca_file: Option<PathBuf>,
    /// Directory of the embedded database and of the default secret files; created with mode 0700
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    pub data_dir: PathBuf,
    /// Base URL of links for users
    #[arg(long, env = "IAPI_EXTERNAL_URL", default_value = "http://localhost:3000")]
    pub external_url: String,
    /// Path prefix of every route, as GitLab's relative URL root
    #[arg(long, env = "IAPI_RELATIVE_URL_ROOT", default_value = "")]
    pub relative_url_root: String,
    /// Maximum timeout of every route
    #[arg(long, env = "IAPI_REQUEST_TIMEOUT")]
    pub request_timeout: Option<Seconds>,
    /// Maximum body size of every route, in bytes
    #[arg(long, env = "IAPI_MAX_BODY_BYTES")]
    pub max_body_bytes: Option<usize>,
    /// Memory for all request bodies together, in bytes [default: 64 MiB for shell-api, 20 MiB for kas-api,
    /// else 16 MiB]
    #[arg(long, env = "IAPI_BODY_BUDGET", value_name = "BYTES")]
    pub body_budget: Option<usize>,
    /// YAML file with rate limits for callers and for failed authentications
    #[arg(long, env = "IAPI_RATE_LIMITS_FILE", value_name = "FILE")]
    pub rate_limits_file: Option<PathBuf>,
    /// Maximum number of concurrent connections
    #[arg(long, env = "IAPI_MAX_CONNECTIONS", default_value_t = 4096)]
    pub max_connections: usize,
    /// Number of worker threads [default: one per core, at least 2]
    #[arg(long, env = "IAPI_WORKERS")]
    pub workers: Option<usize>,
    /// Maximum number of connections that wait to be accepted
    #[arg(long, env = "IAPI_BACKLOG", default_value_t = 1024)]
    pub backlog: u32,
    /// After SIGTERM: keep serving for this long while not ready, until load balancers notice
    #[arg(long, env = "IAPI_SHUTDOWN_BLACKOUT", default_value = "10s")]
    pub shutdown_blackout: Seconds,
    /// After the blackout: wait this long for running requests
    #[arg(long, env = "IAPI_SHUTDOWN_TIMEOUT", default_value = "55s")]
    pub shutdown_timeout: Seconds,
    #[command(flatten)]
    pub telemetry: telemetry::Options,
}

/// Not for shell-api: GitLab Shell sends `X-Forwarded-For` itself.
#[derive(Debug, Clone, Copy, Args)]
pub struct ProxyOptions {
    /// Number of load balancers in front that add an entry to X-Forwarded-For: the client is this entry from
    /// the right
    #[arg(long, env = "IAPI_PROXY_HOPS", default_value = "1")]
    pub proxy_hops: NonZeroUsize,
}

#[derive(Debug, Clone, Args)]
pub struct StorageOptions {
    /// `postgres://…` or `sqlite://PATH` [default: internal-api.sqlite3 in the data directory]
    #[arg(long, env = "IAPI_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the database URL, for a URL with a password
    #[arg(long, env = "IAPI_DATABASE_URL_FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Maximum number of database connections [default: two per core, at most 10]
    #[arg(long, env = "IAPI_DATABASE_POOL_SIZE", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_pool_size: Option<u32>,
    /// Timeout for getting a database connection
    #[arg(long, env = "IAPI_DATABASE_POOL_TIMEOUT", default_value = "5s")]
    pub database_pool_timeout: Seconds,
    /// Timeout of a statement (PostgreSQL)
    #[arg(long, env = "IAPI_DATABASE_STATEMENT_TIMEOUT", default_value = "15s")]
    pub database_statement_timeout: Seconds,
    /// Connection pooler between this service and PostgreSQL; `auto` detects it
    #[arg(long, env = "IAPI_DATABASE_POOLER", default_value = "auto")]
    pub database_pooler: PoolerOption,
    /// Named prepared statements; `auto` uses them with a direct connection and through a pooler that
    /// supports them
    #[arg(long, env = "IAPI_DATABASE_PREPARED_STATEMENTS", default_value = "auto")]
    pub database_prepared_statements: PreparedStatementsOption,
    /// At start: run the migrations, verify the tables, or do neither [default: run on SQLite, else verify]
    #[arg(long, env = "IAPI_MIGRATIONS")]
    pub migrations: Option<MigrationsOption>,
}

impl StorageOptions {
    /// How a process with this name connects to its databases.
    pub fn connect_options(&self, application_name: &str) -> ConnectOptions {
        ConnectOptions {
            statement_timeout: self.database_statement_timeout.0,
            pooler: match self.database_pooler {
                PoolerOption::Auto => Pooler::Auto,
                PoolerOption::None => Pooler::None,
                PoolerOption::Transaction | PoolerOption::Session => Pooler::Transaction,
            },
            prepared_statements: match self.database_prepared_statements {
                PreparedStatementsOption::Auto => PreparedStatements::Auto,
                PreparedStatementsOption::On => PreparedStatements::On,
                PreparedStatementsOption::Off => PreparedStatements::Off,
            },
            application_name: application_name.to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PoolerOption {
    Auto,
    /// Direct connections only: a pooler is an error
    None,
    Transaction,
    /// The same as transaction mode, which is also safe for session mode
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
