use serde_json::json;

use super::*;
use crate::user::tests::user;

fn read(operations: impl Into<Value>) -> Result<Patch> {
    let operations = operations.into();
    Patch::read(&Object::parse(json!({ "Operations": operations }).to_string().as_bytes())?)
}

fn change(operations: impl Into<Value>) -> Result<Change> {
    read(operations)?.apply(&user())
}

fn patched(operations: impl Into<Value>) -> Result<User> {
    Ok(change(operations)?.user)
}

fn keyword(operations: Value) -> &'static str {
    patched(operations).unwrap_err().scim_type.unwrap()
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
        let after = patched(json!([operation.clone()])).unwrap();
        assert_eq!((after.active, after.id.as_str()), (false, "test_uid"), "{operation}");
    }
    assert!(!patched(json!("[{\"op\":\"replace\",\"path\":\"active\",\"value\":false}]")).unwrap().active);
}

#[test]
fn change_says_which_parts_of_the_account_it_sets() {
    let change = |operations: Value| {
        let change = change(operations).unwrap();
        (change.activates, change.sets_name, change.sets_email)
    };
    let set = |path: &str, value: Value| json!([{ "op": "replace", "path": path, "value": value }]);
    for path in ["name.formatted", "name.familyName", "name.givenName", "displayName"] {
        assert_eq!(change(set(path, json!("x"))), (false, true, false), "{path}");
        assert_eq!(change(json!([{ "op": "remove", "path": path }])), (false, true, false), "{path}");
    }
    assert_eq!(change(set("name", json!({ "givenName": "x" }))), (false, true, false));
    for path in ["emails", "emails.value", "emails[type eq \"work\"].value"] {
        assert_eq!(change(set(path, json!("x@y"))), (false, false, true), "{path}");
    }
    assert_eq!(change(set("active", json!(true))), (true, false, false));
    assert_eq!(change(set("active", json!(false))), (false, false, false));
    assert_eq!(change(set("userName", json!("x"))), (false, false, false));
}

#[test]
fn external_id_changes_alone_and_id_with_it() {
    let ids = |path: &str| {
        let after = patched(json!([{ "op": "replace", "path": path, "value": "n1" }])).unwrap();
        (after.id, after.external_id)
    };
    let pair = |id: &str, external: &str| (id.to_owned(), external.to_owned());
    assert_eq!(ids("externalId"), pair("test_uid", "n1"));
    assert_eq!(ids("id"), pair("n1", "n1"));
}

#[test]
fn addresses_are_added_changed_and_removed() {
    let values = |operations: Value| -> Vec<String> {
        let after = patched(operations).unwrap();
        after.emails().iter().map(|email| format!("{} {:?}", email.value, email.primary)).collect()
    };
    let home = json!({ "op": "add", "path": "emails[type eq \"home\"].value", "value": "h@x" });
    assert_eq!(values(json!([home])), ["name@example.com Some(true)", "h@x None"]);
    let primary = json!({ "op": "add", "path": "emails", "value": { "value": "p@x", "primary": true } });
    assert_eq!(values(json!([primary, primary])), ["name@example.com Some(false)", "p@x Some(true)"]);
    let gone = json!({ "op": "remove", "path": "emails[value eq \"name@example.com\"]" });
    assert_eq!(values(json!([home, gone])), ["h@x None"]);
    let none = json!({ "op": "remove", "path": "emails[type eq \"other\"]" });
    assert_eq!(patched(json!([none])).unwrap(), user());
}

#[test]
fn names_are_merged_and_unassigned() {
    let after = patched(
        json!([{ "op": "replace", "value": { "name.givenName": "A", "name": { "familyName": "B" } } }]),
    );
    assert_eq!(after.unwrap().sent.account_name().as_deref(), Some("A B"));
    let after = patched(json!([{ "op": "remove", "path": "name" }])).unwrap();
    assert_eq!(after.sent.account_name(), None);
    assert_eq!(after.text(T::FamilyName), None);
}

