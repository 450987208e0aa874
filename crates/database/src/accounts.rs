//! Accounts that request credentials: recovery codes, one-time passwords.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};

use crate::keys::{DEPLOY_KEY, may_authenticate};
use crate::schema::{keys, users};
use crate::settings::latest;
use crate::{Conn, Result};
use domain::account::{Account, AccountId, AccountLookup};
use domain::actor::Key;
use domain::user::{State, UserType};

/// Whether a second factor is enabled: a one-time password or a security key. Only a registration with mode 2
/// is one; mode 1 is a passkey. GitLab 18.0 has no column `authentication_mode`: there the name resolves to
/// the column of `default_mode` in the enclosing query, so that every registration counts.
const SECOND_FACTOR: &str = "(users.otp_required_for_login OR (\
    SELECT EXISTS (SELECT 1 FROM webauthn_registrations w WHERE w.user_id = users.id AND authentication_mode = 2) \
      FROM (SELECT 2 AS authentication_mode) AS default_mode))";

type Row = (i64, Option<String>, Option<String>, i16, bool);
type KeyRow = (i64, Option<String>, Option<String>, Option<NaiveDateTime>);

/// Finds the account of a request for credentials, and the key that identifies it. One statement.
pub fn find(conn: &mut Conn, id: AccountId) -> Result<AccountLookup> {
    let columns = (users::id, users::username, users::state, users::user_type, sql::<Bool>(SECOND_FACTOR));
    Ok(match id {
        AccountId::None => AccountLookup::KeyNotFound,
        AccountId::User(id) => {
            let row: Option<Row> = users::table.find(id).select(columns).first(conn).optional()?;
            row.map_or(AccountLookup::UserNotFound, |row| AccountLookup::Found {
                key: None,
                account: account(row),
            })
        }
        AccountId::Key(id) => {
            let row: Option<(KeyRow, Option<Row>)> = keys::table
                .left_join(users::table.on(keys::user_id.eq(users::id.nullable())))
                .filter(keys::id.eq(id))
                .filter(may_authenticate())
                .select(((keys::id, keys::type_, keys::key, keys::expires_at), columns.nullable()))
                .first(conn)
                .optional()?;
            match row {
                None => AccountLookup::KeyNotFound,
                Some(((_, Some(kind), ..), _)) if kind == DEPLOY_KEY => AccountLookup::DeployKey,
                Some((_, None)) => AccountLookup::KeyWithoutUser,
                Some(((id, _, text, expires_at), Some(row))) => AccountLookup::Found {
                    key: Some(Key { id, text: text.unwrap_or_default(), expires_at }),
                    account: account(row),
                },
            }
        }
    })
}

fn account((id, username, state, user_type, second_factor): Row) -> Account {
    Account {
        id,
        username: username.unwrap_or_default(),
        state: State::from_name(state.as_deref()),
        user_type: UserType(user_type),
        second_factor,
    }
}

/// Replaces all recovery codes with these hashes if the second factor is still enabled. Returns whether it
/// was. One statement.
pub fn replace_recovery_codes(
    conn: &mut Conn,
    user_id: i64,
    hashes: &[String],
    now: NaiveDateTime,
) -> Result<bool> {
    let text = serde_json::Value::from(hashes).to_string();
    let changed = diesel::update(users::table.find(user_id))
        .filter(sql::<Bool>(SECOND_FACTOR))
        .set((users::otp_backup_codes.eq(text), users::updated_at.eq(now)))
        .execute(conn)?;
    Ok(changed > 0)
}

/// The stored secret for one-time passwords.
#[derive(Debug, Clone, Queryable)]
pub struct OtpColumns {
    pub secret: Option<String>,
    pub iv: Option<String>,
    pub salt: Option<String>,
}

/// Reads the secret for a user's one-time passwords.
pub fn otp(conn: &mut Conn, user_id: i64) -> Result<Option<OtpColumns>> {
    Ok(users::table
        .find(user_id)
        .filter(users::otp_required_for_login.eq(true))
        .select((
            users::encrypted_otp_secret,
            users::encrypted_otp_secret_iv,
            users::encrypted_otp_secret_salt,
        ))
        .first(conn)
        .optional()?)
}

/// Consumes a time step, so that no code of this step or an earlier one is accepted again. Returns whether
/// it was unused.
pub fn consume_step(conn: &mut Conn, user_id: i64, step: i32, now: NaiveDateTime) -> Result<bool> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::consumed_timestep.is_null().or(users::consumed_timestep.lt(step)))
        .set((users::consumed_timestep.eq(step), users::updated_at.eq(now)))
        .execute(conn)?;
    Ok(changed > 0)
}

/// The number of minutes for which a verified one-time password allows git operations.
pub fn otp_session_minutes(conn: &mut Conn) -> Result<i32> {
    let catalogue = conn.catalogue()?;
    let column = catalogue.column_or("application_settings", "git_two_factor_session_expiry", "15");
    let minutes = latest().select(sql::<Integer>(column));
    Ok(minutes.first(conn).optional()?.unwrap_or(15))
}
