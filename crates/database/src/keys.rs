//! SSH public keys, for lookups by `sshd`.
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::schema::{keys, users};
use crate::{Conn, Result};
use domain::account::KeyState;
use domain::user::{State, UserType};

/// `keys.type` of a deploy key.
pub(crate) const DEPLOY_KEY: &str = "DeployKey";

/// SQL: whether a row of `keys` may authenticate. `usage_type` is 0 for authentication and signing, 1 for
/// authentication only, 2 for signing only.
macro_rules! may_authenticate {
    () => {
        "usage_type IN (0, 1)"
    };
}
pub(crate) use may_authenticate as may_authenticate_sql;

/// The same condition in the query DSL.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn may_authenticate() -> _ {
    keys::usage_type.eq(0_i16).or(keys::usage_type.eq(1_i16))
}

/// A key that may authenticate, and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedKey {
    pub id: i64,
    pub title: Option<String>,
    pub created_at: Option<NaiveDateTime>,
    pub expires_at: Option<NaiveDateTime>,
    /// As stored, with the comment of the user who added it.
    pub key: Option<String>,
    /// 0 for authentication and signing, 1 for authentication only.
    pub usage_type: i16,
    pub user_id: Option<i64>,
    pub user_name: Option<String>,
    pub state: KeyState,
}

/// Finds a key by its raw SHA-256 fingerprint, but not one that can only sign. One statement.
pub fn find_by_fingerprint(conn: &mut Conn, fingerprint: &[u8; 32]) -> Result<Option<AuthorizedKey>> {
    type KeyRow = (
        i64,
        Option<String>,
        Option<NaiveDateTime>,
        Option<NaiveDateTime>,
        Option<String>,
        i16,
        Option<String>,
        Option<i64>,
    );
    type UserRow = (Option<String>, Option<String>, i16);
    let row: Option<(KeyRow, Option<UserRow>)> = keys::table
        .left_join(users::table.on(keys::user_id.eq(users::id.nullable())))
        .filter(keys::fingerprint_sha256.eq(fingerprint.as_slice()))
        .filter(may_authenticate())
        .select((
            (
                keys::id,
                keys::title,
                keys::created_at,
                keys::expires_at,
                keys::key,
                keys::usage_type,
                keys::type_,
                keys::user_id,
            ),
            (users::name, users::state, users::user_type).nullable(),
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|((id, title, created_at, expires_at, key, usage_type, kind, user_id), user)| {
        let (user_name, user) = match user {
            Some((name, state, user_type)) => {
                (name, Some((State::from_name(state.as_deref()), UserType(user_type))))
            }
            None => (None, None),
        };
        let is_deploy_key = kind.as_deref() == Some(DEPLOY_KEY);
        let state = KeyState { is_deploy_key, expires_at, user };
        AuthorizedKey { id, title, created_at, expires_at, key, usage_type, user_id, user_name, state }
    }))
}
