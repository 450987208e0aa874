//! Add-ons to a subscription, and purchases of them.
use chrono::NaiveDate;

use super::{BLANK, NOT_NEGATIVE};
use crate::{Result, Violations};

const MAX_XID_CHARACTERS: usize = 255;

/// The add-ons that are sold, by `subscription_add_ons.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddOn {
    /// GitLab Duo Pro, formerly Code Suggestions.
    CodeSuggestions,
    /// Product analytics.
    ProductAnalytics,
    /// GitLab Duo Enterprise.
    DuoEnterprise,
}

impl AddOn {
    /// The add-on with this name. `code_suggestions` is the old name of `duo_pro`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "duo_pro" | "code_suggestions" => Some(Self::CodeSuggestions),
            "product_analytics" => Some(Self::ProductAnalytics),
            "duo_enterprise" => Some(Self::DuoEnterprise),
            _ => None,
        }
    }

    /// `subscription_add_ons.name`, and since GitLab 18.9 `subscription_add_on_uid`.
    pub fn number(self) -> i16 {
        match self {
            Self::CodeSuggestions => 1,
            Self::ProductAnalytics => 2,
            Self::DuoEnterprise => 3,
        }
    }

    /// The title that responses show.
    pub fn title(self) -> &'static str {
        match self {
            Self::CodeSuggestions => "Code Suggestions",
            Self::ProductAnalytics => "Product Analytics",
            Self::DuoEnterprise => "Duo Enterprise",
        }
    }
}

/// A row of `subscription_add_on_purchases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The number of seats.
    pub quantity: i32,
    /// The first day.
    pub started_on: Option<NaiveDate>,
    /// The day on which the purchase ends.
    pub expires_on: NaiveDate,
    /// The id of the purchase in CustomersDot.
    pub purchase_xid: String,
    /// Whether the purchase is a trial.
    pub trial: bool,
}

/// An order of an add-on. An order without a quantity changes the existing purchase, often to end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The number of seats; the stored one if absent.
    pub quantity: Option<i32>,
    /// The first day.
    pub started_on: NaiveDate,
    /// The day on which the purchase ends.
    pub expires_on: NaiveDate,
    /// The id of the purchase; the stored one if absent.
    pub purchase_xid: Option<String>,
    /// Whether the purchase is a trial; as stored if absent.
    pub trial: Option<bool>,
}

impl Order {
    /// The first purchase; `None` if the order has no quantity.
    pub fn begin(self) -> Result<Option<Purchase>> {
        let mut violations = self.violations();
        let Some(quantity) = self.quantity else {
            violations.check()?;
            return Ok(None);
        };
        if self.purchase_xid.is_none() {
            violations.add("purchase_xid", BLANK);
        }
        violations.check()?;
        Ok(self.purchase_xid.map(|purchase_xid| Purchase {
            quantity,
            started_on: Some(self.started_on),
            expires_on: self.expires_on,
            purchase_xid,
            trial: self.trial.unwrap_or(false),
        }))
    }

    /// The purchase after this order. Attributes that are not given stay.
    pub fn change(self, purchase: Purchase) -> Result<Purchase> {
        self.violations().check()?;
        Ok(Purchase {
            quantity: self.quantity.unwrap_or(purchase.quantity),
            started_on: Some(self.started_on),
            expires_on: self.expires_on,
            purchase_xid: self.purchase_xid.unwrap_or(purchase.purchase_xid),
            trial: self.trial.unwrap_or(purchase.trial),
        })
    }

    fn violations(&self) -> Violations {
        let mut violations = Violations::default();
        if self.quantity.is_some_and(i32::is_negative) {
            violations.add("quantity", NOT_NEGATIVE);
        }
        if self.expires_on < self.started_on {
            violations.add("expires_on", "must be after the start date");
        }
        match &self.purchase_xid {
            Some(xid) if xid.trim().is_empty() => violations.add("purchase_xid", BLANK),
            Some(xid) if xid.chars().count() > MAX_XID_CHARACTERS => {
                violations.add("purchase_xid", "is too long (maximum is 255 characters)");
            }
            _ => {}
        }
        violations
    }
}
