//! What identity providers have done to accounts that are not theirs, or to people with a similar name. The
//! rules are in `docs/api/scim-api.md`, "Accounts that a group did not create" and "Sign-in rows".
use super::support::{GROUP, INSTANCE, RFC, TG, TI, UID, filtered, op, operations, person, refusal};
use super::{Scim, scim_api};
use serde_json::{Value, json};
use testkit::{Answer, Database, fixture};

const ROOT: i64 = 1;
const RUBI: i64 = 7;
const ROOT_PATH: &str = "/Users/nameid-78";

/// The people of the demo: root with a confirmed address, who owns `test_group`, and rubi.
async fn demo(database: Database) -> Scim {
    let scim = scim_api(database).await;
    scim.sql(
        "UPDATE users SET name = 'Administrator', email = 'admin@example.com' WHERE id = 1;
         UPDATE users SET username = 'rubi', name = 'Rubi', email = 'rubi@example.com' WHERE id = 7",
    );
    let owner = domain::Role::OWNER;
    let group = database::memberships::Source::Group(10);
    fixture::member(&mut scim.service.database.open(), ROOT, group, owner);
    scim
}

/// A request as the demo's identity providers send it: of the group, or of the instance.
async fn send(scim: &Scim, base: &str, method: &str, path: &str, body: Value) -> Answer {
    let token = if base == GROUP { TG } else { TI };
    let request = scim.with_token(token, method, &format!("{base}{path}")).header("Accept", RFC);
    let text = if body.is_null() { String::new() } else { body.to_string() };
    request.body(RFC, text).send().await
}

async fn status(scim: &Scim, base: &str, method: &str, path: &str, body: Value) -> u16 {
    send(scim, base, method, path, body).await.status
}

fn user(external_id: &str, user_name: &str, name: &str, email: &str) -> Value {
    json!({
        "externalId": external_id, "userName": user_name, "name": { "formatted": name },
        "emails": [{ "value": email }],
    })
}

/// The group links root by the address, and changes the id.
async fn with_root_linked(database: Database) -> Scim {
    let scim = demo(database).await;
    let root = user("nameid-77", "x", "x", "admin@example.com");
    assert_eq!(status(&scim, GROUP, "POST", "/Users", root).await, 201);
    let patch = operations(json!([{ "op": "replace", "path": "id", "value": "nameid-78" }]));
    assert_eq!(status(&scim, GROUP, "PATCH", "/Users/nameid-77", patch).await / 100, 2);
    scim
}

fn sign_in_rows(scim: &Scim, user_id: i64) -> i64 {
    scim.number(&format!("SELECT count(*) FROM identities WHERE user_id = {user_id}"))
}

#[testkit::test]
async fn linked_identity_does_not_allow_sign_in_as_another_account(database: Database) {
    let scim = with_root_linked(database).await;
    assert_eq!(sign_in_rows(&scim, ROOT), 0);
    let identities = "SELECT count(*) FROM scim_identities WHERE user_id = 1 AND extern_uid = 'nameid-78'";
    assert_eq!(scim.number(identities), 1);
    let rubi = user("rubi-1", "rubi", "Rubi", "rubi@example.com");
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", rubi).await, 201);
    assert_eq!(sign_in_rows(&scim, RUBI), 0);
    // Nor after any other change that the group can make.
    for body in [
        op("replace", "externalId", json!("nameid-78b")),
        op("add", "externalId", json!("nameid-78")),
        operations(json!([{ "op": "replace", "value": { "externalId": "nameid-79", "active": true } }])),
    ] {
        let id = scim.text("SELECT extern_uid FROM scim_identities WHERE user_id = 1 AND group_id = 10");
        let path = format!("/Users/{}", id.unwrap());
        assert_eq!(status(&scim, GROUP, "PATCH", &path, body.clone()).await / 100, 2, "{body}");
        assert_eq!(sign_in_rows(&scim, ROOT), 0, "{body}");
    }
    let put = user("nameid-80", "root", "root", "admin@example.com");
    assert_eq!(status(&scim, GROUP, "PUT", "/Users/nameid-79", put).await, 200);
    assert_eq!(sign_in_rows(&scim, ROOT), 0);
    assert_eq!(scim.text("SELECT username FROM users WHERE id = 1").as_deref(), Some("root"));
}

