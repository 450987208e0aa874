//! Reading users: single users, lists, pages, sorting, attributes, versions and representations.
use super::support::{
    GROUP, INSTANCE, RFC, UID, URN, bad, filtered, identity, page, person, refusal, shown, u1,
};
use super::{Scim, scim_api};
use serde_json::{Value, json};

/// Adds `count` users `userNNN` to the group, in addition to the existing one.
fn crowd(scim: &Scim, count: i64) {
    let mut conn = scim.service.database.open();
    for i in 1..=count {
        person(
            &mut conn,
            100 + i,
            &format!("user{i:03}"),
            &format!("User {i:03}"),
            &format!("user{i:03}@example.com"),
        );
        identity(&mut conn, Some(10), 100 + i, &format!("ext{i:03}"));
    }
}

fn ids(list: &Value) -> Vec<String> {
    list["Resources"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
}

/// A filter by id finds one user, or an empty list.
#[testkit::test]
async fn a_user_is_found_by_its_id(database: Database) {
    let scim = scim_api(database).await;
    let one = (200, page(1, 20, 1, &[u1()]));
    for path in [
        format!("/Users?filter=id%20eq%20%22{UID}%22"),
        format!("/Users/?filter=id%20eq%20%22{UID}%22"),
        filtered(&format!("id eq {UID}")),
        filtered(&format!("id eq '{UID}'")),
    ] {
        assert_eq!(scim.group("GET", &path).answer().await, one, "{path}");
        assert_eq!(scim.instance("GET", &path).answer().await, one, "{path}");
    }
    assert_eq!(scim.group("GET", &filtered("id eq \"x\"")).answer().await, (200, page(0, 20, 1, &[])));
}

/// A single user has seven keys in GitLab's order; an unknown id is answered with 404.
#[testkit::test]
async fn one_user_has_seven_keys_in_their_order(database: Database) {
    let scim = scim_api(database).await;
    let text = format!(
        "{{\"schemas\":[\"{URN}\"],\"id\":\"{UID}\",\"active\":true,\"name.formatted\":\"Test \
         User\",\"userName\":\"username\",\"meta\":{{\"resourceType\":\"User\"}}\
         ,\"emails\":[{{\"type\":\"work\",\"value\":\"name@example.com\",\"primary\":true}}]}}"
    );
    for request in [
        scim.group("GET", &format!("/Users/{UID}")),
        scim.instance("GET", &format!("/Users/{}", UID.to_uppercase())),
    ] {
        let answer = request.send().await;
        assert_eq!((answer.status, &*answer.text, answer.header("content-type")), (200, &*text, Some(RFC)));
        assert_eq!(answer.header("etag"), None);
    }
    for request in
        [scim.group("GET", "/Users/nope"), scim.group("GET", "/Users/%00"), scim.group("GET", "/Users/%FF")]
    {
        assert_eq!(refusal(&request.send().await), (404, String::new()));
    }
}

/// `startIndex` and `count` select a page, with 20 users by default.
#[testkit::test]
async fn list_is_paginated(database: Database) {
    let scim = scim_api(database).await;
    crowd(&scim, 24);
    let (_, first) = scim.group("GET", "/Users").answer().await;
    let (_, second) = scim.group("GET", "/Users?startIndex=21&count=20").answer().await;
    assert_eq!(
        (&first["totalResults"], &second["totalResults"], &second["startIndex"]),
        (&json!(25), &json!(25), &json!(21))
    );
    let (first, second) = (ids(&first), ids(&second));
    assert_eq!((first.len(), second.len()), (20, 5));
    assert!(first.iter().all(|id| !second.contains(id)));
}

/// A page has at most 100 users.
#[testkit::test]
async fn a_page_has_an_end(database: Database) {
    let scim = scim_api(database).await;
    crowd(&scim, 101);
    let (_, list) = scim.group("GET", "/Users?count=5000").answer().await;
    assert_eq!(
        (ids(&list).len(), &list["totalResults"], &list["itemsPerPage"]),
        (100, &json!(102), &json!(100))
    );
}

/// Page parameters out of range are adjusted, and values of the wrong type are rejected.
#[testkit::test]
async fn odd_pages_are_understood(database: Database) {
    let scim = scim_api(database).await;
    crowd(&scim, 2);
    let (_, all) = scim.group("GET", "/Users").answer().await;
    for query in ["startIndex=0", "startIndex=-5", "startIndex=", "startindex=1", "startIndex=1&startIndex=1"]
    {
        assert_eq!(
            scim.group("GET", &format!("/Users?{query}")).answer().await,
            (200, all.clone()),
            "{query}"
        );
    }
    for query in ["count=0", "count=-1"] {
        assert_eq!(
            scim.group("GET", &format!("/Users?{query}")).answer().await,
            (200, page(3, 0, 1, &[])),
            "{query}"
        );
    }
    assert_eq!(scim.group("GET", "/Users?startIndex=10").answer().await, (200, page(3, 20, 10, &[])));
    assert_eq!(
        scim.group("GET", "/Users?startIndex=99999999999999999999").answer().await.1["totalResults"],
        json!(3)
    );
    for query in
        ["count=abc", "count=1.5", "startIndex=x", "count=--1", "sortBy=foo", "sortBy=name", "sortOrder=up"]
    {
        assert_eq!(
            refusal(&scim.group("GET", &format!("/Users?{query}")).send().await),
            bad("invalidValue"),
            "{query}"
        );
    }
    let (_, list) = scim.rfc(GROUP, "/Users").await;
    assert_eq!(list["itemsPerPage"], json!(3));
}

/// `attributes` and `excludedAttributes` select the attributes of a response.
#[testkit::test]
async fn attributes_are_chosen(database: Database) {
    let scim = scim_api(database).await;
    let (_, user) = scim.rfc(INSTANCE, &format!("/Users/{UID}?attributes=userName,name.givenName")).await;
    assert_eq!(
        user,
        json!({ "schemas": [URN], "id": UID, "userName": "username", "name": { "givenName": "Test" } })
    );
    let (_, user) =
        scim.rfc(INSTANCE, &format!("/Users/{UID}?excludedAttributes=emails,ID,meta,name.formatted")).await;
    assert_eq!(
        user,
        json!({
            "schemas": [URN], "id": UID, "externalId": UID, "userName": "username", "active": true,
            "name": { "familyName": "User", "givenName": "Test" },
        })
    );
    let (status, list) = scim.rfc(INSTANCE, "/Users?attributes=emails%5Btype%20eq%20%22work%22%5D").await;
    let emails = json!([{ "value": "name@example.com", "type": "work", "primary": true }]);
    assert_eq!(
        (status, &list["Resources"]),
        (200, &json!([{ "schemas": [URN], "id": UID, "emails": emails }]))
    );
    let (_, user) = scim.group("GET", &format!("/Users/{UID}?attributes=name")).answer().await;
    assert_eq!(user, json!({ "schemas": [URN], "id": UID, "name.formatted": "Test User" }));
}

/// A list can be sorted by every attribute, in both directions.
#[testkit::test]
async fn a_list_is_sorted(database: Database) {
    let scim = scim_api(database).await;
    crowd(&scim, 2);
    scim.sql("UPDATE users SET username = 'USER000' WHERE id = 102");
    let order = async |query: &str| ids(&scim.group("GET", &format!("/Users?{query}")).answer().await.1);
    assert_eq!(order("sortBy=userName").await, ["ext002", "ext001", UID]);
    assert_eq!(order("sortBy=userName&sortOrder=descending").await, [UID, "ext001", "ext002"]);
    assert_eq!(order("sortBy=externalId").await, [UID, "ext001", "ext002"]);
    assert_eq!(order("sortBy=title").await, [UID, "ext001", "ext002"]);
    assert_eq!(order("sortBy=emails&sortOrder=descending").await, ["ext002", "ext001", UID]);
    for by in [
        "id",
        "externalId",
        "userName",
        "name.formatted",
        "name.familyName",
        "name.givenName",
        "displayName",
        "active",
        "emails.value",
        "emails.type",
        "emails.primary",
        "emails.display",
        "meta.created",
        "meta.lastModified",
        "meta.version",
        "meta.location",
        "meta.resourceType",
        "schemas",
    ] {
        for base in [GROUP, INSTANCE] {
            let (status, list) = scim.rfc(base, &format!("/Users?sortBy={by}&sortOrder=descending")).await;
            assert_eq!((status, ids(&list).len()), (200, if base == GROUP { 3 } else { 1 }), "{by}");
        }
    }
}

/// A search may be sent in the body of `POST /.search` and `POST /Users/.search`.
#[testkit::test]
async fn search_parameters_are_accepted_in_a_body(database: Database) {
    let scim = scim_api(database).await;
    crowd(&scim, 2);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName sw \"user0\"",
        "startIndex": "2", "count": 1, "attributes": ["userName"], "sortBy": "userName",
        "sortOrder": "descending",
    });
    let expected = page(2, 1, 2, &[json!({ "schemas": [URN], "id": "ext001", "userName": "user001" })]);
    for path in ["/Users/.search", "/.search", "/Users/.search/"] {
        assert_eq!(scim.group("POST", path).json(&body).answer().await, (200, expected.clone()), "{path}");
    }
    let answer = scim.group("POST", "/.search").json(&json!({ "filter": "x" })).send().await;
    assert_eq!(refusal(&answer), bad("invalidFilter"));
    let everyone = scim.group("POST", "/.search").json(&json!({})).answer().await;
    assert_eq!(everyone, scim.group("GET", "/Users").answer().await);
}

