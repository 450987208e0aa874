//! Limits of a namespace.
use chrono::NaiveDate;

use super::{NOT_NEGATIVE, Patch};
use crate::{Result, Violations};

/// The limits that a caller sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Compute minutes per month.
    pub shared_runners_minutes_limit: Patch<i32>,
    /// Purchased compute minutes.
    pub extra_shared_runners_minutes_limit: Patch<i32>,
    /// MiB
    pub additional_purchased_storage_size: Option<i32>,
    /// The day on which purchased storage ends.
    pub additional_purchased_storage_ends_on: Patch<NaiveDate>,
}

impl Limits {
    /// Refuses negative limits.
    pub fn check(&self) -> Result<()> {
        let mut violations = Violations::default();
        for (field, value) in [
            ("shared_runners_minutes_limit", self.shared_runners_minutes_limit.value()),
            ("extra_shared_runners_minutes_limit", self.extra_shared_runners_minutes_limit.value()),
            ("additional_purchased_storage_size", self.additional_purchased_storage_size),
        ] {
            if value.is_some_and(i32::is_negative) {
                violations.add(field, NOT_NEGATIVE);
            }
        }
        violations.check()
    }

    /// Whether a limit of compute minutes is set.
    pub fn sets_minutes(&self) -> bool {
        !self.shared_runners_minutes_limit.is_absent() || !self.extra_shared_runners_minutes_limit.is_absent()
    }

    /// Whether an attribute of purchased storage is set.
    pub fn sets_storage(&self) -> bool {
        self.additional_purchased_storage_size.is_some()
            || !self.additional_purchased_storage_ends_on.is_absent()
    }
}
