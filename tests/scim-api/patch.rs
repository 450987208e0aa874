//! `PATCH /Users/{id}`: changing attributes, deactivating and reactivating users.
use super::support::{
    GROUP, INSTANCE, RFC, U1, UID, URN, bad, identity, op, operations, person, refusal, shown, u1,
};
use super::{Scim, scim_api, scim_api_with};
use serde_json::{Value, json};
use testkit::{Answer, Database, Redis};

async fn group(scim: &Scim, body: &Value) -> Answer {
    scim.group("PATCH", &format!("/Users/{UID}")).json(body).send().await
}

async fn instance(scim: &Scim, body: &Value) -> Answer {
    scim.instance("PATCH", &format!("/Users/{UID}")).json(body).send().await
}

fn is_empty(answer: &Answer) {
    assert_eq!((answer.status, &*answer.text, answer.header("content-type")), (204, "", None));
}

/// A group changes the resource id; the instance changes only the external id.
#[testkit::test]
async fn ids_are_changed(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    let bare = json!({ "Operations": [{ "op": "replace", "path": "id", "value": "1234abcd" }] });
    is_empty(&group(&scim, &bare).await);
    assert_eq!(
        scim.group("GET", "/Users/1234abcd").answer().await,
        (200, shown("1234abcd", true, "Test User", "username", "name@example.com"))
    );
    assert_eq!(refusal(&group(&scim, &bare).await), (404, String::new()));
    assert_eq!(
        scim.text("SELECT extern_uid FROM identities WHERE user_id = 50").as_deref(),
        Some("1234abcd")
    );
    assert_eq!(
        scim.text("SELECT extern_uid FROM group_scim_identities WHERE user_id = 50").as_deref(),
        Some("1234abcd")
    );
    let n1 = op("replace", "externalId", json!("n1"));
    is_empty(&scim.group("PATCH", "/Users/1234abcd").json(&n1).send().await);
    assert_eq!(scim.group("GET", "/Users/n1").answer().await.1["id"], "n1");
    assert_eq!(scim.group("GET", "/Users/1234abcd").answer().await.0, 404);

    let answer =
        scim.instance("PATCH", &format!("/Users/{UID}")).header("Accept", RFC).json(&n1).send().await;
    let (status, user) = answer.json();
    assert_eq!((status, &user["id"], &user["externalId"]), (200, &json!(UID), &json!("n1")));
    assert_eq!(scim.total(INSTANCE, "externalId eq \"n1\"").await, 1);
    assert_eq!(scim.total(INSTANCE, "id eq \"n1\"").await, 0);
    for id in ["n1", "N1", UID] {
        assert_eq!(scim.instance("GET", &format!("/Users/{id}")).answer().await.1["id"], UID, "{id}");
    }
    person(&mut conn, 60, "zed", "Zed", "zed@example.com");
    identity(&mut conn, Some(10), 60, "u2");
    let answer = scim.group("PATCH", "/Users/n1").json(&op("replace", "id", json!("U2"))).send().await;
    assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()));
    assert_eq!(scim.group("GET", "/Users/n1").answer().await.0, 200);
}

