//! `gitlab_subscription`: what a namespace has bought, for how many, until when.
pub mod create;
pub mod show;
pub mod update;

use chrono::NaiveDate;
use database::billing::subscriptions::Shown;
use domain::billing::{Change, Patch, Plan};
use serde_json::{Value, json};

use crate::params::Fields;
use crate::{BillingOptions, PlanNameForm};

/// What all three answer.
pub fn entity(shown: &Shown, options: &BillingOptions, today: NaiveDate) -> Value {
    let it = &shown.subscription;
    let name = match options.plan_name_form {
        PlanNameForm::Code => it.plan.code(),
        PlanNameForm::Title => &shown.plan_title,
    };
    json!({
        "plan": {
            "code": it.plan.code(),
            "name": name,
            "trial": it.trial,
            "auto_renew": it.auto_renew,
            "upgradable": it.is_upgradable(&options.upgradable_plans, today),
            "exclude_guests": it.plan.excludes_guests(),
        },
        "usage": {
            "seats_in_subscription": it.seats,
            "seats_in_use": it.seats_in_use,
            "max_seats_used": it.max_seats_used,
            "seats_owed": it.seats_owed(),
        },
        "billing": {
            "subscription_start_date": it.start_date,
            "subscription_end_date": it.end_date,
            "trial_ends_on": it.trial_ends_on,
        },
    })
}

/// Reads what a caller sets.
pub fn change(fields: &Fields<'_>) -> Change {
    Change { start_date: fields.date("start_date"), ..further(fields) }
}

/// Reads all but the beginning, which is not always required.
fn further(fields: &Fields<'_>) -> Change {
    Change {
        plan: plan(fields),
        start_date: Patch::Absent,
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

/// The documents' example calls it `plan`.
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
