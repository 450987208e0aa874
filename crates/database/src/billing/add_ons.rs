//! `subscription_add_on_purchases`: one live purchase for each namespace and add-on.
//!
//! GitLab knows the add-on of a purchase by its number since 18.9, demands that since 19.3, and lets go of the id later.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::Violations;
use domain::billing::AddOn;
use domain::billing::add_on::{Order, Purchase};

use super::{Namespace, columns};
use crate::ext::Upsert;
use crate::schema::{subscription_add_on_purchases as purchases, subscription_add_ons as add_ons};
use crate::{Conn, Error, Result};

/// The table with the column that not every database has.
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

fn are_numbered(conn: &mut Conn) -> Result<bool> {
    columns::exists(conn, "subscription_add_on_purchases", newer::subscription_add_on_uid::NAME)
}

/// A purchase of a namespace, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub add_on: AddOn,
    pub old: Option<Purchase>,
    pub new: Purchase,
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
    if row.is_none() && are_numbered(conn)? {
        row = by_number(conn, namespace_id, add_on)?;
    }
    Ok(row.map(|(id, quantity, started_on, expires_on, purchase_xid, trial)| {
        (id, Purchase { quantity, started_on, expires_on, purchase_xid, trial })
    }))
}

fn by_number(conn: &mut Conn, namespace_id: i64, add_on: AddOn) -> Result<Option<Row>> {
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

/// The purchase of an add-on, if there is one.
pub fn find(conn: &mut Conn, namespace_id: i64, add_on: AddOn) -> Result<Option<Purchase>> {
    Ok(load(conn, namespace_id, add_on)?.map(|(_, purchase)| purchase))
}

/// An order, and the name by which the caller calls the add-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub add_on: AddOn,
    pub order: Order,
}

/// Carries out orders, one after the other. What is wrong with one is said under its name.
pub fn order_all(
    conn: &mut Conn,
    namespace: &Namespace,
    items: &[Item],
    now: NaiveDateTime,
) -> Result<Vec<Changed>> {
    let mut changed = Vec::with_capacity(items.len());
    for Item { name, add_on, order: wanted } in items {
        let done = order(conn, namespace, *add_on, wanted.clone(), now);
        changed.extend(done.map_err(|error| named(name, error))?);
    }
    Ok(changed)
}

fn named(name: &str, error: Error) -> Error {
    let Error::Domain(domain::Error::Fields(violations)) = error else { return error };
    let mut named = Violations::default();
    violations.iter().for_each(|(field, text)| named.add(name, &format!("{field} {text}")));
    domain::Error::Fields(named).into()
}

/// Carries out an order: the purchase is made or changed; an order that ends what is not there leads to nothing. To be
/// called inside [`namespaces::change`](super::namespaces::change).
pub fn order(
    conn: &mut Conn,
    namespace: &Namespace,
    add_on: AddOn,
    order: Order,
    now: NaiveDateTime,
) -> Result<Option<Changed>> {
    let Some((id, old)) = load(conn, namespace.id, add_on)? else {
        let Some(new) = order.begin()? else { return Ok(None) };
        insert(conn, namespace, add_on, &new, now)?;
        return Ok(Some(Changed { add_on, old: None, new }));
    };
    let new = order.change(old.clone())?;
    diesel::update(purchases::table.find(id))
        .set((
            purchases::quantity.eq(new.quantity),
            purchases::started_at.eq(new.started_on),
            purchases::expires_on.eq(new.expires_on),
            purchases::purchase_xid.eq(&new.purchase_xid),
            purchases::trial.eq(new.trial),
            purchases::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(Some(Changed { add_on, old: Some(old), new }))
}

fn insert(
    conn: &mut Conn,
    namespace: &Namespace,
    add_on: AddOn,
    new: &Purchase,
    now: NaiveDateTime,
) -> Result<()> {
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
    if are_numbered(conn)? {
        insert.values((columns, newer::subscription_add_on_uid.eq(add_on.number()))).execute(conn)?;
    } else {
        insert.values(columns).execute(conn)?;
    }
    Ok(())
}

/// The id of an add-on; one that the installation lacks is added.
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
