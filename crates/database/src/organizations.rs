//! The default organization, which every GitLab has.
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::schema::organizations;
use crate::{Conn, Result};

/// The id of the default organization.
pub(crate) const DEFAULT_ORGANIZATION: i64 = 1;

/// Creates the default organization in a new database of our own.
pub(crate) fn ensure_default(conn: &mut Conn, now: NaiveDateTime) -> Result<()> {
    let known = organizations::table.find(DEFAULT_ORGANIZATION).select(organizations::id);
    if known.first::<i64>(conn).optional()?.is_some() {
        return Ok(());
    }
    diesel::insert_into(organizations::table)
        .values((
            organizations::id.eq(DEFAULT_ORGANIZATION),
            organizations::name.eq("Default"),
            organizations::path.eq("default"),
            organizations::visibility_level.eq(20_i16),
            organizations::created_at.eq(now),
            organizations::updated_at.eq(now),
        ))
        .execute(conn)?;
    if let Conn::Postgresql(pg) = conn {
        // The sequence does not know explicit ids. GitLab reserves those up to 1000.
        diesel::sql_query("SELECT setval(pg_get_serial_sequence('organizations', 'id'), 1000)")
            .execute(pg)?;
    }
    Ok(())
}
