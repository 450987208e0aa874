//! Builds the state that handlers share from the options of the process.
use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use database::check::{self, CheckOutcome, Finding};
use database::registry::{DatabaseName, Service};
use database::{Location, Migrations, Pool, PoolOptions};
use endpoint::rate_limit::RateLimits;
use endpoint::{ClientEntry, Clock, Core, Lifecycle, MemoryBudget, ServiceInfo, Shared, Tally};
use secrecy::ExposeSecret;
use shared_state::{Counters, StoreName};
use telemetry::metrics::Metrics;

use crate::config::options::MigrationsOption;
use crate::config::{
    ConfigError, Options, ProxyOptions, RedisOptions, StorageOptions, read_url, redis, web_url,
};

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
        self.build_with(None, None)
    }

    /// Builds the core of a service that also uses tables of another database than `main`, which has a URL of its
    /// own if GitLab's tables are split.
    pub fn build_with(self, url: Option<&str>, file: Option<&Path>) -> Result<Core, ConfigError> {
        let other = read_url(url, file)?;
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
        let other =
            other.map(|url| Location::parse(url.expose_secret()).map_err(ConfigError::new)).transpose()?;
        // One pool is enough for one database.
        let other = other.filter(|other| !other.is_same(&location));
        let (host, port) = location.host_and_port();
        metrics.set_database(&host, port.parse().ok());
        Ok(Core {
            info,
            pool: pool(info.name, location, &storage, &metrics),
            other_pool: other.map(|location| pool(info.name, location, &storage, &metrics)),
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
            small_body_budget: MemoryBudget::new(endpoint::body::SMALL_BODIES_BUDGET),
            head_budget: MemoryBudget::new(crate::stream::LARGE_HEADS_BUDGET),
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
pub async fn prepare_database(core: &Shared, migrations: Option<MigrationsOption>) -> database::Result<()> {
    let service = Service::find(core.info.name);
    let all = if core.other_pool.is_some() { &[DatabaseName::Main][..] } else { &DatabaseName::ALL };
    if let Some(pool) = core.other_pool.clone() {
        // The main database does not wait for the other one, whose tables are those of optional features.
        actix_web::rt::spawn(async move {
            let migrations = if migrations == Some(MigrationsOption::Off) { migrations } else { None };
            let others = &[DatabaseName::Ci, DatabaseName::Sec];
            if let Err(error) = prepare_pool(&pool, migrations, service, others).await {
                tracing::error!(error = &error as &dyn std::error::Error, "the other database does not fit");
            }
        });
    }
    prepare_pool(&core.pool, migrations, service, all).await
}

async fn prepare_pool(
    pool: &Pool,
    migrations: Option<MigrationsOption>,
    service: Option<Service>,
    databases: &'static [DatabaseName],
) -> database::Result<()> {
    let migrations = match migrations {
        Some(MigrationsOption::Run) => Migrations::Run,
        Some(MigrationsOption::Verify) => Migrations::Verify,
        Some(MigrationsOption::Off) => Migrations::Off,
        None if pool.location().is_postgresql() => Migrations::Verify,
        None => Migrations::Run,
    };
    let mut reported = String::new();
    loop {
        match pool.prepare(move |conn| prepare(conn, migrations, service, databases)).await {
            Ok(CheckOutcome::Fits { warnings }) => {
                report(&warnings);
                pool.open(if migrations == Migrations::Off { &[] } else { &warnings });
                return Ok(());
            }
            Ok(CheckOutcome::Misfit(findings)) => {
                report(&findings);
                if migrations != Migrations::Off {
                    return Err(database::Error::Misfit(findings));
                }
                pool.open(&[]);
                return Ok(());
            }
            Ok(CheckOutcome::Waiting(reason)) if migrations == Migrations::Off => {
                tracing::warn!("{reason}");
                pool.open(&[]);
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
    databases: &[DatabaseName],
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
        Some(service) => check::check_part(conn, service, databases),
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
        connect: options.connect_options(name),
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
    let stores = options.stores()?;
    for store in StoreName::ALL.into_iter().filter(|store| stores.server(*store).1.is_some()) {
        metrics.initialise_redis(store.as_str(), &shared_state::RedisError::KINDS);
    }
    let metrics = metrics.clone();
    let observer = move |usage: shared_state::Usage<'_>| {
        metrics.redis(usage.store, usage.error.map(shared_state::RedisError::kind));
        Tally::redis(usage.duration);
    };
    Counters::redis(&stores, observer)
        .map_err(|(store, error)| ConfigError(format!("{}: {error}", redis::url_option(store))))
}

fn relative_url_root(text: &str) -> Result<String, ConfigError> {
    let root = text.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    if root.is_empty() || (root.starts_with('/') && root.bytes().all(plain)) {
        return Ok(root.to_owned());
    }
    Err(ConfigError(format!("relative_url_root: {text} is not a path")))
}
