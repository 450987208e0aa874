//! `subscription_add_on_purchases`: one current purchase per namespace and add-on.
//!
//! Since 18.9, GitLab also stores the number of the add-on. Since 19.3 the number is required, and a later
//! release drops the id.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::Violations;
use domain::billing::AddOn;
use domain::billing::add_on::{Order, Purchase};

use super::Namespace;
use crate::schema::{subscription_add_on_purchases as purchases, subscription_add_ons as add_ons};
use crate::sql::Upsert;
use crate::sql::optional_columns;
use crate::{Conn, Error, Result};

/// The table with a column that not every release has.
mod numbered {
    diesel::table! {
        subscription_add_on_purchases (id) {
            id -> BigInt,
            created_at -> Timestamp,
            updated_at -> Timestamp,
            subscription_add_on_id -> Nullable<BigInt>,
            subscription_add_on_uid -> Nullable<SmallInt>,
            namespace_id -> Nullable<BigInt>,
            quantity -> Integer,
            expires_on -> Date,
            purchase_xid -> Text,
            trial -> Bool,
            started_at -> Nullable<Date>,
            organization_id -> BigInt,
        }
    }
}
use numbered::subscription_add_on_purchases as newer;

fn has_numbers(conn: &mut Conn) -> Result<bool> {
    optional_columns::exists(conn, "subscription_add_on_purchases", newer::subscription_add_on_uid::NAME)
}

/// A purchase before and after a request. A new one has no `before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseChange {
    pub id: i64,
    pub add_on: AddOn,
    pub before: Option<Purchase>,
    pub after: Purchase,
}

type Row = (i64, i32, Option<NaiveDate>, NaiveDate, String, bool);

fn load(conn: &mut Conn, namespace_id: i64, add_on: AddOn) -> Result<Option<(i64, Purchase)>> {
    let mut row: Option<Row> = purchases::table
        .inner_join(add_ons::table.on(add_ons::id.eq(purchases::subscription_add_on_id)))
        .filter(purchases::namespace_id.eq(namespace_id))
        .filter(add_ons::name.eq(add_on.number()))
        .select((
            purchases::id,
            purchases::quantity,
            purchases::started_at,
            purchases::expires_on,
            purchases::purchase_xid,
            purchases::trial,
        ))
        .first(conn)
        .optional()?;
    if row.is_none() && has_numbers(conn)? {
        row = find_by_number(conn, namespace_id, add_on)?;
    }
    Ok(row.map(|(id, quantity, started_on, expires_on, purchase_xid, trial)| {
        (id, Purchase { quantity, started_on, expires_on, purchase_xid, trial })
    }))
}

fn find_by_number(conn: &mut Conn, namespace_id: i64, add_on: AddOn) -> Result<Option<Row>> {
    let found = newer::table
        .filter(newer::namespace_id.eq(namespace_id))
        .filter(newer::subscription_add_on_uid.eq(add_on.number()))
        .select((
            newer::id,
            newer::quantity,
            newer::started_at,
            newer::expires_on,
            newer::purchase_xid,
            newer::trial,
        ));
    Ok(found.first(conn).optional()?)
}

/// The current purchase of an add-on.
pub fn find(conn: &mut Conn, namespace_id: i64, add_on: AddOn) -> Result<Option<Purchase>> {
    Ok(load(conn, namespace_id, add_on)?.map(|(_, purchase)| purchase))
}

/// An order, and the name that the caller uses for the add-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub add_on: AddOn,
    pub order: Order,
}

/// Carries out orders one after the other. The result has one change per add-on, with the row as it is stored
/// afterwards. Violations are reported under the caller's name of the add-on.
pub fn order_all(
    conn: &mut Conn,
    namespace: &Namespace,
    items: &[Item],
    now: NaiveDateTime,
) -> Result<Vec<PurchaseChange>> {
    let mut changes: Vec<PurchaseChange> = Vec::with_capacity(items.len());
    for item in items {
        let result = order(conn, namespace, item.add_on, item.order.clone(), now);
        let Some(change) = result.map_err(|error| named(&item.name, error))? else { continue };
        match changes.iter_mut().find(|earlier| earlier.add_on == change.add_on) {
            Some(earlier) => earlier.after = change.after,
            None => changes.push(change),
        }
    }
    Ok(changes)
}

fn named(name: &str, error: Error) -> Error {
    let Error::Domain(domain::Error::Fields(violations)) = error else { return error };
    let mut named = Violations::default();
    violations.iter().for_each(|(field, text)| named.add(name, &format!("{field} {text}")));
    domain::Error::Fields(named).into()
}

/// Creates or changes a purchase. An order without a quantity for a purchase that does not exist has no effect.
/// Call it inside [`namespaces::change`](super::namespaces::change).
pub fn order(
    conn: &mut Conn,
    namespace: &Namespace,
    add_on: AddOn,
    order: Order,
    now: NaiveDateTime,
) -> Result<Option<PurchaseChange>> {
    let Some((id, before)) = load(conn, namespace.id, add_on)? else {
        let Some(after) = order.begin()? else { return Ok(None) };
        let id = insert(conn, namespace, add_on, &after, now)?;
        return Ok(Some(PurchaseChange { id, add_on, before: None, after }));
    };
    let after = order.change(before.clone())?;
    diesel::update(purchases::table.find(id))
        .set((
            purchases::quantity.eq(after.quantity),
            purchases::started_at.eq(after.started_on),
            purchases::expires_on.eq(after.expires_on),
            purchases::purchase_xid.eq(&after.purchase_xid),
            purchases::trial.eq(after.trial),
            purchases::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(Some(PurchaseChange { id, add_on, before: Some(before), after }))
}

fn insert(
    conn: &mut Conn,
    namespace: &Namespace,
    add_on: AddOn,
    new: &Purchase,
    now: NaiveDateTime,
) -> Result<i64> {
    let insert = diesel::insert_into(newer::table);
    let columns = (
        newer::subscription_add_on_id.eq(add_on_id(conn, add_on, now)?),
        newer::namespace_id.eq(namespace.id),
        newer::organization_id.eq(namespace.organization_id),
        newer::quantity.eq(new.quantity),
        newer::started_at.eq(new.started_on),
        newer::expires_on.eq(new.expires_on),
        newer::purchase_xid.eq(&new.purchase_xid),
        newer::trial.eq(new.trial),
        newer::created_at.eq(now),
        newer::updated_at.eq(now),
    );
    let id = if has_numbers(conn)? {
        let columns = (columns, newer::subscription_add_on_uid.eq(add_on.number()));
        insert.values(columns).returning(newer::id).get_result(conn)?
    } else {
        insert.values(columns).returning(newer::id).get_result(conn)?
    };
    Ok(id)
}

/// Returns the id of an add-on, which is inserted if it has no row yet.
fn add_on_id(conn: &mut Conn, add_on: AddOn, now: NaiveDateTime) -> Result<i64> {
    let known = add_ons::table.filter(add_ons::name.eq(add_on.number())).select(add_ons::id);
    if let Some(id) = known.first(conn).optional()? {
        return Ok(id);
    }
    let insert = diesel::insert_into(add_ons::table).values((
        add_ons::name.eq(add_on.number()),
        add_ons::description.eq(add_on.title()),
        add_ons::created_at.eq(now),
        add_ons::updated_at.eq(now),
    ));
    Upsert { insert, target: &[add_ons::name::NAME], set: &[] }.execute(conn)?;
    Ok(known.first(conn)?)
}