#[testkit::test]
async fn root_stays_unknown_to_the_group(database: Database) {
    let scim = with_root_linked(database).await;
    for accept in [RFC, "*/*", "application/json"] {
        for path in [ROOT_PATH, "/Users", "/Users?sortBy=userName", "/Users?attributes=userName,name,emails"]
        {
            let request = scim.with_token(TG, "GET", &format!("{GROUP}{path}"));
            let text = request.header("Accept", accept).send().await.text;
            assert!(!text.contains("Administrator") && !text.contains("root"), "{accept} {path}: {text}");
        }
    }
    let (_, shown) = send(&scim, GROUP, "GET", ROOT_PATH, Value::Null).await.json();
    assert_eq!((&shown["userName"], &shown["name"]["formatted"]), (&json!("x"), &json!("x")), "{shown}");
    assert_eq!(shown["emails"][0]["value"], "admin@example.com");
    for filter in [
        "userName eq \"root\"",
        "userName eq \"ROOT\"",
        "userName sw \"ro\"",
        "name.formatted eq \"Administrator\"",
        "name.familyName co \"dmin\"",
        "displayName eq \"Administrator\"",
        "not (userName eq \"x\") and externalId eq \"nameid-78\"",
    ] {
        let (_, list) = send(&scim, GROUP, "GET", &filtered(filter), Value::Null).await.json();
        assert_eq!(list["totalResults"], 0, "{filter}: {list}");
    }
}

/// Name and address of a user.
fn account(scim: &Scim, username: &str) -> String {
    scim.text(&format!("SELECT name || '|' || email FROM users WHERE username = '{username}'")).unwrap()
}

#[testkit::test]
async fn a_returning_person_has_the_new_name_and_address(database: Database) {
    let scim = demo(database).await;
    let old = user("rosa-1", "rosa", "Rosa Old", "rosa.old@example.com");
    let new = user("rosa-1", "rosa", "Rosa New", "rosa.new@example.com");
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", old.clone()).await, 201);
    let leave = op("replace", "active", json!(false));
    assert_eq!(status(&scim, INSTANCE, "PATCH", "/Users/rosa-1", leave).await / 100, 2);
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", new.clone()).await, 201);
    assert_eq!(account(&scim, "rosa"), "Rosa New|rosa.new@example.com");
    for (body, expected) in [(&new, "Rosa New|rosa.new@example.com"), (&old, "Rosa Old|rosa.old@example.com")]
    {
        assert_eq!(status(&scim, INSTANCE, "PUT", "/Users/rosa-1", body.clone()).await, 200);
        assert_eq!(account(&scim, "rosa"), expected);
    }
    // A new user may have the address that is no longer used.
    let colleague = user("rosa-2", "rosa.two", "Rosa Two", "rosa.new@example.com");
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", colleague).await, 201);
}

#[testkit::test]
async fn former_user_name_matches_no_user(database: Database) {
    let scim = demo(database).await;
    let mary = user("mary-1", "msmith", "Mary Smith", "msmith@example.com");
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", mary).await, 201);
    let rename = op("replace", "userName", json!("mjones"));
    assert_eq!(status(&scim, INSTANCE, "PATCH", "/Users/mary-1", rename).await / 100, 2);
    for (name, found) in [("msmith", 0), ("MSMITH", 0), ("mjones", 1), ("MJones", 1)] {
        let filter = filtered(&format!("userName eq \"{name}\""));
        let (_, list) = send(&scim, INSTANCE, "GET", &filter, Value::Null).await.json();
        assert_eq!(list["totalResults"], found, "{name}");
    }
}

#[testkit::test]
async fn an_unknown_attribute_prevents_no_deactivation(database: Database) {
    let scim = demo(database).await;
    let mary = user("mary-1", "msmith", "Mary Smith", "msmith@example.com");
    assert_eq!(status(&scim, INSTANCE, "POST", "/Users", mary).await, 201);
    let id = scim.user_id("msmith");
    for body in [
        json!({ "Operations": [
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "Add", "path": "mailNickname", "value": "x" },
        ] }),
        json!({ "Operations": [{ "op": "replace", "value": { "active": false, "role": "x" } }] }),
    ] {
        scim.sql(&format!("UPDATE users SET state = 'active' WHERE id = {id}"));
        scim.sql("UPDATE scim_identities SET active = true WHERE extern_uid = 'mary-1'");
        assert_eq!(status(&scim, INSTANCE, "PATCH", "/Users/mary-1", body.clone()).await, 200, "{body}");
        assert_ne!(scim.state(id), "active", "{body}");
    }
    let unreadable = json!({ "Operations": [{ "op": "replace", "path": "emails[", "value": false }] });
    assert_eq!(status(&scim, INSTANCE, "PATCH", "/Users/mary-1", unreadable).await, 400);
}

