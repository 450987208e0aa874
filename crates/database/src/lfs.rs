//! Git LFS: whether a project uses it, its objects, and the inputs of LFS tokens.
use diesel::prelude::*;

use crate::schema::{keys, lfs_objects, lfs_objects_projects as links, namespaces, projects, users};
use crate::{Conn, Result};
use domain::actor::Actor;

/// The inputs of an LFS token's key, for a user or a deploy key.
#[derive(Clone)]
pub enum Signing {
    User {
        encrypted_password: String,
    },
    /// SHA-256, in base64.
    DeployKey {
        fingerprint: Vec<u8>,
    },
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing([REDACTED])")
    }
}

/// Whether LFS is enabled for a project: the project's setting, else its group's, else true.
pub fn is_enabled(conn: &mut Conn, project_id: i64) -> Result<bool> {
    let row: Option<(Option<bool>, Option<bool>)> = projects::table
        .inner_join(namespaces::table.on(namespaces::id.eq(projects::namespace_id)))
        .filter(projects::id.eq(project_id))
        .select((projects::lfs_enabled, namespaces::lfs_enabled))
        .first(conn)
        .optional()?;
    Ok(row.is_some_and(|(project, group)| project.or(group).unwrap_or(true)))
}

/// Reads the inputs of an actor's LFS token. `None` for [`Actor::Anonymous`] and for a key without a
/// fingerprint.
pub fn signing(conn: &mut Conn, actor: &Actor) -> Result<Option<Signing>> {
    if let Actor::DeployKey { key, .. } = actor {
        let digest = keys::table.find(key.id).select(keys::fingerprint_sha256);
        let digest = digest.first::<Option<Vec<u8>>>(conn).optional()?.flatten();
        return Ok(digest.map(|fingerprint| Signing::DeployKey { fingerprint }));
    }
    let Some(user) = actor.user() else { return Ok(None) };
    let password = users::table.find(user.id).select(users::encrypted_password);
    Ok(password.first(conn).optional()?.map(|encrypted_password| Signing::User { encrypted_password }))
}

/// Whether a project, its wiki or its designs have the object. One statement.
pub fn has_object(conn: &mut Conn, oid: &str, project_id: i64) -> Result<bool> {
    let link = links::table
        .inner_join(lfs_objects::table.on(lfs_objects::id.eq(links::lfs_object_id)))
        .filter(lfs_objects::oid.eq(oid))
        .filter(links::project_id.eq(project_id))
        .select(links::id);
    Ok(link.first::<i64>(conn).optional()?.is_some())
}
