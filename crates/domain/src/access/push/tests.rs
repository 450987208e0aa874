//! Every check of a changed ref, and the order of the checks.
use super::{
    Answers, MergeRequests, PushFacts, Question, RepositoryState, Rules, StateNeeds, check, questions,
};
use crate::Role;
use crate::access::branch_protection::BranchProtection;
use crate::access::protected_refs::{Grant, ProtectedBranch, ProtectedTag};
use crate::access::test_facts::{self, instance, now, project};
use crate::access::{Protocol, Rule};
use crate::actor::{Actor, Key};
use crate::git::changes::ChangeList;
use crate::instance::Instance;
use crate::messages as text;
use crate::project::{ActorAccess, DeployKeyGrant, Project};
use crate::user::{State, User};

/// A developer's account, and keys, with ids that grants name.
fn user() -> User {
    User { id: 2, username: "alice".to_owned(), admin: false, ..test_facts::user() }
}

fn key(id: i64) -> Key {
    Key { id, ..test_facts::key() }
}

const Z: &str = "0000000000000000000000000000000000000000";
const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The actor, the protocol and the project of a push. `A` is an ancestor of `B`.
struct Push {
    actor: Actor,
    actor_access: ActorAccess,
    protocol: Protocol,
    project: Project,
    instance: Instance,
    rules: Rules,
    merge_requests: MergeRequests,
    repository: RepositoryState,
    based_on: Vec<&'static str>,
}

fn roles(levels: &[i32]) -> Vec<Grant> {
    levels.iter().map(|level| Grant::Role(Role(*level))).collect()
}

fn branch(name: &str, allow_force_push: bool, push: Vec<Grant>, merge: Vec<Grant>) -> ProtectedBranch {
    ProtectedBranch { id: 1, name: name.to_owned(), allow_force_push, push, merge }
}

/// A push over SSH by a person with this role, to a project whose `main`, `release/*` and `v*` are protected.
fn push_by(role: Role) -> Push {
    Push {
        actor: Actor::User(user()),
        actor_access: ActorAccess { role, ..ActorAccess::default() },
        protocol: Protocol::Ssh,
        project: Project { full_path: "grp/p".to_owned(), branch_protection: None, ..project() },
        instance: Instance { url: "https://gitlab.example.com".to_owned(), ..instance() },
        rules: Rules {
            branches: vec![
                branch("main", false, roles(&[40]), roles(&[30])),
                branch("release/*", true, roles(&[40]), roles(&[40])),
            ],
            tags: vec![ProtectedTag { id: 1, name: "v*".to_owned(), create: roles(&[40]) }],
        },
        merge_requests: MergeRequests::default(),
        repository: RepositoryState { empty: false, default_branch: Some("main".to_owned()) },
        based_on: vec!["main"],
    }
}

impl Push {
    fn facts(&self) -> PushFacts<'_> {
        PushFacts {
            actor: &self.actor,
            project: &self.project,
            actor_access: self.actor_access,
            instance: &self.instance,
            protocol: self.protocol,
            now: now(),
            rules: self.rules.clone(),
            merge_requests: self.merge_requests.clone(),
            repository: self.repository.clone(),
        }
    }

    fn questions(&self, pushed: &str) -> Vec<Question> {
        questions(&self.facts(), &pushed.into())
    }

    /// The message of the refusal; empty if the push is allowed.
    fn verdict(&self, pushed: &str) -> String {
        self.refusal(pushed).map(|(_, message)| message).unwrap_or_default()
    }

    /// The row and the message of the refusal.
    fn refusal(&self, pushed: &str) -> Option<(&'static str, String)> {
        let changes = ChangeList::from(pushed);
        let mut answers = Answers::default();
        for question in self.questions(pushed) {
            match question {
                Question::FastForward { old, new, .. } => {
                    let forward = (old.as_str(), new.as_str()) == (A, B);
                    answers.fast_forward.insert((old, new), forward);
                }
                Question::BranchesWith { commit, .. } => {
                    let branches = self.based_on.iter().map(|name| (*name).to_owned()).collect();
                    answers.branches_with.insert(commit, branches);
                }
            }
        }
        let refusal = check(&self.facts(), &answers, &changes, &mut ()).err();
        refusal.map(|refusal| (refusal.rule.row(), refusal.to_string()))
    }
}

