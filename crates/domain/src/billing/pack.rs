//! Packs of compute minutes.
use chrono::NaiveDate;

use super::BLANK;
use crate::{Result, Violations};

const MAX_XID_CHARACTERS: usize = 50;

/// A pack of compute minutes. The purchase id makes a repeated request harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The day on which the minutes expire.
    pub expires_at: NaiveDate,
    /// The purchased compute minutes.
    pub number_of_minutes: i32,
    /// The id of the purchase, at most 50 characters.
    pub purchase_xid: String,
}

impl Pack {
    /// A pack that can be stored.
    pub fn new(expires_at: NaiveDate, number_of_minutes: i32, purchase_xid: String) -> Result<Self> {
        let mut violations = Violations::default();
        if number_of_minutes <= 0 {
            violations.add("number_of_minutes", "must be greater than 0");
        }
        if purchase_xid.trim().is_empty() {
            violations.add("purchase_xid", BLANK);
        }
        if purchase_xid.chars().count() > MAX_XID_CHARACTERS {
            violations.add("purchase_xid", "is too long (maximum is 50 characters)");
        }
        violations.check()?;
        Ok(Self { expires_at, number_of_minutes, purchase_xid })
    }
}
