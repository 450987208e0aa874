//! SSH keys of users.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::Error as DomainError;

use crate::keys::DEPLOY_KEY;
use crate::schema::{keys, users};
use crate::{Conn, Result};

/// A key to add.
#[derive(Debug, Clone)]
pub struct NewKey<'a> {
    pub user_id: i64,
    pub title: &'a str,
    /// A line of an `authorized_keys` file.
    pub key: &'a str,
    pub fingerprint_sha256: [u8; 32],
    /// 0 authenticates and signs, 1 authenticates, 2 signs.
    pub usage_type: i16,
    pub expires_at: Option<NaiveDateTime>,
}

/// A key, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct KeyRow {
    pub id: i64,
    pub username: Option<String>,
    pub title: Option<String>,
    pub fingerprint_sha256: Option<Vec<u8>>,
    pub usage_type: i16,
    pub expires_at: Option<NaiveDateTime>,
    pub last_used_at: Option<NaiveDateTime>,
    pub created_at: Option<NaiveDateTime>,
}

/// Adds a key. A key belongs to one user or deploy key only.
pub fn add_key(conn: &mut Conn, new: &NewKey<'_>, now: NaiveDateTime) -> Result<i64> {
    conn.write(|conn| {
        if is_known(conn, &new.fingerprint_sha256)? {
            return Err(DomainError::Taken("key").into());
        }
        Ok(diesel::insert_into(keys::table)
            .values((
                keys::user_id.eq(new.user_id),
                keys::title.eq(new.title),
                keys::key.eq(new.key),
                keys::fingerprint_sha256.eq(new.fingerprint_sha256.as_slice()),
                keys::usage_type.eq(new.usage_type),
                keys::expires_at.eq(new.expires_at),
                keys::created_at.eq(now),
                keys::updated_at.eq(now),
            ))
            .returning(keys::id)
            .get_result(conn)?)
    })
}

fn is_known(conn: &mut Conn, fingerprint: &[u8; 32]) -> Result<bool> {
    let same = keys::table.filter(keys::fingerprint_sha256.eq(fingerprint.as_slice())).select(keys::id);
    Ok(same.first::<i64>(conn).optional()?.is_some())
}

/// Lists the keys of users, or of one user, by id.
pub fn list_keys(conn: &mut Conn, user_id: Option<i64>) -> Result<Vec<KeyRow>> {
    let rows: Vec<(Option<i64>, Option<String>, KeyRow)> = keys::table
        .inner_join(users::table.on(keys::user_id.eq(users::id.nullable())))
        .order(keys::id)
        .select((
            keys::user_id,
            keys::type_,
            (
                keys::id,
                users::username,
                keys::title,
                keys::fingerprint_sha256,
                keys::usage_type,
                keys::expires_at,
                keys::last_used_at,
                keys::created_at,
            ),
        ))
        .load(conn)?;
    let is_listed = |owner: Option<i64>, kind: Option<&str>| {
        kind != Some(DEPLOY_KEY) && user_id.is_none_or(|user_id| owner == Some(user_id))
    };
    Ok(rows
        .into_iter()
        .filter(|(owner, kind, _)| is_listed(*owner, kind.as_deref()))
        .map(|row| row.2)
        .collect())
}

/// Deletes a user's key. Returns whether it existed.
pub fn delete_key(conn: &mut Conn, id: i64) -> Result<bool> {
    conn.write(|conn| {
        let of_user = keys::table
            .find(id)
            .filter(keys::type_.is_null().or(keys::type_.ne(DEPLOY_KEY).assume_not_null()));
        Ok(diesel::delete(of_user).execute(conn)? > 0)
    })
}
