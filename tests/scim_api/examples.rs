//! Every documented example, 50 to 66, as printed.
use super::support::{GROUP, INSTANCE, TG, TI, UID, identity, page, person, shown, u1};
use super::{Scim, scim_api};
use serde_json::{Value, json};
use testkit::{Answer, Database};

const F0: &str = "f0b1d561c-21ff-4092-beab-8154b17f82f2";
const BODY: &str = r#"{"externalId":"test_uid","active":null,"userName":"username","emails":[{"primary":true,"type":"work","value":"name@example.com"}],"name":{"formatted":"Test User","familyName":"User","givenName":"Test"},"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"meta":{"resourceType":"User"}}"#;

/// The demo's second user, whose id the page asks for.
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

testkit::databases! {
    /// 50, 51, 60, 61, 65
    async fn reading(database: Database) {
        let scim = demo(database).await;
        let f0 = shown(F0, true, "Test User", "username31", "name31@example.com");
        for base in [GROUP, INSTANCE] {
            for (id, user) in [(UID, u1()), (F0, f0.clone())] {
                let list = ask(&scim, base, "GET", &format!("?filter=id%20eq%20%22{id}%22"), "").await;
                assert_eq!(list.json(), (200, page(1, 20, 1, std::slice::from_ref(&user))));
                assert_eq!(ask(&scim, base, "GET", &format!("/{id}"), "").await.json(), (200, user));
            }
            let bare = ask(&scim, base, "GET", "?filter=id%20eq%20a-b-c-d", "").await;
            assert_eq!(bare.json(), (200, page(0, 20, 1, &[])));
        }
    }

    /// 52, 62
    async fn creating(database: Database) {
        let scim = demo(database).await;
        for base in [GROUP, INSTANCE] {
            assert_eq!(ask(&scim, base, "POST", "", BODY).await.status, 409);
            assert_eq!(ask(&scim, base, "DELETE", &format!("/{UID}"), "").await.status, 204);
            for path in ["", "/"] {
                let made = ask(&scim, base, "POST", path, BODY).await;
                assert_eq!(made.json(), (201, shown("test_uid", true, "Test User", "username", "name@example.com")), "{base}");
                assert_eq!(ask(&scim, base, "DELETE", "/test_uid", "").await.status, 204);
            }
            // The steps that bring the data back.
            assert_eq!(ask(&scim, base, "POST", "", &BODY.replace("test_uid", UID)).await.json(), (201, u1()));
        }
    }

    /// 53 to 56, 63, 64, 66
    async fn changing(database: Database) {
        let scim = demo(database).await;
        let add = r#"{ "Operations": [{ "op": "Add", "path": "name.formatted", "value": "New Name" }] }"#;
        for (base, id, body, name) in [(GROUP, F0, add, "Test User"), (INSTANCE, UID, add, "New Name")] {
            assert_eq!(ask(&scim, base, "PATCH", &format!("/{id}"), body).await.status, 204);
            assert_eq!(ask(&scim, base, "GET", &format!("/{id}"), "").await.json().1["name.formatted"], name);
        }
        let active = r#"{ "Operations": [{"op":"replace","path":"active","value":"true"}] }"#;
        assert_eq!(ask(&scim, GROUP, "PATCH", &format!("/{F0}"), active).await.status, 204);
        let id = r#"{ "Operations": [{"op":"replace","path":"id","value":"1234abcd"}] }"#;
        assert_eq!(ask(&scim, GROUP, "PATCH", &format!("/{F0}"), id).await.status, 204);
        let found = async |base: &str, id: &str| ask(&scim, base, "GET", &format!("/{id}"), "").await.status;
        assert_eq!((found(GROUP, "1234abcd").await, found(GROUP, F0).await), (200, 404));
        assert_eq!(ask(&scim, GROUP, "PATCH", "/1234abcd", &id.replace("1234abcd", F0)).await.status, 204);
        assert_eq!(ask(&scim, GROUP, "DELETE", &format!("/{F0}"), "").await.status, 204);
        assert_eq!((scim.role(10, 31), scim.state(31)), (0, "active".to_owned()));
        let update = r#"{ "Operations": [{"op":"Update","path":"active","value":"false"}] }"#;
        let answer = ask(&scim, INSTANCE, "PATCH", &format!("/{F0}"), update).await;
        assert_eq!((answer.status, &*answer.text, scim.state(31)), (204, "", "blocked".to_owned()));
        let user: Value = ask(&scim, INSTANCE, "GET", &format!("/{F0}"), "").await.json().1;
        assert_eq!(user["active"], json!(false));
        assert_eq!(ask(&scim, INSTANCE, "DELETE", &format!("/{F0}"), "").await.status, 204);
        assert_eq!((found(INSTANCE, F0).await, scim.state(31)), (404, "blocked".to_owned()));
    }
}
