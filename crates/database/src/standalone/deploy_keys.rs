//! Deploy keys of projects.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::Error as DomainError;

use crate::keys::DEPLOY_KEY;
use crate::schema::{deploy_keys_projects as links, keys};
use crate::{Conn, Result};

/// A deploy key to add to a project.
#[derive(Debug, Clone)]
pub struct NewDeployKey<'a> {
    pub project_id: i64,
    pub title: &'a str,
    /// A line of an `authorized_keys` file.
    pub key: &'a str,
    pub fingerprint_sha256: [u8; 32],
    pub can_push: bool,
    /// The user whose rights the key has.
    pub owner_id: Option<i64>,
}

/// A deploy key, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct DeployKeyRow {
    pub id: i64,
    pub title: Option<String>,
    pub fingerprint_sha256: Option<Vec<u8>>,
    pub can_push: bool,
    pub owner_id: Option<i64>,
    pub created_at: Option<NaiveDateTime>,
}

/// Adds a deploy key to a project. A key that is a deploy key of another project is shared.
pub fn add_deploy_key(conn: &mut Conn, new: &NewDeployKey<'_>, now: NaiveDateTime) -> Result<i64> {
    conn.write(|conn| {
        let same = keys::table.filter(keys::fingerprint_sha256.eq(new.fingerprint_sha256.as_slice()));
        let known: Option<(i64, Option<String>)> =
            same.select((keys::id, keys::type_)).first(conn).optional()?;
        let id = match known {
            Some((id, Some(kind))) if kind == DEPLOY_KEY => id,
            Some(_) => return Err(DomainError::Taken("key").into()),
            None => diesel::insert_into(keys::table)
                .values((
                    keys::type_.eq(DEPLOY_KEY),
                    keys::user_id.eq(new.owner_id),
                    keys::title.eq(new.title),
                    keys::key.eq(new.key),
                    keys::fingerprint_sha256.eq(new.fingerprint_sha256.as_slice()),
                    keys::created_at.eq(now),
                    keys::updated_at.eq(now),
                ))
                .returning(keys::id)
                .get_result(conn)?,
        };
        let linked =
            links::table.filter(links::deploy_key_id.eq(id)).filter(links::project_id.eq(new.project_id));
        if linked.select(links::id).first::<i64>(conn).optional()?.is_some() {
            return Err(DomainError::Taken("key").into());
        }
        diesel::insert_into(links::table)
            .values((
                links::deploy_key_id.eq(id),
                links::project_id.eq(new.project_id),
                links::can_push.eq(new.can_push),
                links::created_at.eq(now),
                links::updated_at.eq(now),
            ))
            .execute(conn)?;
        Ok(id)
    })
}

/// Lists the deploy keys of a project by id.
pub fn list_deploy_keys(conn: &mut Conn, project_id: i64) -> Result<Vec<DeployKeyRow>> {
    Ok(links::table
        .inner_join(keys::table.on(keys::id.eq(links::deploy_key_id)))
        .filter(links::project_id.eq(project_id))
        .order(keys::id)
        .select((
            keys::id,
            keys::title,
            keys::fingerprint_sha256,
            links::can_push,
            keys::user_id,
            keys::created_at,
        ))
        .load(conn)?)
}

/// Removes a deploy key from a project, and deletes it if no other project has it. Returns whether the project
/// had it.
pub fn remove_deploy_key(conn: &mut Conn, project_id: i64, id: i64) -> Result<bool> {
    conn.write(|conn| {
        let linked =
            links::table.filter(links::deploy_key_id.eq(id)).filter(links::project_id.eq(project_id));
        if diesel::delete(linked).execute(conn)? == 0 {
            return Ok(false);
        }
        let elsewhere = links::table.filter(links::deploy_key_id.eq(id)).select(links::id);
        if elsewhere.first::<i64>(conn).optional()?.is_none() {
            diesel::delete(keys::table.find(id)).execute(conn)?;
        }
        Ok(true)
    })
}
