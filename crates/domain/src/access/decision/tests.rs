//! Every condition of an access decision can match, and the first one that matches decides.
mod case;
mod matrix;
mod namespaces;
mod rows;

use self::case::Case;
use self::rows::rows;
use super::*;
use crate::access::Denial;
use crate::git::changes::ChangeList;
use crate::user::UserType;

#[test]
fn row_30_lets_through() {
    for action in [Action::Download, Action::Push] {
        for target in [Case::reach_project, Case::reach_wiki, Case::reach_snippet, Case::reach_design] {
            let mut case = Case::new();
            target(&mut case);
            case.request.action = action;
            if matches!(case.facts.target, Target::Design(_)) {
                case.request.protocol = Protocol::Web;
            }
            assert_eq!(case.decide(), Ok(()), "{case:?}");
        }
    }
}

#[test]
fn each_row_is_reached() {
    for row in rows() {
        let mut case = Case::new();
        (row.apply)(&mut case);
        assert_eq!(case.decide(), Err((row.says)(&case)), "{}", row.name);
        assert_eq!(case.refusing_row(), Some(row.number.to_string().as_str()), "{}", row.name);
    }
}

/// Two conditions can hold at once if applying them in either order gives the same case, and the second one still has
/// an effect.
#[test]
fn the_earlier_row_decides() {
    let rows = rows();
    let mut pairs = 0;
    for (index, earlier) in rows.iter().enumerate() {
        for later in &rows[index + 1..] {
            let (mut only_earlier, mut only_later) = (Case::new(), Case::new());
            (earlier.apply)(&mut only_earlier);
            (later.apply)(&mut only_later);
            let (mut both, mut other_way) = (only_earlier.clone(), only_later.clone());
            (later.apply)(&mut both);
            (earlier.apply)(&mut other_way);
            if both != other_way || both == only_earlier || both == only_later {
                continue;
            }
            assert_eq!(both.decide(), Err((earlier.says)(&both)), "{} and {}", earlier.name, later.name);
            pairs += 1;
        }
    }
    assert!(pairs > 450, "only {pairs} pairs of rows can match at once");
}

/// Conditions that only concern pushes do not prevent downloads.
#[test]
fn rows_for_pushes_let_downloads_through() {
    for row in rows().iter().filter(|row| row.number == 12 || row.number > 21) {
        let mut case = Case::new();
        (row.apply)(&mut case);
        case.request.action = Action::Download;
        assert_eq!(case.decide(), Ok(()), "{}", row.name);
    }
}

#[test]
fn changes_that_are_known_are_judged_later() {
    let mut case = Case::new();
    case.request.action = Action::Push;
    case.project().actor_access.role = Role::REPORTER;
    assert_eq!(case.decide(), Err(Denial::forbidden(text::PUSH_CODE)));
    case.request.changes = Changes::List(ChangeList::default());
    assert_eq!(case.decide(), Ok(()));
}

#[test]
fn a_merge_request_is_enough_for_the_general_question() {
    let mut case = Case::new();
    case.request.action = Action::Push;
    case.project().actor_access.role = Role::REPORTER;
    case.project().collaborates = true;
    assert_eq!(case.decide(), Ok(()));
}

#[test]
fn the_web_is_never_the_wrong_protocol() {
    for only in [Protocol::Ssh, Protocol::Http] {
        let mut case = Case::new();
        case.facts.instance.only_protocol = Some(only);
        case.project().project.root.git_protocols = GitProtocols::OnlyHttp;
        case.request.protocol = Protocol::Web;
        assert_eq!(case.decide(), Ok(()));
    }
}

#[test]
fn certificates_are_valid_in_their_group_and_below() {
    for (namespace, reached) in [
        ("grp", true),
        ("GRP", true),
        ("gr", false),
        ("grp/", false),
        ("grp/p", false),
        ("grp/p/x", false),
        ("g", false),
    ] {
        let mut case = Case::new();
        case.project().project.root.enforce_ssh_certificates = true;
        case.request.namespace_path = Some(namespace.to_owned());
        assert_eq!(case.decide().is_ok(), reached, "{namespace}");
    }
    for protocol in [Protocol::Http, Protocol::Web] {
        let mut case = Case::new();
        case.project().project.root.enforce_ssh_certificates = true;
        case.request.protocol = protocol;
        assert_eq!(case.decide(), Ok(()), "{protocol:?}");
    }
}

#[test]
fn certificates_reach_no_snippet_of_a_person() {
    let mut case = Case::new();
    case.facts.target = Target::Snippet { snippet: crate::access::test_facts::snippet(), project: None };
    assert_eq!(case.decide(), Ok(()));
    case.request.namespace_path = Some("grp".to_owned());
    assert_eq!(case.decide(), Err(Denial::NotFound(text::SNIPPET_NOT_FOUND)));
}

