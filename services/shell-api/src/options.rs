//! The command line of this service.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args, Parser};
use endpoint::{Clock, Core, SettingsCache, Tally};
use git_access::AccessOptions;
use repository::{Inspect, Storage, Storages, Usage};
use server::config::{ConfigError, Options as WebOptions, RedisOptions, Seconds, StorageOptions, Structures};
use server::secrets::Reload;
use server::{Command, CoreBuilder, Prepared, SecretFile, Service};
use shared_state::StoreName;

use crate::hashing::Hashing;
use crate::{App, Geo, INFO, JobSink, KeyOptions, MergeRequestOptionsSink, with};

/// GitLab's internal API for GitLab Shell and Gitaly
#[derive(Debug, Parser)]
#[command(name = "shell-api", version, about)]
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
    /// Secret shared with GitLab Shell and Gitaly [default: `.gitlab_shell_secret` in the data directory]
    #[arg(long, env = "IAPI_SHELL_SECRET_FILE")]
    pub shell_secret_file: Option<PathBuf>,
    /// The previous secret, accepted while it is being rotated
    #[arg(long, env = "IAPI_SHELL_SECRET_PREVIOUS_FILE")]
    pub shell_secret_previous_file: Option<PathBuf>,
    #[command(flatten)]
    pub keys: KeyOptions,
    #[command(flatten)]
    pub shell: ShellOptions,
}

