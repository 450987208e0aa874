//! POST, PUT and PATCH update the account.
use super::support::{
    GROUP, INSTANCE, RFC, U1, UID, b1_with, bad, identity, op, operations, person, refusal,
};
use super::{Scim, scim_api, scim_api_with};
use serde_json::{Value, json};

const TAKEN: (u16, &str) = (409, "uniqueness");

fn conflict() -> (u16, String) {
    (TAKEN.0, TAKEN.1.to_owned())
}

fn path() -> String {
    format!("/Users/{UID}")
}

async fn patch(scim: &Scim, id: &str, body: &Value) -> u16 {
    scim.instance("PATCH", &format!("/Users/{id}")).json(body).send().await.status
}

async fn post(scim: &Scim, body: &Value) -> (u16, Value) {
    scim.instance("POST", "/Users").json(body).answer().await
}

fn account(scim: &Scim, id: i64) -> (String, String) {
    let column = |column: &str| scim.text(&format!("SELECT {column} FROM users WHERE id = {id}")).unwrap();
    (column("name"), column("email"))
}

fn pair(name: &str, email: &str) -> (String, String) {
    (name.to_owned(), email.to_owned())
}

/// A user who is created again gets the new name, `userName` and address, in the account and in responses.
#[testkit::test]
async fn recreated_user_gets_the_new_attributes(database: Database) {
    let scim = scim_api(database).await;
    for deletes in [false, true] {
        if deletes {
            assert_eq!(scim.instance("DELETE", &path()).send().await.status, 204);
        } else {
            assert_eq!(patch(&scim, UID, &op("replace", "active", json!(false))).await, 204);
        }
        let name = format!("New Name {deletes}");
        let email = format!("New.{deletes}@Example.com");
        let body = b1_with(json!({
            "externalId": UID, "userName": format!("new{deletes}"), "name": { "formatted": name },
            "emails": email,
        }));
        let (status, user) = post(&scim, &body).await;
        assert_eq!((status, &user["id"], &user["name.formatted"]), (201, &json!(UID), &json!(name)));
        assert_eq!(account(&scim, U1), pair(&name, &email.to_lowercase()));
        let (_, user) = scim.rfc(INSTANCE, &path()).await;
        assert_eq!(user["userName"], json!(format!("new{deletes}")));
        assert_eq!(user["emails"][0]["value"], json!(email));
        assert_eq!(scim.total(INSTANCE, "emails.value eq \"name@example.com\"").await, 0);
    }
}

/// Somebody else may have taken the address that a resource shows. A PUT that repeats it still deactivates.
#[testkit::test]
async fn repeated_address_of_another_does_not_prevent_a_deactivation(database: Database) {
    let scim = scim_api(database).await;
    let mut body = json!({ "userName": "username", "displayName": "D", "emails": "put@example.com" });
    assert_eq!(scim.instance("PUT", &path()).json(&body).send().await.status, 200);
    scim.sql("UPDATE users SET email = 'else@example.com' WHERE id = 50");
    person(&mut scim.service.database.open(), 60, "heir", "Heir", "put@example.com");
    body["active"] = json!(false);
    let (status, user) = scim.instance("PUT", &path()).header("Accept", RFC).json(&body).answer().await;
    assert_eq!((status, &user["active"]), (200, &json!(false)));
    assert_eq!((scim.state(U1), account(&scim, U1)), ("blocked".into(), pair("D", "else@example.com")));
    let replace = op("replace", "emails[type eq \"work\"].value", json!("mia@example.com"));
    assert_eq!(patch(&scim, UID, &replace).await, 409, "an address that it did not show");
    assert_eq!(account(&scim, U1), pair("D", "else@example.com"));
}

/// Creating a user again with somebody else's address is answered with 409, and changes nothing.
#[testkit::test]
async fn returning_person_cannot_take_an_address(database: Database) {
    let scim = scim_api(database).await;
    assert_eq!(patch(&scim, UID, &op("replace", "active", json!(false))).await, 204);
    let body = b1_with(json!({ "externalId": UID, "emails": "ALICE@example.com" }));
    assert_eq!(refusal(&scim.instance("POST", "/Users").json(&body).send().await), conflict());
    assert_eq!(account(&scim, U1), pair("Test User", "name@example.com"));
    assert_eq!(scim.state(U1), "blocked");
}

