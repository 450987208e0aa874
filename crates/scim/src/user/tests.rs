use serde_json::json;

use super::*;
use crate::attribute::TextAttribute as T;
use crate::condition::Condition;
use crate::{Filter, Mutability, Object};

pub(crate) fn user() -> User {
    let time = DateTime::parse_from_rfc3339("2026-01-02T03:04:05.678Z").unwrap().to_utc();
    User {
        id: "test_uid".to_owned(),
        external_id: "test_uid".to_owned(),
        active: true,
        account: Account {
            username: "username".to_owned(),
            name: "Test User".to_owned(),
            email: "name@example.com".to_owned(),
        },
        sent: SentAttributes::default(),
        created: time,
        last_modified: time,
        version: 1,
    }
}

fn draft(body: impl Into<serde_json::Value>) -> crate::Result<NewUser> {
    let body = body.into();
    Draft::read(&Object::parse(body.to_string().as_bytes())?)?.complete()
}

#[test]
fn user_is_rendered_as_in_the_rfc() {
    let shown = serde_json::to_string(&user().render(Mutability::Immutable, "https://h/Users")).unwrap();
    let expected = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"test_uid","externalId":"test_uid","userName":"username","name":{"formatted":"Test User","familyName":"User","givenName":"Test"},"active":true,"emails":[{"value":"name@example.com","type":"work","primary":true}],"meta":{"resourceType":"User","created":"2026-01-02T03:04:05.678Z","lastModified":"2026-01-02T03:04:05.678Z","location":"https://h/Users/test_uid","version":"W/\"1\""}}"#;
    assert_eq!(shown, expected);
}

#[test]
fn names_are_split_at_the_last_blank() {
    for (name, given, family) in
        [("Test User", "Test", "User"), (" A  B  C ", "A  B", "C"), ("Cher", "Cher", "Cher"), ("", "", "")]
    {
        assert_eq!(split(name), (given, family));
    }
}

#[test]
fn work_address_is_the_address_of_the_account() {
    let email =
        |kind: &str, value: &str, primary| json!({ "type": kind, "value": value, "primary": primary });
    let body = |emails: serde_json::Value| json!({ "externalId": 7, "userName": "u", "name": { "formatted": "N" }, "emails": emails });
    for (emails, chosen) in [
        (json!([email("home", "h@x", true), email("Work", "w@x", false)]), "w@x"),
        (json!([email("work", "1@x", false), email("work", "2@x", true)]), "2@x"),
        (json!([email("home", "1@x", false), email("other", "2@x", true)]), "2@x"),
        (json!("[{\"value\":\"s@x\"}]"), "s@x"),
        (json!("bare@x"), "bare@x"),
        (json!({ "value": "one@x" }), "one@x"),
        (json!([null, {}, { "value": null }, "last@x"]), "last@x"),
    ] {
        let new = draft(body(emails)).unwrap();
        assert_eq!((new.email.as_str(), new.external_id.as_deref()), (chosen, Some("7")));
    }
    for bad in [json!([]), json!([7]), json!("a b@c"), json!("a@b@c"), json!("@c"), json!("a@")] {
        assert_eq!(draft(body(bad)).unwrap_err().scim_type, Some("invalidValue"));
    }
}

#[test]
fn external_id_is_not_a_segment_that_leads_elsewhere() {
    let body = |id: &str| json!({ "externalId": id, "userName": "u", "displayName": "N", "emails": "a@x" });
    for id in [".", "..", ".search"] {
        assert_eq!(draft(body(id)).unwrap_err().scim_type, Some("invalidValue"), "{id}");
    }
    for id in ["...", "./", " .", ".search2", "search", ".well-known"] {
        assert_eq!(draft(body(id)).unwrap().external_id.as_deref(), Some(id));
    }
}

#[test]
fn one_of_several_primary_addresses_stays_primary() {
    let primaries = |emails: serde_json::Value| -> Vec<Option<bool>> {
        let body = json!({ "externalId": "x", "userName": "u", "displayName": "N", "emails": emails });
        draft(body).unwrap().sent.emails.iter().map(|email| email.primary).collect()
    };
    let email = |kind: &str, primary| json!({ "value": "a@x", "type": kind, "primary": primary });
    for (emails, expected) in [
        (json!([email("home", true), email("work", true)]), [Some(false), Some(true)]),
        (json!([email("home", true), email("other", true)]), [Some(true), Some(false)]),
        (json!([email("work", true), email("Work", true)]), [Some(true), Some(false)]),
        (json!([email("home", true), email("work", false)]), [Some(true), Some(false)]),
    ] {
        assert_eq!(primaries(emails), expected);
    }
}

#[test]
fn account_has_the_address_in_lower_case() {
    let emails = json!([{ "value": "First.\u{c9}a@Example.com", "type": "work" }]);
    let body = json!({ "externalId": "x", "userName": "u", "displayName": "N", "emails": emails });
    let new = draft(body).unwrap();
    assert_eq!(new.email, "first.\u{e9}a@example.com");
    assert_eq!(new.sent.emails[0].value, "First.\u{c9}a@Example.com");
}

