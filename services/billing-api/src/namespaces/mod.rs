//! Namespaces.
pub mod owners;
pub mod provision;
pub mod show;
pub mod update;
pub mod user_permissions;

use database::billing::overview::Overview;
use domain::billing::Limits;
use serde_json::{Value, json};

use crate::App;
use crate::params::Fields;

/// The representation in every response.
fn entity(overview: &Overview, app: &App) -> Value {
    let (namespace, subscription) = (&overview.namespace, overview.subscription.as_ref());
    let url = &app.core.external_url;
    let (kind, groups) = if namespace.is_personal() { ("user", "") } else { ("group", "/groups") };
    json!({
        "id": namespace.id,
        "name": namespace.name,
        "path": namespace.path,
        "kind": kind,
        "full_path": namespace.full_path,
        "parent_id": namespace.parent_id,
        // Avatars are not in the tables that this service reads.
        "avatar_url": null,
        "web_url": format!("{url}{groups}/{}", namespace.full_path),
        "members_count_with_descendants": overview.counts.members,
        "billable_members_count": overview.counts.billable_members,
        "max_seats_used": subscription.map_or(0, |found| found.max_seats_used),
        "seats_in_use": subscription.map_or(0, |found| found.seats_in_use),
        "plan": subscription.map_or("default", |found| found.plan.code()),
        "end_date": subscription.and_then(|found| found.end_date),
        "trial_ends_on": subscription.and_then(|found| found.trial_ends_on),
        "trial": subscription.is_some_and(|found| found.trial),
        "root_repository_size": overview.root_repository_size,
        "projects_count": overview.counts.projects,
    })
}

fn minutes(fields: &Fields<'_>) -> Limits {
    Limits {
        shared_runners_minutes_limit: fields.integer("shared_runners_minutes_limit"),
        extra_shared_runners_minutes_limit: fields.integer("extra_shared_runners_minutes_limit"),
        ..Limits::default()
    }
}

fn storage_limits(fields: &Fields<'_>) -> Limits {
    Limits {
        additional_purchased_storage_size: fields.integer("additional_purchased_storage_size").value(),
        additional_purchased_storage_ends_on: fields.date("additional_purchased_storage_ends_on"),
        ..Limits::default()
    }
}
