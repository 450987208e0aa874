//! Plans, by their code. Their ids differ from installation to installation.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::billing::Plan;

use crate::ext::Upsert;
use crate::schema::plans;
use crate::{Conn, Result};

/// The id of a plan; one that the installation lacks is added.
pub(super) fn id(conn: &mut Conn, plan: &Plan, now: NaiveDateTime) -> Result<i64> {
    let known = plans::table.filter(plans::name.eq(plan.code())).select(plans::id);
    if let Some(id) = known.first(conn).optional()? {
        return Ok(id);
    }
    let insert = diesel::insert_into(plans::table).values((
        plans::name.eq(plan.code()),
        plans::title.eq(plan.title()),
        plans::created_at.eq(now),
        plans::updated_at.eq(now),
    ));
    // Somebody else may add it at the same time.
    Upsert { insert, target: &[plans::name::NAME], set: &[] }.execute(conn)?;
    Ok(known.first(conn)?)
}