#[test]
fn every_letter_is_reached() {
    let (developer, maintainer, reporter) =
        (push_by(Role::DEVELOPER), push_by(Role::MAINTAINER), push_by(Role::REPORTER));
    let web = Push { protocol: Protocol::Web, ..push_by(Role::DEVELOPER) };
    let web_maintainer = Push { protocol: Protocol::Web, ..push_by(Role::MAINTAINER) };
    let groundless = Push { protocol: Protocol::Web, based_on: vec!["feature"], ..push_by(Role::DEVELOPER) };
    let merging_into = |role| {
        let mut push = push_by(role);
        push.rules.branches.push(branch("next", false, roles(&[40]), roles(&[30])));
        push
    };
    for (letter, push, pushed, expected) in [
        ("a", &reporter, format!("{A} {B} refs/heads/f"), text::PUSH_CODE),
        ("a, notes", &reporter, format!("{Z} {A} refs/notes/commits"), text::PUSH_CODE),
        ("a, tag", &reporter, format!("{A} {B} refs/tags/t"), text::PUSH_CODE),
        ("b", &maintainer, format!("{A} {Z} refs/heads/main"), text::DELETE_DEFAULT_BRANCH),
        ("c", &developer, format!("{Z} {A} refs/heads/{A}"), text::SHA_BRANCH),
        ("c, longer", &developer, format!("{Z} {A} refs/heads/{A}x"), text::SHA_BRANCH),
        ("c'", &developer, format!("{Z} {A} refs/heads/a..b"), text::INVALID_BRANCH),
        ("d", &maintainer, format!("{B} {A} refs/heads/main"), text::FORCE_PUSH),
        ("f, none", &developer, format!("{Z} {B} refs/heads/release/2"), text::CREATE_PROTECTED),
        (
            "f, base",
            &Push { rules: merging_into(Role::DEVELOPER).rules, ..groundless },
            format!("{Z} {B} refs/heads/next"),
            text::CREATE_PROTECTED_BASE,
        ),
        (
            "f, web",
            &merging_into(Role::DEVELOPER),
            format!("{Z} {B} refs/heads/next"),
            text::CREATE_PROTECTED_WEB,
        ),
        ("f', role", &developer, format!("{A} {Z} refs/heads/release/1"), text::DELETE_PROTECTED),
        ("f', web", &maintainer, format!("{A} {Z} refs/heads/release/1"), text::DELETE_PROTECTED_WEB),
        ("g", &developer, format!("{A} {B} refs/heads/main"), text::PUSH_PROTECTED),
        ("i", &developer, format!("{Z} {A} refs/tags/main"), text::TAG_NAMED_AS_DEFAULT),
        ("j", &developer, format!("{Z} {A} refs/tags/a..b"), text::TAG_PROHIBITED),
        ("j, prefix", &developer, format!("{Z} {A} refs/tags/refs/tags/x"), text::TAG_PROHIBITED),
        ("j, SHA", &developer, format!("{Z} {A} refs/tags/{A}"), text::SHA_TAG),
        ("k, update", &maintainer, format!("{A} {B} refs/tags/v1"), text::UPDATE_PROTECTED_TAG),
        ("k, delete", &developer, format!("{A} {Z} refs/tags/v1"), text::DELETE_PROTECTED_TAG),
        ("k, delete, web", &maintainer, format!("{A} {Z} refs/tags/v1"), text::DELETE_PROTECTED_TAG_WEB),
        ("k, create", &developer, format!("{Z} {A} refs/tags/v1"), text::CREATE_PROTECTED_TAG),
        ("ok, branch", &developer, format!("{A} {B} refs/heads/f"), ""),
        ("ok, force unprotected", &developer, format!("{B} {A} refs/heads/f"), ""),
        ("ok, bad name goes", &developer, format!("{A} {Z} refs/heads/a..b"), ""),
        ("ok, protected", &maintainer, format!("{A} {B} refs/heads/main"), ""),
        ("ok, force allowed", &maintainer, format!("{B} {A} refs/heads/release/1"), ""),
        (
            "ok, create by web",
            &Push { rules: merging_into(Role::DEVELOPER).rules, ..web },
            format!("{Z} {B} refs/heads/next"),
            "",
        ),
        ("ok, delete by web", &web_maintainer, format!("{A} {Z} refs/heads/release/1"), ""),
        ("ok, tag by web", &web_maintainer, format!("{A} {Z} refs/tags/v1"), ""),
        ("ok, tag", &maintainer, format!("{Z} {A} refs/tags/v1"), ""),
        ("ok, notes", &developer, format!("{Z} {A} refs/notes/commits"), ""),
        (
            "g, second line",
            &developer,
            format!("{A} {B} refs/heads/f\n{A} {B} refs/heads/main"),
            text::PUSH_PROTECTED,
        ),
    ] {
        assert_eq!(push.verdict(&pushed), expected, "{letter}: {pushed}");
        let row = push.refusal(&pushed).map(|(row, _)| row.to_owned());
        let expected_row = letter.split(',').next().map(|letter| format!("29{letter}"));
        assert_eq!(row, expected_row.filter(|_| !expected.is_empty()), "{letter}: {pushed}");
    }
}