#[test]
fn name_parts_follow_the_full_name_that_is_shown() {
    let shown = |formatted: Option<&str>, family: Option<&str>| {
        let mut user = user();
        user.sent.formatted = formatted.map(ToOwned::to_owned);
        user.sent.family_name = family.map(ToOwned::to_owned);
        (user.text(T::GivenName), user.text(T::FamilyName))
    };
    let pair = |given: &str, family: &str| (Some(given.to_owned()), Some(family.to_owned()));
    assert_eq!(shown(None, None), pair("Test", "User"));
    assert_eq!(shown(Some("Mia Old Maid"), None), pair("Mia Old", "Maid"));
    assert_eq!(shown(Some("Mia Old Maid"), Some("Sent")), pair("Mia Old", "Sent"));
    assert_eq!(shown(Some("Mia Old Maid"), Some("")), (Some("Mia Old".to_owned()), None));
    assert_eq!(shown(Some(""), None), (None, None), "no full name is shown");
}

#[test]
fn filter_finds_the_user_name_that_is_shown() {
    let mut user = user();
    user.sent.user_name = Some("Sent".to_owned());
    let holds = |name: &str, mutability| {
        let filter = format!("userName eq {name}").parse::<Filter>().unwrap();
        Condition::from_filter(&filter, "u").unwrap().holds(&user, mutability)
    };
    assert!(holds("SENT", Mutability::ReadWrite) && holds("sent", Mutability::Immutable));
    assert!(!holds("username", Mutability::ReadWrite) && holds("username", Mutability::Immutable));
}

#[test]
fn name_is_taken_from_the_first_attribute_with_a_value() {
    let body = |name: serde_json::Value| {
        let mut body = json!({ "externalId": "x", "userName": "u", "emails": "a@b" });
        body.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
        body
    };
    for (given, expected) in [
        (json!({ "name": { "formatted": "F", "givenName": "G" }, "displayName": "D" }), "F"),
        (json!({ "name": "{\"formatted\":\"Q\"}" }), "Q"),
        (json!({ "name.formatted": "Flat" }), "Flat"),
        (json!({ "name": { "givenName": "G", "familyName": "Y" }, "displayName": "D" }), "D"),
        (json!({ "name": { "givenName": "G", "familyName": "Y" } }), "G Y"),
    ] {
        assert_eq!(draft(body(given)).unwrap().name, expected);
    }
    assert_eq!(draft(body(json!({}))).unwrap().name, "u", "without any name, `userName` is the name");
    assert_eq!(draft(body(json!({ "displayName": "x".repeat(300) }))).unwrap().name.len(), 255);
}

fn holds(filter: &str) -> bool {
    let url = "https://h/Users";
    Condition::from_filter(&filter.parse::<Filter>().unwrap(), url)
        .map_err(|error| format!("{filter}: {error}"))
        .unwrap()
        .holds(&user(), Mutability::Immutable)
}

#[test]
fn conditions_hold_or_do_not() {
    for filter in [
        "USERNAME EQ \"USERNAME\"",
        "userName co \"ERN\"",
        "userName sw us",
        "userName ew me",
        "externalId pr",
        "active eq \"True\"",
        "active ne false",
        "meta.created gt \"2000-01-01T00:00:00Z\"",
        "title ne \"x\"",
        "meta.lastModified eq 2026-01-02T05:04:05.678000000+02:00",
        "not (title pr)",
        "title eq null",
        "id ne null",
        "emails[type eq \"work\"].value eq \"NAME@example.com\"",
        "emails co \"example\"",
        "emails.type eq WORK",
        "emails[primary eq true and not (type eq home)]",
        "emails ne \"other\"",
        "name pr",
        "meta pr",
        "name.familyName eq user",
        "name.givenName eq Test",
        "meta.resourceType eq \"User\"",
        "meta.location eq \"https://h/Users/test_uid\"",
        "meta.version eq \"W/\\\"1\\\"\"",
        "displayName co \"\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne x",
        "userName ge a",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"username\"",
        "schemas co core",
        "userName eq zz and active eq true or userName eq username",
    ] {
        assert!(holds(filter), "{filter}");
    }
    for filter in [
        "userName co \"%\"",
        "title pr",
        "title eq \"x\"",
        "userName ne username",
        "emails[type eq home]",
        "emails[type eq work and value eq other]",
        "meta.resourceType eq \"user\"",
        "displayName eq null",
        "meta.location eq \"https://h/Users/TEST_UID\"",
        "not (active eq true)",
        "emails.display pr",
        "userName gt z",
    ] {
        assert!(!holds(filter), "{filter}");
    }
    for filter in [
        "active gt true",
        "active co t",
        "fooBar eq x",
        "name.foo eq x",
        "active eq maybe",
        "meta.created gt x",
        "meta.created co 2",
        "emails.foo eq x",
        "emails[foo eq x]",
        "emails[emails.value eq x]",
        "name eq x",
        "userName[type eq x]",
        "emails.primary gt true",
        "meta.location sw h",
    ] {
        let error = Condition::from_filter(&filter.parse::<Filter>().unwrap(), "u").unwrap_err();
        assert_eq!(error.scim_type, Some("invalidFilter"), "{filter}");
    }
}
