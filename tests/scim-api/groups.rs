//! SCIM groups of the instance (`docs/api/scim-api.md`, "Groups").
use super::support::{GROUP, INSTANCE, RFC, TG, bad, identity, op, operations, person, refusal};
use super::{Scim, scim_api, scim_api_with};
use database::memberships::Source;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Release, fixture};

const E: &str = "6c0a0d0e-5f5d-4a6e-9f0e-2f1c7b6a9e01";
const PLATFORM: i64 = 500;
const TOOLS: i64 = 501;
const UA: i64 = 81;
const UB: i64 = 82;
const UC: i64 = 83;
/// A user whom somebody added to `platform` by hand.
const HM: i64 = 84;

/// GitLab groups `platform` and `platform/tools` with links, and users of the instance.
fn plant(scim: &Scim) {
    let mut conn = scim.service.database.open();
    fixture::group(&mut conn, PLATFORM, "platform", None);
    fixture::group(&mut conn, TOOLS, "platform/tools", Some(PLATFORM));
    fixture::project(&mut conn, 75, "platform/p", PLATFORM, 0);
    for (id, name) in [(UA, "ua"), (UB, "ub"), (UC, "uc"), (HM, "hm")] {
        person(&mut conn, id, name, &format!("{name} Adams"), &format!("{name}@example.com"));
        identity(&mut conn, None, id, name);
    }
    fixture::member(&mut conn, HM, Source::Group(PLATFORM), domain::Role::DEVELOPER);
    for (group, name, role) in
        [(PLATFORM, "engineering", 30), (TOOLS, "engineering", 20), (PLATFORM, "leads", 40)]
    {
        link(scim, group, name, role);
    }
}

fn link(scim: &Scim, group: i64, name: &str, role: i64) {
    scim.sql(&format!(
        "INSERT INTO saml_group_links (group_id, saml_group_name, access_level, created_at, updated_at) \
         VALUES ({group}, '{name}', {role}, '2026-01-02 03:04:05', '2026-01-02 03:04:05')"
    ));
}

/// `None` on GitLab 18.0, which has no memberships of SCIM groups: there, groups are off.
async fn with_links(database: testkit::Database) -> Option<Scim> {
    let has_groups = database.gitlab_release() != Some(Release::V18_0);
    let scim = scim_api(database).await;
    plant(&scim);
    if !has_groups {
        are_off(&scim, INSTANCE).await;
    }
    has_groups.then_some(scim)
}

async fn create(scim: &Scim, body: Value) -> Answer {
    scim.instance("POST", "/Groups").header("Accept", RFC).json(&body).send().await
}

/// The group `engineering` with the id [`E`], and these members.
async fn with_group(database: testkit::Database, members: &[&str]) -> Option<Scim> {
    let scim = with_links(database).await?;
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({ "displayName": "engineering", "externalId": E, "members": members });
    assert_eq!(create(&scim, body).await.status, 201);
    Some(scim)
}

