//! Plans, by their code. Their ids differ from installation to installation.
//!
//! GitLab numbers them alike everywhere since 18.6, and since 18.7 a subscription holds its plan's number beside its id:
//! later releases go by the number alone. A database of 18.0 has no such columns.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::billing::Plan;

use super::columns;
use crate::ext::Upsert;
use crate::schema::plans;
use crate::{Conn, Result};

/// Tables with the columns that not every database has.
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

/// The id of a plan; one that the installation lacks is added.
pub(super) fn id(conn: &mut Conn, plan: &Plan, now: NaiveDateTime) -> Result<i64> {
    use numbered::plans as p;
    let known = plans::table.filter(plans::name.eq(plan.code())).select(plans::id);
    if let Some(id) = known.first(conn).optional()? {
        return Ok(id);
    }
    let (name, times) = (p::name.eq(plan.code()), (p::created_at.eq(now), p::updated_at.eq(now)));
    let title = p::title.eq(plan.title());
    // Somebody else may add it at the same time.
    let (target, set) = (&[plans::name::NAME], &[]);
    if columns::exists(conn, "plans", p::plan_name_uid::NAME)? {
        let insert = diesel::insert_into(p::table);
        let insert = insert.values((name, title, p::plan_name_uid.eq(plan.number()), times));
        Upsert { insert, target, set }.execute(conn)?;
    } else {
        let insert = diesel::insert_into(p::table).values((name, title, times));
        Upsert { insert, target, set }.execute(conn)?;
    }
    Ok(known.first(conn)?)
}

/// The plan of a subscription that has its number and no id.
pub(super) fn of_subscription(conn: &mut Conn, id: i64) -> Result<Option<Plan>> {
    use numbered::gitlab_subscriptions as s;
    if !columns::exists(conn, "gitlab_subscriptions", s::hosted_plan_name_uid::NAME)? {
        return Ok(None);
    }
    let number: Option<i16> = s::table.find(id).select(s::hosted_plan_name_uid).first(conn)?;
    Ok(number.and_then(Plan::numbered))
}

/// Writes the number of a subscription's plan beside its id.
pub(super) fn number_subscription(conn: &mut Conn, id: i64, plan: &Plan) -> Result<()> {
    use numbered::gitlab_subscriptions as s;
    if columns::exists(conn, "gitlab_subscriptions", s::hosted_plan_name_uid::NAME)? {
        let number = s::hosted_plan_name_uid.eq(plan.number());
        diesel::update(s::table.find(id)).set(number).execute(conn)?;
    }
    Ok(())
}

/// The same, of what a subscription was.
pub(super) fn number_history(conn: &mut Conn, id: i64, plan: &Plan) -> Result<()> {
    use numbered::gitlab_subscription_histories as h;
    if columns::exists(conn, "gitlab_subscription_histories", h::hosted_plan_name_uid::NAME)? {
        let number = h::hosted_plan_name_uid.eq(plan.number());
        diesel::update(h::table.find(id)).set(number).execute(conn)?;
    }
    Ok(())
}
