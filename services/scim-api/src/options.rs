//! The command line of this service.
use std::sync::Arc;

use clap::{ArgAction, Args, Parser};
use database::scim::Mode;
use endpoint::Clock;
use server::config::{
    ConfigError, KeyBaseOptions, Options as WebOptions, ProxyOptions, RedisOptions, StorageOptions,
    Structures, web_url,
};
use server::{Command, CoreBuilder, Prepared, Service};

use crate::{App, INFO, with};

/// GitLab's SCIM API for identity providers
#[derive(Debug, Parser)]
#[command(name = "scim-api", version, about)]
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
    #[command(flatten)]
    pub scim: ScimOptions,
}

/// Settings specific to this service.
#[derive(Debug, Clone, Args)]
pub struct ScimOptions {
    /// Representation of users: gitlab (GitLab's seven keys), rfc (the RFC's keys) or auto (by the Accept header)
    #[arg(long, env = "IAPI_SCIM_REPRESENTATION", value_enum, default_value_t = RepresentationOption::Auto)]
    pub scim_representation: RepresentationOption,
    /// Permissions of a group's provider: gitlab (change access only) or rfc (also change the accounts that it
    /// created)
    #[arg(long, env = "IAPI_SCIM_GROUP_MODE", value_enum, default_value_t = ScimMode::Gitlab)]
    pub scim_group_mode: ScimMode,
    /// Permissions of the instance's provider
    #[arg(long, env = "IAPI_SCIM_INSTANCE_MODE", value_enum, default_value_t = ScimMode::Rfc)]
    pub scim_instance_mode: ScimMode,
    /// Serve SCIM for the whole instance
    #[arg(long, env = "IAPI_SCIM_INSTANCE_ENABLED", action = ArgAction::Set, default_value_t = true)]
    pub scim_instance_enabled: bool,
    /// Show deleted users as inactive, as GitLab does
    #[arg(long, env = "IAPI_SCIM_DELETED_VISIBLE", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub scim_deleted_visible: bool,
    /// Keep the single sign-on identity of a deactivated group user
    #[arg(long, env = "IAPI_SCIM_KEEP_SAML_IDENTITY", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub scim_keep_saml_identity: bool,
    /// Serve SCIM groups for the instance, if the database has SAML group links
    #[arg(long, env = "IAPI_SCIM_GROUP_SYNC", action = ArgAction::Set, default_value_t = true, num_args = 0..=1, default_missing_value = "true")]
    pub scim_group_sync: bool,
    /// Base of the URLs in responses [default: from the request]
    #[arg(long, env = "IAPI_SCIM_EXTERNAL_URL")]
    pub scim_external_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RepresentationOption {
    Auto,
    Gitlab,
    Rfc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ScimMode {
    Gitlab,
    Rfc,
}

impl From<ScimMode> for Mode {
    fn from(mode: ScimMode) -> Self {
        match mode {
            ScimMode::Gitlab => Self::GitLab,
            ScimMode::Rfc => Self::Rfc,
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

    fn prepare(self, _: &Structures) -> Result<Prepared, ConfigError> {
        let Self { web, storage, redis, proxy, key_base, scim, .. } = self;
        if let Some(url) = &scim.scim_external_url {
            web_url("scim_external_url", url)?;
        }
        let migrations = storage.migrations;
        let data_dir = web.data_dir.clone();
        let clock = Clock::System;
        let core = Arc::new(
            CoreBuilder { info: &INFO, options: web, storage, redis, clock, proxy: Some(proxy) }.build()?,
        );
        let key_base = key_base.open(&data_dir, &core)?;
        core.metrics.initialise_auth(INFO.consumer, "scim_token");
        core.metrics.initialise_audit_events(&crate::audit::EVENT_NAMES);
        let app = App::new(Arc::clone(&core), Arc::clone(&key_base), scim);
        Ok(Prepared { core, secrets: vec![key_base], migrations, routes: Arc::new(with(app)) })
    }
}
