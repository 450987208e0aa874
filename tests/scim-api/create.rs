//! `POST /Users`: creating, linking and rejecting users.
use super::support::{GROUP, INSTANCE, RFC, U1, UID, URN, b1, b1_with, bad, op, person, refusal, shown};
use super::{Scim, scim_api};
use database::memberships::Source;
use serde_json::{Value, json};
use testkit::{Answer, fixture};

async fn post(scim: &Scim, base: &str, body: &Value) -> Answer {
    let request = if base == GROUP { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
    request.json(body).send().await
}

fn detail(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json().1["detail"].as_str().unwrap_or_default().to_owned())
}

const TAKEN: &str = "User has already been taken";
const NOT_LINKED: &str =
    "The member's email address is not linked to a SAML account or has an inactive SCIM identity.";

/// Creating a user writes the account, its namespace, identities, membership and authorisations.
#[testkit::test]
async fn user_is_created_with_all_rows(database: Database) {
    let scim = scim_api(database).await;
    let answer =
        scim.group("POST", "/Users/").body("application/json; charset=utf-8", b1().to_string()).send().await;
    assert_eq!(answer.json(), (201, shown("test_uid", true, "Test User", "username2", "new@example.com")));
    let location = answer.header("location").unwrap();
    assert!(
        location.ends_with(&format!("{GROUP}/Users/test_uid")) && location.starts_with("http://127.0.0.1"),
        "{location}"
    );
    assert_eq!(answer.header("content-type"), Some(RFC));
    let id = scim.user_id("username2");
    assert_eq!(scim.role(10, id), 10);
    scim.run_jobs();
    for (table, condition, count) in [
        (
            "users",
            "state = 'active' AND password_automatically_set AND projects_limit = 100000 AND email = \
             'new@example.com'",
            1,
        ),
        ("user_details", "provisioned_by_group_id = 10", 1),
        ("organization_users", "organization_id = 1 AND access_level = 10", 1),
        ("scim_identities", "group_id = 10 AND active AND extern_uid = 'test_uid'", 1),
        (
            "group_scim_identities",
            "group_id = 10 AND active AND extern_uid = 'test_uid' AND temp_source_id IS NOT NULL",
            1,
        ),
        ("identities", "provider = 'group_saml' AND saml_provider_id = 10 AND extern_uid = 'test_uid'", 1),
        // A guest of the group is also a guest of its projects.
        ("project_authorizations", "project_id = 70 AND access_level = 10", 1),
    ] {
        let column = if table == "users" { "id" } else { "user_id" };
        let found =
            scim.number(&format!("SELECT count(*) FROM {table} WHERE {column} = {id} AND {condition}"));
        assert_eq!(found, count, "{table}");
    }
    let namespace = scim.number(&format!(
        "SELECT id FROM namespaces WHERE owner_id = {id} AND type = 'User' \
         AND path = 'username2' AND organization_id = 1"
    ));
    assert_eq!(
        scim.number(&format!("SELECT count(*) FROM namespace_settings WHERE namespace_id = {namespace}")),
        1
    );
    assert_eq!(
        scim.number(&format!(
            "SELECT count(*) FROM routes WHERE source_id = {namespace} AND \
             source_type = 'Namespace' AND path = 'username2' AND namespace_id = {namespace}"
        )),
        1
    );
    let traversal = scim
        .text(&format!("SELECT CAST(traversal_ids AS text) FROM namespaces WHERE id = {namespace}"))
        .unwrap();
    assert_eq!(traversal.trim_matches(['{', '}', '[', ']']), namespace.to_string());

    let answer = post(
        &scim,
        INSTANCE,
        &b1_with(json!({ "externalId": "i", "userName": "inst", "emails": "i@example.com" })),
    )
    .await;
    assert_eq!(answer.json(), (201, shown("i", true, "Test User", "inst", "i@example.com")));
    let id = scim.user_id("inst");
    assert_eq!(scim.number(&format!("SELECT count(*) FROM members WHERE user_id = {id}")), 0);
    assert_eq!(
        scim.number(&format!("SELECT count(*) FROM identities WHERE user_id = {id} AND provider = 'saml'")),
        1
    );
    assert_eq!(
        scim.number(&format!("SELECT count(*) FROM users WHERE id = {id} AND confirmed_at IS NOT NULL")),
        1
    );
}

