//! `POST /api/v4/internal/two_factor_manual_otp_check` and `…/two_factor_push_otp_check`
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use auth::otp::{self, EncryptedOtpSecret};
use database::accounts::{self, OtpColumns};
use domain::account::{AccountId, INVALID_OTP, NO_SECOND_FACTOR};
use endpoint::{Params, RestError};
use serde::Serialize;

use crate::shell_reply::{self, ShellReply};
use crate::{App, Shell, actor};

const NOT_AVAILABLE: &str = "Feature is not available";

/// The maximum number of attempts per period.
const MAX_ATTEMPTS: i64 = 10;
const ATTEMPT_PERIOD: Duration = Duration::from_mins(10);

#[derive(Serialize)]
struct Entity {
    success: bool,
}

/// Verifies a one-time password. A correct one allows git operations with the key for a while.
pub async fn manual(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    shell_reply::answer(check(&app, &params).await)
}

/// Push notifications to a phone are not supported.
pub async fn push(_: Shell, _: Params) -> Result<HttpResponse, RestError> {
    shell_reply::answer(Err::<Entity, ShellReply>(NOT_AVAILABLE.into()))
}

async fn check(app: &App, params: &Params) -> Result<Entity, ShellReply> {
    let Some(key_base) = app.keys.otp_key_base.as_ref().filter(|_| app.options.two_factor_for_cli) else {
        return Err(NOT_AVAILABLE.into());
    };
    let id = actor::account_from_params(params)?;
    let attempt = params.text("otp_attempt")?.unwrap_or_default();
    let lookup = app.core.pool.read(move |conn| accounts::find(conn, id)).await?;
    let user_id = match app.active_account(lookup).await? {
        account if account.second_factor => account.id,
        _ => return Err(NO_SECOND_FACTOR.into()),
    };
    app.count_attempt(user_id).await?;
    let columns = app.core.pool.read(move |conn| accounts::otp(conn, user_id)).await?;
    let sealed = columns.and_then(sealed).ok_or(INVALID_OTP)?;
    let secret = sealed.decrypt(&key_base.get()).ok_or(INVALID_OTP)?;
    let step = otp::matching_step(&secret, &attempt, app.core.clock.unix()).ok_or(INVALID_OTP)?;
    let (step, now) = (i32::try_from(step).map_err(|_| INVALID_OTP)?, app.core.clock.now());
    let consume = move |conn: &mut database::Conn| {
        let unused = accounts::consume_step(conn, user_id, step, now)?;
        Ok((unused, accounts::otp_session_minutes(conn)?))
    };
    let (unused, minutes) = app.core.pool.run(consume).await?;
    if !unused {
        return Err(INVALID_OTP.into());
    }
    if let AccountId::Key(key_id) = id {
        let lifetime = Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(0).max(1));
        let key = format!("session:otp:{key_id}");
        app.core.counters.set_with_ttl(&key, "true", lifetime).await.map_err(unavailable)?;
    }
    Ok(Entity { success: true })
}

fn sealed(columns: OtpColumns) -> Option<EncryptedOtpSecret> {
    Some(EncryptedOtpSecret { secret: columns.secret?, iv: columns.iv?, salt: columns.salt? })
}

fn unavailable(error: shared_state::RedisError) -> RestError {
    RestError::Unavailable(error.into())
}

impl App {
    /// Counts an attempt. Above the limit even a correct code is refused. If counting fails, no code is
    /// verified.
    async fn count_attempt(&self, user_id: i64) -> Result<(), ShellReply> {
        let period = self.core.clock.unix().unsigned_abs() / ATTEMPT_PERIOD.as_secs();
        let key = format!("application_rate_limiter:two_factor_otp_check:user:{user_id}:{period}");
        let counts = self.core.counters.count(&[key], ATTEMPT_PERIOD).await.map_err(unavailable)?;
        if counts.into_iter().any(|count| count > MAX_ATTEMPTS) { Err(INVALID_OTP.into()) } else { Ok(()) }
    }
}