/// If two checks fail, the message is that of the earlier one.
#[test]
fn checks_run_in_the_documented_order() {
    let (reporter, developer) = (push_by(Role::REPORTER), push_by(Role::DEVELOPER));
    for (letters, push, pushed, expected) in [
        ("a, b", &reporter, format!("{A} {Z} refs/heads/main"), text::PUSH_CODE),
        ("a, c", &reporter, format!("{Z} {A} refs/heads/{A}"), text::PUSH_CODE),
        ("b, f'", &developer, format!("{A} {Z} refs/heads/main"), text::DELETE_DEFAULT_BRANCH),
        ("c, c'", &developer, format!("{Z} {A} refs/heads/{A}..x"), text::SHA_BRANCH),
        ("d, g", &developer, format!("{B} {A} refs/heads/main"), text::FORCE_PUSH),
        ("a, i", &reporter, format!("{Z} {A} refs/tags/main"), text::PUSH_CODE),
        ("a, k", &reporter, format!("{A} {B} refs/tags/v1"), text::PUSH_CODE),
    ] {
        assert_eq!(push.verdict(&pushed), expected, "{letters}: {pushed}");
    }
}

/// A tag named like the default branch cannot be created, but an existing one can be moved and deleted.
#[test]
fn only_new_tags_are_kept_from_the_default_branch_s_name() {
    let developer = push_by(Role::DEVELOPER);
    assert_eq!(developer.verdict(&format!("{Z} {A} refs/tags/main")), text::TAG_NAMED_AS_DEFAULT);
    assert_eq!(developer.verdict(&format!("{A} {B} refs/tags/main")), "");
    assert_eq!(developer.verdict(&format!("{A} {Z} refs/tags/main")), "");
}

/// An administrator may push the first commit without a role in the project.
#[test]
fn an_empty_repository_is_begun_by_administrators() {
    let mut push = push_by(Role::NONE);
    push.repository.empty = true;
    push.rules = Rules::default();
    push.project.branch_protection = Some(BranchProtection::FULL);
    let change = format!("{Z} {A} refs/heads/main");
    assert_eq!(push.verdict(&change), text::PUSH_CODE);
    push.actor = Actor::User(User { admin: true, ..user() });
    assert_eq!(push.verdict(&change), "");
}