#[testkit::test]
async fn letters_beyond_ascii_are_alike_in_any_case(database: Database) {
    let scim = scim_api(database).await;
    let of =
        |id: &str, email: &str| b1_with(json!({ "externalId": id, "userName": "ecole", "emails": email }));
    assert_eq!(post(&scim, INSTANCE, &of("\u{c9}cole", "\u{e9}a@example.com")).await.status, 201);
    assert_eq!(
        detail(&post(&scim, INSTANCE, &of("\u{e9}COLE", "b@example.com")).await),
        (409, TAKEN.to_owned())
    );
    assert_eq!(
        detail(&post(&scim, INSTANCE, &of("c", "\u{c9}a@example.com")).await),
        (409, TAKEN.to_owned())
    );
    assert_eq!(scim.total(INSTANCE, "externalId eq \"\u{c9}COLE\"").await, 1);
    assert_eq!(scim.instance("GET", "/Users/%C3%89COLE").send().await.status, 200);
}

/// A deactivated user who is created again keeps the resource id.
#[testkit::test]
async fn recreated_user_keeps_the_id(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    scim.instance("PATCH", &path).json(&op("replace", "externalId", json!("later"))).send().await;
    scim.instance("PATCH", &path).json(&op("replace", "active", json!(false))).send().await;
    let answer = post(&scim, INSTANCE, &b1_with(json!({ "externalId": "later" }))).await;
    assert_eq!((answer.status, &answer.json().1["id"]), (201, &json!(UID)));
    assert_eq!(scim.instance("GET", &path).send().await.status, 200);
}

/// A user whose external id or email address is taken is answered with 409.
#[testkit::test]
async fn one_person_has_one_identity(database: Database) {
    let scim = scim_api(database).await;
    for body in [
        json!({ "externalId": UID }),
        json!({ "externalId": UID.to_uppercase() }),
        json!({ "externalId": "zz", "emails": "NAME@example.com" }),
    ] {
        for base in [GROUP, INSTANCE] {
            let answer = post(&scim, base, &b1_with(body.clone())).await;
            assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()), "{body}");
            assert_eq!(detail(&answer).1, TAKEN);
        }
    }
    assert_eq!(scim.number("SELECT count(*) FROM users"), 9);
}

/// A username that is taken gets a numeric suffix; invalid characters are removed.
#[testkit::test]
async fn taken_username_gets_a_number(database: Database) {
    let scim = scim_api(database).await;
    let mut made = Vec::new();
    for (i, name) in [
        "username",
        "USERNAME",
        "username",
        "username",
        "username",
        "username",
        "jane.doe@corp.com",
        "日本",
        "grp",
    ]
    .iter()
    .enumerate()
    {
        let answer = post(
            &scim,
            GROUP,
            &b1_with(json!({ "externalId": i, "userName": name, "emails": format!("{i}@example.com") })),
        )
        .await;
        let (status, user) = answer.json();
        assert_eq!(status, 201, "{user}");
        made.push(user["userName"].as_str().unwrap().to_owned());
    }
    assert_eq!(made[..4], ["username1", "USERNAME2", "username3", "username4"]);
    for other in &made[4..6] {
        let number = other.strip_prefix("username").unwrap();
        assert!(number.len() > 1 && number.bytes().all(|byte| byte.is_ascii_digit()), "{other}");
    }
    assert_ne!(made[4], made[5]);
    assert_eq!(made[6..], ["jane.doe", "blank", "grp1"]);
    // A filter finds them by the `userName` that the provider sent.
    assert_eq!(scim.total(GROUP, "userName eq \"jane.doe@corp.com\"").await, 1);
    assert_eq!(scim.total(GROUP, "userName eq \"日本\"").await, 1);
}

