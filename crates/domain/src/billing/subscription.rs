//! A namespace's subscription: what was bought, and what is used of it.
use chrono::NaiveDate;

use super::{BLANK, NOT_NEGATIVE, Patch, Plan};
use crate::{Result, Violations};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub plan: Plan,
    pub start_date: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub trial: bool,
    pub trial_starts_on: Option<NaiveDate>,
    pub trial_ends_on: Option<NaiveDate>,
    /// 1 extended, 2 reactivated.
    pub trial_extension_type: Option<i16>,
    pub auto_renew: Option<bool>,
    pub seats: i32,
    pub seats_in_use: i32,
    pub max_seats_used: i32,
}

/// What a caller sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub plan: Option<Plan>,
    pub start_date: Patch<NaiveDate>,
    pub end_date: Patch<NaiveDate>,
    pub trial: Option<bool>,
    pub trial_starts_on: Patch<NaiveDate>,
    pub trial_ends_on: Patch<NaiveDate>,
    pub trial_extension_type: Patch<i16>,
    pub auto_renew: Patch<bool>,
    pub seats: Option<i32>,
    pub max_seats_used: Option<i32>,
}

impl Subscription {
    /// What a namespace has that never bought anything.
    pub fn none() -> Self {
        Self {
            plan: Plan::free(),
            start_date: None,
            end_date: None,
            trial: false,
            trial_starts_on: None,
            trial_ends_on: None,
            trial_extension_type: None,
            auto_renew: None,
            seats: 0,
            seats_in_use: 0,
            max_seats_used: 0,
        }
    }

    /// A new subscription. A trial begins with it, unless it says otherwise.
    pub fn begin(change: Change) -> Result<Self> {
        let mut new = Self::none().merge(change);
        if new.trial && new.trial_starts_on.is_none() {
            new.trial_starts_on = new.start_date;
        }
        new.violations().check()?;
        Ok(new)
    }

    /// The subscription after a change.
    pub fn changed(&self, change: Change) -> Result<Self> {
        let seats_used_are_given = change.max_seats_used.is_some();
        let mut new = self.clone().merge(change);
        let next_term = matches!((self.start_date, new.start_date), (Some(old), Some(new)) if new > old);
        if next_term && !seats_used_are_given && !self.plan.keeps_seats_used() && !new.plan.keeps_seats_used()
        {
            new.max_seats_used = new.seats_in_use;
        }
        let mut violations = new.violations();
        if new.trial && new.trial_starts_on.is_none() {
            violations.add("trial_starts_on", BLANK);
        }
        violations.check()?;
        Ok(new)
    }

    fn merge(self, change: Change) -> Self {
        Self {
            plan: change.plan.unwrap_or(self.plan),
            start_date: change.start_date.or(self.start_date),
            end_date: change.end_date.or(self.end_date),
            trial: change.trial.unwrap_or(self.trial),
            trial_starts_on: change.trial_starts_on.or(self.trial_starts_on),
            trial_ends_on: change.trial_ends_on.or(self.trial_ends_on),
            trial_extension_type: change.trial_extension_type.or(self.trial_extension_type),
            auto_renew: change.auto_renew.or(self.auto_renew),
            seats: change.seats.unwrap_or(self.seats),
            seats_in_use: self.seats_in_use,
            max_seats_used: change.max_seats_used.unwrap_or(self.max_seats_used),
        }
    }

    fn violations(&self) -> Violations {
        let mut violations = Violations::default();
        let before = |end: Option<NaiveDate>, start: Option<NaiveDate>| matches!((end, start), (Some(end), Some(start)) if end < start);
        if self.seats < 0 {
            violations.add("seats", NOT_NEGATIVE);
        }
        if self.max_seats_used < 0 {
            violations.add("max_seats_used", NOT_NEGATIVE);
        }
        if before(self.end_date, self.start_date) {
            violations.add("end_date", "must be after the start date");
        }
        if before(self.trial_ends_on, self.trial_starts_on) {
            violations.add("trial_ends_on", "must be after the trial start date");
        }
        violations
    }

