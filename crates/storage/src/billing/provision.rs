//! Everything that a purchase brings a namespace, at once.
use chrono::NaiveDateTime;
use domain::billing::{Change, Limits};

use super::{Key, Namespace, add_ons, limits, namespaces, subscriptions};
use crate::{Conn, Error, Result};

/// What is to be provisioned; each part stands for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provision {
    pub base_product: Option<Change>,
    pub storage: Option<Limits>,
    pub compute_minutes: Option<Limits>,
    pub add_on_purchases: Vec<add_ons::Item>,
}

/// A part that was refused, and why.
pub type Failure = (&'static str, String);

/// Provisions a namespace, and gives its id. A part that is refused leaves the others as they are. All of them hold one
/// lock, so that no two requests for one namespace are mixed.
pub fn run(
    conn: &mut Conn,
    key: &Key,
    wanted: &Provision,
    now: NaiveDateTime,
) -> Result<(i64, Vec<Failure>)> {
    namespaces::change(conn, &[key], |conn, found| {
        let namespace = &found[0];
        let mut failures = Vec::new();
        if let Some(change) = &wanted.base_product {
            part(conn, "base_product", &mut failures, |conn| {
                subscriptions::set(conn, namespace, change.clone(), now).map(drop)
            })?;
        }
        for (name, values) in [("storage", &wanted.storage), ("compute_minutes", &wanted.compute_minutes)] {
            if let Some(values) = values {
                part(conn, name, &mut failures, |conn| set(conn, namespace, values, now))?;
            }
        }
        part(conn, "add_on_purchases", &mut failures, |conn| {
            add_ons::order_all(conn, namespace, &wanted.add_on_purchases, now).map(drop)
        })?;
        Ok((namespace.id, failures))
    })
}

fn set(conn: &mut Conn, namespace: &Namespace, values: &Limits, now: NaiveDateTime) -> Result<()> {
    limits::set(conn, namespace, values, now).map(drop)
}

/// A refusal is that of the part, any other error that of the whole.
fn part(
    conn: &mut Conn,
    name: &'static str,
    failures: &mut Vec<Failure>,
    f: impl FnOnce(&mut Conn) -> Result<()>,
) -> Result<()> {
    match conn.savepoint(f) {
        Err(Error::Domain(refusal)) => failures.push((name, refusal.to_string())),
        done => done?,
    }
    Ok(())
}
