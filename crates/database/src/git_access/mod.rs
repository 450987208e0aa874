//! Loads everything that an access decision needs about an actor and a project, in one statement.
mod row;
mod statement;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::actor::Actor;
use domain::hashed_path;
use domain::project::{ActorAccess, Project};

use self::row::Row;
pub(crate) use self::row::ip_ranges;
use self::statement::{Ancestors, GitAccess};
use crate::schema::{keys, users};
use crate::{Conn, Result};

/// The identifier of the actor in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ActorId {
    /// No actor was named.
    Anonymous,
    Key(i64),
    User(i64),
    Username(String),
    /// A confirmed primary e-mail address.
    Email(String),
    Kerberos(String),
    /// Finds no user. [`crate::deploy_tokens`] looks up the token.
    DeployToken(i64),
}

/// The identifier of the project in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProjectId {
    Id(i64),
    /// The full path. A former path finds the project at its new path.
    Path(String),
}

/// The result of the lookup.
#[derive(Debug, Clone)]
pub struct ActorAndProject {
    pub actor: Actor,
    /// The last use of the key, if one was used.
    pub key_last_used_at: Option<NaiveDateTime>,
    pub last_activity_on: Option<NaiveDate>,
    pub project: Option<FoundProject>,
}

#[derive(Debug, Clone)]
pub struct FoundProject {
    pub project: Project,
    pub actor_access: ActorAccess,
    /// Whether the path is a former path of the project.
    pub redirected: bool,
    pub storage: Storage,
}

/// The storage location of a project's repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub name: String,
    /// Without the suffix for the kind of repository: `@hashed/4e/07/4e07…`.
    pub disk_path: String,
}

impl Storage {
    /// The storage of a project's repositories. The project's own columns decide: `project_repositories` is a
    /// copy that may be stale after a move.
    pub(crate) fn of_project(
        name: String,
        storage_version: Option<i16>,
        project_id: i64,
        full_path: &str,
    ) -> Self {
        let is_hashed = storage_version.is_some_and(|version| version >= 1);
        let disk_path = if is_hashed { hashed_path("@hashed", project_id) } else { full_path.to_owned() };
        Self { name, disk_path }
    }
}

/// Looks up an actor and a project. Either may not exist. One statement, and a second one for a project whose
/// namespace has no `traversal_ids` yet.
pub fn find(conn: &mut Conn, actor: &ActorId, project: &ProjectId) -> Result<ActorAndProject> {
    let has_namespace_state = conn.catalogue()?.has("namespaces", "state");
    let ancestors = Ancestors::fastest(conn);
    let statement = |ancestors| GitAccess { actor, project, ancestors, has_namespace_state };
    let mut row: Row = statement(ancestors).get_result(conn)?;
    if ancestors != Ancestors::Walk && row.lacks_root() {
        row = statement(Ancestors::Walk).get_result(conn)?;
    }
    Ok(row.into_found(project))
}

/// Records the last use: of `key` if it was used, and of `user` if they downloaded.
pub fn touch(conn: &mut Conn, key: Option<i64>, user: Option<i64>, now: NaiveDateTime) -> Result<()> {
    conn.write(|conn| {
        if let Some(id) = key {
            diesel::update(keys::table.find(id)).set(keys::last_used_at.eq(now)).execute(conn)?;
        }
        if let Some(id) = user {
            diesel::update(users::table.find(id))
                .set(users::last_activity_on.eq(now.date()))
                .execute(conn)?;
        }
        Ok(())
    })
}
