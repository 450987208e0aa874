//! Audit events of this service: the stored columns of each kind of object, before and after.
use database::billing::Namespace;
use database::billing::add_ons::PurchaseChange;
use database::billing::limits::StoredLimits;
use database::billing::packs::{MoveOutcome, PurchaseOutcome};
use database::billing::reconciliations::{Dates, DatesChange};
use database::billing::subscriptions::SubscriptionChange;
use domain::billing::Subscription;
use domain::billing::add_on::Purchase;
use endpoint::audit::{AuditEvent, Difference, Entity, Target};
use serde_json::{Map, Value, json};

use crate::Caller;

impl Caller {
    /// Writes the audit event of a change to a namespace's data.
    fn audit(
        &self,
        event_name: &'static str,
        namespace: &Namespace,
        target: (&'static str, i64),
        difference: Difference,
    ) {
        let (kind, id) = if namespace.is_personal() {
            ("User", namespace.owner_id)
        } else {
            ("Group", Some(namespace.id))
        };
        let event = AuditEvent {
            event_name,
            author: self.author.clone(),
            entity: Entity { kind, id, path: Some(namespace.full_path.clone()) },
            target: Target { kind: target.0, id: Some(target.1) },
            gl_namespace_id: Some(namespace.id),
            difference: Some(difference),
            further: Map::new(),
        };
        event.write_if_changed();
    }

    pub fn audit_subscription(&self, change: &SubscriptionChange) {
        let event_name = match change.before {
            None => "gitlab_subscription_created",
            Some(_) => "gitlab_subscription_updated",
        };
        let before = change.before.as_ref().map(subscription);
        let difference = Difference::new(before, subscription(&change.after.subscription));
        self.audit(event_name, &change.namespace, ("GitlabSubscription", change.id), difference);
    }

    pub fn audit_limits(&self, namespace: &Namespace, (before, after): &(StoredLimits, StoredLimits)) {
        let difference = Difference::new(limits(before), limits(after));
        self.audit("namespace_limits_updated", namespace, ("Namespace", namespace.id), difference);
    }

    /// Nothing is written if every pack was purchased before.
    pub fn audit_purchase(&self, outcome: &PurchaseOutcome) {
        let Some(lowest_id) = outcome.inserted.first() else { return };
        let mut packs = Vec::new();
        let mut ids = outcome.inserted.clone();
        for pack in &outcome.packs {
            // A purchase id that occurs twice in the request is one pack.
            if ids.remove(&pack.id) {
                packs.push(json!({
                    "id": pack.id,
                    "expires_at": pack.expires_at,
                    "number_of_minutes": pack.number_of_minutes,
                    "purchase_xid": pack.purchase_xid,
                }));
            }
        }
        let difference = Difference::new(Value::Null, json!({ "packs": packs }));
        let target = ("Ci::Minutes::AdditionalPack", *lowest_id);
        self.audit("compute_minutes_purchased", &outcome.namespace, target, difference);
    }

    /// Nothing is written if there was no pack to move.
    pub fn audit_move(&self, outcome: &MoveOutcome) {
        let Some(lowest_id) = outcome.pack_ids.first() else { return };
        let after = json!({
            "namespace_id": outcome.target.id,
            "packs": outcome.pack_ids.len(),
            "number_of_minutes": outcome.number_of_minutes,
            "ids": outcome.pack_ids,
        });
        let difference = Difference::new(json!({ "namespace_id": outcome.source.id }), after);
        let target = ("Ci::Minutes::AdditionalPack", *lowest_id);
        self.audit("compute_minutes_moved", &outcome.source, target, difference);
    }

    pub fn audit_reconciliation(&self, change: &DatesChange) {
        let event_name = match change.after {
            None => "upcoming_reconciliation_removed",
            Some(_) => "upcoming_reconciliation_updated",
        };
        let difference = Difference::new(change.before.map(dates), change.after.map(dates));
        self.audit(event_name, &change.namespace, ("UpcomingReconciliation", change.id), difference);
    }

    pub fn audit_add_on(&self, namespace: &Namespace, change: &PurchaseChange) {
        let event_name = match change.before {
            None => "subscription_add_on_purchase_created",
            Some(_) => "subscription_add_on_purchase_updated",
        };
        let columns = |purchase: &Purchase| {
            json!({
                "add_on": change.add_on.title(),
                "quantity": purchase.quantity,
                "started_on": purchase.started_on,
                "expires_on": purchase.expires_on,
                "purchase_xid": purchase.purchase_xid,
                "trial": purchase.trial,
            })
        };
        let difference = Difference::new(change.before.as_ref().map(columns), columns(&change.after));
        self.audit(event_name, namespace, ("GitlabSubscriptions::AddOnPurchase", change.id), difference);
    }

    /// No value of the card is written.
    pub fn audit_card(&self, user_id: i64, username: String) {
        let event = AuditEvent {
            event_name: "credit_card_validated",
            author: self.author.clone(),
            entity: Entity { kind: "User", id: Some(user_id), path: Some(username) },
            target: Target { kind: "User", id: Some(user_id) },
            gl_namespace_id: None,
            difference: None,
            further: Map::new(),
        };
        event.write();
    }
}

fn subscription(subscription: &Subscription) -> Value {
    json!({
        "plan_code": subscription.plan.code(),
        "start_date": subscription.start_date,
        "end_date": subscription.end_date,
        "seats": subscription.seats,
        "seats_in_use": subscription.seats_in_use,
        "max_seats_used": subscription.max_seats_used,
        "trial": subscription.trial,
        "trial_starts_on": subscription.trial_starts_on,
        "trial_ends_on": subscription.trial_ends_on,
        "trial_extension_type": subscription.trial_extension_type,
        "auto_renew": subscription.auto_renew,
    })
}

fn limits(limits: &StoredLimits) -> Value {
    json!({
        "shared_runners_minutes_limit": limits.shared_runners_minutes_limit,
        "extra_shared_runners_minutes_limit": limits.extra_shared_runners_minutes_limit,
        "additional_purchased_storage_size": limits.additional_purchased_storage_size,
        "additional_purchased_storage_ends_on": limits.additional_purchased_storage_ends_on,
    })
}

fn dates(dates: Dates) -> Value {
    json!({
        "next_reconciliation_date": dates.next_reconciliation_date,
        "display_alert_from": dates.display_alert_from,
    })
}
