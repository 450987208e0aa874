//! `gitlab_subscriptions`: one row per namespace, and its earlier states in `gitlab_subscription_histories`.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::billing::{Change, Plan, SeatStatistics, Subscription};

use super::{Key, Namespace, namespaces, plans as plan_table, seats};
use crate::schema::{gitlab_subscription_histories as histories, gitlab_subscriptions as s, plans};
use crate::{Conn, Result};

/// `gitlab_subscription_histories.change_type`
const UPDATED: i16 = 1;

/// A subscription and the title of its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitledSubscription {
    pub subscription: Subscription,
    pub plan_title: String,
}

/// The row of a subscription before and after a change. A new row has no `before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionChange {
    pub namespace: Namespace,
    pub id: i64,
    pub before: Option<Subscription>,
    pub after: TitledSubscription,
}

#[derive(Queryable)]
struct Columns {
    id: i64,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    trial_ends_on: Option<NaiveDate>,
    namespace_id: i64,
    hosted_plan_id: Option<i64>,
    max_seats_used: Option<i32>,
    seats: Option<i32>,
    trial: Option<bool>,
    trial_starts_on: Option<NaiveDate>,
    auto_renew: Option<bool>,
    seats_in_use: i32,
    _seats_owed: i32,
    trial_extension_type: Option<i16>,
    max_seats_used_changed_at: Option<NaiveDateTime>,
    _last_seat_refresh_at: Option<NaiveDateTime>,
}

struct Row {
    columns: Columns,
    subscription: Subscription,
    plan_title: Option<String>,
}

fn load(conn: &mut Conn, namespace_id: i64) -> Result<Option<Row>> {
    let row: Option<(Columns, Option<String>, Option<String>)> = s::table
        .left_join(plans::table.on(plans::id.nullable().eq(s::hosted_plan_id)))
        .filter(s::namespace_id.eq(namespace_id))
        .select((s::all_columns, plans::name.nullable(), plans::title.nullable()))
        .first(conn)
        .optional()?;
    let Some((columns, code, plan_title)) = row else { return Ok(None) };
    let plan = match code {
        Some(code) => Some(Plan::stored(code)),
        // Newer releases of GitLab store the number alone. A paid plan must not be shown as free.
        None => plan_table::find_by_subscription(conn, columns.id)?,
    };
    let subscription = Subscription {
        plan: plan.unwrap_or_else(Plan::free),
        start_date: columns.start_date,
        end_date: columns.end_date,
        trial: columns.trial == Some(true),
        trial_starts_on: columns.trial_starts_on,
        trial_ends_on: columns.trial_ends_on,
        trial_extension_type: columns.trial_extension_type,
        auto_renew: columns.auto_renew,
        seats: columns.seats.unwrap_or(0),
        seats_in_use: columns.seats_in_use,
        max_seats_used: columns.max_seats_used.unwrap_or(0),
        max_seats_used_changed_at: columns.max_seats_used_changed_at,
    };
    Ok(Some(Row { columns, subscription, plan_title }))
}

/// The subscription of a namespace. Without a row it is free, and its seats are counted. Writes nothing.
pub fn show(conn: &mut Conn, namespace: &Namespace, today: NaiveDate) -> Result<TitledSubscription> {
    if let Some(row) = load(conn, namespace.id)? {
        return Ok(titled(row.subscription, row.plan_title));
    }
    let mut subscription = Subscription::none();
    subscription.seats_in_use = seats::in_use(conn, namespace, subscription.plan.excludes_guests(), today)?;
    Ok(titled(subscription, None))
}

/// The subscription of a namespace, if it has a row.
pub fn find(conn: &mut Conn, namespace_id: i64) -> Result<Option<Subscription>> {
    Ok(load(conn, namespace_id)?.map(|row| row.subscription))
}

fn titled(subscription: Subscription, title: Option<String>) -> TitledSubscription {
    let plan_title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| subscription.plan.title());
    TitledSubscription { subscription, plan_title }
}

