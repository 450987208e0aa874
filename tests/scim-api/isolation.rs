//! A token of one group never sees, changes or detects a user of another.
use super::scim_api;
use super::support::{GROUP, TG, TH, UID, b1, b1_with, op, operations, shown};
use serde_json::{Value, json};

const OTHER: &str = "/api/scim/v2/groups/other";

#[testkit::test]
async fn groups_do_not_see_users_of_each_other(database: Database) {
    let scim = scim_api(database).await;
    let other = |method: &str, path: &str| scim.with_token(TH, method, &format!("{OTHER}{path}"));
    let strangers = async |path: &str| {
        let unknown = path.replace(UID, "00000000-21ff-4092-beab-8154b17f82f2");
        let requests = |path: &str| {
            [
                other("GET", path),
                other("DELETE", path),
                other("PUT", path).json(&json!({ "userName": "x" })),
                other("PATCH", path).json(&op("replace", "active", json!(false))),
                other("PATCH", path)
                    .json(&operations(json!([{ "op": "replace", "path": "id", "value": "x" }]))),
            ]
        };
        for (known, nobody) in requests(path).into_iter().zip(requests(&unknown)) {
            let (known, nobody) = (known.send().await, nobody.send().await);
            assert_eq!((known.status, &known.text), (404, &nobody.text), "nothing tells one from the other");
        }
    };
    strangers(&format!("/Users/{UID}")).await;
    for filter in [
        format!("id eq {UID}"),
        format!("externalId eq {UID}"),
        "userName eq username".to_owned(),
        "emails.value eq name@example.com".to_owned(),
        "id pr".to_owned(),
        "not (id eq x)".to_owned(),
        "id pr or externalId pr".to_owned(),
    ] {
        assert_eq!(
            other("GET", &crate::support::filtered(&filter)).answer().await.1["totalResults"],
            json!(0),
            "{filter}"
        );
    }
    // The same external id in the other group belongs to another identity.
    let body = b1_with(json!({ "externalId": UID, "emails": "elsewhere@example.com" }));
    let (status, user) = other("POST", "/Users").json(&body).answer().await;
    assert_eq!((status, user), (201, shown(UID, true, "Test User", "username2", "elsewhere@example.com")));
    assert_eq!(other("DELETE", &format!("/Users/{UID}")).send().await.status, 204);
    let (_, mine) = scim.group("GET", &format!("/Users/{UID}")).answer().await;
    assert_eq!((&mine["userName"], &mine["active"]), (&json!("username"), &json!(true)));
    assert_eq!((scim.role(10, 50), scim.role(11, 50)), (10, 0));
}

#[testkit::test]
async fn user_of_another_group_is_not_found(database: Database) {
    let scim = scim_api(database).await;
    let answer = scim.group("POST", "/Users").json(&b1()).send().await;
    let location = answer.header("location").unwrap().replace("test_group", "other");
    let path = location.strip_prefix(scim.service.url()).unwrap();
    assert_eq!(scim.with_token(TH, "GET", path).answer().await.0, 404);
    assert_eq!(scim.with_token(TG, "GET", path).answer().await.0, 401);
    assert_eq!(scim.total(GROUP, "id eq test_uid").await, Value::from(1));
}
