//! Everything that a decision about git needs to know of an actor and a project, in one statement.
mod row;
mod statement;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::actor::Actor;
use domain::project::{ActorAccess, Project};

pub(crate) use self::row::ip_ranges;
use crate::schema::{keys, users};
use crate::{Conn, Result};

/// How the caller names the actor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ActorId {
    /// None was named.
    Nobody,
    Key(i64),
    User(i64),
    Username(String),
    /// A confirmed primary address.
    Email(String),
    Kerberos(String),
    /// Here nobody: what it is worth, [`crate::deploy_tokens`] tells.
    DeployToken(i64),
}

/// How the caller names the project.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProjectId {
    Id(i64),
    /// The full path; an old one leads to where the project has moved.
    Path(String),
}

/// What was found.
#[derive(Debug, Clone)]
pub struct ActorAndProject {
    pub actor: Actor,
    /// When the key, if one was used, was last used.
    pub key_last_used_at: Option<NaiveDateTime>,
    pub last_activity_on: Option<NaiveDate>,
    pub project: Option<FoundProject>,
}

#[derive(Debug, Clone)]
pub struct FoundProject {
    pub project: Project,
    pub standing: ActorAccess,
    /// The path was one that the project had before.
    pub redirected: bool,
    pub storage: Storage,
}

/// Where the repositories of a project lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    pub name: String,
    /// Without the suffix of a kind of repository: `@hashed/4e/07/4e07…`.
    pub disk_path: String,
}

/// Looks an actor and a project up; either may not exist. One statement.
pub fn find(conn: &mut Conn, actor: &ActorId, project: &ProjectId) -> Result<ActorAndProject> {
    let has_namespace_state = conn.catalogue()?.has("namespaces", "state");
    let row: row::Row = statement::GitAccess { actor, project, has_namespace_state }.get_result(conn)?;
    Ok(row.into_found())
}

/// Notes that a key and its person were here: `key` when it was used, `user` when they downloaded.
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
