//! SAML identities (`identities`): a tenant's assertions do not let it sign in as an existing user.
use super::support::{GROUP, INSTANCE, U1, UID, b1_with, op, person, refusal};
use super::{Scim, scim_api};
use serde_json::{Value, json};
use testkit::Answer;

const OUTSIDER: i64 = 61;

async fn with_outsider(database: testkit::Database) -> Scim {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    person(&mut conn, OUTSIDER, "outsider", "Out Sider", "out@x.example.com");
    scim.sql("UPDATE users SET admin = true WHERE id = 61");
    scim
}

fn body(external_id: &str, email: &str) -> Value {
    b1_with(json!({ "externalId": external_id, "emails": email }))
}

async fn post(scim: &Scim, base: &str, body: &Value) -> Answer {
    let request = if base == GROUP { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
    request.json(body).send().await
}

fn row(scim: &Scim, user: i64) -> Option<String> {
    scim.text(&format!("SELECT max(extern_uid) FROM identities WHERE user_id = {user}"))
}

/// A group can link an account by its address, but cannot sign in as that user.
#[testkit::test]
async fn linked_account_gets_no_sign_in_row(database: Database) {
    let scim = with_outsider(database).await;
    assert_eq!(post(&scim, GROUP, &body("o1", "out@x.example.com")).await.status, 201);
    assert_eq!(row(&scim, OUTSIDER), None);
    let patch = async |id: &str, body: Value| {
        scim.group("PATCH", &format!("/Users/{id}")).json(&body).send().await.status
    };
    assert_eq!(patch("o1", op("replace", "id", json!("o2"))).await, 204);
    let put = json!({ "userName": "username2", "externalId": "o3" });
    assert_eq!(scim.group("PUT", "/Users/o2").json(&put).send().await.status, 200);
    assert_eq!(patch("o3", op("replace", "active", json!(false))).await, 204);
    assert_eq!(scim.role(10, OUTSIDER), 0);
    assert_eq!(patch("o3", op("replace", "active", json!(true))).await, 204);
    assert_eq!((scim.role(10, OUTSIDER), row(&scim, OUTSIDER)), (10, None));
    assert_eq!(scim.group("DELETE", "/Users/o3").send().await.status, 204);
    assert_eq!(post(&scim, GROUP, &body("o3", "out@x.example.com")).await.status, 201);
    assert_eq!((scim.role(10, OUTSIDER), row(&scim, OUTSIDER)), (10, None));
}

/// An identity that the user created by signing in is kept, and is updated when the id changes.
#[testkit::test]
async fn existing_sign_in_row_stays_and_follows(database: Database) {
    let scim = with_outsider(database).await;
    scim.sql(
        "INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id) VALUES (61, \
         'group_saml', 'o1', 10)",
    );
    assert_eq!(post(&scim, GROUP, &body("o2", "out@x.example.com")).await.status, 201);
    assert_eq!(row(&scim, OUTSIDER).as_deref(), Some("o1"));
    let patch = op("replace", "externalId", json!("o3"));
    assert_eq!(scim.group("PATCH", "/Users/o2").json(&patch).send().await.status, 204);
    assert_eq!(row(&scim, OUTSIDER).as_deref(), Some("o3"));
}

/// The instance creates an identity only for an account that it creates.
#[testkit::test]
async fn instance_writes_a_row_for_a_new_account(database: Database) {
    let scim = with_outsider(database).await;
    assert_eq!(post(&scim, INSTANCE, &body("o1", "out@x.example.com")).await.status, 201);
    assert_eq!(row(&scim, OUTSIDER), None);
    assert_eq!(post(&scim, INSTANCE, &body("new", "new@example.com")).await.status, 201);
    let id = scim.user_id("username2");
    let rows = format!(
        "SELECT count(*) FROM identities WHERE user_id = {id} AND provider = 'saml' AND saml_provider_id IS \
         NULL"
    );
    assert_eq!((scim.number(&rows), row(&scim, id).as_deref()), (1, Some("new")));
}

/// A group's own account that was reactivated can sign in again.
#[testkit::test]
async fn reactivated_own_account_gets_its_row_back(database: Database) {
    let scim = scim_api(database).await;
    for active in [false, true] {
        let patch = op("replace", "active", json!(active));
        assert_eq!(scim.group("PATCH", &format!("/Users/{UID}")).json(&patch).send().await.status, 204);
        assert_eq!(row(&scim, U1).is_some(), active);
    }
}

/// A `NameID` belongs to only one user.
#[testkit::test]
async fn name_id_of_another_user_is_a_conflict(database: Database) {
    let scim = with_outsider(database).await;
    scim.sql(
        "INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id) VALUES (61, \
         'group_saml', 'dup', 10)",
    );
    let before = scim.number("SELECT count(*) FROM users");
    for email in ["alice@example.com", "nobody@example.com"] {
        let answer = post(&scim, GROUP, &body("DUP", email)).await;
        assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()), "{email}");
    }
    let path = format!("/Users/{UID}");
    for attribute in ["id", "externalId"] {
        let patch = op("replace", attribute, json!("dup"));
        let answer = scim.group("PATCH", &path).json(&patch).send().await;
        assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()), "{attribute}");
    }
    let put = json!({ "userName": "username", "externalId": "Dup" });
    assert_eq!(scim.group("PUT", &path).json(&put).send().await.status, 409);
    assert_eq!(scim.number("SELECT count(*) FROM users"), before);
    assert_eq!(row(&scim, U1).as_deref(), Some(UID));
    // Each provider has its own ids.
    let other = scim.with_token(crate::support::TH, "POST", "/api/scim/v2/groups/other/Users");
    assert_eq!(other.json(&body("dup", "alice@example.com")).send().await.status, 201);
    assert_eq!(post(&scim, GROUP, &body("dup", "out@x.example.com")).await.status, 201, "it is their own");
}