/// The `Accept` header selects GitLab's representation or the RFC's.
#[testkit::test]
async fn the_accept_header_chooses_the_form(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    for (accept, is_rfc, content_type) in [
        ("*/*", false, RFC),
        ("application/json", false, "application/json"),
        ("text/html", false, RFC),
        ("application/json, application/scim+json;q=0.9", true, RFC),
        ("APPLICATION/SCIM+JSON; charset=utf-8", true, RFC),
    ] {
        let answer = scim.group("GET", &path).header("Accept", accept).send().await;
        let (_, user) = answer.json();
        assert_eq!(user.get("name").is_some(), is_rfc, "{accept}");
        assert_eq!(user.get("name.formatted").is_some(), !is_rfc, "{accept}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{accept}");
    }
    let answer = scim.group("GET", "/Users/nope").header("Accept", "application/json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")));
}

#[testkit::test]
async fn representation_can_be_fixed_by_an_option(database: Database) {
    let scim = crate::scim_api_with(
        database,
        &["--scim-representation", "rfc", "--scim-external-url", "https://gitlab.example.com/"],
    )
    .await;
    let (_, user) = scim.instance("GET", &format!("/Users/{UID}")).answer().await;
    assert_eq!(
        user,
        json!({
            "schemas": [URN], "id": UID, "externalId": UID, "userName": "username", "active": true,
            "name": { "formatted": "Test User", "familyName": "User", "givenName": "Test" },
            "emails": [{ "value": "name@example.com", "type": "work", "primary": true }],
            "meta": {
                "resourceType": "User", "created": "2026-01-02T03:04:05.678Z",
                "lastModified": "2026-01-02T03:04:05.678Z",
                "location": format!("https://gitlab.example.com{INSTANCE}/Users/{UID}"),
                "version": "W/\"1767323045678000\"",
            },
        })
    );
    let location = user["meta"]["location"].as_str().unwrap();
    assert_eq!(
        scim.total(
            INSTANCE,
            &format!("meta.location eq \"{location}\" and meta.version eq \"W/\\\"1767323045678000\\\"\"")
        )
        .await,
        1
    );
    let answer = scim
        .instance("PATCH", &format!("/Users/{UID}"))
        .json(&crate::support::op("replace", "active", json!(true)))
        .send()
        .await;
    assert_eq!((answer.status, &*answer.text), (204, ""), "the header itself must ask for a body");
}