async fn leads(scim: &Scim, members: &[&str]) -> String {
    let answer = create(scim, json!({ "displayName": "leads", "members": members })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json().1["id"].as_str().unwrap().to_owned()
}

async fn patch(scim: &Scim, id: &str, operations_: Value) -> u16 {
    let answer = scim.instance("PATCH", &format!("/Groups/{id}")).json(&operations(operations_)).send().await;
    assert_eq!(answer.text, "", "{}", answer.status);
    answer.status
}

async fn members(scim: &Scim, id: &str) -> Vec<String> {
    let (status, group) = scim.rfc(INSTANCE, &format!("/Groups/{id}")).await;
    assert_eq!(status, 200, "{group}");
    let members = group["members"].as_array().unwrap();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

fn roles(scim: &Scim, user: i64) -> (i64, i64) {
    (scim.role(PLATFORM, user), scim.role(TOOLS, user))
}

fn add(ids: &[&str]) -> Value {
    let value: Vec<Value> = ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect();
    json!([{ "op": "Add", "path": "members", "value": value }])
}

fn remove(ids: &[&str]) -> Value {
    let value: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    json!([{ "op": "Remove", "path": "members", "value": value }])
}

/// A group consists of the SAML group links with its name. Its id is `externalId` if that is a UUID.
#[testkit::test]
async fn group_is_created_from_links(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    let empty = scim.instance("GET", "/Groups").answer().await.1;
    assert_eq!((&empty["totalResults"], &empty["Resources"]), (&json!(0), &json!([])));
    let body = json!({ "displayName": "engineering", "externalId": E.to_uppercase(),
        "members": [{ "value": "ua" }] });
    let answer = create(&scim, body.clone()).await;
    let (status, group) = answer.json();
    assert_eq!((status, &group["id"], &group["externalId"]), (201, &json!(E), &body["externalId"]));
    assert!(answer.header("location").unwrap().ends_with(&format!("{INSTANCE}/Groups/{E}")));
    assert_eq!(group["members"], json!([{ "value": "ua", "display": "ua Adams", "type": "User" }]));
    assert_eq!(roles(&scim, UA), (30, 20));
    let linked = "SELECT count(*) FROM saml_group_links WHERE scim_group_uid IS NOT NULL";
    assert_eq!(scim.number(linked), 2);
    assert_eq!(scim.number("SELECT count(*) FROM scim_group_memberships"), 1);
    assert_eq!(refusal(&create(&scim, body).await), (409, "uniqueness".to_owned()));
    let taken = create(&scim, json!({ "displayName": "leads", "externalId": E })).await;
    assert_eq!(refusal(&taken), (409, "uniqueness".to_owned()));
    let okta = create(&scim, json!({ "displayName": "leads", "externalId": "okta-1", "members": [] })).await;
    let id = okta.json().1["id"].as_str().unwrap().to_owned();
    assert_eq!((okta.status, id.len(), id.as_bytes()[14]), (201, 36, b'4'));
    let found = |filter: &str| format!("/Groups?filter={}", scim::encode_segment(filter));
    let answer = scim.instance("GET", &found("externalId eq \"OKTA-1\"")).answer().await;
    assert_eq!(answer.1["totalResults"], 1);
    assert_eq!(scim.number(linked), 3);
}

/// A group cannot be created without a SAML group link of its name.
#[testkit::test]
async fn group_without_a_link_is_refused(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    for name in [json!("nobody"), json!("Engineering")] {
        let answer = create(&scim, json!({ "displayName": name })).await;
        assert_eq!(refusal(&answer), bad("invalidValue"));
        assert!(answer.json().1["detail"].as_str().unwrap().contains(name.as_str().unwrap()));
    }
    for name in [json!(null), json!(" "), json!(7)] {
        let answer = create(&scim, json!({ "displayName": name, "members": [] })).await;
        assert_eq!(refusal(&answer), bad("invalidValue"), "{name}");
    }
    assert_eq!(refusal(&create(&scim, json!({})).await), bad("invalidValue"));
    let linked = "SELECT count(*) FROM saml_group_links WHERE scim_group_uid IS NOT NULL";
    assert_eq!(scim.number(linked), 0);
}

/// Representations, selection of attributes, filters and pagination.
#[testkit::test]
async fn groups_are_read(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    let path = format!("/Groups/{}", E.to_uppercase());
    let (_, group) = scim.rfc(INSTANCE, &path).await;
    for key in ["created", "lastModified", "location", "version"] {
        assert!(group["meta"][key].is_string(), "{group}");
    }
    let plain = scim.instance("GET", &path).answer().await.1;
    assert_eq!(plain["meta"], json!({ "resourceType": "Group" }));
    for path in [format!("{path}?excludedAttributes=members"), "/Groups?excludedAttributes=members".into()] {
        let text = scim.instance("GET", &path).send().await.text;
        assert!(text.contains("engineering") && !text.contains("\"members\""), "{text}");
    }
    for id in ["00000000-5f5d-4a6e-9f0e-2f1c7b6a9e01", "x"] {
        let path = format!("/Groups/{id}");
        for request in [
            scim.instance("GET", &path),
            scim.instance("DELETE", &path),
            scim.instance("PUT", &path).json(&json!({ "displayName": "x" })),
            scim.instance("PATCH", &path).json(&op("add", "members", json!([]))),
        ] {
            assert_eq!(refusal(&request.send().await), (404, String::new()), "{id}");
        }
    }
    leads(&scim, &[]).await;
    let found = async |filter: &str| {
        let path = format!("/Groups?filter={}", scim::encode_segment(filter));
        scim.instance("GET", &path).answer().await
    };
    for (filter, total) in [
        ("displayName eq \"ENGINEERING\"", 1),
        ("members eq \"ua\"", 1),
        ("members.value eq \"UA\"", 1),
        (format!("id eq \"{E}\" and members[value eq \"ua\"]").as_str(), 1),
        ("members eq \"ub\"", 0),
        ("displayName pr", 2),
    ] {
        assert_eq!(found(filter).await.1["totalResults"], total, "{filter}");
    }
    for filter in ["fooBar eq \"x\"", "displayName eq", "userName eq \"x\""] {
        let path = format!("/Groups?filter={}", scim::encode_segment(filter));
        assert_eq!(refusal(&scim.instance("GET", &path).send().await), bad("invalidFilter"), "{filter}");
    }
    for (query, count) in [("startIndex=1&count=100", 2), ("count=0", 0), ("startIndex=3", 0), ("count=1", 1)]
    {
        let (_, list) = scim.instance("GET", &format!("/Groups?{query}")).answer().await;
        assert_eq!(list["totalResults"], 2, "{query}");
        assert_eq!(list["Resources"].as_array().unwrap().len(), count, "{query}");
    }
    let (_, list) = scim.instance("GET", "/Groups?sortBy=displayName&sortOrder=descending").answer().await;
    assert_eq!(list["Resources"][0]["displayName"], "leads");
    let search = json!({ "filter": "displayName sw \"lead\"" });
    let (status, list) = scim.instance("POST", "/Groups/.search").json(&search).answer().await;
    assert_eq!((status, &list["totalResults"]), (200, &json!(1)));
    let wrong = scim.with_token(TG, "GET", &format!("{INSTANCE}/Groups")).send().await;
    assert_eq!(refusal(&wrong), (401, String::new()));
}

/// Members can be changed by the requests of Entra ID, authentik and Okta.
#[testkit::test]
async fn members_are_added_and_removed(database: Database) {
    let Some(scim) = with_group(database, &[]).await else { return };
    assert_eq!(patch(&scim, E, add(&["ua", "ub"])).await, 204);
    assert_eq!(members(&scim, E).await, ["ua", "ub"]);
    assert_eq!((roles(&scim, UA), roles(&scim, UB)), ((30, 20), (30, 20)));
    let version = scim.rfc(INSTANCE, &format!("/Groups/{E}")).await.1["meta"]["version"].clone();
    assert_eq!(patch(&scim, E, add(&["ua"])).await, 204);
    assert_eq!(scim.rfc(INSTANCE, &format!("/Groups/{E}")).await.1["meta"]["version"], version);
    assert_eq!(patch(&scim, E, add(&["nope", "UC"])).await, 204);
    assert_eq!(members(&scim, E).await, ["ua", "ub", "uc"]);
    assert_eq!(patch(&scim, E, remove(&["ua"])).await, 204);
    assert_eq!((roles(&scim, UA), roles(&scim, UB)), ((0, 0), (30, 20)));
    let okta = json!([
        { "op": "remove", "path": "members[value eq \"ub\"]" },
        { "op": "add", "path": "members", "value": [{ "value": "ua", "display": "x" }] },
        { "op": "replace", "value": { "id": E, "displayName": "Eng" } },
        { "op": "replace", "path": "foo", "value": 1 },
        { "op": "Add", "path": "externalId", "value": "x" },
    ]);
    assert_eq!(patch(&scim, E, okta).await, 204);
    assert_eq!(members(&scim, E).await, ["ua", "uc"]);
    let (_, group) = scim.rfc(INSTANCE, &format!("/Groups/{E}")).await;
    assert_eq!((&group["displayName"], &group["externalId"]), (&json!("engineering"), &json!(E)));
    assert_eq!(patch(&scim, E, remove(&[])).await, 204);
    assert_eq!(members(&scim, E).await, ["ua", "uc"]);
    let replace =
        json!([{ "op": "replace", "path": "members", "value": [{ "value": "ub" }, { "value": "uc" }] }]);
    assert_eq!(patch(&scim, E, replace).await, 204);
    assert_eq!((members(&scim, E).await, roles(&scim, UA)), (vec!["ub".into(), "uc".into()], (0, 0)));
    assert_eq!(patch(&scim, E, json!([{ "op": "remove", "path": "members" }])).await, 204);
    assert_eq!(members(&scim, E).await, [""; 0]);
    assert_eq!((roles(&scim, UB), scim.role(PLATFORM, HM)), ((0, 0), 30));
    let nested = json!([{ "op": "add", "path": "members", "value": [{ "value": E, "type": "Group" }] }]);
    assert_eq!(patch(&scim, E, nested).await, 204);
    assert_eq!(members(&scim, E).await, [""; 0]);
    scim.instance("PATCH", "/Users/ua").json(&op("replace", "externalId", json!("ua2"))).send().await;
    assert_eq!(patch(&scim, E, add(&["ua2"])).await, 204);
    assert_eq!(members(&scim, E).await, ["ua"]);
}

/// A PUT replaces the members, or keeps them if the body has no `members`.
#[testkit::test]
async fn put_replaces_members(database: Database) {
    let Some(scim) = with_group(database, &["ua", "ub"]).await else { return };
    let put = async |body: Value| {
        scim.instance("PUT", &format!("/Groups/{E}")).header("Accept", RFC).json(&body).send().await
    };
    let answer = put(json!({ "displayName": "x", "members": [{ "value": "ub" }, { "value": "uc" }] })).await;
    assert_eq!((answer.status, &answer.json().1["displayName"]), (200, &json!("engineering")));
    assert_eq!((members(&scim, E).await, roles(&scim, UA)), (vec!["ub".into(), "uc".into()], (0, 0)));
    assert_eq!(put(json!({ "displayName": "engineering" })).await.status, 200);
    assert_eq!(
        put(json!({ "displayName": "engineering", "externalId": "" })).await.json().1["externalId"],
        E
    );
    assert_eq!(members(&scim, E).await, ["ub", "uc"]);
    assert_eq!(refusal(&put(json!({ "members": [] })).await), bad("invalidValue"));
    assert_eq!(put(json!({ "displayName": "engineering", "members": [] })).await.status, 200);
    assert_eq!((members(&scim, E).await.len(), scim.role(PLATFORM, HM)), (0, 30));
}

/// A user gets the highest role of their SCIM groups; afterwards, a role given by hand is restored.
#[testkit::test]
async fn highest_role_counts(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    let leads = leads(&scim, &["ua"]).await;
    assert_eq!(roles(&scim, UA), (40, 20));
    assert_eq!(patch(&scim, &leads, remove(&["ua"])).await, 204);
    assert_eq!(roles(&scim, UA), (30, 20));
    assert_eq!(patch(&scim, E, remove(&["ua"])).await, 204);
    assert_eq!(roles(&scim, UA), (0, 0));
    for expected in [40, 30] {
        let change = if expected == 40 { add(&["hm"]) } else { remove(&["hm"]) };
        assert_eq!(patch(&scim, &leads, change).await, 204);
        assert_eq!(scim.role(PLATFORM, HM), expected);
    }
    scim.sql("UPDATE members SET access_level = 50 WHERE user_id = 84");
    for change in [add(&["hm"]), remove(&["hm"])] {
        assert_eq!(patch(&scim, E, change).await, 204);
        assert_eq!(scim.role(PLATFORM, HM), 50, "a higher role by hand stays");
    }
}

/// A request puts right the memberships of the users that it names, even if the SCIM group stays as it is.
#[testkit::test]
async fn membership_that_differs_is_put_right(database: Database) {
    let Some(scim) = with_group(database, &["ua", "ub", "uc"]).await else { return };
    let version = async || scim.rfc(INSTANCE, &format!("/Groups/{E}")).await.1["meta"]["version"].clone();
    let before = version().await;
    let reachable = "SELECT count(*) FROM project_authorizations WHERE user_id = 81 AND project_id = 75";
    let all = json!([{ "value": "ua" }, { "value": "ub" }, { "value": "uc" }]);
    let by_filter =
        |id: &str| json!({ "op": "add", "path": format!("members[value eq \"{id}\"]"), "value": {} });
    for operations_ in [
        add(&["ua", "ub", "uc"]),
        json!([{ "op": "replace", "path": "members", "value": all }]),
        json!([{ "op": "add", "value": { "members": all } }]),
        json!([by_filter("ua"), by_filter("ub"), by_filter("uc")]),
        json!("put"),
    ] {
        scim.sql(
            "DELETE FROM members WHERE user_id = 81; DELETE FROM project_authorizations WHERE user_id = 81; \
             UPDATE members SET access_level = 10 WHERE user_id = 82; \
             UPDATE members SET access_level = 40 WHERE user_id = 83 AND source_id = 500",
        );
        if operations_ == "put" {
            let body = json!({ "displayName": "engineering", "members": all });
            let answer = scim.instance("PUT", &format!("/Groups/{E}")).json(&body).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        } else {
            assert_eq!(patch(&scim, E, operations_.clone()).await, 204);
        }
        assert_eq!([UA, UB, UC].map(|user| roles(&scim, user)), [(30, 20); 3], "{operations_}");
        scim.run_jobs();
        assert_eq!(scim.number(reachable), 1, "{operations_}");
        assert_eq!(version().await, before, "{operations_}");
    }
    // An owner lowers the role of a link. Only the named user follows.
    scim.sql("UPDATE saml_group_links SET access_level = 15 WHERE group_id = 501");
    assert_eq!(patch(&scim, E, add(&["ua"])).await, 204);
    assert_eq!([UA, UB, UC].map(|user| roles(&scim, user)), [(30, 15), (30, 20), (30, 20)]);
    // A PUT without members names no user.
    let body = json!({ "displayName": "engineering" });
    assert_eq!(scim.instance("PUT", &format!("/Groups/{E}")).json(&body).send().await.status, 200);
    assert_eq!(roles(&scim, UB), (30, 20));
    assert_eq!(version().await, before);
}

/// A membership is never lower than the one that was given by hand, which comes back in the end.
#[testkit::test]
async fn remembered_membership_stays_when_it_is_put_right(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    fixture::member(&mut scim.service.database.open(), UC, Source::Group(PLATFORM), domain::Role::OWNER);
    let leads = leads(&scim, &["hm"]).await;
    for by_hand in ["access_level = 10", "access_level = 50"] {
        scim.sql(&format!("UPDATE members SET {by_hand} WHERE user_id = 84"));
        assert_eq!(patch(&scim, &leads, add(&["hm"])).await, 204);
        assert_eq!(scim.role(PLATFORM, HM), 40, "{by_hand}");
    }
    scim.sql("UPDATE saml_group_links SET access_level = 20 WHERE saml_group_name = 'leads'");
    assert_eq!(patch(&scim, &leads, add(&["hm"])).await, 204);
    assert_eq!(scim.role(PLATFORM, HM), 30);
    assert_eq!(patch(&scim, &leads, remove(&["hm"])).await, 204);
    assert_eq!(scim.role(PLATFORM, HM), 30);
}

/// The last human owner of a GitLab group is not removed.
#[testkit::test]
async fn last_owner_of_a_gitlab_group_stays(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    scim.sql(
        "UPDATE saml_group_links SET access_level = 50 WHERE saml_group_name = 'leads'; UPDATE users \
         SET user_type = 6 WHERE id = 6",
    );
    fixture::member(&mut scim.service.database.open(), 6, Source::Group(PLATFORM), domain::Role::OWNER);
    let leads = leads(&scim, &["ua", "ub"]).await;
    assert_eq!(scim.role(PLATFORM, UA), 50);
    assert_eq!(patch(&scim, &leads, remove(&["ua", "ub"])).await, 204);
    assert_eq!((scim.role(PLATFORM, UA), scim.role(PLATFORM, UB)), (50, 0));
    assert_eq!(members(&scim, &leads).await, [""; 0]);
}

/// A DELETE removes the uid from the links, and the group can be created again.
#[testkit::test]
async fn deleted_group_leaves_its_links(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    let path = format!("/Groups/{E}");
    assert_eq!(scim.instance("DELETE", &path).send().await.status, 204);
    assert_eq!(scim.number("SELECT count(*) FROM saml_group_links WHERE scim_group_uid IS NULL"), 3);
    assert_eq!(scim.number("SELECT count(*) FROM scim_group_memberships"), 0);
    assert_eq!((roles(&scim, UA), scim.role(PLATFORM, HM)), ((0, 0), 30));
    assert_eq!(refusal(&scim.instance("GET", &path).send().await), (404, String::new()));
    assert_eq!(create(&scim, json!({ "displayName": "engineering", "externalId": E })).await.status, 201);
}

/// A link that an owner adds later becomes part of the group at its next change.
#[testkit::test]
async fn later_link_joins_the_group(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    fixture::group(&mut scim.service.database.open(), 502, "third", None);
    link(&scim, 502, "engineering", 10);
    assert_eq!(patch(&scim, E, add(&["ub"])).await, 204);
    assert_eq!((scim.role(502, UA), scim.role(502, UB)), (10, 10));
    assert_eq!(scim.number("SELECT count(*) FROM saml_group_links WHERE scim_group_uid IS NOT NULL"), 3);
}

/// A deactivated user stays a member. A deleted one is removed, and is not a member when created again.
#[testkit::test]
async fn deleted_user_leaves_all_groups(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    let off = op("replace", "active", json!(false));
    assert_eq!(scim.instance("PATCH", "/Users/ua").json(&off).send().await.status, 204);
    assert_eq!((members(&scim, E).await, scim.role(PLATFORM, UA)), (vec!["ua".to_owned()], 30));
    assert_eq!(scim.instance("DELETE", "/Users/ua").send().await.status, 204);
    assert_eq!((members(&scim, E).await.len(), roles(&scim, UA)), (0, (0, 0)));
    let body =
        crate::support::b1_with(json!({ "externalId": "ua", "userName": "ua", "emails": "ua@example.com" }));
    assert_eq!(scim.instance("POST", "/Users").json(&body).send().await.status, 201);
    assert_eq!((members(&scim, E).await.len(), roles(&scim, UA)), (0, (0, 0)));
}

/// A group that GitLab itself made is served, although it has no record of ours.
#[testkit::test]
async fn group_made_by_gitlab_is_served(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    let then = "2026-01-02 03:04:05";
    scim.sql(&format!(
        "UPDATE saml_group_links SET scim_group_uid = '{E}' WHERE saml_group_name = \
         'engineering'; INSERT INTO scim_group_memberships (user_id, scim_group_uid, created_at, updated_at) \
         VALUES ({UA}, '{E}', '{then}', '{then}')"
    ));
    fixture::member(&mut scim.service.database.open(), UA, Source::Group(PLATFORM), domain::Role::DEVELOPER);
    let (status, group) = scim.rfc(INSTANCE, &format!("/Groups/{E}")).await;
    assert_eq!((status, group.get("externalId")), (200, None));
    assert_eq!(members(&scim, E).await, ["ua"]);
    assert_eq!(patch(&scim, E, remove(&["ua"])).await, 204);
    assert_eq!(scim.role(PLATFORM, UA), 0);
}

/// A NUL refuses a request only where the value is used: as a name, or as the id of a member.
#[testkit::test]
async fn nul_in_an_ignored_value_of_a_group_is_ignored(database: Database) {
    let Some(scim) = with_group(database, &["ua"]).await else { return };
    let unused = json!([
        { "op": "replace", "path": "displayName", "value": "\0" },
        { "op": "add", "path": "color", "value": ["\0"] },
        { "op": "remove", "path": "members", "value": [{ "value": "ua", "display": "\0" }] },
    ]);
    assert_eq!(patch(&scim, E, unused).await, 204);
    assert_eq!((members(&scim, E).await.len(), roles(&scim, UA)), (0, (0, 0)));
    for body in [
        json!({ "displayName": "leads\0" }),
        json!({ "displayName": "leads", "externalId": "\0" }),
        json!({ "displayName": "leads", "members": [{ "value": "\0" }] }),
    ] {
        assert_eq!(refusal(&create(&scim, body).await), bad("invalidValue"));
    }
}

async fn are_off(scim: &Scim, base: &str) {
    let ask = |method: &str, path: &str| {
        let token = if base == GROUP { TG } else { crate::support::TI };
        scim.with_token(token, method, &format!("{base}{path}"))
    };
    for request in [
        ask("GET", "/Groups"),
        ask("GET", "/Groups/?startIndex=1&count=100"),
        ask("POST", "/Groups/.search").json(&json!({})),
    ] {
        let (status, list) = request.answer().await;
        assert_eq!((status, &list["totalResults"], &list["Resources"]), (200, &json!(0), &json!([])));
    }
    assert_eq!(refusal(&ask("GET", "/Groups?count=abc").send().await), bad("invalidValue"));
    let created = ask("POST", "/Groups").json(&json!({ "displayName": "engineering" })).send().await;
    assert_eq!(refusal(&created), (501, String::new()));
    assert_eq!(created.json().1["detail"], "Groups are not supported here");
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert_eq!(refusal(&ask(method, "/Groups/x").send().await), (404, String::new()), "{method}");
    }
    let (_, types) = ask("GET", "/ResourceTypes").answer().await;
    assert_eq!(types["totalResults"], 1);
}

/// `/Groups` is unavailable for a group's token, and for an instance that disables it or lacks the tables.
#[testkit::test]
async fn groups_are_off(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    are_off(&scim, GROUP).await;
    scim.sql("DROP TABLE scim_group_memberships");
    are_off(&scim, INSTANCE).await;
}

#[testkit::test]
async fn groups_can_be_switched_off(database: Database) {
    let scim = scim_api_with(database, &["--scim-group-sync", "false"]).await;
    plant(&scim);
    are_off(&scim, INSTANCE).await;
}

/// Discovery lists the resource type Group while a SAML group link exists.
#[testkit::test]
async fn discovery_lists_groups_with_links(database: Database) {
    if database.gitlab_release() == Some(Release::V18_0) {
        assert!(with_links(database).await.is_none());
        return;
    }
    let scim = scim_api(database).await;
    let schema = "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group";
    for (total, status) in [(1, 404), (2, 200)] {
        for path in ["/ResourceTypes", "/Schemas"] {
            assert_eq!(scim.instance("GET", path).answer().await.1["totalResults"], total);
        }
        for path in ["/ResourceTypes/Group", schema] {
            assert_eq!(scim.instance("GET", path).send().await.status, status, "{path}");
        }
        if total == 1 {
            plant(&scim);
        }
    }
}

/// Versions, and the response to a PATCH.
#[testkit::test]
async fn groups_have_versions(database: Database) {
    let Some(scim) = with_group(database, &[]).await else { return };
    let path = format!("/Groups/{E}");
    let etag = scim.instance("GET", &path).header("Accept", RFC).send().await;
    let etag = etag.header("etag").unwrap().to_owned();
    let known = scim.instance("GET", &path).header("Accept", RFC).header("If-None-Match", &etag);
    assert_eq!(known.send().await.status, 304);
    let body = operations(add(&["ua"]));
    let stale = scim.instance("PATCH", &path).header("If-Match", "W/\"99\"").json(&body).send().await;
    assert_eq!(refusal(&stale), (412, String::new()));
    let rfc = scim.instance("PATCH", &path).header("Accept", RFC).json(&body).send().await;
    assert_eq!((rfc.status, rfc.text.as_str()), (204, ""));
    let selected = scim.instance("PATCH", &format!("{path}?attributes=displayName")).json(&body).send().await;
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let expected = json!({ "schemas": [urn], "id": E, "displayName": "engineering" });
    assert_eq!(selected.json(), (200, expected));
}

/// Concurrent changes do not overwrite each other.
#[testkit::test]
async fn parallel_changes_all_arrive(database: Database) {
    let Some(scim) = with_group(database, &[]).await else { return };
    let mut conn = scim.service.database.open();
    for id in 90..100 {
        person(&mut conn, id, &format!("p{id}"), "P P", &format!("p{id}@example.com"));
        identity(&mut conn, None, id, &format!("p{id}"));
    }
    let requests = (90..100).map(|id| {
        let body = operations(add(&[&format!("p{id}")]));
        scim.instance("PATCH", &format!("/Groups/{E}")).json(&body).send()
    });
    assert!(join_all(requests).await.iter().all(|answer| answer.status == 204));
    assert_eq!(members(&scim, E).await.len(), 10);
}

/// A group with thousands of members takes few statements.
#[testkit::test]
async fn many_members_fit_in_one_request(database: Database) {
    let Some(scim) = with_group(database, &[]).await else { return };
    let insert = |id: i32| {
        format!(
            "INSERT INTO users (id, username, name, email, projects_limit, state) VALUES ({id}, 'm{id}', \
             'M', 'm{id}@example.com', 0, 'active'); \
             INSERT INTO scim_identities (user_id, extern_uid, active, created_at, updated_at) VALUES \
             ({id}, 'm{id}', true, '2026-01-01 00:00:00', '2026-01-01 00:00:00');"
        )
    };
    let sql: String = (20_000..22_000).map(insert).collect();
    scim.sql(&format!("BEGIN; {sql} COMMIT"));
    let values: Vec<Value> = (20_000..22_000).map(|id| json!({ "value": format!("m{id}") })).collect();
    let body = json!({ "displayName": "engineering", "members": values });
    let path = format!("/Groups/{E}?excludedAttributes=members");
    let put = async || {
        let answer = scim.instance("PUT", &path).json(&body).send().await;
        assert_eq!(answer.status, 200, "{:.300}", answer.text);
    };
    put().await;
    let count =
        "SELECT count(*) FROM members WHERE source_id = 500 AND access_level = 30 AND user_id >= 20000";
    assert_eq!(scim.number(count), 2000);
    // Beside a GitLab, one job for each user updates the authorizations.
    let reachable = if scim.service.database.is_gitlab() {
        "SELECT count(*) FROM outbox_messages WHERE topic = 'authorized_projects'"
    } else {
        "SELECT count(*) FROM project_authorizations WHERE project_id = 75 AND user_id >= 20000"
    };
    assert_eq!(scim.number(reachable), 2000);
    scim.sql("DELETE FROM members WHERE source_id = 500 AND user_id >= 20000");
    put().await;
    assert_eq!(scim.number(count), 2000);
}

/// A change of members updates the authorisations, and grants the custom role of the link.
#[testkit::test]
async fn authorizations_and_custom_roles_follow(database: Database) {
    let Some(scim) = with_links(database).await else { return };
    scim.sql(
        "INSERT INTO member_roles (id, namespace_id, name, base_access_level, created_at, updated_at) \
         VALUES (7, 500, 'Lead', 40, '2026-01-02 03:04:05', '2026-01-02 03:04:05')",
    );
    scim.sql("UPDATE saml_group_links SET member_role_id = 7 WHERE saml_group_name = 'leads'");
    let id = leads(&scim, &["ua"]).await;
    scim.run_jobs();
    let reachable = "SELECT count(*) FROM project_authorizations WHERE user_id = 81 AND project_id = 75 AND \
        access_level = 40";
    assert_eq!(scim.number(reachable), 1);
    assert_eq!(scim.number("SELECT count(*) FROM members WHERE user_id = 81 AND member_role_id = 7"), 1);
    assert_eq!(patch(&scim, &id, remove(&["ua"])).await, 204);
    scim.run_jobs();
    assert_eq!(scim.number(reachable), 0);
}
