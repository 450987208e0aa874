//! `gitlab_subscription`: the subscription of a namespace.
pub mod create;
pub mod show;
pub mod update;

use chrono::NaiveDate;
use database::billing::subscriptions::TitledSubscription;
use domain::billing::{Change, Patch, Plan};
use serde_json::{Value, json};

use crate::params::Fields;
use crate::{BillingOptions, PlanNameForm};

/// The representation in every response.
pub fn entity(titled: &TitledSubscription, options: &BillingOptions, today: NaiveDate) -> Value {
    let subscription = &titled.subscription;
    let name = match options.plan_name_form {
        PlanNameForm::Code => subscription.plan.code(),
        PlanNameForm::Title => &titled.plan_title,
    };
    json!({
        "plan": {
            "code": subscription.plan.code(),
            "name": name,
            "trial": subscription.trial,
            "auto_renew": subscription.auto_renew,
            "upgradable": subscription.is_upgradable(&options.upgradable_plans, today),
            "exclude_guests": subscription.plan.excludes_guests(),
        },
        "usage": {
            "seats_in_subscription": subscription.seats,
            "seats_in_use": subscription.seats_in_use,
            "max_seats_used": subscription.max_seats_used,
            "seats_owed": subscription.seats_owed(),
        },
        "billing": {
            "subscription_start_date": subscription.start_date,
            "subscription_end_date": subscription.end_date,
            "trial_ends_on": subscription.trial_ends_on,
        },
    })
}

/// Reads every attribute.
pub fn change(fields: &Fields<'_>) -> Change {
    Change { start_date: fields.changed_date("start_date"), ..attributes(fields) }
}

/// Reads every attribute except the start date.
pub fn attributes(fields: &Fields<'_>) -> Change {
    Change {
        plan: plan(fields),
        start_date: None,
        end_date: fields.date("end_date"),
        trial: fields.boolean("trial").value(),
        trial_starts_on: fields.date("trial_starts_on"),
        trial_ends_on: fields.date("trial_ends_on"),
        trial_extension_type: extension(fields),
        auto_renew: fields.boolean("auto_renew"),
        seats: fields.integer("seats").value(),
        max_seats_used: fields.integer("max_seats_used").value(),
    }
}

/// GitLab's documentation calls it `plan` in an example.
fn plan(fields: &Fields<'_>) -> Option<Plan> {
    let name = if fields.has("plan_code") { "plan_code" } else { "plan" };
    let code = fields.text(name)?;
    let plan = Plan::parse(&code);
    if plan.is_none() {
        fields.has_no_valid_value("plan_code");
    }
    plan
}

/// 1 extended, 2 reactivated.
fn extension(fields: &Fields<'_>) -> Patch<i16> {
    match fields.integer("trial_extension_type") {
        Patch::Value(1) => Patch::Value(1),
        Patch::Value(2) => Patch::Value(2),
        Patch::Value(_) => {
            fields.has_no_valid_value("trial_extension_type");
            Patch::Absent
        }
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    }
}
