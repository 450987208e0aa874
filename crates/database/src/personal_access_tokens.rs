//! Personal access tokens. The token itself is nowhere: its digest is.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use crate::schema::{application_settings as settings, personal_access_tokens as tokens};
use crate::{Conn, Result};
use domain::tokens::personal_access_token::{Grant, Policy};

/// GitLab's default organization, which every token of an installation belongs to.
const ORGANIZATION: i64 = 1;

/// What the installation, and the group that owns the account, say of a person's tokens.
pub fn policy(conn: &mut Conn, user_id: i64) -> Result<Policy> {
    type Row = (bool, Option<String>, Option<String>, Option<i32>, bool);
    let row: Option<Row> = settings::table
        .order(settings::id.desc())
        .select((
            settings::disable_personal_access_tokens,
            settings::personal_access_token_prefix,
            sql::<Nullable<Text>>("CAST(token_prefixes AS text)"),
            settings::max_personal_access_token_lifetime,
            settings::require_personal_access_token_expiry,
        ))
        .first(conn)
        .optional()?;
    let (disabled, prefix, prefixes, max_lifetime, expiry_required) =
        row.unwrap_or((false, Some("glpat-".to_owned()), None, None, true));
    let by_group: bool = diesel::select(
        sql::<Bool>(
            "EXISTS (SELECT 1 FROM user_details d JOIN namespace_settings s ON s.namespace_id = d.enterprise_group_id \
             WHERE s.disable_personal_access_tokens AND d.user_id = ",
        )
        .bind::<BigInt, _>(user_id)
        .sql(")"),
    )
    .get_result(conn)?;
    Ok(Policy {
        disabled: disabled || by_group,
        prefix: instance_prefix(prefixes.as_deref()).or(prefix).unwrap_or_default(),
        max_lifetime: max_lifetime.and_then(|days| u64::try_from(days).ok()).filter(|days| *days > 0),
        expiry_required,
    })
}

/// An installation may put its own word in front of every kind of token.
fn instance_prefix(prefixes: Option<&str>) -> Option<String> {
    let prefixes: serde_json::Value = serde_json::from_str(prefixes?).ok()?;
    let own = prefixes.get("instance_token_prefix")?.as_str().filter(|own| !own.is_empty())?;
    Some(format!("{own}-glpat-"))
}

/// Writes a new token down. One statement.
pub fn create(conn: &mut Conn, user_id: i64, grant: &Grant, digest: &str, now: NaiveDateTime) -> Result<()> {
    diesel::insert_into(tokens::table)
        .values((
            tokens::user_id.eq(user_id),
            tokens::name.eq(&grant.name),
            tokens::scopes.eq(grant.scopes_yaml()),
            tokens::expires_at.eq(grant.expires_at),
            tokens::token_digest.eq(digest),
            tokens::revoked.eq(false),
            tokens::impersonation.eq(false),
            tokens::organization_id.eq(ORGANIZATION),
            tokens::created_at.eq(now),
            tokens::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}
