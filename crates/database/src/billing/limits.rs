//! Limits of a namespace: compute minutes and purchased storage.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::billing::Limits;

use super::Namespace;
use crate::schema::{namespace_limits as storage, namespaces};
use crate::sql::Upsert;
use crate::{Conn, Result};

/// The stored limits of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredLimits {
    pub shared_runners_minutes_limit: Option<i32>,
    pub extra_shared_runners_minutes_limit: Option<i32>,
    /// In MiB.
    pub additional_purchased_storage_size: i64,
    pub additional_purchased_storage_ends_on: Option<NaiveDate>,
}

fn load(conn: &mut Conn, namespace_id: i64) -> Result<StoredLimits> {
    let (minutes, extra) = namespaces::table
        .find(namespace_id)
        .select((namespaces::shared_runners_minutes_limit, namespaces::extra_shared_runners_minutes_limit))
        .first(conn)?;
    let purchased: Option<(i64, Option<NaiveDate>)> = storage::table
        .find(namespace_id)
        .select((storage::additional_purchased_storage_size, storage::additional_purchased_storage_ends_on))
        .first(conn)
        .optional()?;
    let (size, ends_on) = purchased.unwrap_or_default();
    Ok(StoredLimits {
        shared_runners_minutes_limit: minutes,
        extra_shared_runners_minutes_limit: extra,
        additional_purchased_storage_size: size,
        additional_purchased_storage_ends_on: ends_on,
    })
}

/// Sets the given limits. Returns the limits before and after. Call it inside
/// [`namespaces::change`](super::namespaces::change).
pub fn set(
    conn: &mut Conn,
    namespace: &Namespace,
    limits: &Limits,
    now: NaiveDateTime,
) -> Result<(StoredLimits, StoredLimits)> {
    limits.check()?;
    let old = load(conn, namespace.id)?;
    let new = StoredLimits {
        shared_runners_minutes_limit: limits
            .shared_runners_minutes_limit
            .or(old.shared_runners_minutes_limit),
        extra_shared_runners_minutes_limit: limits
            .extra_shared_runners_minutes_limit
            .or(old.extra_shared_runners_minutes_limit),
        additional_purchased_storage_size: limits
            .additional_purchased_storage_size
            .map_or(old.additional_purchased_storage_size, i64::from),
        additional_purchased_storage_ends_on: limits
            .additional_purchased_storage_ends_on
            .or(old.additional_purchased_storage_ends_on),
    };
    if limits.sets_minutes() {
        diesel::update(namespaces::table.find(namespace.id))
            .set((
                namespaces::shared_runners_minutes_limit.eq(new.shared_runners_minutes_limit),
                namespaces::extra_shared_runners_minutes_limit.eq(new.extra_shared_runners_minutes_limit),
                namespaces::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    if limits.sets_storage() {
        let insert = diesel::insert_into(storage::table).values((
            storage::namespace_id.eq(namespace.id),
            storage::additional_purchased_storage_size.eq(new.additional_purchased_storage_size),
            storage::additional_purchased_storage_ends_on.eq(new.additional_purchased_storage_ends_on),
        ));
        let set = &[
            storage::additional_purchased_storage_size::NAME,
            storage::additional_purchased_storage_ends_on::NAME,
        ];
        Upsert { insert, target: &[storage::namespace_id::NAME], set }.execute(conn)?;
    }
    Ok((old, new))
}