#[test]
fn unknown_attributes_are_ignored_and_named() {
    let long = "x".repeat(100);
    // Filters are not logged, because their values may be personal data.
    let paths = [
        ("mailNickname", "mailNickname"),
        ("urn:acme:User:badge", "urn:acme:User:badge"),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:role",
            "urn:ietf:params:scim:schemas:core:2.0:User:role",
        ),
        ("name.nick", "name.nick"),
        ("emails.kind", "emails.kind"),
        ("emails[kind eq \"x\"].value", "emails"),
        ("emails[type eq \"work\"].kind", "emails"),
        ("foo[a eq \"b\"].c", "foo"),
        (long.as_str(), long.get(..64).unwrap()),
    ];
    let deactivate = json!({ "op": "replace", "path": "active", "value": "False" });
    for (path, name) in paths {
        for unknown in [
            json!({ "op": "add", "path": path, "value": { "not": ["looked", "at"] } }),
            json!({ "op": "replace", "path": path }),
            json!({ "op": "remove", "path": path }),
            json!({ "op": "replace", "value": { (path): null } }),
        ] {
            let patch = read(json!([unknown, deactivate])).unwrap();
            assert_eq!(patch.ignored(), [name], "{unknown}");
            let after = patch.apply(&user()).unwrap().user;
            assert_eq!(after, User { active: false, ..user() }, "{unknown}");
        }
    }
    let odd = json!({ "badge no.": 7, "a..b": 1, "active[value eq true]": true, "active": false });
    let patch = read(json!([{ "op": "replace", "value": odd }])).unwrap();
    assert_eq!(patch.ignored().len(), 3);
    assert!(!patch.apply(&user()).unwrap().user.active);
    let nul = json!([
        { "op": "add", "path": "mailNickname", "value": "\0" },
        { "op": "add", "path": "title", "value": ["\0"] },
        { "op": "add", "value": { "bad\0ge": { "\0": "\0" }, "id": "\0" } },
        deactivate,
    ]);
    let patch = read(nul).unwrap();
    assert_eq!(patch.ignored(), ["mailNickname", "badge"]);
    assert!(!patch.apply(&user()).unwrap().user.active);
    let many: Vec<Value> =
        (0..20).map(|i| json!({ "op": "add", "path": format!("unknown{i}"), "value": 1 })).collect();
    assert_eq!(read(many).unwrap().ignored().len(), 10);
    let known = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let patch = read(json!([{ "op": "add", "path": known, "value": "x" }])).unwrap();
    assert_eq!(patch.ignored().len(), 0, "the enterprise extension is known");
}

#[test]
fn one_of_several_new_primary_addresses_stays_primary() {
    let primaries = |value: Value| -> Vec<String> {
        let add = json!([{ "op": "add", "path": "emails", "value": value }]);
        let emails = patched(add).unwrap().emails();
        emails.into_iter().filter(|email| email.primary == Some(true)).map(|email| email.value).collect()
    };
    let email = |value: &str, kind: &str| json!({ "value": value, "type": kind, "primary": true });
    assert_eq!(primaries(json!([email("h@x", "home"), email("o@x", "other")])), ["h@x"]);
    assert_eq!(primaries(json!([email("h@x", "home"), email("w@x", "Work")])), ["w@x"]);
}

#[test]
fn invalid_operation_is_refused() {
    let with = |op: &str, path: &str, value: Value| json!([{ "op": op, "path": path, "value": value }]);
    for path in
        ["emails[", "emails[type eq", "active[type eq x]", "name[formatted eq x]", "a b", "a..b", "..."]
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
        ("externalId", json!(".search")),
        ("id", json!([".."])),
        ("displayName", json!("a\0")),
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
fn put_unassigns_missing_attributes() {
    let put = |body: Value| {
        let body = Object::parse(body.to_string().as_bytes()).unwrap();
        Draft::read(&body)?.replace(&user())
    };
    let change = put(json!({ "userName": "u2", "displayName": "D", "adreses": [] })).unwrap();
    assert_eq!((change.sets_name, change.sets_email, change.activates), (true, false, false));
    let after = change.user;
    assert_eq!(after.sent.user_name.as_deref(), Some("u2"));
    assert_eq!((after.sent.account_name().as_deref(), after.text(T::GivenName)), (Some("D"), None));
    assert!(after.active);
    assert!(put(json!({ "userName": "u2", "active": true })).unwrap().activates);
    assert_eq!(put(json!({})).unwrap_err().scim_type, Some("invalidValue"));
}

proptest::proptest! {
    #[test]
    fn any_path_leads_somewhere_or_nowhere(path in "(?s)[a-z.\\[\\]\" :]{0,40}|.{0,40}") {
        let _ = Target::parse(&path);
    }
}
