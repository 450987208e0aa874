use chrono::NaiveDate;

use super::BLANK;
use crate::{Result, Violations};

const LONGEST_XID: usize = 50;

/// Compute minutes that were bought. The purchase's id is what makes a repeated request harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    pub expires_at: NaiveDate,
    pub number_of_minutes: i32,
    pub purchase_xid: String,
}

impl Pack {
    pub fn new(expires_at: NaiveDate, number_of_minutes: i32, purchase_xid: String) -> Result<Self> {
        let mut violations = Violations::default();
        if number_of_minutes <= 0 {
            violations.add("number_of_minutes", "must be greater than 0");
        }
        if purchase_xid.trim().is_empty() {
            violations.add("purchase_xid", BLANK);
        }
        if purchase_xid.chars().count() > LONGEST_XID {
            violations.add("purchase_xid", "is too long (maximum is 50 characters)");
        }
        violations.check()?;
        Ok(Self { expires_at, number_of_minutes, purchase_xid })
    }
}
