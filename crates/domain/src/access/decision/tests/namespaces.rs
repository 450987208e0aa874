//! Namespaces, the wikis of groups, and deploy tokens.
use super::super::*;
use super::case::Case;
use crate::access::{Denial, test_facts};
use crate::git::changes::ChangeList;
use crate::namespace::{Kind, NamespaceFacts};
use crate::project::DeployTokenGrant;
use crate::{FeatureLevel, Visibility};

const GROUP: Kind = Kind::Group { project_creation_level: None };

fn new_project() -> Case {
    let mut case = Case::new();
    case.request.action = Action::Push;
    let namespace = test_facts::namespace_facts(GROUP);
    case.facts.target = Target::NewProject { namespace, name: "new".to_owned() };
    case.facts.repository = RepositoryStatus::Missing;
    case
}

fn group_wiki(role: Role) -> Case {
    let mut case = Case::new();
    case.facts.target = Target::GroupWiki(NamespaceFacts { role, ..test_facts::namespace_facts(GROUP) });
    case
}

fn with_namespace(case: &mut Case, change: impl FnOnce(&mut NamespaceFacts)) {
    match &mut case.facts.target {
        Target::GroupWiki(facts) | Target::NewProject { namespace: facts, .. } => change(facts),
        other => panic!("{other:?} has no namespace"),
    }
}

fn geo() -> Case {
    let mut case = Case::new();
    case.request.action = Action::Push;
    case.facts.instance.geo_secondary = true;
    case
}

#[test]
fn a_secondary_forwards_the_pushes_of_people() {
    assert_eq!(geo().verdict(), Ok(Verdict::ForwardToPrimary));
    let mut of_unknown = geo();
    of_unknown.facts.target = Target::NoProject { namespace_named: true };
    assert_eq!(of_unknown.verdict(), Ok(Verdict::ForwardToPrimary), "the primary may make it");
    let mut pull = geo();
    pull.request.action = Action::Download;
    assert_eq!(pull.verdict(), Ok(Verdict::Allowed));
    let spoil: [fn(&mut Case); 4] = [
        |case| case.request.changes = Changes::List(ChangeList::default()),
        |case| case.request.protocol = Protocol::Http,
        |case| case.use_deploy_key(true),
        |case| case.facts.actor = Actor::Anonymous,
    ];
    for change in spoil {
        let mut case = geo();
        change(&mut case);
        assert_eq!(case.verdict(), Err(Denial::forbidden(text::READ_ONLY_INSTANCE)), "{case:?}");
    }
    let mut blocked = geo();
    blocked.user().unwrap().state = crate::user::State::Blocked;
    assert_eq!(blocked.verdict(), Err(Denial::forbidden(text::BLOCKED)), "row 7 comes before");
}

#[test]
fn project_creation_applies_the_restrictions_of_the_namespace() {
    assert_eq!(new_project().verdict(), Ok(Verdict::CreateProject));
    let spoil: [fn(&mut Case); 5] = [
        |case| with_namespace(case, |facts| facts.namespace.deleted = true),
        |case| with_namespace(case, |facts| facts.banned = true),
        |case| with_namespace(case, |facts| facts.namespace.root.enforce_ssh_certificates = true),
        |case| case.request.namespace_path = Some("other".to_owned()),
        |case| case.request.check_ip = Some(ClientAddress::from_text("1.2.3.4")),
    ];
    for change in spoil {
        let mut case = new_project();
        change(&mut case);
        assert_eq!(case.verdict(), Err(Denial::NotFound(text::PROJECT_NOT_FOUND)), "{case:?}");
    }
    let mut within = new_project();
    within.request.namespace_path = Some("GRP".to_owned());
    assert_eq!(within.verdict(), Ok(Verdict::CreateProject));
    let mut read_only = new_project();
    read_only.facts.instance.read_only = true;
    assert_eq!(read_only.verdict(), Err(Denial::forbidden(text::READ_ONLY_INSTANCE)));
    let mut only_http = new_project();
    with_namespace(&mut only_http, |facts| facts.namespace.root.git_protocols = GitProtocols::OnlyHttp);
    assert_eq!(only_http.verdict(), Err(Denial::forbidden(text::NO_SSH)));
}

