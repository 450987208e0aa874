//! Builds the state that handlers share from the options of the process.
use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use database::check::{self, CheckOutcome, Finding};
use database::registry::Service;
use database::{ConnectOptions, Location, Migrations, Pool, PoolOptions, Pooler, PreparedStatements};
use endpoint::rate_limit::RateLimits;
use endpoint::{ClientEntry, Clock, Core, Lifecycle, MemoryBudget, ServiceInfo, Tally};
use shared_state::Counters;
use telemetry::metrics::Metrics;

use crate::config::options::{MigrationsOption, PoolerOption, PreparedStatementsOption};
use crate::config::{ConfigError, Options, ProxyOptions, RedisOptions, StorageOptions, read_url, web_url};

/// The commit that this program was built from, or `unknown` outside of a git checkout.
pub const REVISION: &str = match option_env!("IAPI_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// The output of `--version`: the version and the commit.
pub(crate) static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} ({REVISION})", env!("CARGO_PKG_VERSION")));

/// The options that a [`Core`] is built from.
#[derive(Debug)]
pub struct CoreBuilder {
    pub info: &'static ServiceInfo,
    pub options: Options,
    pub storage: StorageOptions,
    pub redis: RedisOptions,
    pub clock: Clock,
    /// Set only where each load balancer in front of the service adds an entry to `X-Forwarded-For`.
    pub proxy: Option<ProxyOptions>,
}

impl CoreBuilder {
    /// Builds the core. Does not connect to anything; reads only the files with URLs and rate limits.
    pub fn build(self) -> Result<Core, ConfigError> {
        let Self { info, options, storage, redis, clock, proxy } = self;
        let routes: Vec<_> = info
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.method, endpoint.path, endpoint.feature_category))
            .collect();
        let metrics = Metrics::new(info.name, info.version, REVISION, &routes);
        let rate_limits = RateLimits::open(options.rate_limits_file.as_deref(), info.consumer);
        let rate_limits = rate_limits.map_err(|error| ConfigError(error.to_string()))?;
        for name in rate_limits.names() {
            metrics.initialise_throttled(info.consumer, name);
        }
        let (url, file) = (storage.database_url.as_deref(), storage.database_url_file.as_deref());
        let location = database_location(url, file, &options.data_dir)?;
        let (host, port) = location.host_and_port();
        metrics.set_database(&host, port.parse().ok());
        Ok(Core {
            info,
            pool: pool(info.name, location, &storage, &metrics),
            counters: counters(&redis, &metrics)?,
            clock,
            lifecycle: Lifecycle::new(metrics.clone()),
            metrics,
            external_url: web_url("external_url", &options.external_url)?,
            relative_url_root: relative_url_root(&options.relative_url_root)?,
            client_entry: proxy
                .map_or(ClientEntry::LastUntrusted, |proxy| ClientEntry::FromRight(proxy.proxy_hops)),
            trusted_proxies: options.trusted_proxies,
            monitoring_allowlist: options.monitoring_allowlist,
            request_timeout: options.request_timeout.map(|seconds| seconds.0),
            body_budget: body_budget(info, options.max_body_bytes, options.body_budget)?,
            max_body_bytes: options.max_body_bytes,
            rate_limits,
            further_metrics: OnceLock::new(),
        })
    }
}

/// The memory budget for bodies, which must be at least the largest body limit.
fn body_budget(
    info: &ServiceInfo,
    max_body: Option<usize>,
    budget: Option<usize>,
) -> Result<MemoryBudget, ConfigError> {
    let largest = info.endpoints.iter().map(|endpoint| endpoint.max_body).max().unwrap_or_default();
    let largest = max_body.map_or(largest, |ceiling| ceiling.min(largest));
    let budget = budget.unwrap_or(info.body_budget);
    if budget < largest || u32::try_from(budget).is_err() {
        return Err(ConfigError(format!(
            "body_budget: {budget} is not in {largest}..={} (the largest body has {largest} bytes)",
            u32::MAX
        )));
    }
    Ok(MemoryBudget::new(budget))
}

