//! SSH public keys, as `sshd` asks for them.
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::schema::{keys, users};
use crate::{Conn, Result};

/// A key that may authenticate, and the name of its person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AuthorizedKey {
    pub id: i64,
    pub title: Option<String>,
    pub created_at: Option<NaiveDateTime>,
    pub expires_at: Option<NaiveDateTime>,
    /// As it was stored, with the comment of whoever added it.
    pub key: Option<String>,
    /// 0 authenticates and signs, 1 only authenticates.
    pub usage_type: i16,
    pub user_name: Option<String>,
}

/// Finds a key by its raw SHA-256 fingerprint; keys that only sign are not found. One statement.
pub fn find_by_fingerprint(conn: &mut Conn, fingerprint: &[u8; 32]) -> Result<Option<AuthorizedKey>> {
    Ok(keys::table
        .left_join(users::table.on(keys::user_id.eq(users::id.nullable())))
        .filter(keys::fingerprint_sha256.eq(fingerprint.as_slice()))
        .filter(keys::usage_type.eq(0).or(keys::usage_type.eq(1)))
        .select((
            keys::id,
            keys::title,
            keys::created_at,
            keys::expires_at,
            keys::key,
            keys::usage_type,
            users::name.nullable(),
        ))
        .first(conn)
        .optional()?)
}