/// Deactivating a user of a group removes the memberships, and activating restores one.
#[testkit::test]
async fn group_identity_grants_and_revokes_membership(database: Database) {
    let scim = scim_api(database).await;
    let mut conn = scim.service.database.open();
    testkit::fixture::member(
        &mut conn,
        U1,
        database::memberships::Source::Group(12),
        domain::Role::DEVELOPER,
    );
    testkit::fixture::member(
        &mut conn,
        U1,
        database::memberships::Source::Project(70),
        domain::Role::MAINTAINER,
    );
    testkit::fixture::member(&mut conn, U1, database::memberships::Source::Group(11), domain::Role::REPORTER);
    is_empty(&group(&scim, &op("Replace", "active", json!("False"))).await);
    let inactive = shown(UID, false, "Test User", "username", "name@example.com");
    assert_eq!(scim.group("GET", &format!("/Users/{UID}")).answer().await, (200, inactive));
    assert_eq!((scim.role(10, U1), scim.role(12, U1), scim.role(11, U1)), (0, 0, 20));
    assert_eq!(scim.number("SELECT count(*) FROM members WHERE user_id = 50 AND source_type = 'Project'"), 0);
    scim.run_jobs();
    assert_eq!(scim.number("SELECT count(*) FROM project_authorizations WHERE user_id = 50"), 0);
    assert_eq!(scim.number("SELECT count(*) FROM identities WHERE user_id = 50"), 0);
    assert_eq!(
        scim.number("SELECT count(*) FROM group_scim_identities WHERE user_id = 50 AND NOT active"),
        1
    );
    assert_eq!(scim.state(U1), "active");
    assert_eq!(scim.total(GROUP, "active eq false").await, 1);
    is_empty(&group(&scim, &op("Replace", "active", json!("False"))).await);

    is_empty(&group(&scim, &op("replace", "active", json!("true"))).await);
    assert_eq!(scim.group("GET", &format!("/Users/{UID}")).answer().await, (200, u1()));
    assert_eq!((scim.role(10, U1), scim.role(12, U1)), (10, 0));
    assert_eq!(
        scim.number("SELECT count(*) FROM identities WHERE user_id = 50 AND saml_provider_id = 10"),
        1
    );
    scim.run_jobs();
    assert_eq!(
        scim.number(
            "SELECT count(*) FROM project_authorizations WHERE user_id = 50 AND project_id = \
             70 AND access_level = 10"
        ),
        1
    );
}

/// Deactivating a user of the instance blocks the account and ends its sessions.
#[testkit::test]
async fn the_instance_blocks_and_signs_out(database: Database) {
    let redis = Redis::start();
    let scim = scim_api_with(database, &["--redis-url", &redis.url()]).await;
    scim.sql("UPDATE users SET remember_created_at = '2020-01-01 00:00:00'");
    for session in ["2::aa", "2::bb"] {
        redis.ask::<i64>(&["SADD", "session:lookup:user:gitlab:50", session]);
        for key in ["session:user:gitlab::v2:50:", "session:user:gitlab:50:", "session:gitlab:"] {
            redis.ask::<String>(&["SET", &format!("{key}{session}"), "x"]);
        }
    }
    redis.ask::<String>(&["SET", "session:gitlab:2::cc", "of somebody else"]);
    is_empty(
        &instance(&scim, &operations(json!([{ "op": "Update", "path": "active", "value": "false" }]))).await,
    );
    assert_eq!(scim.state(U1), "blocked");
    assert_eq!(scim.number("SELECT count(*) FROM scim_identities WHERE group_id IS NULL AND NOT active"), 1);
    assert_eq!(scim.number("SELECT count(*) FROM identities WHERE user_id = 50"), 1, "it stays linked");
    assert_eq!(
        scim.number("SELECT count(*) FROM users WHERE id = 50 AND remember_created_at IS NOT NULL"),
        0
    );
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "session:*"]), ["session:gitlab:2::cc"]);
    is_empty(&instance(&scim, &op("replace", "active", json!(true))).await);
    assert_eq!(scim.state(U1), "active");
    for (state, status, after) in [
        ("banned", 403, "banned"),
        ("ldap_blocked", 403, "ldap_blocked"),
        ("deactivated", 204, "active"),
        ("blocked_pending_approval", 403, "blocked_pending_approval"),
    ] {
        scim.sql(&format!(
            "UPDATE users SET state = '{state}' WHERE id = 50; UPDATE scim_identities SET \
             active = false WHERE group_id IS NULL"
        ));
        let answer = instance(&scim, &op("replace", "active", json!(true))).await;
        assert_eq!((answer.status, scim.state(U1)), (status, after.to_owned()), "{state}");
    }
    scim.sql("UPDATE users SET state = 'banned' WHERE id = 50; UPDATE scim_identities SET active = true");
    is_empty(&instance(&scim, &op("replace", "active", json!(false))).await);
    assert_eq!(scim.state(U1), "banned", "to block must not undo a ban");
}

#[testkit::test]
async fn last_administrator_and_bots_cannot_be_deactivated(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    identity(&mut conn, None, 1, "root");
    identity(&mut conn, None, 6, "bot");
    scim.sql("UPDATE users SET user_type = 6 WHERE id = 6");
    for id in ["root", "bot"] {
        let answer = scim
            .instance("PATCH", &format!("/Users/{id}"))
            .json(&op("replace", "active", json!(false)))
            .send()
            .await;
        assert_eq!(refusal(&answer), (403, String::new()), "{id}");
        assert_eq!(
            refusal(&scim.instance("DELETE", &format!("/Users/{id}")).send().await),
            (403, String::new())
        );
    }
    assert_eq!((scim.state(1), scim.state(6)), ("active".to_owned(), "active".to_owned()));
    assert_eq!(scim.total(INSTANCE, "active eq true").await, 3);
}

