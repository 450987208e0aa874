//! Commands for an installation without GitLab: they create what GitLab's pages would create, by the rules of
//! the services.
//!
//! Each file is a noun; the variants of its enum are the verbs. A command that changes something opens the
//! database with [`Target::open_to_change`], which refuses a GitLab's database, and ends with [`audit()`].
pub mod access_token;
pub mod agent;
pub mod agent_token;
pub mod deploy_key;
pub mod group;
pub mod member;
pub mod project;
pub mod protected_branch;
pub mod scim_token;
pub mod ssh_key;
pub mod user;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{NaiveDate, NaiveDateTime};
use clap::{Args, ValueEnum};
use database::memberships::Source;
use database::standalone::{self, GroupRow, ProjectRow, UserRow};
use database::{Conn, is_owned_by_rails};
use domain::{Role, Visibility};
use endpoint::Clock;
use endpoint::audit::{self, AuditEvent, Author, Difference};
use serde_json::{Map, Value};

use crate::connection;
use crate::refusal::Refusal;

/// The database, and the form of the output.
#[derive(Debug, Clone, Args)]
pub struct Target {
    #[command(flatten)]
    database: connection::Options,
    /// Print JSON
    #[arg(long, env = "IAPI_JSON")]
    pub json: bool,
}

impl Target {
    /// Opens the database for reading.
    pub fn open(&self) -> Result<Conn> {
        Ok(self.database.open()?.0)
    }

    /// Opens the database for writing, unless it belongs to a GitLab.
    pub fn open_to_change(&self) -> Result<Conn> {
        let mut conn = self.open()?;
        if is_owned_by_rails(&mut conn)? {
            return Err(Refusal::failed("this database belongs to a GitLab; use GitLab's own tools").into());
        }
        Ok(conn)
    }

    pub fn data_dir(&self) -> &Path {
        &self.database.data_dir
    }
}

pub fn now() -> NaiveDateTime {
    Clock::System.now()
}

/// Who can see a group or project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VisibilityOption {
    Private,
    Internal,
    Public,
}

impl From<VisibilityOption> for Visibility {
    fn from(option: VisibilityOption) -> Self {
        match option {
            VisibilityOption::Private => Self::Private,
            VisibilityOption::Internal => Self::Internal,
            VisibilityOption::Public => Self::Public,
        }
    }
}

/// The name of a stored visibility.
pub fn visibility_name(level: i32) -> &'static str {
    match Visibility::from_level(level) {
        Visibility::Private => "private",
        Visibility::Internal => "internal",
        Visibility::Public => "public",
    }
}

/// The role of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleOption {
    Guest,
    Planner,
    Reporter,
    Developer,
    Maintainer,
    Owner,
}

impl From<RoleOption> for Role {
    fn from(role: RoleOption) -> Self {
        match role {
            RoleOption::Guest => Self::GUEST,
            RoleOption::Planner => Self::PLANNER,
            RoleOption::Reporter => Self::REPORTER,
            RoleOption::Developer => Self::DEVELOPER,
            RoleOption::Maintainer => Self::MAINTAINER,
            RoleOption::Owner => Self::OWNER,
        }
    }
}

/// The name of a stored access level.
pub fn role_name(level: i32) -> String {
    match level {
        0 => "nobody".to_owned(),
        5 => "minimal".to_owned(),
        10 => "guest".to_owned(),
        15 => "planner".to_owned(),
        20 => "reporter".to_owned(),
        30 => "developer".to_owned(),
        40 => "maintainer".to_owned(),
        50 => "owner".to_owned(),
        60 => "administrator".to_owned(),
        other => other.to_string(),
    }
}

/// A group or a project.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct SourceOptions {
    /// Full path of the group
    #[arg(long)]
    group: Option<String>,
    /// Full path of the project
    #[arg(long)]
    project: Option<String>,
}

/// A group or project that was found.
pub struct FoundSource {
    pub source: Source,
    pub entity: Entity,
}

