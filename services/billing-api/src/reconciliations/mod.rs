//! `upcoming_reconciliations`: the next reconciliation of seats.
pub mod delete;
pub mod put_many;
pub mod put_one;

use database::billing::reconciliations::Dates;

use crate::params::Fields;

fn dates(fields: &Fields<'_>) -> Dates {
    Dates {
        next_reconciliation_date: fields.required_date("next_reconciliation_date"),
        display_alert_from: fields.required_date("display_alert_from"),
    }
}