#[test]
fn an_empty_repository_is_begun_by_maintainers() {
    let empty = |role, protection: BranchProtection| {
        let mut push = push_by(role);
        push.repository = RepositoryState { empty: true, default_branch: Some("main".to_owned()) };
        push.rules = Rules::default();
        push.project.branch_protection = Some(protection);
        push.verdict(&format!("{Z} {A} refs/heads/first"))
    };
    let refused = text::no_default_branch("https://gitlab.example.com", "grp/p");
    let started = BranchProtection { on: true, developers_may_start: true };
    let off = BranchProtection { on: false, developers_may_start: false };
    assert_eq!(empty(Role::DEVELOPER, BranchProtection::FULL), refused);
    assert_eq!(empty(Role::DEVELOPER, started), "");
    assert_eq!(empty(Role(35), started), refused, "a role between is no developer");
    assert_eq!(empty(Role::DEVELOPER, off), "");
    assert_eq!(empty(Role::MAINTAINER, BranchProtection::FULL), "");
}

/// Rules apply to updated and deleted branches, even if the repository counts as empty.
#[test]
fn only_created_branches_are_initial_in_an_empty_repository() {
    let mut push = push_by(Role::DEVELOPER);
    push.repository.empty = true;
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/main")), text::PUSH_PROTECTED);
    assert_eq!(push.verdict(&format!("{B} {A} refs/heads/main")), text::FORCE_PUSH);
    assert_eq!(push.verdict(&format!("{A} {Z} refs/heads/release/1")), text::DELETE_PROTECTED);
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/f")), "");
    assert_eq!(push.questions(&format!("{Z} {A} refs/heads/main")), []);
}

/// Ref names with U+FFFD, which replaces invalid UTF-8, cannot be created or updated.
#[test]
fn names_must_be_readable() {
    let push = push_by(Role::DEVELOPER);
    for (name, expected) in [("heads", text::INVALID_BRANCH), ("tags", text::TAG_NOT_UTF8)] {
        assert_eq!(push.verdict(&format!("{Z} {A} refs/{name}/a\u{fffd}b")), expected);
        assert_eq!(push.verdict(&format!("{A} {B} refs/{name}/a\u{fffd}b")), expected);
        assert_eq!(push.verdict(&format!("{A} {Z} refs/{name}/a\u{fffd}b")), "");
    }
}

/// If several rules match, one that allows a push or a force push is enough.
#[test]
fn rules_add_up() {
    let update = format!("{A} {B} refs/heads/main");
    let mut push = push_by(Role::DEVELOPER);
    push.rules.branches.push(branch("ma*", false, roles(&[30]), Vec::new()));
    assert_eq!(push.verdict(&update), "");
    assert_eq!(push.verdict(&format!("{B} {A} refs/heads/main")), text::FORCE_PUSH);
    push.rules.branches.push(branch("*n", true, Vec::new(), Vec::new()));
    assert_eq!(push.verdict(&format!("{B} {A} refs/heads/main")), "");
    push.rules.tags.push(ProtectedTag { id: 1, name: "v1".to_owned(), create: roles(&[30]) });
    assert_eq!(push.verdict(&format!("{Z} {A} refs/tags/v1")), "");
    assert_eq!(push.verdict(&format!("{Z} {A} refs/tags/v2")), text::CREATE_PROTECTED_TAG);
}