#[test]
fn addresses_are_compared_where_both_sides_have_them() {
    let ranges = ["10.0.0.0/8", "fd00::/8"];
    for (ip, ranges, reached) in [
        (Some("10.1.1.1"), &ranges[..], true),
        (Some("fd00::1"), &ranges[..], true),
        (Some("11.0.0.1"), &ranges[..], false),
        (Some("fe80::1"), &ranges[..], false),
        (None, &ranges[..], true),
        (Some("11.0.0.1"), &ranges[..0], true),
    ] {
        let mut case = Case::new();
        case.project().project.root.ip_ranges = ranges.iter().map(|range| range.parse().unwrap()).collect();
        case.request.check_ip = ip.map(ClientAddress::from_text);
        assert_eq!(case.decide().is_ok(), reached, "{ip:?} {ranges:?}");
    }
}

/// An address in the instance's global list is allowed, even outside the group's ranges.
#[test]
fn globally_allowed_addresses_pass_the_ranges_of_a_group() {
    for (address, reached) in
        [("11.1.1.1", true), ("12.1.1.1", true), ("13.1.1.1", false), ("UNKNOWN", false), ("10.1.1.1", true)]
    {
        let mut case = Case::new();
        case.facts.instance.globally_allowed_ips =
            ["11.0.0.0/8", "12.1.1.1/32"].map(|range| range.parse().unwrap()).to_vec();
        case.request.check_ip = Some(ClientAddress::from_text(address));
        assert_eq!(case.decide().is_ok(), reached, "{address}");
        case.project().project.root.ip_ranges = Vec::new();
        assert_eq!(case.decide(), Ok(()), "{address}: the group has no ranges");
    }
}

/// Only a user's own SSH key needs a certificate, and only in requests from GitLab Shell.
#[test]
fn certificates_are_required_of_the_keys_of_people_only() {
    let enforced = || {
        let mut case = Case::new();
        case.project().project.root.enforce_ssh_certificates = true;
        case
    };
    let not_found = Err(Denial::NotFound(text::PROJECT_NOT_FOUND));
    for action in [Action::Download, Action::Push] {
        let mut case = enforced();
        case.request.action = action;
        assert_eq!(case.decide(), not_found, "{action:?} with a person's key");
        for user_type in [UserType::PROJECT_BOT, UserType(13)] {
            let mut case = case.clone();
            case.user().unwrap().user_type = user_type;
            assert_eq!(case.decide(), Ok(()), "{action:?} {user_type:?}");
        }
        let mut by_user = case.clone();
        by_user.facts.actor = Actor::User(case.user().unwrap().clone());
        assert_eq!(by_user.decide(), Ok(()), "{action:?} by a named user");
        case.use_deploy_key(true);
        assert_eq!(case.decide(), Ok(()), "{action:?} with a deploy key");
    }
    let mut push_with_changes = enforced();
    push_with_changes.request.action = Action::Push;
    push_with_changes.request.changes = Changes::List(ChangeList::default());
    assert_eq!(push_with_changes.decide(), Ok(()), "Gitaly's check carries no namespace");
}

/// Whether a deploy key may read or push at all does not depend on its owner.
#[test]
fn the_state_of_the_owner_does_not_stop_a_clone_or_the_general_check() {
    let mut case = Case::new();
    case.user().unwrap().state = crate::user::State::Blocked;
    case.user().unwrap().admin = true;
    case.use_deploy_key(true);
    case.project().actor_access.banned = true;
    for action in [Action::Download, Action::Push] {
        case.request.action = action;
        assert_eq!(case.decide(), Ok(()));
    }
    case.project().actor_access.deploy_key = None;
    assert_eq!(case.decide(), Err(Denial::NotFound(text::PROJECT_NOT_FOUND)));
}

#[test]
fn deploy_key_pushes_to_a_wiki_with_the_rights_of_its_owner() {
    let push = |change: fn(&mut Case)| {
        let mut case = Case::new();
        case.reach_wiki();
        change(&mut case);
        case.use_deploy_key(true);
        case.request.action = Action::Push;
        case.decide()
    };
    assert_eq!(push(|_| ()), Ok(()));
    let refusals: [fn(&mut Case); 4] = [
        |case| case.with_project(|facts| facts.actor_access.role = Role::REPORTER),
        |case| case.with_project(|facts| facts.actor_access.banned = true),
        |case| case.user().unwrap().state = crate::user::State::Blocked,
        |case| case.facts.actor = Actor::Key { key: crate::access::test_facts::key(), user: None },
    ];
    for refusal in refusals {
        assert_eq!(push(refusal), Err(Denial::forbidden(text::WRITE_WIKI)));
    }
}
