//! Every push rule, and every message that a push rule produces.
use super::incoming::{Incoming, allowed, refused};
use super::support::{Shell, Z, shell_api_at};
use serde_json::json;
use testkit::{Database, Release};

const MIB: usize = 1024 * 1024;

async fn shell(database: Database, incoming: &Incoming) -> Shell {
    shell_api_at(database, incoming.storage.path(), &[]).await
}

/// Project P's one push rule: columns and values.
fn rule(shell: &Shell, set: &str) {
    let (columns, values): (Vec<&str>, Vec<&str>) =
        set.split("; ").filter_map(|one| one.split_once(" = ")).unzip();
    let (columns, values) = (columns.join(", "), values.join(", "));
    shell.sql(&format!(
        "DELETE FROM push_rules; INSERT INTO push_rules (project_id, {columns}) VALUES (3, {values})"
    ));
}

#[testkit::test]
async fn branch_names_follow_the_pattern(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    rule(&shell, "branch_name_regex = '^JIRA-'");
    let (a, b) = (incoming.main.clone(), incoming.commit(&[]));
    let no = refused("Branch name 'feature' does not follow the pattern '^JIRA-'");
    for (line, expected) in [
        (format!("{Z} {b} refs/heads/feature"), no.clone()),
        (format!("{a} {b} refs/heads/feature"), no.clone()),
        (format!("{a} {Z} refs/heads/feature"), allowed()),
        (format!("{Z} {b} refs/heads/JIRA-1"), allowed()),
        (format!("{Z} {b} refs/heads/JIRA-1\n{Z} {b} refs/heads/feature"), no.clone()),
        (format!("{Z} {b} refs/tags/feature"), allowed()),
        (format!("{a} {b} refs/heads/main"), allowed()),
    ] {
        assert_eq!(incoming.push_line(&shell, 14, &line).await, expected, "{line}");
    }
    let web = json!({ "protocol": "web" });
    assert_eq!(incoming.push_with(&shell, 14, &format!("{Z} {b} refs/heads/feature"), web).await, no);
}

#[testkit::test]
async fn push_rule_can_forbid_deleting_tags(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    let line = format!("{} {Z} refs/tags/t", incoming.main);
    assert_eq!(incoming.push_line(&shell, 14, &line).await, allowed());
    rule(&shell, "deny_delete_tag = true");
    assert_eq!(incoming.push_line(&shell, 14, &line).await, refused("You cannot delete a tag"));
    assert_eq!(incoming.push_with(&shell, 14, &line, json!({ "protocol": "web" })).await, allowed());
    let branch = format!("{} {Z} refs/heads/t", incoming.main);
    assert_eq!(incoming.push_line(&shell, 14, &branch).await, allowed());
}

#[testkit::test]
async fn messages_follow_patterns(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    let good = incoming.commit(&[]);
    let wip = |parents: &[&str]| {
        incoming.commit_with(
            |draft| {
                draft.message = "wip\n".into();
                draft.parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
            },
            &[],
        )
    };
    let (bad, hidden) = (wip(&[&incoming.main]), wip(&[&good]));
    let above = incoming.commit_with(|draft| draft.parents = vec![hidden.clone()], &[("x", Some(b"x"))]);
    for (set, message) in [
        (r"commit_message_regex = 'JIRA-\d+'", r"Commit message does not follow the pattern 'JIRA-\d+'"),
        ("commit_message_negative_regex = '^wip$'", "Commit message contains the forbidden pattern '^wip$'"),
        ("reject_non_dco_commits = true", "Commit message must contain a DCO signoff"),
    ] {
        rule(&shell, set);
        assert_eq!(incoming.push(&shell, 11, &good).await, allowed(), "{set}");
        for commit in [&bad, &hidden, &above] {
            assert_eq!(incoming.push(&shell, 11, commit).await, refused(message), "{set}");
        }
        // A merge commit that GitLab makes is exempt, but its other commits are not.
        let (web, ssh) = (json!({ "protocol": "web" }), json!({}));
        let merge = wip(&[&incoming.main, &good]);
        let line = format!("{Z} {merge} refs/heads/feature");
        assert_eq!(incoming.push_with(&shell, 11, &line, web.clone()).await, allowed(), "{set}");
        assert_eq!(incoming.push_with(&shell, 11, &line, ssh).await, refused(message), "{set}");
        let line = format!("{Z} {bad} refs/heads/feature");
        assert_eq!(incoming.push_with(&shell, 11, &line, web).await, refused(message), "{set}");
    }
    // Existing commits are not checked again.
    incoming.accept("refs/heads/old", &bad);
    assert_eq!(incoming.push(&shell, 11, &bad).await, allowed());
    let tag = format!("{Z} {hidden} refs/tags/t");
    assert_eq!(
        incoming.push_line(&shell, 11, &tag).await,
        refused("Commit message must contain a DCO signoff")
    );
}