#[test]
fn grants_admit_whom_they_name() {
    let update = format!("{A} {B} refs/heads/main");
    let with = |push: Vec<Grant>, change: &dyn Fn(&mut Push)| {
        let mut asked = push_by(Role::MAINTAINER);
        asked.rules.branches = vec![branch("main", false, push, Vec::new())];
        change(&mut asked);
        asked.verdict(&update)
    };
    let admin = |push: &mut Push| {
        push.actor = Actor::User(User { admin: true, ..user() });
        push.actor_access.role = Role::NONE;
    };
    let role = |role: Role| move |push: &mut Push| push.actor_access.role = role;
    for (name, verdict, expected) in [
        ("a rule without rows", with(Vec::new(), &|_| ()), text::PUSH_PROTECTED),
        ("no one", with(roles(&[0]), &|_| ()), text::PUSH_PROTECTED),
        ("no one, an administrator", with(roles(&[0]), &admin), text::PUSH_PROTECTED),
        ("a level is a role, also for administrators", with(roles(&[40]), &admin), text::PUSH_PROTECTED),
        ("administrators", with(roles(&[60]), &admin), ""),
        ("administrators, a maintainer", with(roles(&[60]), &|_| ()), text::PUSH_PROTECTED),
        ("any row is enough", with(roles(&[0, 40]), &|_| ()), ""),
        ("the user", with(vec![Grant::User(2)], &role(Role::DEVELOPER)), ""),
        ("another user", with(vec![Grant::User(3)], &|_| ()), text::PUSH_PROTECTED),
        (
            "the user, no member",
            with(vec![Grant::User(2)], &|push| {
                admin(push);
            }),
            text::PUSH_PROTECTED,
        ),
        ("a group", with(vec![Grant::Group { role: Role::DEVELOPER }], &role(Role::DEVELOPER)), ""),
        (
            "a group, too low",
            with(vec![Grant::Group { role: Role::REPORTER }], &|_| ()),
            text::PUSH_PROTECTED,
        ),
    ] {
        assert_eq!(verdict, expected, "{name}");
    }
}

/// A push by a write deploy key of a user with this role.
fn push_by_deploy_key(owner_role: Role) -> Push {
    let mut push = push_by(owner_role);
    push.actor_access.deploy_key = Some(DeployKeyGrant { can_push: true });
    push.actor = Actor::DeployKey { key: key(31), owner: Some(user()) };
    push
}

#[test]
fn deploy_key_requires_an_owner_with_git_and_project_access() {
    let verdict = |change: &dyn Fn(&mut Push)| {
        let mut push = push_by_deploy_key(Role::DEVELOPER);
        change(&mut push);
        push.verdict(&format!("{A} {B} refs/heads/f"))
    };
    let owner = |owner: Option<User>| {
        move |push: &mut Push| push.actor = Actor::DeployKey { key: key(31), owner: owner.clone() }
    };
    assert_eq!(verdict(&|_| ()), "");
    assert_eq!(verdict(&owner(None)), text::PUSH_CODE);
    assert_eq!(verdict(&owner(Some(User { state: State::Blocked, ..user() }))), text::PUSH_CODE);
    assert_eq!(verdict(&|push| push.actor_access.role = Role::NONE), text::PUSH_CODE);
    assert_eq!(verdict(&|push| push.actor_access.banned = true), text::PUSH_CODE);
    let read_only = |push: &mut Push| push.actor_access.deploy_key = Some(DeployKeyGrant { can_push: false });
    assert_eq!(verdict(&read_only), text::PUSH_CODE);
}

/// Every check of a push by a deploy key applies to its owner.
#[test]
fn a_deploy_key_pushes_with_the_authority_of_its_owner() {
    let main = format!("{A} {B} refs/heads/main");
    let tag = format!("{A} {B} refs/tags/t");
    for (role, pushed, expected) in [
        (Role::MAINTAINER, &main, ""),
        (Role::DEVELOPER, &main, text::PUSH_PROTECTED),
        (Role::MAINTAINER, &format!("{Z} {B} refs/tags/v9"), ""),
        (Role::DEVELOPER, &format!("{Z} {B} refs/tags/v9"), text::CREATE_PROTECTED_TAG),
        (Role::MAINTAINER, &format!("{A} {Z} refs/heads/release/1"), text::DELETE_PROTECTED_WEB),
        (Role::DEVELOPER, &format!("{A} {Z} refs/heads/release/1"), text::DELETE_PROTECTED),
        (Role::DEVELOPER, &tag, ""),
        (Role::REPORTER, &tag, text::CHANGE_TAG),
        (Role::REPORTER, &format!("{A} {Z} refs/tags/t"), text::CHANGE_TAG),
        (Role::REPORTER, &format!("{Z} {B} refs/tags/t"), ""),
        (Role::REPORTER, &format!("{A} {B} refs/heads/f"), ""),
    ] {
        assert_eq!(push_by_deploy_key(role).verdict(pushed), expected, "{role:?} {pushed}");
    }
}