/// Creates a subscription. Only a free one is replaced.
pub fn create(conn: &mut Conn, key: &Key, change: &Change, now: NaiveDateTime) -> Result<SubscriptionChange> {
    namespaces::change(conn, &[key], |conn, found| begin(conn, &found[0], change.clone(), now))
}

/// Changes a subscription.
pub fn update(conn: &mut Conn, key: &Key, change: &Change, now: NaiveDateTime) -> Result<SubscriptionChange> {
    namespaces::change(conn, &[key], |conn, found| {
        let row = load(conn, found[0].id)?.ok_or(domain::Error::NotFound("GitlabSubscription"))?;
        alter(conn, &found[0], row, change.clone(), now)
    })
}

/// Changes a subscription, or creates one that starts today by default. Call it inside [`namespaces::change`].
pub fn set(
    conn: &mut Conn,
    namespace: &Namespace,
    mut change: Change,
    now: NaiveDateTime,
) -> Result<SubscriptionChange> {
    if let Some(row) = load(conn, namespace.id)? {
        return alter(conn, namespace, row, change, now);
    }
    change.start_date = change.start_date.or_else(|| Some(now.date()));
    begin(conn, namespace, change, now)
}

fn begin(
    conn: &mut Conn,
    namespace: &Namespace,
    change: Change,
    now: NaiveDateTime,
) -> Result<SubscriptionChange> {
    let before = load(conn, namespace.id)?;
    let mut subscription = Subscription::begin(change, now)?;
    if before.as_ref().is_some_and(|row| !row.subscription.is_vacant()) {
        return Err(domain::Error::Taken("namespace_id").into());
    }
    let exclude_guests = subscription.plan.excludes_guests();
    subscription.seats_in_use = seats::in_use(conn, namespace, exclude_guests, now.date())?;
    if let Some(row) = &before {
        if subscription.max_seats_used != row.subscription.max_seats_used {
            subscription.max_seats_used_changed_at = Some(now);
        }
        insert_history(conn, row, now)?;
        store(conn, row, &subscription, now)?;
        set_refreshed_at(conn, row.columns.id, now)?;
    } else {
        insert(conn, namespace.id, &subscription, now)?;
    }
    finish(conn, namespace, before.map(|row| row.subscription))
}

fn alter(
    conn: &mut Conn,
    namespace: &Namespace,
    row: Row,
    change: Change,
    now: NaiveDateTime,
) -> Result<SubscriptionChange> {
    let (mut subscription, statistics) = row.subscription.changed(change, now)?;
    let resets = statistics == SeatStatistics::Reset;
    if resets {
        let exclude_guests = subscription.plan.excludes_guests();
        subscription.reset_seats(seats::in_use(conn, namespace, exclude_guests, now.date())?, now);
    }
    if subscription != row.subscription {
        insert_history(conn, &row, now)?;
        store(conn, &row, &subscription, now)?;
    }
    if resets {
        set_refreshed_at(conn, row.columns.id, now)?;
    }
    finish(conn, namespace, Some(row.subscription))
}

fn finish(
    conn: &mut Conn,
    namespace: &Namespace,
    before: Option<Subscription>,
) -> Result<SubscriptionChange> {
    let row = load(conn, namespace.id)?.ok_or(domain::Error::NotFound("GitlabSubscription"))?;
    let after = titled(row.subscription, row.plan_title);
    Ok(SubscriptionChange { namespace: namespace.clone(), id: row.columns.id, before, after })
}

/// The daily count of seats.
pub(super) fn refresh_seats(conn: &mut Conn, namespace: &Namespace, now: NaiveDateTime) -> Result<()> {
    let Some(row) = load(conn, namespace.id)? else { return Ok(()) };
    let exclude_guests = row.subscription.plan.excludes_guests();
    let counted = seats::in_use(conn, namespace, exclude_guests, now.date())?;
    let subscription = row.subscription.refreshed(counted, now);
    if subscription != row.subscription {
        insert_history(conn, &row, now)?;
        store(conn, &row, &subscription, now)?;
    }
    set_refreshed_at(conn, row.columns.id, now)
}

