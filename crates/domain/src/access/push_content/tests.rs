//! Every message of the push rules, locks, Git LFS and size limits; checks that are skipped, and missing answers.
use std::collections::HashSet;

use super::{ContentAnswers, ContentFacts, Needs, revisions};
use crate::access::{Identity, Protocol, PushRule};
use crate::git::changes::ChangeList;
use crate::git::objects::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};
use crate::messages as text;

const Z: &str = "0000000000000000000000000000000000000000";
const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const MIB: u64 = 1024 * 1024;

fn facts(push_rule: Option<PushRule>) -> ContentFacts {
    ContentFacts {
        protocol: Protocol::Ssh,
        default_branch: Some("main".to_owned()),
        storage: "blind".to_owned(),
        lfs: false,
        locked: false,
        file_size_limit: 0,
        push_rule,
    }
}

fn rule(set: impl FnOnce(&mut PushRule)) -> PushRule {
    let mut rule = PushRule::default();
    set(&mut rule);
    rule
}

fn commit() -> Commit {
    Commit {
        id: B.to_owned(),
        parents: 1,
        message: "Fix it, JIRA-1\n\nSigned-off-by: Alice <alice@example.com>\n".to_owned(),
        author_name: "Alice".to_owned(),
        author_email: "Alice@example.com".to_owned(),
        committer_name: "alice the user".to_owned(),
        committer_email: "alice@Example.com".to_owned(),
        signed: true,
    }
}

fn answers(commit: Commit, path: &str, size: u64) -> ContentAnswers {
    ContentAnswers {
        commits: Some(vec![commit]),
        changed_paths: Some(vec![ChangedPath { path: path.to_owned(), status: PathStatus::Added }]),
        blobs: Some(vec![Blob { id: A.to_owned(), path: Some(path.to_owned()), size }]),
        lfs_pointers: Some(Vec::new()),
        members: HashSet::from(["alice@example.com".to_owned()]),
        identity: Identity {
            name: "alice the user".to_owned(),
            emails: HashSet::from(["alice@example.com".to_owned()]),
        },
        ..ContentAnswers::default()
    }
}

/// Empty when the push is allowed.
fn verdict(facts: &ContentFacts, answers: &ContentAnswers, pushed: &str) -> String {
    let checked = facts.check(answers, &pushed.into());
    checked.err().map(|refusal| refusal.to_string()).unwrap_or_default()
}

fn update() -> String {
    format!("{A} {B} refs/heads/feature")
}

#[test]
fn commits_are_held_against_every_rule() {
    let with = |set: &dyn Fn(&mut Commit)| {
        let mut changed = commit();
        set(&mut changed);
        changed
    };
    let address = "x@evil.example";
    let by_author = with(&|commit| commit.author_email = address.to_owned());
    let by_committer = with(&|commit| commit.committer_email = address.to_owned());
    let message = with(&|commit| commit.message = "wip".to_owned());
    let cases = [
        (
            rule(|rule| rule.commit_message_regex = Some(r"JIRA-\d+".into())),
            message.clone(),
            "Commit message does not follow the pattern 'JIRA-\\d+'".to_owned(),
        ),
        (
            rule(|rule| rule.commit_message_negative_regex = Some("^wip$".into())),
            message.clone(),
            "Commit message contains the forbidden pattern '^wip$'".to_owned(),
        ),
        (rule(|rule| rule.reject_non_dco_commits = true), message.clone(), text::NO_DCO.to_owned()),
        (
            rule(|rule| rule.author_email_regex = Some("(?i)@example.com$".into())),
            by_author.clone(),
            "Author's email 'x@evil.example' does not follow the pattern '(?i)@example.com$'".to_owned(),
        ),
        (
            rule(|rule| rule.author_email_regex = Some("(?i)@example.com$".into())),
            by_committer.clone(),
            "Committer's email 'x@evil.example' does not follow the pattern '(?i)@example.com$'".to_owned(),
        ),
        (
            rule(|rule| rule.member_check = true),
            by_author.clone(),
            "Author 'x@evil.example' is not a member of team".to_owned(),
        ),
        (
            rule(|rule| rule.member_check = true),
            by_committer.clone(),
            "Committer 'x@evil.example' is not a member of team".to_owned(),
        ),
        (
            rule(|rule| rule.commit_committer_check = true),
            by_committer.clone(),
            text::committer_not_pusher(address),
        ),
        (
            rule(|rule| rule.commit_committer_name_check = true),
            with(&|commit| commit.committer_name = "Alice".to_owned()),
            text::COMMITTER_NAME.to_owned(),
        ),
        (
            rule(|rule| rule.reject_unsigned_commits = true),
            with(&|commit| commit.signed = false),
            text::UNSIGNED.to_owned(),
        ),
    ];
    for (rule, bad, expected) in cases {
        let facts = facts(Some(rule));
        assert_eq!(verdict(&facts, &answers(bad.clone(), "a", 1), &update()), expected);
        assert_eq!(verdict(&facts, &answers(commit(), "a", 1), &update()), "", "{expected}");
        // A valid commit does not make up for an invalid one.
        let mut two = answers(commit(), "a", 1);
        two.commits = Some(vec![commit(), bad]);
        assert_eq!(verdict(&facts, &two, &update()), expected);
        let nothing = ContentAnswers::default();
        assert_eq!(verdict(&facts, &nothing, &update()), text::not_inspected("push rules", "blind"));
        assert_eq!(verdict(&facts, &nothing, &format!("{A} {Z} refs/heads/feature")), "");
        assert_eq!(verdict(&facts, &ContentAnswers::nothing(), &update()), "");
    }
}