/// The instance changes names and addresses of the account, in every provider's dialect.
#[testkit::test]
async fn instance_patch_changes_the_user(database: Database) {
    let scim = scim_api(database).await;
    let okta = json!({ "Operations": [{ "op": "replace",
        "value": { "active": false, "id": "x", "schemas": [] } }] });
    is_empty(&instance(&scim, &okta).await);
    assert_eq!(scim.instance("GET", &format!("/Users/{UID}")).answer().await.1["active"], json!(false));
    is_empty(&instance(&scim, &op("Add", "name.formatted", json!("New Name"))).await);
    assert_eq!(scim.text("SELECT name FROM users WHERE id = 50").as_deref(), Some("New Name"));
    assert_eq!(scim.text("SELECT name FROM namespaces WHERE owner_id = 50").as_deref(), Some("New Name"));
    let entra = operations(json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "entra@example.com" },
        { "op": "Replace", "path": "name.familyName", "value": "Fam" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            "value": "7" },
        { "op": "add", "path": "emails[type eq \"home\"].value", "value": "home@example.com" },
    ]));
    is_empty(&instance(&scim, &entra).await);
    let (_, user) = scim.rfc(INSTANCE, &format!("/Users/{UID}")).await;
    assert_eq!(user["name"]["familyName"], "Fam");
    assert_eq!(
        user["emails"],
        json!([
            { "value": "entra@example.com", "type": "work", "primary": true },
            { "value": "home@example.com", "type": "home" },
        ])
    );
    assert_eq!(scim.text("SELECT email FROM users WHERE id = 50").as_deref(), Some("entra@example.com"));
    let flat = operations(json!([{ "op": "replace",
            "value": { "name.givenName": "A", "name.familyName": "B", "userName": "u.name" } }]));
    is_empty(&instance(&scim, &flat).await);
    let (_, user) = scim.rfc(INSTANCE, &format!("/Users/{UID}")).await;
    assert_eq!(
        (&user["name"], &user["userName"]),
        (&json!({ "formatted": "New Name", "givenName": "A", "familyName": "B" }), &json!("u.name"))
    );
    assert_eq!(
        scim.text("SELECT username FROM users WHERE id = 50").as_deref(),
        Some("username"),
        "no path is moved"
    );
    for value in [json!("maybe"), json!(0), json!({}), json!([true, false])] {
        assert_eq!(
            refusal(&instance(&scim, &op("replace", "active", value.clone())).await),
            bad("invalidValue"),
            "{value}"
        );
    }
    let taken = op("replace", "emails.value", json!("ALICE@example.com"));
    assert_eq!(refusal(&instance(&scim, &taken).await), (409, "uniqueness".to_owned()));
    assert_eq!(scim.text("SELECT email FROM users WHERE id = 50").as_deref(), Some("entra@example.com"));
}

/// In mode `gitlab`, a group's change of names and addresses is accepted without effect.
#[testkit::test]
async fn group_patch_does_not_change_the_account(database: Database) {
    let scim = scim_api(database).await;
    let body = operations(json!([
        { "op": "Add", "path": "name.formatted", "value": "New Name" },
        { "op": "replace", "path": "emails.value", "value": "evil@example.com" },
        { "op": "replace", "path": "userName", "value": "evil" },
        { "op": "add", "path": "displayName", "value": "Evil" },
    ]));
    is_empty(&group(&scim, &body).await);
    assert_eq!(scim.group("GET", &format!("/Users/{UID}")).answer().await, (200, u1()));
    assert_eq!(
        scim.number(
            "SELECT count(*) FROM users WHERE id = 50 AND email = 'name@example.com' AND name = 'Test User'"
        ),
        1
    );
    assert_eq!(scim.number("SELECT count(*) FROM scim_api_records"), 0, "nothing was changed");
    for (path, value, keyword) in
        [("emails.value", json!("a b"), "invalidValue"), ("userName", json!(""), "invalidValue")]
    {
        assert_eq!(refusal(&group(&scim, &op("replace", path, value)).await), bad(keyword), "{path}");
    }
}

