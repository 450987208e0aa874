//! The requests of Okta, Entra ID and other providers, in their order.
use super::support::{GROUP, INSTANCE, RFC, TG, TI, URN, filtered, refusal};
use super::{Scim, scim_api};
use serde_json::{Value, json};
use testkit::{Answer, Request};

fn okta(scim: &Scim, method: &str, path: &str) -> Request {
    scim.instance(method, path).header("Accept", RFC).header("User-Agent", "Okta SCIM Client 1.0.0")
}

fn entra(scim: &Scim, method: &str, path: &str) -> Request {
    scim.with_token(TG, method, &format!("{GROUP}{path}")).header("User-Agent", "Microsoft-Entra")
}

fn found(answer: &Answer) -> (u16, i64) {
    let (status, body) = answer.json();
    (status, body["totalResults"].as_i64().unwrap())
}

#[testkit::test]
async fn okta_tests_creates_updates_imports_and_deactivates(database: Database) {
    let scim = scim_api(database).await;
    for query in ["startIndex=1&count=2", "startIndex=1&count=1"] {
        let (status, list) = okta(&scim, "GET", &format!("/Users?{query}")).answer().await;
        assert_eq!(status, 200);
        for key in ["totalResults", "itemsPerPage", "startIndex"] {
            assert!(list[key].is_i64(), "{list}");
        }
        let first = &list["Resources"][0];
        for value in [
            &first["name"]["familyName"],
            &first["name"]["givenName"],
            &first["userName"],
            &first["emails"][0]["value"],
        ] {
            assert!(value.as_str().is_some_and(|text| !text.is_empty()), "{first}");
        }
        assert_eq!(first["active"], true);
    }
    let name = "isaac.brock@example.com";
    assert_eq!(
        found(&okta(&scim, "GET", &filtered(&format!("userName eq \"{name}\""))).send().await),
        (200, 0)
    );
    let user = json!({
        "schemas": [URN], "userName": name, "name": { "givenName": "Isaac", "familyName": "Brock" },
        "emails": [{ "primary": true, "value": name, "type": "work" }], "displayName": "Isaac Brock",
        "locale": "en-US", "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq",
        "active": true,
    });
    let (status, made) =
        okta(&scim, "POST", "/Users").body("application/json", user.to_string()).answer().await;
    assert_eq!(
        (status, &made["userName"], &made["name"]["familyName"]),
        (201, &json!(name), &json!("Brock"))
    );
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    assert_eq!(
        refusal(&okta(&scim, "POST", "/Users").json(&user).send().await),
        (409, "uniqueness".to_owned())
    );
    // Okta's acceptance test sends no external id, another address and the same name.
    let mut again = user.clone();
    again.as_object_mut().unwrap().remove("externalId");
    again["emails"][0]["value"] = json!("another@example.com");
    assert_eq!(
        refusal(&okta(&scim, "POST", "/Users").json(&again).send().await),
        (409, "uniqueness".to_owned())
    );
    assert_eq!(
        found(
            &okta(&scim, "GET", &filtered(&format!("userName eq \"{}\"", name.to_uppercase()))).send().await
        ),
        (200, 1)
    );

    let mut changed = made.clone();
    changed["name"]["familyName"] = json!("Brock Jr");
    changed["displayName"] = json!("Isaac Brock Jr");
    let (status, put) =
        okta(&scim, "PUT", &path).body("application/json", changed.to_string()).answer().await;
    assert_eq!((status, &put["name"]["familyName"], &put["active"]), (200, &json!("Brock Jr"), &json!(true)));
    let off = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }] });
    let (status, patched) = okta(&scim, "PATCH", &path).json(&off).answer().await;
    assert_eq!((status, &patched["active"]), (200, &json!(false)));
    assert_eq!(scim.state(scim.user_id("isaac.brock")), "blocked");
    // A custom app activates and deactivates by PUT. Without `active` nothing changes.
    for (active, state) in [(json!(true), "active"), (json!(false), "blocked"), (Value::Null, "blocked")] {
        changed["active"] = active;
        let (status, put) = okta(&scim, "PUT", &path).json(&changed).answer().await;
        assert_eq!((status, &put["active"]), (200, &json!(state == "active")));
        assert_eq!(scim.state(scim.user_id("isaac.brock")), state);
    }
    let (_, import) = okta(&scim, "GET", "/Users?startIndex=1&count=100").answer().await;
    assert_eq!(import["totalResults"], 2);
    assert_eq!(
        refusal(&okta(&scim, "GET", "/Users/010101001010101011001010101011").send().await),
        (404, String::new())
    );
    let bad_token = scim.with_token("wrong", "GET", &format!("{INSTANCE}/Users"));
    assert_eq!(refusal(&bad_token.send().await), (401, String::new()));
}

