//! Plans, by their code. Their ids differ from installation to installation.
//!
//! Since GitLab 18.6, a plan has the same number in every installation. Since 18.7, a subscription stores that
//! number beside the id, and later releases read only the number. A database of 18.0 has no such columns.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::billing::Plan;

use crate::schema::plans;
use crate::sql::Upsert;
use crate::sql::optional_columns;
use crate::{Conn, Result};

/// The tables with columns that not every release has.
mod numbered {
    diesel::table! {
        plans (id) {
            id -> BigInt,
            created_at -> Timestamp,
            updated_at -> Timestamp,
            name -> Nullable<Text>,
            title -> Nullable<Text>,
            plan_name_uid -> Nullable<SmallInt>,
        }
    }
    diesel::table! {
        gitlab_subscriptions (id) {
            id -> BigInt,
            hosted_plan_name_uid -> Nullable<SmallInt>,
        }
    }
    diesel::table! {
        gitlab_subscription_histories (id) {
            id -> BigInt,
            hosted_plan_name_uid -> Nullable<SmallInt>,
        }
    }
}

/// The id of a plan. A known plan without a row is inserted.
pub(super) fn id(conn: &mut Conn, plan: &Plan, now: NaiveDateTime) -> Result<i64> {
    use numbered::plans as p;
    let known = plans::table.filter(plans::name.eq(plan.code())).select(plans::id);
    if let Some(id) = known.first(conn).optional()? {
        return Ok(id);
    }
    let (name, times) = (p::name.eq(plan.code()), (p::created_at.eq(now), p::updated_at.eq(now)));
    let title = p::title.eq(plan.title());
    // Another transaction may insert it at the same time.
    let (target, set) = (&[plans::name::NAME], &[]);
    if optional_columns::exists(conn, "plans", p::plan_name_uid::NAME)? {
        let insert = diesel::insert_into(p::table);
        let insert = insert.values((name, title, p::plan_name_uid.eq(plan.number()), times));
        Upsert { insert, target, set }.execute(conn)?;
    } else {
        let insert = diesel::insert_into(p::table).values((name, title, times));
        Upsert { insert, target, set }.execute(conn)?;
    }
    Ok(known.first(conn)?)
}

/// The plan of a subscription that has a plan number but no plan id.
pub(super) fn find_by_subscription(conn: &mut Conn, id: i64) -> Result<Option<Plan>> {
    use numbered::gitlab_subscriptions as s;
    if !optional_columns::exists(conn, "gitlab_subscriptions", s::hosted_plan_name_uid::NAME)? {
        return Ok(None);
    }
    let number: Option<i16> = s::table.find(id).select(s::hosted_plan_name_uid).first(conn)?;
    Ok(number.and_then(Plan::from_number))
}

/// Stores the number of a subscription's plan, where the column exists.
pub(super) fn set_subscription_number(conn: &mut Conn, id: i64, plan: &Plan) -> Result<()> {
    use numbered::gitlab_subscriptions as s;
    if optional_columns::exists(conn, "gitlab_subscriptions", s::hosted_plan_name_uid::NAME)? {
        let number = s::hosted_plan_name_uid.eq(plan.number());
        diesel::update(s::table.find(id)).set(number).execute(conn)?;
    }
    Ok(())
}

/// Stores the number of the plan in a history row, where the column exists.
pub(super) fn set_history_number(conn: &mut Conn, id: i64, plan: &Plan) -> Result<()> {
    use numbered::gitlab_subscription_histories as h;
    if optional_columns::exists(conn, "gitlab_subscription_histories", h::hosted_plan_name_uid::NAME)? {
        let number = h::hosted_plan_name_uid.eq(plan.number());
        diesel::update(h::table.find(id)).set(number).execute(conn)?;
    }
    Ok(())
}
