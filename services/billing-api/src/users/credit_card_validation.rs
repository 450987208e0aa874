//! `PUT /api/v4/internal/gitlab_subscriptions/users/{user_id}/credit_card_validation`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use auth::KeyBase;
use database::billing::cards;
use domain::billing::card::{self, Card, Validation};
use endpoint::{DeferredParams, log_field};
use serde_json::json;

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller};

const MAX_ZUORA_XID_CHARACTERS: usize = 50;
const MAX_XID_CHARACTERS: usize = 255;

/// Stores the validation of a user's card. The values on the card are digested at once and never logged.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    user_id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let key_base = app.key_base.get();
    let validation = read(sent, |fields| validation(fields, &key_base)).await?;
    let user_id = super::id(&user_id);
    let username = app.core.pool.run(move |conn| cards::put(conn, user_id, &validation)).await?;
    log_field("target_user_id", user_id);
    caller.audit_card(user_id, username);
    Ok(HttpResponse::Ok().json(json!({ "success": {} })))
}

fn validation(fields: &Fields<'_>, key_base: &KeyBase) -> Validation {
    let xid = |field: &str, longest: usize| {
        let text = fields.text(field);
        if text.as_ref().is_some_and(|text| text.chars().count() > longest) {
            fields.is_invalid(field);
        }
        text
    };
    let card = Card {
        mask_number: fields.text("credit_card_mask_number"),
        holder_name: fields.text("credit_card_holder_name"),
        expires: expiry(fields),
        network: fields.text("credit_card_type"),
    };
    Validation {
        zuora_payment_method_xid: xid("zuora_payment_method_xid", MAX_ZUORA_XID_CHARACTERS),
        stripe_setup_intent_xid: xid("stripe_setup_intent_xid", MAX_XID_CHARACTERS),
        stripe_payment_method_xid: xid("stripe_payment_method_xid", MAX_XID_CHARACTERS),
        stripe_card_fingerprint: xid("stripe_card_fingerprint", MAX_XID_CHARACTERS),
        ..Validation::new(&card, fields.required_timestamp("credit_card_validated_at"), |text| {
            key_base.salted_digest(text)
        })
    }
}

/// Year and month. One without the other is ignored.
fn expiry(fields: &Fields<'_>) -> Option<(i32, u32)> {
    let year = fields.integer("credit_card_expiration_year").value();
    let month = fields.integer("credit_card_expiration_month").value();
    let (year, month) = (year?, month?);
    let expires = u32::try_from(month).ok().map(|month| (year, month));
    let is_valid =
        |(year, month): &(i32, u32)| (1..=9999).contains(year) && card::last_day(*year, *month).is_some();
    let expires = expires.filter(is_valid);
    if expires.is_none() {
        fields.is_invalid("credit_card_expiration_month");
    }
    expires
}
