//! The command line of this service.
use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;

use auth::portal::Expected;
use clap::{Args, Parser, ValueEnum};
use endpoint::Clock;
use jsonwebtoken::Algorithm;
use server::config::{
    ConfigError, KeyBaseOptions, Options as WebOptions, ProxyOptions, RedisOptions, StorageOptions,
    Structures,
};
use server::{Command, CoreBuilder, Prepared, Service};

use crate::portal::Source;
use crate::{App, INFO, Portal, with};

/// GitLab's internal API for CustomersDot, the customers portal
#[derive(Debug, Parser)]
#[command(name = "billing-api", version, about)]
pub struct Options {
    /// Command to run
    #[arg(value_enum, default_value_t)]
    pub command: Command,
    #[command(flatten)]
    pub web: WebOptions,
    #[command(flatten)]
    pub storage: StorageOptions,
    /// URL of GitLab's database `ci` with the packs of compute minutes [default: that of --database-url]
    #[arg(long, env = "IAPI_DATABASE_CI_URL", hide_env_values = true)]
    pub database_ci_url: Option<String>,
    /// File with the URL of the database `ci`, for a URL with a password
    #[arg(long, env = "IAPI_DATABASE_CI_URL_FILE")]
    pub database_ci_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub redis: RedisOptions,
    #[command(flatten)]
    pub proxy: ProxyOptions,
    #[command(flatten)]
    pub key_base: KeyBaseOptions,
    #[command(flatten)]
    pub billing: BillingOptions,
}

/// Settings specific to this service.
#[derive(Debug, Clone, Args)]
pub struct BillingOptions {
    /// URL of CustomersDot
    #[arg(long, env = "IAPI_PORTAL_URL", default_value = "https://customers.gitlab.com")]
    pub portal_url: String,
    /// URL of the portal's public keys (JWKS) [default: /oauth/discovery/keys of the portal]
    #[arg(long, env = "IAPI_JWKS_URL", conflicts_with = "jwks_file")]
    pub jwks_url: Option<String>,
    /// File with the portal's public keys (JWKS), if the portal cannot be reached
    #[arg(long, env = "IAPI_JWKS_FILE")]
    pub jwks_file: Option<PathBuf>,
    /// Expected issuer of the portal's tokens [default: the portal's URL]
    #[arg(long, env = "IAPI_ISSUER")]
    pub issuer: Option<String>,
    /// Expected audience of the portal's tokens
    #[arg(long, env = "IAPI_AUDIENCE", default_value = "gitlab-subscriptions")]
    pub audience: String,
    /// Signature algorithms accepted in the portal's tokens
    #[arg(long, env = "IAPI_ALGORITHMS", value_enum, value_delimiter = ',', default_value = "RS256")]
    pub algorithms: Vec<SignedBy>,
    /// Form of plan names in responses
    #[arg(long, env = "IAPI_PLAN_NAME_FORM", value_enum, default_value = "code")]
    pub plan_name_form: PlanNameForm,
    /// Plans that responses call upgradable
    #[arg(long, env = "IAPI_UPGRADABLE_PLANS", value_delimiter = ',', default_value = "bronze,silver")]
    pub upgradable_plans: Vec<String>,
}

/// Algorithms with public keys. Algorithms with shared secrets are not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignedBy {
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

impl From<SignedBy> for Algorithm {
    fn from(signed_by: SignedBy) -> Self {
        match signed_by {
            SignedBy::Rs256 => Self::RS256,
            SignedBy::Es256 => Self::ES256,
            SignedBy::EdDsa => Self::EdDSA,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanNameForm {
    /// `premium`
    Code,
    /// `Premium`
    Title,
}

/// The audit events of this service, for metrics.
const AUDIT_EVENTS: [&str; 10] = [
    "gitlab_subscription_created",
    "gitlab_subscription_updated",
    "compute_minutes_purchased",
    "compute_minutes_moved",
    "upcoming_reconciliation_updated",
    "upcoming_reconciliation_removed",
    "namespace_limits_updated",
    "subscription_add_on_purchase_created",
    "subscription_add_on_purchase_updated",
    "credit_card_validated",
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
        let Self {
            web, storage, database_ci_url, database_ci_url_file, redis, proxy, key_base, billing, ..
        } = self;
        let portal = Arc::new(billing.portal()?);
        let migrations = storage.migrations;
        let data_dir = web.data_dir.clone();
        let core = Arc::new(
            CoreBuilder { info: &INFO, options: web, storage, redis, clock, proxy: Some(proxy) }
                .build_with(database_ci_url.as_deref(), database_ci_url_file.as_deref())?,
        );
        let key_base = key_base.open(&data_dir, &core)?;
        for scheme in ["jwt", "personal_access_token"] {
            core.metrics.initialise_auth(INFO.consumer, scheme);
        }
        core.metrics.initialise_audit_events(&AUDIT_EVENTS);
        let app = App { core: Arc::clone(&core), key_base: Arc::clone(&key_base), portal, options: billing };
        let routes = Arc::new(with(app));
        Ok(Prepared { core, secrets: vec![key_base], migrations, routes })
    }
}

impl BillingOptions {
    fn portal(&self) -> Result<Portal, ConfigError> {
        let portal_url = self.portal_url.trim_end_matches('/');
        let expected = Expected {
            issuer: self.issuer.clone().unwrap_or_else(|| portal_url.to_owned()),
            audience: self.audience.clone(),
            algorithms: self.algorithms.iter().copied().map(Into::into).collect(),
        };
        let source = if let Some(path) = &self.jwks_file {
            let json = std::fs::read(path).map_err(|error| jwks_file(path, &error))?;
            auth::portal::Keys::parse(&json).map_err(|error| jwks_file(path, &error))?;
            Source::File(path.clone())
        } else {
            let default = format!("{portal_url}/oauth/discovery/keys");
            let url = self.jwks_url.as_deref().unwrap_or(&default);
            Source::url(http_url(url)?).map_err(|error| {
                // reqwest's own message is "builder error".
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                ConfigError(format!("jwks_url: cannot connect with TLS: {cause}"))
            })?
        };
        Ok(Portal::new(source, expected))
    }
}

fn jwks_file(path: &std::path::Path, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError(format!("jwks_file {}: {error}", path.display()))
}

/// The messages do not contain the URL, which may include a password or a token.
fn http_url(text: &str) -> Result<reqwest::Url, ConfigError> {
    let url = reqwest::Url::parse(text).map_err(|error| ConfigError(format!("jwks_url: {error}")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" => {
            tracing::warn!("the keys of the portal are fetched without TLS and can be replaced on the way");
            Ok(url)
        }
        _ => Err(ConfigError("jwks_url: must start with https://".to_owned())),
    }
}
