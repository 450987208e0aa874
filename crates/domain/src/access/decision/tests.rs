//! Every row of B.2.1 is reached, and of two rows that match the earlier decides.
mod case;
mod matrix;
mod namespaces;
mod rows;

use self::case::Case;
use self::rows::rows;
use super::*;

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
    }
}

/// Two rows can match at once where either order of making them match leads to the same, and neither is without
/// effect after the other.
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

/// What protects a push does not keep anybody from downloading.
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
    case.project().standing.role = Role::REPORTER;
    assert_eq!(case.decide(), forbidden(text::PUSH_CODE));
    case.request.changes = Changes::List(Vec::new());
    assert_eq!(case.decide(), Ok(()));
}

#[test]
fn a_merge_request_is_enough_for_the_general_question() {
    let mut case = Case::new();
    case.request.action = Action::Push;
    case.project().standing.role = Role::REPORTER;
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
fn certificates_reach_their_group_and_what_is_below() {
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
        case.request.check_ip = ip.map(|ip| ip.parse().unwrap());
        assert_eq!(case.decide().is_ok(), reached, "{ip:?} {ranges:?}");
    }
}

/// The owner of a deploy key lends it nothing, and keeps nothing from it.
#[test]
fn a_deploy_key_stands_for_itself() {
    let mut case = Case::new();
    case.user().unwrap().state = crate::user::State::Blocked;
    case.user().unwrap().admin = true;
    case.use_deploy_key(true);
    case.project().standing.banned = true;
    for action in [Action::Download, Action::Push] {
        case.request.action = action;
        assert_eq!(case.decide(), Ok(()));
    }
    case.project().standing.deploy_key = None;
    assert_eq!(case.decide(), Err(Denial::NotFound(text::PROJECT_NOT_FOUND)));
}