/// A confirmed address proves who owns an account. The account stays as it is, and the group sees only what
/// it sent.
#[testkit::test]
async fn account_with_a_confirmed_address_is_linked(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    person(&mut conn, 60, "mem", "Mem Ber", "mem@example.com");
    fixture::member(&mut conn, 60, Source::Group(10), domain::Role::DEVELOPER);
    person(&mut conn, 61, "outsider", "Out Sider", "out@x.example.com");
    person(&mut conn, 62, "second", "Second", "first@example.com");
    scim.sql(
        "INSERT INTO emails (user_id, email, confirmed_at) VALUES (62, 'second@example.com', \
         '2020-01-01 00:00:00');
            INSERT INTO emails (user_id, email) VALUES (62, 'unconfirmed@example.com')",
    );
    for (id, email, username, role) in [
        (60, "MEM@example.com", "mem", 30),
        (61, "out@x.example.com", "outsider", 10),
        (62, "second@example.com", "second", 10),
    ] {
        let body = b1_with(json!({ "externalId": username, "emails": email }));
        let expected = shown(username, true, "Test User", "username2", email);
        assert_eq!(post(&scim, GROUP, &body).await.json(), (201, expected), "{email}");
        assert_eq!(scim.role(10, id), role, "{email}");
        let account = format!("SELECT count(*) FROM users WHERE id = {id} AND username = '{username}'");
        assert_eq!(scim.number(&account), 1);
        assert_eq!(scim.number(&format!("SELECT count(*) FROM identities WHERE user_id = {id}")), 0);
    }
    let created_by_groups = "SELECT count(*) FROM user_details WHERE provisioned_by_group_id IS NOT NULL";
    assert_eq!(scim.number(created_by_groups), 1);
    let answer = post(&scim, GROUP, &b1_with(json!({ "emails": "unconfirmed@example.com" }))).await;
    assert_eq!(answer.json().1["userName"], "username2", "the address is unconfirmed");
    assert_eq!(scim.number(created_by_groups), 2);
}