#[testkit::test]
async fn a_group_of_mode_rfc_changes_its_own_accounts(database: Database) {
    let scim = scim_api_with(database, &["--scim-group-mode", "rfc"]).await;
    let body = op("replace", "name.formatted", json!("New Name"));
    scim.sql("UPDATE user_details SET provisioned_by_group_id = NULL WHERE user_id = 50");
    is_empty(&group(&scim, &body).await);
    assert_eq!(scim.text("SELECT name FROM users WHERE id = 50").as_deref(), Some("Test User"));
    scim.sql("UPDATE user_details SET provisioned_by_group_id = 10 WHERE user_id = 50");
    is_empty(&group(&scim, &body).await);
    assert_eq!(scim.text("SELECT name FROM users WHERE id = 50").as_deref(), Some("New Name"));
}

/// If one operation fails, none of them is applied.
#[testkit::test]
async fn all_or_nothing(database: Database) {
    let scim = scim_api(database).await;
    let before = scim.rfc(INSTANCE, &format!("/Users/{UID}")).await;
    for (second, keyword) in [
        (json!({ "op": "replace", "path": "emails[type eq", "value": 1 }), "invalidPath"),
        (json!({ "op": "replace", "path": "active[value eq true]", "value": 1 }), "invalidPath"),
        (json!({ "op": "move", "path": "active", "value": true }), "invalidSyntax"),
        (json!({ "op": "remove" }), "noTarget"),
        (json!({ "op": "remove", "path": "userName" }), "mutability"),
        (json!({ "op": "replace", "path": "active", "value": "maybe" }), "invalidValue"),
        (json!({ "op": "replace", "path": "emails[type eq \"x\"]", "value": {} }), "noTarget"),
    ] {
        let body = operations(json!([
            { "op": "replace", "path": "active", "value": false },
            { "op": "replace", "path": "name.formatted", "value": "No" },
            { "op": "replace", "path": "externalId", "value": "no" }, second,
        ]));
        assert_eq!(refusal(&instance(&scim, &body).await), bad(keyword), "{second}");
        assert_eq!(scim.rfc(INSTANCE, &format!("/Users/{UID}")).await, before);
    }
    // The last operation conflicts with a row in the database, after the others were written.
    let body = operations(json!([
        { "op": "replace", "path": "name.formatted", "value": "No" },
        { "op": "replace", "path": "emails.value", "value": "alice@example.com" },
    ]));
    assert_eq!(refusal(&instance(&scim, &body).await), (409, "uniqueness".to_owned()));
    assert_eq!(scim.rfc(INSTANCE, &format!("/Users/{UID}")).await, before);
    assert_eq!(
        (scim.state(U1), scim.text("SELECT name FROM users WHERE id = 50").unwrap()),
        ("active".to_owned(), "Test User".to_owned())
    );
    for body in [json!({}), json!({ "Operations": [] }), json!({ "Operations": {} })] {
        assert_eq!(refusal(&instance(&scim, &body).await), bad("invalidSyntax"), "{body}");
    }
}

/// A PATCH returns the user only if the request selects attributes or the RFC's representation.
#[testkit::test]
async fn patch_returns_the_selected_attributes(database: Database) {
    let scim = scim_api(database).await;
    let body = op("replace", "displayName", json!("D"));
    let answer =
        scim.instance("PATCH", &format!("/Users/{UID}?attributes=userName")).json(&body).send().await;
    assert_eq!(answer.json(), (200, json!({ "schemas": [URN], "id": UID, "userName": "username" })));
    is_empty(&instance(&scim, &body).await);
    let request =
        || scim.instance("PATCH", &format!("/Users/{UID}")).header("Accept", RFC).json(&body).send();
    let (first, second) = (request().await, request().await);
    assert_eq!((first.status, first.json().1["displayName"].as_str()), (200, Some("D")));
    assert_eq!(first.text, second.text, "nothing changed, and no version");
    let group = scim.group("PATCH", &format!("/Users/{UID}")).header("Accept", RFC).json(&body).send().await;
    is_empty(&group);
}