#[testkit::test]
async fn author_addresses_follow_the_pattern(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    let good = incoming.commit(&[]);
    let stranger = "X <x@evil.example> 0 +0000";
    let author = incoming.commit_with(|draft| draft.author = stranger.into(), &[]);
    let committer = incoming.commit_with(|draft| draft.committer = stranger.into(), &[]);
    let colleague =
        incoming.commit_with(|draft| draft.committer = "mia the user <MIA@example.com> 0 +0000".into(), &[]);
    let cases = |shell: &Shell, set: &str, messages: [Option<&str>; 3]| {
        rule(shell, set);
        [&author, &committer, &colleague]
            .into_iter()
            .zip(messages.map(|message| message.map_or_else(allowed, refused)))
            .collect::<Vec<_>>()
    };
    let own = "You cannot push commits for 'x@evil.example'. You can only push commits if the committer \
        email is one of your own verified emails.";
    let mia = "You cannot push commits for 'MIA@example.com'. You can only push commits if the committer \
        email is one of your own verified emails.";
    let name = "Your git username is inconsistent with GitLab account name";
    for (set, messages) in [
        (
            "author_email_regex = '(?i)@example\\.com$'",
            [
                Some("Author's email 'x@evil.example' does not follow the pattern '(?i)@example\\.com$'"),
                Some("Committer's email 'x@evil.example' does not follow the pattern '(?i)@example\\.com$'"),
                None,
            ],
        ),
        (
            "member_check = true",
            [
                Some("Author 'x@evil.example' is not a member of team"),
                Some("Committer 'x@evil.example' is not a member of team"),
                None,
            ],
        ),
        ("commit_committer_check = true", [None, Some(own), Some(mia)]),
        ("commit_committer_name_check = true", [None, Some(name), Some(name)]),
    ] {
        for (commit, expected) in cases(&shell, set, messages) {
            assert_eq!(incoming.push(&shell, 11, commit).await, expected, "{set}");
        }
        assert_eq!(incoming.push(&shell, 11, &good).await, allowed(), "{set}");
    }
    // Mia may push her own commits, but a deploy key has no commits of its own.
    rule(&shell, "commit_committer_check = true");
    assert_eq!(incoming.push(&shell, 14, &colleague).await, allowed());
    assert!(
        incoming
            .push(&shell, 31, &good)
            .await
            .1
            .starts_with("You cannot push commits for 'alice@example.com'.")
    );
    // Secondary addresses count if they are confirmed.
    let further = "INSERT INTO emails (user_id, email) VALUES (2, 'x@evil.example')";
    shell.sql(further);
    assert_eq!(incoming.push(&shell, 11, &committer).await, refused(own));
    shell.sql("UPDATE emails SET confirmed_at = '2020-01-01 00:00:00'");
    assert_eq!(incoming.push(&shell, 11, &committer).await, allowed());
    rule(&shell, "member_check = true");
    assert_eq!(incoming.push(&shell, 14, &author).await, allowed());
    shell.sql("UPDATE users SET confirmed_at = NULL WHERE id = 5");
    assert_eq!(
        incoming.push(&shell, 11, &colleague).await,
        refused("Committer 'MIA@example.com' is not a member of team")
    );
}