#[test]
fn merges_by_the_web_interface_skip_some_commit_rules() {
    let strict = rule(|rule| {
        rule.commit_message_regex = Some("JIRA".into());
        rule.commit_message_negative_regex = Some("Merge".into());
        rule.reject_non_dco_commits = true;
        rule.reject_unsigned_commits = true;
    });
    let merge = |parents| {
        let commit = Commit { parents, message: "Merge x".to_owned(), signed: false, ..commit() };
        answers(commit, "a", 1)
    };
    let over = |protocol| ContentFacts { protocol, ..facts(Some(strict.clone())) };
    let message = "Commit message does not follow the pattern 'JIRA'";
    assert_eq!(verdict(&over(Protocol::Web), &merge(2), &update()), "");
    assert_eq!(verdict(&over(Protocol::Web), &merge(1), &update()), message);
    assert_eq!(verdict(&over(Protocol::Ssh), &merge(2), &update()), message);
    assert_eq!(verdict(&over(Protocol::Http), &merge(2), &update()), message);
}

#[test]
fn patterns_are_those_of_the_documentation() {
    for (pattern_text, message, expected) in [
        (r"JIRA\-\d+", "Refactored css. Fixes JIRA-123", true),
        (r"[[:^punct:]]\b$", "no end\n", true),
        (r"[[:^punct:]]\b$", "an end.\n", false),
        (r"JIRA:(\r\n?|\n)\w+", "JIRA:\nDescription", true),
        ("^second", "first\nsecond", true),
        ("(?-m)^second", "first\nsecond", false),
    ] {
        let facts = facts(Some(rule(|rule| rule.commit_message_regex = Some(pattern_text.into()))));
        let commit = Commit { message: message.to_owned(), ..commit() };
        let allowed = verdict(&facts, &answers(commit, "a", 1), &update()).is_empty();
        assert_eq!(allowed, expected, "{pattern_text} {message}");
    }
    for (pattern_text, path, expected) in [
        (r"\.exe$", "a/b.exe", false),
        (r"^config\.yml$", "config.yml", false),
        (r"^config\.yml$", "a/config.yml", true),
        (r"(^|\/)install\.exe$", "a/install.exe", false),
        (r"(^|\/)install\.exe$", "reinstall.exe", true),
    ] {
        let facts = facts(Some(rule(|rule| rule.file_name_regex = Some(pattern_text.into()))));
        let answer = verdict(&facts, &answers(commit(), path, 1), &update());
        let refused = format!("File name {path} was prohibited by the pattern \"{pattern_text}\".");
        assert_eq!(answer, if expected { String::new() } else { refused });
    }
}

