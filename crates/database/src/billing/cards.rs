//! `user_credit_card_validations`: one validation per user.
use diesel::prelude::*;
use domain::billing::card::Validation;

use crate::schema::{user_credit_card_validations as cards, users};
use crate::sql::Upsert;
use crate::{Conn, Result};

/// Stores the validation of a user's card. It replaces an earlier one. Returns the username.
pub fn put(conn: &mut Conn, user_id: i64, validation: &Validation) -> Result<String> {
    conn.write(|conn| {
        let user = users::table.find(user_id).select(users::username);
        let username: Option<String> = user.first(conn).optional()?.ok_or(domain::Error::NotFound("User"))?;
        let insert = diesel::insert_into(cards::table).values((
            cards::user_id.eq(user_id),
            cards::credit_card_validated_at.eq(validation.validated_at),
            cards::last_digits_hash.eq(&validation.last_digits_hash),
            cards::holder_name_hash.eq(&validation.holder_name_hash),
            cards::expiration_date_hash.eq(&validation.expiration_date_hash),
            cards::network_hash.eq(&validation.network_hash),
            cards::zuora_payment_method_xid.eq(&validation.zuora_payment_method_xid),
            cards::stripe_setup_intent_xid.eq(&validation.stripe_setup_intent_xid),
            cards::stripe_payment_method_xid.eq(&validation.stripe_payment_method_xid),
            cards::stripe_card_fingerprint.eq(&validation.stripe_card_fingerprint),
        ));
        let set = &[
            cards::credit_card_validated_at::NAME,
            cards::last_digits_hash::NAME,
            cards::holder_name_hash::NAME,
            cards::expiration_date_hash::NAME,
            cards::network_hash::NAME,
            cards::zuora_payment_method_xid::NAME,
            cards::stripe_setup_intent_xid::NAME,
            cards::stripe_payment_method_xid::NAME,
            cards::stripe_card_fingerprint::NAME,
        ];
        Upsert { insert, target: &[cards::user_id::NAME], set }.execute(conn)?;
        Ok(username.unwrap_or_default())
    })
}
