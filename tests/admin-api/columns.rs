//! The columns and filters of the lists.
use super::admin_api;
use super::support::{P, REASON, today};
use super::visitor::Visitor;
use serde_json::json;
use testkit::fixture::THEN;

const LIMITS: &str = "/admin/namespace_limits";

#[testkit::test]
async fn exclusions_show_their_author_and_date(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &json!({ "reason": "by root" })).await.0, 201);
    admin.excluded(900, 130, "by GitLab");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get(LIMITS).await.text;
    let rows: Vec<&str> = page.split("<tr role=\"row\">").collect();
    let row = |text: &str| *rows.iter().find(|row| row.contains(text)).unwrap();
    let time = today().format("datetime=\"%Y-%m-%dT%H:%M:%SZ\"").to_string();
    assert!(row("by root").contains("@<bdi>root</bdi>") && row("by root").contains(&time), "{page}");
    let then = format!("datetime=\"{}", &THEN[..10]);
    assert!(row("by GitLab").contains(">—<") && row("by GitLab").contains(&then), "{page}");
    // The API keeps its four keys.
    let listed = admin.ask("GET", "/api/v4/namespaces/storage/limit_exclusions").await.1;
    assert_eq!(listed[0].as_object().unwrap().len(), 4);
}

/// An exclusion that GitLab makes later has no author, even if it has the id of a removed one.
#[testkit::test]
async fn author_of_a_removed_exclusion_is_not_shown_for_a_later_one(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &json!({ "reason": "by root" })).await.0, 201);
    assert_eq!(admin.ask("DELETE", P).await.0, 204);
    admin.excluded(1, 123, "by GitLab");
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get(LIMITS).await.text;
    assert!(page.contains("by GitLab") && !page.contains("@<bdi>root</bdi></td>"), "{page}");
}

#[testkit::test]
async fn digits_find_the_namespace_with_that_id(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get(&format!("{LIMITS}?search=123")).await.text;
    assert!(page.contains("/123/remove") && !page.contains("/130/remove"), "{page}");
    // The API searches names, paths and reasons only.
    let found = admin.ask("GET", "/api/v4/namespaces/storage/limit_exclusions?search=123").await;
    assert_eq!(found, (200, json!([])));
}

#[testkit::test]
async fn leading_at_sign_is_ignored_in_a_search_for_users(database: Database) {
    let admin = admin_api(database).await;
    let found = async |search: &str| {
        let (status, body) = admin.ask("GET", &format!("/api/v4/users?search={search}")).await;
        assert_eq!(status, 200);
        body.as_array().unwrap().iter().map(|user| user["username"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("@root").await, ["root"]);
    assert_eq!(found("@@root").await, [""; 0]);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get("/admin/users?search=@ROOT").await.text;
    assert!(page.contains("/admin/users/root/identities") && page.contains("1 user"), "{page}");
    // The field and the count keep what was typed.
    assert!(page.contains("value=\"@ROOT\"") && page.contains("<bdi>@ROOT</bdi>"), "{page}");
}

#[testkit::test]
async fn equal_usernames_and_addresses_come_first(database: Database) {
    let admin = admin_api(database).await;
    for (id, username) in [(801, "max-power"), (802, "max-mustermann"), (803, "max")] {
        testkit::fixture::user(&mut admin.service.database.open(), id, username);
    }
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    for search in ["max", "MAX", "@max"] {
        let page = visitor.get(&format!("/admin/users?search={search}")).await.text;
        let order: Vec<&str> = page
            .split("/identities\"")
            .filter_map(|before| before.rsplit_once("/admin/users/"))
            .map(|found| found.1)
            .collect();
        assert_eq!(order, ["max", "max-power", "max-mustermann"], "{search}");
    }
}

/// Users 1 and 3 are administrators.
#[testkit::test]
async fn administrators_are_marked(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get("/admin/users").await.text;
    assert_eq!(page.matches(">Administrator</span>").count(), 2, "{page}");
    assert!(visitor.get("/admin/users/root/identities").await.text.contains(">Administrator</span>"));
    assert!(!visitor.get("/admin/users/alice/identities").await.text.contains(">Administrator</span>"));
}

#[testkit::test]
async fn audit_events_are_filtered_by_values(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &json!({ "reason": REASON })).await.0, 201);
    assert_eq!(admin.ask("DELETE", P).await.0, 204);
    assert_eq!(admin.exclude("130", &json!({ "reason": "100% \"quoted\"_" })).await.0, 201);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    for (query, expected) in [
        ("", 3),
        ("?search=acme", 2),
        ("?search=@root", 3),
        ("?search=ROOT", 3),
        ("?search=@nobody", 0),
        ("?search=event_name", 0),
        ("?search=reason%22", 0),
        ("?search=a+REASON", 2),
        ("?search=%25", 1),
        ("?search=%22quoted%22_", 1),
        ("?search=namespace_id", 0),
        ("?event=removed", 1),
        ("?event=excluded", 2),
        ("?event=excluded&search=acme", 1),
        ("?event=unknown", 3),
    ] {
        let page = visitor.get(&format!("/admin/audit_events{query}")).await.text;
        assert_eq!(page.matches("role=\"rowheader\"").count(), expected, "{query}: {page}");
        let is_empty = page.contains("Nothing matches your search");
        assert_eq!(is_empty, expected == 0, "{query}");
    }
}