/// `If-None-Match` and `If-Match` compare the version of a user.
#[testkit::test]
async fn versions_are_compared(database: Database) {
    let scim = scim_api(database).await;
    let path = format!("/Users/{UID}");
    let answer = scim.instance("GET", &path).header("Accept", RFC).send().await;
    let tag = answer.header("etag").unwrap().to_owned();
    assert_eq!(answer.json().1["meta"]["version"], json!(tag));
    let again = scim.instance("GET", &path).header("Accept", RFC).header("If-None-Match", &tag).send().await;
    assert_eq!((again.status, &*again.text), (304, ""));
    let change = |tag: &str| {
        scim.instance("PATCH", &path)
            .header("If-Match", tag)
            .json(&crate::support::op("replace", "displayName", json!(tag)))
            .send()
    };
    assert_eq!(change(&tag).await.status, 204);
    let stale = change(&tag).await;
    let current = scim.instance("GET", &path).header("Accept", RFC).send().await;
    assert_eq!(refusal(&stale), (412, String::new()));
    assert!(stale.json().1["detail"].as_str().unwrap().contains(current.header("etag").unwrap()));
    for method in ["PUT", "DELETE"] {
        let request = scim.instance(method, &path).header("If-Match", &tag);
        let request = if method == "PUT" { request.json(&json!({ "userName": "x" })) } else { request };
        assert_eq!(refusal(&request.send().await), (412, String::new()), "{method}");
    }
    assert_eq!(change("*").await.status, 204);
    // No full name was ever sent, so the account gets the displayName.
    assert_eq!(
        scim.instance("GET", &path).answer().await.1,
        shown(UID, true, "*", "username", "name@example.com")
    );
}

#[testkit::test]
async fn an_identity_of_the_new_table_alone_is_found(database: Database) {
    let scim = scim_api(database).await;
    scim.sql("DELETE FROM scim_identities WHERE group_id = 10");
    assert_eq!(scim.group("GET", "/Users").answer().await, (200, page(1, 20, 1, &[u1()])));
    for filter in ["userName eq username", "emails.value eq name@example.com"] {
        assert_eq!(scim.total(GROUP, filter).await, 1, "{filter}");
    }
    assert_eq!(scim.total(GROUP, &format!("externalId eq {UID} and id eq {UID}")).await, 1);
    let answer = scim
        .group("PATCH", &format!("/Users/{UID}"))
        .json(&crate::support::op("replace", "id", json!("n1")))
        .send()
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(scim.group("GET", "/Users/n1").answer().await.0, 200);
    assert_eq!(scim.text("SELECT extern_uid FROM group_scim_identities").as_deref(), Some("n1"));
}
