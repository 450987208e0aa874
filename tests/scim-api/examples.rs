//! Every example of the documentation, as printed.
use super::support::{GROUP, INSTANCE, TG, TI, UID, identity, page, person, shown, u1};
use super::{Scim, scim_api};
use serde_json::{Value, json};
use testkit::{Answer, Database};

const F0: &str = "f0b1d561c-21ff-4092-beab-8154b17f82f2";
const BODY: &str = concat!(
    r#"{"externalId":"test_uid","active":null,"userName":"username","#,
    r#""emails":[{"primary":true,"type":"work","value":"name@example.com"}],"#,
    r#""name":{"formatted":"Test User","familyName":"User","givenName":"Test"},"#,
    r#""schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"meta":{"resourceType":"User"}}"#,
);

/// Adds the second user of the demo, whose id the examples use.
async fn demo(database: Database) -> Scim {
    let scim = scim_api(database).await;
    let mut conn = scim.service.database.open();
    person(&mut conn, 31, "username31", "Test User", "name31@example.com");
    identity(&mut conn, Some(10), 31, F0);
    identity(&mut conn, None, 31, F0);
    scim
}

async fn ask(scim: &Scim, base: &str, method: &str, path: &str, body: &str) -> Answer {
    let token = if base == GROUP { TG } else { TI };
    let request = scim.with_token(token, method, &format!("{base}/Users{path}"));
    request.body("application/scim+json", body.to_owned()).send().await
}

/// Runs the examples of reading, which are the same for the group and the instance.
async fn finds(scim: &Scim, base: &str) {
    for (id, user) in [(UID, u1()), (F0, f0())] {
        let list = ask(scim, base, "GET", &format!("?filter=id%20eq%20%22{id}%22"), "").await;
        assert_eq!(list.json(), (200, page(1, 20, 1, &[user])));
    }
}

async fn reads(scim: &Scim, base: &str) {
    for (id, user) in [(UID, u1()), (F0, f0())] {
        assert_eq!(ask(scim, base, "GET", &format!("/{id}"), "").await.json(), (200, user));
    }
}

/// While the demo's user exists, the address is taken. Afterwards the example answers as printed, and a
/// DELETE and a POST restore the data.
async fn creates(scim: &Scim, base: &str) {
    let taken = ask(scim, base, "POST", "", BODY).await.json();
    assert_eq!((taken.0, &taken.1["detail"]), (409, &json!("User has already been taken")));
    empty(&ask(scim, base, "DELETE", &format!("/{UID}"), "").await);
    for path in ["", "/"] {
        let made = ask(scim, base, "POST", path, BODY).await;
        assert_eq!(
            made.json(),
            (201, shown("test_uid", true, "Test User", "username", "name@example.com")),
            "{base}"
        );
        empty(&ask(scim, base, "DELETE", "/test_uid", "").await);
    }
    assert_eq!(ask(scim, base, "POST", "", &BODY.replace("test_uid", UID)).await.json(), (201, u1()));
}

fn f0() -> Value {
    shown(F0, true, "Test User", "username31", "name31@example.com")
}

fn empty(answer: &Answer) {
    assert_eq!((answer.status, &*answer.text), (204, ""));
}

const ADD: &str = r#"{ "Operations": [{ "op": "Add", "path": "name.formatted", "value": "New Name" }] }"#;

#[testkit::test]
async fn example_50(database: Database) {
    finds(&demo(database).await, GROUP).await;
}

#[testkit::test]
async fn example_51(database: Database) {
    reads(&demo(database).await, GROUP).await;
}

#[testkit::test]
async fn example_52(database: Database) {
    creates(&demo(database).await, GROUP).await;
}

#[testkit::test]
async fn example_53(database: Database) {
    let scim = demo(database).await;
    let body = r#"{ "Operations": [{"op":"replace","path":"id","value":"1234abcd"}] }"#;
    empty(&ask(&scim, GROUP, "PATCH", &format!("/{F0}"), body).await);
    let user = shown("1234abcd", true, "Test User", "username31", "name31@example.com");
    assert_eq!(ask(&scim, GROUP, "GET", "/1234abcd", "").await.json(), (200, user));
    assert_eq!(ask(&scim, GROUP, "GET", &format!("/{F0}"), "").await.status, 404);
}

#[testkit::test]
async fn example_54(database: Database) {
    let scim = demo(database).await;
    let body = r#"{ "Operations": [{"op":"replace","path":"active","value":"true"}] }"#;
    empty(&ask(&scim, GROUP, "PATCH", &format!("/{F0}"), body).await);
    assert_eq!(ask(&scim, GROUP, "GET", &format!("/{F0}"), "").await.json(), (200, f0()));
}

#[testkit::test]
async fn example_55(database: Database) {
    let scim = demo(database).await;
    empty(&ask(&scim, GROUP, "PATCH", &format!("/{F0}"), ADD).await);
    assert_eq!(ask(&scim, GROUP, "GET", &format!("/{F0}"), "").await.json(), (200, f0()));
}

#[testkit::test]
async fn example_56(database: Database) {
    let scim = demo(database).await;
    empty(&ask(&scim, GROUP, "DELETE", &format!("/{F0}"), "").await);
    assert_eq!(ask(&scim, GROUP, "GET", &format!("/{F0}"), "").await.status, 404);
    let identities =
        scim.number("SELECT count(*) FROM identities WHERE user_id = 31 AND provider = 'group_saml'");
    assert_eq!((scim.role(10, 31), identities, scim.state(31)), (0, 0, "active".to_owned()));
}

#[testkit::test]
async fn example_60(database: Database) {
    finds(&demo(database).await, INSTANCE).await;
}

#[testkit::test]
async fn example_61(database: Database) {
    reads(&demo(database).await, INSTANCE).await;
}

#[testkit::test]
async fn example_62(database: Database) {
    creates(&demo(database).await, INSTANCE).await;
}

#[testkit::test]
async fn example_63(database: Database) {
    let scim = demo(database).await;
    let body = r#"{ "Operations": [{"op":"Update","path":"active","value":"false"}] }"#;
    empty(&ask(&scim, INSTANCE, "PATCH", &format!("/{F0}"), body).await);
    let inactive = shown(F0, false, "Test User", "username31", "name31@example.com");
    assert_eq!(ask(&scim, INSTANCE, "GET", &format!("/{F0}"), "").await.json(), (200, inactive));
    assert_eq!(scim.state(31), "blocked");
}

#[testkit::test]
async fn example_64(database: Database) {
    let scim = demo(database).await;
    empty(&ask(&scim, INSTANCE, "DELETE", &format!("/{F0}"), "").await);
    assert_eq!(ask(&scim, INSTANCE, "GET", &format!("/{F0}"), "").await.status, 404);
    assert_eq!(scim.state(31), "blocked");
}

#[testkit::test]
async fn example_65(database: Database) {
    let scim = demo(database).await;
    for base in [GROUP, INSTANCE] {
        let bare = ask(&scim, base, "GET", "?filter=id%20eq%20a-b-c-d", "").await;
        assert_eq!(bare.json(), (200, page(0, 20, 1, &[])));
    }
}

#[testkit::test]
async fn example_66(database: Database) {
    let scim = demo(database).await;
    empty(&ask(&scim, INSTANCE, "PATCH", &format!("/{UID}"), ADD).await);
    let renamed = shown(UID, true, "New Name", "username", "name@example.com");
    assert_eq!(ask(&scim, INSTANCE, "GET", &format!("/{UID}"), "").await.json(), (200, renamed));
}
