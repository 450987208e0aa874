use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Error;

const PAID_TRIAL: &str = "ultimate_trial_paid_customer";
const PLANS: &[&str] = &[
    "default",
    "free",
    "bronze",
    "silver",
    "premium",
    "gold",
    "ultimate",
    "ultimate_trial",
    "premium_trial",
    PAID_TRIAL,
    "opensource",
    "early_adopter",
];

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn noon(text: &str) -> NaiveDateTime {
    date(text).and_hms_opt(12, 0, 0).unwrap()
}

fn now() -> NaiveDateTime {
    noon("2021-01-10")
}

fn plan(code: &str) -> Plan {
    Plan::parse(code).unwrap()
}

fn premium() -> Subscription {
    Subscription {
        plan: plan("premium"),
        start_date: Some(date("2020-07-15")),
        seats: 80,
        seats_in_use: 82,
        max_seats_used: 90,
        max_seats_used_changed_at: Some(noon("2020-08-01")),
        ..Subscription::none()
    }
}

fn to_plan(code: &str) -> Change {
    Change { plan: Some(plan(code)), trial: Some(false), ..Change::default() }
}

fn starting(change: Change, day: &str) -> Change {
    Change { start_date: Some(date(day)), ..change }
}

/// The subscription after a change, with a fresh count of 3 if the statistics are reset.
fn after(subscription: &Subscription, change: Change) -> Subscription {
    let (mut new, statistics) = subscription.changed(change, now()).unwrap();
    if statistics == SeatStatistics::Reset {
        new.reset_seats(3, now());
    }
    new
}

#[test]
fn seats_beyond_the_bought_ones_are_owed() {
    let owed = |max_seats_used, seats_in_use, seats| {
        Subscription { seats, seats_in_use, max_seats_used, ..premium() }.seats_owed()
    };
    assert_eq!([owed(0, 82, 80), owed(15, 3, 10), owed(1, 1, 10), owed(i32::MAX, 0, 0)], [2, 5, 0, i32::MAX]);
    assert_eq!(Subscription { trial: true, ..premium() }.seats_owed(), 0);
    assert_eq!(Subscription { seats_in_use: 7, ..Subscription::none() }.seats_owed(), 0);
    let paid_trial = Subscription { plan: plan(PAID_TRIAL), trial: true, ..premium() };
    assert_eq!(paid_trial.seats_owed(), 10);
}

/// The five rows of issue 432526, with the start date moved and not moved.
#[test]
fn trial_of_a_paying_customer_keeps_the_maximum_until_it_ends() {
    let trial = after(&premium(), starting(to_plan(PAID_TRIAL), "2021-01-01"));
    assert_eq!(trial.max_seats_used, 90);
    for (change, expected) in [
        (to_plan(PAID_TRIAL), 90),
        (starting(to_plan(PAID_TRIAL), "2021-01-02"), 90),
        (to_plan("premium"), 90),
        (starting(to_plan("premium"), "2020-07-15"), 90),
        (starting(to_plan("premium"), "2021-01-02"), 3),
        (to_plan("ultimate"), 3),
        (starting(to_plan("ultimate"), "2021-01-02"), 3),
        (starting(to_plan("ultimate"), "2020-07-15"), 3),
        (to_plan("free"), 3),
    ] {
        let new = after(&trial, change.clone());
        assert_eq!(new.max_seats_used, expected, "{change:?}");
        let seats = if expected == 3 { 3 } else { 82 };
        assert_eq!(new.seats_in_use, seats, "{change:?}");
    }
}

#[test]
fn new_term_is_recognised_by_every_sign() {
    let seats = Change { seats: Some(3), ..Change::default() };
    let later = starting(Change::default(), "2021-01-10");
    let changed_on = |day: &str| Subscription { max_seats_used_changed_at: Some(noon(day)), ..premium() };
    assert_eq!(after(&premium(), later).max_seats_used, 3, "a later start date");
    assert_eq!(
        after(&premium(), starting(Change::default(), "2019-07-15")).max_seats_used,
        90,
        "an earlier one"
    );
    assert_eq!(
        after(&changed_on("2020-05-01"), seats.clone()).max_seats_used,
        3,
        "a maximum from before the term"
    );
    assert_eq!(
        after(&changed_on("2020-07-15"), seats.clone()).max_seats_used,
        90,
        "a maximum of the first day"
    );
    let unknown = Subscription { max_seats_used_changed_at: None, ..premium() };
    assert_eq!(after(&unknown, seats).max_seats_used, 90, "a maximum of unknown age");
    let free = Subscription { plan: Plan::free(), start_date: None, ..premium() };
    let new = after(&free, to_plan("premium"));
    assert_eq!((new.max_seats_used, new.start_date), (3, Some(date("2021-01-10"))), "a first start date");
}

#[test]
fn kept_maximum_belongs_to_the_new_term_from_then_on() {
    let trial = after(&premium(), starting(to_plan(PAID_TRIAL), "2021-01-01"));
    let back = after(&trial, to_plan("premium"));
    let seats = after(&back, Change { seats: Some(11), ..Change::default() });
    assert_eq!(
        [back.max_seats_used, seats.max_seats_used, seats.refreshed(3, now()).max_seats_used],
        [90; 3]
    );
}

