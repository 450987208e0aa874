//! A credit card that was shown to belong to a person. What is on the card is kept as digests only.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Days, Months, NaiveDate, NaiveDateTime};
use sha2::{Digest, Sha256};

/// What is on a card, as it was sent: nothing of it is shown or kept.
#[derive(Clone, Default)]
pub struct Card {
    pub mask_number: Option<String>,
    pub holder_name: Option<String>,
    /// Year and month.
    pub expires: Option<(i32, u32)>,
    pub network: Option<String>,
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Card([REDACTED])")
    }
}

/// What is kept: digests, and the payment services' own ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    pub validated_at: NaiveDateTime,
    pub last_digits_hash: Option<String>,
    pub holder_name_hash: Option<String>,
    pub expiration_date_hash: Option<String>,
    pub network_hash: Option<String>,
    pub zuora_payment_method_xid: Option<String>,
    pub stripe_setup_intent_xid: Option<String>,
    pub stripe_payment_method_xid: Option<String>,
    pub stripe_card_fingerprint: Option<String>,
}

impl Validation {
    /// A validation of a card; no ids yet.
    pub fn of(card: &Card, validated_at: NaiveDateTime) -> Self {
        Self {
            validated_at,
            last_digits_hash: card.mask_number.as_deref().map(digest),
            holder_name_hash: card.holder_name.as_deref().map(|name| digest(&name.to_lowercase())),
            expiration_date_hash: card
                .expires
                .and_then(|(year, month)| last_day(year, month))
                .map(|day| digest(&day.to_string())),
            network_hash: card.network.as_deref().map(|network| digest(&network.to_lowercase())),
            zuora_payment_method_xid: None,
            stripe_setup_intent_xid: None,
            stripe_payment_method_xid: None,
            stripe_card_fingerprint: None,
        }
    }
}

/// The last day of a month.
pub fn last_day(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?
        .checked_add_months(Months::new(1))?
        .checked_sub_days(Days::new(1))
}

fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_of_what_the_contract_names() {
        let card = Card {
            mask_number: Some("1111".to_owned()),
            holder_name: Some("John Smith".to_owned()),
            expires: Some((2012, 2)),
            network: Some("AmericanExpress".to_owned()),
        };
        let kept = Validation::of(&card, NaiveDateTime::default());
        assert_eq!(kept.last_digits_hash, Some(digest("1111")));
        assert_eq!(kept.holder_name_hash, Some(digest("john smith")));
        assert_eq!(kept.expiration_date_hash, Some(digest("2012-02-29")));
        assert_eq!(kept.network_hash, Some(digest("americanexpress")));
        assert_eq!(kept.last_digits_hash.unwrap().len(), 44);
        assert!(!format!("{card:?}").contains("1111"));
        assert_eq!(last_day(2020, 13), None);
    }
}
