//! Builds what every handler uses from the options of the process.
use std::path::Path;
use std::sync::OnceLock;

use database::{Location, Migrations, Pool, PoolOptions};
use endpoint::rate_limit::{self, RateLimits};
use endpoint::{Clock, Core, Lifecycle, ServiceInfo, Tally};
use shared_state::Counters;
use telemetry::metrics::Metrics;

use crate::config::options::MigrationsOption;
use crate::config::{ConfigError, Options, RedisOptions, StorageOptions, read_url};

/// The options that a [`Core`] is built from.
#[derive(Debug)]
pub struct CoreBuilder {
    pub info: &'static ServiceInfo,
    pub options: Options,
    pub storage: StorageOptions,
    pub redis: RedisOptions,
    pub clock: Clock,
}

impl CoreBuilder {
    /// Builds the core. Connects to nothing yet; reads only the files that hold URLs and rate limits.
    pub fn build(self) -> Result<Core, ConfigError> {
        let Self { info, options, storage, redis, clock } = self;
        let routes: Vec<_> = info
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.method, endpoint.path, endpoint.feature_category))
            .collect();
        let revision = option_env!("IAPI_REVISION").unwrap_or("unknown");
        let metrics = Metrics::new(info.name, info.version, revision, &routes);
        let rate_limits = match &options.rate_limits_file {
            Some(path) => Some(RateLimits::open(path, info.consumer).map_err(ConfigError)?),
            None => None,
        };
        if rate_limits.is_some() {
            metrics.initialise_throttled(info.consumer, rate_limit::NAME);
        }
        let (url, file) = (storage.database_url.as_deref(), storage.database_url_file.as_deref());
        let location = database_location(url, file, &options.data_dir)?;
        let (host, port) = location.host_and_port();
        metrics.set_database(&host, port.parse().ok());
        Ok(Core {
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
}

/// Migrates or verifies the tables, as configured.
pub async fn prepare_database(core: &Core, migrations: Option<MigrationsOption>) -> database::Result<()> {
    let postgresql = core.pool.location().is_postgresql();
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
    core.pool
        .run(move |conn| match migrations {
            Migrations::Verify | Migrations::Off => database::verify(conn),
            Migrations::Run if database::is_owned_by_rails(conn)? => Err(database::Error::Schema(
                "it belongs to a real GitLab, whose tables are never migrated: use --migrations verify"
                    .to_owned(),
            )),
            Migrations::Run => database::migrate(conn),
        })
        .await
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
        metrics.redis(STORAGE, usage.error.map(shared_state::RedisError::kind));
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