/// `+` is allowed, `F` forbidden, `N` not found: pull and push of a wiki in a private, an internal and a public group.
#[test]
fn wikis_of_groups_go_by_role_and_visibility() {
    for (who, expected) in [
        ("nobody", ["N N", "N N", "+ F"]),
        ("external", ["N N", "N N", "+ F"]),
        ("5", ["N N", "+ F", "+ F"]),
        ("10", ["F F", "+ F", "+ F"]),
        ("20", ["+ F", "+ F", "+ F"]),
        ("30", ["+ +", "+ +", "+ +"]),
        ("admin", ["+ +", "+ +", "+ +"]),
        ("key", ["N N", "N N", "+ F"]),
        ("token", ["N N", "N N", "+ F"]),
    ] {
        for (visibility, expected) in
            [Visibility::Private, Visibility::Internal, Visibility::Public].into_iter().zip(expected)
        {
            let mut case = group_wiki(Role(who.parse().unwrap_or(0)));
            with_namespace(&mut case, |facts| facts.namespace.visibility = visibility);
            match who {
                "nobody" => case.facts.actor = Actor::Anonymous,
                "key" => case.use_deploy_key(true),
                "token" => case.facts.actor = Actor::DeployToken { id: 1 },
                _ => {
                    let user = case.user().unwrap();
                    (user.external, user.admin) = (who == "external", who == "admin");
                }
            }
            let decided = [Action::Download, Action::Push].map(|action| {
                case.request.action = action;
                match case.decide() {
                    Ok(()) => "+",
                    Err(Denial::Forbidden(_)) => "F",
                    Err(Denial::NotFound(text)) => {
                        assert_eq!(text, "The wiki you were looking for could not be found.");
                        "N"
                    }
                }
            });
            assert_eq!(decided.join(" "), expected, "{who}, {visibility:?}");
        }
    }
}

#[test]
fn closed_group_refuses_pushes_to_its_wiki() {
    let push = |change: fn(&mut NamespaceFacts)| {
        let mut case = group_wiki(Role::OWNER);
        case.request.action = Action::Push;
        with_namespace(&mut case, change);
        case.decide()
    };
    assert_eq!(push(|_| {}), Ok(()));
    assert_eq!(push(|facts| facts.namespace.archived = true), Err(Denial::forbidden(text::ARCHIVED)));
    assert_eq!(
        push(|facts| facts.namespace.repository_read_only = true),
        Err(Denial::forbidden(text::READ_ONLY_REPOSITORY))
    );
    assert_eq!(push(|facts| facts.role = Role::REPORTER), Err(Denial::forbidden(text::WRITE_WIKI)));
    assert_eq!(push(|facts| facts.namespace.deleted = true), Err(Denial::NotFound(text::WIKI_NOT_FOUND)));
    let mut missing = group_wiki(Role::OWNER);
    missing.facts.repository = RepositoryStatus::Missing;
    assert_eq!(missing.decide(), Err(Denial::NotFound(text::NO_WIKI_REPOSITORY)));
}

#[test]
fn deploy_tokens_only_pull() {
    let token = |grant: Option<bool>| {
        let mut case = Case::new();
        case.facts.actor = Actor::DeployToken { id: 1 };
        case.with_project(|facts| {
            facts.actor_access.role = Role::NONE;
            facts.actor_access.deploy_token =
                grant.map(|read_repository| DeployTokenGrant { read_repository });
        });
        case
    };
    let not_found = Err(Denial::NotFound(text::PROJECT_NOT_FOUND));
    assert_eq!(token(Some(true)).decide(), Ok(()));
    assert_eq!(token(Some(false)).decide(), Err(Denial::forbidden(text::DOWNLOAD_CODE)));
    assert_eq!(token(None).decide(), not_found);
    let mut wiki = token(Some(true));
    wiki.reach_wiki();
    assert_eq!(wiki.decide(), Ok(()));
    for level in [FeatureLevel::Private, FeatureLevel::Disabled] {
        let mut case = token(Some(true));
        case.with_project(|facts| facts.project.repository = level);
        assert_eq!(case.decide().is_ok(), level == FeatureLevel::Private, "{level:?}");
    }
    for grant in [Some(true), Some(false)] {
        let mut push = token(grant);
        push.request.action = Action::Push;
        assert_eq!(push.decide(), Err(Denial::forbidden(text::UPLOAD)));
    }
    let mut snippet = token(Some(true));
    snippet.reach_snippet();
    assert_eq!(snippet.decide(), Err(Denial::forbidden(text::MECHANISM)));
    assert_eq!(snippet.facts.actor.gl_id(), "deploy-token-1");
}
