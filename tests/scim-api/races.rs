//! Concurrent requests.
use super::scim_api;
use super::support::{b1, b1_with, op, page, refusal};
use futures_util::future::join_all;
use serde_json::json;

/// Of fifty concurrent requests with one external id, exactly one creates a user.
#[testkit::test]
async fn one_external_id_makes_one_user(database: Database) {
    let scim = scim_api(database).await;
    for base in [crate::support::GROUP, crate::support::INSTANCE] {
        let body = b1_with(json!({ "externalId": base, "emails": format!("{}@example.com", base.len()) }));
        let before = scim.number("SELECT count(*) FROM users");
        let token = if base == crate::support::GROUP { crate::support::TG } else { crate::support::TI };
        let posts =
            (0..50).map(|_| scim.with_token(token, "POST", &format!("{base}/Users")).json(&body).send());
        let answers = join_all(posts).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(refusal(answer), (409, "uniqueness".to_owned()));
        }
        assert_eq!(scim.number("SELECT count(*) FROM users"), before + 1);
    }
}

/// GitLab's own schema has no unique index for the external ids of the instance.
#[testkit::test]
async fn without_an_index_one_external_id_still_makes_one_user(database: Database) {
    let scim = scim_api(database).await;
    scim.sql(
        "DROP INDEX scim_identities_instance_lower_extern_uid_key; DROP INDEX \
         scim_identities_instance_user_id_key",
    );
    let posts = (0..50).map(|i| {
        let body = b1_with(json!({ "externalId": "one", "userName": format!("user{i}"),
                "emails": format!("{i}@example.com") }));
        scim.instance("POST", "/Users").json(&body).send()
    });
    let answers = join_all(posts).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 49);
    assert_eq!(scim.number("SELECT count(*) FROM scim_identities WHERE extern_uid = 'one'"), 1);
}

/// Concurrent requests with one `userName`, in two tenants, get distinct usernames.
#[testkit::test]
async fn one_name_makes_many_usernames(database: Database) {
    let scim = scim_api(database).await;
    let posts = (0..20).map(|i| {
        let body =
            b1_with(json!({ "externalId": i, "userName": "same", "emails": format!("{i}@example.com") }));
        let request = if i % 2 == 0 { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
        request.json(&body).send()
    });
    let answers = join_all(posts).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(
        scim.number("SELECT count(DISTINCT lower(username)) FROM users WHERE username LIKE 'same%'"),
        20
    );
    assert_eq!(scim.number("SELECT count(*) FROM routes WHERE path LIKE 'same%'"), 20);
}

#[testkit::test]
async fn failed_creation_leaves_no_rows(database: Database) {
    let scim = scim_api(database).await;
    let made = scim.group("POST", "/Users").json(&b1()).send().await;
    assert_eq!(made.status, 201);
    let ids = ["a", "b", "c", "d"];
    let changes =
        ids.map(|id| scim.group("PATCH", "/Users/test_uid").json(&op("replace", "id", json!(id))).send());
    let done = join_all(changes).await.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(done, 1, "the id is another's after the first");
    assert_eq!(scim.group("GET", "/Users?count=0").answer().await, (200, page(2, 0, 1, &[])));
}
