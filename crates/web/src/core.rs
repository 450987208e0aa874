//! What every service has at hand while it runs.
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use counters::Counters;
use futures_util::future::LocalBoxFuture;
use ipnet::IpNet;
use storage::{Location, Migrations, Pool, PoolOptions};
use telemetry::metrics::Metrics;

use crate::config::options::MigrationsOption;
use crate::config::{ConfigError, Options, RedisOptions, StorageOptions, read_url};
use crate::context::Tally;
use crate::rate_limit::{self, RateLimits};
use crate::{Clock, Endpoint, Lifecycle};

/// What a service is, before it runs.
#[derive(Debug)]
pub struct ServiceInfo {
    /// `shell-api`
    pub name: &'static str,
    /// `shell`
    pub consumer: &'static str,
    pub version: &'static str,
    pub port: u16,
    pub monitoring_port: u16,
    pub endpoints: &'static [Endpoint],
    /// Sections of the configuration file that no flag can say.
    pub structures: &'static [&'static str],
}

/// What every handler may use.
#[derive(Debug)]
pub struct Core {
    pub info: &'static ServiceInfo,
    pub pool: Pool,
    pub counters: Counters,
    pub clock: Clock,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// Base of the links that people see; no slash at the end.
    pub external_url: String,
    /// In front of every route: empty, or a path with a slash in front and none behind.
    pub relative_url_root: String,
    pub trusted_proxies: Vec<IpNet>,
    pub monitoring_allowlist: Vec<IpNet>,
    pub request_timeout: Option<Duration>,
    pub max_body_bytes: Option<usize>,
    pub(crate) rate_limits: Option<RateLimits>,
    /// What the service itself adds to the metrics, asked each time; in Prometheus' text.
    pub further_metrics: OnceLock<FurtherMetrics>,
}

/// Metrics that are kept elsewhere than in this process.
pub struct FurtherMetrics(pub Box<dyn Fn() -> LocalBoxFuture<'static, String> + Send + Sync>);

impl std::fmt::Debug for FurtherMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FurtherMetrics")
    }
}

/// What a [`Core`] is made of.
#[derive(Debug)]
pub struct Start {
    pub info: &'static ServiceInfo,
    pub options: Options,
    pub storage: StorageOptions,
    pub redis: RedisOptions,
    pub clock: Clock,
}

impl Core {
    /// Puts a service's tools together. Nothing is connected yet, and no files but those of URLs and rate limits are read.
    pub fn new(start: Start) -> Result<Self, ConfigError> {
        let Start { info, options, storage, redis, clock } = start;
        let routes: Vec<_> = info
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.method, endpoint.path, endpoint.feature_category))
            .collect();
        let revision = option_env!("IAPI_REVISION").unwrap_or("unknown");
        let metrics = Metrics::new(info.name, info.version, revision, &routes);
        let rate_limits = match &options.rate_limits_file {
            Some(path) => Some(RateLimits::open(path, info.consumer)?),
            None => None,
        };
        if rate_limits.is_some() {
            metrics.initialise_throttled(info.consumer, rate_limit::NAME);
        }
        let (url, file) = (storage.database_url.as_deref(), storage.database_url_file.as_deref());
        let location = database_location(url, file, &options.data_dir)?;
        let (host, port) = location.host_and_port();
        metrics.set_database(&host, port.parse().ok());
        Ok(Self {
            info,
            pool: pool(location, &storage, &metrics),
            counters: counters(&redis, &metrics)?,
            clock,
            lifecycle: Lifecycle::new(metrics.clone()),
            metrics,
            external_url: options.external_url.trim_end_matches('/').to_owned(),
            relative_url_root: relative_url_root(&options.relative_url_root)?,
            trusted_proxies: options.trusted_proxies,
            monitoring_allowlist: options.monitoring_allowlist,
            request_timeout: options.request_timeout.map(|seconds| seconds.0),
            max_body_bytes: options.max_body_bytes,
            rate_limits,
            further_metrics: OnceLock::new(),
        })
    }

    /// Makes or checks the tables, as configured.
    pub async fn prepare_database(&self, migrations: Option<MigrationsOption>) -> storage::Result<()> {
        let postgresql = self.pool.location().is_postgresql();
        let migrations = match migrations {
            Some(MigrationsOption::Run) => Migrations::Run,
            Some(MigrationsOption::Verify) => Migrations::Verify,
            Some(MigrationsOption::Off) => Migrations::Off,
            None if postgresql => Migrations::Verify,
            None => Migrations::Run,
        };
        if migrations == Migrations::Off {
            return Ok(());
        }
        self.pool
            .run(move |conn| match migrations {
                Migrations::Verify | Migrations::Off => storage::verify(conn),
                Migrations::Run if storage::is_owned_by_rails(conn)? => Err(storage::Error::Schema(
                    "it belongs to a real GitLab, whose tables are never migrated: use --migrations verify"
                        .to_owned(),
                )),
                Migrations::Run => storage::migrate(conn),
            })
            .await
    }
}

/// Which database: the URL, or the one in a file, or else the embedded database in the data directory.
pub fn database_location(
    url: Option<&str>,
    file: Option<&Path>,
    data_dir: &Path,
) -> Result<Location, ConfigError> {
    use secrecy::ExposeSecret;
    match read_url(url, file)? {
        Some(url) => Location::parse(url.expose_secret()).map_err(ConfigError::new),
        None => Ok(Location::Sqlite(data_dir.join("internal-api.sqlite3").to_string_lossy().into_owned())),
    }
}

fn pool(location: Location, options: &StorageOptions, metrics: &Metrics) -> Pool {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let twice = u32::try_from(cores.saturating_mul(2)).unwrap_or(10).min(10);
    let pool_options = PoolOptions {
        size: options.database_pool_size.unwrap_or(twice),
        timeout: options.database_pool_timeout.0,
        statement_timeout: options.database_statement_timeout.0,
    };
    let metrics = metrics.clone();
    Pool::new(location, pool_options, move |usage| {
        metrics.sql(usage.duration.as_secs_f64());
        Tally::database(usage.statements, usage.duration);
    })
}

fn counters(options: &RedisOptions, metrics: &Metrics) -> Result<Counters, ConfigError> {
    const STORAGE: &str = "shared_state";
    let Some(url) = read_url(options.redis_url.as_deref(), options.redis_url_file.as_deref())? else {
        return Ok(Counters::memory());
    };
    metrics.initialise_redis(STORAGE);
    let metrics = metrics.clone();
    Counters::redis(&url, move |usage| {
        metrics.redis(STORAGE, usage.error.map(counters::RedisError::kind));
        Tally::redis(usage.duration);
    })
    // The error may repeat the URL, which may hold a password.
    .map_err(|_| {
        ConfigError("the Redis URL is not usable: it must start with redis:// or rediss://".to_owned())
    })
}

fn relative_url_root(text: &str) -> Result<String, ConfigError> {
    let root = text.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    if root.is_empty() || (root.starts_with('/') && root.bytes().all(plain)) {
        return Ok(root.to_owned());
    }
    Err(ConfigError(format!("relative_url_root: {text} is not a path")))
}

/// Shared by all threads.
pub(crate) type Shared = Arc<Core>;