    /// Whether a purchase may take its place: nothing was bought yet.
    pub fn is_vacant(&self) -> bool {
        self.plan.is_free() && !self.trial
    }

    /// The most seats that were in use, beyond those that are paid for.
    pub fn seats_owed(&self) -> i32 {
        if self.trial || !self.plan.is_paid() {
            return 0;
        }
        self.max_seats_used.max(self.seats_in_use).saturating_sub(self.seats).max(0)
    }

    /// Whether a higher plan is offered, where these plans are offered one.
    pub fn is_upgradable(&self, upgradable: &[String], today: NaiveDate) -> bool {
        upgradable.iter().any(|code| code == self.plan.code())
            && !self.trial
            && self.seats > 0
            && self.end_date.is_none_or(|end| end >= today)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn premium() -> Subscription {
        let start_date = Some(date("2020-07-15"));
        let plan = Plan::parse("premium").unwrap();
        Subscription {
            plan,
            start_date,
            seats: 80,
            seats_in_use: 82,
            max_seats_used: 90,
            ..Subscription::none()
        }
    }

    #[test]
    fn seats_are_owed_for_what_is_used_now_or_was_before() {
        let owed = |max_seats_used, seats_in_use, seats| {
            Subscription { seats, seats_in_use, max_seats_used, ..premium() }.seats_owed()
        };
        assert_eq!(
            [owed(0, 82, 80), owed(15, 3, 10), owed(1, 1, 10), owed(i32::MAX, 0, 0)],
            [2, 5, 0, i32::MAX]
        );
        assert_eq!(Subscription { trial: true, ..premium() }.seats_owed(), 0);
        assert_eq!(Subscription { seats_in_use: 7, ..Subscription::none() }.seats_owed(), 0);
    }

    #[test]
    fn a_later_term_forgets_the_seats_of_the_one_before() {
        let later = Change { start_date: Patch::Value(date("2021-07-15")), ..Change::default() };
        assert_eq!(premium().changed(later.clone()).unwrap().max_seats_used, 82);
        let given = Change { max_seats_used: Some(5), ..later.clone() };
        assert_eq!(premium().changed(given).unwrap().max_seats_used, 5);
        let earlier = Change { start_date: Patch::Value(date("2019-07-15")), ..Change::default() };
        assert_eq!(premium().changed(earlier).unwrap().max_seats_used, 90);
        let paying = Plan::parse("ultimate_trial_paid_customer");
        let trying = Change { plan: paying.clone(), ..later.clone() };
        assert_eq!(premium().changed(trying).unwrap().max_seats_used, 90);
        let tried = Subscription { plan: paying.unwrap(), ..premium() };
        let back = Change { plan: Plan::parse("premium"), ..later };
        assert_eq!(tried.changed(back).unwrap().max_seats_used, 90);
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let with_end =
            Subscription { end_date: Some(date("2021-07-15")), auto_renew: Some(true), ..premium() };
        assert_eq!(with_end.changed(Change::default()), Ok(with_end.clone()));
        let cleared = Change { end_date: Patch::Null, auto_renew: Patch::Null, ..Change::default() };
        assert_eq!(with_end.changed(cleared), Ok(premium()));
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let change = Change {
            seats: Some(-1),
            max_seats_used: Some(-1),
            end_date: Patch::Value(date("2020-07-14")),
            trial: Some(true),
            ..Change::default()
        };
        let Err(Error::Fields(violations)) = premium().changed(change) else { panic!("it was taken") };
        assert_eq!(
            violations.to_string(),
            "seats must be greater than or equal to 0, max_seats_used must be greater than or equal to 0, \
             end_date must be after the start date, trial_starts_on can't be blank"
        );
    }

    proptest! {
        #[test]
        fn owed_seats_are_never_negative(seats in 0.., max_seats_used in 0.., seats_in_use in 0..) {
            let owed = Subscription { seats, seats_in_use, max_seats_used, ..premium() }.seats_owed();
            prop_assert!(owed >= 0);
            prop_assert!(i64::from(owed) + i64::from(seats) >= i64::from(max_seats_used.max(seats_in_use)));
        }
    }
}