#[testkit::test]
async fn unsigned_commits_are_refused(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    rule(&shell, "reject_unsigned_commits = true");
    let signed = incoming
        .commit_with(|draft| draft.headers = "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n".into(), &[]);
    assert_eq!(incoming.push(&shell, 11, &signed).await, allowed());
    let unsigned = incoming.commit_with(|draft| draft.message = "gpgsig x\n".into(), &[]);
    assert_eq!(incoming.push(&shell, 11, &unsigned).await, refused("Commit must be signed"));
    let line = format!("{Z} {unsigned} refs/heads/feature");
    assert_eq!(incoming.push_with(&shell, 11, &line, json!({ "protocol": "web" })).await, allowed());
}

#[testkit::test]
async fn prohibited_file_names_are_refused(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    rule(&shell, r"file_name_regex = '(^|\/)install\.exe$'");
    let file = |path| incoming.commit(&[(path, Some(b"x"))]);
    let no = refused(r#"File name a/install.exe was prohibited by the pattern "(^|\/)install\.exe$"."#);
    let exe = file("a/install.exe");
    assert_eq!(incoming.push(&shell, 11, &exe).await, no);
    let gone = incoming.commit_with(|draft| draft.parents = vec![exe.clone()], &[("a/install.exe", None)]);
    assert_eq!(incoming.push(&shell, 11, &gone).await, no, "it came with an earlier commit");
    assert_eq!(incoming.push(&shell, 11, &file("a/reinstall.exe")).await, allowed());
    // An existing file with this name may change.
    incoming.accept("refs/heads/exe", &exe);
    let changed =
        incoming.commit_with(|draft| draft.parents = vec![exe.clone()], &[("a/install.exe", Some(b"y"))]);
    assert_eq!(incoming.push(&shell, 11, &changed).await, allowed());
    rule(&shell, "prevent_secrets = true");
    assert_eq!(incoming.push(&shell, 11, &file("id_rsa.pub")).await, allowed());
    for path in ["x/.ssh/id_ed25519", "a b.pem", "\u{fc}.key", "x/aws/credentials", ".bash_history"] {
        let (status, message) = incoming.push(&shell, 11, &file(path)).await;
        assert_eq!(status, 401, "{path}");
        assert!(
            message.starts_with(&format!("File name {path} was prohibited by the pattern \"")),
            "{message}"
        );
    }
    // Removing a secret is allowed.
    let secret = file("old.pem");
    incoming.accept("refs/heads/secret", &secret);
    let without = incoming.commit_with(|draft| draft.parents = vec![secret.clone()], &[("old.pem", None)]);
    assert_eq!(incoming.push(&shell, 11, &without).await, allowed());
}

#[testkit::test]
async fn large_files_are_refused(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &["--file-size-limit-mb", "2"]).await;
    let file = |path, size| incoming.commit(&[(path, Some(vec![b'x'; size].as_slice()))]);
    let large = |limit| {
        refused(format!(
            "File \"a/big file\" is larger than the allowed size of {limit} MiB. Use Git LFS to manage this \
             file."
        ))
    };
    let (one, two, three) = (file("one", MIB), file("two", 2 * MIB), file("a/big file", 2 * MIB + 1));
    for (commit, expected) in [(&one, allowed()), (&two, allowed()), (&three, large(2))] {
        assert_eq!(incoming.push(&shell, 11, commit).await, expected);
    }
    rule(&shell, "max_file_size = 1");
    let big = file("a/big file", MIB + 1);
    for (commit, expected) in [(&one, allowed()), (&big, large(1)), (&three, large(2))] {
        assert_eq!(incoming.push(&shell, 11, commit).await, expected);
    }
    incoming.accept("refs/heads/big", &big);
    assert_eq!(incoming.push(&shell, 11, &big).await, allowed());
}