/// A rule that matches the whole name of a ref protects it from deploy keys.
#[test]
fn the_whole_ref_name_decides_for_deploy_keys() {
    for (rule, protects) in [("*", true), ("refs/*", true), ("*9", true), ("t9", false), ("main", false)] {
        for ref_name in ["refs/tags/t9", "refs/notes/n9", "refs/heads/f9"] {
            let verdict = |role: Role, is_key: bool| {
                let mut push = if is_key { push_by_deploy_key(role) } else { push_by(role) };
                push.rules.branches = vec![branch(rule, false, roles(&[40]), Vec::new())];
                push.rules.tags = Vec::new();
                push.verdict(&format!("{Z} {B} {ref_name}"))
            };
            let expected = if protects { text::PUSH_CODE } else { "" };
            assert_eq!(verdict(Role::DEVELOPER, true), expected, "{rule} {ref_name}");
            assert_eq!(verdict(Role::MAINTAINER, true), "", "{rule} {ref_name}");
            if !ref_name.starts_with("refs/heads/") {
                assert_eq!(verdict(Role::DEVELOPER, false), "", "{rule} {ref_name}");
            }
        }
    }
}

/// In an empty repository with default branch protection, the first push of a deploy key needs the same right as its
/// owner's, for every ref.
#[test]
fn an_empty_repository_takes_pushes_of_a_maintainer_s_deploy_key() {
    let verdict = |role: Role, pushed: &str, protection: BranchProtection| {
        let mut push = push_by_deploy_key(role);
        push.repository = RepositoryState { empty: true, default_branch: None };
        push.rules = Rules::default();
        push.project.branch_protection = Some(protection);
        push.verdict(pushed)
    };
    let off = BranchProtection { on: false, developers_may_start: false };
    let started = BranchProtection { on: true, developers_may_start: true };
    for ref_name in ["refs/heads/main", "refs/tags/t", "refs/notes/n"] {
        let pushed = format!("{Z} {A} {ref_name}");
        assert_eq!(verdict(Role::MAINTAINER, &pushed, BranchProtection::FULL), "", "{ref_name}");
        assert_eq!(verdict(Role::DEVELOPER, &pushed, BranchProtection::FULL), text::PUSH_CODE, "{ref_name}");
        assert_eq!(verdict(Role::DEVELOPER, &pushed, started), "", "{ref_name}");
        assert_eq!(verdict(Role::REPORTER, &pushed, off), "", "{ref_name}");
    }
}

/// A grant for a deploy key allows its owner to push, in person or with any write key.
#[test]
fn a_row_for_a_deploy_key_admits_its_owner() {
    let verdict = |owner_id: Option<i64>, mut push: Push| {
        push.rules.branches = vec![branch("main", false, vec![Grant::DeployKey { owner_id }], Vec::new())];
        push.verdict(&format!("{A} {B} refs/heads/main"))
    };
    assert_eq!(verdict(Some(2), push_by_deploy_key(Role::DEVELOPER)), "");
    assert_eq!(verdict(Some(2), push_by(Role::DEVELOPER)), "");
    for owner_id in [Some(3), None] {
        assert_eq!(verdict(owner_id, push_by_deploy_key(Role::MAINTAINER)), text::PUSH_PROTECTED);
        assert_eq!(verdict(owner_id, push_by(Role::MAINTAINER)), text::PUSH_PROTECTED);
    }
    let mut of_administrator = push_by(Role::NONE);
    of_administrator.actor = Actor::User(User { admin: true, ..user() });
    assert_eq!(verdict(Some(2), of_administrator), text::PUSH_PROTECTED, "not a member");
}