fn set_refreshed_at(conn: &mut Conn, id: i64, now: NaiveDateTime) -> Result<()> {
    diesel::update(s::table.find(id)).set(s::last_seat_refresh_at.eq(now)).execute(conn)?;
    Ok(())
}

fn insert(conn: &mut Conn, namespace_id: i64, new: &Subscription, now: NaiveDateTime) -> Result<()> {
    let plan_id = plan_table::id(conn, &new.plan, now)?;
    let id = diesel::insert_into(s::table)
        .values((
            s::namespace_id.eq(namespace_id),
            s::hosted_plan_id.eq(plan_id),
            s::start_date.eq(new.start_date),
            s::end_date.eq(new.end_date),
            s::trial.eq(new.trial),
            s::trial_starts_on.eq(new.trial_starts_on),
            s::trial_ends_on.eq(new.trial_ends_on),
            s::trial_extension_type.eq(new.trial_extension_type),
            s::auto_renew.eq(new.auto_renew),
            s::seats.eq(new.seats),
            s::seats_in_use.eq(new.seats_in_use),
            s::max_seats_used.eq(new.max_seats_used),
            s::seats_owed.eq(new.seats_owed()),
            s::max_seats_used_changed_at.eq(new.max_seats_used_changed_at),
            s::last_seat_refresh_at.eq(now),
            s::created_at.eq(now),
            s::updated_at.eq(now),
        ))
        .returning(s::id)
        .get_result(conn)?;
    plan_table::set_subscription_number(conn, id, &new.plan)
}

fn store(conn: &mut Conn, row: &Row, new: &Subscription, now: NaiveDateTime) -> Result<()> {
    let plan_id = if new.plan == row.subscription.plan && row.columns.hosted_plan_id.is_some() {
        row.columns.hosted_plan_id
    } else {
        Some(plan_table::id(conn, &new.plan, now)?)
    };
    diesel::update(s::table.find(row.columns.id))
        .set((
            s::hosted_plan_id.eq(plan_id),
            s::start_date.eq(new.start_date),
            s::end_date.eq(new.end_date),
            s::trial.eq(new.trial),
            s::trial_starts_on.eq(new.trial_starts_on),
            s::trial_ends_on.eq(new.trial_ends_on),
            s::trial_extension_type.eq(new.trial_extension_type),
            s::auto_renew.eq(new.auto_renew),
            s::seats.eq(new.seats),
            s::seats_in_use.eq(new.seats_in_use),
            s::max_seats_used.eq(new.max_seats_used),
            s::seats_owed.eq(new.seats_owed()),
            s::max_seats_used_changed_at.eq(new.max_seats_used_changed_at),
            s::updated_at.eq(now),
        ))
        .execute(conn)?;
    plan_table::set_subscription_number(conn, row.columns.id, &new.plan)
}

/// Stores the state before a change.
fn insert_history(
    conn: &mut Conn,
    Row { columns: row, subscription, .. }: &Row,
    now: NaiveDateTime,
) -> Result<()> {
    let id = diesel::insert_into(histories::table)
        .values((
            histories::gitlab_subscription_id.eq(row.id),
            histories::gitlab_subscription_created_at.eq(row.created_at),
            histories::gitlab_subscription_updated_at.eq(row.updated_at),
            histories::start_date.eq(row.start_date),
            histories::end_date.eq(row.end_date),
            histories::trial_ends_on.eq(row.trial_ends_on),
            histories::namespace_id.eq(row.namespace_id),
            histories::hosted_plan_id.eq(row.hosted_plan_id),
            histories::max_seats_used.eq(row.max_seats_used),
            histories::seats.eq(row.seats),
            histories::trial.eq(row.trial),
            histories::change_type.eq(UPDATED),
            histories::trial_starts_on.eq(row.trial_starts_on),
            histories::auto_renew.eq(row.auto_renew),
            histories::trial_extension_type.eq(row.trial_extension_type),
            histories::seats_in_use.eq(row.seats_in_use),
            histories::created_at.eq(now),
        ))
        .returning(histories::id)
        .get_result(conn)?;
    if row.hosted_plan_id.is_some() {
        plan_table::set_history_number(conn, id, &subscription.plan)?;
    }
    Ok(())
}
