//! Purchases of add-ons to a subscription.
pub mod create;
pub mod legacy;
pub mod show;

use std::collections::{BTreeMap, BTreeSet};

use database::billing::Namespace;
use database::billing::add_ons::Item;
use domain::billing::AddOn;
use domain::billing::add_on::{Order, Purchase};
use serde_json::{Value, json};

use crate::error::BillingError;
use crate::params::Fields;

const PURCHASES: &str = "add_on_purchases";

fn entity(namespace: &Namespace, add_on: AddOn, purchase: &Purchase) -> Value {
    json!({
        "namespace_id": namespace.id,
        "namespace_name": namespace.name,
        "add_on": add_on.title(),
        "quantity": purchase.quantity,
        "started_on": purchase.started_on,
        "expires_on": purchase.expires_on,
        "purchase_xid": purchase.purchase_xid,
        "trial": purchase.trial,
    })
}

/// Reads the orders: a list under the name of each add-on. Two names of the same add-on exclude each other,
/// even if a list is empty.
pub fn items(fields: &Fields<'_>, required: bool) -> Vec<Item> {
    let Some(purchases) = fields.object(PURCHASES) else {
        if required && !fields.has(PURCHASES) {
            fields.is_missing(PURCHASES);
        }
        return Vec::new();
    };
    let mut items = Vec::new();
    let mut names: BTreeMap<AddOn, BTreeSet<String>> = BTreeMap::new();
    for name in purchases.names() {
        let Some(add_on) = AddOn::parse(&name) else {
            purchases.is_invalid(&name);
            continue;
        };
        for one in purchases.objects(&name) {
            items.push(Item { name: name.clone().into_owned(), add_on, order: order(&one) });
        }
        names.entry(add_on).or_default().insert(name.into_owned());
    }
    for names in names.into_values().filter(|names| names.len() > 1) {
        purchases.are_exclusive(&names);
    }
    items
}

fn order(fields: &Fields<'_>) -> Order {
    Order {
        quantity: fields.integer("quantity").value(),
        started_on: fields.required_date("started_on"),
        expires_on: fields.required_date("expires_on"),
        purchase_xid: fields.text("purchase_xid"),
        trial: fields.boolean("trial").value(),
    }
}

/// The add-on in a path.
fn named(name: &str) -> Result<AddOn, BillingError> {
    AddOn::parse(name).ok_or(BillingError::NotFound("Subscription Add-on Not Found"))
}

/// Violations of a purchase are 422 here.
fn unprocessable(error: database::Error) -> BillingError {
    match error {
        database::Error::Domain(domain::Error::Fields(violations)) => BillingError::Unprocessable(violations),
        error => error.into(),
    }
}
