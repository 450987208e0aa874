//! Everything that a purchase brings a namespace, at once.
use chrono::NaiveDateTime;
use domain::billing::{Change, Limits};

use super::{Key, add_ons, limits, namespaces, subscriptions};
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

/// What became of it.
#[derive(Debug)]
pub struct Done {
    pub namespace_id: i64,
    pub base_product: Option<subscriptions::Changed>,
    /// Before and after.
    pub storage: Option<(limits::Values, limits::Values)>,
    pub compute_minutes: Option<(limits::Values, limits::Values)>,
    pub add_on_purchases: Vec<add_ons::Changed>,
    pub failures: Vec<Failure>,
}

/// Provisions a namespace. A part that fails leaves the others as they are. All of them hold one lock, so that no two
/// requests for one namespace are mixed.
pub fn run(conn: &mut Conn, key: &Key, wanted: &Provision, now: NaiveDateTime) -> Result<Done> {
    namespaces::change(conn, &[key], |conn, found| {
        let namespace = &found[0];
        let mut failures = Vec::new();
        let base_product =
            part(conn, "base_product", &mut failures, wanted.base_product.as_ref(), |conn, it| {
                subscriptions::set(conn, namespace, it.clone(), now)
            })?;
        let storage = part(conn, "storage", &mut failures, wanted.storage.as_ref(), |conn, it| {
            limits::set(conn, namespace, it, now)
        })?;
        let minutes = wanted.compute_minutes.as_ref();
        let compute_minutes = part(conn, "compute_minutes", &mut failures, minutes, |conn, it| {
            limits::set(conn, namespace, it, now)
        })?;
        let items = Some(&wanted.add_on_purchases);
        let add_on_purchases = part(conn, "add_on_purchases", &mut failures, items, |conn, it| {
            add_ons::order_all(conn, namespace, it, now)
        })?;
        let add_on_purchases = add_on_purchases.unwrap_or_default();
        let namespace_id = namespace.id;
        Ok(Done { namespace_id, base_product, storage, compute_minutes, add_on_purchases, failures })
    })
}

/// Does a part, if it is wanted. What the database will never take fails the part; what may go better the next time fails
/// the whole, so that it is tried again.
fn part<W, T>(
    conn: &mut Conn,
    name: &'static str,
    failures: &mut Vec<Failure>,
    wanted: Option<&W>,
    f: impl FnOnce(&mut Conn, &W) -> Result<T>,
) -> Result<Option<T>> {
    let Some(wanted) = wanted else { return Ok(None) };
    match conn.savepoint(|conn| f(conn, wanted)) {
        Ok(done) => Ok(Some(done)),
        Err(Error::Domain(refusal)) => {
            failures.push((name, refusal.to_string()));
            Ok(None)
        }
        Err(error @ Error::Database(_)) => {
            tracing::error!(error = &error as &dyn std::error::Error, part = name, "a part was not stored");
            failures.push((name, "could not be stored".to_owned()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