/// In mode `gitlab`, creating a user again changes neither the account nor the record.
#[testkit::test]
async fn returning_member_stays_as_they_are(database: Database) {
    let scim = scim_api(database).await;
    let off = op("replace", "active", json!(false));
    assert_eq!(scim.group("PATCH", &path()).json(&off).send().await.status, 204);
    let body = b1_with(json!({ "externalId": UID, "userName": "new", "name": { "formatted": "New" } }));
    let (status, user) = scim.group("POST", "/Users").json(&body).answer().await;
    assert_eq!((status, user), (201, crate::support::u1()));
    let (_, user) = scim.rfc(GROUP, &path()).await;
    assert_eq!((&user["userName"], &user["name"]["formatted"]), (&json!("username"), &json!("Test User")));
    assert_eq!(account(&scim, U1), pair("Test User", "name@example.com"));
}

/// The same PUT repairs an account that differs from the record.
#[testkit::test]
async fn repeated_put_repairs_the_account(database: Database) {
    let scim = scim_api(database).await;
    let body = json!({ "userName": "username", "name": { "formatted": "Put" }, "emails": "put@example.com" });
    for _ in 0..2 {
        assert_eq!(scim.instance("PUT", &path()).json(&body).send().await.status, 200);
        assert_eq!(account(&scim, U1), pair("Put", "put@example.com"));
        scim.sql("UPDATE users SET name = 'Else', email = 'else@example.com' WHERE id = 50");
    }
}

/// `displayName` becomes the account's name only if no full name was sent.
#[testkit::test]
async fn display_name_reaches_the_account(database: Database) {
    let scim = scim_api(database).await;
    let parts = json!({ "givenName": "One", "familyName": "A" });
    let body = b1_with(json!({ "userName": "one", "name": parts, "displayName": "One A" }));
    assert_eq!(post(&scim, &body).await.0, 201);
    let id = scim.user_id("one");
    assert_eq!(account(&scim, id).0, "One A");
    assert_eq!(patch(&scim, "test_uid", &op("replace", "displayName", json!("One B"))).await, 204);
    assert_eq!(account(&scim, id).0, "One B");
    for name in ["One C", "One D"] {
        let put = json!({ "userName": "one", "name": parts, "displayName": name });
        assert_eq!(scim.instance("PUT", "/Users/test_uid").json(&put).send().await.status, 200);
        assert_eq!(account(&scim, id).0, name);
    }
    let set = op("replace", "name.formatted", json!("Full Name"));
    assert_eq!(patch(&scim, "test_uid", &set).await, 204);
    assert_eq!(patch(&scim, "test_uid", &op("replace", "displayName", json!("X"))).await, 204);
    assert_eq!(account(&scim, id).0, "Full Name");
}

/// A removed name is computed from the remaining parts, and stays if there are none.
#[testkit::test]
async fn removed_name_is_computed_from_the_remaining_parts(database: Database) {
    let scim = scim_api(database).await;
    let name = json!({ "formatted": "Dr. Rosa F", "givenName": "Rosa", "familyName": "F" });
    assert_eq!(post(&scim, &b1_with(json!({ "userName": "rosa", "name": name }))).await.0, 201);
    let id = scim.user_id("rosa");
    for (attribute, expected) in [("name.formatted", "Rosa F"), ("name", "Rosa F")] {
        let remove = operations(json!([{ "op": "remove", "path": attribute }]));
        assert_eq!(patch(&scim, "test_uid", &remove).await, 204);
        assert_eq!(account(&scim, id).0, expected, "{attribute}");
    }
}

/// A change of only `active` keeps the name and address of a linked account.
#[testkit::test]
async fn change_of_active_leaves_the_account(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    person(&mut conn, 61, "linked", "Own Name", "own@example.com");
    assert_eq!(post(&scim, &b1_with(json!({ "emails": "OWN@example.com" }))).await.0, 201);
    for active in [true, false] {
        assert_eq!(patch(&scim, "test_uid", &op("replace", "active", json!(active))).await, 204);
        assert_eq!(account(&scim, 61), pair("Own Name", "own@example.com"));
    }
}

