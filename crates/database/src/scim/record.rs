//! Writes identities, and records of the values that clients sent.
use ::scim::user::SentAttributes;
use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{Result, StoredUser, Tenant, shown};
use crate::Conn;
use crate::schema::{
    group_scim_identities as twins, scim_api_emails as emails, scim_api_records as records,
    scim_identities as identities,
};

/// Inserts an identity, and the group's copy of it.
pub(super) fn insert_identity(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    external_id: &str,
    active: bool,
    now: NaiveDateTime,
) -> Result<i64> {
    let now = shown(now);
    let id: i64 = diesel::insert_into(identities::table)
        .values((
            identities::group_id.eq(tenant.group_id()),
            identities::user_id.eq(user_id),
            identities::extern_uid.eq(external_id),
            identities::active.eq(active),
            identities::created_at.eq(now),
            identities::updated_at.eq(now),
        ))
        .returning(identities::id)
        .get_result(conn)?;
    if let Some(group_id) = tenant.group_id() {
        diesel::insert_into(twins::table)
            .values((
                twins::group_id.eq(group_id),
                twins::user_id.eq(user_id),
                twins::extern_uid.eq(external_id),
                twins::active.eq(active),
                twins::temp_source_id.eq(id),
                twins::created_at.eq(now),
                twins::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(id)
}

/// Updates an identity in both tables, and its record.
pub(super) fn update(
    conn: &mut Conn,
    tenant: &Tenant,
    stored: &StoredUser,
    now: NaiveDateTime,
) -> Result<()> {
    let (user, timestamp) = (&stored.user, shown(now));
    if stored.identity_id > 0 {
        diesel::update(identities::table.find(stored.identity_id))
            .set((
                identities::extern_uid.eq(&user.external_id),
                identities::active.eq(user.active),
                identities::updated_at.eq(timestamp),
            ))
            .execute(conn)?;
    }
    if let Some(group_id) = tenant.group_id() {
        diesel::update(
            twins::table.filter(twins::group_id.eq(group_id)).filter(twins::user_id.eq(stored.user_id)),
        )
        .set((
            twins::extern_uid.eq(&user.external_id),
            twins::active.eq(user.active),
            twins::updated_at.eq(timestamp),
        ))
        .execute(conn)?;
    }
    let record = Record {
        identity_id: stored.identity_id,
        user_id: stored.user_id,
        id: &user.id,
        version: user.version,
        is_foreign: stored.is_foreign,
    };
    replace(conn, tenant, &record, &user.sent, stored.is_deleted.then_some(timestamp))
}

/// The identity that a record belongs to.
pub(super) struct Record<'a> {
    pub identity_id: i64,
    pub user_id: i64,
    pub id: &'a str,
    pub version: i64,
    /// Whether the group has linked an account that it did not create. It then sees only what it sent.
    pub is_foreign: bool,
}

/// Inserts a record or replaces an existing one.
pub(super) fn replace(
    conn: &mut Conn,
    tenant: &Tenant,
    record: &Record<'_>,
    sent: &SentAttributes,
    deleted_at: Option<NaiveDateTime>,
) -> Result<()> {
    let scope = tenant.scope();
    diesel::delete(records::table.find((scope, record.identity_id))).execute(conn)?;
    diesel::insert_into(records::table)
        .values((
            records::scope.eq(scope),
            records::identity_id.eq(record.identity_id),
            records::group_id.eq(tenant.group_id()),
            records::user_id.eq(record.user_id),
            records::scim_id.eq(record.id),
            records::user_name.eq(sent.user_name.as_deref()),
            records::formatted.eq(sent.formatted.as_deref()),
            records::family_name.eq(sent.family_name.as_deref()),
            records::given_name.eq(sent.given_name.as_deref()),
            records::display_name.eq(sent.display_name.as_deref()),
            records::is_foreign.eq(record.is_foreign),
            records::version.eq(record.version),
            records::deleted_at.eq(deleted_at),
        ))
        .execute(conn)?;
    diesel::delete(
        emails::table.filter(emails::scope.eq(scope)).filter(emails::identity_id.eq(record.identity_id)),
    )
    .execute(conn)?;
    for (position, email) in (0_i16..).zip(&sent.emails) {
        diesel::insert_into(emails::table)
            .values((
                emails::scope.eq(scope),
                emails::identity_id.eq(record.identity_id),
                emails::position.eq(position),
                emails::user_id.eq(record.user_id),
                emails::value.eq(&email.value),
                emails::type_.eq(email.kind.as_deref()),
                emails::display.eq(email.display.as_deref()),
                emails::is_primary.eq(email.primary),
            ))
            .execute(conn)?;
    }
    Ok(())
}