#[testkit::test]
async fn entra_id_matches_creates_and_deletes_softly_then_hard(database: Database) {
    let scim = scim_api(database).await;
    let object = "3fcbb3dd-7a42-4b6e-8d5f-7dd1bd9ae0a5";
    let test = entra(
        &scim,
        "GET",
        "/Users?filter=externalId+eq+%22a4d4c3f1-0000-0000-0000-000000000000%22&aadOptscim062020",
    )
    .send()
    .await;
    assert_eq!(found(&test), (200, 0));
    let user = json!({
        "schemas": [URN, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"], "externalId": object,
        "userName": "adele.vance",
        "active": true, "emails": [{ "primary": true, "type": "work", "value": "adele@contoso.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "Adele Vance", "familyName": "Vance", "givenName": "Adele" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" }, "roles": [],
    });
    let answer = entra(&scim, "POST", "/Users")
        .body("application/scim+json; charset=utf-8", user.to_string())
        .send()
        .await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some(RFC)));
    assert!(!answer.text.contains("null"));
    let id = scim.user_id("adele.vance");
    for filter in [
        format!("externalId eq \"{object}\""),
        "emails[type eq \"work\"].value eq \"adele@contoso.com\"".to_owned(),
        "userName eq \"ADELE.VANCE\" and active eq \"True\"".to_owned(),
    ] {
        assert_eq!(found(&entra(&scim, "GET", &filtered(&filter)).send().await), (200, 1), "{filter}");
    }
    let path = format!("/Users/{object}");
    let operations = |list: Value| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": list })
    };
    let changes = operations(json!([
        { "op": "Replace", "path": "displayName", "value": "Adele V" },
        { "op": "Add", "path": "name.formatted", "value": "Adele V" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "adele.v@contoso.com" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            "value": [{ "$ref": "x", "value": "x" }] },
    ]));
    assert_eq!(entra(&scim, "PATCH", &path).json(&changes).send().await.status, 204);
    for (value, role) in [
        (json!("False"), 0),
        (json!("True"), 10),
        (json!(false), 0),
        (json!(true), 10),
        (json!([{ "value": "False" }]), 0),
    ] {
        let body = operations(json!([{ "op": "Replace", "path": "active", "value": value }]));
        assert_eq!(
            entra(&scim, "PATCH", &format!("{path}?aadOptscim062020")).json(&body).send().await.status,
            204
        );
        assert_eq!(scim.role(10, id), role, "{value}");
    }
    assert_eq!(entra(&scim, "GET", &path).answer().await.1["active"], json!(false));
    let flat = operations(json!([{ "op": "add",
            "value": { "active": true, "emails[type eq \"work\"].value": "adele@contoso.com",
                "name.familyName": "V" } }]));
    assert_eq!(entra(&scim, "PATCH", &path).json(&flat).send().await.status, 204);
    assert_eq!(scim.role(10, id), 10);
    assert_eq!(entra(&scim, "DELETE", &path).send().await.status, 204);
    assert_eq!(
        found(&entra(&scim, "GET", &filtered(&format!("externalId eq \"{object}\""))).send().await),
        (200, 0)
    );
    assert_eq!(scim.state(id), "active");
    // Entra ID finds the user, deactivates it, deletes it thirty days later, and then creates it again.
    for step in ["comes back", "comes back once more"] {
        assert_eq!(entra(&scim, "POST", "/Users").json(&user).send().await.status, 201, "{step}");
        assert_eq!((scim.user_id("adele.vance"), scim.role(10, id)), (id, 10), "{step}");
        let off = operations(json!([{ "op": "Replace", "path": "active", "value": "False" }]));
        assert_eq!(entra(&scim, "PATCH", &path).json(&off).send().await.status, 204);
        assert_eq!(entra(&scim, "DELETE", &path).send().await.status, 204);
        assert_eq!(entra(&scim, "DELETE", &path).send().await.status, 404);
    }
}

