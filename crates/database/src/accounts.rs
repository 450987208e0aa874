//! Accounts that want credentials: recovery codes, one-time passwords.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::schema::{keys, users};
use crate::{Conn, Result};
use domain::account::{Account, AccountId, AccountLookup};
use domain::user::{State, UserType};

/// The second factor is on: a one-time password, or a security token.
const SECOND_FACTOR: &str = "(users.otp_required_for_login OR EXISTS (SELECT 1 FROM webauthn_registrations w WHERE w.user_id = users.id))";

type Row = (i64, Option<String>, Option<String>, i16, bool);

/// Finds whom a request for credentials is about. One statement.
pub fn find(conn: &mut Conn, id: AccountId) -> Result<AccountLookup> {
    let columns = (users::id, users::username, users::state, users::user_type, sql::<Bool>(SECOND_FACTOR));
    Ok(match id {
        AccountId::None => AccountLookup::NoKey,
        AccountId::User(id) => {
            let row: Option<Row> = users::table.find(id).select(columns).first(conn).optional()?;
            row.map_or(AccountLookup::NoUser, |row| AccountLookup::Found(account(row)))
        }
        AccountId::Key(id) => {
            let row: Option<(Option<String>, Option<Row>)> = keys::table
                .left_join(users::table.on(keys::user_id.eq(users::id.nullable())))
                .filter(keys::id.eq(id))
                .filter(keys::usage_type.eq(0).or(keys::usage_type.eq(1)))
                .select((keys::type_, columns.nullable()))
                .first(conn)
                .optional()?;
            match row {
                None => AccountLookup::NoKey,
                Some((Some(kind), _)) if kind == "DeployKey" => AccountLookup::DeployKey,
                Some((_, None)) => AccountLookup::NoOwner,
                Some((_, Some(row))) => AccountLookup::Found(account(row)),
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

/// Puts hashes of recovery codes in the place of all that there were, if the second factor is still on. The answer is
/// whether it was. One statement.
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

/// What a one-time password is verified with, as it is stored.
#[derive(Debug, Clone, Queryable)]
pub struct OtpColumns {
    pub secret: Option<String>,
    pub iv: Option<String>,
    pub salt: Option<String>,
}

/// Reads what a user's one-time passwords are verified with, and how many minutes one of them lets git through.
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

/// Uses a time step up: no code of it, or of one before it, serves again. The answer is whether it was unused.
pub fn consume_step(conn: &mut Conn, user_id: i64, step: i32, now: NaiveDateTime) -> Result<bool> {
    let changed = diesel::update(users::table.find(user_id))
        .filter(users::consumed_timestep.is_null().or(users::consumed_timestep.lt(step)))
        .set((users::consumed_timestep.eq(step), users::updated_at.eq(now)))
        .execute(conn)?;
    Ok(changed > 0)
}

/// Minutes for which a one-time password lets git through.
pub fn otp_session_minutes(conn: &mut Conn) -> Result<i32> {
    use crate::schema::application_settings as settings;
    let minutes = settings::table.order(settings::id.desc()).select(settings::git_two_factor_session_expiry);
    Ok(minutes.first(conn).optional()?.unwrap_or(15))
}
