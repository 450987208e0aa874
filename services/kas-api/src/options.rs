//! The command line of this service.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args, Parser};
use endpoint::{Clock, Core, SettingsCache, Tally};
use repository::{Inspect, Storage, Storages, Usage};
use server::config::{
    ConfigError, KeyBaseOptions, Options as WebOptions, ProxyOptions, RedisOptions, StorageOptions,
    Structures,
};
use server::secrets::Reload;
use server::{Command, CoreBuilder, Prepared, SecretFile, Service};

use crate::{App, INFO, usage, with};

/// The schemes of Gitaly addresses that kas supports.
const SCHEMES: &[&str] = &["unix:", "tcp://", "tls://", "dns:"];

/// GitLab's internal API for kas, the agent server for Kubernetes
#[derive(Debug, Parser)]
#[command(name = "kas-api", version, about)]
pub struct Options {
    /// Command to run
    #[arg(value_enum, default_value_t)]
    pub command: Command,
    #[command(flatten)]
    pub web: WebOptions,
    #[command(flatten)]
    pub storage: StorageOptions,
    /// URL of GitLab's database `sec` with the vulnerabilities [default: that of --database-url]
    #[arg(long, env = "IAPI_DATABASE_SEC_URL", hide_env_values = true)]
    pub database_sec_url: Option<String>,
    /// File with the URL of the database `sec`, for a URL with a password
    #[arg(long, env = "IAPI_DATABASE_SEC_URL_FILE")]
    pub database_sec_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub redis: RedisOptions,
    #[command(flatten)]
    pub proxy: ProxyOptions,
    /// Secret shared with kas [default: `.gitlab_kas_secret` in the data directory]
    #[arg(long, env = "IAPI_KAS_SECRET_FILE")]
    pub kas_secret_file: Option<PathBuf>,
    /// The previous secret, accepted while it is being rotated
    #[arg(long, env = "IAPI_KAS_SECRET_PREVIOUS_FILE")]
    pub kas_secret_previous_file: Option<PathBuf>,
    #[command(flatten)]
    pub key_base: KeyBaseOptions,
    #[command(flatten)]
    pub kas: KasOptions,
}

/// Settings specific to this service.
#[derive(Debug, Clone, Args)]
pub struct KasOptions {
    /// Require the claim `aud` in tokens of kas; kas before 15 does not send it
    #[arg(long, env = "IAPI_REQUIRE_AUDIENCE", action = ArgAction::Set, default_value_t = true)]
    pub require_audience: bool,
    /// Maximum difference between the clocks of kas and this machine, in seconds
    #[arg(long, env = "IAPI_JWT_LEEWAY_SECONDS", default_value_t = 0)]
    pub jwt_leeway_seconds: u32,
    /// Kind of installation; determines the UUIDs of vulnerabilities
    #[arg(long, env = "IAPI_ENVIRONMENT", value_enum, default_value_t = Environment::Production)]
    pub environment: Environment,
    /// Accept vulnerabilities, and serve scan execution policies to agents
    #[arg(long, env = "IAPI_SECURITY_POLICIES_ENABLED", action = ArgAction::Set, default_value_t = true)]
    pub security_policies_enabled: bool,
    /// Let users access clusters through kas if the agent grants it
    #[arg(long, env = "IAPI_USER_ACCESS_ENABLED", action = ArgAction::Set, default_value_t = true)]
    pub user_access_enabled: bool,
    /// Author of vulnerabilities reported by an agent without a known creator
    #[arg(long, env = "IAPI_BOT_USER_ID")]
    pub bot_user_id: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    Production,
    Staging,
    Development,
    Test,
}

impl From<Environment> for domain::agents::vulnerability::Environment {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Production,
            Environment::Staging => Self::Staging,
            Environment::Development | Environment::Test => Self::Development,
        }
    }
}

impl Service for Options {
    fn command_to_run(&self) -> Command {
        self.command
    }

    fn options(&self) -> &WebOptions {
        &self.web
    }

    fn redis_options(&self) -> &RedisOptions {
        &self.redis
    }

    fn prepare(self, structures: &Structures) -> Result<Prepared, ConfigError> {
        let Self {
            web,
            storage,
            database_sec_url,
            database_sec_url_file,
            redis,
            proxy,
            kas_secret_file,
            kas_secret_previous_file,
            key_base,
            kas,
            ..
        } = self;
        let storages: BTreeMap<String, Storage> = structures.get("storages")?;
        check(&storages)?;
        let migrations = storage.migrations;
        let secret_file = kas_secret_file.unwrap_or_else(|| web.data_dir.join(".gitlab_kas_secret"));
        let data_dir = web.data_dir.clone();
        let clock = Clock::System;
        let core = Arc::new(
            CoreBuilder { info: &INFO, options: web, storage, redis, clock, proxy: Some(proxy) }
                .build_with(database_sec_url.as_deref(), database_sec_url_file.as_deref())?,
        );
        let storages = open_storages(storages, &core)?;
        let previous = kas_secret_previous_file.as_deref();
        let secret = SecretFile::open_base64("gitlab_kas", &secret_file, previous, &core.metrics, clock)?;
        let key_base = key_base.open(&data_dir, &core)?;
        for scheme in ["jwt", "agent_token", "personal_access_token", "session"] {
            core.metrics.initialise_auth(INFO.consumer, scheme);
        }
        core.metrics.initialise_audit_events(&["cluster_agent_authorizations_updated"]);
        let further = usage::metrics(core.pool.clone(), core.counters.clone(), clock);
        // The core is new, so this cannot be set yet.
        let _ = core.further_metrics.set(further);
        let app = App {
            core: Arc::clone(&core),
            secret: Arc::clone(&secret),
            key_base: Arc::clone(&key_base),
            settings: SettingsCache::default(),
            storages,
            options: kas,
        };
        let secrets: Vec<Arc<dyn Reload>> = vec![secret, key_base];
        Ok(Prepared { core, secrets, migrations, routes: Arc::new(with(app)) })
    }
}

/// Prepares the storages. What reading them costs is counted in the metrics and in each request's line in the log.
fn open_storages(storages: BTreeMap<String, Storage>, core: &Core) -> Result<Storages, ConfigError> {
    Usage::initialise(&core.metrics);
    let metrics = core.metrics.clone();
    let observe = move |usage: Usage| {
        usage.count(&metrics);
        match usage {
            Usage::GitalyCall { duration, .. } => Tally::gitaly(duration),
            Usage::ProcessEnded { duration, .. } => Tally::git(duration),
            Usage::ProcessStarted => {}
        }
    };
    Storages::new(INFO.name, storages, observe).map_err(|error| ConfigError(format!("storages: {error}")))
}

/// Refuses storages that kas cannot use.
fn check(storages: &BTreeMap<String, Storage>) -> Result<(), ConfigError> {
    for (name, storage) in storages {
        if !SCHEMES.iter().any(|scheme| storage.address.starts_with(scheme)) {
            return Err(ConfigError(format!(
                "storages: {name} needs an address with unix:, tcp://, tls:// or dns:"
            )));
        }
        if storage.inspect() == Inspect::Local && storage.path.is_none() {
            return Err(ConfigError(format!("storages: {name} is inspected locally but has no path")));
        }
    }
    Ok(())
}