/// The same requests for the whole instance.
#[testkit::test]
async fn entra_id_provisions_the_instance(database: Database) {
    let scim = scim_api(database).await;
    let ask = |method: &str, path: &str| {
        scim.with_token(TI, method, &format!("{INSTANCE}{path}")).header("User-Agent", "Microsoft-Entra")
    };
    let user = json!({
        "schemas": [URN], "externalId": "o-1", "userName": "adele", "active": true, "roles": [],
        "emails": [{ "primary": true, "type": "work", "value": "adele@contoso.com" }],
        "name": { "formatted": "Adele Vance" },
    });
    assert_eq!(found(&ask("GET", &filtered("externalId eq \"o-1\"")).send().await), (200, 0));
    assert_eq!(ask("POST", "/Users").json(&user).send().await.status, 201);
    let operations = |list: Value| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": list })
    };
    let renamed = operations(json!([{ "op": "Replace", "path": "name.formatted", "value": "Adele V" },
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "av@contoso.com" }]));
    assert_eq!(ask("PATCH", "/Users/o-1").json(&renamed).send().await.status, 204);
    let id = scim.user_id("adele");
    assert_eq!(scim.text(&format!("SELECT name FROM users WHERE id = {id}")).as_deref(), Some("Adele V"));
    assert_eq!(
        found(&ask("GET", &filtered("emails[type eq \"work\"].value eq \"av@contoso.com\"")).send().await),
        (200, 1)
    );
    for (value, state) in [("False", "blocked"), ("True", "active"), ("False", "blocked")] {
        let body = operations(json!([{ "op": "Replace", "path": "active", "value": value }]));
        assert_eq!(ask("PATCH", "/Users/o-1").json(&body).send().await.status, 204);
        assert_eq!(scim.state(id), state);
    }
    assert_eq!(ask("DELETE", "/Users/o-1").send().await.status, 204);
    assert_eq!(found(&ask("GET", &filtered("externalId eq \"o-1\"")).send().await), (200, 0));
}

#[testkit::test]
async fn onelogin_finds_creates_and_puts(database: Database) {
    let scim = scim_api(database).await;
    let ask = |method: &str, path: &str| scim.with_token(TI, method, &format!("{INSTANCE}{path}"));
    assert_eq!(found(&ask("GET", "/Users?filter=userName%20eq%20%22jo%22&").send().await), (200, 0));
    let user = json!({
        "schemas": ["urn:scim:schemas:core:1.0"], "id": null, "externalId": "1001", "userName": "jo",
        "active": true,
        "name": { "formatted": "Jo Doe", "familyName": "Doe", "givenName": "Jo" },
        "emails": [{ "value": "jo@example.com", "type": "work", "primary": true }],
    });
    let (status, made) = ask("POST", "/Users").json(&user).answer().await;
    assert_eq!((status, &made["id"]), (201, &json!("1001")));
    let mut put = user.clone();
    put["name"]["formatted"] = json!("Jo Dough");
    let (status, changed) = ask("PUT", "/Users/1001?").json(&put).answer().await;
    assert_eq!((status, &changed["name.formatted"]), (200, &json!("Jo Dough")));
    put["active"] = json!(false);
    assert_eq!(ask("PUT", "/Users/1001?").json(&put).answer().await.1["active"], json!(false));
}

#[testkit::test]
async fn authentik_probes_creates_and_creates_again(database: Database) {
    let scim = scim_api(database).await;
    let ask = |method: &str, path: &str| scim.instance(method, path).header("Accept", RFC);
    assert_eq!(ask("GET", "/ServiceProviderConfig").send().await.status, 200);
    let user = json!({ "schemas": [URN], "userName": "ak", "externalId": "ak-1", "displayName": "A K",
        "active": true, "name": { "formatted": "A K", "givenName": "A", "familyName": "K" },
        "emails": [{ "value": "ak@example.com", "type": "other", "primary": true }] });
    let (status, made) = ask("POST", "/Users").body(RFC, user.to_string()).answer().await;
    assert_eq!((status, &made["id"]), (201, &json!("ak-1")));
    assert_eq!(ask("DELETE", "/Users/ak-1").send().await.status, 204);
    assert_eq!(ask("PUT", "/Users/ak-1").body(RFC, user.to_string()).send().await.status, 404);
    assert_eq!(ask("POST", "/Users").body(RFC, user.to_string()).send().await.status, 201);
    assert_eq!(ask("PUT", "/Users/ak-1").body(RFC, user.to_string()).send().await.status, 200);
    // With a group's endpoint it changes only `active`.
    assert_eq!(scim.group("POST", "/Users").body(RFC, user.to_string()).send().await.status, 201);
    for active in [false, true] {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": active }] });
        let request = scim.group("PATCH", "/Users/ak-1").header("Accept", RFC);
        assert_eq!(request.body(RFC, body.to_string()).send().await.status, 204);
        assert_eq!(scim.group("GET", "/Users/ak-1").answer().await.1["active"], json!(active));
    }
}
