//! The messages of `/post_receive` to the user who pushed.
use super::pre_post_receive::decreased;
use super::push_merge_requests::merge_request;
use super::support::{ALLOWED, Z, verdict};
use super::{shell_api, shell_api_with};
use serde_json::{Value, json};
use testkit::fixture::{self, P, Q, THEN};
use testkit::{Database, Redis};

const NEW: &str = "1111111111111111111111111111111111111111";
const FAR: &str = "2999-01-01 00:00:00";

fn basic(message: &str) -> Value {
    json!({ "type": "basic", "message": message })
}

fn alert(message: &str) -> Value {
    json!({ "type": "alert", "message": message })
}

/// The link to a new merge request of project P.
fn new_link(branch: &str, escaped: &str) -> Value {
    basic(&format!(
        "To create a merge request for {branch}, \
         visit:\n  https://gitlab.example.com/grp/p/-/merge_requests/\
         new?merge_request%5Bsource_branch%5D={escaped}"
    ))
}

fn pushed(branches: &[&str]) -> String {
    branches.iter().map(|branch| format!("{Z} {NEW} refs/heads/{branch}\n")).collect()
}

/// A banner for everybody; `further` are columns with values.
fn banner(database: &Database, id: i64, further: &[(&str, &str)]) {
    let mut columns = vec![("starts_at", format!("'{THEN}'")), ("ends_at", format!("'{FAR}'"))];
    for (name, value) in further {
        columns.retain(|(known, _)| known != name);
        columns.push((name, (*value).to_owned()));
    }
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    database.sql(&format!(
        "INSERT INTO broadcast_messages (id, message, message_html, created_at, updated_at, {}) VALUES \
         ({id}, 'banner {id}', '', '{THEN}', '{THEN}', {});",
        names.join(", "),
        values.join(", ")
    ));
}

#[testkit::test]
async fn pushed_branch_gets_a_link_to_a_new_merge_request(database: Database) {
    let shell = shell_api(database).await;
    assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&json!([new_link("f", "f")])));
    let update = format!("{} {} refs/heads/f", shell.git.a, shell.git.b);
    assert_eq!(shell.post_receive(&update).await, decreased(&json!([new_link("f", "f")])));
    assert_eq!(
        shell.post_receive_of("project-3", "user-2", &update).await,
        decreased(&json!([new_link("f", "f")]))
    );
}

#[testkit::test]
async fn names_of_branches_are_escaped(database: Database) {
    let shell = shell_api(database).await;
    let branches = ["feat/ü&x+1", "a-b_c.d", "#1", "100%", "<b>", "a=b"];
    let escaped = ["feat%2F%C3%BC%26x%2B1", "a-b_c.d", "%231", "100%25", "%3Cb%3E", "a%3Db"];
    let links: Vec<Value> =
        branches.iter().zip(escaped).map(|(branch, escaped)| new_link(branch, escaped)).collect();
    assert_eq!(shell.post_receive(&pushed(&branches)).await, decreased(&json!(links)));
}

#[testkit::test]
async fn an_open_merge_request_is_named(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(&merge_request(7, (P, "f"), (P, "main"), &[]));
    shell.sql(&merge_request(8, (P, "fork"), (Q, "main"), &[]));
    shell.sql(&merge_request(9, (P, "merged"), (P, "main"), &[("state_id", "3")]));
    shell.sql(&merge_request(10, (Q, "other"), (P, "main"), &[]));
    let view = |branch: &str, path: &str| {
        basic(&format!("View merge request for {branch}:\n  https://gitlab.example.com/{path}"))
    };
    let expected = json!([
        new_link("z", "z"),
        view("f", "grp/p/-/merge_requests/7"),
        view("fork", "grp/pub/-/merge_requests/8"),
        new_link("merged", "merged"),
        new_link("other", "other"),
        new_link("a", "a"),
    ]);
    let branches = ["z", "f", "fork", "merged", "other", "a", "f"];
    assert_eq!(shell.post_receive(&pushed(&branches)).await, decreased(&expected));
    let many: Vec<String> = (0..1200).map(|n| format!("b{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["f"]).collect();
    let (_, body) = shell.post_receive(&pushed(&many)).await;
    assert_eq!(
        (body["messages"].as_array().unwrap().len(), &body["messages"][1200]),
        (1201, &view("f", "grp/p/-/merge_requests/7"))
    );
}

#[testkit::test]
async fn other_pushes_get_no_link(database: Database) {
    let shell = shell_api(database).await;
    let a = &shell.git.a;
    for changes in [
        format!("{a} {Z} refs/heads/f"),
        format!("{Z} {a} refs/heads/main"),
        format!("{Z} {a} refs/tags/t"),
        format!("{Z} {a} refs/notes/f"),
        format!("{Z} {a} gh-pages\\n"),
        String::new(),
        "nonsense".to_owned(),
    ] {
        assert_eq!(shell.post_receive(&changes).await, decreased(&json!([])), "{changes}");
    }
    for repository in ["wiki-3", "design-3", "project-6"] {
        assert_eq!(
            shell.post_receive_of(repository, "key-11", &pushed(&["f"])).await,
            decreased(&json!([])),
            "{repository}"
        );
    }
}

#[testkit::test]
async fn project_can_disable_merge_request_links(database: Database) {
    let shell = shell_api(database).await;
    shell.sql("UPDATE projects SET printing_merge_request_link_enabled = false WHERE id = 3");
    assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&json!([])));
    shell.sql(
        "UPDATE projects SET printing_merge_request_link_enabled = true WHERE id = 3;
                   UPDATE project_features SET merge_requests_access_level = 0 WHERE project_id = 3",
    );
    assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&json!([])));
    shell.sql("UPDATE project_features SET merge_requests_access_level = 10 WHERE project_id = 3");
    assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&json!([new_link("f", "f")])));
}