/// An account with an unconfirmed address is not linked, so a squatter does not become a member.
#[testkit::test]
async fn unconfirmed_account_is_not_linked(database: Database) {
    let scim = with_outsider(database).await;
    scim.sql("UPDATE users SET confirmed_at = NULL WHERE id = 61");
    for base in [GROUP, INSTANCE] {
        let answer = post(&scim, base, &body("o1", "Out@x.example.com")).await;
        assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()));
        assert_eq!(answer.json().1["detail"], "Email has already been taken");
    }
    assert_eq!(scim.role(10, OUTSIDER), 0);
    assert_eq!(scim.number("SELECT count(*) FROM scim_identities WHERE user_id = 61"), 0);
}

/// A group's own account can be linked again before the user has confirmed the address.
#[testkit::test]
async fn unconfirmed_own_account_is_linked_again(database: Database) {
    let scim = scim_api(database).await;
    assert_eq!(post(&scim, GROUP, &body("own", "own@example.com")).await.status, 201);
    let id = scim.user_id("username2");
    scim.sql(&format!(
        "DELETE FROM scim_identities WHERE user_id = {id}; DELETE FROM group_scim_identities \
         WHERE user_id = {id}; DELETE FROM scim_api_records WHERE user_id = {id}"
    ));
    let (status, user) = post(&scim, GROUP, &body("again", "own@example.com")).await.json();
    assert_eq!((status, &user["id"]), (201, &json!("again")));
    assert_eq!(scim.number("SELECT count(*) FROM scim_identities WHERE extern_uid = 'again'"), 1);
    // An address that one group sent does not link the account for another group.
    let other = scim.with_token(crate::support::TH, "POST", "/api/scim/v2/groups/other/Users");
    assert_eq!(other.json(&body("x", "own@example.com")).send().await.status, 409);
}

/// A bot, a service account, a blocked owner and an expired membership do not count as other owners.
#[testkit::test]
async fn last_human_owner_cannot_be_deactivated(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    scim.sql("UPDATE members SET access_level = 50 WHERE user_id = 50");
    for (id, change) in
        [(71, "user_type = 6"), (72, "user_type = 13"), (73, "state = 'blocked'"), (74, "name = 'expired'")]
    {
        person(&mut conn, id, &format!("u{id}"), "X", &format!("u{id}@example.com"));
        let group = database::memberships::Source::Group(10);
        testkit::fixture::member(&mut conn, id, group, domain::Role::OWNER);
        scim.sql(&format!("UPDATE users SET {change} WHERE id = {id}"));
    }
    scim.sql("UPDATE members SET expires_at = '2020-01-01' WHERE user_id = 74");
    let path = format!("/Users/{UID}");
    let requests = [
        scim.group("PATCH", &path).json(&op("replace", "active", json!(false))),
        scim.group("PUT", &path).json(&json!({ "userName": "username", "active": false })),
        scim.group("DELETE", &path),
    ];
    for request in requests {
        assert_eq!(refusal(&request.send().await), (403, String::new()));
    }
    assert_eq!(scim.role(10, U1), 50);
}

/// A bot with administrator rights does not count as another administrator.
#[testkit::test]
async fn last_human_administrator_cannot_be_deactivated(database: Database) {
    let scim = scim_api(database).await;
    scim.sql(
        "UPDATE users SET admin = false; UPDATE users SET admin = true WHERE id IN (50, 6); UPDATE \
         users SET user_type = 6 WHERE id = 6",
    );
    let path = format!("/Users/{UID}");
    for request in [
        scim.instance("PATCH", &path).json(&op("replace", "active", json!(false))),
        scim.instance("DELETE", &path),
    ] {
        assert_eq!(refusal(&request.send().await), (403, String::new()));
    }
    assert_eq!(scim.state(U1), "active");
}
