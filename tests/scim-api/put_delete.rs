//! `PUT` and `DELETE /Users/{id}`.
use super::support::{GROUP, INSTANCE, RFC, U1, UID, b1_with, bad, op, page, refusal, shown, u1};
use super::{scim_api, scim_api_with};
use serde_json::json;

/// A PUT to the instance replaces all attributes; read-only and unknown ones are ignored.
#[testkit::test]
async fn put_replaces_all_attributes(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    let full = json!({
        "id": "ignored", "userName": "new.name", "displayName": "Shown",
        "name": { "formatted": "New Name", "familyName": "Name" },
        "emails": [{ "value": "put@example.com", "type": "work", "primary": true }], "active": true,
        "adreses": [], "meta": { "version": 7 },
    });
    let answer = scim.instance("PUT", &path).header("Accept", RFC).body(RFC, full.to_string()).send().await;
    let (status, user) = answer.json();
    assert_eq!(
        (status, &user["id"], &user["userName"], &user["displayName"]),
        (200, &json!(UID), &json!("new.name"), &json!("Shown"))
    );
    assert_eq!(user["name"], json!({ "formatted": "New Name", "familyName": "Name" }));
    assert_eq!(scim.rfc(INSTANCE, &path).await, (200, user));
    assert_eq!(
        scim.number(
            "SELECT count(*) FROM users WHERE id = 50 AND name = 'New Name' AND email = \
             'put@example.com' AND username = 'username'"
        ),
        1
    );
    assert_eq!(
        scim.instance("PATCH", &path).json(&op("replace", "active", json!(false))).send().await.status,
        204
    );
    let (status, user) =
        scim.instance("PUT", &path).header("Accept", RFC).json(&json!({ "userName": "n" })).answer().await;
    assert_eq!(
        (status, &user["active"], user.get("name"), user.get("displayName")),
        (200, &json!(false), None, None)
    );
    assert_eq!(user["emails"][0]["value"], "put@example.com");
    assert_eq!(
        refusal(&scim.instance("PUT", &path).json(&json!({ "active": true })).send().await),
        bad("invalidValue")
    );
    assert_eq!(
        refusal(&scim.instance("PUT", "/Users/nope").json(&json!({ "userName": "n" })).send().await),
        (404, String::new())
    );
    assert_eq!(scim.state(U1), "blocked");
}

/// In mode `gitlab`, a group's PUT changes only `active` and the external id.
#[testkit::test]
async fn put_of_a_group_identity_changes_only_access(database: Database) {
    let scim = scim_api(database).await;
    let body = json!({ "userName": "evil", "name": { "formatted": "Evil" }, "emails": "evil@example.com" });
    assert_eq!(scim.group("PUT", &format!("/Users/{UID}")).json(&body).answer().await, (200, u1()));
    assert_eq!(
        scim.number(
            "SELECT count(*) FROM users WHERE id = 50 AND name = 'Test User' AND email = 'name@example.com'"
        ),
        1
    );
    let body = json!({ "userName": "username", "externalId": "n1", "active": "False" });
    let off = shown("n1", false, "Test User", "username", "name@example.com");
    assert_eq!(scim.group("PUT", &format!("/Users/{UID}")).json(&body).answer().await, (200, off));
    assert_eq!(scim.role(10, U1), 0);
}

/// Deleting a user of a group removes the membership and keeps the account.
#[testkit::test]
async fn a_group_deletes_a_membership_and_no_account(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    let deleted = scim.group("DELETE", &path).send().await;
    assert_eq!((deleted.status, &*deleted.text), (204, ""));
    for request in [
        scim.group("GET", &path),
        scim.group("DELETE", &path),
        scim.group("PATCH", &path).json(&op("replace", "active", json!(true))),
        scim.group("PUT", &path).json(&json!({ "userName": "u" })),
    ] {
        assert_eq!(refusal(&request.send().await), (404, String::new()));
    }
    assert_eq!(scim.group("GET", "/Users").answer().await, (200, page(0, 20, 1, &[])));
    assert_eq!((scim.role(10, U1), scim.state(U1)), (0, "active".to_owned()));
    assert_eq!(scim.number("SELECT count(*) FROM identities WHERE user_id = 50"), 0);
    let body = b1_with(json!({ "externalId": UID, "userName": "username", "emails": "name@example.com" }));
    assert_eq!(scim.group("POST", "/Users").json(&body).answer().await, (201, u1()));
    assert_eq!((scim.role(10, U1), scim.number("SELECT count(*) FROM users")), (10, 9));
    assert_eq!(scim.group("GET", "/Users").answer().await, (200, page(1, 20, 1, &[u1()])));
}

/// Deleting a user of the instance blocks the account, and creating it again unblocks it.
#[testkit::test]
async fn the_instance_deletes_by_blocking(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    assert_eq!(scim.instance("DELETE", &path).send().await.status, 204);
    assert_eq!(refusal(&scim.instance("GET", &path).send().await), (404, String::new()));
    assert_eq!(scim.state(U1), "blocked");
    assert_eq!(
        scim.number(
            "SELECT count(*) FROM scim_identities WHERE group_id IS NULL AND user_id = 50 AND NOT active"
        ),
        1
    );
    let body = b1_with(json!({ "externalId": UID, "userName": "username", "emails": "name@example.com" }));
    let (status, user) = scim.instance("POST", "/Users").json(&body).answer().await;
    assert_eq!(
        (status, &user["id"], &user["active"], scim.state(U1)),
        (201, &json!(UID), &json!(true), "active".to_owned())
    );
    assert_eq!(scim.number("SELECT count(*) FROM users"), 9);
}

#[testkit::test]
async fn identity_reactivated_in_gitlab_is_visible_again(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    assert_eq!(scim.group("DELETE", &path).send().await.status, 204);
    scim.sql("UPDATE scim_identities SET active = true WHERE group_id = 10");
    assert_eq!(scim.group("GET", &path).answer().await, (200, u1()));
    assert_eq!(scim.total(GROUP, "active eq true").await, 1);
}

/// With `--scim-deleted-visible`, a deleted user is shown as inactive.
#[testkit::test]
async fn deleted_user_can_be_shown_as_inactive(database: Database) {
    let scim = scim_api_with(database, &["--scim-deleted-visible", "--scim-keep-saml-identity"]).await;
    let path = format!("/Users/{UID}");
    assert_eq!(scim.group("DELETE", &path).send().await.status, 204);
    let off = shown(UID, false, "Test User", "username", "name@example.com");
    assert_eq!(scim.group("GET", &path).answer().await, (200, off));
    assert_eq!(scim.number("SELECT count(*) FROM identities WHERE user_id = 50"), 1);
    assert_eq!(
        scim.group("PATCH", &path).json(&op("replace", "active", json!(true))).send().await.status,
        204
    );
    assert_eq!((scim.group("GET", &path).answer().await, scim.role(10, U1)), ((200, u1()), 10));
}