#[test]
fn merge_requests_let_through() {
    let mut push = push_by(Role::DEVELOPER);
    push.merge_requests.merging.insert(("main".to_owned(), B.to_owned()));
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/main")), "");
    push.actor_access.role = Role::MAINTAINER;
    push.rules.branches[0] = branch("main", false, Vec::new(), Vec::new());
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/main")), text::MERGE_PROTECTED);

    let mut push = push_by(Role::NONE);
    push.merge_requests.collaboration_branches.insert("theirs".to_owned());
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/theirs")), "");
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/mine")), text::PUSH_CODE);
    assert_eq!(push.verdict(&format!("{Z} {B} refs/tags/t")), text::PUSH_CODE);
    push.actor = Actor::User(User { state: State::Blocked, ..user() });
    assert_eq!(push.verdict(&format!("{A} {B} refs/heads/theirs")), text::PUSH_CODE);
}

/// A merge request lets a user push to its source branch who may push or merge to its target branch.
#[test]
fn updating_a_branch_needs_the_right_to_push_or_to_merge() {
    for (role, push_level, merge_level, expected) in [
        (Role::DEVELOPER, 40, 40, false),
        (Role::DEVELOPER, 40, 30, true),
        (Role::DEVELOPER, 30, 0, true),
        (Role::MAINTAINER, 0, 0, false),
        (Role::REPORTER, 20, 20, false),
    ] {
        let user = user();
        let access = ActorAccess { role, ..ActorAccess::default() };
        let pusher = project().pusher(Some(&user), access);
        let rules = [branch("main", false, roles(&[push_level]), roles(&[merge_level]))];
        assert_eq!(super::may_update_branch(pusher, &rules, "main"), expected, "{role:?} {push_level}");
        assert_eq!(super::may_update_branch(pusher, &rules, "f"), role >= Role::DEVELOPER, "{role:?}");
    }
}

#[test]
fn the_repository_is_asked_once_and_only_of_protected_refs() {
    let maintainer = push_by(Role::MAINTAINER);
    let free = format!(
        "{A} {B} refs/heads/f\n{Z} {A} refs/tags/v1\n{B} {A} refs/heads/release/1\n{A} {Z} refs/heads/main"
    );
    assert_eq!(maintainer.questions(&free), []);
    let twice = format!("{A} {B} refs/heads/main\n{A} {B} refs/heads/main");
    let question =
        Question::FastForward { name: "refs/heads/main".to_owned(), old: A.to_owned(), new: B.to_owned() };
    assert_eq!(maintainer.questions(&twice), [question]);
    // A missing answer does not allow a push.
    let changes = ChangeList::from(twice);
    let refused = Err(Rule::ForcePush.forbid(text::FORCE_PUSH));
    assert_eq!(check(&maintainer.facts(), &Answers::default(), &changes, &mut ()), refused);
}

/// Facts that a push does not depend on do not change the verdict.
#[test]
fn unrelated_facts_do_not_change_the_verdict() {
    for (line, empty, default_branch) in [
        (format!("{A} {B} refs/heads/main"), false, false),
        (format!("{Z} {B} refs/heads/main"), true, false),
        (format!("{B} {Z} refs/heads/main"), false, true),
        (format!("{Z} {B} refs/tags/main"), false, true),
        (format!("{A} {B} refs/tags/main"), false, false),
        (format!("{B} {Z} refs/tags/main"), false, false),
        (format!("{Z} {B} refs/notes/main"), false, false),
        (format!("{A} {B} refs/heads/f\n{Z} {A} refs/heads/g\n{A} {Z} refs/heads/h"), true, true),
    ] {
        let bearing = StateNeeds::new(&Actor::User(user()), &line.as_str().into());
        assert_eq!(bearing, StateNeeds { empty, default_branch }, "{line}");
        for role in [Role::DEVELOPER, Role::MAINTAINER] {
            let known = |empty, default_branch: Option<&str>| {
                let mut push = push_by(role);
                push.repository =
                    RepositoryState { empty, default_branch: default_branch.map(ToOwned::to_owned) };
                push.verdict(&line)
            };
            if !bearing.empty {
                assert_eq!(known(true, None), known(false, None), "{line}");
            }
            if !bearing.default_branch {
                assert_eq!(known(false, Some("main")), known(false, None), "{line}");
            }
        }
    }
}