/// After a rename, a filter finds the user by the new `userName` and not by the old one.
#[testkit::test]
async fn filter_finds_the_user_name_that_is_shown(database: Database) {
    let scim = scim_api(database).await;
    assert_eq!(scim.total(INSTANCE, "userName eq \"USERNAME\"").await, 1, "none was sent");
    assert_eq!(patch(&scim, UID, &op("replace", "userName", json!("mjones"))).await, 204);
    for (filter, expected) in [
        ("userName eq \"username\"", 0),
        ("userName co \"user\"", 0),
        ("userName eq \"MJones\"", 1),
        ("userName sw \"mj\"", 1),
    ] {
        assert_eq!(scim.total(INSTANCE, filter).await, expected, "{filter}");
    }
    for (id, base) in [("a", INSTANCE), ("b", INSTANCE), ("a", GROUP), ("b", GROUP)] {
        let email = format!("{id}{}@example.com", base.len());
        let body = b1_with(json!({ "externalId": id, "userName": "kim", "emails": email }));
        let request =
            if base == GROUP { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
        assert_eq!(request.json(&body).send().await.status, 201);
    }
    assert_eq!(scim.total(INSTANCE, "userName eq \"kim1\"").await, 0);
    assert_eq!(scim.total(INSTANCE, "userName eq \"kim\"").await, 2);
    assert_eq!(scim.total(GROUP, "userName eq \"kim3\"").await, 1, "mode gitlab shows the username");
    assert_eq!(scim.total(GROUP, "userName eq \"kim\"").await, 2);
}

/// A `userName` of another visible resource is answered with 409. An unchanged one is not checked.
#[testkit::test]
async fn user_name_of_another_is_a_conflict(database: Database) {
    let scim = scim_api(database).await;
    for name in ["jane", "janet", "kim"] {
        let email = format!("{name}@example.com");
        let body = b1_with(json!({ "externalId": name, "userName": name, "emails": email }));
        assert_eq!(post(&scim, &body).await.0, 201);
    }
    let rename = op("replace", "userName", json!("JANE"));
    let patched = scim.instance("PATCH", "/Users/janet").json(&rename).send().await;
    assert_eq!(refusal(&patched), conflict());
    let put = scim.instance("PUT", "/Users/janet").json(&json!({ "userName": "JANE" })).send().await;
    assert_eq!(refusal(&put), conflict());
    assert_eq!(scim.rfc(INSTANCE, "/Users/janet").await.1["userName"], "janet");
    assert_eq!(patch(&scim, "jane", &rename).await, 204, "their own, in another case");
    let body = b1_with(json!({ "externalId": "kim2", "userName": "kim", "emails": "kim2@example.com" }));
    assert_eq!(post(&scim, &body).await.0, 201);
    let put = scim.instance("PUT", "/Users/kim2").json(&json!({ "userName": "kim" })).send().await;
    assert_eq!(put.status, 200, "nothing changes");
    assert_eq!(patch(&scim, "kim2", &op("replace", "userName", json!("KIM"))).await, 204, "only the case");
    // GitLab made this identity, so the resource shows the username, which another resource shows, too.
    identity(&mut scim.service.database.open(), None, 6, "out-1");
    let body = b1_with(json!({ "externalId": "out-2", "userName": "out", "emails": "out2@example.com" }));
    assert_eq!(post(&scim, &body).await.0, 201);
    let put = scim.instance("PUT", "/Users/out-1").json(&json!({ "userName": "Out" })).send().await;
    assert_eq!(put.status, 200, "the name that it shows");
    assert_eq!(scim.instance("DELETE", "/Users/jane").send().await.status, 204);
    assert_eq!(patch(&scim, "janet", &op("replace", "userName", json!("jane"))).await, 204);
}

/// Addresses are stored as GitLab stores them, and shown as they were sent.
#[testkit::test]
async fn addresses_are_stored_in_lower_case(database: Database) {
    let scim = scim_api(database).await;
    let body = b1_with(json!({ "userName": "mixed", "emails": "First.Last@Example.com" }));
    let (status, user) = post(&scim, &body).await;
    assert_eq!((status, &user["emails"][0]["value"]), (201, &json!("first.last@example.com")));
    let id = scim.user_id("mixed");
    assert_eq!(account(&scim, id).1, "first.last@example.com");
    let rows = format!(
        "SELECT count(*) FROM emails WHERE user_id = {id} AND email = 'first.last@example.com' AND \
         confirmed_at IS NOT NULL"
    );
    assert_eq!(scim.number(&rows), 1);
    let (_, user) = scim.rfc(INSTANCE, "/Users/test_uid").await;
    assert_eq!(user["emails"][0]["value"], "First.Last@Example.com");
    assert_eq!(scim.total(INSTANCE, "emails.value eq \"FIRST.last@example.com\"").await, 1);
    let again = b1_with(json!({ "externalId": "x", "emails": "FIRST.LAST@EXAMPLE.COM" }));
    assert_eq!(post(&scim, &again).await.0, 409);
    assert_eq!(
        patch(&scim, "test_uid", &op("replace", "emails.value", json!("Next@Example.com"))).await,
        204
    );
    assert_eq!(account(&scim, id).1, "next@example.com");
    assert_eq!(scim.number(&rows), 0, "another person can use the old address");
}

/// An address that a group has changed is unconfirmed, so no other group can link the account by it.
#[testkit::test]
async fn group_cannot_confirm_an_address(database: Database) {
    let scim = scim_api_with(database, &["--scim-group-mode", "rfc"]).await;
    let change = op("replace", "emails[type eq \"work\"].value", json!("ceo@corp.example"));
    assert_eq!(scim.group("PATCH", &path()).json(&change).send().await.status, 204);
    assert_eq!(account(&scim, U1).1, "ceo@corp.example");
    assert_eq!(scim.number("SELECT count(*) FROM users WHERE id = 50 AND confirmed_at IS NULL"), 1);
    let body = b1_with(json!({ "emails": "ceo@corp.example" }));
    let other = scim.with_token(crate::support::TH, "POST", "/api/scim/v2/groups/other/Users");
    assert_eq!(refusal(&other.json(&body).send().await), conflict());
}

/// Several primary addresses are accepted, and one stays primary.
#[testkit::test]
async fn several_primary_addresses_are_accepted(database: Database) {
    let scim = scim_api(database).await;
    let email = |kind: &str| json!({ "value": "pp@example.com", "type": kind, "primary": true });
    let body = b1_with(json!({ "userName": "pp", "emails": [email("home"), email("work")] }));
    assert_eq!(post(&scim, &body).await.0, 201);
    let primaries = async || {
        let (_, user) = scim.rfc(INSTANCE, "/Users/test_uid").await;
        let emails = user["emails"].as_array().unwrap().clone();
        let primary = emails.into_iter().filter(|email| email["primary"] == json!(true));
        primary.map(|email| email["type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(primaries().await, [json!("work")]);
    let put = json!({ "userName": "pp", "emails": [email("home"), email("work")], "active": false });
    assert_eq!(scim.instance("PUT", "/Users/test_uid").json(&put).send().await.status, 200);
    assert_eq!(scim.state(scim.user_id("pp")), "blocked");
    let add = json!([
        { "value": "h@x.example", "type": "home", "primary": true },
        { "value": "o@x.example", "type": "other", "primary": true },
    ]);
    assert_eq!(patch(&scim, "test_uid", &op("add", "emails", add)).await, 204);
    assert_eq!(primaries().await, [json!("home")]);
}

/// An operation on an unknown attribute does not prevent a deactivation in the same request.
#[testkit::test]
async fn unknown_attribute_does_not_prevent_a_deactivation(database: Database) {
    let scim = scim_api(database).await;
    let with_path = operations(json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Add", "path": "mailNickname", "value": "mn-4711" },
    ]));
    let without_path =
        operations(json!([{ "op": "replace", "value": { "active": false, "role": "mn-4711" } }]));
    for body in [with_path, without_path] {
        assert_eq!(patch(&scim, UID, &body).await, 204);
        assert_eq!(scim.state(U1), "blocked");
        assert_eq!(scim.group("PATCH", &path()).json(&body).send().await.status, 204);
        assert_eq!(scim.role(10, U1), 0);
        for base in [scim.instance("PATCH", &path()), scim.group("PATCH", &path())] {
            assert_eq!(base.json(&op("replace", "active", json!(true))).send().await.status, 204);
        }
    }
    let before = scim.rfc(INSTANCE, &path()).await;
    let names = operations(json!([
        { "op": "add", "path": "urn:acme:User:badge", "value": 1 },
        { "op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:role", "value": 1 },
        { "op": "replace", "path": "name.nick", "value": 1 },
        { "op": "replace", "path": "emails[kind eq \"x\"].value", "value": "a b" },
        { "op": "remove", "path": "foo[a eq \"b\"].c" },
        { "op": "replace", "value": { "badge no.": 7 } },
    ]));
    assert_eq!(patch(&scim, UID, &names).await, 204);
    assert_eq!(scim.rfc(INSTANCE, &path()).await, before, "no new version");
    let filtered = op("replace", "active[value eq true]", json!(true));
    assert_eq!(refusal(&scim.instance("PATCH", &path()).json(&filtered).send().await), bad("invalidPath"));
}

/// A request with `active` true restores a membership that somebody removed. At the instance, an account
/// that an administrator has blocked stays blocked.
#[testkit::test]
async fn missing_membership_is_restored(database: Database) {
    let scim = scim_api(database).await;
    let remove = "DELETE FROM members WHERE user_id = 50";
    let (_, before) = scim.rfc(GROUP, &path()).await;
    scim.sql(remove);
    let put = json!({ "userName": "username" });
    assert_eq!(scim.group("PUT", &path()).json(&put).send().await.status, 200);
    assert_eq!(scim.role(10, U1), 0, "the request does not speak of it");
    let body = b1_with(json!({ "externalId": UID }));
    assert_eq!(scim.group("POST", "/Users").json(&body).send().await.status, 409);
    assert_eq!(scim.role(10, U1), 0);
    let on = op("replace", "active", json!("True"));
    assert_eq!(scim.group("PATCH", &path()).json(&on).send().await.status, 204);
    assert_eq!(scim.role(10, U1), 10);
    scim.sql(remove);
    let put = json!({ "userName": "username", "active": true });
    assert_eq!(scim.group("PUT", &path()).json(&put).send().await.status, 200);
    assert_eq!(scim.role(10, U1), 10);
    assert_eq!(scim.rfc(GROUP, &path()).await.1["meta"]["version"], before["meta"]["version"]);

    scim.sql("UPDATE users SET state = 'blocked' WHERE id = 50");
    assert_eq!(scim.instance("PUT", &path()).json(&put).send().await.status, 200);
    assert_eq!(patch(&scim, UID, &on).await, 204);
    assert_eq!(scim.state(U1), "blocked");
}

/// Parts of the name that were not sent are derived from the full name.
#[testkit::test]
async fn name_parts_follow_the_full_name(database: Database) {
    let scim = scim_api(database).await;
    assert_eq!(patch(&scim, UID, &op("replace", "name.formatted", json!("Mia Old Maid"))).await, 204);
    let request = scim.instance("GET", &path()).header("Accept", RFC);
    let name = json!({ "formatted": "Mia Old Maid", "familyName": "Maid", "givenName": "Mia Old" });
    assert_eq!(request.answer().await.1["name"], name);
    assert_eq!(scim.total(INSTANCE, "name.familyName eq \"maid\"").await, 1);
    assert_eq!(scim.total(INSTANCE, "name.familyName eq \"user\"").await, 0);
}

/// The instance's settings for new accounts apply.
#[testkit::test]
async fn settings_apply_to_new_accounts(database: Database) {
    let scim = scim_api(database).await;
    scim.sql(
        "UPDATE application_settings SET default_projects_limit = 7, can_create_group = false, \
         user_default_external = true, user_default_internal_regex = '@corp\\.example$'",
    );
    for (number, (email, external, limit)) in
        [("a@corp.example", "NOT external", 7), ("b@other.example", "external", 0)].into_iter().enumerate()
    {
        let body = b1_with(json!({ "externalId": email, "userName": format!("n{number}"), "emails": email }));
        assert_eq!(post(&scim, &body).await.0, 201);
        let row = format!(
            "SELECT count(*) FROM users WHERE username = 'n{number}' AND {external} AND projects_limit = \
             {limit} AND NOT can_create_group AND NOT can_create_team"
        );
        assert_eq!(scim.number(&row), 1, "{email}");
        let details = format!(
            "SELECT count(*) FROM namespace_details d JOIN namespaces n ON n.id = d.namespace_id WHERE \
             n.path = 'n{number}'"
        );
        assert_eq!(scim.number(&details), 1);
    }
}