impl SourceOptions {
    pub fn find(&self, conn: &mut Conn) -> Result<FoundSource> {
        match (&self.group, &self.project) {
            (Some(path), _) => {
                let group = find_group(conn, path)?;
                Ok(FoundSource { source: Source::Group(group.id), entity: Entity::group(&group) })
            }
            (None, Some(path)) => {
                let project = find_project(conn, path)?;
                Ok(FoundSource { source: Source::Project(project.id), entity: Entity::project(&project) })
            }
            (None, None) => Err(Refusal::failed("--group or --project is required").into()),
        }
    }
}

pub fn find_user(conn: &mut Conn, username: &str) -> Result<UserRow> {
    let name = username.strip_prefix('@').unwrap_or(username);
    Ok(standalone::find_user(conn, name)?.ok_or_else(|| Refusal::not_found("user", username))?)
}

pub fn find_group(conn: &mut Conn, path: &str) -> Result<GroupRow> {
    Ok(standalone::find_group(conn, path)?.ok_or_else(|| Refusal::not_found("group", path))?)
}

pub fn find_project(conn: &mut Conn, path: &str) -> Result<ProjectRow> {
    Ok(standalone::find_project(conn, path)?.ok_or_else(|| Refusal::not_found("project", path))?)
}

/// The group, project or user that an audit event belongs to.
#[derive(Debug, Clone)]
pub struct Entity {
    kind: &'static str,
    id: Option<i64>,
    pub path: String,
}

impl Entity {
    pub fn user(user: &UserRow) -> Self {
        Self { kind: "User", id: Some(user.id), path: user.username.clone().unwrap_or_default() }
    }

    pub fn group(group: &GroupRow) -> Self {
        Self { kind: "Group", id: Some(group.id), path: group.full_path.clone() }
    }

    pub fn project(project: &ProjectRow) -> Self {
        Self { kind: "Project", id: Some(project.id), path: project.full_path.clone() }
    }

    pub fn instance() -> Self {
        Self { kind: "Instance", id: None, path: "instance".to_owned() }
    }
}

/// Logs an audit event to standard error. Call this after the commit.
pub fn audit(
    event_name: &'static str,
    entity: &Entity,
    (kind, id): (&'static str, Option<i64>),
    before: &Value,
    after: &Value,
) {
    let author = Author { kind: "operator", id: None, name: Some(operator()), impersonated_by: None };
    let event = AuditEvent {
        event_name,
        author,
        entity: audit::Entity { kind: entity.kind, id: entity.id, path: Some(entity.path.clone()) },
        target: audit::Target { kind, id },
        gl_namespace_id: entity.id.filter(|_| entity.kind == "Group"),
        difference: Some(Difference::new(before.clone(), after.clone())),
        further: Map::new(),
    };
    event.write();
}

/// The operating system account that runs this process.
fn operator() -> String {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let uid = std::fs::metadata("/proc/self").map(|metadata| metadata.uid());
        uid.map_or_else(|_| "unknown".to_owned(), |uid| format!("uid {uid}"))
    })
}

/// Reads the first line with a public key from a file, or from standard input for `-`.
pub fn read_public_key(file: &Path) -> Result<String> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("standard input cannot be read")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(line.ok_or_else(|| Refusal::failed(format!("{} contains no key", file.display())))?.to_owned())
}

/// Checks that the instance accepts a public key. Returns its SHA-256 fingerprint.
pub fn check_public_key(conn: &mut Conn, line: &str) -> Result<[u8; 32]> {
    let settings = database::settings::load(conn)?;
    settings.key_restrictions.check(line).map_err(|denial| Refusal::failed(denial.to_string()))?;
    let fingerprint = domain::ssh_key::fingerprint(line);
    Ok(fingerprint.ok_or_else(|| Refusal::failed("this is not an SSH public key"))?)
}

/// The SHA-256 fingerprint as OpenSSH writes it.
pub fn fingerprint_text(fingerprint: Option<&[u8]>) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    fingerprint.map(|bytes| format!("SHA256:{}", STANDARD_NO_PAD.encode(bytes))).unwrap_or_default()
}

/// Parses the date of an option.
pub fn parse_day(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("invalid date `{text}` (expected e.g. 2027-01-31)"))
}
