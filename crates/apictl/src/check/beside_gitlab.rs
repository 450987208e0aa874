//! What a service needs next to a GitLab: its database, its Redis servers and its storages, as its
//! configuration file names them.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use database::check::{CheckOutcome, check_part};
use database::registry::{DatabaseName, SERVICES, Service};
use database::{Conn, Location};
use repository::{CallContext, Storage, Storages};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::config::{RedisOptions, StorageOptions, Structures, load_file, read_url};
use shared_state::{Counters, ServerKind, StoreName};

use crate::connection::cannot_be_opened;

/// The time for the answer of one server.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration file of a service, as `shell-api=/etc/internal-api/shell-api.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFile {
    pub service: String,
    pub path: PathBuf,
}

impl ServiceFile {
    pub fn default_path(service: &str) -> PathBuf {
        Path::new("/etc/internal-api").join(format!("{service}.yaml"))
    }
}

impl FromStr for ServiceFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').ok_or("expected SERVICE=FILE")?;
        let service = SERVICES.iter().find(|service| {
            service.name == name || service.name.strip_suffix("-api").is_some_and(|short| short == name)
        });
        let names = "the service must be shell-api, kas-api, scim-api, admin-api or billing-api";
        Ok(Self { service: service.ok_or(names)?.name.to_owned(), path: path.into() })
    }
}

/// One thing that was checked.
#[derive(Debug)]
pub struct Part {
    /// E.g. `database` or `redis queues`.
    pub name: String,
    pub message: String,
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Well,
    /// The service works without one of its features.
    Warning,
    Failed,
}

impl Part {
    fn new(name: impl Into<String>, result: Result<String>) -> Self {
        match result {
            Ok(message) => Self { name: name.into(), message, status: Status::Well },
            Err(error) => Self { name: name.into(), message: one_line(&error), status: Status::Failed },
        }
    }

    fn warning(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), status: Status::Warning }
    }

    pub fn is_well(&self) -> bool {
        self.status != Status::Failed
    }

    pub fn to_json(&self) -> Value {
        let status = match self.status {
            Status::Well => "ok",
            Status::Warning => "warning",
            Status::Failed => "failed",
        };
        json!({ "name": self.name, "status": status, "message": self.message })
    }
}

fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The options of a service that name other servers.
#[derive(Debug, Parser)]
struct ServiceOptions {
    #[arg(long, default_value = ".data")]
    data_dir: PathBuf,
    #[command(flatten)]
    storage: StorageOptions,
    #[arg(long)]
    database_ci_url: Option<String>,
    #[arg(long)]
    database_ci_url_file: Option<PathBuf>,
    #[arg(long)]
    database_sec_url: Option<String>,
    #[arg(long)]
    database_sec_url_file: Option<PathBuf>,
    #[command(flatten)]
    redis: RedisOptions,
}

/// Checks all that the service's configuration file names.
pub async fn check(service: &str, path: PathBuf) -> Vec<Part> {
    let loaded = load_file::<ServiceOptions>(service, &path);
    let (options, structures) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => return vec![Part::new("configuration", Err(error.into()))],
    };
    let mut parts = vec![Part::new("configuration", Ok(path.display().to_string()))];
    parts.extend(databases(service, &options));
    parts.extend(redis(&options.redis).await);
    parts.extend(gitaly(&structures).await);
    parts
}

fn databases(service: &str, options: &ServiceOptions) -> Vec<Part> {
    let storage = &options.storage;
    let main = server::database_location(
        storage.database_url.as_deref(),
        storage.database_url_file.as_deref(),
        &options.data_dir,
    );
    let main = match main {
        Ok(main) => main,
        Err(error) => return vec![Part::new("database", Err(error.into()))],
    };
    let other = |name: DatabaseName, url, file| -> Result<Option<(DatabaseName, Location)>> {
        let Some(url) = read_url(url, file)? else { return Ok(None) };
        let location = Location::parse(url.expose_secret())?;
        Ok((!location.is_same(&main)).then_some((name, location)))
    };
    let ci_file = options.database_ci_url_file.as_deref();
    let sec_file = options.database_sec_url_file.as_deref();
    let others = [
        other(DatabaseName::Ci, options.database_ci_url.as_deref(), ci_file),
        other(DatabaseName::Sec, options.database_sec_url.as_deref(), sec_file),
    ];
    let (mut parts, mut in_main) = (Vec::new(), DatabaseName::ALL.to_vec());
    for other in others {
        match other {
            Ok(None) => {}
            Ok(Some((name, location))) => {
                in_main.retain(|kept| *kept != name);
                let label = if name == DatabaseName::Ci { "database ci" } else { "database sec" };
                parts.extend(database(label, service, options, &location, &[name]));
            }
            Err(error) => parts.push(Part::new("database", Err(error))),
        }
    }
    let mut all = database("database", service, options, &main, &in_main);
    all.extend(parts);
    all
}

