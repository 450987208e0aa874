//! Personal access tokens.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;

use crate::schema::{personal_access_tokens as tokens, users};
use crate::{Conn, Result};

/// A token, for lists. Its value is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct TokenRow {
    pub id: i64,
    pub username: Option<String>,
    pub name: String,
    pub scopes: String,
    pub revoked: Option<bool>,
    pub expires_at: Option<NaiveDate>,
    pub last_used_at: Option<NaiveDateTime>,
    pub created_at: NaiveDateTime,
}

type Columns = (
    tokens::id,
    users::username,
    tokens::name,
    tokens::scopes,
    tokens::revoked,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::created_at,
);

const COLUMNS: Columns = (
    tokens::id,
    users::username,
    tokens::name,
    tokens::scopes,
    tokens::revoked,
    tokens::expires_at,
    tokens::last_used_at,
    tokens::created_at,
);

/// Finds a token by its digest.
pub fn find_token(conn: &mut Conn, digest: &str) -> Result<Option<TokenRow>> {
    Ok(tokens::table
        .inner_join(users::table.on(users::id.eq(tokens::user_id)))
        .filter(tokens::token_digest.eq(digest))
        .select(COLUMNS)
        .first(conn)
        .optional()?)
}

/// Lists the tokens of all users, or of one, by id.
pub fn list_tokens(conn: &mut Conn, user_id: Option<i64>) -> Result<Vec<TokenRow>> {
    let rows: Vec<(i64, TokenRow)> = tokens::table
        .inner_join(users::table.on(users::id.eq(tokens::user_id)))
        .order(tokens::id)
        .select((tokens::user_id, COLUMNS))
        .load(conn)?;
    Ok(rows.into_iter().filter(|(owner, _)| user_id.is_none_or(|id| id == *owner)).map(|row| row.1).collect())
}

/// Revokes a token. Returns whether it exists.
pub fn revoke_token(conn: &mut Conn, id: i64, now: NaiveDateTime) -> Result<bool> {
    conn.write(|conn| {
        let changed = diesel::update(tokens::table.find(id))
            .set((tokens::revoked.eq(true), tokens::updated_at.eq(now)))
            .execute(conn)?;
        Ok(changed > 0)
    })
}
