//! The holders of personal access tokens. Only the digest of a token is stored.
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use domain::tokens::access_token::{AccessToken, Scopes};
use domain::tokens::token_holder::TokenHolder;
use domain::user::State;

use crate::schema::{personal_access_tokens as tokens, users};
use crate::settings::select_latest_setting;
use crate::{Conn, Result};

/// The last use of a token is recorded at most once in this interval.
const LAST_USED_INTERVAL: TimeDelta = TimeDelta::minutes(10);

/// Selects tokens with their users and the instance's requirements.
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

/// A token that exists, with its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundToken {
    pub id: i64,
    pub holder: TokenHolder,
    /// Whether the recorded time of the last use is older than ten minutes.
    pub is_last_use_outdated: bool,
}

/// Finds the token with one of these digests, one for each value of the secret. One statement per digest;
/// the first one finds the token unless the secret is being rotated.
pub fn find(conn: &mut Conn, digests: &[String], now: NaiveDateTime) -> Result<Option<FoundToken>> {
    let optional = Optional::new(conn)?;
    for digest in digests {
        let row = holders!(optional).filter(tokens::token_digest.eq(digest)).first::<Row>(conn).optional()?;
        if let Some(row) = row {
            return Ok(Some(row.into_found(now)));
        }
    }
    Ok(None)
}

/// Finds a token by its id.
pub fn find_by_id(conn: &mut Conn, token_id: i64, now: NaiveDateTime) -> Result<Option<FoundToken>> {
    let optional = Optional::new(conn)?;
    let row = holders!(optional).filter(tokens::id.eq(token_id)).first::<Row>(conn).optional()?;
    Ok(row.map(|row| row.into_found(now)))
}

/// Expressions for columns that not every release of GitLab has.
struct Optional {
    /// Whether a token has fine-grained permissions instead of scopes (since GitLab 18.10).
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
                concat!("(", select_latest_setting!("admin_mode"), ")")
            } else {
                "false"
            },
        })
    }
}

impl Row {
    fn into_found(self, now: NaiveDateTime) -> FoundToken {
        FoundToken {
            id: self.token_id,
            is_last_use_outdated: self.last_used_at.is_none_or(|used| used + LAST_USED_INTERVAL < now),
            holder: TokenHolder {
                token: AccessToken {
                    revoked: self.revoked == Some(true),
                    expires_at: self.expires_at,
                    // The permissions of a fine-grained token are in tables that are not read here, so it
                    // has no scopes.
                    scopes: if self.is_granular {
                        Scopes::default()
                    } else {
                        Scopes::from_yaml(&self.scopes)
                    },
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

/// Records the time of a token's last use.
pub fn record_use(conn: &mut Conn, token_id: i64, now: NaiveDateTime) -> Result<()> {
    diesel::update(tokens::table.find(token_id)).set(tokens::last_used_at.eq(now)).execute(conn)?;
    Ok(())
}
