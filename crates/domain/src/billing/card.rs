//! Validations of credit cards. The values on a card are stored as salted digests only.
use chrono::{Days, Months, NaiveDate, NaiveDateTime};

/// The values on a card, as sent. They are neither logged nor stored.
#[derive(Clone, Default)]
pub struct Card {
    /// The last four digits.
    pub mask_number: Option<String>,
    /// The name on the card.
    pub holder_name: Option<String>,
    /// Year and month.
    pub expires: Option<(i32, u32)>,
    /// The card network, such as `Visa`.
    pub network: Option<String>,
}

impl std::fmt::Debug for Card {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Card([REDACTED])")
    }
}

/// The stored row: digests, and the ids of the payment services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// When the payment provider accepted the card.
    pub validated_at: NaiveDateTime,
    /// The salted digest of the last four digits.
    pub last_digits_hash: Option<String>,
    /// The salted digest of the name on the card.
    pub holder_name_hash: Option<String>,
    /// The salted digest of the expiry date.
    pub expiration_date_hash: Option<String>,
    /// The salted digest of the network.
    pub network_hash: Option<String>,
    /// The id of the payment method at Zuora.
    pub zuora_payment_method_xid: Option<String>,
    /// The id of the setup intent at Stripe.
    pub stripe_setup_intent_xid: Option<String>,
    /// The id of the payment method at Stripe.
    pub stripe_payment_method_xid: Option<String>,
    /// Stripe's fingerprint of the card.
    pub stripe_card_fingerprint: Option<String>,
}

impl Validation {
    /// The validation of a card. `digest` must be salted: a card has so few possible values that an attacker could
    /// find the value of an unsalted digest by trying them all.
    pub fn new(card: &Card, validated_at: NaiveDateTime, digest: impl Fn(&str) -> String) -> Self {
        let last_day = card.expires.and_then(|(year, month)| last_day(year, month));
        Self {
            validated_at,
            last_digits_hash: card.mask_number.as_deref().map(|number| digest(decimal(number))),
            holder_name_hash: card.holder_name.as_deref().map(|name| digest(&name.to_lowercase())),
            expiration_date_hash: last_day.map(|day| digest(&day.to_string())),
            network_hash: card.network.as_deref().map(|network| digest(&network.to_lowercase())),
            zuora_payment_method_xid: None,
            stripe_setup_intent_xid: None,
            stripe_payment_method_xid: None,
            stripe_card_fingerprint: None,
        }
    }
}

/// A decimal number without leading zeros: GitLab stores `42` and `0042` alike. Other text stays as it is.
fn decimal(text: &str) -> &str {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() { "0" } else { significant }
}

/// The last day of a month.
pub fn last_day(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?
        .checked_add_months(Months::new(1))?
        .checked_sub_days(Days::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(mask_number: &str) -> Card {
        Card {
            mask_number: Some(mask_number.to_owned()),
            holder_name: Some("John Smith".to_owned()),
            expires: Some((2012, 2)),
            network: Some("AmericanExpress".to_owned()),
        }
    }

    fn validation(card: &Card) -> Validation {
        Validation::new(card, NaiveDateTime::default(), |text| format!("<{text}>"))
    }

    #[test]
    fn digests_are_computed_from_normalised_values() {
        let Validation { last_digits_hash, holder_name_hash, expiration_date_hash, network_hash, .. } =
            validation(&card("1111"));
        let digests = [last_digits_hash, holder_name_hash, expiration_date_hash, network_hash];
        let expected = ["<1111>", "<john smith>", "<2012-02-29>", "<americanexpress>"];
        assert_eq!(digests.map(Option::unwrap), expected);
        assert_eq!(last_day(2020, 13), None);
    }

    #[test]
    fn mask_number_is_a_decimal_integer() {
        for (mask, expected) in [
            ("42", "<42>"),
            ("0042", "<42>"),
            (" 0042 ", "<42>"),
            ("0000", "<0>"),
            ("98765-43210", "<98765-43210>"),
            ("", "<>"),
        ] {
            assert_eq!(validation(&card(mask)).last_digits_hash.as_deref(), Some(expected), "{mask:?}");
        }
    }

    #[test]
    fn debug_output_hides_the_card() {
        assert!(!format!("{:?}", card("1111")).contains("1111"));
    }
}