/// The last owner of a group can be neither deactivated nor deleted.
#[testkit::test]
async fn last_owner_of_a_group_cannot_be_deactivated(database: Database) {
    let scim = scim_api(database).await;
    scim.sql("UPDATE members SET access_level = 50 WHERE user_id = 50");
    let off = op("replace", "active", json!(false));
    assert_eq!(refusal(&group(&scim, &off).await), (403, String::new()));
    assert_eq!(refusal(&scim.group("DELETE", &format!("/Users/{UID}")).send().await), (403, String::new()));
    assert_eq!(
        (scim.group("GET", &format!("/Users/{UID}")).answer().await, scim.role(10, U1)),
        ((200, u1()), 50)
    );
    let mut conn = scim.service.database.open();
    testkit::fixture::member(&mut conn, 8, database::memberships::Source::Group(10), domain::Role::OWNER);
    assert_eq!(group(&scim, &off).await.status, 403, "a blocked owner does not count");
    testkit::fixture::member(&mut conn, 2, database::memberships::Source::Group(10), domain::Role::OWNER);
    is_empty(&group(&scim, &off).await);
}

#[actix_web::test]
async fn beside_gitlab_a_job_updates_the_authorizations() {
    let redis = Redis::start();
    let scim = scim_api_with(Database::gitlab(), &["--redis-url", &redis.url()]).await;
    let inactive = op("replace", "active", json!(false));
    let request = scim.group("PATCH", &format!("/Users/{UID}")).header("X-Request-Id", "abc");
    is_empty(&request.json(&inactive).send().await);
    assert_eq!(scim.number("SELECT count(*) FROM project_authorizations WHERE user_id = 50"), 1);
    let jobs = redis.ask::<Vec<String>>(&["LRANGE", "queue:default", "0", "-1"]);
    let mut job: Value = serde_json::from_str(&jobs[0]).unwrap();
    for field in ["jid", "created_at", "enqueued_at"] {
        assert!(job.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let expected = json!({
        "class": "AuthorizedProjectsWorker", "args": [50], "queue": "default", "retry": 3, "version": 0,
        "correlation_id": "abc",
    });
    assert_eq!((jobs.len(), job), (1, expected));
}

/// The change is committed while Redis is unavailable. Repeating the request does the rest.
#[actix_web::test]
async fn repeated_request_finishes_the_effects_after_a_redis_outage() {
    let mut redis = Redis::start();
    let scim = scim_api_with(Database::gitlab(), &["--redis-url", &redis.url()]).await;
    redis.stop();
    let inactive = op("replace", "active", json!(false));
    assert_eq!(refusal(&group(&scim, &inactive).await), (503, String::new()));
    assert_eq!(scim.role(10, U1), 0);
    assert_eq!(
        scim.number("SELECT count(*) FROM internal_api.outbox_messages WHERE topic = 'authorized_projects'"),
        1
    );
    let correlated = "SELECT correlation_id FROM internal_api.outbox_messages";
    assert_eq!(scim.text(correlated).map(|id| id.len()), Some(26));
    redis.restart();
    is_empty(&group(&scim, &inactive).await);
    assert_eq!(redis.ask::<i64>(&["LLEN", "queue:default"]), 1);
    redis.stop();
    is_empty(&instance(&scim, &inactive).await);
    assert_eq!(scim.state(U1), "blocked");
    redis.restart();
    redis.ask::<i64>(&["SADD", "session:lookup:user:gitlab:50", "2::abc"]);
    is_empty(&instance(&scim, &inactive).await);
    assert_eq!(redis.ask::<i64>(&["EXISTS", "session:lookup:user:gitlab:50"]), 0);
}

/// A sign-in row follows the external id. Without one none is written: the account is linked at the next
/// sign-in.
#[testkit::test]
async fn at_the_instance_single_sign_on_follows_the_external_id(database: Database) {
    let scim = scim_api(database).await;
    let known = "SELECT extern_uid FROM identities WHERE user_id = 50 AND provider = 'saml'";
    let rows = "SELECT count(*) FROM identities WHERE user_id = 50 AND provider = 'saml'";
    for (active, external_id) in [(false, "n1"), (true, "n2")] {
        is_empty(&instance(&scim, &op("replace", "active", json!(active))).await);
        is_empty(&instance(&scim, &op("replace", "externalId", json!(external_id))).await);
        assert_eq!(scim.number(rows), 0);
    }
    scim.sql("INSERT INTO identities (user_id, provider, extern_uid) VALUES (50, 'saml', 'n2')");
    is_empty(&instance(&scim, &op("replace", "active", json!(false))).await);
    is_empty(&instance(&scim, &op("replace", "externalId", json!("n3"))).await);
    assert_eq!(scim.text(known).as_deref(), Some("n3"));
    is_empty(&instance(&scim, &op("replace", "active", json!(true))).await);
    assert_eq!((scim.text(known).as_deref(), scim.number(rows)), (Some("n3"), 1));
}

/// If GitLab has changed the identity in the shared database, its id is used.
#[testkit::test]
async fn in_gitlabs_way_the_id_is_the_external_one(database: Database) {
    let scim = scim_api(database).await;
    is_empty(&group(&scim, &op("replace", "externalId", json!("gb"))).await);
    scim.sql("UPDATE scim_identities SET extern_uid = 'gx' WHERE user_id = 50 AND group_id = 10");
    scim.sql("UPDATE group_scim_identities SET extern_uid = 'gx' WHERE user_id = 50 AND group_id = 10");
    assert_eq!(scim.group("GET", "/Users/gx").answer().await.1["id"], "gx");
    assert_eq!(scim.group("GET", "/Users/gb").answer().await.0, 404);
    assert_eq!(scim.total(GROUP, "id eq \"gx\"").await, 1);
    assert_eq!(scim.total(GROUP, "id eq \"gb\"").await, 0);
}

/// The databases cannot store a NUL. It refuses a request only where the value is used.
#[testkit::test]
async fn nul_in_an_ignored_value_prevents_no_deactivation(database: Database) {
    let scim = scim_api(database).await;
    let unused = [
        json!({ "op": "Add", "path": "mailNickname", "value": "m\0n" }),
        json!({ "op": "Add", "path": "title", "value": { "\0": ["\0"] } }),
        json!({ "op": "Add", "value": { "badge\0": "\0", "name": { "nick\0": "\0" }, "id": "\0" } }),
        json!({ "op": "remove", "path": "emails[type eq \"other\"]", "value": "\0" }),
    ];
    for second in &unused {
        let active = json!({ "op": "Replace", "path": "active", "value": "False" });
        let body = json!({ "Operations": [active, second], "other\0": ["\0"] });
        is_empty(&group(&scim, &body).await);
        is_empty(&instance(&scim, &body).await);
        assert_eq!((scim.role(10, U1), scim.state(U1)), (0, "blocked".to_owned()), "{second}");
        let on = op("replace", "active", json!(true));
        is_empty(&instance(&scim, &on).await);
        is_empty(&group(&scim, &on).await);
        assert_eq!((scim.role(10, U1), scim.state(U1)), (10, "active".to_owned()));
    }
    let emails = json!([{ "value": "n@example.com", "x": "\0" }]);
    let put = json!({ "userName": "username", "active": false, "title": "\0", "emails": emails });
    let put = scim.instance("PUT", &format!("/Users/{UID}")).json(&put).send().await;
    assert_eq!((put.status, scim.state(U1)), (200, "blocked".to_owned()));
    for (path, value) in [
        ("displayName", json!("a\0")),
        ("externalId", json!("\0")),
        ("emails[type eq \"work\"].value", json!("a\0@example.com")),
        ("emails[type eq \"work\"].display", json!("\0")),
        ("active", json!("true\0")),
    ] {
        assert_eq!(
            refusal(&instance(&scim, &op("replace", path, value)).await),
            bad("invalidValue"),
            "{path}"
        );
    }
}

#[testkit::test]
async fn attributes_of_unknown_extensions_are_ignored(database: Database) {
    let scim = scim_api(database).await;
    for urn in [
        "urn:ietf:params:scim:schemas:extension:corp:2.0",
        "urn:okta:corp:1.0",
        "urn:corp:hr:1.0.2",
        "urn:corp:2.0-rc",
        "urn:mycorp:scim:schemas:2.0",
    ] {
        is_empty(
            &instance(
                &scim,
                &json!({ "schemas": [URN],
                "Operations": [{ "op": "replace",
                    "value": { "displayName": "Q", urn: { "a": 1 } } }] }),
            )
            .await,
        );
        is_empty(&instance(&scim, &op("replace", urn, json!({ "a": 1 }))).await);
        assert_eq!(scim.total(INSTANCE, &format!("{urn} pr")).await, 0);
    }
}
