//! Personal access tokens. Only the digest of a token is stored.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use crate::organizations::DEFAULT_ORGANIZATION;
use crate::settings::latest;
use crate::sql::optional_columns;
use crate::{Conn, Result};
use domain::tokens::personal_access_token::{Grant, Policy};

/// Returns the token settings for a user, from the instance and the group that owns the account.
pub fn policy(conn: &mut Conn, user_id: i64) -> Result<Policy> {
    type Row = (bool, Option<String>, Option<String>, Option<i32>, bool);
    let catalogue = conn.catalogue()?;
    let column = |name: &'static str, default: &'static str| {
        catalogue.column_or("application_settings", name, default)
    };
    let row: Option<Row> = latest()
        .select((
            sql::<Bool>(column("disable_personal_access_tokens", "false")),
            sql::<Nullable<Text>>(column("personal_access_token_prefix", "'glpat-'")),
            sql::<Nullable<Text>>(&format!("CAST({} AS text)", column("token_prefixes", "NULL"))),
            sql::<Nullable<Integer>>(column("max_personal_access_token_lifetime", "CAST(NULL AS integer)")),
            sql::<Bool>(column("require_personal_access_token_expiry", "true")),
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

/// The instance's own prefix for all kinds of tokens, if it has one.
fn instance_prefix(prefixes: Option<&str>) -> Option<String> {
    let prefixes: serde_json::Value = serde_json::from_str(prefixes?).ok()?;
    let own = prefixes.get("instance_token_prefix")?.as_str().filter(|own| !own.is_empty())?;
    Some(format!("{own}-glpat-"))
}

/// Stores a new token. Its organization and type are those of the user, in databases that have these columns.
pub fn create(conn: &mut Conn, user_id: i64, grant: &Grant, digest: &str, now: NaiveDateTime) -> Result<i64> {
    let of_user =
        |conn: &mut Conn, column| optional_columns::text(conn, "users", column, &format!("id = {user_id}"));
    let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
    let organization_id = number(of_user(conn, "organization_id")?).unwrap_or(DEFAULT_ORGANIZATION);
    let user_type = number(of_user(conn, "user_type")?).unwrap_or_default();
    let scopes = grant.scopes_yaml();
    let mut token: optional_columns::Values = vec![
        ("user_id", user_id.into()),
        ("name", grant.name.as_str().into()),
        ("scopes", scopes.as_str().into()),
        ("token_digest", digest.into()),
        ("revoked", false.into()),
        ("impersonation", false.into()),
        ("organization_id", organization_id.into()),
        ("user_type", user_type.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ];
    token.extend(grant.expires_at.map(|date| ("expires_at", date.into())));
    optional_columns::insert(conn, "personal_access_tokens", token)
}