#[test]
fn branches_and_tags_need_no_look_into_the_repository() {
    let facts = facts(Some(rule(|rule| {
        rule.branch_name_regex = Some("^JIRA-".into());
        rule.deny_delete_tag = true;
    })));
    let web = ContentFacts { protocol: Protocol::Web, ..facts.clone() };
    let nothing = ContentAnswers::default();
    let refused = "Branch name 'x' does not follow the pattern '^JIRA-'";
    for (change, expected) in [
        (format!("{Z} {A} refs/heads/JIRA-1"), ""),
        (format!("{Z} {A} refs/heads/x"), refused),
        (format!("{A} {B} refs/heads/x"), refused),
        (format!("{A} {Z} refs/heads/x"), ""),
        (format!("{A} {B} refs/heads/main"), ""),
        (format!("{Z} {A} refs/tags/x"), ""),
        (format!("{Z} {A} refs/notes/x"), ""),
        (format!("{A} {Z} refs/tags/x"), "You cannot delete a tag"),
    ] {
        assert_eq!(facts.needs(&change.as_str().into()), Needs::default());
        assert_eq!(verdict(&facts, &nothing, &change), expected, "{change}");
        let from_the_web = if expected == "You cannot delete a tag" { "" } else { expected };
        assert_eq!(verdict(&web, &nothing, &change), from_the_web, "{change}");
    }
}

#[test]
fn files_have_names_and_sizes() {
    let secrets = facts(Some(rule(|rule| rule.prevent_secrets = true)));
    let refused = verdict(&secrets, &answers(commit(), "x/.ssh/id_rsa", 1), &update());
    assert!(refused.starts_with("File name x/.ssh/id_rsa was prohibited by the pattern \""), "{refused}");
    let mut gone = answers(commit(), "id_rsa", 1);
    gone.changed_paths = Some(vec![ChangedPath { path: "id_rsa".to_owned(), status: PathStatus::Deleted }]);
    assert_eq!(verdict(&secrets, &gone, &update()), "");
    assert_eq!(verdict(&secrets, &answers(commit(), "id_rsa.pub", 1), &update()), "");

    let by_rule = facts(Some(rule(|rule| rule.max_file_size = 2)));
    let by_limit = ContentFacts { file_size_limit: 2, ..facts(None) };
    let large = "File \"big\" is larger than the allowed size of 2 MiB. Use Git LFS to manage this file.";
    for (facts, check) in [(&by_rule, "push rules"), (&by_limit, "sizes of files")] {
        assert_eq!(verdict(facts, &answers(commit(), "big", 2 * MIB), &update()), "");
        assert_eq!(verdict(facts, &answers(commit(), "big", 2 * MIB + 1), &update()), large);
        let refused = text::not_inspected(check, "blind");
        assert_eq!(verdict(facts, &ContentAnswers::default(), &update()), refused);
    }
    let mut nameless = answers(commit(), "", 0);
    nameless.blobs = Some(vec![Blob { id: A.to_owned(), path: None, size: 9 * MIB }]);
    assert!(verdict(&by_limit, &nameless, &update()).starts_with(&format!("File \"{A}\"")));
}

#[test]
fn pointers_lead_somewhere_and_locks_hold() {
    let lfs = ContentFacts { lfs: true, locked: true, ..facts(None) };
    let mut content = answers(commit(), "art/a.psd", 1);
    assert_eq!(verdict(&lfs, &content, &update()), "");
    let oid = "1".repeat(64);
    content.lfs_pointers = Some(vec![LfsPointer { oid: oid.clone(), size: 1 }]);
    let missing =
        "LFS objects are missing. Ensure LFS is properly set up or try a manual \"git lfs push --all\".";
    assert_eq!(verdict(&lfs, &content, &update()), missing);
    content.lfs_objects.insert(oid);
    assert_eq!(verdict(&lfs, &content, &update()), "");
    content.locks.insert("art".to_owned(), "mia".to_owned());
    assert_eq!(verdict(&lfs, &content, &update()), "");
    content.locks.insert("art/a.psd".to_owned(), "mia".to_owned());
    let locked = "'art/a.psd' is locked in Git LFS by @mia";
    assert_eq!(verdict(&lfs, &content, &update()), locked);
    content.changed_paths =
        Some(vec![ChangedPath { path: "art/a.psd".to_owned(), status: PathStatus::Deleted }]);
    assert_eq!(verdict(&lfs, &content, &update()), locked, "whoever takes the file away changes it");
    assert_eq!(verdict(&ContentFacts { lfs: false, ..lfs.clone() }, &content, &update()), "");
    let nothing = ContentAnswers::default();
    assert_eq!(verdict(&lfs, &nothing, &update()), text::not_inspected("Git LFS locks", "blind"));
    let unlocked = ContentFacts { locked: false, ..lfs };
    assert_eq!(verdict(&unlocked, &nothing, &update()), text::not_inspected("Git LFS objects", "blind"));
}