#[testkit::test]
async fn filters_stay_in_the_links_of_the_pager(database: Database) {
    let admin = admin_api(database).await;
    for n in 0..11 {
        let body = json!({ "reason": format!("reason {n}") });
        assert_eq!(admin.exclude("123", &body).await.0, 201);
        assert_eq!(admin.ask("DELETE", P).await.0, 204);
        assert_eq!(admin.exclude("130", &body).await.0, 201);
        assert_eq!(admin.ask("DELETE", "/api/v4/namespaces/130/storage/limit_exclusion").await.0, 204);
    }
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let page = visitor.get("/admin/audit_events?event=removed&search=@root").await.text;
    assert!(
        page.contains("href=\"/admin/audit_events?search=%40root&amp;event=removed&amp;page=2\""),
        "{page}"
    );
    assert!(page.contains("22 events"), "{page}");
}

#[testkit::test]
async fn every_page_links_its_icon(database: Database) {
    let admin = admin_api(database).await;
    let mut visitor = Visitor::new(&admin);
    let icon = "<link rel=\"icon\" href=\"/admin/assets/icon.svg\"";
    for path in ["/admin/session/new", "/admin/nowhere"] {
        assert!(visitor.get(path).await.text.contains(icon), "{path}");
    }
    visitor.sign_in().await;
    for path in [LIMITS, "/admin/users", "/admin/audit_events"] {
        assert!(visitor.get(path).await.text.contains(icon), "{path}");
    }
    let answer = visitor.get("/admin/assets/icon.svg").await;
    assert_eq!((answer.status, answer.header("Content-Type")), (200, Some("image/svg+xml")));
}

/// U+202E reverses the text after it, unless the name is isolated.
#[testkit::test]
async fn names_are_isolated_from_our_sentences(database: Database) {
    let admin = admin_api(database).await;
    let name = "\u{202e}gnirts";
    admin.sql(&format!(
        "UPDATE namespaces SET name = '{name}' WHERE id IN (123, 130); UPDATE users SET name = '{name}' \
        WHERE id = 2;
         INSERT INTO identities (user_id, provider, extern_uid, created_at, updated_at)
         VALUES (2, '{name}', '{name}', '{THEN}', '{THEN}');
         INSERT INTO scim_identities (group_id, user_id, active, extern_uid, created_at, updated_at)
         VALUES (123, 2, true, '{name}', '{THEN}', '{THEN}')"
    ));
    assert_eq!(admin.exclude("123", &json!({ "reason": name })).await.0, 201);
    let mut visitor = Visitor::new(&admin);
    visitor.sign_in().await;
    let search = "%E2%80%AEgnirts";
    for path in [
        LIMITS.to_owned(),
        format!("{LIMITS}?search={search}"),
        format!("{LIMITS}/123/remove"),
        format!("{LIMITS}/namespaces?namespace_search={search}"),
        format!("/admin/users?search={search}"),
        "/admin/users/alice/identities".to_owned(),
        format!("/admin/audit_events?search={search}"),
    ] {
        let page = visitor.get(&path).await.text;
        assert!(page.contains(name), "{path}");
        for (before, after) in page.split(name).zip(page.split(name).skip(1)) {
            let tag = before.rsplit_once('<').map_or("", |(_, tag)| tag);
            let is_cell = tag.contains("dir=\"auto\"");
            let is_isolated = before.ends_with("<bdi>") || before.ends_with("class=\"muted small\">");
            let is_in_title = before.ends_with('\u{2068}') && after.starts_with('\u{2069}');
            let is_in_query = before.ends_with("value=\"");
            assert!(is_cell || is_isolated || is_in_title || is_in_query, "{path}: …{tag}{name}");
        }
    }
}