#[test]
fn given_maximum_wins() {
    let given = |max| Change { max_seats_used: Some(max), ..starting(to_plan("ultimate"), "2021-01-10") };
    for before in [premium(), Subscription { plan: plan(PAID_TRIAL), ..premium() }] {
        for max in [5, 90] {
            let (new, statistics) = before.changed(given(max), now()).unwrap();
            assert_eq!((new.max_seats_used, new.seats_in_use, statistics), (max, 82, SeatStatistics::Keep));
            assert_eq!(new.max_seats_used_changed_at, Some(now()));
        }
    }
}

#[test]
fn change_without_effect_resets_nothing() {
    let stale = Subscription { max_seats_used_changed_at: Some(noon("2020-05-01")), ..premium() };
    for change in [Change::default(), Change { seats: Some(80), ..Change::default() }, to_plan("premium")] {
        assert_eq!(stale.changed(change, now()), Ok((stale.clone(), SeatStatistics::Keep)));
    }
}

#[test]
fn daily_count_begins_a_term_that_was_bought_in_advance() {
    let in_advance = |start: &str, code: &str| Subscription {
        plan: plan(code),
        start_date: Some(date(start)),
        max_seats_used_changed_at: Some(noon("2020-12-20")),
        ..premium()
    };
    for (start, code, expected) in [
        ("2021-01-10", "premium", 3),
        ("2021-01-11", "premium", 90),
        ("2020-12-20", "premium", 90),
        ("2021-01-10", PAID_TRIAL, 90),
    ] {
        let new = in_advance(start, code).refreshed(3, now());
        assert_eq!((new.max_seats_used, new.seats_in_use), (expected, 3), "{start} {code}");
    }
    let again = in_advance("2021-01-10", "premium").refreshed(3, now()).refreshed(2, now());
    assert_eq!((again.max_seats_used, again.seats_in_use), (3, 2));
    assert_eq!(premium().refreshed(91, now()).max_seats_used, 91);
}

#[test]
fn null_clears_and_absence_keeps() {
    let with_end = Subscription { end_date: Some(date("2021-07-15")), auto_renew: Some(true), ..premium() };
    assert_eq!(after(&with_end, Change::default()), with_end);
    let cleared = Change { end_date: Patch::Null, auto_renew: Patch::Null, ..Change::default() };
    assert_eq!(after(&with_end, cleared), premium());
}

#[test]
fn all_violations_are_reported() {
    let change = Change {
        seats: Some(-1),
        max_seats_used: Some(-1),
        end_date: Patch::Value(date("2020-07-14")),
        trial: Some(true),
        ..Change::default()
    };
    let Err(Error::Fields(violations)) = premium().changed(change, now()) else { panic!("it is accepted") };
    assert_eq!(
        violations.to_string(),
        "seats must be greater than or equal to 0, max_seats_used must be greater than or equal to 0, \
         end_date must be after the start date, trial_starts_on can't be blank"
    );
}

/// The rules for resetting the statistics, written independently of the code.
fn resets(before: &str, after: &str, is_renewed: bool, is_new_term: bool) -> bool {
    match (before, after) {
        (_, PAID_TRIAL) => false,
        (PAID_TRIAL, "premium") => is_renewed,
        (PAID_TRIAL, _) => true,
        _ => is_new_term,
    }
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (0_i64..6).prop_map(|days| date("2021-01-08") + chrono::TimeDelta::days(days))
}

proptest! {
    #[test]
    fn owed_seats_are_never_negative(seats in 0.., max_seats_used in 0.., seats_in_use in 0..) {
        let owed = Subscription { seats, seats_in_use, max_seats_used, ..premium() }.seats_owed();
        prop_assert!(owed >= 0);
        prop_assert!(i64::from(owed) + i64::from(seats) >= i64::from(max_seats_used.max(seats_in_use)));
    }

    #[test]
    fn every_change_follows_the_table(
        before in select(PLANS), next in proptest::option::of(select(PLANS)), start in proptest::option::of(day()),
        new_start in proptest::option::of(day()), counted in proptest::option::of(day()), max in 0..9_i32,
        seats in proptest::option::of(0..3_i32),
    ) {
        let stored = Subscription {
            plan: plan(before), start_date: start, seats: 1, seats_in_use: 4, max_seats_used: max,
            max_seats_used_changed_at: counted.map(|day| day.and_hms_opt(23, 59, 59).unwrap()), ..Subscription::none()
        };
        let change = Change { plan: next.map(plan), start_date: new_start, seats, ..Change::default() };
        let after = next.unwrap_or(before);
        let is_free = |code| matches!(code, "free" | "default");
        let starts_today = start.is_none() && new_start.is_none() && is_free(before) && !is_free(after);
        let start_after = new_start.or(start).or(starts_today.then(|| now().date()));
        let is_renewed = start.is_some() && start_after > start;
        let is_stale = counted.is_some_and(|counted| start_after.is_some_and(|start| counted < start));
        let is_new_term = is_renewed || (start.is_none() && start_after.is_some()) || is_stale;
        let is_changed = after != before || start_after != start || seats.is_some_and(|seats| seats != 1);
        let (new, statistics) = stored.changed(change, now()).unwrap();
        let expected = is_changed && resets(before, after, is_renewed, is_new_term);
        prop_assert_eq!(statistics == SeatStatistics::Reset, expected);
        prop_assert_eq!((new.max_seats_used, new.seats_in_use, new.start_date), (max, 4, start_after));
        let involves_paid_trial = before == PAID_TRIAL || after == PAID_TRIAL;
        let is_dated_again = is_changed && !expected && involves_paid_trial && is_stale;
        let changed_at = if is_dated_again { Some(now()) } else { stored.max_seats_used_changed_at };
        prop_assert_eq!(new.max_seats_used_changed_at, changed_at);
    }
}
