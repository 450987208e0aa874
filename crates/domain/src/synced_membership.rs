//! Memberships derived from groups of an identity provider.
//!
//! A link between an identity provider's group and a GitLab group grants a role. If a member was added
//! manually before, that membership is remembered while the identity provider grants access, and restored
//! afterwards.
use chrono::NaiveDate;

use crate::Role;

/// A role, with an optional custom role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// The access level.
    pub role: Role,
    /// The custom role.
    pub member_role_id: Option<i64>,
}

/// A membership of a GitLab group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The role of the member.
    pub grant: Grant,
    /// The date on which the membership expires.
    pub expires_on: Option<NaiveDate>,
}

/// The action for a user's membership of a GitLab group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MembershipAction {
    /// Leave it as it is.
    Leave,
    /// Add the user.
    Insert(Grant),
    /// Remember the membership, and give the user this role without an expiry date.
    Remember(Grant),
    /// Change the role.
    Change(Grant),
    /// Restore the remembered membership, and forget it.
    Restore,
    /// Remove the user.
    Remove,
}

/// Compares a membership with the roles that the links grant.
///
/// `current` is a valid membership. `was_granted` says whether a link granted access before the change.
/// `target` is the role that the links grant now, and `remembered` the manually added membership.
pub fn decide(
    current: Option<&Membership>,
    was_granted: bool,
    target: Option<Grant>,
    remembered: Option<&Membership>,
) -> MembershipAction {
    use MembershipAction as A;
    match (current, target) {
        (None, Some(target)) => A::Insert(target),
        (None, None) => A::Leave,
        (Some(current), Some(target)) if !was_granted => {
            A::Remember(if target.role > current.grant.role { target } else { current.grant })
        }
        (Some(current), Some(target)) => {
            let kept = remembered.map(|kept| kept.grant).filter(|kept| kept.role > target.role);
            let grant = kept.unwrap_or(target);
            if grant == current.grant { A::Leave } else { A::Change(grant) }
        }
        (Some(_), None) if !was_granted => A::Leave,
        (Some(_), None) if remembered.is_some() => A::Restore,
        (Some(_), None) => A::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::MembershipAction as A;
    use super::*;

    fn grant(role: i32) -> Grant {
        Grant { role: Role(role), member_role_id: None }
    }

    fn membership(role: i32) -> Membership {
        Membership { grant: grant(role), expires_on: None }
    }

    #[test]
    fn each_case_has_its_action() {
        let (m20, m30, m40) = (membership(20), membership(30), membership(40));
        for (current, was_granted, target, remembered, expected) in [
            (None, false, Some(30), None, A::Insert(grant(30))),
            (None, true, None, None, A::Leave),
            (Some(&m30), false, Some(40), None, A::Remember(grant(40))),
            (Some(&m40), false, Some(30), None, A::Remember(grant(40))),
            (Some(&m30), true, Some(40), None, A::Change(grant(40))),
            (Some(&m30), true, Some(30), None, A::Leave),
            (Some(&m40), true, Some(20), Some(&m30), A::Change(grant(30))),
            (Some(&m40), true, None, Some(&m20), A::Restore),
            (Some(&m40), true, None, None, A::Remove),
            (Some(&m40), false, None, None, A::Leave),
        ] {
            assert_eq!(decide(current, was_granted, target.map(grant), remembered), expected);
        }
    }
}
