//! A namespace's subscription: what was bought, and how many seats are used.
//!
//! GitLab's rules for seats: issues [432525](https://gitlab.com/gitlab-org/gitlab/-/issues/432525) and
//! [432526](https://gitlab.com/gitlab-org/gitlab/-/issues/432526), merge requests 73078, 110768 and 137243.
use chrono::{NaiveDate, NaiveDateTime};

use super::{BLANK, NOT_NEGATIVE, Patch, Plan};
use crate::{Result, Violations};

/// A row of `gitlab_subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The plan that was bought.
    pub plan: Plan,
    /// The first day of the term. GitLab creates free subscriptions without one.
    pub start_date: Option<NaiveDate>,
    /// The last day of the term.
    pub end_date: Option<NaiveDate>,
    /// Whether it is a trial.
    pub trial: bool,
    /// The first day of the trial.
    pub trial_starts_on: Option<NaiveDate>,
    /// The last day of the trial.
    pub trial_ends_on: Option<NaiveDate>,
    /// 1 extended, 2 reactivated.
    pub trial_extension_type: Option<i16>,
    /// Whether the next term is bought automatically.
    pub auto_renew: Option<bool>,
    /// Seats that were bought.
    pub seats: i32,
    /// Seats in use when they were counted last.
    pub seats_in_use: i32,
    /// The highest number of seats in use during the term.
    pub max_seats_used: i32,
    /// When `max_seats_used` was set last. It decides to which term the maximum belongs.
    pub max_seats_used_changed_at: Option<NaiveDateTime>,
}

/// The attributes that a caller sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The new plan.
    pub plan: Option<Plan>,
    /// The new start date. It is never cleared: new terms are recognised by it.
    pub start_date: Option<NaiveDate>,
    /// The new end date.
    pub end_date: Patch<NaiveDate>,
    /// Whether it becomes a trial.
    pub trial: Option<bool>,
    /// The first day of the trial.
    pub trial_starts_on: Patch<NaiveDate>,
    /// The last day of the trial.
    pub trial_ends_on: Patch<NaiveDate>,
    /// 1 extended, 2 reactivated.
    pub trial_extension_type: Patch<i16>,
    /// Whether the next term is bought automatically.
    pub auto_renew: Patch<bool>,
    /// Seats that were bought.
    pub seats: Option<i32>,
    /// The highest number of seats in use. It overrules every rule about seat statistics.
    pub max_seats_used: Option<i32>,
}

/// What a change does to the seat statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatStatistics {
    /// The stored numbers are kept.
    Keep,
    /// The seats are counted again under the new plan: see [`Subscription::reset_seats`].
    Reset,
}

