//! SCIM tokens of groups and of the instance.
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::schema::{saml_providers, scim_oauth_access_tokens as tokens};
use crate::{Conn, Result};

/// A SCIM token, for lists. A tenant has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ScimTokenRow {
    pub id: i64,
    /// `None` for the instance.
    pub group_id: Option<i64>,
    pub created_at: NaiveDateTime,
}

/// Creates the token of a group or of the instance, which replaces an older one. `encrypted` is the value of
/// the column.
pub fn create_scim_token(
    conn: &mut Conn,
    group_id: Option<i64>,
    encrypted: &str,
    now: NaiveDateTime,
) -> Result<()> {
    conn.write(|conn| crate::scim::set_token(conn, group_id, encrypted, now))
}

/// Lists the tokens by id.
pub fn list_scim_tokens(conn: &mut Conn) -> Result<Vec<ScimTokenRow>> {
    let columns = (tokens::id, tokens::group_id, tokens::created_at);
    Ok(tokens::table.order(tokens::id).select(columns).load(conn)?)
}

/// Revokes the token of a group or of the instance. Returns whether there was one.
pub fn revoke_scim_token(conn: &mut Conn, group_id: Option<i64>) -> Result<bool> {
    conn.write(|conn| crate::scim::delete_token(conn, group_id))
}

/// Creates the SAML provider of a group, with which its users sign in. Returns whether the group had none.
pub fn set_saml_provider(
    conn: &mut Conn,
    group_id: i64,
    sso_url: &str,
    certificate_fingerprint: &str,
) -> Result<bool> {
    conn.write(|conn| {
        if has_saml_provider(conn, group_id)? {
            return Ok(false);
        }
        diesel::insert_into(saml_providers::table)
            .values((
                saml_providers::group_id.eq(group_id),
                saml_providers::enabled.eq(true),
                saml_providers::sso_url.eq(sso_url),
                saml_providers::certificate_fingerprint.eq(certificate_fingerprint),
            ))
            .execute(conn)?;
        Ok(true)
    })
}

/// Whether users of a group can sign in through a SAML provider.
pub fn has_saml_provider(conn: &mut Conn, group_id: i64) -> Result<bool> {
    let known =
        saml_providers::table.filter(saml_providers::group_id.eq(group_id)).select(saml_providers::id);
    Ok(known.first::<i64>(conn).optional()?.is_some())
}
