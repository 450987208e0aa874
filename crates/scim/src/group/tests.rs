use serde_json::{Value, json};

use super::*;
use crate::condition::Condition;
use crate::{Filter, Object};

fn group() -> Group {
    let created = DateTime::parse_from_rfc3339("2026-01-02T03:04:05.678Z").unwrap().to_utc();
    let member = Member { value: "ua".to_owned(), display: Some("Ursula Adams".to_owned()) };
    Group {
        id: "6c0a0d0e-5f5d-4a6e-9f0e-2f1c7b6a9e01".to_owned(),
        external_id: None,
        display_name: "engineering".to_owned(),
        members: vec![member],
        created,
        last_modified: created,
        version: 1,
    }
}

fn patch(operations: &Value) -> crate::Result<GroupPatch> {
    GroupPatch::read(&Object::parse(json!({ "Operations": operations }).to_string().as_bytes())?)
}

#[expect(clippy::needless_pass_by_value, reason = "an operation is written where it is sent")]
fn changes(operation: Value) -> Vec<MemberChange> {
    patch(&json!([operation])).unwrap().changes().to_vec()
}

#[test]
fn group_is_rendered_with_its_members() {
    let shown = serde_json::to_string(&group().render("https://h/Groups")).unwrap();
    let start = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"6c0a0d0e-5f5d-4a6e-9f0e-2f1c7b6a9e01","displayName":"engineering","members":[{"value":"ua","display":"Ursula Adams","type":"User"}],"meta":{"resourceType":"Group""#;
    assert!(shown.starts_with(&format!("{start},\"created\":\"2026-01-02T03:04:05.678Z\"")), "{shown}");
}

#[test]
fn members_may_be_sent_in_many_forms() {
    let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let with = |op: &str, value: Value| json!({ "op": op, "path": "members", "value": value });
    for value in [
        json!([{ "$ref": null, "value": "ua" }]),
        json!({ "value": "ua" }),
        json!(["ua"]),
        json!("ua"),
        json!("[{\"value\":\"ua\"}]"),
    ] {
        assert_eq!(changes(with("Add", value.clone())), [MemberChange::Add(ids(&["ua"]))], "{value}");
        assert_eq!(changes(with("remove", value.clone())), [MemberChange::Remove(ids(&["ua"]))], "{value}");
    }
    assert_eq!(changes(with("remove", json!([]))), [MemberChange::Remove(Vec::new())]);
    let all = json!({ "op": "remove", "path": "members" });
    assert_eq!(changes(all), [MemberChange::Replace(Vec::new())]);
    assert_eq!(changes(with("replace", json!(null))), [MemberChange::Replace(Vec::new())]);
    let by_filter = json!({ "op": "add", "path": "members[value eq \"ub\"]", "value": {} });
    assert_eq!(changes(by_filter), [MemberChange::Add(ids(&["ub"]))]);
    let removed = changes(json!({ "op": "remove", "path": "members[value eq \"UA\"]" }));
    let [MemberChange::RemoveMatching(filter)] = removed.as_slice() else { panic!("{removed:?}") };
    assert_eq!(group().matching(filter).count(), 1);
}

#[test]
fn names_are_accepted_without_effect() {
    for operation in [
        json!({ "op": "replace", "value": { "id": "x", "displayName": "Eng" } }),
        json!({ "op": "Replace", "path": "displayName", "value": "Eng" }),
        json!({ "op": "Add", "path": "externalId", "value": "x" }),
        json!({ "op": "add", "path": "foo", "value": 1 }),
    ] {
        assert_eq!(changes(operation.clone()), [], "{operation}");
    }
    let patch = patch(&json!([{ "op": "add", "value": { "badge no.": 1, "members": ["ua"] } }])).unwrap();
    assert_eq!((patch.ignored().len(), patch.changes().len()), (1, 1));
    let keyword = |operation: Value| self::patch(&json!([operation])).unwrap_err().scim_type.unwrap();
    assert_eq!(keyword(json!({ "op": "remove", "path": "displayName" })), "mutability");
    assert_eq!(keyword(json!({ "op": "replace", "path": "meta.version", "value": 1 })), "mutability");
    assert_eq!(keyword(json!({ "op": "remove" })), "noTarget");
    assert_eq!(keyword(json!({ "op": "add", "path": "members" })), "invalidSyntax");
    assert_eq!(keyword(json!({ "op": "add", "path": "members[", "value": 1 })), "invalidPath");
    assert_eq!(keyword(json!({ "op": "add", "path": "displayName[a eq b]", "value": 1 })), "invalidPath");
}

#[test]
fn filters_know_the_attributes_of_groups() {
    let holds = |filter: &str| {
        let filter = filter.parse::<Filter>().unwrap();
        Condition::for_groups(&filter, "https://h/Groups")
            .map(|condition| condition.holds_for_group(&group()))
    };
    for filter in [
        "displayName eq \"ENGINEERING\"",
        "members eq UA",
        "members.value eq \"ua\"",
        "members.display co ursula",
        "members[value eq \"ua\" and type eq \"User\"]",
        "externalId eq null",
        "meta.resourceType eq \"Group\"",
        "meta.location eq \"https://h/Groups/6c0a0d0e-5f5d-4a6e-9f0e-2f1c7b6a9e01\"",
        "urn:ietf:params:scim:schemas:core:2.0:Group:displayName sw eng",
    ] {
        assert_eq!(holds(filter), Ok(true), "{filter}");
    }
    assert_eq!(holds("members eq \"ub\""), Ok(false));
    for filter in ["fooBar eq x", "userName eq x", "active eq true", "emails pr", "members.primary eq true"] {
        assert_eq!(holds(filter).unwrap_err().scim_type, Some("invalidFilter"), "{filter}");
    }
}
