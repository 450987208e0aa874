//! Namespaces, as CustomersDot sees them.
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

/// What is told of a namespace.
fn entity(seen: &Overview, app: &App) -> Value {
    let (namespace, subscription) = (&seen.namespace, seen.subscription.as_ref());
    let url = &app.core.external_url;
    let (kind, groups) = if namespace.is_personal() { ("user", "") } else { ("group", "/groups") };
    json!({
        "id": namespace.id,
        "name": namespace.name,
        "path": namespace.path,
        "kind": kind,
        "full_path": seen.full_path,
        "parent_id": namespace.parent_id,
        // Pictures are in no table that is shared with us.
        "avatar_url": null,
        "web_url": format!("{url}{groups}/{}", seen.full_path),
        "members_count_with_descendants": seen.counts.members,
        "billable_members_count": seen.counts.billable_members,
        "max_seats_used": subscription.map_or(0, |is| is.max_seats_used),
        "seats_in_use": subscription.map_or(0, |is| is.seats_in_use),
        "plan": subscription.map_or("default", |is| is.plan.code()),
        "end_date": subscription.and_then(|is| is.end_date),
        "trial_ends_on": subscription.and_then(|is| is.trial_ends_on),
        "trial": subscription.is_some_and(|is| is.trial),
        "root_repository_size": seen.root_repository_size,
        "projects_count": seen.counts.projects,
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