impl Subscription {
    /// The subscription of a namespace that never bought anything.
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
            max_seats_used_changed_at: None,
        }
    }

    /// A new subscription. A trial starts with it by default.
    pub fn begin(change: Change, now: NaiveDateTime) -> Result<Self> {
        let mut new = Self::none().merge(change);
        if new.trial && new.trial_starts_on.is_none() {
            new.trial_starts_on = new.start_date;
        }
        if new.max_seats_used != 0 {
            new.max_seats_used_changed_at = Some(now);
        }
        new.violations().check()?;
        Ok(new)
    }

    /// The subscription after a change, and whether its seats must be counted again.
    pub fn changed(&self, change: Change, now: NaiveDateTime) -> Result<(Self, SeatStatistics)> {
        let is_max_given = change.max_seats_used.is_some();
        let mut new = self.clone().merge(change);
        if new.start_date.is_none() && self.plan.is_free() && !new.plan.is_free() {
            new.start_date = Some(now.date());
        }
        let mut violations = new.violations();
        if new.trial && new.trial_starts_on.is_none() {
            violations.add("trial_starts_on", BLANK);
        }
        violations.check()?;
        if is_max_given {
            if new.max_seats_used != self.max_seats_used || new.has_max_of_earlier_term() {
                new.max_seats_used_changed_at = Some(now);
            }
            return Ok((new, SeatStatistics::Keep));
        }
        if new == *self {
            return Ok((new, SeatStatistics::Keep));
        }
        let statistics = self.seat_statistics(&new);
        let involves_paid_trial = self.plan.is_paid_trial() || new.plan.is_paid_trial();
        if statistics == SeatStatistics::Keep && involves_paid_trial && new.has_max_of_earlier_term() {
            // Otherwise the next change or refresh would reset what is kept now.
            new.max_seats_used_changed_at = Some(now);
        }
        Ok((new, statistics))
    }

    /// The table of issue 432526. `new` is the changed row.
    fn seat_statistics(&self, new: &Self) -> SeatStatistics {
        let is_renewed = matches!((self.start_date, new.start_date), (Some(old), Some(new)) if new > old);
        let has_got_a_start = self.start_date.is_none() && new.start_date.is_some();
        let resets = match (self.plan.is_paid_trial(), new.plan.is_paid_trial()) {
            (_, true) => false,
            (true, false) => new.plan.code() != Plan::PREMIUM || is_renewed,
            (false, false) => is_renewed || has_got_a_start || new.has_max_of_earlier_term(),
        };
        if resets { SeatStatistics::Reset } else { SeatStatistics::Keep }
    }

    /// Whether `max_seats_used` was set on a day (UTC) before the term began.
    fn has_max_of_earlier_term(&self) -> bool {
        matches!((self.max_seats_used_changed_at, self.start_date), (Some(at), Some(start)) if at.date() < start)
    }

    /// Begins the seat statistics of a term with a fresh count.
    pub fn reset_seats(&mut self, counted: i32, now: NaiveDateTime) {
        self.seats_in_use = counted;
        self.max_seats_used = counted;
        self.max_seats_used_changed_at = Some(now);
    }

    /// The subscription after the daily count. The first count of a term that was bought in advance begins its
    /// statistics; any other one only raises the maximum.
    #[must_use]
    pub fn refreshed(&self, counted: i32, now: NaiveDateTime) -> Self {
        let mut new = self.clone();
        let has_started = self.start_date.is_some_and(|start| start <= now.date());
        if self.has_max_of_earlier_term() && has_started && !self.plan.is_paid_trial() {
            new.reset_seats(counted, now);
            return new;
        }
        new.seats_in_use = counted;
        if counted > self.max_seats_used {
            new.max_seats_used = counted;
            new.max_seats_used_changed_at = Some(now);
        }
        new
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
            max_seats_used_changed_at: self.max_seats_used_changed_at,
        }
    }

    fn violations(&self) -> Violations {
        let mut violations = Violations::default();
        let is_before = |end: Option<NaiveDate>, start: Option<NaiveDate>| matches!((end, start), (Some(end), Some(start)) if end < start);
        if self.seats < 0 {
            violations.add("seats", NOT_NEGATIVE);
        }
        if self.max_seats_used < 0 {
            violations.add("max_seats_used", NOT_NEGATIVE);
        }
        if is_before(self.end_date, self.start_date) {
            violations.add("end_date", "must be after the start date");
        }
        if is_before(self.trial_ends_on, self.trial_starts_on) {
            violations.add("trial_ends_on", "must be after the trial start date");
        }
        violations
    }

    /// Whether a purchase may replace it: nothing was bought yet.
    pub fn is_vacant(&self) -> bool {
        self.plan.is_free() && !self.trial
    }

    /// Seats in use, now or at the maximum of the term, beyond those that were bought. Only a paid plan owes seats.
    /// The trial of a customer who already pays for premium counts as premium.
    pub fn seats_owed(&self) -> i32 {
        let counts = self.plan.is_paid_trial() || (self.plan.is_paid() && !self.trial);
        if !counts {
            return 0;
        }
        self.max_seats_used.max(self.seats_in_use).saturating_sub(self.seats).max(0)
    }

    /// Whether a higher plan is offered, given the codes of the upgradable plans.
    pub fn is_upgradable(&self, upgradable: &[String], today: NaiveDate) -> bool {
        upgradable.iter().any(|code| code == self.plan.code())
            && !self.trial
            && self.seats > 0
            && self.end_date.is_none_or(|end| end >= today)
    }
}

#[cfg(test)]
mod tests;
