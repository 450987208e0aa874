//! Of an account that a group did not create, it sees only the attributes that it sent.
use super::support::{GROUP, TG, b1_with, person};
use super::{Scim, scim_api, scim_api_with};
use serde_json::{Value, json};

async fn linked(database: testkit::Database, arguments: &[&str]) -> Scim {
    let mut conn = database.open();
    let scim = scim_api_with(database, arguments).await;
    person(&mut conn, 61, "secretname", "Hidden Surname", "main@private.example");
    scim.sql(
        "INSERT INTO emails (user_id, email, confirmed_at) VALUES (61, 'known@example.com', \
         '2020-01-01 00:00:00')",
    );
    let body = b1_with(json!({
        "externalId": "f1", "userName": "sent.name", "name": null, "displayName": "Sent Name",
        "emails": [{ "value": "Known@example.com", "type": "work", "display": "K" }],
    }));
    assert_eq!(scim.group("POST", "/Users").json(&body).send().await.status, 201);
    scim
}

async fn answers_hide_the_account(scim: &Scim) {
    for accept in ["*/*", "application/scim+json"] {
        for path in ["/Users/f1", "/Users", "/Users?sortBy=name.formatted", "/Users?sortBy=userName"] {
            let request = scim.with_token(TG, "GET", &format!("{GROUP}{path}"));
            let text = request.header("Accept", accept).send().await.text;
            assert!(text.contains("Sent Name") && text.contains("sent.name"), "{text}");
            assert!(text.contains("Known@example.com"), "{text}");
            for secret in ["secretname", "Hidden", "Surname", "private.example"] {
                assert!(!text.contains(secret), "{accept} {path}: {text}");
            }
        }
        let patch = crate::support::op("replace", "name.formatted", json!("Other"));
        let request = scim.with_token(TG, "PATCH", &format!("{GROUP}/Users/f1?attributes=name,userName"));
        let text = request.header("Accept", accept).json(&patch).send().await.text;
        assert!(text.contains("sent.name") && !text.contains("Hidden"), "{text}");
    }
    for filter in [
        "userName eq \"secretname\"",
        "userName sw \"secret\"",
        "name.formatted co \"Hidden\"",
        "name.familyName eq \"Surname\"",
        "displayName co \"Surname\"",
        "emails.value eq \"main@private.example\"",
        "emails co \"private\"",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 0, "{filter}");
    }
    for filter in [
        "userName eq \"SENT.NAME\"",
        "name.formatted eq \"sent name\"",
        "name.familyName eq \"Name\" and externalId eq f1",
        "emails.value eq \"known@EXAMPLE.com\"",
        "emails[type eq \"work\"].display eq \"k\"",
    ] {
        assert_eq!(scim.total(GROUP, filter).await, 1, "{filter}");
    }
}

/// Mode `gitlab`: both representations, lists, filters and order.
#[testkit::test]
async fn linked_account_is_hidden(database: Database) {
    answers_hide_the_account(&linked(database, &[]).await).await;
}

/// Mode `rfc`: the same, and a change is accepted without effect.
#[testkit::test]
async fn linked_account_is_hidden_in_mode_rfc(database: Database) {
    let scim = linked(database, &["--scim-group-mode", "rfc"]).await;
    answers_hide_the_account(&scim).await;
    let put = json!({ "userName": "other", "name": { "formatted": "Other" }, "emails": "other@example.com" });
    let (status, user) = scim.group("PUT", "/Users/f1").json(&put).answer().await;
    assert_eq!((status, &user["name.formatted"]), (200, &json!("Sent Name")));
    let account = "SELECT count(*) FROM users WHERE id = 61 AND name = 'Hidden Surname' AND email = \
        'main@private.example'";
    assert_eq!(scim.number(account), 1);
}

/// An unknown token gets the same response for every path.
#[testkit::test]
async fn unknown_token_costs_the_same_for_every_path(database: Database) {
    let scim = scim_api(database).await;
    scim.sql("DELETE FROM saml_providers WHERE group_id = 11");
    let mut bodies: Vec<Value> = Vec::new();
    for path in ["groups/test_group", "groups/test_group/sub", "groups/other", "groups/none", "application"] {
        let request = scim.with_token("glsoat-wrong", "GET", &format!("/api/scim/v2/{path}/Users"));
        let (status, body) = request.answer().await;
        assert_eq!(status, 401, "{path}");
        bodies.push(body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}