#[testkit::test]
async fn a_rule_is_the_projects_or_the_installations(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    let b = incoming.commit(&[]);
    let no =
        |pattern: &str| refused(format!("Branch name 'feature' does not follow the pattern '{pattern}'"));
    shell.sql("INSERT INTO push_rules (project_id, branch_name_regex) VALUES (4, '^other')");
    assert_eq!(incoming.push(&shell, 11, &b).await, allowed());
    // GitLab 19.1 moved the rule of the instance to its organization.
    shell.sql(if shell.service.database.gitlab_release() == Some(Release::V19_5) {
        "INSERT INTO organization_push_rules (organization_id, branch_name_regex, created_at, updated_at) \
         VALUES (1, '^sample', '2020-01-01', '2020-01-01')"
    } else {
        "INSERT INTO push_rules (is_sample, branch_name_regex) VALUES (true, '^sample')"
    });
    assert_eq!(incoming.push(&shell, 11, &b).await, no("^sample"));
    shell.sql("INSERT INTO push_rules (project_id, branch_name_regex) VALUES (3, '^own')");
    assert_eq!(incoming.push(&shell, 11, &b).await, no("^own"));
    shell.sql("UPDATE push_rules SET branch_name_regex = '' WHERE project_id = 3");
    assert_eq!(incoming.push(&shell, 11, &b).await, allowed());
    shell.sql(
        "UPDATE push_rules SET branch_name_regex = NULL, reject_unsigned_commits = NULL WHERE project_id = 3",
    );
    assert_eq!(incoming.push(&shell, 11, &b).await, allowed());
}

#[testkit::test]
async fn invalid_pattern_refuses_every_push(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    let commit = incoming.commit(&[("x", Some(b"x"))]);
    for column in [
        "branch_name_regex",
        "commit_message_regex",
        "commit_message_negative_regex",
        "author_email_regex",
        "file_name_regex",
    ] {
        rule(&shell, &format!("{column} = '(?=x)'"));
        let message =
            "The push rule's pattern '(?=x)' cannot be read: a maintainer of the project must correct it.";
        assert_eq!(incoming.push(&shell, 11, &commit).await, refused(message), "{column}");
    }
}

/// Only pushes to branches and tags are checked, even if another ref already has the commit.
#[testkit::test]
async fn push_rules_apply_to_branches_and_tags_only(database: Database) {
    let incoming = Incoming::new();
    let shell = shell(database, &incoming).await;
    rule(&shell, "commit_message_regex = '^TICKET'");
    let commit = incoming.commit(&[]);
    let no = refused("Commit message does not follow the pattern '^TICKET'");
    for name in ["refs/heads/x", "refs/tags/x"] {
        assert_eq!(incoming.push_line(&shell, 11, &format!("{Z} {commit} {name}")).await, no, "{name}");
    }
    for name in ["refs/notes/x", "refs/x/y"] {
        assert_eq!(
            incoming.push_line(&shell, 11, &format!("{Z} {commit} {name}")).await,
            allowed(),
            "{name}"
        );
        incoming.accept(name, &commit);
    }
    assert_eq!(incoming.push_line(&shell, 11, &format!("{Z} {commit} refs/heads/x")).await, no);
    let tag = incoming.git(
        &["mktag"],
        format!("object {commit}\ntype commit\ntag t\ntagger A <a@example.com> 0 +0000\n\nt\n").as_bytes(),
    );
    assert_eq!(incoming.push_line(&shell, 11, &format!("{Z} {tag} refs/tags/t")).await, no);
    // A tag of a blob has no commits.
    let blob = incoming.git(&["hash-object", "-w", "--stdin"], b"x");
    assert_eq!(incoming.push_line(&shell, 11, &format!("{Z} {blob} refs/tags/t")).await, allowed());
}