/// The interval between attempts to reach the database at start.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Migrates or verifies the tables, as configured, then opens the pool. Waits while the database is
/// unreachable or its migrations have not run.
///
/// # Errors
///
/// Returns an error if the schema does not fit and a restart would not help.
pub async fn prepare_database(core: &Core, migrations: Option<MigrationsOption>) -> database::Result<()> {
    let migrations = match migrations {
        Some(MigrationsOption::Run) => Migrations::Run,
        Some(MigrationsOption::Verify) => Migrations::Verify,
        Some(MigrationsOption::Off) => Migrations::Off,
        None if core.pool.location().is_postgresql() => Migrations::Verify,
        None => Migrations::Run,
    };
    let service = Service::find(core.info.name);
    let mut reported = String::new();
    loop {
        match core.pool.prepare(move |conn| prepare(conn, migrations, service)).await {
            Ok(CheckOutcome::Fits { warnings }) => {
                report(&warnings);
                core.pool.open(if migrations == Migrations::Off { &[] } else { &warnings });
                return Ok(());
            }
            Ok(CheckOutcome::Misfit(findings)) => {
                report(&findings);
                if migrations != Migrations::Off {
                    return Err(database::Error::Misfit(findings));
                }
                core.pool.open(&[]);
                return Ok(());
            }
            Ok(CheckOutcome::Waiting(reason)) if migrations == Migrations::Off => {
                tracing::warn!("{reason}");
                core.pool.open(&[]);
                return Ok(());
            }
            Ok(CheckOutcome::Waiting(reason)) => {
                if reported != reason {
                    tracing::warn!("waiting: {reason}");
                    reported = reason;
                }
            }
            // The pool has already logged this error.
            Err(database::Error::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// Logs each finding. A finding about an optional feature disables that feature.
fn report(findings: &[Finding]) {
    for finding in findings {
        tracing::warn!(table = finding.table, "{finding}");
    }
}

fn prepare(
    conn: &mut database::Conn,
    migrations: Migrations,
    service: Option<Service>,
) -> database::Result<CheckOutcome> {
    if migrations == Migrations::Run {
        if database::is_owned_by_rails(conn)? {
            return Err(database::Error::Configuration(
                "the database belongs to a real GitLab, whose tables are never migrated: use --migrations verify"
                    .to_owned(),
            ));
        }
        database::migrate(conn)?;
    }
    match service {
        Some(service) => check::check(conn, service),
        None => Ok(CheckOutcome::Fits { warnings: Vec::new() }),
    }
}

/// Returns the database location: the URL, the URL in a file, or else the embedded database in the data
/// directory.
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

fn pool(name: &str, location: Location, options: &StorageOptions, metrics: &Metrics) -> Pool {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let twice = u32::try_from(cores.saturating_mul(2)).unwrap_or(10).min(10);
    let pool_options = PoolOptions {
        size: options.database_pool_size.unwrap_or(twice),
        timeout: options.database_pool_timeout.0,
        connect: ConnectOptions {
            statement_timeout: options.database_statement_timeout.0,
            pooler: match options.database_pooler {
                PoolerOption::Auto => Pooler::Auto,
                PoolerOption::None => Pooler::None,
                PoolerOption::Transaction | PoolerOption::Session => Pooler::Transaction,
            },
            prepared_statements: match options.database_prepared_statements {
                PreparedStatementsOption::Auto => PreparedStatements::Auto,
                PreparedStatementsOption::On => PreparedStatements::On,
                PreparedStatementsOption::Off => PreparedStatements::Off,
            },
            application_name: name.to_owned(),
        },
    };
    let metrics = metrics.clone();
    Pool::new(location, pool_options, move |usage| {
        metrics.pool_wait(usage.wait.as_secs_f64());
        if usage.statements > 0 {
            metrics.sql(usage.duration.as_secs_f64());
        }
        Tally::database(usage.statements, usage.duration, usage.wait);
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
    // The error is dropped, because it may contain the URL and so a password.
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