#[testkit::test]
async fn unconfirmed_account_with_the_same_address_is_not_linked(database: Database) {
    let scim = demo(database).await;
    let mut conn = scim.service.database.open();
    person(&mut conn, 901, "squatter", "Squatter", "ceo@corp.example");
    scim.sql("UPDATE users SET confirmed_at = NULL WHERE id = 901");
    for base in [GROUP, INSTANCE] {
        for email in ["ceo@corp.example", "CEO@Corp.example"] {
            let answer = send(&scim, base, "POST", "/Users", user("ceo-1", "ceo", "Chief", email)).await;
            assert_eq!(refusal(&answer), (409, "uniqueness".to_owned()), "{base} {email}");
            assert_eq!(answer.json().1["detail"], "Email has already been taken");
        }
    }
    for table in ["members", "identities", "scim_identities", "group_scim_identities"] {
        let rows = format!("SELECT count(*) FROM {table} WHERE user_id = 901");
        assert_eq!(scim.number(&rows), 0, "{table}");
    }
}

#[testkit::test]
async fn name_id_belongs_to_one_user(database: Database) {
    let scim = demo(database).await;
    for id in ["dup-1", "dup-2"] {
        scim.sql(&format!(
            "INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id, created_at, updated_at)
             SELECT 7, 'group_saml', '{id}', 10, created_at, created_at FROM users WHERE id = 7"
        ));
    }
    let before = scim.service.database.contents();
    let taken = send(&scim, GROUP, "POST", "/Users", user("dup-1", "d", "D D", "name2@example.com")).await;
    assert_eq!(refusal(&taken), (409, "uniqueness".to_owned()));
    let patch = op("replace", "externalId", json!("dup-2"));
    let taken = send(&scim, GROUP, "PATCH", &format!("/Users/{UID}"), patch).await;
    assert_eq!(refusal(&taken), (409, "uniqueness".to_owned()));
    assert_eq!(scim.service.database.contents(), before);
}

#[testkit::test]
async fn reserved_names_become_free_ones(database: Database) {
    let scim = demo(database).await;
    for (name, expected) in [
        ("admin", "admin1"),
        ("api", "api1"),
        ("users", "users1"),
        ("robots.txt", "robots.txt1"),
        ("test.html", "test.html1"),
        ("a..b", "a.b"),
        ("x_", "x"),
    ] {
        let sent = user(&format!("rw-{name}"), name, name, &format!("rw.{name}@example.com"));
        assert_eq!(status(&scim, INSTANCE, "POST", "/Users", sent).await, 201, "{name}");
        let stored = format!("SELECT user_id FROM scim_identities WHERE extern_uid = 'rw-{name}'");
        let username = scim.text(&format!("SELECT username FROM users WHERE id = ({stored})"));
        assert_eq!(username.as_deref(), Some(expected), "{name}");
        let route = format!("SELECT count(*) FROM routes WHERE path = '{expected}'");
        assert_eq!(scim.number(&route), 1, "{expected}");
    }
}

#[testkit::test]
async fn a_bot_is_no_second_owner(database: Database) {
    let scim = with_root_linked(database).await;
    let mut conn = scim.service.database.open();
    person(&mut conn, 902, "bot-902", "Bot", "bot902@example.com");
    scim.sql("UPDATE users SET user_type = 6 WHERE id = 902");
    let group = database::memberships::Source::Group(10);
    fixture::member(&mut conn, 902, group, domain::Role::OWNER);
    let before = scim.service.database.contents();
    let sent = json!({ "userName": "x", "active": false });
    for (method, path, body) in [
        ("PATCH", ROOT_PATH, op("replace", "active", json!(false))),
        ("PUT", ROOT_PATH, sent),
        ("DELETE", ROOT_PATH, Value::Null),
    ] {
        let answer = send(&scim, GROUP, method, path, body).await;
        assert_eq!(refusal(&answer), (403, String::new()), "{method}");
    }
    assert_eq!(scim.service.database.contents(), before);
}