#[testkit::test]
async fn a_banner_comes_first(database: Database) {
    banner(&database, 1, &[]);
    let shell = shell_api(database).await;
    assert_eq!(
        shell.post_receive(&pushed(&["f"])).await,
        decreased(&json!([alert("banner 1"), new_link("f", "f")]))
    );
    assert_eq!(shell.post_receive_of("wiki-3", "key-11", "").await, decreased(&json!([alert("banner 1")])));
    // The newest banner that applies to the project is shown.
    for (id, further, expected) in [
        (2, vec![], "banner 2"),
        (3, vec![("target_path", "'grp/*'")], "banner 3"),
        (4, vec![], "banner 3"),
        (5, vec![("target_path", "'/grp/p'")], "banner 5"),
        (6, vec![("target_path", "'grp/pub'")], "banner 5"),
        (7, vec![("target_path", "'*/p'"), ("show_in_cli", "false")], "banner 5"),
        (8, vec![("target_path", "'grp/p'"), ("broadcast_type", "2")], "banner 5"),
        (9, vec![("target_path", "'grp/p'"), ("ends_at", "'2021-01-01 00:00:00'")], "banner 5"),
        (10, vec![("target_path", "'grp/p'"), ("starts_at", "'2998-01-01 00:00:00'")], "banner 5"),
    ] {
        banner(&shell.service.database, id, &further);
        assert_eq!(shell.post_receive("").await, decreased(&json!([alert(expected)])), "{id}");
    }
    assert_eq!(
        shell.post_receive_of("project-4", "key-11", "").await,
        decreased(&json!([alert("banner 6")]))
    );
}

#[testkit::test]
async fn banner_can_be_limited_to_roles(database: Database) {
    let array = |numbers: &[i64]| format!("'{}'", fixture::array(&database.open(), numbers));
    banner(&database, 1, &[("target_access_levels", &array(&[40, 50]))]);
    banner(&database, 2, &[("target_access_levels", &array(&[10]))]);
    let shell = shell_api(database).await;
    for (identifier, expected) in [
        ("key-14", json!([alert("banner 1")])),
        ("key-12", json!([alert("banner 2")])),
        ("key-11", json!([])),
    ] {
        assert_eq!(
            shell.post_receive_of("project-3", identifier, "").await,
            decreased(&expected),
            "{identifier}"
        );
    }
}

#[testkit::test]
async fn old_path_gets_one_redirect_message(database: Database) {
    let redis = Redis::start();
    database.sql(&format!(
        "INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES ({P}, \
             'Project', 'grp/old', '{THEN}', '{THEN}')"
    ));
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let moved = |url: &str| {
        basic(&format!(
            "Project 'grp/old' was moved to 'grp/p'.\n\nPlease update your Git remote:\n\n  git remote \
             set-url origin {url}\n"
        ))
    };
    for (protocol, url) in
        [("ssh", "git@gitlab.example.com:grp/p.git"), ("http", "https://gitlab.example.com/grp/p.git")]
    {
        let asked = json!({ "key_id": 11, "project": "grp/old.git", "action": "git-receive-pack",
            "protocol": protocol });
        assert_eq!(verdict(&shell.allowed(asked).await), ALLOWED);
        assert!((290..=300).contains(&redis.ask::<i64>(&["TTL", "redirect_namespace:2:project-3"])));
        // Another user's push does not show the message.
        assert_eq!(shell.post_receive_of("project-3", "key-14", "").await, decreased(&json!([])));
        let expected = json!([new_link("f", "f"), moved(url)]);
        assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&expected));
        assert_eq!(redis.ask::<i64>(&["EXISTS", "redirect_namespace:2:project-3"]), 0);
        assert_eq!(shell.post_receive(&pushed(&["f"])).await, decreased(&json!([new_link("f", "f")])));
    }
}

#[testkit::test]
async fn redirect_message_is_stored_in_memory_without_redis(database: Database) {
    database.sql(&format!(
        "INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES ({P}, \
             'Project', 'grp/old', '{THEN}', '{THEN}')"
    ));
    let shell = shell_api_with(
        database,
        &["--ssh-user", "me", "--ssh-host", "ssh.example.com", "--ssh-port", "2222"],
    )
    .await;
    assert_eq!(verdict(&shell.push_any(11, "/grp/old").await), ALLOWED);
    let moved = "Project 'grp/old' was moved to 'grp/p'.\n\nPlease update your Git remote:\n\n  git remote \
        set-url origin ssh://me@ssh.example.com:2222/grp/p.git\n";
    assert_eq!(shell.post_receive("").await, decreased(&json!([basic(moved)])));
    assert_eq!(shell.post_receive("").await, decreased(&json!([])));
    // A path in another case is not an old path.
    assert_eq!(verdict(&shell.push_any(11, "GRP/P").await), ALLOWED);
    assert_eq!(shell.post_receive("").await, decreased(&json!([])));
}
