//! The states that prevent an account from using git: each of them can occur, and the first one decides.
use super::*;
use crate::access::test_facts::{instance, now, user};

struct Reason {
    name: &'static str,
    apply: fn(&mut User),
    message: &'static str,
}

/// In GitLab's order.
#[rustfmt::skip]
const REASONS: &[Reason] = &[
    Reason { name: "internal", apply: |user| user.user_type = UserType::GHOST,
        message: "This action cannot be performed by internal users" },
    Reason { name: "pending approval", apply: |user| user.state = State::PendingApproval,
        message: "Your account is pending approval from your administrator and hence blocked." },
    Reason { name: "terms", apply: |user| user.accepted_term_id = Some(2),
        message: "You (@alice) must accept the Terms of Service in order to perform this action. To accept these terms, please access GitLab from a web browser at https://gitlab.example.com." },
    Reason { name: "deactivated", apply: |user| user.state = State::Deactivated,
        message: "Your account has been deactivated by your administrator. Please log back in from a web browser to reactivate your account at https://gitlab.example.com" },
    Reason { name: "unconfirmed", apply: |user| user.confirmed = false,
        message: "Your primary email address is not confirmed. Please check your inbox for the confirmation instructions. In case the link is expired, you can request a new confirmation email at https://gitlab.example.com/users/confirmation/new" },
    Reason { name: "blocked", apply: |user| user.state = State::Blocked, message: "Your account has been blocked." },
    Reason { name: "password", apply: |user| user.password_expires_at = Some(now()),
        message: "Your password expired. Please access GitLab from a web browser to update your password." },
    Reason { name: "locked", apply: |user| user.locked_at = Some(now()), message: "Your account has been blocked." },
];

fn asked(user: &User) -> Result<(), Denial> {
    user.may_use_git(&instance(), now())
}

#[test]
fn each_reason_is_reached_in_order() {
    assert_eq!(asked(&user()), Ok(()));
    for (index, earlier) in REASONS.iter().enumerate() {
        let mut one = user();
        (earlier.apply)(&mut one);
        assert_eq!(asked(&one), Err(Denial::forbidden(earlier.message)), "{}", earlier.name);
        for later in &REASONS[index + 1..] {
            let (mut both, mut other_way) = (one.clone(), user());
            (later.apply)(&mut both);
            (later.apply)(&mut other_way);
            (earlier.apply)(&mut other_way);
            let expected = Err(Denial::forbidden(earlier.message));
            // Some states exclude each other, and a bot needs neither accepted terms nor a password.
            if both == other_way {
                assert_eq!(asked(&both), expected, "{} and {}", earlier.name, later.name);
            }
        }
    }
}

#[test]
fn types_that_may_use_git() {
    for user_type in -1..20 {
        let user = User { user_type: UserType(user_type), ..user() };
        assert_eq!(asked(&user).is_ok(), [0, 4, 6, 7, 8, 10, 13].contains(&user_type), "{user_type}");
    }
}

/// Accounts with a password that they cannot change, an expired lock, or disabled settings may use git.
#[test]
fn exempt_accounts_may_use_git() {
    let expired = User { password_expires_at: Some(now() - TimeDelta::days(1)), ..user() };
    let passing = [
        User { password_managed_elsewhere: true, ..expired.clone() },
        User { user_type: UserType::PROJECT_BOT, accepted_term_id: None, ..expired },
        User { password_expires_at: Some(now() + TimeDelta::seconds(1)), ..user() },
        User { locked_at: Some(now() - TimeDelta::minutes(10)), ..user() },
    ];
    for user in passing {
        assert_eq!(asked(&user), Ok(()), "{user:?}");
    }
    let lax = Instance { enforce_terms: false, confirmation_required: false, ..instance() };
    let user = User { accepted_term_id: None, confirmed: false, ..user() };
    assert_eq!(user.may_use_git(&lax, now()), Ok(()));
}

#[test]
fn a_lock_lasts_ten_minutes() {
    let locked = User { locked_at: Some(now() - TimeDelta::seconds(599)), ..user() };
    assert_eq!(asked(&locked), Err(Denial::forbidden("Your account has been blocked.")));
}

#[test]
fn states_by_name() {
    for (name, state) in [
        (Some("active"), State::Active),
        (Some("deactivated"), State::Deactivated),
        (Some("blocked_pending_approval"), State::PendingApproval),
        (Some("blocked"), State::Blocked),
        (Some("ldap_blocked"), State::Blocked),
        (Some("banned"), State::Blocked),
        (Some("unheard of"), State::Blocked),
        (None, State::Blocked),
    ] {
        assert_eq!(State::from_name(name), state, "{name:?}");
    }
}
