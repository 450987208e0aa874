//! Provisioning: all parts of a purchase in one request.
use chrono::NaiveDateTime;
use domain::billing::{Change, Limits};

use super::{Key, Namespace, add_ons, limits, namespaces, subscriptions};
use crate::{Conn, Error, Result};

/// The parts of a request. Each is stored independently of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provision {
    pub base_product: Option<Change>,
    pub storage: Option<Limits>,
    pub compute_minutes: Option<Limits>,
    pub add_on_purchases: Vec<add_ons::Item>,
}

/// The name of a part that was not stored, and the reason.
pub type Failure = (&'static str, String);

/// The stored parts and the failures.
#[derive(Debug)]
pub struct ProvisionOutcome {
    pub namespace: Namespace,
    pub base_product: Option<subscriptions::SubscriptionChange>,
    /// Before and after.
    pub storage: Option<(limits::StoredLimits, limits::StoredLimits)>,
    pub compute_minutes: Option<(limits::StoredLimits, limits::StoredLimits)>,
    pub add_on_purchases: Vec<add_ons::PurchaseChange>,
    pub failures: Vec<Failure>,
}

/// Provisions a namespace. The failure of a part does not affect the others. All parts run under one lock, so
/// that requests for one namespace are serialised.
pub fn run(conn: &mut Conn, key: &Key, wanted: &Provision, now: NaiveDateTime) -> Result<ProvisionOutcome> {
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
        let namespace = namespace.clone();
        Ok(ProvisionOutcome { namespace, base_product, storage, compute_minutes, add_on_purchases, failures })
    })
}

/// Stores a part of the request, if it is present. A permanent error fails only this part. A temporary one fails
/// the whole request, so that the caller repeats it.
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
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "failed to store a part of a provision: {name}"
            );
            failures.push((name, "could not be stored".to_owned()));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