/// How statements reach a database, and whether its tables and the role's rights suffice.
fn database(
    name: &str,
    service: &str,
    options: &ServiceOptions,
    location: &Location,
    databases: &[DatabaseName],
) -> Vec<Part> {
    let connect = options.storage.connect_options(service);
    let (mut conn, mode) = match location.connect(connect) {
        Ok(opened) => opened,
        Err(error) => return vec![Part::new(name, Err(cannot_be_opened(location, error)))],
    };
    let is_gitlabs = match database::is_owned_by_rails(&mut conn) {
        Ok(true) => Ok(mode.unwrap_or_default()),
        Ok(false) => Err(anyhow!("the database does not belong to a GitLab: it has no ar_internal_metadata")),
        Err(error) => Err(error.into()),
    };
    let mut parts = vec![Part::new(name, is_gitlabs)];
    let columns = name.replace("database", "columns and rights");
    match findings(&mut conn, service, databases) {
        Ok(findings) if findings.is_empty() => parts.push(Part::new(columns, Ok("ok".to_owned()))),
        Ok(findings) => parts.extend(findings.into_iter().map(|(message, is_warning)| {
            if is_warning {
                Part::warning(&columns, message)
            } else {
                Part::new(&columns, Err(anyhow!(message)))
            }
        })),
        Err(error) => parts.push(Part::new(columns, Err(error))),
    }
    parts
}

/// The findings of the check that the service runs at start, and whether each is only a warning.
fn findings(conn: &mut Conn, service: &str, databases: &[DatabaseName]) -> Result<Vec<(String, bool)>> {
    let service = Service::find(service).context("unknown service")?;
    Ok(match check_part(conn, service, databases)? {
        CheckOutcome::Fits { warnings } => {
            warnings.into_iter().map(|finding| (finding.to_string(), true)).collect()
        }
        CheckOutcome::Waiting(reason) => vec![(reason, false)],
        CheckOutcome::Misfit(findings) => {
            findings.into_iter().map(|finding| (finding.to_string(), finding.capability.is_some())).collect()
        }
    })
}

/// Whether the server of each store answers.
async fn redis(options: &RedisOptions) -> Vec<Part> {
    let counters = options.stores().map_err(anyhow::Error::from).and_then(|stores| {
        Counters::redis(&stores, |_| {}).map_err(|(store, error)| {
            let store = store.map_or_else(|| "default".to_owned(), |store| store.to_string());
            anyhow!("{store}: {error}")
        })
    });
    let counters = match counters {
        Ok(counters) => counters,
        Err(error) => return vec![Part::new("redis", Err(error))],
    };
    let mut parts = Vec::new();
    for (store, names) in counters.servers() {
        let answer = tokio::time::timeout(TIMEOUT, store.check()).await;
        let result = match answer {
            Ok(Ok(ServerKind::Single)) => Ok("ok".to_owned()),
            Ok(Ok(ServerKind::Cluster)) => Err(anyhow!("a Redis Cluster is not supported")),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(anyhow!("no answer within {} s", TIMEOUT.as_secs())),
        };
        let names: Vec<&str> = names.into_iter().map(StoreName::as_str).collect();
        parts.push(Part::new(format!("redis {}", names.join(", ")), result));
    }
    for store in StoreName::ALL.into_iter().filter(|store| !counters.has_store(*store)) {
        parts.push(Part::warning(
            format!("redis {store}"),
            "kept in the process: neither GitLab nor another replica sees it",
        ));
    }
    parts
}

/// What the Gitaly of each storage is.
async fn gitaly(structures: &Structures) -> Vec<Part> {
    let storages = structures.get::<BTreeMap<String, Storage>>("storages").map_err(anyhow::Error::from);
    let storages = storages
        .and_then(|storages| Storages::new("internal-apictl", storages, |_| {}).map_err(anyhow::Error::from));
    let storages = match storages {
        Ok(storages) => storages,
        Err(error) => return vec![Part::new("gitaly", Err(error))],
    };
    let mut parts = Vec::new();
    for name in storages.names() {
        let context = CallContext { deadline: Some(Instant::now() + TIMEOUT), ..CallContext::default() };
        let part = format!("gitaly {name}");
        parts.push(match storages.server_info(name, &context).await {
            None => Part::warning(
                part,
                "not read through Gitaly, which is right only without transactions and without Praefect",
            ),
            Some(Err(error)) => Part::new(part, Err(error.into())),
            Some(Ok(info)) => {
                let found = info.storages.join(", ");
                let message = format!("version {}, storages {found}", info.version);
                let has_storage = info.storages.contains(name);
                let missing = || anyhow!("version {}, which has the storages {found} only", info.version);
                Part::new(part, if has_storage { Ok(message) } else { Err(missing()) })
            }
        });
    }
    parts
}
