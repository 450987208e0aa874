//! The command line of this service.
use std::sync::Arc;

use clap::Parser;
use endpoint::Clock;
use server::config::{
    ConfigError, KeyBaseOptions, Options as WebOptions, ProxyOptions, RedisOptions, StorageOptions,
    Structures,
};
use server::{Command, CoreBuilder, Prepared, Service};

use crate::{App, INFO, with};

/// Storage limit exclusions: an API and pages of the Admin area
#[derive(Debug, Parser)]
#[command(name = "admin-api", version, about)]
pub struct Options {
    /// Command to run
    #[arg(value_enum, default_value_t)]
    pub command: Command,
    #[command(flatten)]
    pub web: WebOptions,
    #[command(flatten)]
    pub storage: StorageOptions,
    #[command(flatten)]
    pub redis: RedisOptions,
    #[command(flatten)]
    pub proxy: ProxyOptions,
    #[command(flatten)]
    pub key_base: KeyBaseOptions,
}

/// The audit events of this service, for metrics.
const AUDIT_EVENTS: [&str; 4] = [
    "namespace_storage_limit_exclusion_created",
    "namespace_storage_limit_exclusion_removed",
    "admin_session_started",
    "admin_session_ended",
];

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

    fn prepare(self, _: &Structures) -> Result<Prepared, ConfigError> {
        self.prepare_at(Clock::System)
    }
}

impl Options {
    /// Builds the service with a clock, which a test can choose.
    pub fn prepare_at(self, clock: Clock) -> Result<Prepared, ConfigError> {
        let Self { web, storage, redis, proxy, key_base, .. } = self;
        let migrations = storage.migrations;
        let data_dir = web.data_dir.clone();
        let core = Arc::new(
            CoreBuilder { info: &INFO, options: web, storage, redis, clock, proxy: Some(proxy) }.build()?,
        );
        let key_base = key_base.open(&data_dir, &core)?;
        for scheme in ["personal_access_token", crate::page::SESSION_SCHEME] {
            core.metrics.initialise_auth(INFO.consumer, scheme);
        }
        core.metrics.initialise_throttled(INFO.consumer, "admin_sign_in");
        core.metrics.initialise_audit_events(&AUDIT_EVENTS);
        let app =
            App { core: Arc::clone(&core), key_base: Arc::clone(&key_base), started: core.clock.unix() };
        let routes = Arc::new(with(app));
        Ok(Prepared { core, secrets: vec![key_base], migrations, routes })
    }
}
