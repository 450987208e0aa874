use serde_json::json;

use super::*;
use crate::user::tests::user;

fn patched(mode: Mode, operations: impl Into<Value>) -> Result<User> {
    let operations = operations.into();
    let body = Object::parse(json!({ "Operations": operations }).to_string().as_bytes())?;
    Patch::read(&body)?.apply(&user(), mode)
}

fn keyword(operations: Value) -> &'static str {
    patched(Mode::Rfc, operations).unwrap_err().scim_type.unwrap()
}

#[test]
fn the_dialects_mean_the_same() {
    for operation in [
        json!({ "op": "replace", "path": "active", "value": false }),
        json!({ "op": "Replace", "path": "Active", "value": "False" }),
        json!({ "op": "Update", "path": "active", "value": " false " }),
        json!({ "op": "Add", "path": "active", "value": [{ "value": "False" }] }),
        json!({ "OP": "replace", "Value": { "active": false, "id": "x", "schemas": [] } }),
        json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": ["false"] }),
        json!({ "op": "replace", "value": { "urn:ietf:params:scim:schemas:core:2.0:User": { "active": false } } }),
        json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User", "value": { "active": false } }),
        json!({ "op": "replace", "value": { "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "x" }, "active": false } }),
    ] {
        let after = patched(Mode::GitLab, json!([operation.clone()])).unwrap();
        assert_eq!((after.active, after.id.as_str()), (false, "test_uid"), "{operation}");
    }
    assert!(
        !patched(Mode::Rfc, json!("[{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]"))
            .unwrap()
            .active
    );
}

#[test]
fn the_account_follows_only_where_the_provider_is_the_authority() {
    let operations = json!([
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "new@x" },
        { "op": "Add", "path": "name.formatted", "value": "New Name" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "value": "7" },
    ]);
    let after = patched(Mode::Rfc, operations.clone()).unwrap();
    assert_eq!((after.account.email.as_str(), after.account.name.as_str()), ("new@x", "New Name"));
    assert_eq!(patched(Mode::GitLab, operations).unwrap(), user());
}

#[test]
fn ids_change_as_the_mode_has_it() {
    let ids = |mode, path: &str| {
        let after = patched(mode, json!([{ "op": "replace", "path": path, "value": "n1" }])).unwrap();
        (after.id, after.external_id)
    };
    let pair = |id: &str, external: &str| (id.to_owned(), external.to_owned());
    assert_eq!(ids(Mode::GitLab, "externalId"), pair("n1", "n1"));
    assert_eq!(ids(Mode::Rfc, "externalId"), pair("test_uid", "n1"));
    assert_eq!(ids(Mode::Rfc, "id"), pair("n1", "n1"));
}

#[test]
fn addresses_are_added_made_and_taken_away() {
    let values = |operations: Value| -> Vec<String> {
        let after = patched(Mode::Rfc, operations).unwrap();
        after.emails().iter().map(|email| format!("{} {:?}", email.value, email.primary)).collect()
    };
    let home = json!({ "op": "add", "path": "emails[type eq \"home\"].value", "value": "h@x" });
    assert_eq!(values(json!([home])), ["name@example.com Some(true)", "h@x None"]);
    let primary = json!({ "op": "add", "path": "emails", "value": { "value": "p@x", "primary": true } });
    assert_eq!(values(json!([primary, primary])), ["name@example.com Some(false)", "p@x Some(true)"]);
    let gone = json!({ "op": "remove", "path": "emails[value eq \"name@example.com\"]" });
    assert_eq!(values(json!([home, gone])), ["h@x None"]);
    let none = json!({ "op": "remove", "path": "emails[type eq \"other\"]" });
    assert_eq!(patched(Mode::Rfc, json!([none])).unwrap(), user());
}

#[test]
fn names_are_merged_and_unassigned() {
    let after = patched(
        Mode::Rfc,
        json!([{ "op": "replace", "value": { "name.givenName": "A", "name": { "familyName": "B" } } }]),
    );
    assert_eq!(after.unwrap().account.name, "A B");
    let after = patched(Mode::Rfc, json!([{ "op": "remove", "path": "name" }])).unwrap();
    assert_eq!(after.account.name, "Test User");
    assert_eq!(after.text(crate::attribute::TextAttribute::FamilyName), None);
}

#[test]
fn what_cannot_be_is_refused() {
    let with = |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    for path in
        ["nonsense", "name.foo", "emails[", "emails[foo eq x].value", "active[type eq x]", "a b", "..."]
    {
        assert_eq!(keyword(with("replace", path, json!("x"))), "invalidPath", "{path}");
    }
    for path in [
        "id",
        "externalId",
        "userName",
        "active",
        "emails",
        "emails[type eq \"work\"]",
        "meta.created",
        "schemas",
    ] {
        assert_eq!(keyword(json!([{ "op": "remove", "path": path }])), "mutability", "{path}");
    }
    for (path, value) in [
        ("active", json!("maybe")),
        ("active", json!(0)),
        ("userName", json!("")),
        ("userName", json!({})),
        ("id", json!("")),
        ("emails", json!([])),
        ("emails.value", json!("a b@c")),
        ("name", json!("x")),
        ("externalId", Value::Null),
    ] {
        assert_eq!(keyword(with("replace", path, value.clone())), "invalidValue", "{path} {value}");
    }
    assert_eq!(keyword(with("replace", "emails[type co \"x\"].value", json!("a@b"))), "noTarget");
    assert_eq!(keyword(with("replace", "emails[type eq \"x\"]", json!({ "value": "a@b" }))), "noTarget");
    assert_eq!(keyword(json!([{ "op": "remove" }])), "noTarget");
    for operations in [
        json!([]),
        json!({}),
        json!(null),
        json!([{ "op": "move", "path": "active", "value": true }]),
        json!([{ "path": "active", "value": true }]),
        json!([7]),
        json!([{ "op": "add", "path": "active" }]),
    ] {
        assert_eq!(keyword(operations.clone()), "invalidSyntax", "{operations}");
    }
}

#[test]
fn a_put_unassigns_what_it_does_not_say() {
    let put = |body: Value, mode| {
        let body = Object::parse(body.to_string().as_bytes()).unwrap();
        Draft::read(&body)?.replace(&user(), mode)
    };
    let after = put(json!({ "userName": "u2", "displayName": "D", "adreses": [] }), Mode::Rfc).unwrap();
    assert_eq!((after.sent.user_name.as_deref(), after.account.name.as_str()), (Some("u2"), "D"));
    assert_eq!((after.account.email.as_str(), after.active), ("name@example.com", true));
    assert_eq!(put(json!({ "userName": "u2", "name": { "formatted": "N" } }), Mode::GitLab).unwrap(), user());
    assert_eq!(put(json!({}), Mode::Rfc).unwrap_err().scim_type, Some("invalidValue"));
}

proptest::proptest! {
    #[test]
    fn any_path_leads_somewhere_or_nowhere(path in "(?s)[a-z.\\[\\]\" :]{0,40}|.{0,40}") {
        let _ = Target::parse(&path);
    }
}
