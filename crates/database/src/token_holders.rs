//! Who holds a personal access token. The token itself is nowhere: its digest is.
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use domain::tokens::access_token::AccessToken;
use domain::tokens::token_holder::TokenHolder;
use domain::user::State;

use crate::schema::{personal_access_tokens as tokens, users};
use crate::{Conn, Result};

/// The time of a token's last use is this exact.
const USED: TimeDelta = TimeDelta::minutes(10);

/// Tokens with whom they belong to, and what the installation demands.
macro_rules! holders {
    ($optional:expr) => {
        tokens::table.inner_join(users::table.on(users::id.eq(tokens::user_id))).select((
            tokens::id,
            tokens::revoked,
            tokens::expires_at,
            tokens::scopes,
            tokens::last_used_at,
            users::id,
            users::username,
            users::admin,
            users::state,
            sql::<Nullable<Bool>>($optional.admin_mode),
            sql::<Bool>($optional.granular),
        ))
    };
}

#[derive(Queryable)]
struct Row {
    token_id: i64,
    revoked: Option<bool>,
    expires_at: Option<NaiveDate>,
    scopes: String,
    last_used_at: Option<NaiveDateTime>,
    user_id: i64,
    username: Option<String>,
    admin: bool,
    state: Option<String>,
    admin_mode: Option<bool>,
    is_granular: bool,
}

/// A holder, and the token's id where its last use is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub token_id: i64,
    pub holder: TokenHolder,
    pub to_touch: Option<i64>,
}

/// Finds the token with one of these digests: one for each secret that digests were ever made with. One statement each,
/// of which the first finds it but while the secret is being changed.
pub fn find(conn: &mut Conn, digests: &[String], now: NaiveDateTime) -> Result<Option<Found>> {
    let optional = Optional::new(conn)?;
    for digest in digests {
        let row = holders!(optional).filter(tokens::token_digest.eq(digest)).first::<Row>(conn).optional()?;
        if let Some(row) = row {
            return Ok(Some(row.found(now)));
        }
    }
    Ok(None)
}

/// Finds the token that was once found: somebody goes on by it.
pub fn find_again(conn: &mut Conn, token_id: i64, now: NaiveDateTime) -> Result<Option<Found>> {
    let optional = Optional::new(conn)?;
    let row = holders!(optional).filter(tokens::id.eq(token_id)).first::<Row>(conn).optional()?;
    Ok(row.map(|row| row.found(now)))
}

/// Expressions for what not every release of GitLab has.
struct Optional {
    /// Whether a token has fine-grained permissions in place of scopes, since GitLab 18.10.
    granular: &'static str,
    admin_mode: &'static str,
}

impl Optional {
    fn new(conn: &mut Conn) -> Result<Self> {
        let catalogue = conn.catalogue()?;
        let has_granular = catalogue.has("personal_access_tokens", "granular");
        let has_admin_mode = catalogue.has("application_settings", "admin_mode");
        Ok(Self {
            granular: if has_granular { "personal_access_tokens.granular" } else { "false" },
            admin_mode: if has_admin_mode {
                "(SELECT admin_mode FROM application_settings ORDER BY id DESC LIMIT 1)"
            } else {
                "false"
            },
        })
    }
}

impl Row {
    fn found(self, now: NaiveDateTime) -> Found {
        let is_old = self.last_used_at.is_none_or(|used| used + USED < now);
        Found {
            token_id: self.token_id,
            to_touch: is_old.then_some(self.token_id),
            holder: TokenHolder {
                token: AccessToken {
                    revoked: self.revoked == Some(true),
                    expires_at: self.expires_at,
                    // What a token with fine-grained permissions may do is in tables that are not read here.
                    scopes: if self.is_granular { String::new() } else { self.scopes },
                },
                user_id: self.user_id,
                username: self.username.unwrap_or_default(),
                admin: self.admin,
                state: State::from_name(self.state.as_deref()),
                admin_mode: self.admin_mode == Some(true),
            },
        }
    }
}

/// Notes that a token was used.
pub fn touch(conn: &mut Conn, token_id: i64, now: NaiveDateTime) -> Result<()> {
    diesel::update(tokens::table.find(token_id)).set(tokens::last_used_at.eq(now)).execute(conn)?;
    Ok(())
}