/// A group can reject addresses by enforced single sign-on and by allowed email domains.
#[testkit::test]
async fn group_can_restrict_email_domains(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    scim.sql("UPDATE saml_providers SET enforced_sso = true");
    person(&mut conn, 61, "outsider", "Out Sider", "out@x.example.com");
    let body = b1_with(json!({ "emails": "out@x.example.com" }));
    assert_eq!(detail(&post(&scim, GROUP, &body).await), (412, NOT_LINKED.to_owned()));
    scim.sql(
        "INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id) VALUES (61, \
         'group_saml', 'y', 10)",
    );
    assert_eq!(post(&scim, GROUP, &body).await.status, 201, "they sign in through this provider");

    scim.sql(
        "INSERT INTO allowed_email_domains (group_id, domain, created_at, updated_at) VALUES (10, \
         'corp.com', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    );
    let answer = post(&scim, GROUP, &b1_with(json!({ "externalId": "d" }))).await;
    let expected = "The member's email address is not allowed for this group. Check with your administrator.";
    assert_eq!(detail(&answer), (412, expected.to_owned()));
    assert_eq!(answer.json().1.get("scimType"), None);
    for (email, status) in [("a@CORP.com", 201), ("a@evilcorp.com", 412), ("a@sub.corp.com", 412)] {
        let body = b1_with(json!({ "externalId": email, "userName": "corp", "emails": email }));
        assert_eq!(post(&scim, GROUP, &body).await.status, status, "{email}");
    }
}

/// An account with an inactive identity is not linked to a second one until the first is deleted.
#[testkit::test]
async fn an_identity_that_was_there_before(database: Database) {
    let scim = scim_api(database).await;
    let (path, body) =
        (format!("/Users/{UID}"), b1_with(json!({ "externalId": "second", "emails": "name@example.com" })));
    let off = op("replace", "active", json!(false));
    assert_eq!(scim.group("PATCH", &path).json(&off).send().await.status, 204);
    assert_eq!(detail(&post(&scim, GROUP, &body).await), (412, NOT_LINKED.to_owned()));
    assert_eq!(scim.instance("PATCH", &path).json(&off).send().await.status, 204);
    assert_eq!(detail(&post(&scim, INSTANCE, &body).await), (409, TAKEN.to_owned()));
    assert_eq!(scim.group("DELETE", &path).send().await.status, 204);
    let (status, user) = post(&scim, GROUP, &body).await.json();
    assert_eq!((status, &user["id"], &user["active"]), (201, &json!("second"), &json!(true)));
    assert_eq!(
        (scim.role(10, U1), scim.number("SELECT count(*) FROM scim_identities WHERE group_id = 10")),
        (10, 1)
    );

    let renamed = op("replace", "externalId", json!("n1"));
    assert_eq!(scim.instance("PATCH", &path).json(&renamed).send().await.status, 204);
    let body = b1_with(json!({ "externalId": UID }));
    assert_eq!(detail(&post(&scim, INSTANCE, &body).await), (409, TAKEN.to_owned()), "it is another's id");
}

/// Invalid values, unreadable bodies and wrong content types are rejected, and nothing is stored.
#[testkit::test]
async fn invalid_user_is_refused_and_nothing_is_stored(database: Database) {
    let scim = scim_api(database).await;
    for (base, body) in [
        (GROUP, json!({ "externalId": null })),
        (GROUP, json!({ "emails": null })),
        (GROUP, json!({ "emails": [] })),
        (GROUP, json!({ "emails": [{ "type": "work", "value": "a b@c" }] })),
        (INSTANCE, json!({ "userName": null })),
        (GROUP, json!({ "userName": " " })),
        (GROUP, json!({ "externalId": "x".repeat(256) })),
        (GROUP, json!({ "externalId": "" })),
        (GROUP, json!({ "externalId": {} })),
        (GROUP, json!({ "name": 7 })),
        (GROUP, json!({ "active": "maybe" })),
        (GROUP, json!({ "active": 1 })),
        (INSTANCE, json!({ "emails": null })),
        (GROUP, json!({ "userName": ["a", "b"] })),
        (GROUP, json!({ "displayName": "a\u{0}" })),
        (GROUP, json!({ "userName": "x".repeat(1025) })),
    ] {
        assert_eq!(
            refusal(&post(&scim, base, &b1_with(body.clone())).await),
            bad("invalidValue"),
            "{body:.80}"
        );
    }
    let nameless = post(&scim, GROUP, &b1_with(json!({ "name": null }))).await;
    assert_eq!(
        (refusal(&nameless), detail(&nameless).1),
        (bad("invalidValue"), "Name can't be blank".to_owned())
    );
    for body in ["{", "[]", "", "7", "\"x\"", "{\"a\":}"] {
        let answer = scim.group("POST", "/Users").body(RFC, body).send().await;
        assert_eq!(refusal(&answer), bad("invalidSyntax"), "{body}");
    }
    let answer = scim.group("POST", "/Users").body("text/plain", b1().to_string()).send().await;
    assert_eq!(refusal(&answer), (415, String::new()));
    let answer = scim.group("POST", "/Users").body(RFC, vec![b' '; endpoint::MIB + 1]).send().await;
    assert_eq!(refusal(&answer), (413, String::new()));
    assert_eq!(scim.number("SELECT count(*) FROM users"), 9);
    assert_eq!(scim.number("SELECT count(*) FROM scim_identities"), 2);
}

/// Missing attributes get defaults: the id, the name, the address and `active`.
#[testkit::test]
async fn missing_attributes_get_defaults(database: Database) {
    let scim = scim_api(database).await;
    let body =
        b1_with(json!({ "externalId": null, "emails": null, "name": null, "userName": "x@example.com" }));
    let (status, user) = post(&scim, INSTANCE, &body).await.json();
    let id = user["id"].as_str().unwrap();
    assert_eq!((status, id.len(), id.as_bytes()[14]), (201, 36, b'4'), "{id}");
    assert_eq!(user, shown(id, true, "x@example.com", "x@example.com", "x@example.com"));
    let again =
        b1_with(json!({ "externalId": null, "emails": "other@example.com", "userName": "X@example.com" }));
    assert_eq!(detail(&post(&scim, INSTANCE, &again).await), (409, TAKEN.to_owned()));

    let emails = json!([{ "type": "home", "primary": true, "value": "home@x.com" },
        { "type": "Work", "value": "work@x.com" }]);
    for (i, (body, name, email)) in [
        (json!({ "name": null, "displayName": "D N" }), "D N", "0@x.com"),
        (json!({ "name": { "familyName": "User", "givenName": "Test" } }), "Test User", "1@x.com"),
        (json!({ "emails": emails }), "Test User", "work@x.com"),
        (
            json!({ "schemas": ["urn:scim:schemas:core:1.0"], "id": "x", "roles": [], "nonsense": {} }),
            "Test User",
            "3@x.com",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wanted =
            b1_with(json!({ "externalId": i, "userName": format!("u{i}"), "emails": format!("{i}@x.com") }));
        wanted.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let (status, user) = post(&scim, GROUP, &wanted).await.json();
        assert_eq!(
            (status, &user["name.formatted"], &user["emails"][0]["value"]),
            (201, &json!(name), &json!(email)),
            "{user}"
        );
    }
    let (status, user) =
        post(&scim, INSTANCE, &b1_with(json!({ "externalId": "off", "active": "False" }))).await.json();
    assert_eq!((status, &user["active"]), (201, &json!(false)));
    assert_eq!(scim.state(scim.user_id("username2")), "blocked");
    let (_, user) = post(
        &scim,
        GROUP,
        &b1_with(
            json!({ "externalId": "off2", "active": false, "emails": "off2@x.com", "userName": "off2" }),
        ),
    )
    .await
    .json();
    assert_eq!(user["active"], json!(false));
    let id = scim.user_id("off2");
    assert_eq!((scim.role(10, id), scim.state(id)), (0, "active".to_owned()));
}

/// An external id may contain slashes, spaces and letters beyond ASCII.
#[testkit::test]
async fn an_id_may_be_any_text(database: Database) {
    let scim = scim_api(database).await;
    for (i, id) in ["a/b+c@d %", "/", "x:y;z?#", "ünï", "Users", "...", "./."].iter().enumerate() {
        let body = b1_with(
            json!({ "externalId": id, "userName": format!("odd{i}"), "emails": format!("odd{i}@x.com") }),
        );
        let answer = post(&scim, GROUP, &body).await;
        assert_eq!(answer.status, 201, "{id}");
        let location =
            answer.header("location").unwrap().strip_prefix(scim.service.url()).unwrap().to_owned();
        let found = scim.with_token(crate::support::TG, "GET", &location).answer().await;
        assert_eq!((found.0, &found.1["id"]), (200, &json!(id)), "{location}");
        assert_eq!(scim.total(GROUP, &format!("id eq \"{id}\"")).await, 1, "{id}");
    }
}

#[testkit::test]
async fn rfc_mode_returns_attributes_as_sent(database: Database) {
    let scim = scim_api(database).await;
    let emails = json!([{ "value": "w@x.com", "display": "W", "type": "work", "primary": true },
        { "value": "h@x.com", "type": "home" }]);
    let body = b1_with(
        json!({ "userName": "As.Sent@x", "displayName": "Shown", "emails": emails, "password": "s3cret" }),
    );
    let answer = scim.instance("POST", "/Users").header("Accept", RFC).json(&body).send().await;
    let (status, mut user) = answer.json();
    assert_eq!((status, answer.header("etag")), (201, Some("W/\"1\"")));
    user.as_object_mut().unwrap().remove("meta").unwrap();
    assert_eq!(
        user,
        json!({
            "schemas": [URN], "id": "test_uid", "externalId": "test_uid", "userName": "As.Sent@x",
            "displayName": "Shown",
            "name": { "formatted": "Test User", "familyName": "User", "givenName": "Test" }, "active": true,
            "emails": emails,
        })
    );
    let (_, again) = scim.rfc(INSTANCE, "/Users/test_uid").await;
    assert_eq!(again["emails"], emails);
    let created = again["meta"]["created"].as_str().unwrap();
    assert_eq!(scim.total(INSTANCE, &format!("meta.created eq \"{created}\"")).await, 1);
    assert_eq!(
        scim.total(INSTANCE, "emails[type eq home].value eq H@x.com and emails.display eq w").await,
        1
    );
}

/// An account of a bot is not linked by its email address.
/// No URL leads to a user with such an id: `.search` is an endpoint, and clients resolve `.` and `..`.
#[testkit::test]
async fn id_that_no_url_reaches_is_refused(database: Database) {
    let scim = scim_api(database).await;
    for id in [".search", ".", ".."] {
        for base in [GROUP, INSTANCE] {
            let created = post(&scim, base, &b1_with(json!({ "externalId": id }))).await;
            assert_eq!(refusal(&created), bad("invalidValue"), "{id}");
            let token = if base == GROUP { crate::support::TG } else { crate::support::TI };
            let user = format!("{base}/Users/{UID}");
            for path in ["id", "externalId"] {
                let body = op("replace", path, json!(id));
                let patched = scim.with_token(token, "PATCH", &user).json(&body).send().await;
                assert_eq!(refusal(&patched), bad("invalidValue"), "{path} {id}");
            }
            let body = b1_with(json!({ "externalId": [id] }));
            let put = scim.with_token(token, "PUT", &user).json(&body).send().await;
            assert_eq!(refusal(&put), bad("invalidValue"), "{id}");
        }
    }
    assert_eq!(scim.number("SELECT count(*) FROM users"), 9);
    let unchanged = format!("SELECT count(*) FROM scim_identities WHERE extern_uid = '{UID}'");
    assert_eq!(scim.number(&unchanged), 2);
}

#[testkit::test]
async fn a_bot_is_not_linked(database: Database) {
    let scim = scim_api(database).await;
    scim.sql("UPDATE users SET user_type = 6 WHERE id = 6");
    let body = b1_with(json!({ "emails": "out@example.com" }));
    assert_eq!(detail(&post(&scim, INSTANCE, &body).await), (409, TAKEN.to_owned()));
}