#[test]
fn only_needed_objects_are_requested() {
    let deleted = format!("{A} {Z} refs/heads/y");
    let changes = ChangeList::from(format!("{A} {B} refs/heads/x\n{Z} {B} refs/tags/x\n{deleted}"));
    let deleted = ChangeList::from(deleted);
    assert_eq!(revisions(&changes), [B]);
    let none = Needs::default();
    assert_eq!(facts(None).needs(&changes), none);
    assert_eq!(facts(Some(PushRule::default())).needs(&changes), none);
    let paths = Needs { commits: true, changed_paths: true, ..none };
    for (facts, expected) in [
        (ContentFacts { lfs: true, ..facts(None) }, Needs { lfs_pointers: true, ..none }),
        (ContentFacts { locked: true, ..facts(None) }, none),
        (
            ContentFacts { lfs: true, locked: true, ..facts(None) },
            Needs { lfs_pointers: true, locks: true, ..paths },
        ),
        (ContentFacts { file_size_limit: 1, ..facts(None) }, Needs { blobs: true, ..none }),
        (facts(Some(rule(|rule| rule.prevent_secrets = true))), paths),
        (facts(Some(rule(|rule| rule.member_check = true))), Needs { commits: true, members: true, ..none }),
        (
            facts(Some(rule(|rule| rule.commit_committer_check = true))),
            Needs { commits: true, identity: true, ..none },
        ),
    ] {
        assert_eq!(facts.needs(&changes), expected, "{facts:?}");
        assert_eq!(facts.needs(&deleted), none);
    }
}

#[test]
fn a_sign_off_has_a_name_and_an_address() {
    let facts = facts(Some(rule(|rule| rule.reject_non_dco_commits = true)));
    for (message, expected) in [
        ("x\n\nSigned-off-by: A U Thor <a@example.com>", true),
        ("x\n\nSigned-off-by: A <a@example.com>\nCo-authored-by: B <b@example.com>\r\n", true),
        ("x\n\nsigned off by A <a@example.com>", false),
        ("x\n\nSigned-off-by: <a@example.com>", false),
        ("x\n\nSigned-off-by: A", false),
        ("x\n\nSigned-off-by: A <a>", false),
        ("see Signed-off-by: A <a@example.com>", false),
    ] {
        let commit = Commit { message: message.to_owned(), ..commit() };
        let answer = verdict(&facts, &answers(commit, "a", 1), &update());
        assert_eq!(answer, if expected { "" } else { text::NO_DCO }, "{message}");
    }
}

#[test]
fn invalid_pattern_refuses_every_push() {
    let too_long = "a".repeat(2048);
    for bad in ["(", "(?=x)", r"\1", "a{9999}{9999}", &too_long] {
        let message = text::unreadable_pattern(bad);
        for set in [
            (|rule, bad| rule.branch_name_regex = bad) as fn(&mut PushRule, Option<String>),
            |rule, bad| rule.commit_message_regex = bad,
            |rule, bad| rule.commit_message_negative_regex = bad,
            |rule, bad| rule.author_email_regex = bad,
            |rule, bad| rule.file_name_regex = bad,
        ] {
            let facts = facts(Some(rule(|rule| set(rule, Some(bad.into())))));
            assert_eq!(verdict(&facts, &answers(commit(), "a", 1), &update()), message);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_pattern_and_no_push_is_too_strange(pattern_text in "\\PC{0,24}", subject in "\\PC{0,64}", added in proptest::bool::ANY) {
        let facts = facts(Some(PushRule {
            branch_name_regex: Some(pattern_text.clone()),
            commit_message_regex: Some(pattern_text.clone()),
            commit_message_negative_regex: Some(pattern_text.clone()),
            author_email_regex: Some(pattern_text.clone()),
            file_name_regex: Some(pattern_text.clone()),
            prevent_secrets: true,
            reject_non_dco_commits: true,
            ..PushRule::default()
        }));
        let commit = Commit { message: subject.clone(), author_email: subject.clone(), ..commit() };
        let mut content = answers(commit, &subject, 1);
        let status = if added { PathStatus::Added } else { PathStatus::Modified };
        content.changed_paths = Some(vec![ChangedPath { path: subject.clone(), status }]);
        let _ = facts.check(&content, &format!("{A} {B} refs/heads/{subject}").into());
        // No message can match a pattern and not match it.
        let branch_free = ChangeList::from(format!("{A} {B} refs/heads/main"));
        proptest::prop_assert!(facts.check(&content, &branch_free).is_err());
    }
}