/// Settings specific to this service.
#[derive(Debug, Clone, Args)]
pub struct ShellOptions {
    /// Accept the shared secret itself as a credential, as clients before 15.0 send it
    #[arg(long, env = "IAPI_LEGACY_SHARED_SECRET", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub legacy_shared_secret: bool,
    /// Refuse tokens without `exp`
    #[arg(long, env = "IAPI_REQUIRE_EXP", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub require_exp: bool,
    #[command(flatten)]
    pub access: AccessOptions,
    /// Let git offer partial clones
    #[arg(long, env = "IAPI_PARTIAL_CLONE", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub partial_clone: bool,
    /// Timeout of the decision about a push
    #[arg(long, env = "IAPI_ALLOWED_TIMEOUT", default_value = "50s")]
    pub allowed_timeout: Seconds,
    /// Version in the response of `/check`
    #[arg(long, env = "IAPI_GITLAB_VERSION", default_value = "18.0.0")]
    pub gitlab_version: String,
    /// Revision in the response of `/check`
    #[arg(long, env = "IAPI_GITLAB_REV", default_value = "unknown")]
    pub gitlab_rev: String,
    /// Sink for the job after a push [default: redis with a Redis URL, else outbox]
    #[arg(long, env = "IAPI_JOB_SINK", value_enum)]
    pub job_sink: Option<JobSink>,
    /// Class of the Sidekiq job after a push; `Repositories::PostReceiveWorker` in newer GitLab
    #[arg(long, env = "IAPI_POST_RECEIVE_WORKER", default_value = "PostReceive")]
    pub post_receive_worker: String,
    /// Sidekiq's queue
    #[arg(long, env = "IAPI_POST_RECEIVE_QUEUE", default_value = "default")]
    pub post_receive_queue: String,
    /// Prefix of Sidekiq's keys: resque:gitlab: before GitLab 16.0
    #[arg(long, env = "IAPI_SIDEKIQ_KEY_PREFIX", default_value = "")]
    pub sidekiq_key_prefix: String,
    /// Handling of push options that create or change merge requests. Nothing in GitLab reads the outbox
    #[arg(long, env = "IAPI_MERGE_REQUEST_PUSH_OPTIONS", value_enum, default_value = "refuse")]
    pub merge_request_push_options: MergeRequestOptionsSink,
    /// User of git over SSH
    #[arg(long, env = "IAPI_SSH_USER", default_value = "git")]
    pub ssh_user: String,
    /// Host of git over SSH [default: the host of the external URL]
    #[arg(long, env = "IAPI_SSH_HOST")]
    pub ssh_host: Option<String>,
    /// Port of git over SSH
    #[arg(long, env = "IAPI_SSH_PORT", default_value_t = 22)]
    pub ssh_port: u16,
    /// Lifetime of a Git LFS token
    #[arg(long, env = "IAPI_LFS_TOKEN_TTL", default_value = "1800s")]
    pub lfs_token_ttl: Seconds,
    /// Base URL for Git LFS [default: that of git over HTTP]
    #[arg(long, env = "IAPI_LFS_HTTP")]
    pub lfs_http: Option<String>,
    /// Directory of GitLab's LFS objects; without it, none are served
    #[arg(long, env = "IAPI_LFS_STORAGE_PATH")]
    pub lfs_storage_path: Option<PathBuf>,
    /// Accept SSH certificates only of enterprise users of the group
    #[arg(long, env = "IAPI_ENTERPRISE_USERS_ONLY", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub enterprise_users_only: bool,
    /// Verify one-time passwords on the command line
    #[arg(long, env = "IAPI_TWO_FACTOR_FOR_CLI", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub two_factor_for_cli: bool,
    /// Ask GitLab Shell to report each transfer, and log it
    #[arg(long, env = "IAPI_GIT_AUDIT_EVENTS", action = ArgAction::Set, default_value_t = false, num_args = 0..=1, default_missing_value = "true")]
    pub git_audit_events: bool,
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
        let Self { web, storage, redis, shell_secret_file, shell_secret_previous_file, keys, shell, .. } =
            self;
        let storages: BTreeMap<String, Storage> = structures.get("storages")?;
        check(&storages, &shell)?;
        let geo = Geo::open(structures.get("geo")?)?;
        let migrations = storage.migrations;
        let secret_file = shell_secret_file.unwrap_or_else(|| web.data_dir.join(".gitlab_shell_secret"));
        let (clock, data_dir) = (Clock::System, web.data_dir.clone());
        let core =
            Arc::new(CoreBuilder { info: &INFO, options: web, storage, redis, clock, proxy: None }.build()?);
        let storages = open_storages(storages, &core)?;
        let previous = shell_secret_previous_file.as_deref();
        let secret = SecretFile::open("gitlab_shell", &secret_file, previous, &core.metrics, clock)?;
        let keys = keys.open(&data_dir, &core)?;
        if shell.two_factor_for_cli && keys.otp_key_base.is_none() {
            return Err(ConfigError("two_factor_for_cli: otp_key_base_file is missing".to_owned()));
        }
        if shell.job_sink == Some(JobSink::Redis) && !core.counters.has_store(StoreName::Queues) {
            return Err(ConfigError("job_sink: redis needs redis_url".to_owned()));
        }
        let mut secrets = vec![Arc::clone(&secret) as Arc<dyn Reload>];
        secrets.extend(keys.files());
        let app = App {
            core: Arc::clone(&core),
            secret,
            keys,
            hashing: Hashing::default(),
            settings: SettingsCache::default(),
            storages,
            geo,
            options: shell,
        };
        app.initialise_metrics();
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

/// Refuses invalid options, and warns about storages that are not inspected.
fn check(storages: &BTreeMap<String, Storage>, options: &ShellOptions) -> Result<(), ConfigError> {
    if options.lfs_token_ttl.0.as_secs() == 0 || i64::try_from(options.lfs_token_ttl.0.as_secs()).is_err() {
        return Err(ConfigError("lfs_token_ttl: must be at least 1s".to_owned()));
    }
    for (name, storage) in storages {
        if storage.address.is_empty() {
            return Err(ConfigError(format!("storages: {name} has no address")));
        }
        match storage.inspect() {
            Inspect::Gitaly | Inspect::Local => {}
            Inspect::None if options.access.allow_uninspected_pushes => {
                tracing::warn!(storage = name, "pushes are allowed without inspecting the repository");
            }
            Inspect::None => {
                tracing::warn!(
                    storage = name,
                    "without a look into the repository, protected branches cannot be updated, nor can push rules, \
                     Git LFS and sizes of files be checked: pushes to projects that have them are refused"
                );
            }
        }
    }
    Ok(())
}

/// The audit events of this service, for metrics.
const AUDIT_EVENTS: [&str; 4] = [
    "personal_access_token_created",
    "two_factor_recovery_codes_generated",
    "project_created",
    "repository_git_operation",
];

impl App {
    fn initialise_metrics(&self) {
        let metrics = &self.core.metrics;
        for scheme in ["jwt", "shared_secret", "workhorse_jwt"] {
            metrics.initialise_auth(INFO.consumer, scheme);
        }
        metrics.initialise_throttled(INFO.consumer, "gitlab_shell_operation");
        metrics.initialise_jobs(&self.options.post_receive_queue);
        metrics.initialise_decisions();
        metrics.initialise_audit_events(&AUDIT_EVENTS);
    }
}
